"""What a run of chaos around shuffle services finds in what others tell: a master, and logs."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence

_FAULTS = ("Traceback", "an error that should not be")


def frameworks_at(master_url: str) -> Sequence[str]:
    """The ids of the frameworks that a master has, and that are connected or have tasks.

    There may be others: one whose process was killed before it had heard of the id that the master gave it,
    or one that has ended, and of which agents told a new master.
    """
    with urllib.request.urlopen(f"{master_url}/state", timeout=10) as answer:
        told = json.loads(answer.read())["frameworks"]
    return [framework["id"] for framework in told if framework["active"] or framework["tasks"]]


def tracebacks(name: str, log: str) -> Sequence[str]:
    """What the log of somebody tells of faults of ours."""
    return [f"the log of {name}: {log[log.index(word) :][:3000]}" for word in _FAULTS if word in log]
