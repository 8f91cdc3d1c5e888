"""Programs that are asked something leave nothing behind, however the asking ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparkmesos_core.process_end import wait_for_end
from sparkmesos_core.program_answer import Answer, ask_program

FAR = 60.0
# It tells its own id and that of its child, and then waits for ever.
HANGS = ["sh", "-c", 'sleep 600 & printf "%s %s\\n" $$ $! > "$0.new"; mv "$0.new" "$0"; wait']


def test_what_it_says() -> None:
    command = ["sh", "-c", "cat; echo out; printf 'er\\377r' >&2; echo $COLOUR >&2; exit 3"]
    assert ask_program(command, timeout=FAR, environment={"COLOUR": "red"}) == Answer(
        3, "out\n", "er\N{REPLACEMENT CHARACTER}rred\n"
    )


def test_one_that_is_not_there() -> None:
    with pytest.raises(OSError, match="No such file"):
        ask_program(["/nonexistent/program"], timeout=FAR)


def test_one_that_does_not_answer() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        ask_program(["sleep", "600"], timeout=0.1)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that programs write; once it is there, no answer comes any more."""
    file = tmp_path / "told"

    def late(process: subprocess.Popen[str], timeout: float) -> tuple[str, str]:
        deadline = time.monotonic() + FAR
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        raise subprocess.TimeoutExpired(process.args, timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", late)
    return file


def test_it_ends_with_its_children(told: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        ask_program([*HANGS, str(told)], timeout=FAR)
    for pid in map(int, told.read_text().split()):
        assert wait_for_end(pid, FAR)


def test_whoever_holds_its_output_open_from_another_session_is_not_waited_for(told: Path) -> None:
    leaves = f"setsid sh -c 'echo $$ > {told}.new; mv {told}.new {told}; exec sleep 600' & wait"
    with pytest.raises(subprocess.TimeoutExpired):
        ask_program(["sh", "-c", leaves], timeout=FAR)
    os.kill(int(told.read_text()), signal.SIGKILL)


def test_it_ends_with_us_too(tmp_path: Path) -> None:
    # The thread that waits is a daemon, as those of checks are: nothing in it runs any more at our end.
    told = tmp_path / "ids"
    script = (
        "import pathlib, sys, threading, time\n"
        "from sparkmesos_core.program_answer import ask_program\n"
        "command = sys.argv[1:]\n"
        "threading.Thread(target=ask_program, args=(command,), kwargs={'timeout': 600}, daemon=True).start()\n"
        "deadline = time.monotonic() + 60\n"
        "while not pathlib.Path(command[-1]).exists() and time.monotonic() < deadline:\n"
        "    time.sleep(0.01)\n"
    )
    subprocess.run([sys.executable, "-c", script, *HANGS, str(told)], check=True, timeout=FAR)
    for pid in map(int, told.read_text().split()):
        assert wait_for_end(pid, FAR)
