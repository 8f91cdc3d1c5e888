"""One request and its answer over HTTP/1.1, each over a connection of its own.

Written out because Python's http.client, with the mail parser that it brings, costs a command more time than
the dispatcher takes to answer. It does what is needed to talk to one server that is named: no proxies, no
redirects, no cookies.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparkmesos_core.master import HostPort

LARGEST_ANSWER = 64 * 1024 * 1024
_LARGEST_HEAD = 256 * 1024
_PIECE = 64 * 1024


class NoAnswerError(Exception):
    """There was no whole answer: an OSError (a TimeoutError if time was up) or a NotHttpError is why."""

    def __init__(self, reason: Exception, *, connected: bool) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.connected = connected
        """Whether the server may have got the request."""


class NotHttpError(Exception):
    """What came is no answer of HTTP/1."""


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """By their names in lower case; of one that is there twice the last."""
    body: bytes


def exchange(
    address: HostPort,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    timeout: float,
    wrap: Callable[[socket.socket, str], socket.socket] | None = None,
) -> Answer:
    """Sends a request and returns its answer. Raises NoAnswerError.

    `path` and `headers` are in ASCII, without line ends; `timeout` is in seconds and for all of it. `wrap`
    makes a TLS connection of a socket, given the host's name: see `tls_wrapping`.
    """
    deadline = time.monotonic() + timeout
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    request = "\r\n".join([*lines, "", ""]).encode("ascii") + body
    connected = False
    try:
        connection = socket.create_connection((_looked_up(address.host), address.port), timeout)
        try:
            if wrap is not None:
                connection.settimeout(_left(deadline))
                connection = wrap(connection, address.host)
            connected = True
            return _converse(connection, request, deadline, without_body=method == "HEAD")
        finally:
            connection.close()
    except (OSError, NotHttpError) as error:
        raise NoAnswerError(error, connected=connected) from error


def tls_wrapping(ca_file: str | None) -> Callable[[socket.socket, str], socket.socket]:
    """What makes a TLS connection of a socket, for `exchange`, with servers that show who they are.

    `ca_file` holds the certificates that they are checked against, instead of the usual ones.
    """
    import ssl  # which takes its time to load

    context = ssl.create_default_context(cafile=ca_file)
    return lambda plain, name: context.wrap_socket(plain, server_hostname=name)


def _looked_up(host: str) -> str:
    """The host as the socket module is to get it: as bytes, if it can be, so that IDNA is not loaded."""
    return host.encode("ascii") if host.isascii() else host  # type: ignore[return-value]  # typeshed has text


def _converse(connection: socket.socket, request: bytes, deadline: float, *, without_body: bool) -> Answer:
    connection.settimeout(_left(deadline))
    # A server may answer, and hang up, before it has read all: what it says is worth reading.
    with contextlib.suppress(ConnectionError):
        connection.sendall(request)
    reader = _Reader(connection, deadline)
    while True:
        status, reason = _status_line(reader.line())
        headers: dict[str, str] = {}
        while line := reader.line():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if status >= 200:
            break
    if without_body or status in (204, 304):
        body = b""
    elif headers.get("transfer-encoding", "").lower().endswith("chunked"):
        body = _chunks(reader)
    elif "content-length" in headers:
        body = reader.exactly(_number(headers["content-length"], 10))
    else:
        body = reader.rest()
    return Answer(status, reason, headers, body)


class _Reader:
    """What comes over a connection, until a time."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._buffer = bytearray()
        self._heads = 0

    def line(self) -> str:
        """A line without its end; the limit is for all lines together."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) + self._heads > _LARGEST_HEAD:
                raise NotHttpError("an endless head")
            if not self._more():
                if self._buffer and not self._heads and not b"HTTP/1.".startswith(self._buffer[:7]):
                    raise NotHttpError("no status line")
                # Its server has died, after it had perhaps done what was asked for.
                raise ConnectionResetError("closed without a whole answer")
        line = bytes(self._buffer[:end]).rstrip(b"\r").decode("latin-1")
        del self._buffer[: end + 1]
        self._heads += end + 1
        return line

    def exactly(self, length: int) -> bytes:
        """So many bytes."""
        if length > LARGEST_ANSWER:
            raise NotHttpError("too large")
        while len(self._buffer) < length:
            if not self._more():
                raise ConnectionResetError("cut off in the answer")
        content = bytes(self._buffer[:length])
        del self._buffer[:length]
        return content

    def rest(self) -> bytes:
        """All that comes until the server closes the connection."""
        while len(self._buffer) <= LARGEST_ANSWER:
            if not self._more():
                return bytes(self._buffer)
        raise NotHttpError("too large")

    def _more(self) -> bool:
        self._connection.settimeout(_left(self._deadline))
        piece = self._connection.recv(_PIECE)
        self._buffer += piece
        return bool(piece)


def _chunks(reader: _Reader) -> bytes:
    content = bytearray()
    while length := _number(reader.line().partition(";")[0].strip(), 16):
        if length + len(content) > LARGEST_ANSWER:
            raise NotHttpError("too large")
        content += reader.exactly(length)
        reader.line()
    while reader.line():
        pass  # trailers
    return bytes(content)


def _status_line(line: str) -> tuple[int, str]:
    version, _, rest = line.partition(" ")
    code, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or len(code) != 3 or not (code.isascii() and code.isdigit()):
        raise NotHttpError("no status line")
    return int(code), reason.strip()


def _number(text: str, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0 or not text.isalnum():
        raise NotHttpError("a length that is no number")
    return number


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("time is up")
    return left
