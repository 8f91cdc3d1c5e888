"""Connections of a dispatcher that stands by to the one that leads: HTTP/1.1, kept for further requests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import h11

CONNECT_SECONDS = 3.0
_LONGEST_IDLE = 20.0
"""Seconds for which a connection is kept: less than servers wait for a first request or a further one."""
_MOST_IDLE = 16
_LOOK_SECONDS = 0.5
"""How often somebody who waits for an answer looks if that is still the leader's to give."""
_SILENT_SECONDS = 60.0
"""For how long nothing may come of an answer that has begun."""
_PIECE = 64 * 1024
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})

Headers = Sequence[tuple[bytes, bytes]]


class NotReachedError(Exception):
    """The leader has not got the request. The text says why, for people."""


class NoAnswerError(Exception):
    """The leader may have got the request, and did not answer it. The text says why, for people."""


class MalformedError(Exception):
    """A request that cannot be passed on because HTTP forbids it."""


@dataclass(frozen=True)
class LeaderRequest:
    """A request as it goes to the leader."""

    method: bytes
    target: bytes
    """Path and query, in the bytes that the client sent."""
    headers: Headers
    body: bytes


class LeaderAnswer:
    """An answer whose head has come. To be closed."""

    def __init__(
        self, connection: _Connection, head: h11.Response, release: Callable[[_Connection], None]
    ) -> None:
        self.status = head.status_code
        self.headers: Headers = list(head.headers)
        self._connection = connection
        self._release = release

    async def body(self) -> AsyncIterator[bytes]:
        """What it says, as it comes. Raises NoAnswerError if it ends too early."""
        while True:
            event = await self._connection.next_event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return

    async def content(self) -> bytes:
        """All of it, for what is short. Raises NoAnswerError."""
        return b"".join([piece async for piece in self.body()])

    def close(self) -> None:
        """Keep the connection if it can be used again."""
        self._release(self._connection)


