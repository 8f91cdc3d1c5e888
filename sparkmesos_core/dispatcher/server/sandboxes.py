"""Drivers' sandboxes, read from their agents on behalf of browsers, which may not reach those."""

from __future__ import annotations

import codecs
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sparkmesos_core.dispatcher.drivers.driver import Driver, Launch
from sparkmesos_core.errors import MesosError, SparkMesosError
from sparkmesos_core.http_service.patient_threads import PatientThreads
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.sandbox_files import LONGEST_PIECE, NoSuchFileError, SandboxFile, SandboxFiles

_TIMEOUT = 5.0
_THREADS = 8
_REMEMBERED = 256
_T = TypeVar("_T")


@dataclass(frozen=True)
class Piece:
    """A part of a text file."""

    text: str
    start: int
    """Where it begins, in bytes."""
    next: int
    """Where what follows it begins: at most three bytes of a character that is not complete are left out."""
    size: int
    """Of the whole file when it was read, as far as it is known."""


class Sandboxes:
    """Reads them in threads of its own, so that an agent which does not answer holds up nobody else.

    Principal and secret are shown to agents that want to know who asks (`--authenticate_http_readonly`).
    `ca_file` holds the certificates to trust when they speak https. All methods raise UnreachableError,
    NoSuchFileError or MesosError.
    """

    def __init__(
        self, *, principal: str | None = None, secret: str | None = None, ca_file: str | None = None
    ) -> None:
        self._agent = partial(
            MesosHttp, timeout=_TIMEOUT, principal=principal, secret=secret, ca_file=ca_file
        )
        self._threads = PatientThreads(_THREADS, "sandboxes")
        self._directories: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def browse(self, driver: Driver, folder: str) -> list[SandboxFile]:
        """What a folder of the sandbox holds; `folder` is relative to it, empty for itself."""
        return await self._ask(driver, folder, lambda files, path: files.browse(path))

    async def tail(self, driver: Driver, file: str, length: int = LONGEST_PIECE) -> Piece:
        """The end of a file, from the start of a line if it is cut."""
        return await self._ask(driver, file, partial(_tail, length=length))

    async def read(self, driver: Driver, file: str, offset: int) -> Piece:
        """What stands in a file from `offset` on; an empty piece at its end."""
        return await self._ask(driver, file, partial(_read, offset=offset))

    async def size(self, driver: Driver, file: str) -> int:
        """How large a file is, in bytes."""
        return await self._ask(driver, file, lambda files, path: files.size(path))

    async def download(self, driver: Driver, file: str, size: int) -> AsyncIterator[bytes]:
        """The first `size` bytes of a file, in pieces; fewer if the agent fails on the way or cuts it."""
        start = 0
        while start < size:
            try:
                piece = await self._ask(driver, file, partial(_bytes, start=start, end=size))
            except SparkMesosError:
                return  # too late to say so, but for the length that was announced
            if not piece:
                return
            start += len(piece)
            yield piece

    def close(self) -> None:
        """Wait for no agent any more: whoever does is told that the dispatcher ends."""
        self._threads.close(MesosError("The dispatcher ends, and asks agents nothing any more"))

    async def _ask(self, driver: Driver, path: str, question: Callable[[SandboxFiles, str], _T]) -> _T:
        if driver.launch is None:
            raise NoSuchFileError(f"{driver.id} was never launched, so there is no sandbox of it")
        if not driver.launch.agent_url:
            raise MesosError(f"Mesos did not say how the agent of {driver.id} can be reached")
        relative = _relative(path)
        return await self._threads.run(partial(self._answer, driver.launch, relative, question))

    def _answer(self, launch: Launch, path: str, question: Callable[[SandboxFiles, str], _T]) -> _T:
        with self._agent(launch.agent_url) as http:
            files = SandboxFiles(http)
            directory = self._directory(files, launch)
            return question(files, f"{directory}/{path}" if path else directory)

    def _directory(self, files: SandboxFiles, launch: Launch) -> str:
        """The sandbox of a launch; the agent's state, which may be large, is asked for once."""
        key = (launch.agent_id, launch.task_id)
        directory = self._directories.get(key)
        if directory is None:
            framework_id = launch.framework_id.removesuffix(f"-{launch.task_id}")
            directory = files.directory(framework_id, launch.task_id)
            self._directories[key] = directory
            while len(self._directories) > _REMEMBERED:
                self._directories.popitem(last=False)
        return directory


def _relative(path: str) -> str:
    """A path below a sandbox; NoSuchFileError for one that leads out of it."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise NoSuchFileError("A sandbox has no such path")
    return "/".join(parts)


def _tail(files: SandboxFiles, path: str, length: int) -> Piece:
    size = files.size(path)
    start = max(0, size - length)
    data = b"".join(files.pieces(path, start, size))
    if start > 0:
        cut = data.find(b"\n") + 1 or _continuation(data)
        start, data = start + cut, data[cut:]
    return _piece(data, start, size)


def _read(files: SandboxFiles, path: str, offset: int) -> Piece:
    data = files.read(path, offset)
    # At the end it matters whether the file has become shorter: logs are rotated.
    return _piece(data, offset, offset + len(data) if data else files.size(path))


def _bytes(files: SandboxFiles, path: str, start: int, end: int) -> bytes:
    return files.read(path, start, min(LONGEST_PIECE, end - start))


def _continuation(data: bytes) -> int:
    """How many bytes at the start belong to a character that began before it."""
    return next((at for at, byte in enumerate(data[:3]) if byte & 0xC0 != 0x80), min(3, len(data)))


def _piece(data: bytes, start: int, size: int) -> Piece:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data)
    left = len(decoder.getstate()[0])
    return Piece(text, start, start + len(data) - left, size)
