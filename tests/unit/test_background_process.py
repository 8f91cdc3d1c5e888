"""Programs in the background: they say that they are ready, or why not, and their settings are not shown."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from sparkmesos_core import background_process
from sparkmesos_core.background_process import EndedAtStart, renice, tail
from sparkmesos_core.errors import ExitCode
from sparkmesos_core.process_end import wait_for_end

HEAD = """
import sys, time
from sparkmesos_core.background_process import StartReport, read_settings
from sparkmesos_core.errors import UnreachableError
settings = read_settings()
report = StartReport(int(sys.argv[1]))
print("the log", flush=True)
"""


def started(folder: Path, body: str, **options: object) -> tuple[int, dict[str, object]]:
    (folder / "program.py").write_text(HEAD + body)
    return background_process.start(
        "program", "the settings", log=folder / "log", folder=folder, **options  # type: ignore[arg-type]
    )  # fmt: skip


def test_it_is_ready_and_goes_on(tmp_path: Path) -> None:
    pid, said = started(
        tmp_path, "report.ready({'settings': settings, 'more': sys.stdin.read()})\ntime.sleep(600)\n"
    )
    try:
        assert said == {"settings": "the settings", "more": ""}
        process = psutil.Process(pid)
        assert "the settings" not in " ".join(process.cmdline())
        assert os.getsid(pid) == pid
        assert tail(tmp_path / "log", 5) == "the log"
    finally:
        os.kill(pid, signal.SIGKILL)
        assert wait_for_end(pid, 20)
        os.waitpid(pid, 0)


def test_its_error_is_told(tmp_path: Path) -> None:
    body = "report.failed(UnreachableError('nobody answers', hint='Try again.'))\nsys.exit(5)\n"
    with pytest.raises(EndedAtStart) as caught:
        started(tmp_path, body)
    error = caught.value.error
    assert error is not None
    assert (caught.value.status, error.message, error.hint) == (5, "nobody answers", "Try again.")
    assert error.exit_code is ExitCode.UNREACHABLE


def test_an_end_without_a_word(tmp_path: Path) -> None:
    with pytest.raises(EndedAtStart) as caught:
        started(tmp_path, "sys.exit('out of order')\n")
    assert caught.value.error is None
    assert caught.value.status == 1
    assert tail(tmp_path / "log", 1) == "out of order"


def test_logs_are_continued_and_their_end_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"one\ntwo \xff\n")
    with pytest.raises(EndedAtStart):
        started(tmp_path, "")
    assert tail(log, 2) == "two \ufffd\nthe log"
    assert tail(tmp_path / "none", 2) == "(no log)"


def test_a_niceness(tmp_path: Path) -> None:
    pid, said = started(tmp_path, "import os\nreport.ready({'nice': os.nice(0)})\n", niceness=3)
    os.waitpid(pid, 0)
    assert said == {"nice": os.nice(0) + 3}


def test_a_niceness_that_needs_more_rights(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The daemon runs, as with Spark's script, which has `nice` do it."""

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refused)
    renice(os.getpid(), -5)
    assert "a niceness of -5 needs more rights than this user has" in caplog.text


def test_an_interrupt_while_it_is_being_started_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come when there is a process, and nobody knows it yet."""
    made: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            made.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        started(tmp_path, "time.sleep(600)\n")
    [process] = made
    try:
        assert process.poll() is not None
    finally:
        process.kill()
        process.wait()


def test_an_interrupt_while_it_becomes_ready_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has got its settings by then: there is nothing to close any more."""
    made: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    with pytest.raises(KeyboardInterrupt):
        started(tmp_path, "import os, signal\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(600)\n")
    [process] = made
    try:
        assert process.poll() is not None
    finally:
        process.kill()
        process.wait()
