"""Gzip on all cores (RFC 1952), by ISA-L.

Blocks are compressed each with the end of the one before as its dictionary, and their checksums combined, so
that the result depends on neither the number of threads nor the sizes of what is written. `igzip_threaded`
of the same library does so too, but waits forever if Ctrl-C interrupts its `write`, as older ones do when the
disk is full. Here the caller's own thread writes the file, so it sees every error where it happens.

Threads are started and met by what is written in C. What Python builds on its conditions (futures, events,
the start of a `threading.Thread`) may keep a lock for ever if Ctrl-C comes in the moment after it was taken,
and the other thread then waits for it.
"""

from __future__ import annotations

import _thread
import os
import struct
from collections import deque
from queue import SimpleQueue
from types import TracebackType
from typing import IO, NamedTuple

from isal import isal_zlib

LEVEL = 3
"""ISA-L's best, which makes archives about as small as gzip does as tar calls it."""

_BLOCK_BYTES = 1 << 20
_WINDOW_BYTES = 1 << 15
# Neither name nor time; no particular operating system.
_HEADER = struct.pack("<HBBIBB", 0x8B1F, 8, 0, 0, 0, 255)
_RAW = -15


class _Piece(NamedTuple):
    """A block of what is compressed."""

    compressed: bytes
    crc: int
    size: int
    """Bytes before it was compressed."""


_Result = SimpleQueue["_Piece | Exception"]


class _Task(NamedTuple):
    block: bytes
    before: bytes
    result: _Result


class GzipWriter:
    """Compresses what is written to it into a file, which stays open. A context manager.

    After an error, and if the block of the context manager ends with one, what is in the file is worthless.
    Not for several threads. Errors are those of the file's own `write`.
    """

    def __init__(self, file: IO[bytes], threads: int | None = None) -> None:
        """`threads` is how many compress; None: one for each core that this process may use."""
        self._file = file
        self._most_threads = threads or usable_cores()
        # Enough that nobody waits while we write.
        self._most_waiting = self._most_threads + 2
        self._waiting: deque[_Result] = deque()
        self._block = bytearray()
        self._before = b""
        self._crc = 0
        self._size = 0
        self._offset = 0
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._threads = 0
        self._ended: SimpleQueue[None] = SimpleQueue()
        file.write(_HEADER)

    def __enter__(self) -> GzipWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            # After an error, too, what waits is compressed; that is a matter of milliseconds.
            for _ in range(self._most_threads):
                self._tasks.put(None)
            for _ in range(self._threads):
                self._ended.get()

    def write(self, content: bytes) -> int:
        """Takes all of it."""
        self._offset += len(content)
        self._block += content
        while len(self._block) >= _BLOCK_BYTES:
            self._submit(bytes(memoryview(self._block)[:_BLOCK_BYTES]))
            del self._block[:_BLOCK_BYTES]
        return len(content)

    def tell(self) -> int:
        """How many bytes have been written to it."""
        return self._offset

    def _submit(self, block: bytes) -> None:
        while len(self._waiting) >= self._most_waiting:
            self._collect()
        task = _Task(block, self._before, SimpleQueue())
        self._waiting.append(task.result)
        self._tasks.put(task)
        if self._threads < self._most_threads:
            _thread.start_new_thread(_compress, (self._tasks, self._ended))
            self._threads += 1
        self._before = block[-_WINDOW_BYTES:]

    def _collect(self) -> None:
        piece = self._waiting.popleft().get()
        if isinstance(piece, Exception):
            raise piece
        self._file.write(piece.compressed)
        self._crc = isal_zlib.crc32_combine(self._crc, piece.crc, piece.size)
        self._size += piece.size

    def _finish(self) -> None:
        if self._block:
            self._submit(bytes(self._block))
        while self._waiting:
            self._collect()
        # What came before ends at a byte's boundary, without the mark of the last block.
        self._file.write(isal_zlib.compress(b"", LEVEL, _RAW))
        self._file.write(struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))


def usable_cores() -> int:
    """How many cores this process may use, as far as the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _compress(tasks: SimpleQueue[_Task | None], ended: SimpleQueue[None]) -> None:
    """What a thread does, until it is told that there is no more; then it tells that it ends."""
    while (task := tasks.get()) is not None:
        try:
            task.result.put(_compressed(task.block, task.before))
        except Exception as error:  # noqa: BLE001 - the caller's thread, which waits for it, raises it
            task.result.put(error)
    ended.put(None)


def _compressed(block: bytes, before: bytes) -> _Piece:
    """A piece of a deflate stream (RFC 1951) that ends with a whole byte."""
    if before:
        compressor = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, _RAW, zdict=before)
    else:
        compressor = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, _RAW)
    compressed = compressor.compress(block) + compressor.flush(isal_zlib.Z_SYNC_FLUSH)
    return _Piece(compressed, isal_zlib.crc32(block), len(block))
