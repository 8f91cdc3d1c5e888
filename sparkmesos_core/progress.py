"""How something that takes long says how far it is, without knowing who listens."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Protocol


class Progress(Protocol):
    """Told of one step after the other. `begin` and `end` are called from one thread, the others from any."""

    def begin(self, step: str, total: int | None) -> None:
        """A step begins, e.g. "Uploading"; `total` is its number of bytes, None if nobody knows."""

    def advance(self, count: int) -> None:
        """That many bytes more are done; negative for those that have to be done again."""

    def already(self, count: int) -> None:
        """That many bytes of the step, besides what `advance` tells, were done by an earlier run."""

    def end(self) -> None:
        """The step is over, well or not."""


class _Silent:
    def begin(self, step: str, total: int | None) -> None:
        pass

    def advance(self, count: int) -> None:
        pass

    def already(self, count: int) -> None:
        pass

    def end(self) -> None:
        pass


SILENT: Progress = _Silent()


class HeldProgress:
    """The progress of what goes on in another thread, which nobody hears of until somebody waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listener = SILENT
        self._step: tuple[str, int | None] | None = None
        self._done = 0

    def begin(self, step: str, total: int | None) -> None:
        """As `Progress` says."""
        with self._lock:
            self._step, self._done = (step, total), 0
            self._listener.begin(step, total)

    def advance(self, count: int) -> None:
        """As `Progress` says."""
        with self._lock:
            self._done += count
            self._listener.advance(count)

    def already(self, count: int) -> None:
        """As `Progress` says."""
        with self._lock:
            self._done += count
            self._listener.already(count)

    def end(self) -> None:
        """As `Progress` says."""
        with self._lock:
            self._step = None
            self._listener.end()

    @contextlib.contextmanager
    def told_to(self, listener: Progress) -> Iterator[None]:
        """Tell a listener meanwhile: of what is left of the step that goes on now, and of what follows.

        What was done before would make it seem faster than it is. A step that goes on in the end ends for the
        listener.
        """
        try:
            with self._lock:
                self._listener = listener
                if self._step is not None:
                    step, total = self._step
                    listener.begin(step, None if total is None else max(total - self._done, 0))
            yield
        finally:
            with self._lock:
                self._listener = SILENT
                if self._step is not None:
                    listener.end()
