"""Processes that escaped from their task, or outlived the cluster that ran it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

from sparkmesos_core.process_end import has_ended, wait_for_end

_PATIENCE_SECONDS = 20.0
_CONTAINER_PREFIX = "mesos-"


def end_orphans(folder: Path) -> int:
    """Kills all processes that have a sandbox below this folder in their environment; returns how many.

    If one is a docker CLI that waits for a container, that is removed, too. Blocks until they are gone, but
    not for ever for one that the kernel does not let go.
    """
    below = str(folder) + os.sep
    killed = 0
    unkillable: set[int] = set()
    while orphans := [p for p in psutil.process_iter() if p.pid not in unkillable and _is_below(p, below)]:
        for orphan in orphans:
            _remove_container(orphan)
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


def removal(command_line: Sequence[str]) -> list[str] | None:
    """How to remove the container that a `docker run` of an agent waits for; None if it is none."""
    if "run" not in command_line or "--name" not in command_line[:-1]:
        return None
    name = command_line[command_line.index("--name") + 1]
    if not name.startswith(_CONTAINER_PREFIX):
        return None
    return [*command_line[: command_line.index("run")], "rm", "--force", name]


def _remove_container(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error, OSError, subprocess.TimeoutExpired):
        if (argv := removal(process.cmdline())) is not None:
            subprocess.run(
                argv,
                env=process.environ(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_PATIENCE_SECONDS,
                check=False,
            )
