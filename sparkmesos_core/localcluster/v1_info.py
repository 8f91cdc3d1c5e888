"""What FrameworkInfo, KillPolicy and TaskState of the v1 API say."""

from __future__ import annotations

from typing import Any

from sparkmesos_core.mesos.resources import ANY_ROLE

JsonObject = dict[str, Any]

TERMINAL_STATES = frozenset(
    {
        "TASK_FINISHED",
        "TASK_FAILED",
        "TASK_KILLED",
        "TASK_ERROR",
        "TASK_LOST",
        "TASK_DROPPED",
        "TASK_GONE",
        "TASK_GONE_BY_OPERATOR",
    }
)
"""The states that end a task, as Mesos counts them: TASK_UNREACHABLE does not."""


def capabilities(info: JsonObject) -> frozenset[str]:
    """The names of a FrameworkInfo's capabilities."""
    return frozenset(str(capability.get("type")) for capability in info.get("capabilities", []))


def framework_roles(info: JsonObject) -> tuple[str, ...]:
    """The roles that a framework is offered resources in."""
    if "MULTI_ROLE" in capabilities(info):
        return tuple(info.get("roles", []))
    return (info.get("role", ANY_ROLE),)


def grace_seconds(kill_policy: Any) -> float | None:
    """The grace period of a v1 KillPolicy in seconds, None if it names none.

    KeyError, TypeError, ValueError or OverflowError if malformed.
    """
    if kill_policy is None:
        return None
    period = _object(kill_policy, "kill_policy").get("grace_period")
    if period is None:
        return None
    return int(_object(period, "grace_period")["nanoseconds"]) / 1e9


def _object(value: Any, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"{where} is not an object")
    return value
