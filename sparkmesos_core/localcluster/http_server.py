"""One HTTP server of the embedded cluster, which can die as the process of a master or an agent does.

It keeps its port for its whole life: while it is down, connections are refused, as when a process has ended,
and nobody else gets the port.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import socket
import time
from email.utils import formatdate
from typing import Any

import uvicorn
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from sparkmesos_core.errors import LocalClusterError
from sparkmesos_core.localcluster.network.namespaces import Within
from sparkmesos_core.loopback_names import OnlyForLoopbackNames

SCHEDULER_PATH = "/api/v1/scheduler"

_KEEP_ALIVE_SECONDS = 300
_PATIENCE_SECONDS = 2.0
_PORT_PATIENCE_SECONDS = 10.0
_PORT_PAUSE_SECONDS = 0.05
_BACKLOG = 128
logger = logging.getLogger(__name__)

_PORT_HINT = "Choose another one with --port; --port 0 takes a free one."


class HttpServer:
    """A server for one host and port; it takes the port when it is made and answers after `start`."""

    def __init__(self, host: str, port: int = 0, within: Within = contextlib.nullcontext) -> None:
        """`port` 0 takes a free one; `within` is where it is taken, in a network namespace for one.

        Raises LocalClusterError if it cannot be had.
        """
        self.host = host
        self._within = within
        self._socket = _bound(host, port, within)
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._state = _State()
        self._going_on = asyncio.Event()
        self._going_on.set()
        self._port_free = asyncio.Event()
        self._port_free.set()

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def start(self, app: ASGIApp) -> None:
        """Answer with this application from now on. Raises LocalClusterError if the port was taken away."""
        if ipaddress.ip_address(ip_address(self.host)).is_loopback:
            app = OnlyForLoopbackNames(app, [self.host], "The embedded cluster")
        config = _config(_WhileGoingOn(app, self._going_on))
        config.load()
        await self._port_free.wait()
        if self._socket.fileno() < 0:  # it could not be had when the server died
            self._socket = _bound(self.host, self.port, self._within)
        self._state = state = _State()
        self._going_on.set()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Connection(config, state, {}), sock=self._socket, backlog=_BACKLOG
            )
        except OSError as error:
            raise _no_port(self.host, self.port, error) from error

    def kill(self) -> None:
        """End at once, as by SIGKILL: what is connected is cut off, what connects is refused."""
        server, self._server = self._server, None
        if server is None:
            return
        self._state.alive = False
        for connection in list(self._state.connections):
            connection.transport.abort()
        loop = asyncio.get_running_loop()
        for listening in server.sockets:
            loop.remove_reader(listening.fileno())
        self._port_free.clear()

        def close() -> None:
            for listening in server.sockets:
                # A process that another thread has just forked holds it until it executes its program, and
                # the port with it.
                with contextlib.suppress(OSError):
                    listening.shutdown(socket.SHUT_RDWR)
            server.close()
            self._take_port_again(loop.time() + _PORT_PATIENCE_SECONDS)

        # Not before what was accepted already has become a connection, which then ends at once: asyncio
        # forgets it otherwise, and who has connected waits in vain.
        loop.call_soon(close)

    def _take_port_again(self, deadline: float) -> None:
        """Until the deadline, in the loop's time: an outgoing connection may have the port for a moment."""
        loop = asyncio.get_running_loop()
        try:
            self._socket = _bound(self.host, self.port, self._within)
        except LocalClusterError as error:
            if loop.time() < deadline:
                loop.call_later(_PORT_PAUSE_SECONDS, self._take_port_again, deadline)
                return
            logger.error("%s", error.message)
        self._port_free.set()

    async def stop(self) -> None:
        """End for good and give the port back; answers that have begun are finished if they soon end."""
        server, self._server = self._server, None
        if server is None:
            await self._port_free.wait()
            self.release()
            return
        server.close()
        self._going_on.set()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=_PATIENCE_SECONDS)
        for task in list(self._state.tasks):
            task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # transports close in the loop's next round

    def release(self) -> None:
        """Give the port back without ever having answered."""
        self._socket.close()

    def pause(self) -> None:
        """Answer nothing until `resume`, but keep connections and take new ones, as by SIGSTOP."""
        self._going_on.clear()

    def resume(self) -> None:
        """Go on, as by SIGCONT."""
        self._going_on.set()

    def cut_subscriptions(self) -> int:
        """Cut the TCP connections that schedulers are subscribed over; returns how many there were."""
        cut = 0
        for connection in list(self._state.connections):
            scope = getattr(connection, "scope", None)
            if scope is not None and scope["path"].endswith(SCHEDULER_PATH) and not _idle(connection):
                connection.transport.abort()
                cut += 1
        return cut


def ip_address(host: str) -> str:
    """The address of a host name, or the address itself."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return socket.gethostbyname(host)


class _State(ServerState):
    """What the connections of one life of a server have in common."""

    def __init__(self) -> None:
        super().__init__()
        self.alive = True


class _Connection(H11Protocol):
    """A connection that is cut off if the server was killed while it was being made."""

    def __init__(self, config: uvicorn.Config, state: _State, app_state: dict[str, Any]) -> None:
        super().__init__(config, state, app_state)
        self._state_of_server = state

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As asyncio wants it."""
        super().connection_made(transport)
        if not self._state_of_server.alive:
            transport.abort()


class _WhileGoingOn:
    """ASGI middleware which adds a date, logs what went wrong, and lets nothing through during a pause."""

    def __init__(self, app: ASGIApp, going_on: asyncio.Event) -> None:
        self._app = app
        self._going_on = going_on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_later(message: Message) -> None:
            await self._going_on.wait()
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                message["headers"] = [*message["headers"], (b"date", _date())]
            await send(message)

        await self._going_on.wait()
        try:
            await self._app(scope, receive, send_later)
        except ClientDisconnect:
            pass  # who has gone away in the middle of a request wants no answer
        except Exception:  # the library answers 500, and says nothing: its own log is switched off
            logger.exception("%s %s could not be answered", scope["method"], scope["path"])
            raise


def _date() -> bytes:
    return formatdate(time.time(), usegmt=True).encode()


def _idle(connection: object) -> bool:
    cycle = getattr(connection, "cycle", None)
    return cycle is None or bool(cycle.response_complete)


def _bound(host: str, port: int, within: Within) -> socket.socket:
    """A socket which has the port and does not listen yet, so that connections are refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with within():
        bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.setblocking(False)
    except (OSError, OverflowError) as error:
        bound.close()
        raise _no_port(host, port, error) from error
    return bound


def _no_port(host: str, port: int, error: Exception) -> LocalClusterError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return LocalClusterError(f"Port {port} of {host} is in use", hint=_PORT_HINT)
    reason = getattr(error, "strerror", None) or error
    return LocalClusterError(f"Cannot listen on port {port} of {host}: {reason}", hint=_PORT_HINT)


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        access_log=False,
        log_level="critical",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        server_header=False,
        date_header=False,
    )
