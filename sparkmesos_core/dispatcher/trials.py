"""Trying again what nobody can do at the moment."""

from __future__ import annotations

import time
from collections.abc import Callable

from sparkmesos_core.errors import SparkMesosError

_PAUSE = 0.5
"""Seconds between two trials."""


class Trials:
    """So many seconds in which something is tried again and again; `on_wait` is told why when that begins."""

    def __init__(self, seconds: float, on_wait: Callable[[str], None]) -> None:
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._on_wait: Callable[[str], None] | None = on_wait

    def another_after(self, failure: SparkMesosError) -> bool:
        """Whether there is time for another one, which is due when this returns."""
        if time.monotonic() + _PAUSE >= self._deadline:
            return False
        if self._on_wait is not None:
            self._on_wait(f"{failure.message}; sending it again for up to {self._seconds:g} s")
            self._on_wait = None
        time.sleep(_PAUSE)
        return True
