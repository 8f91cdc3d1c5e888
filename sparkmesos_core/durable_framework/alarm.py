"""A call at a time that may change until it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_LONGEST_SLEEP = 60.0
"""Seconds: the clock may be set meanwhile."""


class Alarm:
    """Calls at a time of a clock, or some time before that. Lives in one event loop."""

    def __init__(self, call: Callable[[], None], clock: Callable[[], float]) -> None:
        """`clock` gives seconds since 1970, as all times here are."""
        self._call = call
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0

    def set(self, due: float | None) -> None:
        """Call then, and not when it was set before; None: never."""
        if due is None:
            self.drop()
            return
        if self._timer is not None:
            if self._at == due:
                return
            self._timer.cancel()
        self._at = due
        pause = min(max(due - self._clock(), 0.0), _LONGEST_SLEEP)
        self._timer = asyncio.get_running_loop().call_later(pause, self._ring)

    def drop(self) -> None:
        """Call no more, until it is set again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._call()
