"""A shell into which a page of the guide is typed: variables, folders and background jobs stay from one command to the next."""

from __future__ import annotations

import os
import select
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class Shell:
    """A bash of its own, not interactive. `notes` is an empty folder for what is typed and printed."""

    def __init__(self, folder: Path, notes: Path, environment: Mapping[str, str]) -> None:
        self._notes = notes
        self._number = 0
        self._status = 0
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=dict(environment),
        )

    def run(self, command: str, timeout: float) -> tuple[int, str, str]:
        """Its exit status, and what is on its stdout and its stderr. AssertionError if it does not end.

        `$?` in it is that of the command before, as it would be at a prompt.
        """
        self._number += 1
        script = self._notes / f"{self._number}.sh"
        out, err = script.with_suffix(".out"), script.with_suffix(".err")
        script.write_text(command + "\n", encoding="utf-8")
        assert self._process.stdin is not None
        # Not from this shell's stdin, of which a command that reads would take the next one.
        read, written, told = (shlex.quote(str(path)) for path in (script, out, err))
        line = f"{{ (exit {self._status}); . {read}; }} </dev/null >{written} 2>{told}; echo $?\n"
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()
        answer = self._answer(time.monotonic() + timeout)
        on_stdout, on_stderr = (path.read_text(encoding="utf-8", errors="replace") for path in (out, err))
        assert answer.endswith(b"\n"), f"has not ended, or ended the shell: {command}\n{on_stderr[-4000:]}"
        self._status = int(answer)
        return self._status, on_stdout, on_stderr

    def _answer(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        number = self._process.stdout.fileno()
        answer = b""
        while not answer.endswith(b"\n"):
            ready, _, _ = select.select([number], [], [], max(0.0, deadline - time.monotonic()))
            part = os.read(number, 100) if ready else b""
            if not part:
                break
            answer += part
        return answer

    def close(self) -> None:
        """End the shell; what it has started in the background stays."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def shell(folder: Path, notes: Path, environment: Mapping[str, str]) -> Iterator[Shell]:
    """One that is ended at the end of the block."""
    opened = Shell(folder, notes, environment)
    try:
        yield opened
    finally:
        opened.close()
