"""What the beginning of an archive of Spark tells of the folder that Spark is in.

Executors are started by `cd BASE*; ./bin/spark-class …` in the sandbox that the archive was unpacked in
(`MesosCoarseGrainedSchedulerBackend.createCommand`, `MesosSchedulerBackend.createExecutorInfo`).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import IO, cast

from sparkmesos_core.dist.facts import segments_of
from sparkmesos_core.dist.names import executor_prefix, leads_there

MOST_BYTES = 1 << 20
"""So much of an archive is looked at, packed."""

_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
_MOST_ENTRIES = 500
_NAME = re.compile(r"spark-\d+\.\d+\.")
# What is in every Spark, and at the top of hardly anything else: a JDK has bin/ and conf/, too.
_OF_SPARK = (
    *(("RELEASE",), ("jars",), ("kubernetes",), ("yarn",)),
    *(("bin", "spark-class"), ("bin", "spark-submit"), ("bin", "pyspark"), ("bin", "load-spark-env.sh")),
    *(("python", "pyspark"), ("python", "lib"), ("R", "lib")),
)
_TO_PROGRAMS: tuple[tuple[str, ...], ...] = ((), ("bin",))
"""What may be a link to where Spark's programs are, in its folder."""


class Layout(Enum):
    """Whether executors find Spark."""

    FINE = auto()
    """There is a folder that BASE* matches, or Spark is at the top, where a failed `cd` stays."""
    OTHER_FOLDER = auto()
    """Spark is in a folder of another name."""
    BEHIND_ARCHIVE = auto()
    """BASE* matches the archive itself before the folder, so that there is no way into it."""
    NO_FOLDER = auto()
    """No folder that BASE* matches, in all of the archive or in what was looked at of it."""
    NO_SPARK = auto()
    """BASE* matches a folder, but nothing of Spark is in it, nor anywhere else in all of the archive."""
    NO_ARCHIVE = auto()
    """It cannot be unpacked."""
    UNKNOWN = auto()
    """Too little of it was seen."""


@dataclass(frozen=True)
class Beginning:
    """What was found out."""

    layout: Layout
    folder: str = ""
    """The folder that it is about, if there is one."""
    start: bytes = field(default=b"", compare=False)
    """What it begins with, if it is no archive."""
    whole: bool = False
    """Whether there is no such folder in all of the archive, rather than in what was seen of it."""


class _EnoughError(Exception):
    """As much was read as is to be read."""


class _Limited:
    """The pieces as a file, which ends with `_EnoughError` after MOST_BYTES."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""
        self._taken = 0
        self.start = b""
        self.failed = False
        """Whether the pieces did, rather than what is made of them."""

    def peek(self, size: int) -> bytes:
        self._held = self.read(size) + self._held
        return self._held[:size]

    def read(self, size: int = -1) -> bytes:
        while 0 <= len(self._held) < size:
            if self._taken >= MOST_BYTES:
                raise _EnoughError
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


def look_at(pieces: Iterator[bytes], name: str, *, cached: bool) -> Beginning:
    """What the first MOST_BYTES of a tar archive tell, which is called `name` in the sandbox.

    `cached` says that Mesos keeps archives in its cache, out of sandboxes. Raises what `pieces` raises.
    """
    base = executor_prefix(name)
    file = _Limited(pieces)
    seen: list[tuple[str, ...]] = []
    reached, behind = "", ""
    whole = False
    try:
        for path, entry in _entries(file):
            seen.append(path)
            if path[0].startswith(base) and not (entry.isfile() and len(path) == 1):
                if not cached and not leads_there(name, path[0]):
                    behind = path[0]
                elif _is_of_spark(path[1:]) or (entry.issym() and path[1:] in _TO_PROGRAMS):
                    return Beginning(Layout.FINE, path[0])
                else:
                    reached = reached or path[0]
            if len(seen) == _MOST_ENTRIES:
                break
        else:
            whole = True
    except _EnoughError:
        pass
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError):
        if file.failed:
            raise
        if not seen:
            return Beginning(Layout.NO_ARCHIVE, start=file.start)
    if reached:
        return _judged_by(reached, seen) if whole else Beginning(Layout.FINE, reached)
    if behind:
        return Beginning(Layout.BEHIND_ARCHIVE, behind)
    return _judged(seen, whole)


def _entries(file: _Limited) -> Iterator[tuple[tuple[str, ...], tarfile.TarInfo]]:
    """The entries, each with its path. Nothing is unpacked, so no path can do any harm."""
    with tarfile.open(fileobj=_unpacked(file), mode="r|") as archive:
        while (entry := archive.next()) is not None:
            if path := segments_of(entry.name):
                yield path, entry


def _unpacked(file: _Limited) -> IO[bytes]:
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


def _judged(seen: list[tuple[str, ...]], whole: bool) -> Beginning:
    """What archives are that hold no folder for BASE*."""
    if not seen:
        return Beginning(Layout.NO_ARCHIVE if whole else Layout.UNKNOWN)
    if any(map(_is_of_spark, seen)):
        return Beginning(Layout.FINE)
    if folder := next((path[0] for path in seen if _is_spark(path)), None):
        return Beginning(Layout.OTHER_FOLDER, folder)
    return Beginning(Layout.NO_FOLDER, seen[0][0], whole=whole)


def _judged_by(reached: str, seen: list[tuple[str, ...]]) -> Beginning:
    """What archives are, seen in whole, that hold nothing of Spark in the folder that executors reach."""
    if any(map(_is_of_spark, seen)):
        return Beginning(Layout.UNKNOWN)
    if folder := next((path[0] for path in seen if _is_of_spark(path[1:])), None):
        return Beginning(Layout.OTHER_FOLDER, folder)
    return Beginning(Layout.NO_SPARK, reached)


def _is_spark(path: tuple[str, ...]) -> bool:
    """Whether the top folder of a path is that of a Spark, by its name or by what is in it."""
    return _NAME.match(path[0]) is not None or _is_of_spark(path[1:])


def _is_of_spark(path: tuple[str, ...]) -> bool:
    return any(path[: len(part)] == part for part in _OF_SPARK)
