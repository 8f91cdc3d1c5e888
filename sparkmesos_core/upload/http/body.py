"""How a file is sent as the body of a request: in large pieces, and watching for an answer meanwhile.

A server that refuses a file says so before it has read all of it, and may close the connection then
(RFC 9112, 9.3 and 9.6). Who looks for the answer only after the last byte finds a broken connection.
"""

from __future__ import annotations

import fcntl
import io
import select
import socket
import ssl
import struct
import termios
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NoReturn, cast

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.progress import Progress
from sparkmesos_core.upload.local_file import LocalFile

# Measured: sendfile(2) is no faster to real servers, and other sizes are slower to one or the other.
_PIECE_BYTES = 256 << 10


class FileBody:
    """A body for requests: it yields itself, and connections of a FileAdapter send it piece by piece.

    `linger` is for how many seconds an answer to the request's head alone is waited for before anything is
    sent: for servers that are known to give one.
    """

    def __init__(
        self, file: LocalFile, progress: Progress, stall_seconds: float, linger: float = 0.0
    ) -> None:
        self.linger = linger
        self.answered_early = False
        """Whether an answer came before all was sent; then the rest was not sent."""
        self.taken = b""
        """What had to be read of that answer to see that it is one."""
        self._size = file.size
        self._path = file.path
        self._still_wanted = file.still_wanted
        self._file = cast(io.RawIOBase, file.open())
        self._progress = progress
        self._stall_seconds = stall_seconds
        self._sent = 0

    def __enter__(self) -> FileBody:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[FileBody]:
        yield self

    def restart(self) -> None:
        """Take back what was said to be sent."""
        self._progress.advance(-self._sent)
        self._sent = 0
        self.answered_early, self.taken = False, b""

    def send_over(self, connection: socket.socket) -> None:
        """Send all of it, from its start. `connection` has a timeout of its own.

        Raises BrokenPipeError if an answer or the connection's end comes first, TimeoutError for a stall,
        SparkMesosError if the file has become shorter or is not wanted any more.
        """
        self.restart()
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        if self.linger and poll.poll(self.linger * 1000):
            self._stop_if_answered(connection)
        poll.modify(connection, select.POLLIN | select.POLLOUT)
        buffer = memoryview(bytearray(_PIECE_BYTES))
        piece = buffer[:0]
        while self._sent < self._size:
            events = poll.poll(self._stall_seconds * 1000)
            if not events:
                raise TimeoutError("nothing could be sent for too long")
            if events[0][1] & ~select.POLLOUT:
                self._stop_if_answered(connection)
            if not events[0][1] & select.POLLOUT:
                continue
            piece = piece or self._read(buffer)
            # A part of it at most, so that an answer is looked for whenever the server does not take more.
            try:
                sent = connection.send(piece)
            except ConnectionError:
                # Whoever answers early and hangs up resets the connection; the answer may have come before.
                self._read_answer()
            piece = piece[sent:]
            self._sent += sent
            self._progress.advance(sent)
        self._wait_until_gone(connection, poll)

    def _wait_until_gone(self, connection: socket.socket, poll: select.poll) -> None:
        """Wait as long as the system still has something to send, and does.

        On a slow network what it has taken may last for minutes, and only then can an answer come.
        """
        poll.modify(connection, select.POLLIN)
        left = _unsent(connection)
        while left and not poll.poll(self._stall_seconds * 1000):
            before, left = left, _unsent(connection)
            if left == before:
                raise TimeoutError("nothing was taken for too long")

    def _read(self, buffer: memoryview) -> memoryview:
        self._still_wanted()
        self._file.seek(self._sent)
        count = self._file.readinto(buffer[: min(len(buffer), self._size - self._sent)])
        if not count:
            raise SparkMesosError(
                f"{self._path} has become shorter while it was uploaded",
                hint="Run the command again when it is done.",
            )
        return buffer[:count]

    def _stop_if_answered(self, connection: socket.socket) -> None:
        if isinstance(connection, ssl.SSLSocket):
            # What there is to read may be TLS' own, as session tickets are.
            timeout = connection.gettimeout()
            connection.settimeout(0)
            try:
                self.taken = connection.recv(1)
            except ssl.SSLWantReadError:
                return
            finally:
                connection.settimeout(timeout)
        self._read_answer()

    def _read_answer(self) -> NoReturn:
        self.answered_early = True
        # What urllib3 takes as the sign to read the answer (urllib3.connectionpool, _make_request).
        raise BrokenPipeError


class _Resumed(io.RawIOBase):
    """What a connection says, beginning with what was read of it already."""

    def __init__(self, taken: bytes, rest: io.RawIOBase) -> None:
        super().__init__()
        self._taken = taken
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._taken:
            buffer[: len(self._taken)] = self._taken
            count, self._taken = len(self._taken), b""
            return count
        return self._rest.readinto(buffer)

    def close(self) -> None:
        self._rest.close()
        super().close()


class _ResumedConnection:
    """A connection that gives back the byte that was taken."""

    def __init__(self, connection: socket.socket, taken: bytes) -> None:
        self._connection = connection
        self._taken = taken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def makefile(self, *args: Any, **kwargs: Any) -> io.BufferedReader:
        """What http.client reads answers from."""
        rest = cast(io.RawIOBase, self._connection.makefile("rb", buffering=0))
        return io.BufferedReader(_Resumed(self._taken, rest))


def _unsent(connection: socket.socket) -> int:
    """How many bytes the other side has not confirmed; 0 where the system does not tell."""
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return 0
    return int(count)


def _send(connection: HTTPConnection, body: FileBody) -> None:
    assert connection.sock is not None
    try:
        body.send_over(connection.sock)
    except BrokenPipeError:
        if body.taken:
            connection.sock = cast(socket.socket, _ResumedConnection(connection.sock, body.taken))
        raise


def _give_up(connection: HTTPConnection) -> None:
    """Let no other request follow on a connection that lacks the rest of a body. Its answer can be read."""
    if connection.sock is not None:
        connection.sock.close()
        connection.sock = None


class _Connection(HTTPConnection):
    """A connection that can send a FileBody."""

    _cut_short = False

    def send(self, data: Any) -> None:
        if isinstance(data, FileBody):
            self._cut_short = True
            _send(self, data)
            self._cut_short = False
        else:
            super().send(data)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
        response = super().getresponse()
        if self._cut_short:
            self._cut_short = False
            _give_up(self)
        return response


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TlsPool}


class FileAdapter(HTTPAdapter):
    """An adapter of requests over whose connections a FileBody can be sent."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """See HTTPAdapter."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """See HTTPAdapter."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
