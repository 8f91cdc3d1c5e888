"""What a durable framework is to do after an event, in the order of the list in which they come.

`Save`, `Forget` and `SaveFramework` of one list are written as one, and are on disk before any of the others
is done or anybody gets an answer: a launch that Mesos knows of is never unknown to the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.durable_framework.record import Record


@dataclass(frozen=True)
class Save:
    """Keep this record as it is now."""

    record: Record


@dataclass(frozen=True)
class Forget:
    """Remove a record from the store."""

    record_id: str


@dataclass(frozen=True)
class SaveFramework:
    """Keep the framework's id; None: forget it."""

    framework_id: str | None


@dataclass(frozen=True)
class LaunchTasks:
    """ACCEPT an offer with a LAUNCH of these tasks."""

    offer_id: str
    tasks: Sequence[Mapping[str, Any]]
    """v1 TaskInfos."""
    refuse_seconds: float
    """For what is left of the offer."""


@dataclass(frozen=True)
class Decline:
    """DECLINE these offers."""

    offer_ids: Sequence[str]
    refuse_seconds: float


@dataclass(frozen=True)
class KillTask:
    """KILL a task."""

    task_id: str
    agent_id: str


@dataclass(frozen=True)
class Reconcile:
    """RECONCILE these tasks (ids with their agents' ids); none: whatever Mesos knows of the framework."""

    tasks: Mapping[str, str]


@dataclass(frozen=True)
class Acknowledge:
    """ACKNOWLEDGE a status update that has a uuid."""

    task_id: str
    agent_id: str
    uuid: str


@dataclass(frozen=True)
class Revive:
    """REVIVE: offers are wanted, and filters are to be dropped."""


@dataclass(frozen=True)
class Suppress:
    """SUPPRESS: no offer is wanted."""


@dataclass(frozen=True)
class Teardown:
    """TEARDOWN: Mesos ends the framework and all its tasks, and forgets it."""


Action = (
    Save
    | Forget
    | SaveFramework
    | LaunchTasks
    | Decline
    | KillTask
    | Reconcile
    | Acknowledge
    | Revive
    | Suppress
    | Teardown
)
