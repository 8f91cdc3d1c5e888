"""Processes that escaped from their task, or outlived the cluster that ran it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

from sparkmesos_core.localcluster.process_end import has_ended, wait_for_end

_PATIENCE_SECONDS = 20.0


def end_orphans(folder: Path) -> int:
    """Kills all processes that have a sandbox below this folder in their environment; returns how many.

    Blocks until they are gone, but not for ever for one that the kernel does not let go.
    """
    below = str(folder) + os.sep
    killed = 0
    unkillable: set[int] = set()
    while orphans := [p for p in psutil.process_iter() if p.pid not in unkillable and _is_below(p, below)]:
        for orphan in orphans:
            with contextlib.suppress(psutil.Error):
                orphan.kill()
                killed += 1
        for orphan in orphans:  # they may have forked meanwhile, so look again
            if not wait_for_end(orphan.pid, _PATIENCE_SECONDS):
                unkillable.add(orphan.pid)
    return killed


def _is_below(process: psutil.Process, folder: str) -> bool:
    try:
        return process.environ().get("MESOS_SANDBOX", "").startswith(folder) and not has_ended(process.pid)
    except (psutil.Error, OSError):
        return False
