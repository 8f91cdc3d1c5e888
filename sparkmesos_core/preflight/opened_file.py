"""A file that is being read from where agents are to fetch it, and what its server tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class OpenedFile(Iterator[bytes]):
    """The pieces of a file, or of its beginning. None is what nobody tells."""

    pieces: Iterator[bytes]
    size: int | None = None
    """Bytes of the whole file."""
    changed_at: float | None = None
    """When it was last changed, in seconds since the epoch."""

    def __next__(self) -> bytes:
        return next(self.pieces)
