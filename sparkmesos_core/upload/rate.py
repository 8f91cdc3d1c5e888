"""How fast a transfer is, how long it has to go, and how both are written. No clock: callers say the time."""

from __future__ import annotations

from collections import deque

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_FEWEST_SECONDS = 0.2


class Rate:
    """Bytes per second over the last seconds, from what is said to be done at which time."""

    def __init__(self, window: float = 10.0) -> None:
        """`window` is the number of seconds that are looked back on."""
        self._window = window
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, done: int) -> None:
        """At the time `now`, in seconds, `done` bytes were done in all."""
        if self._seen and done < self._seen[-1][1]:
            # Something has to be done again: what was lost says nothing of how fast it is sent.
            self._seen.clear()
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - self._window:
            self._seen.popleft()

    def per_second(self) -> float | None:
        """Bytes per second up to the last note; None as long as that is not known."""
        if not self._seen:
            return None
        (since, before), (now, done) = self._seen[0], self._seen[-1]
        return (done - before) / (now - since) if now - since >= _FEWEST_SECONDS else None


def seconds_left(remaining: int, per_second: float | None) -> float | None:
    """Seconds until so many bytes are done at this rate; None if nobody can know."""
    if remaining <= 0:
        return 0.0
    return remaining / per_second if per_second else None


def size_text(count: float) -> str:
    """Bytes for people, in powers of 1000 as networks and disks are sold: `312 MB`, `1.2 GB`."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 1 if unit and value < 9.95 else 0
    return f"{value:.{digits}f} {_UNITS[unit]}"


def rate_text(per_second: float) -> str:
    """A rate for people: `94 MB/s`."""
    return size_text(per_second) + "/s"


def duration_text(seconds: float) -> str:
    """A time for people, in two units at most: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(whole / 60), 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours / 24:.0f} days"
