"""Starting a service of this machine again if its cleaner died, see `cleaner`."""

from __future__ import annotations

import time
from collections.abc import Callable

from sparkmesos_core.shuffle_service.cleaner import AGAIN, DEAD, STARTS, cleaner_lives
from sparkmesos_core.shuffle_service.on_this_machine.settings import ServiceSettings
from sparkmesos_core.shuffle_service.on_this_machine.thread_dump import thread_dump

_SECONDS = 10.0
_POLL_SECONDS = 0.1
_OFTEN_ENOUGH = 3
"""So many dumps in a row in which it waits for work: for a moment it might wait for a lock, too."""


class CleanerWatch:
    """What becomes of the cleaners of one service and those that are started in its place.

    The one for Spark 4 is ours, and its cleaner does not die.
    """

    def __init__(self, warn: Callable[[str], None], settings: ServiceSettings) -> None:
        self._warn = warn
        self._is_sparks = settings.bridge is None
        self._starts = 0

    def starts_again(self, pid: int) -> bool:
        """Whether this one, which answers, is to be replaced, for its cleaner died. It is said then, as it is
        if it is kept only since all before it did not fare better. One that cannot be asked is kept.
        """
        self._starts += 1
        if not self._is_sparks or not cleaner_has_died(pid):
            return False
        self._warn(DEAD if self._starts == STARTS else AGAIN)
        return self._starts < STARTS


def cleaner_has_died(pid: int) -> bool:
    """Whether the cleaner of a service that answers, whose JVM this is, is known to have died."""
    deadline = time.monotonic() + _SECONDS
    dead = 0
    while dead < _OFTEN_ENOUGH:
        dump = thread_dump(pid, max(deadline - time.monotonic(), _POLL_SECONDS))
        if dump is None or time.monotonic() > deadline:
            return False
        lives = cleaner_lives(dump)
        if lives:
            return False
        dead = dead + 1 if lives is False else 0
        time.sleep(_POLL_SECONDS)
    return True
