"""The process of `--probe-spark`: Spark's driver and all that it starts, which ends in any case."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable

from sparkmesos_core.errors import SparkNotFoundError
from sparkmesos_core.submit.launch import Launch

_END_PATIENCE = 10.0


class SparkDriver:
    """A driver in a process group of its own. `close` ends it; it may be called at any time, and again."""

    def __init__(self, launch: Launch, on_line: Callable[[str], None]) -> None:
        """`on_line` gets each line that it writes, on a thread of its own.

        Raises SparkNotFoundError if it cannot be started.
        """
        try:
            self._process = subprocess.Popen(
                launch.arguments,
                env=dict(launch.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise SparkNotFoundError(
                f"{launch.arguments[0]} cannot be started: {error.strerror}",
                hint="Check the installation of Spark, and that there is a bash.",
            ) from error
        self._on_line = on_line
        self._closing = threading.Lock()
        self._reader = threading.Thread(target=self._read, name="probe: output of Spark", daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> int | None:
        """Waits for its end, so long at most: the exit code, None if it still runs."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """End it, gently at first: Spark then takes its leave of Mesos."""
        with self._closing:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if self.wait(0) is None:
                    self._signal(number)
                    self.wait(_END_PATIENCE)
            self._signal(signal.SIGKILL)  # what it has left behind
            self._reader.join(_END_PATIENCE)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._on_line(line.rstrip("\r\n"))
