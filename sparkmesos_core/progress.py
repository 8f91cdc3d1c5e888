"""How something that takes long says how far it is, without knowing who listens."""

from __future__ import annotations

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
