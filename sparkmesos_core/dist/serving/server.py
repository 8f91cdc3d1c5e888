"""A small HTTP server for archives: for labs, for the quickstart, and where there is no web server yet."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp

from sparkmesos_core.dist.serving.file_answers import FileAnswers
from sparkmesos_core.dist.serving.served_files import ServedFiles, served_files
from sparkmesos_core.errors import SparkMesosError, UsageError
from sparkmesos_core.loopback_names import OnlyForLoopbackNames
from sparkmesos_core.master import HostPort

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8000
"""Always the same: the URL stands in configurations and has to hold when the server is started again."""

STALL_SECONDS = 300.0
"""How long a client may take nothing of what it has asked for."""

_BACKLOG = 1024
# Addresses for documentation (RFC 5737, RFC 3849): nothing is sent to them, only the route is asked for.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


class FileServer:
    """A server that listens."""

    def __init__(
        self,
        address: HostPort,
        on_loopback: bool,
        path: str,
        files: ServedFiles,
        answers: FileAnswers,
        thread: threading.Thread,
    ) -> None:
        self.address = address
        """The host, as agents are to call it, and the port."""
        self.on_loopback = on_loopback
        """Whether only this machine reaches it."""
        self.url = f"http://{address}{path}"
        """Of the archive; with a slash at its end of the folder."""
        self._files = files
        self._answers = answers
        self._thread = thread

    def file_urls(self) -> list[str]:
        """The URLs of the files that are there now, without those in folders below."""
        listed = self._files.find(())
        assert not isinstance(listed, int)  # this is the top folder
        return [
            f"http://{self.address}/{quote(os.fsencode(line.name))}" for line in listed if not line.is_folder
        ]

    @property
    def downloads(self) -> int:
        """How many times a whole file was given out so far."""
        return self._answers.downloads

    def wait(self) -> None:
        """Returns when the server has ended; signals interrupt it."""
        self._thread.join()


@contextlib.contextmanager
def served(
    path: Path, *, host: str = LOOPBACK, port: int = 0, stall_seconds: float = STALL_SECONDS
) -> Iterator[FileServer]:
    """Serves the folder or the archive `path` on a thread until the block ends; what is under way is cut off.

    `host` is the address or name to listen on, 0.0.0.0 or :: for all; `port` 0 takes a free one. Raises
    UsageError if there is nothing to serve or no such host, SparkMesosError if the port cannot be had.
    """
    files = served_files(path)
    listening = _listen(host, port, stall_seconds)
    bound = listening.getsockname()
    on_loopback = ipaddress.ip_address(bound[0].partition("%")[0]).is_loopback
    answers = FileAnswers(files)
    app: ASGIApp = answers
    if on_loopback:
        app = OnlyForLoopbackNames(app, [host], "serve-dist")
    server = uvicorn.Server(_config(app))
    thread = threading.Thread(target=_run, args=(server, listening), name="serve-dist", daemon=True)
    name = "" if path.is_dir() else quote(os.fsencode(path.name))
    thread.start()
    try:
        address = HostPort(_host_for_agents(host, bound[0]), bound[1])
        yield FileServer(address, on_loopback, f"/{name}", files, answers, thread)
    finally:
        server.should_exit = True
        thread.join()


def _run(server: uvicorn.Server, listening: socket.socket) -> None:
    with listening:
        asyncio.run(_serve(server, listening))


async def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
    await server.serve(sockets=[listening])
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    if tasks := list(server.server_state.tasks):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    await asyncio.sleep(0)  # transports close in the loop's next round


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
        server_header=False,
        # At its end it waits for nobody; from Python 3.12 on asyncio's servers would, for every client.
        timeout_graceful_shutdown=0,
        backlog=_BACKLOG,
    )


def _listen(host: str, port: int, stall_seconds: float) -> socket.socket:
    hint = "Choose another one with --port; --port 0 takes a free one."
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"{host} is no address of this machine: {getattr(error, 'strerror', None) or error}",
            hint="Give --host a name or address of this machine, or 0.0.0.0 for all of them.",
        ) from error
    # IPv4 first, where a name has both: a Mesos agent is at home there.
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    try:
        listening = socket.create_server(
            address[:2],
            family=family,
            backlog=_BACKLOG,
            dualstack_ipv6=address[0] == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SparkMesosError(f"Port {port} of {host} is in use", hint=hint) from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(
                f"{host} is no address of this machine",
                hint="Give --host a name or address of this machine, or 0.0.0.0 for all of them.",
            ) from error
        raise SparkMesosError(
            f"Cannot listen on port {port} of {host}: {error.strerror or error}", hint=hint
        ) from error
    # Connections inherit these (tcp(7)). Clients that have died without a word, or that read nothing, would
    # otherwise be waited for without end.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        milliseconds = int(stall_seconds * 1000)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    return listening


def _host_for_agents(host: str, bound: str) -> str:
    """What is to stand in URLs: the host as it was given, or for all addresses the one that leads elsewhere.

    An address, not the machine's name: agents may not know that, and here it is often one for loopback.
    """
    if not ipaddress.ip_address(bound.partition("%")[0]).is_unspecified:
        return host
    for family, elsewhere in _ELSEWHERE:
        if family == socket.AF_INET6 and ":" not in bound:
            continue
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))
            return str(probe.getsockname()[0])
    return socket.gethostname()
