"""A program at a terminal of its own, and a test at its keyboard."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CTRL_C = "\x03"
CTRL_D = "\x04"
UP = "\x1b[A"
APPLICATION_UP = "\x1bOA"
"""The same key at a terminal that a program has switched to application mode, as JLine 3 does."""
ENTER = "\r"

# Opened by the leader of a session without a terminal, it becomes that session's.
_AT_THE_TERMINAL = 'exec "$@" <"$0" >"$0" 2>"$0"'
_COLUMNS = 240  # so that no line is broken
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[()][0-9A-Z]|[^\[\]()])")


class TerminalSession:
    """Starts a program in a session of its own, whose controlling terminal the test holds the other end of."""

    def __init__(self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> None:
        self._keyboard, self._terminal = os.openpty()
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, _COLUMNS, 0, 0))
        self.modes_before = self.modes()
        self._raw = ""
        self._unread = ""
        self._all = ""
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", _AT_THE_TERMINAL, os.ttyname(self._terminal), *arguments],
            cwd=folder,
            env={**environment, "TERM": "xterm"},
            start_new_session=True,
            text=True,
        )

    def modes(self) -> list[Any]:
        """How the terminal is set, as `stty` shows it."""
        return termios.tcgetattr(self._terminal)

    def press(self, keys: str) -> None:
        os.write(self._keyboard, keys.encode())

    def enter(self, line: str) -> None:
        self.press(line + ENTER)

    def expect(self, pattern: str, timeout: float = 240) -> re.Match[str]:
        """Waits for what matches, behind what the last one matched. The program's end is a failure."""
        deadline = time.monotonic() + timeout
        while (match := re.search(pattern, self._unread, re.MULTILINE)) is None:
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern} did not come within {timeout} s:\n{self._all[-4000:]}"
            if not self._read(min(left, 1.0)) and self.process.poll() is not None and not self._read(0):
                raise AssertionError(
                    f"ended with {self.process.returncode} before {pattern}:\n{self._all[-4000:]}"
                )
        self._unread = self._unread[match.end() :]
        return match

    def end(self, timeout: float = 120) -> int:
        """Waits for the program's end; its exit code, negative if a signal ended it."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end:\n{self._all[-4000:]}"
            self._read(0.1)  # who writes to a terminal that nobody reads is held up
        return self.process.returncode

    def close(self) -> None:
        """Ends the program, if need be, and gives the terminal back."""
        self.process.kill()
        self.process.wait()
        os.close(self._keyboard)
        os.close(self._terminal)

    def _read(self, timeout: float) -> bool:
        """Takes what is on the screen, without the terminal's commands; false if there was nothing."""
        if not select.select([self._keyboard], [], [], timeout)[0]:
            return False
        text = self._raw + os.read(self._keyboard, 1 << 16).decode(errors="replace")
        begun = text.rfind("\x1b")
        if begun >= 0 and not _ESCAPE.match(text, begun):  # the rest of this one is still to come
            text, self._raw = text[:begun], text[begun:]
        else:
            self._raw = ""
        # What is overwritten is a line, too.
        text = _ESCAPE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
        self._unread += text
        self._all += text
        return True
