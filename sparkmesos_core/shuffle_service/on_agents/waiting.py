"""Waiting until every agent has a service that answers, by asking for the status again and again."""

from __future__ import annotations

import time
from collections.abc import Callable

from sparkmesos_core.errors import DaemonError, TimedOutError, UnreachableError
from sparkmesos_core.shuffle_service.on_agents.client import NotNowError
from sparkmesos_core.shuffle_service.on_agents.status import ServicesStatus, missing

PAUSE = 1.0
"""Seconds between two questions: for so long a process does not put its status together anew."""
_MOST_MISSING = 20
"""How many agents an error names: a cluster may have thousands, and they lack much the same."""


class IncompleteError(TimedOutError):
    """Agents without a service that answers were left when the time was over."""

    def __init__(self, message: str, status: ServicesStatus | None, *, hint: str = "") -> None:
        """`status` is what was told last; None if nothing was."""
        super().__init__(message, hint=hint)
        self.status = status


def wait_until_complete(
    read: Callable[[], ServicesStatus],
    timeout: float,
    tell: Callable[[ServicesStatus], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> ServicesStatus:
    """The first status that is complete (`ServicesStatus.is_complete`); `tell` gets each on the way.

    `read` asks for it, and raises what `ServicesClient.status` does. `timeout` is in seconds, after which
    nothing more is asked: a question that has been asked is waited for. At least one is.

    Raises IncompleteError after that time, with the agents that lack one, and why; DaemonError if all
    services are being stopped for good, and what `read` raises: of UnreachableError only what comes before
    the first answer, and is not NotNowError. Processes are started again, and others take their place.
    """
    deadline = clock() + timeout
    last: ServicesStatus | None = None
    while True:
        silence = ""
        try:
            last = read()
        except UnreachableError as error:
            if last is None and not isinstance(error, NotNowError):
                raise
            silence = error.message
        else:
            tell(last)
            if last.is_complete:
                return last
            if last.stopping and not last.begins_anew:
                raise DaemonError(
                    "All services are being stopped, which is not what is waited for",
                    hint="Start them again when they have ended.",
                )
        left = deadline - clock()
        if left <= 0:
            raise _incomplete(last, silence, timeout)
        sleep(min(PAUSE, left))


def _incomplete(status: ServicesStatus | None, silence: str, timeout: float) -> IncompleteError:
    lacking = [] if status is None else missing(status)
    shown = [f"  {line}" for line in lacking[:_MOST_MISSING]]
    if len(lacking) > _MOST_MISSING:
        shown.append(f"  and {len(lacking) - _MOST_MISSING} more")
    if silence:
        shown.append(f"  it is not known how they are now: {silence}")
    message = f"Not every agent has a shuffle service that answers after {timeout:g} s:"
    hint = (
        "Look at the log of the process; start it again if it has ended."
        if silence
        else "Services are launched all the same, as agents offer room: --status tells of them."
    )
    return IncompleteError("\n".join([message, *shown]), status, hint=hint)
