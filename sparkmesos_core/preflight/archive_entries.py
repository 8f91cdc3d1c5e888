"""The entries at the beginning of a tar archive, as they come out of its pieces."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from sparkmesos_core.dist.facts import segments_of

MOST_BYTES = 1 << 20
"""So much of an archive is looked at, packed."""
DAMAGES = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)
"""What is raised where an archive is cut off, damaged, or none."""

_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"


class EnoughError(Exception):
    """As much was read as is to be read."""


class LimitedFile:
    """The pieces as a file, which ends with `EnoughError` after MOST_BYTES."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""
        self._taken = 0
        self.start = b""
        self.failed = False
        """Whether the pieces did, rather than what is made of them."""

    def peek(self, size: int) -> bytes:
        """What `read` would return, which it still will."""
        self._held = self.read(size) + self._held
        return self._held[:size]

    def read(self, size: int = -1) -> bytes:
        """The next bytes, fewer at the end only."""
        while 0 <= len(self._held) < size:
            if self._taken >= MOST_BYTES:
                raise EnoughError
            try:
                piece = next(self._pieces, b"")
            except Exception:
                self.failed = True
                raise
            if not piece:
                break
            self.start = self.start or piece[:512]
            self._taken += len(piece)
            self._held += piece
        taken, self._held = self._held[:size], self._held[size:]
        return taken


Path = tuple[str, ...]
"""The segments of an entry's path."""


@contextmanager
def opened(file: LimitedFile) -> Iterator[tarfile.TarFile]:
    """The archive that begins in a file, to be read once from its beginning."""
    with tarfile.open(fileobj=_unpacked(file), mode="r|") as archive:
        yield archive


def entries_of(archive: tarfile.TarFile) -> Iterator[tuple[Path, tarfile.TarInfo]]:
    """The entries, each with its path. Nothing is unpacked, so no path can do any harm."""
    while (entry := archive.next()) is not None:
        if path := segments_of(entry.name):
            yield path, entry


def _unpacked(file: LimitedFile) -> IO[bytes]:
    """What is packed in a file.

    tarfile itself would stop at the first of several parts, as bgzip and pbzip2 make them, and what follows
    would seem not to be there.
    """
    packed = cast("IO[bytes]", file)
    start = file.peek(len(_XZ))
    if start.startswith(_GZIP):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=packed, mode="rb"))
    if start.startswith(_BZIP2):
        return cast("IO[bytes]", bz2.BZ2File(packed))
    if start.startswith(_XZ):
        return cast("IO[bytes]", lzma.LZMAFile(packed))
    return packed
