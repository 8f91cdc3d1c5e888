"""The lines that start a service again whose cleaner died, run by real shells, with a stand-in for the JVM."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparkmesos_core.process_end import has_ended
from sparkmesos_core.shuffle_service.cleaner import AGAIN, DEAD, STARTS
from sparkmesos_core.shuffle_service.cleaner_script import VERDICT
from sparkmesos_core.shuffle_service.command import service_command

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")

SHELLS = [
    pytest.param(command, id=command[0])
    for command in (["dash"], ["bash"], ["busybox", "sh"])
    if shutil.which(command[0])
]
ASKED = "sparkmesos: is Spark's cleaner of shuffle files alive? Java's threads tell:\n"
UNKNOWN = "sparkmesos: it cannot be told whether Spark's cleaner of shuffle files is alive: going on\n"

# What the states of its cleaner are in its starts, in the order of its dumps, is in a file beside it.
_JVM = """#!{python} -IS
import ctypes, os, pathlib, re, signal, time

here = pathlib.Path(__file__).parent
with (here / "starts").open("a") as starts:
    starts.write(f"{{os.getpid()}}\\n")
number = len((here / "starts").read_text().splitlines()) - 1
plan = (here / "plan").read_text().splitlines()
states = plan[min(number, len(plan) - 1)].split()
found = re.search("-XX:LogFile=([^ ]+)", os.environ["SPARK_SHUFFLE_OPTS"])

def dump(*_):
    state = states.pop(0) if states else "none"
    text = ""
    if state != "none":
        text = f'&quot;shuffle-cleaner-watcher&quot; #15 daemon\\n   java.lang.Thread.State: {{state}} (parking)\\n'
    with open(found[1], "a") as log:
        log.write("Full thread dump\\n" + text)

if found and states != ["deaf"]:
    pathlib.Path(found[1]).write_text("<?xml?>\\n")
    signal.signal(signal.SIGQUIT, dump)
    ctypes.CDLL(None).prctl(15, b"shuffle-cleaner", 0, 0, 0)  # PR_SET_NAME
while not (here / "end").exists():
    time.sleep(0.02)
raise SystemExit(7)
"""


class Run:
    """A script that runs, whose seconds are short."""

    def __init__(self, shell: list[str], folder: Path, *plan: str, no_proc: bool = False) -> None:
        self.bin = folder / "spark" / "bin"
        self.bin.mkdir(parents=True)
        (self.bin / "plan").write_text("\n".join(plan))
        self._program("spark-class", _JVM.format(python=sys.executable))
        # Also for a shell with a `sleep` of its own, as busybox.
        script = "sleep() { " + f"{shutil.which('sleep')} 0.05;" + " }\n"
        script += service_command({}, heap=64, spark_home=str(self.bin.parent)).script
        if no_proc:
            script = script.replace("/proc/", "/there/is/none/")
        self.sandbox = folder / "sandbox"
        self.sandbox.mkdir()
        self.process = subprocess.Popen(
            [*shell, "-c", script],
            cwd=self.sandbox,
            env={
                "PATH": os.environ["PATH"],
                "MESOS_SANDBOX": str(self.sandbox),
                "SPARK_SHUFFLE_OPTS": "-Da=b",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    @property
    def services(self) -> list[int]:
        """The process ids of all that were started."""
        starts = self.bin / "starts"
        return [int(line) for line in starts.read_text().splitlines()] if starts.exists() else []

    def line(self) -> str:
        """The next one of stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end(self) -> tuple[int, str, str]:
        """End the service of itself; the exit status, and what was written."""
        (self.bin / "end").touch()
        return self.ended()

    def ended(self) -> tuple[int, str, str]:
        """The exit status, and what was written, when no process is left, and no file."""
        output, problems = self.process.communicate(timeout=30)
        assert all(has_ended(pid) for pid in self.services)
        assert list(self.sandbox.iterdir()) == []
        return self.process.returncode, output, problems


def until_asked(run: Run) -> str:
    """Wait until its verdict is there, which is given back: the file of dumps is removed by then."""
    deadline = time.monotonic() + 30
    path = run.sandbox / VERDICT
    while not path.exists() or not path.read_text().endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert list(run.sandbox.iterdir()) == [path]
    return path.read_text().strip()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("states", ["TIMED_WAITING", "none RUNNABLE WAITING RUNNABLE TIMED_WAITING"])
def test_one_with_a_cleaner_is_left_alone(shell: list[str], states: str, tmp_path: Path) -> None:
    run = Run(shell, tmp_path, states)
    assert until_asked(run) == "alive"
    assert run.end() == (7, ASKED, "")
    assert len(run.services) == 1


@pytest.mark.parametrize("shell", SHELLS)
def test_one_without_is_replaced(shell: list[str], tmp_path: Path) -> None:
    run = Run(shell, tmp_path, "WAITING WAITING", "TIMED_WAITING")
    assert run.line() == f"sparkmesos: {AGAIN}\n"
    first = run.services[0]
    assert until_asked(run) == "alive"
    assert has_ended(first)
    assert len(run.services) == 2
    run.process.terminate()
    assert run.ended()[:2] == (128 + signal.SIGTERM, 2 * ASKED)


@pytest.mark.parametrize("shell", SHELLS)
def test_after_some_starts_it_stays_without(shell: list[str], tmp_path: Path) -> None:
    run = Run(shell, tmp_path, "WAITING WAITING")
    told = [run.line() for _ in range(STARTS)]
    assert told == [f"sparkmesos: {AGAIN}\n"] * (STARTS - 1) + [f"sparkmesos: {DEAD}\n"]
    assert until_asked(run) == "dead"
    assert run.end() == (7, STARTS * ASKED, "")
    assert len(run.services) == STARTS


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("states", "output"), [("deaf", ""), ("none", ASKED), ("RUNNABLE " * 20, ASKED)])
def test_one_that_never_tells_goes_on(shell: list[str], states: str, output: str, tmp_path: Path) -> None:
    run = Run(shell, tmp_path, states)
    assert run.line() == UNKNOWN
    assert until_asked(run) == "unknown"
    assert not has_ended(run.services[0])
    assert run.end() == (7, output, "")
    assert len(run.services) == 1


@pytest.mark.parametrize("shell", SHELLS)
def test_without_proc_it_is_not_asked(shell: list[str], tmp_path: Path) -> None:
    run = Run(shell, tmp_path, "WAITING WAITING", no_proc=True)
    assert run.line() == UNKNOWN
    assert run.end() == (7, "", "")
    assert len(run.services) == 1


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_it_is_asked_ends_all(shell: list[str], number: int, tmp_path: Path) -> None:
    run = Run(shell, tmp_path, "deaf")
    deadline = time.monotonic() + 30
    while not run.services:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    run.process.send_signal(number)
    assert run.ended() == (128 + signal.SIGTERM, "", "")
