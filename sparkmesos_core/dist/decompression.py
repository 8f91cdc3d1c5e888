"""The bytes inside a compressed file, as a stream that notices whatever is wrong with it."""

from __future__ import annotations

import bz2
import lzma
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Protocol, cast

from isal import igzip_lib

from sparkmesos_core.errors import ArchiveError
from sparkmesos_core.progress import SILENT, Progress
from sparkmesos_core.quoting import printable

MAX_UNPACKED_BYTES = 16 << 30
"""More than any Spark has, with all that people put beside it; a bomb has more."""

# Its type stub says that it is an exception, not a class of them.
_GzipError = cast("type[Exception]", igzip_lib.IsalError)
_AGAIN = "Download or build it again; the .sha512 file beside a release says whether it is whole."
_PACKED_PIECE = 1 << 18
_UNPACKED_PIECE = 1 << 20
_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
_FOREIGN = {
    b"PK\x03\x04": "a zip file",
    b"\x28\xb5\x2f\xfd": "compressed with zstd, which the Mesos fetcher does not know",
    b"7z\xbc\xaf\x27\x1c": "a 7z file",
    b"\x1f\x9d": "compressed with compress(1), which the Mesos fetcher does not know",
}


class _Machine(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes: ...


class UnpackedStream:
    """What a file holds, unpacked if it is compressed, in constant memory.

    Raises ArchiveError, with the place, if the file cannot be read, is cut off, damaged or followed by
    something else, is surely no tar archive, or unpacks to more than MAX_UNPACKED_BYTES.
    """

    def __init__(self, path: Path, progress: Progress = SILENT) -> None:
        self._path = printable(str(path))
        self._progress = progress
        try:
            # A pipe without a writer would otherwise be waited for.
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            status = os.fstat(self._file)
            if not stat.S_ISREG(status.st_mode):
                raise ArchiveError(f"{self._path} is not a file", hint="Name a released spark-*.tgz.")
            self.size = status.st_size
            """Bytes of the file."""
            self._read_bytes = 0
            self.unpacked_bytes = 0
            """How many unpacked bytes have been given out."""
            self._packed = self._read_packed()
            self.compression = self._recognise(self._packed)
            """`gzip`, `bzip2`, `xz`, or `none`."""
            self._machine = self._new_machine()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> UnpackedStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def piece(self) -> bytes:
        """Some more bytes, at most a few of a megabyte; none at the end."""
        while True:
            piece = self._next_piece()
            if piece is None:
                return b""
            if piece:
                self.unpacked_bytes += len(piece)
                if self.unpacked_bytes > MAX_UNPACKED_BYTES:
                    raise ArchiveError(
                        f"{self._path} unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB "
                        f"(at byte {self._read_bytes} of {self.size})",
                        hint="That is no Spark. Name a released spark-*.tgz.",
                    )
                return piece

    def _next_piece(self) -> bytes | None:
        if self._machine is None:
            piece, self._packed = self._packed, self._read_packed()
            return piece or None
        if self._machine.eof:
            return b"" if self._another_stream() else None
        packed = b""
        if self._machine.needs_input:
            packed, self._packed = self._packed or self._read_packed(), b""
            if not packed:
                raise ArchiveError(
                    f"{self._path} is cut off: its {self.compression} data has no end "
                    f"after {self._read_bytes} bytes",
                    hint=_AGAIN,
                )
        try:
            return self._machine.decompress(packed, _UNPACKED_PIECE)
        except (_GzipError, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            raise ArchiveError(
                f"{self._path} is damaged: its {self.compression} data is wrong before byte "
                f"{self._read_bytes} of {self.size} ({error})",
                hint=_AGAIN,
            ) from error

    def _another_stream(self) -> bool:
        """Whether one more compressed stream follows, as pigz and cat make them; zeros may follow as well."""
        assert self._machine is not None
        rest = self._machine.unused_data + self._packed
        self._packed = b""
        while not rest.strip(b"\0"):
            # gzip, bzip2 and xz pass over zeros, with which tapes fill their blocks.
            if not (rest := self._read_packed()):
                return False
        rest = rest.lstrip(b"\0")
        while len(rest) < 6 and (more := self._read_packed()):
            rest += more
        if self._compression_of(rest) != self.compression:
            raise ArchiveError(
                f"{self._path} has something behind the end of its {self.compression} data, "
                f"at byte {self._read_bytes - len(rest)} of {self.size}",
                hint="The Mesos fetcher refuses that. " + _AGAIN,
            )
        self._packed, self._machine = rest, self._new_machine()
        return True

    def _recognise(self, start: bytes) -> str:
        if not start:
            raise ArchiveError(f"{self._path} is empty", hint=_AGAIN)
        for magic, what in _FOREIGN.items():
            if start.startswith(magic):
                raise ArchiveError(
                    f"{self._path} is {what}", hint="Name a tar archive: a released spark-*.tgz."
                )
        return self._compression_of(start) or "none"

    @staticmethod
    def _compression_of(start: bytes) -> str | None:
        return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)

    def _new_machine(self) -> _Machine | None:
        if self.compression == "gzip":
            # It checks the length and the CRC at the end, too.
            machine: _Machine = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
            return machine
        if self.compression == "bzip2":
            return bz2.BZ2Decompressor()
        if self.compression == "xz":
            return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=256 << 20)
        return None

    def _read_packed(self) -> bytes:
        try:
            packed = os.read(self._file, _PACKED_PIECE)
        except OSError as error:
            raise self._unreadable(error) from error
        self._read_bytes += len(packed)
        self._progress.advance(len(packed))
        return packed

    def _unreadable(self, error: OSError) -> ArchiveError:
        return ArchiveError(
            f"{self._path} cannot be read: {error.strerror or error}", hint="Check its path and permissions."
        )
