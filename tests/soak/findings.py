"""What a run of chaos finds in what others tell: a master, and logs."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_FAULTS = ("Traceback", "an error that should not be")
_FAULTS_OF_DRIVERS = ("The scheduler backend failed", 'Exception in thread "')


@dataclass(frozen=True)
class Picture:
    """What a master has."""

    agents: int
    running: frozenset[str]
    """The tasks that run, by their ids."""
    used_cores: float
    offered_cores: float


def picture(master_url: str) -> Picture:
    """What a master that leads tells of its cluster now. Raises OSError if it does not answer."""
    state = _state(master_url)
    tasks = (task for framework in state["frameworks"] for task in framework["tasks"])
    return Picture(
        agents=sum(agent["active"] for agent in state["slaves"]),
        running=frozenset(task["id"] for task in tasks if task["state"] == "TASK_RUNNING"),
        used_cores=sum(agent["used_resources"]["cpus"] for agent in state["slaves"]),
        offered_cores=sum(agent["offered_resources"]["cpus"] for agent in state["slaves"]),
    )


def frameworks_at(master_url: str) -> Sequence[str]:
    """The ids of the frameworks that a master has, and that are connected or have tasks.

    There may be others: one whose process was killed before it had heard of the id that the master gave it,
    or one that has ended, and of which agents told a new master.
    """
    frameworks = _state(master_url)["frameworks"]
    return [framework["id"] for framework in frameworks if framework["active"] or framework["tasks"]]


def tracebacks(name: str, log: str) -> Sequence[str]:
    """What the log of somebody tells of faults of ours."""
    return _found(name, log, _FAULTS)


def faults_of_driver(log: str) -> Sequence[str]:
    """The same for the log of a Spark driver."""
    return _found("the driver", log, _FAULTS_OF_DRIVERS)


def _found(name: str, log: str, words: Sequence[str]) -> Sequence[str]:
    return [f"the log of {name}: {log[log.index(word) :][:3000]}" for word in words if word in log]


def _state(master_url: str) -> Any:
    with urllib.request.urlopen(f"{master_url}/state", timeout=10) as answer:
        return json.loads(answer.read())
