"""Waiting for what has to happen, however busy the machine is, but not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

Clock = Callable[[], float]
"""Seconds, without steps."""


class StuckError(Exception):
    """Something that has to happen does not; the text is what."""


@dataclass(frozen=True)
class Patience:
    """For how many seconds something is waited for."""

    quiet: float = 180.0
    """While nothing goes on."""
    most: float = 360.0
    """Though something goes on."""


class Deadline:
    """The end of a wait: it is put off whenever something has gone on, but not without end."""

    def __init__(
        self, patience: Patience, clock: Clock = time.monotonic, until: float = float("inf")
    ) -> None:
        """`until` is when all patience ends, by the clock."""
        self._patience = patience
        self._clock = clock
        self._progress: Hashable = None
        now = clock()
        self._end = now + patience.quiet
        self._most = min(now + patience.most, until)

    def is_over(self, progress: Hashable) -> bool:
        """Whether it is; `progress` is something else than before when something has gone on."""
        now = self._clock()
        if progress != self._progress:
            self._progress, self._end = progress, now + self._patience.quiet
        return now > min(self._end, self._most)


class Steady:
    """Whether something has stayed as it is, and as it should be, for so many seconds of looking at it."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._seen: Hashable = None
        self._since: float | None = None

    def holds(self, is_right: bool, seen: Hashable) -> bool:
        """Looks once more."""
        if not is_right:
            self._since = None
            return False
        now = self._clock()
        if self._since is None or seen != self._seen:
            self._since, self._seen = now, seen
        return now - self._since >= self._seconds
