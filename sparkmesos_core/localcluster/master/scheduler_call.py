"""Calls of the v1 scheduler API as values; `scheduler_call_parsing` makes them from JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Subscribe:
    """SUBSCRIBE: `framework_id` is None for a new framework."""

    framework_id: str | None
    info: JsonObject
    suppressed_roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Accept:
    """ACCEPT: use these offers for these operations; what is left is refused for some seconds."""

    framework_id: str
    offer_ids: tuple[str, ...]
    operations: tuple[JsonObject, ...]
    refuse_seconds: float


@dataclass(frozen=True)
class Decline:
    """DECLINE: do not offer these again for some seconds."""

    framework_id: str
    offer_ids: tuple[str, ...]
    refuse_seconds: float


@dataclass(frozen=True)
class AnswerInverse:
    """ACCEPT_INVERSE_OFFERS and DECLINE_INVERSE_OFFERS: whether these agents are left."""

    framework_id: str
    offer_ids: tuple[str, ...]
    accepts: bool
    refuse_seconds: float


@dataclass(frozen=True)
class Revive:
    """REVIVE: forget filters and suppression, of all roles if none is named."""

    framework_id: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Suppress:
    """SUPPRESS: no offers until REVIVE, for all roles if none is named."""

    framework_id: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Kill:
    """KILL: `grace_seconds` is that of the call's kill policy, if it has one."""

    framework_id: str
    task_id: str
    agent_id: str | None
    grace_seconds: float | None


@dataclass(frozen=True)
class Acknowledge:
    """ACKNOWLEDGE: a status update was seen."""

    framework_id: str
    agent_id: str
    task_id: str
    uuid: str


@dataclass(frozen=True)
class Reconcile:
    """RECONCILE: tell me the state of these (task id, agent id or None); of all if none is named."""

    framework_id: str
    tasks: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Teardown:
    """TEARDOWN: the framework ends, and all its tasks with it."""

    framework_id: str


@dataclass(frozen=True)
class Message:
    """MESSAGE: a message to a custom executor; `data` in base64."""

    framework_id: str
    agent_id: str
    executor_id: str
    data: str


@dataclass(frozen=True)
class Shutdown:
    """SHUTDOWN: end a custom executor with all its tasks."""

    framework_id: str
    agent_id: str
    executor_id: str


@dataclass(frozen=True)
class WithoutEffect:
    """A call that Mesos' allocator accepts and does nothing about."""

    framework_id: str


Call = (
    Subscribe
    | Accept
    | Decline
    | AnswerInverse
    | Revive
    | Suppress
    | Kill
    | Acknowledge
    | Reconcile
    | Message
    | Shutdown
    | Teardown
    | WithoutEffect
)