class LeaderConnections:
    """One per process, for both of its servers. Lives in one event loop.

    A leader that speaks https is checked against the authorities in `ca_file`, else those in `SSL_CERT_FILE`
    and `REQUESTS_CA_BUNDLE`, else those that Python trusts; and against the certificates in the file
    `certificate`, this dispatcher's own, whether or not they are authorities: dispatchers may share one.
    """

    def __init__(self, *, ca_file: str | None = None, certificate: str | None = None) -> None:
        self._ca_file = ca_file
        self._certificate = certificate
        self._context: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []
        self._closed = False

    async def reach(self, url: str) -> None:
        """See that there is a connection to the server at `url`. Raises NotReachedError."""
        deadline = asyncio.get_running_loop().time() + CONNECT_SECONDS
        self._set_aside((await self._connect(url, deadline))[0])

    async def ask(
        self, url: str, request: LeaderRequest, seconds: float, still: Callable[[], bool] = lambda: True
    ) -> LeaderAnswer:
        """The answer of the server at `url`, whose head has to come within `seconds`.

        It is not waited for any longer when `still` says that the server does not lead any more. Raises
        NotReachedError, NoAnswerError, MalformedError.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        connection, was_used = await self._connect(url, deadline)
        try:
            return await self._converse(connection, request, deadline, still)
        except NoAnswerError as error:
            if loop.time() >= deadline:
                raise NoAnswerError(f"it did not answer within {round(seconds, 1):g} s") from error
            # The server may have closed it just then. Asking again does no harm if it changes nothing.
            if not was_used or request.method not in _REPEATABLE or not still():
                raise
        return await self._converse(await self._open(url, deadline), request, deadline, still)

    async def close(self) -> None:
        """Close what is not in use, and keep nothing more."""
        self._closed = True
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # transports close in the next turn of the loop

    async def _converse(
        self, connection: _Connection, request: LeaderRequest, deadline: float, still: Callable[[], bool]
    ) -> LeaderAnswer:
        try:
            await connection.send(request, deadline)
            head = await connection.head(deadline, still)
        except BaseException:
            connection.close()
            raise
        return LeaderAnswer(connection, head, self._keep)

    async def _connect(self, url: str, deadline: float) -> tuple[_Connection, bool]:
        """A connection, and whether it was used before."""
        now = asyncio.get_running_loop().time()
        usable = [one for one in self._idle if one.is_usable(now)]
        for one in self._idle:
            if one not in usable:
                one.close()
        self._idle = usable
        fitting = [one for one in usable if one.url == url]
        if not fitting:
            return await self._open(url, deadline), False
        usable.remove(fitting[-1])
        return fitting[-1], True

    async def _open(self, url: str, deadline: float) -> _Connection:
        if self._closed:
            raise NotReachedError("this dispatcher is just stopping")
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        context = self._tls() if secure else None
        left = deadline - asyncio.get_running_loop().time()
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(parts.hostname, parts.port or (443 if secure else 80), ssl=context),
                min(left, CONNECT_SECONDS),
            )
        except (OSError, asyncio.TimeoutError, UnicodeError) as error:
            raise NotReachedError(_reason(error)) from error
        return _Connection(url, reader, writer)

    def _keep(self, connection: _Connection) -> None:
        if connection.begin_anew():
            self._set_aside(connection)
        else:
            connection.close()

    def _set_aside(self, connection: _Connection) -> None:
        if self._closed or len(self._idle) >= _MOST_IDLE:
            connection.close()
        else:
            self._idle.append(connection)

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            named = [path for name in _CA_VARIABLES if (path := os.environ.get(name))]
            authorities = [self._ca_file] if self._ca_file is not None else named
            try:
                self._context = _client_context(authorities, self._certificate)
            except OSError as error:
                own = [] if self._certificate is None else [self._certificate]
                where = " or ".join([*authorities, *own])
                raise NotReachedError(f"certificates cannot be read from {where}: {error}") from error
        return self._context


def _client_context(authorities: Sequence[str], own: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not authorities:
        context.load_default_certs()
    for path in authorities:
        context.load_verify_locations(**{"capath" if Path(path).is_dir() else "cafile": path})
    if own is not None:
        context.load_verify_locations(own)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class _Connection:
    """One connection, with one request at a time."""

    def __init__(self, url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.url = url
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT)
        self._idle_since = asyncio.get_running_loop().time()
        self._gave_up = False

    def is_usable(self, now: float) -> bool:
        """Whether the server has not closed it as far as is known, and will not at once."""
        closed = self._reader.at_eof() or self._writer.transport.is_closing()
        return not closed and now - self._idle_since < _LONGEST_IDLE

    def begin_anew(self) -> bool:
        """Make it ready for another request; whether that is possible."""
        if self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
        self._idle_since = asyncio.get_running_loop().time()
        return self._protocol.our_state is h11.IDLE and not self._protocol.trailing_data[0]

    async def send(self, request: LeaderRequest, deadline: float) -> None:
        """Send it. What cannot be sent any more is found by reading: the answer may be there already."""
        try:
            events = [
                h11.Request(method=request.method, target=request.target, headers=list(request.headers)),
                h11.Data(data=request.body),
                h11.EndOfMessage(),
            ]
            data = b"".join(self._protocol.send(event) or b"" for event in events)
        except h11.LocalProtocolError as error:
            raise MalformedError(str(error)) from error
        left = deadline - asyncio.get_running_loop().time()
        with self._at_most(left), contextlib.suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def head(self, deadline: float, still: Callable[[], bool]) -> h11.Response:
        """The head of the answer; the deadline is in the loop's time."""
        loop = asyncio.get_running_loop()
        waiting = asyncio.ensure_future(self._head())
        try:
            while not waiting.done():
                left = deadline - loop.time()
                if left <= 0:
                    raise NoAnswerError("it did not answer in time")
                await asyncio.wait({waiting}, timeout=min(left, _LOOK_SECONDS))
                if not waiting.done() and not still():
                    raise NoAnswerError("it ceased to lead, or fell silent, before it answered")
            return waiting.result()
        finally:
            waiting.cancel()

    async def _head(self) -> h11.Response:
        while True:
            event = await self.next_event()
            if isinstance(event, h11.Response):
                return event

    async def next_event(self) -> h11.Event:
        """What comes next. Raises NoAnswerError."""
        while True:
            try:
                event = self._protocol.next_event()
                if event is h11.NEED_DATA:
                    self._protocol.receive_data(await self._read())
                    continue
            except OSError as error:
                raise NoAnswerError(_reason(error)) from error
            except h11.RemoteProtocolError as error:
                raise NoAnswerError("it closed the connection without a whole answer") from error
            if isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                raise NoAnswerError("it closed the connection without a whole answer")
            assert isinstance(event, h11.Event)
            return event

    async def _read(self) -> bytes:
        with self._at_most(_SILENT_SECONDS):
            data = await self._reader.read(_PIECE)
        if self._gave_up:
            raise NoAnswerError("it fell silent")
        return data

    @contextlib.contextmanager
    def _at_most(self, seconds: float) -> Iterator[None]:
        """Give the connection up after so many seconds. (asyncio.wait_for may overlook a cancellation.)"""
        timer = asyncio.get_running_loop().call_later(seconds, self._give_up)
        try:
            yield
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        self._gave_up = True
        self.close()

    def close(self) -> None:
        """At once: TLS would wait for a word of the other side."""
        self._writer.transport.abort()


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "no connection in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted here: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"it does not speak TLS ({error.reason})"
    if isinstance(error, ConnectionRefusedError):
        return "it refuses connections"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
