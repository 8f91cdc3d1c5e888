"""Reading tar archives in one pass and constant memory, and refusing those that an agent would refuse."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sparkmesos_core.dist.decompression import UnpackedStream
from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.errors import ArchiveError
from sparkmesos_core.progress import SILENT, Progress
from sparkmesos_core.quoting import printable, quoted

MAX_ENTRIES = 500_000
"""A hundred times what a Spark has."""

_BLOCK = 512
_MAX_HEADER_BYTES = 1 << 20
_MAX_WANTED_BYTES = 1 << 20
_MAX_NAME_BYTES = 4096
"""Linux takes no longer path (PATH_MAX); this keeps what is held of an archive small."""
_KINDS = {
    tarfile.REGTYPE: EntryKind.FILE,
    tarfile.AREGTYPE: EntryKind.FILE,
    tarfile.CONTTYPE: EntryKind.FILE,
    tarfile.DIRTYPE: EntryKind.FOLDER,
    tarfile.SYMTYPE: EntryKind.LINK,
    tarfile.LNKTYPE: EntryKind.OTHER,
    tarfile.CHRTYPE: EntryKind.OTHER,
    tarfile.BLKTYPE: EntryKind.OTHER,
    tarfile.FIFOTYPE: EntryKind.OTHER,
}
_SPARSE = "GNU.sparse"
_AGAIN = "Download or build it again."
_NAME_ONE = "Name a released spark-*.tgz."


@dataclass(frozen=True)
class Contents:
    """What is in an archive that was read to its end."""

    path: Path
    compression: str
    """`gzip`, `bzip2`, `xz` or `none`."""
    size: int
    """Bytes of the archive."""
    entries: tuple[Entry, ...]
    """In the order of the archive, with their paths as they are written; a final slash is not kept."""
    files: Mapping[str, bytes] = field(repr=False)
    """The content of those that were wanted."""


class ArchiveReader:
    """The entries of an archive, one after the other, each with its content until the next is asked for.

    A hard link is an entry of kind OTHER with a target; other kinds of OTHER have none. Raises ArchiveError
    for whatever GNU tar would stumble over, and for an archive without its end mark: it may be cut off.
    """

    def __init__(self, path: Path, stream: UnpackedStream) -> None:
        self._path = printable(str(path))
        self._stream = stream
        self._piece = memoryview(b"")
        self._position = 0
        self._left = 0
        self._padding = 0
        self._last = ""
        self._everywhere: dict[str, str] = {}

    @property
    def compression(self) -> str:
        """`gzip`, `bzip2`, `xz` or `none`."""
        return self._stream.compression

    @property
    def size(self) -> int:
        """Bytes of the archive."""
        return self._stream.size

    def __iter__(self) -> Iterator[Entry]:
        count = 0
        while (entry := self._next()) is not None:
            count += 1
            if count > MAX_ENTRIES:
                raise ArchiveError(
                    f"{self._path} has more than {MAX_ENTRIES} entries",
                    hint="That is no Spark. Name a released spark-*.tgz.",
                )
            self._last = entry.name
            yield entry
        self._check_end()

    def content(self) -> Iterator[bytes | memoryview]:
        """The content of the current entry, which may be taken in part or not at all."""
        while self._left:
            piece = self._some(self._left)
            self._left -= len(piece)
            yield piece

    def read(self, count: int, /) -> bytes:
        """So many bytes of the content of the current entry, fewer where it ends."""
        part = bytearray()
        while self._left and len(part) < count:
            piece = self._some(min(self._left, count - len(part)))
            self._left -= len(piece)
            if not part and len(piece) == count:
                return bytes(piece)
            part += piece
        return bytes(part)

    def _next(self) -> Entry | None:
        """The next entry, with what its extension headers say; None at the end mark."""
        extended: dict[str, str] = {}
        while True:
            self._pass_over()
            start = self._position
            info = self._header(first=start == 0)
            if info is None:
                if extended:
                    raise self._wrong("ends within an entry", start)
                return None
            if info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
                key = "path" if info.type == tarfile.GNUTYPE_LONGNAME else "linkpath"
                extended.setdefault(key, _text(self._extension(info, start).partition(b"\0")[0]))
            elif info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                extended.update(self._records(info, start))
            elif info.type == tarfile.XGLTYPE:
                self._everywhere.update(self._records(info, start))
            else:
                return self._entry(info, {**self._everywhere, **extended}, start)

    def _entry(self, info: tarfile.TarInfo, extended: Mapping[str, str], start: int) -> Entry:
        kind = _KINDS.get(info.type)
        name = extended.get("path", info.name)
        if kind is None or _SPARSE in extended:
            raise self._wrong(f"holds {quoted(name)} as a kind of entry that not every tar knows", start)
        target = extended.get("linkpath", info.linkname)
        if max(len(name), len(target)) > _MAX_NAME_BYTES:
            raise self._wrong("holds a name that is too long for any file", start)
        if "\0" in name:
            raise self._wrong("holds a name with a null character", start)
        size = info.size
        if "size" in extended:
            if not (extended["size"].isascii() and extended["size"].isdigit()):
                raise self._wrong("holds a header whose size is no number", start)
            size = int(extended["size"])
        if kind is not EntryKind.FILE:
            size = 0  # GNU tar takes no content of links, folders and devices, whatever the header says
        elif name.endswith("/"):
            kind, size = EntryKind.FOLDER, 0
        if size < 0:
            raise self._wrong("holds a header whose size is negative", start)
        self._left, self._padding = size, -size % _BLOCK
        linked = info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE)
        return Entry(
            name=name.rstrip("/") or name[:1],
            kind=kind,
            mode=info.mode & 0o7777,
            size=size,
            target=target if linked else "",
        )

    def _header(self, *, first: bool) -> tarfile.TarInfo | None:
        start = self._position
        block = self._first_block() if first else self._exactly(_BLOCK, "a header", may_end=True)
        if not block:
            if first:
                raise ArchiveError(f"{self._path} is empty", hint=_AGAIN)
            raise self._wrong("has no end mark, so it may be cut off", start)
        if not any(block):
            return None
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError) as error:
            if first:
                raise ArchiveError(f"{self._path} is not a tar archive", hint=_NAME_ONE) from error
            raise self._wrong(f"is damaged: a header is wrong ({error})", start) from error

    def _first_block(self) -> bytes:
        """What a header may be. A text that is shorter than one is not cut off: it never was an archive."""
        block = bytearray()
        while len(block) < _BLOCK and self._available():
            block += self._some(_BLOCK - len(block))
        if 0 < len(block) < _BLOCK:
            raise ArchiveError(
                f"{self._path} is not a tar archive: there are {len(block)} bytes in it, fewer than the "
                f"{_BLOCK} that one begins with",
                hint=_NAME_ONE,
            )
        return bytes(block)

    def _extension(self, info: tarfile.TarInfo, start: int) -> bytes:
        if not 0 <= info.size <= _MAX_HEADER_BYTES:
            raise self._wrong("holds a header of impossible size", start)
        content = self._exactly(info.size, "a header")
        self._left, self._padding = 0, -info.size % _BLOCK
        return content

    def _records(self, info: tarfile.TarInfo, start: int) -> dict[str, str]:
        """The records of a pax header that matter here.

        Each is `LENGTH KEY=VALUE\\n`, with the length of the whole in bytes.
        """
        content, records = self._extension(info, start), {}
        at = 0
        while at < len(content) and content[at] != 0:
            digits, blank, _ = content[at : at + 20].partition(b" ")
            length = int(digits) if blank and digits.isdigit() else 0
            key, equals, value = content[at + len(digits) + 1 : at + length].partition(b"=")
            if length <= len(digits) or not equals or not value.endswith(b"\n") or at + length > len(content):
                raise self._wrong("is damaged: a pax header is wrong", start)
            # No others are kept, so that many of them take no memory.
            if key in (b"path", b"linkpath", b"size"):
                records[key.decode()] = _text(value[:-1])
            elif key.startswith(b"GNU.sparse"):
                records[_SPARSE] = ""
            at += length
        return records

    def _pass_over(self) -> None:
        """To the next header, over what nobody has taken of the content."""
        for _ in self.content():
            pass
        while self._padding:
            self._padding -= len(self._some(self._padding))

    def _check_end(self) -> None:
        """Behind the end mark there may only be zeros: tar pads with them, and stops reading there."""
        start = self._position
        while piece := self._available():
            if any(piece):
                raise self._wrong("has something behind its end mark, which tar would not unpack", start)
            self._position += len(piece)
            self._piece = memoryview(b"")

    def _exactly(self, count: int, what: str, *, may_end: bool = False) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            if may_end and not parts and not self._available():
                return b""
            parts += self._some(count - len(parts), what)
        return bytes(parts)

    def _some(self, count: int, what: str = "") -> memoryview:
        piece = self._available()
        if not piece:
            within = what or (
                f"the content of {quoted(self._last)}" if self._last else "the content of its first entry"
            )
            raise self._wrong(f"is cut off within {within}", self._position)
        part, self._piece = piece[:count], piece[count:]
        self._position += len(part)
        return part

    def _available(self) -> memoryview:
        if not self._piece:
            self._piece = memoryview(self._stream.piece())
        return self._piece

    def _wrong(self, what: str, at: int) -> ArchiveError:
        where = f", behind {quoted(self._last)}" if self._last else ""
        return ArchiveError(f"{self._path} {what} (at byte {at} unpacked{where})", hint=_AGAIN)


@contextmanager
def open_archive(path: Path, progress: Progress = SILENT) -> Iterator[ArchiveReader]:
    """A reader for the archive, which tells `progress` of the packed bytes it reads. Raises ArchiveError."""
    with UnpackedStream(path, progress) as stream:
        yield ArchiveReader(path, stream)


def read_archive(
    path: Path, progress: Progress = SILENT, wanted: Callable[[str], bool] = lambda name: False
) -> Contents:
    """What is in an archive, which is read to its end. Raises ArchiveError.

    `wanted` says of a name whether the file's content is to be kept; not of those above a megabyte.
    """
    entries, files = [], {}
    progress.begin("Reading the archive", _size_of(path))
    try:
        with open_archive(path, progress) as reader:
            for entry in reader:
                entries.append(entry)
                if entry.kind is EntryKind.FILE and entry.size <= _MAX_WANTED_BYTES and wanted(entry.name):
                    files[entry.name] = b"".join(reader.content())
            return Contents(path, reader.compression, reader.size, tuple(entries), files)
    finally:
        progress.end()


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None  # opening it says what is wrong


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
