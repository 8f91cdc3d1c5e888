"""A dispatcher as a process that can be killed and started again at the same address: ours, or Spark's."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.servers.server_process import ServerProcess

COMMAND = str(Path(sys.executable).parent / "sparkmesos")
LOG = "dispatcher.log"
_POLL_SECONDS = 0.05
_READY_SECONDS = 60.0
_ANSWER_SECONDS = 30.0


class DispatcherServer(ServerProcess):
    """One dispatcher after the other, with the same ports and in the same folder; it does not start by itself.

    `command` gets the options for its ports. `ready` is a path that is answered with 200 when it is ready.
    """

    def __init__(
        self, folder: Path, command: Sequence[str], environment: Mapping[str, str], ready: str
    ) -> None:
        self.port, webui_port = free_ports(2)
        self.webui_url = f"http://127.0.0.1:{webui_port}"
        ports = ["--port", str(self.port), "--webui-port", str(webui_port)]
        super().__init__(folder, [*command, *ports], environment, LOG)
        self._ready = ready

    @property
    def url(self) -> str:
        """For `--master` in cluster mode."""
        return f"mesos://127.0.0.1:{self.port}"

    def await_ready(self, timeout: float = _READY_SECONDS) -> None:
        """Return when it answers; AssertionError if it has ended instead, or does not."""
        assert self.process is not None
        deadline = time.monotonic() + timeout
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("GET", self._ready)[0] == 200:
                    return
            assert self.process.poll() is None, "the dispatcher has ended:\n" + self.log[-4000:]
            assert time.monotonic() < deadline, "the dispatcher is not ready:\n" + self.log[-4000:]
            time.sleep(_POLL_SECONDS)

    def leads(self, timeout: float = 1.0) -> bool:
        """Whether it says, in so many seconds, that it is the one of several that leads."""
        return says_it_leads(self.webui_url, timeout)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """One request of REST v1; `path` is what follows `/v1/submissions`. The status and the JSON.

        OSError or HTTPException if nobody answers.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_SECONDS)
        with contextlib.closing(connection):
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, f"/v1/submissions{path}", content)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())


def our_dispatcher(master: str, folder: Path, options: Sequence[str] = ()) -> DispatcherServer:
    """Ours, with its state below `folder`."""
    command = [COMMAND, "start-dispatcher", "--foreground", "--master", master, *options]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SPARK")}
    environment = {**inherited, "SPARKMESOS_STATE_DIR": str(folder / "state")}
    return DispatcherServer(folder, command, environment, "/readyz")


@contextlib.contextmanager
def running(server: DispatcherServer) -> Iterator[DispatcherServer]:
    """It is ready when the block begins, and killed at its end if it still runs."""
    try:
        server.start()
        server.await_ready()
        yield server
    finally:
        server.stop()


def says_it_leads(url: str, timeout: float = 1.0) -> bool:
    """Whether what answers at a URL says, in so many seconds, that it is the one of several that leads."""
    connection = http.client.HTTPConnection(url.partition("://")[2], timeout=timeout)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/health")
        return bool(json.loads(connection.getresponse().read())["leads"])
    return False


def free_ports(number: int) -> list[int]:
    """So many different ports that nobody listens at on 127.0.0.1."""
    # They have to be known before it starts, and the same ever after. Between this and its start somebody else
    # could take one, in theory.
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [one.getsockname()[1] for one in sockets]
