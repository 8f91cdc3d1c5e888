"""What a program of this machine answers, such as `java -version`; it ends in time, with its children."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_PATIENCE_AT_EXIT = 1.0
"""Seconds. A program on a file system that hangs may take for ever to start."""


@dataclass(frozen=True)
class Answer:
    """What a program wrote, and how it ended. What is no UTF-8 becomes U+FFFD."""

    status: int
    stdout: str
    stderr: str


class _Running:
    """The programs that have not answered yet: they end when we do, whichever thread waits for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()
        self._over = False

    def start(self, command: Sequence[str], environment: Mapping[str, str] | None) -> subprocess.Popen[str]:
        with self._lock:
            if self._over:
                raise OSError("this program ends")
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )
            self._processes.add(process)
            return process

    def forget(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            self._processes.discard(process)

    def end(self) -> None:
        locked = self._lock.acquire(timeout=_PATIENCE_AT_EXIT)
        try:
            self._over = True
            for process in list(self._processes):
                _kill(process)
        finally:
            if locked:
                self._lock.release()


_RUNNING = _Running()
# Threads that wait for an answer are not waited for in the end: who gave a check up is not to hang for it.
atexit.register(_RUNNING.end)


def ask_program(
    command: Sequence[str], *, timeout: float, environment: Mapping[str, str] | None = None
) -> Answer:
    """Runs a program for `timeout` seconds at most, with nothing on its stdin; `environment` is ours if None.

    Raises OSError (or ValueError, for a null character) if it cannot be started, and
    subprocess.TimeoutExpired: then it has ended, and with it all that it started in its session.
    """
    process = _RUNNING.start(command, environment)
    try:
        with process:  # which closes its pipes: a child in another session may hold them open
            try:
                stdout, stderr = process.communicate(timeout=timeout)
            except BaseException:  # Ctrl-C, too, which does not reach another session
                _kill(process)
                raise
    finally:
        _RUNNING.forget(process)
    return Answer(process.returncode, stdout, stderr)


def _kill(process: subprocess.Popen[str]) -> None:
    if process.returncode is None:  # else its id may be that of another
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
