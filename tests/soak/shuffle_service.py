"""The external shuffle service of a run of chaos, which can be killed, and comes back: one for all agents of the machine."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping

from sparkmesos_core.process_end import wait_for_end
from tests.integration.commands import Commands
from tests.integration.short_lived_jvm import JVM

_SECONDS = 60.0


class ShuffleService:
    """A real one, by `start-shuffle-service`. It has the same port whenever it is started again."""

    def __init__(self, commands: Commands) -> None:
        """Starts it. Raises RuntimeError if it does not start."""
        self._commands = commands
        self._folder = commands.folder / "service"
        self._files = commands.folder / "files"
        self._files.mkdir()
        self.port = 0
        self.start()

    @property
    def properties(self) -> Mapping[str, str]:
        """Those of an application that uses it."""
        return {
            "spark.shuffle.service.enabled": "true",
            "spark.shuffle.service.port": str(self.port),
            "spark.local.dir": str(self._files),
        }

    def start(self) -> None:
        """Start it, and return when it listens."""
        done = self._run(
            "start-shuffle-service",
            *("--conf", f"spark.shuffle.service.port={self.port}"),
            *("--conf", f"spark.local.dir={self._files}"),
        )
        self.port = int(done.stdout.strip().rpartition(":")[2])

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        (file,) = self._folder.glob("*.pid")
        pid = int(file.read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        wait_for_end(pid, _SECONDS)

    def stop(self) -> None:
        """End it for good."""
        self._run("stop-shuffle-service")

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self._commands.run(
            *arguments,
            timeout=_SECONDS,
            SPARK_PID_DIR=str(self._folder),
            SPARK_LOG_DIR=str(self._folder),
            SPARK_DAEMON_JAVA_OPTS=JVM,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{arguments[0]}: {done.stderr}")
        return done
