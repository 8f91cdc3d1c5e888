"""How a driver's state is said to people, in one word and in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from sparkmesos_core.dispatcher.drivers.driver import Driver, State
from sparkmesos_core.durable_framework.task_status import TaskStatus
from sparkmesos_core.redaction import redact_text

_STARTING = frozenset({"TASK_STAGING", "TASK_STARTING"})
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True)
class Wording:
    """A driver's state."""

    word: str
    look: str
    """Which class of the style sheet it is shown with: good, bad, run or plain."""
    explanation: str
    """What is known beyond it; may be empty."""


def wording_of(driver: Driver) -> Wording:
    """What to say of a driver now."""
    match driver.state:
        case State.QUEUED:
            return Wording("queued", "plain", redact_text(driver.detail))
        case State.LAUNCHED:
            return _launched(driver)
        case State.RETRYING:
            return Wording("waits to be retried", "bad", _explanation(driver))
        case State.FINISHED:
            word = driver.outcome.value if driver.outcome is not None else "finished"
            look = {"succeeded": "good", "killed": "plain"}.get(word, "bad")
            return Wording(word, look, _explanation(driver))


def _launched(driver: Driver) -> Wording:
    status = current_status(driver)
    if driver.kill_requested:
        return Wording("being killed", "plain", "Mesos has been told, and has not answered yet")
    if status is None:
        return Wording("launching", "run", "Mesos has not said anything of it yet")
    if status.state in _STARTING:
        return Wording("starting", "run", redact_text(status.message))
    if status.state == "TASK_RUNNING":
        return Wording("running", "run", redact_text(status.message))
    return Wording(status.state.removeprefix("TASK_").lower(), "bad", redact_text(status.message))


def current_status(driver: Driver) -> TaskStatus | None:
    """What Mesos said of a driver's latest task; None if that is older, or nothing."""
    if driver.status is None or driver.launch is None or driver.status.task_id != driver.launch.task_id:
        return None
    return driver.status


def _explanation(driver: Driver) -> str:
    """Why a driver is not running any more: in our words if there are any, else in those of Mesos."""
    status = driver.status
    said = [driver.detail, "" if status is None else status.message]
    texts = [text.strip() for text in said if text.strip()]
    if not texts and status is not None and status.reason:
        texts = [status.reason.removeprefix("REASON_").replace("_", " ").lower()]
    return redact_text(". ".join(dict.fromkeys(texts)))


def duration_text(seconds: float) -> str:
    """A length of time in its two largest units: `7 s`, `3 min 20 s`, `5 h 3 min`, `12 d 4 h`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < 10 * _MINUTE:
        return _two(whole // _MINUTE, "min", whole % _MINUTE, "s")
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return _two(whole // _HOUR, "h", whole % _HOUR // _MINUTE, "min")
    return _two(whole // _DAY, "d", whole % _DAY // _HOUR, "h")


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


def memory_text(mebibytes: int) -> str:
    """An amount of memory: `384 MiB`, `1.4 GiB`."""
    return f"{mebibytes} MiB" if mebibytes < 1024 else f"{round(mebibytes / 1024, 1):g} GiB"
