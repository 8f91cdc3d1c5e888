"""What a driver or an executor writes to stdout and stderr, read from its sandbox while it grows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.mesos.sandbox_files import NoSuchFileError, SandboxFiles

if TYPE_CHECKING:
    from sparkmesos_core.dispatcher.driver_sandboxes import DriverSandboxes, Sandbox
    from sparkmesos_core.dispatcher.messages import DriverStatus

Write = Callable[[str, bytes], None]
"""Takes the name of a file, and what it goes on with."""


class GrowingFile:
    """Reads one file from a place on, and what comes to it later.

    `lines` is how many of the last lines it begins with; None is all of them. A file that got shorter has
    been rotated (`--container_logger` of Mesos): what was left of the old one is in the same name with `.1`.
    """

    def __init__(self, files: SandboxFiles, path: str, lines: int | None = None) -> None:
        self._files = files
        self._path = path
        self._lines = lines
        self._next = 0

    def news(self) -> Iterator[bytes]:
        """What has come since the last time. Raises as SandboxFiles does; nothing is lost or told twice."""
        if self._lines is not None:
            self._next, _ = self._files.start_of_last_lines(self._path, self._lines)
            self._lines = None
        yield from self._pieces(self._path)
        if self._next and self._files.size(self._path) < self._next:
            with contextlib.suppress(NoSuchFileError):  # it was made empty, not rotated
                yield from self._pieces(f"{self._path}.1")
            self._next = 0
            yield from self._pieces(self._path)

    def _pieces(self, path: str) -> Iterator[bytes]:
        for piece in self._files.pieces(path, self._next):
            self._next += len(piece)
            yield piece


class DriverOutput:
    """Follows files of a driver through all its launches.

    `names` are those of the files in its sandbox; `write` gets what they hold, `warn` why they cannot be
    read, once for as long as that lasts. `sandbox` is the one to read if it is not the driver's own.
    """

    def __init__(
        self,
        sandboxes: DriverSandboxes,
        names: Sequence[str],
        write: Write,
        warn: Callable[[SparkMesosError], None],
        *,
        lines: int | None = None,
        sandbox: Sandbox | None = None,
    ) -> None:
        self._given = sandbox
        self._sandboxes = sandboxes
        self._names = names
        self._write = write
        self._warn = warn
        self._lines = lines
        self._sandbox: Sandbox | None = None
        self._open: dict[str, GrowingFile] = {}
        self._warned = ""

    def follow(self, status: DriverStatus) -> None:
        """Hands on what has come since the last status. What cannot be read is told, not raised."""
        for name, piece in self._news(status, last=False):
            self._write(name, piece)

    def finish(self, status: DriverStatus) -> None:
        """The same, once, when the driver has ended: what is not there now will not come."""
        for name, piece in self._news(status, last=True):
            self._write(name, piece)

    def _news(self, status: DriverStatus, *, last: bool) -> Iterator[tuple[str, bytes]]:
        # Errors of who takes the pieces are not raised in here.
        try:
            sandbox = self._given or self._sandboxes.of_driver(status)
            if sandbox != self._sandbox and self._sandbox is not None:
                with contextlib.suppress(SparkMesosError):  # its agent may be gone, which is why
                    yield from self._read()  # the last words of the launch before
                self._open.clear()
                self._lines = None
            self._sandbox = sandbox
            yield from self._read()
            self._warned = ""
        except SparkMesosError as error:
            if isinstance(error, NoSuchFileError) and not last:
                return  # not there yet: what a driver needs is fetched first
            if self._warned != error.message:
                self._warned = error.message
                self._warn(error)

    def _read(self) -> Iterator[tuple[str, bytes]]:
        if self._sandbox is None:
            return
        if not self._open:
            files, directory = self._sandboxes.open(self._sandbox)
            for name in self._names:
                self._open[name] = GrowingFile(files, f"{directory}/{name}", self._lines)
        for name, file in self._open.items():
            for piece in file.news():
                yield name, piece
