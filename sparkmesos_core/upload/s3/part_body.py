"""What is sent of a part: blocks of the file."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.progress import Progress
from sparkmesos_core.upload.s3.parts import Part


class PartBody:
    """What is sent of a part: blocks read from the file when they are due, so that memory stays constant.

    For botocore it is a file, which has its length and can be rewound. What is sent are the blocks that it
    yields, see `send_blocks`: urllib3 reads files by 16 KiB at a time.
    """

    def __init__(
        self, descriptor: int, part: Part, buffer: memoryview, progress: Progress, cancelled: threading.Event
    ) -> None:
        self._descriptor = descriptor
        self._part = part
        self._buffer = buffer
        self._progress = progress
        self._cancelled = cancelled
        self._at = 0
        self.reported = 0
        """Bytes that the progress knows of."""
        self.failure: SparkMesosError | None = None
        """Why the file could not be read."""
        self.sent_md5 = hashlib.md5(usedforsecurity=False)
        """Of the blocks that `blocks` has given since the last rewind."""

    def __len__(self) -> int:
        return self._part.size

    def tell(self) -> int:
        """Where in the part the next block begins."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of files; what is sent again is taken back from the progress."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._part.size}[whence]
        self._at = min(max(base + offset, 0), self._part.size)
        if not self._at:
            self.sent_md5 = hashlib.md5(usedforsecurity=False)
        if self.reported > self._at:
            self._progress.advance(self._at - self.reported)
            self.reported = self._at
        return self._at

    def read(self, size: int = -1) -> bytes:
        """As of files."""
        wanted = self._part.size - self._at
        if size is not None and size >= 0:
            wanted = min(wanted, size)
        pieces = []
        while wanted > 0 and (block := self._next(wanted)):
            pieces.append(bytes(block))
            wanted -= len(block)
        return b"".join(pieces)

    def blocks(self) -> Iterator[memoryview]:
        """What is still to be sent; a block is good until the next is asked for."""
        while block := self._next(self._part.size - self._at):
            self.sent_md5.update(block)
            yield block
            # Only now has the socket taken it.
            self._progress.advance(len(block))
            self.reported += len(block)

    def md5(self) -> bytes:
        """The digest of the whole part."""
        digest = hashlib.md5(usedforsecurity=False)
        while block := self._next(self._part.size - self._at):
            digest.update(block)
        self._at = 0
        return digest.digest()

    def take_back(self) -> None:
        """The part has not arrived."""
        if self.reported:
            self._progress.advance(-self.reported)
            self.reported = 0

    def _next(self, wanted: int) -> memoryview:
        if self._cancelled.is_set():
            # Of all exceptions, this one passes botocore without another attempt.
            raise CancelledError
        view = self._buffer[: min(wanted, len(self._buffer))]
        if not len(view):
            return view
        try:
            count = os.preadv(self._descriptor, [view], self._part.offset + self._at)
        except OSError as error:
            self.failure = SparkMesosError(
                f"the file that is uploaded cannot be read: {error.strerror}", hint="Run the command again."
            )
            raise CancelledError from error
        if not count:
            self.failure = SparkMesosError(
                "the file that is uploaded became shorter meanwhile", hint="Run the command again."
            )
            raise CancelledError
        self._at += count
        return view[:count]


class _Blocks:
    """A `PartBody` as urllib3 sends it: it iterates over what has no `read`."""

    def __init__(self, body: PartBody) -> None:
        self._body = body

    def __iter__(self) -> Iterator[memoryview]:
        return self._body.blocks()

    def seek(self, offset: int) -> int:
        """For botocore, which rewinds before it tries again."""
        return self._body.seek(offset)


def send_blocks(client: Any) -> None:
    """Let a client send each `PartBody` by its blocks."""

    def replace_body(request: Any, **_: Any) -> None:
        if isinstance(request.body, PartBody):
            request.body = _Blocks(request.body)

    client.meta.events.register("before-send.s3.UploadPart", replace_body)
