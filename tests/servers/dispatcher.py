"""A dispatcher as a process that can be killed and started again at the same address: ours, or Spark's."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).parent / "sparkmesos")
LOG = "dispatcher.log"
_POLL_SECONDS = 0.05
_READY_SECONDS = 60.0
_ANSWER_SECONDS = 30.0


class DispatcherServer:
    """One dispatcher after the other, with the same ports and in the same folder; it does not start by itself.

    `command` gets the options for its ports. `ready` is a path that is answered with 200 when it is ready.
    """

    def __init__(
        self, folder: Path, command: Sequence[str], environment: Mapping[str, str], ready: str
    ) -> None:
        self.folder = folder
        self.port, webui_port = _free_ports(2)
        self.webui_url = f"http://127.0.0.1:{webui_port}"
        self.process: subprocess.Popen[bytes] | None = None
        self._command = [*command, "--port", str(self.port), "--webui-port", str(webui_port)]
        self._environment = environment
        self._ready = ready

    @property
    def url(self) -> str:
        """For `--master` in cluster mode."""
        return f"mesos://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What all of them have written to stderr."""
        return (self.folder / LOG).read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start one; it is not ready when this returns."""
        assert self.process is None
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOG).open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                env=dict(self._environment),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

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

    @property
    def ended(self) -> bool:
        """Whether it has ended without having been told to."""
        return self.process is not None and self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL, and return when it is dead."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: it does nothing until `resume`, but its connections stay, and new ones are taken."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def leads(self, timeout: float = 1.0) -> bool:
        """Whether it says, in so many seconds, that it is the one of several that leads."""
        address = self.webui_url.partition("://")[2]
        connection = http.client.HTTPConnection(address, timeout=timeout)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/health")
            return bool(json.loads(connection.getresponse().read())["leads"])
        return False

    def stop(self) -> None:
        """The same if there is one, else nothing."""
        if self.process is not None:
            self.kill()

    def terminate(self) -> int:
        """SIGTERM, and return its exit code."""
        return self._end(signal.SIGTERM)

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

    def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(number)
        return process.wait(timeout=60)


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


def _free_ports(number: int) -> list[int]:
    # They have to be known before it starts, and the same ever after. Between this and its start somebody else
    # could take one, in theory.
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [one.getsockname()[1] for one in sockets]
