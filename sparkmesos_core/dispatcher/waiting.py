"""Waiting for a driver to end: what is to be said meanwhile, and when to give up.

A dispatcher may be restarted while somebody waits for one of its drivers, and what it says of them can lag
behind a change of Mesos' master. So being without an answer is an end only if it lasts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from sparkmesos_core.dispatcher.client import RefusedError
from sparkmesos_core.dispatcher.messages import DriverStatus, Outcome
from sparkmesos_core.errors import DispatcherError, SparkMesosError, TimedOutError, UnreachableError

PATIENCE = 600.0
"""Seconds for which a dispatcher may give no answer."""
_FORGOTTEN_AFTER = 10.0
"""Seconds after which a dispatcher that says it knows no such driver is believed."""
_SHORTEST_PAUSE = 0.2
_LASTING = 3.0
"""Seconds after which it is told what keeps a driver from being launched: mostly that passes sooner."""
_RETELLING = 60.0
"""Seconds after which that is told again if only numbers in it have changed."""
LONGEST_PAUSE = 2.0
"""Seconds between two questions while nothing changes."""


class Asked(Protocol):
    """What can be asked for the status of a driver: a DispatcherClient."""

    def status(self, submission_id: str) -> DriverStatus:
        """Raises DispatcherError or UnreachableError."""


class Watch:
    """What has been seen of one driver so far. Does nothing itself; times are seconds of any one clock."""

    def __init__(self, submission_id: str, *, patience: float = PATIENCE) -> None:
        self._id = submission_id
        self._patience = patience
        self._said = ""
        self._silent_since: float | None = None
        self._unknown_since: float | None = None
        self._obstacle = _Lasting()
        self._mesos_problem = _Lasting()
        self.pause = _SHORTEST_PAUSE
        """Seconds to wait before the next question: more while nothing changes."""

    def answered(self, status: DriverStatus, now: float) -> str:
        """What there is to say now that the dispatcher has said this; empty if that is nothing new.

        Raises DispatcherError if it has not known the driver for long enough to be believed.
        """
        self._silent_since = None
        if status.outcome is Outcome.NOT_FOUND:
            self._unknown_since = now if self._unknown_since is None else self._unknown_since
            if now - self._unknown_since >= _FORGOTTEN_AFTER:
                raise DispatcherError(
                    f"The dispatcher knows no driver {self._id} any more: what became of it cannot be told",
                    hint="Spark's own dispatcher forgets all drivers when it is restarted without ZooKeeper.",
                )
            return self._new("the dispatcher does not know it; asking again")
        self._unknown_since = None
        line = self._new(description(status))
        if line:
            self._obstacle = _Lasting()
        return line

    def in_its_way(self, status: DriverStatus, now: float) -> Iterator[str]:
        """What there is to say of what keeps the driver from going on; nothing that passes quickly."""
        if status.outcome.has_ended:
            return
        problem, told = status.mesos_problem, self._mesos_problem.told
        if self._mesos_problem.seen(problem, "", now):
            yield without_mesos(problem)
        elif told and not problem:
            yield "the dispatcher is in touch with Mesos again"
        # Without Mesos it waits for nothing else.
        if self._obstacle.seen("" if problem else status.waits_for, status.cause, now):
            yield f"{status.outcome.value}: {_with_hint(status)}"

    def failed(self, error: SparkMesosError, now: float) -> str:
        """What there is to say after a question without an answer; empty if it was said before.

        Raises `error` if there has been none for too long, or if it is a refusal that no patience changes,
        such as that of a token.
        """
        if isinstance(error, RefusedError) and error.is_final:
            raise error
        self._silent_since = now if self._silent_since is None else self._silent_since
        if now - self._silent_since >= self._patience:
            raise error
        return self._new(f"{error.message}; asking again for up to {self._patience:g} s")

    def _new(self, text: str) -> str:
        if text == self._said:
            self.pause = min(self.pause * 1.5, LONGEST_PAUSE)
            return ""
        self._said = text
        self.pause = _SHORTEST_PAUSE
        return text


class _Lasting:
    """What is told if it lasts, and again if it becomes something else."""

    def __init__(self) -> None:
        self.told = ""
        self._kind = ""
        self._told_at = 0.0
        self._since: float | None = None

    def seen(self, text: str, kind: str, now: float) -> str:
        """What is to be told now that this is so; empty text: nothing is. `kind` is the same while the text
        says the same with other numbers."""
        if not text:
            self.told, self._since = "", None
            return ""
        self._since = now if self._since is None else self._since
        due = self._since + _LASTING
        if self.told:
            due = self._told_at + (_RETELLING if kind == self._kind else 0)
        if text == self.told or now < due:
            return ""
        self.told, self._kind, self._told_at = text, kind, now
        return text


def _with_hint(status: DriverStatus) -> str:
    return f"{status.waits_for}. {status.what_to_do}" if status.what_to_do else status.waits_for


def without_mesos(problem: str) -> str:
    """What to warn of when a dispatcher has no subscription, for this reason."""
    return f"the dispatcher is not in touch with Mesos now: {problem}"


def description(status: DriverStatus) -> str:
    """The state of a driver in one line: the word for it, then what Mesos or the dispatcher say of it."""
    outcome = status.outcome
    details = [status.text("detail")]
    if outcome not in (Outcome.QUEUED, Outcome.NOT_FOUND):
        details += [status.task_state, status.task_message]
        if outcome is not Outcome.SUCCEEDED and status.reason:
            details.append(status.reason)
    told = ", ".join(dict.fromkeys(" ".join(detail.split()) for detail in details if detail.strip()))
    return f"{outcome.value}: {told}" if told else outcome.value


def wait_for_end(
    client: Asked,
    submission_id: str,
    *,
    tell: Callable[[str], None],
    warn: Callable[[str], None] | None = None,
    timeout: float | None = None,
    patience: float = PATIENCE,
    meanwhile: Callable[[DriverStatus], None] | None = None,
    longest_pause: float = LONGEST_PAUSE,
    is_known: bool = True,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> DriverStatus:
    """Asks until the driver has ended, and returns its last status.

    `tell` gets a line whenever something changes; `warn`, or `tell` if there is none, one about questions
    without an answer, and about what keeps the driver from being launched for some time.
    `meanwhile` gets each status; there are at most `longest_pause` seconds between two questions. Raises
    TimedOutError when it has not ended after `timeout` seconds, and the last error when there has been no
    answer for `patience` seconds, or a refusal. `is_known` is false for an id that somebody typed: if the
    first answer is that there is no such driver, that status is returned at once.
    """
    deadline = None if timeout is None else clock() + timeout
    watch = Watch(submission_id, patience=patience)
    while True:
        status: DriverStatus | None = None
        try:
            status = client.status(submission_id)
        except (DispatcherError, UnreachableError) as error:
            line, say = watch.failed(error, clock()), warn or tell
        else:
            if status.outcome is Outcome.NOT_FOUND and not is_known:
                return status
            is_known = True
            line, say = watch.answered(status, clock()), tell
        ended = status is not None and status.outcome.has_ended
        if status is not None and ended and meanwhile is not None:
            meanwhile(status)  # the last words of a driver come before what has become of it
        if line:
            say(line)
        if status is not None:
            if ended:
                return status
            for notice in watch.in_its_way(status, clock()):
                (warn or tell)(notice)
            if meanwhile is not None:
                meanwhile(status)
        pause = min(watch.pause, longest_pause)
        if deadline is not None:
            left = deadline - clock()
            if left <= 0:
                raise TimedOutError(
                    f"{submission_id} has not ended within {timeout:g} s", hint="It goes on in the cluster."
                )
            pause = min(pause, left)
        sleep(pause)
