"""A port and the ASGI application that answers there."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from sparkmesos_core.errors import DaemonError, UsageError
from sparkmesos_core.http_service.http_connection import Connection, Crowd, most_connections

_KEEP_ALIVE_SECONDS = 75
_LAST_ANSWERS_SECONDS = 5
_TAKE_SECONDS = 60.0
"""In which a client has to take something of what it is answered, or to show that it is still there."""


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
        # Connections inherit these (tcp(7)).
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(_TAKE_SECONDS * 1000))
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
    """Answers on a socket between `start` and `stop`, in the running event loop.

    At most `connections` are served at a time; None is as many as the limit on open files allows.
    """

    def __init__(
        self,
        taken: socket.socket,
        app: ASGIApp,
        tls: ssl.SSLContext | None = None,
        *,
        connections: int | None = None,
    ) -> None:
        crowd = Crowd(most_connections() if connections is None else connections)
        config = uvicorn.Config(
            app,
            http=cast(Any, partial(Connection, crowd)),  # it makes one for each connection
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


class _Server(uvicorn.Server):
    """uvicorn's, without its handling of signals: they are the dispatcher's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
