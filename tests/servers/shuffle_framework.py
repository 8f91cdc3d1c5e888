"""The framework of shuffle services on agents as a process that can be killed and started again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.shuffle_service.on_agents.client import ServicesClient
from sparkmesos_core.shuffle_service.on_agents.status import ServicesStatus
from tests.servers.dispatcher import COMMAND, free_ports, says_it_leads
from tests.servers.server_process import ServerProcess

LOG = "framework.log"
_POLL_SECONDS = 0.05


class ShuffleFramework(ServerProcess):
    """One process after the other, at the same port and with the same folder; it does not start by itself."""

    def __init__(self, master: str, folder: Path, options: Sequence[str] = ()) -> None:
        """`options` are further ones of `start-shuffle-service --on-mesos`."""
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SPARK")}
        self.environment = {**inherited, "SPARKMESOS_STATE_DIR": str(folder / "state")}
        start = ("start-shuffle-service", "--on-mesos", "--foreground")
        command = [COMMAND, *start, "--master", master, "--port", str(port), *options]
        super().__init__(folder, command, self.environment, LOG)

    def status(self) -> ServicesStatus:
        """What `--status` is made of. Raises SparkMesosError if it does not answer."""
        return ServicesClient(self.url).status()

    def leads(self) -> bool:
        """Whether it says that it is the one of several that leads."""
        return says_it_leads(self.url)

    def await_status(self, fits: Callable[[ServicesStatus], bool], timeout: float = 60.0) -> ServicesStatus:
        """The first status that fits; AssertionError if it has ended instead, or there is none in time."""
        deadline = time.monotonic() + timeout
        last: object = None
        while True:
            try:
                last = status = self.status()
                if fits(status):
                    return status
            except SparkMesosError as error:
                last = error
            assert self.process is None or self.process.poll() is None, f"it has ended:\n{self.log[-4000:]}"
            assert time.monotonic() < deadline, f"{last!r}\n{self.log[-4000:]}"
            time.sleep(_POLL_SECONDS)

    def run(self, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`start-shuffle-service --on-mesos OPTIONS` with the same folder, such as --status and --stop."""
        done = subprocess.run(
            [COMMAND, "start-shuffle-service", "--on-mesos", *options],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done


@contextlib.contextmanager
def running(framework: ShuffleFramework) -> Iterator[ShuffleFramework]:
    """It is started when the block begins, and killed at its end if it still runs."""
    try:
        framework.start()
        yield framework
    finally:
        framework.stop()
