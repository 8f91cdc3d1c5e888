"""Files over HTTP as Mesos serves them: pieces of 64 KiB at most, offsets in bytes."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

LONGEST_PIECE = 64 * 1024
"""The most bytes that one read returns, however many are asked for: 16 pages, as in Mesos."""

_NUMBERS = 1 << 63  # no file has an offset beyond


class FilesRefused(Exception):
    """A request that is answered with an HTTP error: its status code and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def read_file(file: Path, offset: str | None, length: str | None) -> bytes:
    """The JSON answer of `/files/read` for a file: `{"data": ..., "offset": ...}`, in bytes.

    `offset` and `length` are the query's; without an offset, or with -1, it says the size, and 64 KiB are the
    most that it gives. FilesRefused (400) for folders, for what is no regular file, and for bad numbers.
    """
    start, most = _number("offset", offset, -1), _number("length", length, -1)
    if start < -1:
        raise FilesRefused(400, f"Negative offset provided: {start}.\n")
    if file.is_dir():
        raise FilesRefused(400, "Cannot read a directory.\n")
    if start == -1:
        return _piece(b"", file.stat().st_size)
    most = LONGEST_PIECE if most < 0 else min(most, LONGEST_PIECE)
    with _opened(file) as reader:
        reader.seek(start)
        return _piece(reader.read(most), start)


def download_file(file: Path) -> tuple[str, int, Iterator[bytes]]:
    """The answer of `/files/download` for a file: its name, its size now, and so many bytes in pieces.

    What is written meanwhile is left out. FilesRefused (400) for folders and what is no regular file.
    """
    if file.is_dir():
        raise FilesRefused(400, "Cannot download a directory.\n")
    with _opened(file):
        size = file.stat().st_size
    return file.name, size, _pieces(file, size)


def read_end(file: Path) -> tuple[bytes, int]:
    """The end of a file, as much as one read gives, and its size in bytes.

    FilesRefused (400) for what is no regular file.
    """
    with _opened(file) as reader:
        size = os.fstat(reader.fileno()).st_size
        reader.seek(max(0, size - LONGEST_PIECE))
        return reader.read(LONGEST_PIECE), size


def _opened(file: Path) -> BinaryIO:
    """The file, open; FilesRefused for FIFOs, devices and the like, which can keep a reader waiting."""
    if file.is_file():  # asked before it is opened, since that alone can have an effect on a device
        # It may have been replaced since: opened like this, a FIFO does not wait for its writer.
        reader = os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        if stat.S_ISREG(os.fstat(reader.fileno()).st_mode):
            return reader
        reader.close()
    raise FilesRefused(400, "Cannot read what is not a regular file.\n")


def _pieces(file: Path, size: int) -> Iterator[bytes]:
    with _opened(file) as reader:
        while size > 0 and (piece := reader.read(min(size, LONGEST_PIECE))):
            size -= len(piece)
            yield piece


def _piece(data: bytes, offset: int) -> bytes:
    text = data.decode("utf-8", errors="surrogateescape")
    answer = json.dumps({"data": text, "offset": offset}, ensure_ascii=False, separators=(",", ":"))
    return answer.encode("utf-8", errors="surrogateescape")


def _number(name: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    try:
        number = int(text)
        if -_NUMBERS <= number < _NUMBERS:
            return number
    except ValueError:
        pass
    raise FilesRefused(400, f"Failed to parse {name}: Failed to convert '{text}' to number.\n")
