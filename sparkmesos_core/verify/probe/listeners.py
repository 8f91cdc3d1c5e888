"""The ports that a driver would listen on, for as long as a probe takes: its tasks connect to them."""

from __future__ import annotations

import errno
import socket
import socketserver
import threading
from collections.abc import Callable

from sparkmesos_core.errors import UsageError
from sparkmesos_core.verify.probe.report import MARK
from sparkmesos_core.verify.probe.task_script import WELCOME

_PATIENCE = 10.0
"""Seconds for which nothing may be heard on a connection."""
_LONGEST = 256 * 1024
_LONGEST_LINE = 200
_REPORT = "report"
_FIRST, _PORTS = 1024, 65536 - 1024


class Listeners:
    """Servers on this machine. `knows` says whether a token is one of ours, `told` gets the reports."""

    def __init__(self, knows: Callable[[str], bool], told: Callable[[str, str], None]) -> None:
        self._knows = knows
        self._told = told
        self._servers: list[_Server] = []

    def open(self, host: str, port: int, retries: int, key: str) -> int:
        """Listen at an address or name of this machine; the port that it became.

        As Spark, it tries those behind `port` that many times if it is taken (`Utils.startServiceOnPort`); 0
        is any. Raises UsageError, which names the property `key`, if there is none.
        """
        family, address = _resolved(host)
        for attempt in range(retries + 1):
            number = port and (port + attempt - _FIRST) % _PORTS + _FIRST if attempt else port
            try:
                server = _Server(family, (address, number), self._knows, self._told)
            except OSError as error:
                if error.errno == errno.EADDRINUSE and port:
                    continue
                raise UsageError(
                    f"The driver cannot listen at {host}, port {number}: {error.strerror}",
                    hint=f"Correct {key}, or spark.driver.bindAddress.",
                ) from error
            self._servers.append(server)
            threading.Thread(
                target=server.serve_forever, args=(0.05,), name=f"probe: {key}", daemon=True
            ).start()
            return int(server.server_address[1])
        raise UsageError(
            f"The ports from {port} on are all in use, {retries + 1} of them",
            hint=f"Set {key} to a port that is free, or end what uses it.",
        )

    def close(self) -> None:
        """Listen no longer; may be called again."""
        while self._servers:
            server = self._servers.pop()
            server.shutdown()
            server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True  # as Java does
    request_queue_size = 128

    def __init__(
        self,
        family: socket.AddressFamily,
        address: tuple[str, int],
        knows: Callable[[str], bool],
        told: Callable[[str, str], None],
    ) -> None:
        self.address_family = family
        self.knows = knows
        self.told = told
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Who goes away in the middle is none of our business."""


class _Handler(socketserver.StreamRequestHandler):
    """A line `MARK TOKEN WHAT` is answered with a welcome; behind it a report may follow."""

    server: _Server
    timeout = _PATIENCE

    def handle(self) -> None:
        line = self.rfile.readline(_LONGEST_LINE).decode("ascii", "replace").strip()
        token, _, what = line.removeprefix(f"{MARK} ").partition(" ")
        if not line.startswith(MARK) or not self.server.knows(token):
            return
        self.wfile.write(f"{MARK} {token} {WELCOME}\n".encode())
        if what == _REPORT:
            self.server.told(token, self.rfile.read(_LONGEST).decode("utf-8", "replace"))


def _resolved(host: str) -> tuple[socket.AddressFamily, str]:
    """IPv4 before IPv6, as Java has it. Raises UsageError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"{host}, where the driver is to listen, cannot be resolved: {error}",
            hint="Set spark.driver.bindAddress to an address of this machine.",
        ) from None
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, str(address[0])
