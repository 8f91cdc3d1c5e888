"""A port and the ASGI application that answers there."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sparkmesos_core.errors import DaemonError, UsageError

_KEEP_ALIVE_SECONDS = 75
_LAST_ANSWERS_SECONDS = 5
_REQUEST_SECONDS = 30.0
"""In which a request has to arrive, from the connection, or its first byte, to its last one."""
_LARGEST_HEAD = 64 * 1024
"""Bytes of a request line and its headers, besides those of the packet that it began in."""


def take_port(host: str, port: int, option: str) -> socket.socket:
    """A socket that has the port; 0 takes a free one. It refuses connections until it is served.

    `option` is what sets the port. Raises DaemonError for one in use: another one would not be found by
    clients. UsageError for a host that this machine is not.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"--host {host} cannot be resolved: {reason}", hint="Give a name or address of this machine."
        ) from error
    # A name such as localhost has addresses of both families, and clients try the older one at least.
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.setblocking(False)
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRINUSE:
            raise DaemonError(
                f"Port {port} of {host} is in use", hint=f"Choose another one with {option}, or end its user."
            ) from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(
                f"--host {host} is not an address of this machine",
                hint="Give one that is, or 0.0.0.0 for all of them.",
            ) from error
        raise DaemonError(
            f"Cannot listen on port {port} of {host}: {error.strerror}", hint=f"Choose another with {option}."
        ) from error
    return taken


class HttpServer:
    """Answers on a socket between `start` and `stop`, in the running event loop."""

    def __init__(self, taken: socket.socket, app: ASGIApp, tls: ssl.SSLContext | None = None) -> None:
        config = uvicorn.Config(
            app,
            http=_Connection,
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
        )
        config.load()
        config.ssl = tls
        self._server = _Server(config)
        self._socket = taken
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Answer from now on. Raises DaemonError if somebody else who had the port, too, was quicker."""
        port = self._socket.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._task.done():
                # Two sockets may have a port as long as neither listens.
                error = self._task.exception()
                reason = getattr(error, "strerror", None) or error or "the server has not started"
                raise DaemonError(
                    f"Cannot listen on port {port}: {reason}", hint="Choose another one, or end its user."
                )
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Finish what is being answered, for some seconds at most, and give the port back."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task


class _Connection(HttpToolsProtocol):
    """uvicorn's, which waits for a slow client without end, and keeps a header of any length."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As asyncio wants it."""
        super().connection_made(transport)
        self._heads = 0
        self._in_head = False
        self._head_size = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio wants it."""
        self._drop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As asyncio wants it."""
        if self._deadline is None:
            self._set_deadline()
        in_head, heads = self._in_head, self._heads
        super().data_received(data)
        if in_head and self._in_head and heads == self._heads:
            self._head_size += len(data)
            if self._head_size > _LARGEST_HEAD:
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """As httptools wants it."""
        self._heads += 1
        self._in_head = True
        self._head_size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """As httptools wants it."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """As httptools wants it."""
        self._drop_deadline()
        super().on_message_complete()

    def shutdown(self) -> None:
        """As uvicorn wants it, at the end of the server."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.scheme == "https" and not self.transport.get_write_buffer_size():
            self.transport.abort()  # TLS would wait for a word of the client, which does not listen
        else:
            super().shutdown()

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(_REQUEST_SECONDS, self._give_up)

    def _drop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        cycle = self.cycle
        answering = cycle is not None and not cycle.more_body and not cycle.response_complete
        if answering or self.pipeline:
            self._set_deadline()  # it waits for us, whatever it has sent besides
        else:
            self.transport.abort()


class _Server(uvicorn.Server):
    """uvicorn's, without its handling of signals: they are the dispatcher's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
