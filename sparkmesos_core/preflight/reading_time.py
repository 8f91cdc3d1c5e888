"""How long reading may take."""

from __future__ import annotations

import time
from collections.abc import Iterator

from sparkmesos_core.preflight.reading_failures import NotKnownError

_SHORTEST_WAIT = 0.05


def seconds_left(deadline: float) -> float:
    """The seconds until a deadline of `time.monotonic`, as a time-out: never quite nothing."""
    return max(deadline - time.monotonic(), _SHORTEST_WAIT)


def until(deadline: float, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, as long as there is time; then NotKnownError."""
    for piece in pieces:
        if time.monotonic() > deadline:
            raise NotKnownError("it takes too long")
        yield piece
