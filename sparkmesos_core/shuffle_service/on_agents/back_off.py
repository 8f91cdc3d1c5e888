"""When a service that has ended is launched again: after 1 s, and twice as long each time it fails again."""

from __future__ import annotations

from dataclasses import dataclass

from sparkmesos_core.durable_framework.task_status import TaskStatus
from sparkmesos_core.shuffle_service.on_agents.limits import ServiceLimits
from sparkmesos_core.shuffle_service.on_agents.record import AgentService

SHORTEST = 1.0
LOOPING = 3
"""So many failures in a row are told as a crash loop."""

UNREACHABLE = "TASK_UNREACHABLE"
_ALIVE = frozenset(("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"))
_UNCERTAIN = frozenset(("TASK_LOST", "TASK_UNKNOWN"))
_FINAL = frozenset(("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR"))
_BEGUN = frozenset(("TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"))
_VOID_REASONS = frozenset(("REASON_INVALID_OFFERS", "REASON_RECONCILIATION", "REASON_AGENT_DISCONNECTED"))


@dataclass(frozen=True)
class BackOff:
    """What an end costs."""

    failures: int
    wait: float
    """Seconds."""


def is_alive(state: str) -> bool:
    """Whether a task in this state lives, or will."""
    return state in _ALIVE


def is_uncertain(state: str) -> bool:
    """Whether Mesos calls a task ended, and it may come back with its agent for all that.

    TASK_LOST is what agents and masters from before the partition-aware states say of it, TASK_UNKNOWN what
    a master says that knows neither the task nor its agent, such as after the agent was out of reach for so
    long that the master has forgotten it (`--registry_max_agent_age`).
    """
    return state in _UNCERTAIN


def may_return(service: AgentService) -> bool:
    """Whether the task of a service that has ended, as far as was told, may live for all that.

    What was told may be older than the agent's return. Once it is back its master says TASK_GONE, or in words
    that the agent does not know the task (`Master::reconcileTasks`).
    """
    return is_uncertain(service.state) and "unknown to the agent" not in service.message


def is_final(state: str) -> bool:
    """Whether whoever ran the task has seen its end; all others are what masters conclude."""
    return state in _FINAL


def back_off(service: AgentService, status: TaskStatus, now: float, limits: ServiceLimits) -> BackOff:
    """What the end of a service's current task costs, by the status that tells it."""
    if _never_began(service, status) or is_uncertain(status.state):
        return BackOff(service.failures, SHORTEST)
    failures = 1 if ran_for(service, now) >= limits.sound_seconds else service.failures + 1
    doubled = SHORTEST * 2.0 ** min(failures - 1, 60)
    return BackOff(failures, min(limits.longest_wait, doubled))


def ran_for(service: AgentService, now: float) -> float:
    """Seconds for which the current task is known to run; 0 if it does not, or the clock was set back."""
    return 0.0 if service.running_since is None else max(0.0, now - service.running_since)


def rests(service: AgentService, now: float) -> bool:
    """Whether a service that has ended still waits for its back-off."""
    until = service.not_before
    # Not if the end is too far away: then the clock was set back.
    return until is not None and now < until <= now + service.wait


def _never_began(service: AgentService, status: TaskStatus) -> bool:
    """Whether the launch did not get as far as the agent, which is no failure of the service.

    The offer was gone (REASON_INVALID_OFFERS), the agent was not connected, or this process ended between
    writing the launch and telling it, and then the master knows nothing of the task (TASK_GONE with
    REASON_RECONCILIATION, `Master::___reconcileTasks`).
    """
    if service.running_since is not None or service.state in _BEGUN:
        return False
    if status.state == "TASK_DROPPED":
        # An agent that drops all it is given must not get the same every second.
        return status.source not in ("SOURCE_AGENT", "SOURCE_SLAVE")
    return status.reason.replace("_SLAVE", "_AGENT") in _VOID_REASONS
