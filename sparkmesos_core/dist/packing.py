"""Packing: a compressed tar, the same bytes from the same input, whoever packs it, when, on how many cores.

The tar is of GNU's kind, which every tar on an agent can read. Owners are nobody in particular, all times are
one and the same, permissions are those of programs or those of other files. The gzip header has no name and
no time. Only what ISA-L makes of a block may differ, between its releases and between kinds of processors.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Protocol, cast

from sparkmesos_core.dist.compression import GzipWriter
from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.errors import ArchiveError, UsageError
from sparkmesos_core.progress import SILENT, Progress
from sparkmesos_core.quoting import printable, quoted

TIME = 315532800
"""When everything in an archive was modified: 1980, the first year of zip, in seconds since the epoch."""

_PIECE_BYTES = 1 << 20
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LATEST_TIME = 8**11 - 1
"""The eleven octal digits of a tar's header."""
_PROGRAM, _DATA = 0o755, 0o644


def time_of_entries(environment: Mapping[str, str]) -> int:
    """The time for everything in an archive: SOURCE_DATE_EPOCH (reproducible-builds.org), else TIME.

    In seconds since the epoch. Raises UsageError if the variable is no number of seconds.
    """
    value = environment.get("SOURCE_DATE_EPOCH", "")
    if not value:
        return TIME
    if not (value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= _LATEST_TIME):
        raise UsageError(
            f"The environment variable SOURCE_DATE_EPOCH is not a number of seconds: {quoted(value)}",
            hint="It is the time of everything in the archive, in seconds since 1970; unset it if in doubt.",
        )
    return int(value)


def pack(
    entries: Sequence[Entry],
    top: str,
    target: Path,
    *,
    time: int = TIME,
    progress: Progress = SILENT,
    threads: int | None = None,
) -> None:
    """Writes `target`, a .tgz whose one top folder is `top`, with `entries` in it, in their order.

    It appears at once when it is complete, in the place of what may be there; after an error or an interrupt
    nothing is left. `time` is that of everything in it, in seconds since the epoch, `threads` how many
    compress (None: one for each core that this process may use). Memory does not grow with what is packed.
    Raises ArchiveError if a file cannot be read or changes meanwhile, or if there is no room for the archive.
    """
    progress.begin("Packing", sum(entry.size for entry in entries))
    try:
        with new_archive(target, time=time, threads=threads) as archive:
            archive.add(Entry(top, EntryKind.FOLDER, _PROGRAM))
            for entry in entries:
                inside = replace(entry, name=f"{top}/{entry.name}")
                if isinstance(entry.source, Path):
                    with _Source(entry.source, entry.size, progress) as source:
                        archive.add(inside, source)
                        source.require_unchanged()
                elif entry.source is not None:
                    archive.add(inside, io.BytesIO(entry.source))
                    progress.advance(entry.size)
                else:
                    archive.add(inside)
    finally:
        progress.end()


class Readable(Protocol):
    """Where the content of a file comes from."""

    def read(self, count: int, /) -> bytes:
        """So many bytes, unless it ends before."""


class ArchiveWriter:
    """An archive that is being written; `new_archive` makes them."""

    def __init__(self, compressed: GzipWriter, time: int) -> None:
        self._time = time
        self._tar = tarfile.TarFile(
            fileobj=cast("IO[bytes]", compressed),  # of which it uses no more than there is
            mode="w",
            format=tarfile.GNU_FORMAT,
            encoding="utf-8",
            errors="surrogateescape",
            copybufsize=_PIECE_BYTES,
        )

    def add(self, entry: Entry, content: Readable | None = None) -> None:
        """Adds an entry under its name, with `entry.size` bytes of `content` if it is a file.

        `entry.source` is not looked at. Of its mode only whether it is executable counts.
        """
        self._tar.addfile(_header(entry, self._time), cast("IO[bytes] | None", content))

    def close(self) -> None:
        """Writes the end. Not to be called after an error."""
        self._tar.close()


@contextmanager
def new_archive(target: Path, *, time: int = TIME, threads: int | None = None) -> Iterator[ArchiveWriter]:
    """A new .tgz, which takes the place of `target` when the block ends well and is gone when it does not.

    As `pack` says. An OSError in the block is taken for one of writing, so errors of reading must have become
    others. Raises ArchiveError if the archive cannot be written.
    """
    aside = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with aside.open("xb") as file, GzipWriter(file, threads) as compressed:
            archive = ArchiveWriter(compressed, time)
            yield archive
            archive.close()
        aside.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        # After a success it is gone already.
        aside.unlink(missing_ok=True)


def begins_as_packed(block: bytes) -> bool:
    """Whether a tar whose first block this is begins as those do that are written here."""
    try:
        found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    top = _header(Entry(found.name, EntryKind.FOLDER, _PROGRAM), int(found.mtime))
    return top.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") == block


_TYPES = {EntryKind.FILE: tarfile.REGTYPE, EntryKind.FOLDER: tarfile.DIRTYPE, EntryKind.LINK: tarfile.SYMTYPE}


def _header(entry: Entry, time: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(entry.name)
    header.type = _TYPES[entry.kind]
    header.mtime = time
    if entry.kind is EntryKind.FILE:
        header.size = entry.size
        header.mode = _PROGRAM if entry.executable else _DATA
    else:
        header.mode = 0o777 if entry.kind is EntryKind.LINK else _PROGRAM
        header.linkname = entry.target
    return header


class _Source:
    """A file that is packed. Its errors are not those of the archive, so they get their names here."""

    def __init__(self, path: Path, size: int, progress: Progress) -> None:
        self._path = path
        self._size = size
        self._progress = progress

    def __enter__(self) -> _Source:
        try:
            # A pipe that has taken the file's place must not stop us.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            self._file = os.fdopen(descriptor, "rb", buffering=0)
        except OSError as error:
            raise unreadable(self._path, error) from error
        self._before = os.fstat(descriptor)
        if not stat.S_ISREG(self._before.st_mode) or self._before.st_size != self._size:
            self._file.close()
            raise self._changed()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, count: int, /) -> bytes:
        try:
            content = self._file.read(count)
        except OSError as error:
            raise unreadable(self._path, error) from error
        if len(content) < count:
            # Reading a regular file falls short at its end only, which is too early here: see __enter__.
            raise self._changed()
        self._progress.advance(count)
        return content

    def require_unchanged(self) -> None:
        """Raises ArchiveError if somebody has written to the file while it was read."""
        now = os.fstat(self._file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns):
            raise self._changed()

    def _changed(self) -> ArchiveError:
        return ArchiveError(
            f"{printable(str(self._path))} changed while it was packed",
            hint="Wait until nobody writes there, or leave it out with --exclude, then pack again.",
        )


def unreadable(path: Path, error: OSError) -> ArchiveError:
    """What to say of something in a folder to be packed that cannot be read."""
    return ArchiveError(
        f"{printable(str(path))} cannot be read: {error.strerror or error}",
        hint="Make it readable, or leave it out with --exclude.",
    )


def _unwritable(target: Path, error: OSError) -> ArchiveError:
    if error.errno in _NO_ROOM:
        return ArchiveError(
            f"No room for {printable(target.name)} in {printable(str(target.parent))}: {error.strerror}",
            hint="Free some space, or name a folder with --work-dir or TMPDIR on a larger disk.",
        )
    return ArchiveError(
        f"{printable(target.name)} cannot be written in {printable(str(target.parent))}: "
        f"{error.strerror or error}",
        hint="Check the folder and its permissions, or name another one with --work-dir or TMPDIR.",
    )
