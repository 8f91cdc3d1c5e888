from __future__ import annotations

import io
import itertools
import os
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

import pytest

from sparkmesos_cli.terminal import Terminal
from sparkmesos_cli.transfer_progress import TransferProgress


class Stderr(io.StringIO):
    """Tells when something was said."""

    def __init__(self) -> None:
        super().__init__()
        self._said = threading.Condition()
        self.broken = False

    def write(self, text: str) -> int:
        with self._said:
            count = super().write(text)
            self._said.notify_all()
        if self.broken:
            raise BrokenPipeError
        return count

    def wait_for(self, text: str) -> None:
        with self._said:
            assert self._said.wait_for(lambda: text in self.getvalue(), 20), self.getvalue()


class Talking(Terminal):  # type: ignore[misc]
    """A terminal of its own, since pytest has its hands on the real one's stderr."""

    def __init__(self, stream: Stderr, verbosity: int = 0) -> None:
        super().__init__(verbosity)
        self._stream = stream

    @property
    def stderr(self) -> TextIO:
        return self._stream


@pytest.fixture
def stderr() -> Stderr:
    return Stderr()


class TestWithoutATerminal:
    def test_a_line_soon_and_then_more_even_if_nothing_moves(self, stderr: Stderr) -> None:
        hours = itertools.count()
        progress = TransferProgress(Talking(stderr), first=0, every=0.01, clock=lambda: next(hours) * 3600.0)
        progress.begin("Uploading", 1000)
        progress.advance(250)
        stderr.wait_for("Uploading: 250 B of 1.0 kB (25 %)")
        before = len(stderr.getvalue())
        while stderr.getvalue()[before:].count("\n") < 2:
            stderr.wait_for(stderr.getvalue() + "Uploading: 250 B of")
        stderr.wait_for("stalled")
        progress.end()

    def test_the_last_line_says_what_was_done(self, stderr: Stderr) -> None:
        now = iter([10.0, 14.0])
        progress = TransferProgress(Talking(stderr), first=3600, clock=lambda: next(now))
        progress.begin("Packing", 2_000_000)
        progress.advance(2_000_000)
        progress.end()
        assert stderr.getvalue() == "Packing: 2.0 MB in 4.0 s, 500 kB/s\n"

    def test_what_was_not_finished(self, stderr: Stderr) -> None:
        progress = TransferProgress(Talking(stderr), first=3600)
        progress.begin("Uploading", 1000)
        progress.advance(999)
        progress.end()
        assert stderr.getvalue() == "Uploading: stopped at 999 B of 1.0 kB (99 %)\n"

    def test_how_far_it_got_is_not_what_was_taken_back(self, stderr: Stderr) -> None:
        progress = TransferProgress(Talking(stderr), first=3600)
        progress.begin("Uploading", 1000)
        for count in (500, 300, -800, 100):
            progress.advance(count)
        progress.end()
        assert stderr.getvalue() == "Uploading: stopped at 800 B of 1.0 kB (80 %)\n"

    def test_what_an_earlier_run_has_sent(self, stderr: Stderr) -> None:
        """It is no part of the rate, neither on the way nor in the end."""
        now = iter([0.0, 1.0, 10.0])
        progress = TransferProgress(Talking(stderr), first=0, every=3600, clock=lambda: next(now))
        progress.begin("Uploading", 1_000_000)
        stderr.wait_for("Uploading: 0 B of")
        progress.already(900_000)
        progress.advance(100_000)
        progress.end()
        assert stderr.getvalue().splitlines()[1:] == [
            "Uploading: 900 kB were there already",
            "Uploading: 100 kB in 10 s, 10 kB/s; 900 kB were there already",
        ]

    def test_nor_is_it_of_the_rate_on_the_way(self, stderr: Stderr) -> None:
        now = itertools.count()
        progress = TransferProgress(Talking(stderr), first=0, every=0.01, clock=lambda: float(next(now)))
        progress.begin("Uploading", 1_000_000)
        progress.already(900_000)
        stderr.wait_for("900 kB of 1.0 MB (90 %), 0 B/s, stalled")
        progress.end()
        assert "stopped at 900 kB" in stderr.getvalue()

    def test_what_has_to_be_done_again(self, stderr: Stderr) -> None:
        progress = TransferProgress(Talking(stderr), first=3600)
        progress.begin("Uploading", 1000)
        for count in (800, -800, 1000):
            progress.advance(count)
        progress.end()
        assert "Uploading: 1.0 kB in" in stderr.getvalue()

    def test_a_total_that_nobody_knows(self, stderr: Stderr) -> None:
        progress = TransferProgress(Talking(stderr), first=0, every=0.01)
        progress.begin("Building", None)
        progress.advance(5)
        stderr.wait_for("Building: 5 B")
        progress.end()
        assert "%" not in stderr.getvalue()
        assert "Building: 5 B in" in stderr.getvalue()

    def test_nothing_at_all_is_all(self, stderr: Stderr) -> None:
        progress = TransferProgress(Talking(stderr), first=0, every=0.01)
        progress.begin("Uploading", 0)
        stderr.wait_for("Uploading: 0 B of 0 B (100 %)")
        progress.end()

    def test_advances_of_many_threads(self, stderr: Stderr) -> None:
        progress = TransferProgress(Talking(stderr), first=3600)
        progress.begin("Uploading", 80_000)
        threads = [
            threading.Thread(target=lambda: [progress.advance(1) for _ in range(10_000)]) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        progress.end()
        assert stderr.getvalue().startswith("Uploading: 80 kB in")

    def test_quiet(self, stderr: Stderr) -> None:
        progress = TransferProgress(Talking(stderr, verbosity=-1), first=0, every=0.001)
        progress.begin("Uploading", 10)
        progress.advance(10)
        progress.end()
        assert stderr.getvalue() == ""

    def test_a_step_that_was_never_ended(self, stderr: Stderr) -> None:
        progress = TransferProgress(Talking(stderr), first=3600)
        progress.begin("One", 10)
        progress.begin("Two", 10)
        progress.end()
        progress.end()
        progress.advance(10)
        assert [line.partition(":")[0] for line in stderr.getvalue().splitlines()] == ["One", "Two"]
        assert not [thread for thread in threading.enumerate() if thread.name == "progress"]

    def test_nobody_reads_it(self, stderr: Stderr) -> None:
        stderr.broken = True
        progress = TransferProgress(Talking(stderr), first=0, every=0.001)
        progress.begin("Uploading", 10)
        stderr.wait_for("Uploading")
        stderr.broken = False
        progress.end()
        assert not [thread for thread in threading.enumerate() if thread.name == "progress"]

    def test_it_imports_nothing_heavy(self) -> None:
        program = (
            "import sys; from sparkmesos_cli.terminal import Terminal\n"
            "from sparkmesos_cli.transfer_progress import TransferProgress\n"
            "progress = TransferProgress(Terminal()); progress.begin('x', 1); progress.end()\n"
            "assert 'rich' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)


_PROGRAM = """
import os
import sys
from sparkmesos_cli.terminal import Terminal
from sparkmesos_cli.transfer_progress import TransferProgress
terminal = Terminal()
progress = TransferProgress(terminal, first=0, every=0.01)
progress.begin(os.environ.get("STEP", "Uploading"), 2_000_000)
progress.advance(1_000_000)
sys.stdin.readline()
terminal.say("[b]something else")
sys.stdin.readline()
progress.advance(1_000_000)
progress.end()
"""


class TestOnATerminal:
    @pytest.fixture
    def shown(self) -> Callable[..., str]:
        def show(*expected: str, **environment: str) -> str:
            """What the program shows: it goes on when it has shown what is expected."""
            controller, terminal = os.openpty()
            process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=terminal,
                env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "20", **environment},
            )
            os.close(terminal)
            assert process.stdin is not None
            seen = ""
            try:
                for text in expected:
                    seen += _read_until(controller, text)
                    process.stdin.write(b"\n")
                    process.stdin.flush()
                seen += _read_until(controller, None)
                assert process.wait(30) == 0
            finally:
                process.kill()
                process.wait()
                process.stdin.close()
                os.close(controller)
            return seen

        return show

    def test_a_bar(self, shown: Callable[..., str]) -> None:
        seen = shown("1.0 MB of 2.0 MB (50 %)", "[b]something else\r\n")
        assert "\x1b[?25l" in seen  # the cursor is hidden, and shown again
        assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
        assert "━" in seen
        last = seen.rpartition("\x1b[2K")[2]
        assert last.startswith("Uploading: 2.0 MB in ")
        assert last.count("\n") == 1

    def test_without_colours(self, shown: Callable[..., str]) -> None:
        seen = shown("(50 %)", "something else", NO_COLOR="1")
        assert "\x1b[3" not in seen
        assert "\x1b[9" not in seen

    def test_a_narrow_one_has_one_line_still(self, shown: Callable[..., str]) -> None:
        seen = shown("Uploading 1.0 MB of", "something else", COLUMNS="40")
        assert "━" not in seen
        assert "\x1b[1A\x1b[2K\x1b[1A" not in seen

    @pytest.mark.parametrize(("step", "columns"), [("Uploading", 18), ("Reading the archive", 8)])
    def test_a_step_with_a_long_name_has_a_short_bar(
        self, shown: Callable[..., str], step: str, columns: int
    ) -> None:
        """The figures have the same room, whatever stands in front of them."""
        seen = shown("(50 %)", "something else", COLUMNS="80", STEP=step)
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
        bars = re.findall(rf"{step} ([━╸╺]+) ", plain)
        assert bars
        assert {len(bar) for bar in bars} == {columns}

    def test_a_dumb_one_gets_lines(self, shown: Callable[..., str]) -> None:
        seen = shown("Uploading: 1.0 MB of 2.0 MB (50 %)", "something else", TERM="dumb")
        assert "\x1b" not in seen
        assert "━" not in seen


def _read_until(descriptor: int, text: str | None) -> str:
    """Reads on until a text was read; None: to the end."""
    content = b""
    deadline = time.monotonic() + 30
    while text is None or text.encode() not in content:
        ready, _, _ = select.select([descriptor], [], [], max(deadline - time.monotonic(), 0))
        assert ready, content
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # EIO: nobody writes to it any more
            piece = b""
        if not piece:
            assert text is None, content
            break
        content += piece
    return content.decode()
