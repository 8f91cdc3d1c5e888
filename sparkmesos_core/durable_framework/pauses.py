"""How long to wait before something that has failed is tried again. No I/O, no clock."""

from __future__ import annotations

FIRST_PAUSE = 1.0
"""Seconds; each further pause is twice as long."""
LONGEST_PAUSE = 30.0
_SOUND_SECONDS = 60.0
"""Seconds for which it has to have gone well, so that a failure is the first one again."""


class Pauses:
    """The pauses between the trials of one thing. Times are those of one clock, in seconds."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE
        self._well_since = 0.0

    def went_well(self, now: float) -> None:
        """A trial has succeeded."""
        self._well_since = now

    def failed(self, now: float) -> None:
        """What had succeeded has failed."""
        if now - self._well_since > _SOUND_SECONDS:
            self._next = FIRST_PAUSE

    def take(self) -> float:
        """Seconds until the next trial."""
        pause, self._next = self._next, min(2 * self._next, LONGEST_PAUSE)
        return pause
