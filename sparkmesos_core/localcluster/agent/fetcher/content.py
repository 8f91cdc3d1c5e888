"""What a server sends, and writing it to a file."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.localcluster.agent.fetcher.errors import FetchCancelled, FetchError

PIECE_BYTES = 1 << 16


@dataclass(frozen=True)
class Content:
    """The bytes of a resource as they come, and how many there will be if that is known."""

    pieces: Iterable[bytes]
    size: int | None


def write_content(content: Content, target: Path, cancelled: threading.Event) -> None:
    """Write it all. Raises FetchError if it ends early, FetchCancelled if the event is set meanwhile.

    Errors in getting the pieces are passed on.
    """
    written = 0
    with _writing(target):
        # The mode is that of the files which Mesos downloads.
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "wb", buffering=0) as writer:
        for piece in content.pieces:
            if cancelled.is_set():
                raise FetchCancelled
            with _writing(target):
                _write_whole(writer.fileno(), piece)
            written += len(piece)
    if cancelled.is_set():
        raise FetchCancelled
    if content.size is not None and written != content.size:
        raise FetchError(
            f"Error downloading resource: the download ended after {written} of {content.size} bytes"
        )


def _write_whole(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Keeps errors of our own disk apart from those of the network."""
    try:
        yield
    except OSError as error:
        raise FetchError(f"cannot write to '{target.parent}': {error.strerror}") from None
