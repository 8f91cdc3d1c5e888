"""What Mesos says of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """What Mesos said of a task last: the fields of a v1 TaskStatus."""

    task_id: str
    state: str
    """`TASK_RUNNING` and so on."""
    agent_id: str = ""
    message: str = ""
    reason: str = ""
    """`REASON_…`, may be empty."""
    source: str = ""
    """`SOURCE_…`, may be empty."""
    timestamp: float = 0.0
    """Seconds since 1970, by the clock of whoever said it."""
    uuid: str = ""
    """Base64; empty for what needs no acknowledgement."""
    container_id: str = ""

    @classmethod
    def from_mesos(cls, status: Mapping[str, Any]) -> TaskStatus:
        """From the `status` of an UPDATE event."""
        container = status.get("container_status", {}).get("container_id", {})
        return cls(
            task_id=status["task_id"]["value"],
            state=status["state"],
            agent_id=status.get("agent_id", {}).get("value", ""),
            message=status.get("message", ""),
            reason=status.get("reason", ""),
            source=status.get("source", ""),
            timestamp=float(status.get("timestamp", 0.0)),
            uuid=status.get("uuid", ""),
            container_id=container.get("value", ""),
        )
