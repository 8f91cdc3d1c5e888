"""Durations in the text form of Mesos' flags and environment variables."""

from __future__ import annotations

_UNITS = (
    ("weeks", 7 * 24 * 3600 * 10**9),
    ("days", 24 * 3600 * 10**9),
    ("hrs", 3600 * 10**9),
    ("mins", 60 * 10**9),
    ("secs", 10**9),
    ("ms", 10**6),
    ("us", 10**3),
    ("ns", 1),
)


def duration_text(seconds: float) -> str:
    """`5secs`, `15mins`, `1500ms`, `0ns`.

    As in Mesos: in the largest unit that it reaches, or in the next smaller one if only that makes it whole.
    """
    nanoseconds = round(seconds * 1e9)
    for position, (name, size) in enumerate(_UNITS):
        if nanoseconds < size:
            continue
        if nanoseconds % size and position + 1 < len(_UNITS):
            smaller, smaller_size = _UNITS[position + 1]
            if nanoseconds % smaller_size == 0:
                return f"{nanoseconds // smaller_size}{smaller}"
        return f"{nanoseconds / size:.15g}{name}"
    return "0ns"
