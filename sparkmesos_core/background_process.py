"""Programs of ours that go on in the background: start one and hear that it is ready, or why it is not.

The program gets its settings on stdin, where no list of processes shows them, and says one thing on a pipe
whose descriptor is its argument: that it is ready, with what there is to tell about it, or its error. Its
log, which is its stdout and stderr, tells the rest.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparkmesos_core.errors import ExitCode, SparkMesosError
from sparkmesos_core.held_signals import held_signals


class EndedAtStart(Exception):
    """The program has ended before it was ready. `error` is what it said, None if it said nothing."""

    def __init__(self, status: int, error: SparkMesosError | None) -> None:
        super().__init__(status)
        self.status = status
        self.error = error


def start(
    module: str,
    settings: str,
    *,
    log: Path,
    folder: Path,
    keep_open: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    niceness: int = 0,
) -> tuple[int, dict[str, Any]]:
    """Start `python -m MODULE` in a session of its own; its process id and what it says when it is ready.

    `log` is written from its end on, `folder` is the current one of the program, and descriptors in
    `keep_open` are open in it, too. Raises EndedAtStart; an interrupt ends the program. It is not stopped
    when this process ends.
    """
    ready_read, ready_write = os.pipe()
    process = None
    with (
        os.fdopen(ready_read, "rb") as ready,
        os.fdopen(ready_write, "wb") as only_the_programs,
        log.open("ab") as output,
    ):
        try:
            with held_signals():
                process = subprocess.Popen(
                    [sys.executable, "-m", module, str(ready_write)],
                    # Python looks for modules in the current folder first, and the caller's may hold any.
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=(ready_write, *keep_open),
                )
            only_the_programs.close()
            if niceness:
                renice(process.pid, niceness)
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(settings.encode())
            answer = ready.read()
        except BaseException:
            # Interrupted while waiting: nothing half-started stays behind.
            if process is not None and process.stdin is not None:
                process.terminate()
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()  # it is closed already if the settings were given
                process.wait()
            raise
    if not answer:
        raise EndedAtStart(process.wait(), None)
    content = json.loads(answer)
    if "error" in content:
        raise EndedAtStart(process.wait(), _error(content["error"]))
    # Popen would complain about a child that nobody waits for: this one is meant to outlive us.
    process.returncode = 0
    return process.pid, content["ready"]


def renice(pid: int, niceness: int) -> None:
    """Make a process nicer than it is by so much. If it may not be it stays as it is, as with `nice`."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid) + niceness)
    except PermissionError:
        logging.getLogger(__name__).warning(
            "a niceness of %d needs more rights than this user has: it stays as it is", niceness
        )


def _error(fields: Mapping[str, Any]) -> SparkMesosError:
    error = SparkMesosError(fields["message"], hint=fields["hint"])
    error.exit_code = ExitCode(fields["exit_code"])
    return error


class StartReport:
    """The program's side: says once how its start went."""

    def __init__(self, descriptor: int) -> None:
        self._pipe = os.fdopen(descriptor, "w", encoding="utf-8")

    @property
    def made(self) -> bool:
        """Whether it was said."""
        return self._pipe.closed

    def ready(self, content: Mapping[str, Any]) -> None:
        """It is ready; `content` is for whoever started it."""
        self._say({"ready": content})

    def failed(self, error: SparkMesosError) -> None:
        """It will not be ready, and ends."""
        self._say(
            {"error": {"message": error.message, "hint": error.hint, "exit_code": int(error.exit_code)}}
        )

    def _say(self, content: Mapping[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError), self._pipe:  # whoever started it may be gone
            json.dump(content, self._pipe)


def read_settings() -> str:
    """The program's settings, to the end of its stdin, which is empty from then on."""
    text = sys.stdin.read()
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)
    return text


def tail(log: Path, lines: int) -> str:
    """The last lines of a log, for a message."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
