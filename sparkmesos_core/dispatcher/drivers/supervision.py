"""What the end of a task means for its driver: over, to be launched again, or never begun."""

from __future__ import annotations

from enum import Enum

from sparkmesos_core.dispatcher.drivers.driver import Driver, Outcome, State
from sparkmesos_core.durable_framework.task_status import TaskStatus

LOST_STATES = frozenset(
    (
        "TASK_LOST",
        "TASK_DROPPED",
        "TASK_UNREACHABLE",
        "TASK_GONE",
        "TASK_GONE_BY_OPERATOR",
        "TASK_UNKNOWN",
    )
)
"""Mesos does not know what has become of the task. Those of them that frameworks without PARTITION_AWARE get
are not final: TASK_LOST is followed by TASK_RUNNING when an unreachable agent comes back."""

_ENDED_STATES = LOST_STATES | {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR"}

_BEGUN_STATES = frozenset(
    ("TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED")
)
"""The agent has the task. TASK_STAGING is also said of what never arrived there."""

_AGENTS = ("SOURCE_AGENT", "SOURCE_SLAVE")

_DROPPED_BY_AGENTS = frozenset(
    (
        "REASON_AGENT_DRAINING",
        "REASON_AGENT_RESTARTED",
        "REASON_GC_ERROR",
        "REASON_RESOURCES_UNKNOWN",
    )
)

_DROPPED_BY_MASTERS = frozenset(
    (("REASON_AGENT_REMOVED", "Agent removed"), ("REASON_AGENT_DISCONNECTED", "Agent disconnected"))
)


class Verdict(Enum):
    """What is to be done with a launched driver after a status of its task."""

    GOES_ON = "goes on"
    NEVER_RAN = "never ran"
    """It is to be launched again as if nothing had happened."""
    RELAUNCH = "relaunch"
    """Its agent is being emptied: it is to be launched again at once, which is no failure of its own."""
    RETRY = "retry"
    """After a pause."""
    ENDS = "ends"


def has_ended(status: TaskStatus) -> bool:
    """Whether the task is over, as far as Mesos knows."""
    return status.state in _ENDED_STATES


def has_begun(status: TaskStatus) -> bool:
    """Whether this says that the agent got the task."""
    return status.state in _BEGUN_STATES


def outcome_of(driver: Driver, status: TaskStatus) -> Outcome:
    """How a driver whose task ended like this has ended, if that is its end.

    One that was to be killed was killed, however Mesos puts it, unless it was quicker and succeeded.
    """
    if status.state == "TASK_FINISHED":
        return Outcome.SUCCEEDED
    if driver.kill_requested or status.state == "TASK_KILLED":
        return Outcome.KILLED
    return Outcome.LOST if status.state in LOST_STATES else Outcome.FAILED


def judge(driver: Driver, status: TaskStatus) -> Verdict:
    """What a status of a launched driver's current task means for it."""
    if not has_ended(status):
        return Verdict.GOES_ON
    if status.state == "TASK_FINISHED" or driver.kill_requested:
        return Verdict.ENDS
    if _never_ran(driver, status):
        return Verdict.NEVER_RAN
    if not driver.submission.supervise:
        return Verdict.ENDS
    if _is_drained(status) and status.state in ("TASK_KILLED", "TASK_GONE_BY_OPERATOR"):
        return Verdict.RELAUNCH
    if status.state == "TASK_FAILED" or status.state in LOST_STATES:
        return Verdict.RETRY if has_retries(driver) else Verdict.ENDS
    return Verdict.ENDS


def was_dropped_by_agent(driver: Driver, status: TaskStatus) -> bool:
    """Whether the task of a launched driver never ran because its agent would not have it."""
    return status.source in _AGENTS and judge(driver, status) is Verdict.NEVER_RAN


def was_drained(driver: Driver) -> bool:
    """Whether the last task of a driver ended, or was dropped, because its agent is being emptied."""
    status = driver.status
    return status is not None and has_ended(status) and _is_drained(status)


def may_return(driver: Driver) -> bool:
    """Whether a driver that is not launched has lost its last task with an agent that may come back."""
    launch, status = driver.launch, driver.status
    return (
        driver.state in (State.RETRYING, State.FINISHED)
        and launch is not None
        and status is not None
        and status.task_id == launch.task_id
        and status.state in LOST_STATES
    )


def has_retries(driver: Driver) -> bool:
    """Whether a supervised driver may fail once more."""
    limit = driver.submission.max_retries
    return driver.submission.supervise and (limit is None or driver.retries < limit)


def next_wait(driver: Driver, longest: float) -> float:
    """Seconds until a driver that failed is launched again: 1, then twice the last one, up to the longest."""
    return min(longest, 2 * driver.wait if driver.wait else 1.0)


def given_up(driver: Driver, status: TaskStatus) -> str:
    """What is to be said of a supervised driver's end that was one failure too many; else nothing."""
    failed = outcome_of(driver, status) in (Outcome.FAILED, Outcome.LOST) and status.state != "TASK_ERROR"
    if not driver.submission.supervise or not failed or has_retries(driver):
        return ""
    times = "once" if driver.retries == 1 else f"{driver.retries} times"
    return f"Launched again {times} after a failure, and no more is allowed"


def _never_ran(driver: Driver, status: TaskStatus) -> bool:
    """Whether the task certainly was never begun, so that launching it again does not run it twice.

    Frameworks with the capability PARTITION_AWARE are told by TASK_DROPPED; the others get TASK_LOST, which
    can mean the opposite, too. So it takes one of the cases in which Mesos (1.12: master.cpp, slave.cpp) says
    of a task that never ran that it is lost.
    """
    if driver.launch is None or driver.launch.started:
        return False
    if status.state != "TASK_LOST":
        return status.state == "TASK_DROPPED"
    reason = _v1(status.reason)
    if reason == "REASON_INVALID_OFFERS":
        return True
    if reason == "REASON_RECONCILIATION":
        # The agent is there and does not know the task: the launch got lost on the way to it.
        return "unknown to the agent" in status.message
    if status.source in _AGENTS:
        return reason in _DROPPED_BY_AGENTS
    # What the master says when the agent went away between the offer and the launch. Of a task that was there
    # it says which agent it was, or how it was noticed.
    return (reason, status.message) in _DROPPED_BY_MASTERS


def _is_drained(status: TaskStatus) -> bool:
    return _v1(status.reason) == "REASON_AGENT_DRAINING"


def _v1(reason: str) -> str:
    return reason.replace("_SLAVE", "_AGENT")
