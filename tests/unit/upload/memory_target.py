"""A destination in memory that fails when a test tells it to."""

from __future__ import annotations

from dataclasses import dataclass, field

from sparkmesos_core.errors import UploadError
from sparkmesos_core.progress import Progress
from sparkmesos_core.upload.local_file import LocalFile
from sparkmesos_core.upload.target import Pieces, Stored, TransientFailureError


@dataclass
class Held:
    content: bytes
    modified: float | None = 0.0
    sha256: str | None = None


@dataclass
class MemoryTarget:
    """`fails` maps a method to what it raises, call by call; None lets a call pass. `calls` lists what was called."""

    held: Held | None = None
    record: tuple[bytes, float | None] | None = None
    fails: dict[str, list[BaseException | None]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    checked_by_server: bool = False
    corrupts: int = 0
    """How many of the next transfers arrive with a byte changed."""
    loses_answer: bool = False
    """The next `publish` is done, but seems to have failed."""
    in_place: bool = False
    aside: bytes | None = None
    reading: int = 0
    """How many of what it has given to be read are neither at their end nor closed."""
    remarks: tuple[str, ...] = ()
    uri: str = "memory://host/dist/spark.tgz"
    label: str = "memory://host/dist/spark.tgz"
    clock: float = 100.0

    @property
    def sends_aside(self) -> bool:
        return not self.in_place

    def prepare(self) -> None:
        self._called("prepare")

    def stat(self) -> Stored | None:
        self._called("stat")
        if self.held is None:
            return None
        return Stored(len(self.held.content), self.held.modified, self.held.sha256)

    def content(self) -> Pieces:
        self._called("content")
        assert self.held is not None
        yield from self._pieces(self.held.content)

    def read_record(self) -> tuple[bytes, float | None] | None:
        self._called("read_record")
        return self.record

    def send(self, file: LocalFile, progress: Progress) -> None:
        content = file.path.read_bytes()
        file.still_wanted()
        progress.advance(len(content) // 2)
        self.aside = content[: len(content) // 2]
        try:
            self._called("send")
        except BaseException:
            progress.advance(-(len(content) // 2))
            raise
        progress.advance(len(content) - len(content) // 2)
        if self.corrupts:
            self.corrupts -= 1
            content = bytes([content[0] ^ 1]) + content[1:]
        self.aside = content

    def sent(self) -> Pieces | None:
        self._called("sent")
        if self.checked_by_server:
            return None
        assert self.aside is not None
        return self._pieces(self.aside)

    def publish(self) -> None:
        self._called("publish")
        if self.aside is None:
            raise UploadError("there is nothing to publish")
        self.held, self.aside = Held(self.aside, self.clock), None
        if self.loses_answer:
            self.loses_answer = False
            raise TransientFailureError(UploadError("cut"))

    def write_record(self, content: bytes) -> None:
        self._called("write_record")
        self.record = (content, self.clock)

    def discard(self, *, withdrawn: LocalFile | None = None) -> None:
        self.calls.append("discard" if withdrawn is None else "discard for good")
        self.aside = None

    def close(self) -> None:
        self.calls.append("close")

    def _called(self, name: str) -> None:
        self.calls.append(name)
        waiting = self.fails.get(name)
        if waiting and (error := waiting.pop(0)) is not None:
            raise error

    def _pieces(self, content: bytes) -> Pieces:
        self.reading += 1
        try:
            for start in range(0, len(content), 7):
                yield content[start : start + 7]
        finally:
            self.reading -= 1
