"""A server of ours as a process that can be killed, stopped for a while, and started again in the same folder."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_END_SECONDS = 60.0


class ServerProcess:
    """One process after the other; it does not start by itself."""

    def __init__(
        self, folder: Path, command: Sequence[str], environment: Mapping[str, str], log: str
    ) -> None:
        """`log` is the name of the file that gets what all of them write to stderr."""
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self._command = list(command)
        self._environment = dict(environment)
        self._log = log

    @property
    def log(self) -> str:
        """What all of them have written to stderr."""
        return (self.folder / self._log).read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start one; it is not ready when this returns."""
        assert self.process is None
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / self._log).open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    @property
    def ended(self) -> bool:
        """Whether it has ended without having been told to."""
        return self.process is not None and self.process.poll() is not None

    def await_end(self, timeout: float = _END_SECONDS) -> int:
        """Its exit code, when it ends by itself."""
        process, self.process = self.process, None
        assert process is not None
        return process.wait(timeout)

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

    def stop(self) -> None:
        """Kill it if there is one."""
        if self.process is not None:
            self.kill()

    def terminate(self) -> int:
        """SIGTERM, and return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.await_end()
