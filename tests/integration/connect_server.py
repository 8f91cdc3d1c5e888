"""A real server of Spark Connect, and what it says."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.commands import Commands
from tests.integration.short_lived_jvm import SMALL_OPTIONS

PORT = "spark.connect.grpc.binding.port"
_PATIENCE = 240
"""Seconds: the bridge may have to be compiled."""


class ConnectServer:
    """A process of `sparkmesos shell --lang connect`; what it says is read, which would hold it up otherwise."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._over = False
        self._readers = [
            threading.Thread(target=self._read_stderr),
            threading.Thread(target=self._drain_stdout),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def said(self) -> str:
        """All of its stderr up to now."""
        with self._changed:
            return "".join(self._lines)

    def announced(self) -> re.Match[str]:
        """The line that tells its URL, once it is there: the whole, the host and the port."""

        def find() -> re.Match[str] | None:
            found = (re.match(r"Connect with: sc://(\S+):(\d+)(.*)", line) for line in self._lines)
            return next((match for match in found if match), None)

        with self._changed:
            there = self._changed.wait_for(lambda: find() is not None or self._over, _PATIENCE)
            match = find()
        assert there, f"nothing is announced within {_PATIENCE} s: {self.said[-4000:]}"
        assert match is not None, f"it has ended: {self.said[-4000:]}"
        return match

    def ended(self) -> int:
        """Its exit code, once it has ended by itself or by a signal, and all that it said is read."""
        code = self.process.wait(60)
        self._join()
        return code

    def kill(self) -> None:
        """Ends it, in whatever state it is."""
        self.process.kill()
        self._join()

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(30)

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _drain_stdout(self) -> None:
        assert self.process.stdout is not None
        for _ in self.process.stdout:
            pass


@contextmanager
def connect_server(
    commands: Commands, master: str, *options: str, **environment: str
) -> Iterator[ConnectServer]:
    """A small server on a free port, as long as the block lasts."""
    started = commands.start(
        "shell", "--lang", "connect", "--master", master, *SMALL_OPTIONS, "--conf", f"{PORT}=0", *options,
        **environment,
    )  # fmt: skip
    server = ConnectServer(started)
    try:
        yield server
    finally:
        server.kill()
