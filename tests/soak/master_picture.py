"""What a master tells of its cluster, and what operators tell it, in a run of chaos."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SECONDS = 10


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
    state = told(master_url, "/state")
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
    frameworks = told(master_url, "/state")["frameworks"]
    return [framework["id"] for framework in frameworks if framework["active"] or framework["tasks"]]


def told(master_url: str, path: str) -> Any:
    """What a master answers to a question of the HTTP endpoints. Raises OSError."""
    with urllib.request.urlopen(f"{master_url}{path}", timeout=_SECONDS) as answer:
        return json.loads(answer.read())


def ask(master_url: str, kind: str, fields: Mapping[str, Any]) -> None:
    """Make a call of the v1 operator API. Raises OSError if no master takes it, or that master refuses."""
    request = urllib.request.Request(
        f"{master_url}/api/v1",
        json.dumps({"type": kind, kind.lower(): fields}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_SECONDS):
        pass
