"""What the embedded master and its agents say to each other.

They share a process today, but only through these messages, which hold nothing but JSON values: a transport
can be put between them without touching either side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class AgentRegistration:
    """An agent offers itself to the master: where it listens, and what it has (texts as in Mesos' flags)."""

    hostname: str
    ip: str
    port: int
    resources: str
    attributes: str


@dataclass(frozen=True)
class RunTask:
    """Master to agent: run this task.

    `task` is the v1 TaskInfo; `role` is the one its resources are allocated to.
    """

    framework: JsonObject
    task: JsonObject
    role: str


@dataclass(frozen=True)
class KillTask:
    """Master to agent: end this task; `grace_seconds` overrides the task's own kill policy."""

    framework_id: str
    task_id: str
    grace_seconds: float | None


@dataclass(frozen=True)
class AcknowledgeUpdate:
    """Master to agent: the framework has seen this status update (`uuid` in base64)."""

    framework_id: str
    task_id: str
    uuid: str


@dataclass(frozen=True)
class UpdateFramework:
    """Master to agent: the framework's scheduler has come back, perhaps as another one.

    It may have missed what it has not acknowledged, so that is to be repeated at once.
    """

    framework: JsonObject


@dataclass(frozen=True)
class ShutdownFramework:
    """Master to agent: the framework is gone, end everything that runs for it."""

    framework_id: str


ToAgent = RunTask | KillTask | AcknowledgeUpdate | UpdateFramework | ShutdownFramework


@dataclass(frozen=True)
class StatusUpdate:
    """Agent to master: a v1 TaskStatus, repeated until it is acknowledged, and the task's state by now.

    The two differ while earlier updates are not acknowledged: the framework hears of every state in turn, but
    the master needs to know at once when a task has ended. If `waiting`, the status is not for the framework
    yet: it is sent again when its turn has come.
    """

    agent_id: str
    framework_id: str
    status: JsonObject
    latest_state: str
    waiting: bool = False
