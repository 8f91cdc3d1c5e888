"""The driver's process: what it writes is heard, and it ends with all that it has started."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sparkmesos_core.errors import SparkNotFoundError
from sparkmesos_core.process_end import wait_for_end
from sparkmesos_core.submit.launch import Launch
from sparkmesos_core.verify.probe.spark_driver import SparkDriver
from sparkmesos_core.verify.probe.spark_job import APPLICATION

PATIENCE = 60.0
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def launch(*arguments: str) -> Launch:
    return Launch(arguments, {"PATH": os.defpath, "SAID": "hello"}, {})


def started(code: str) -> tuple[SparkDriver, queue.SimpleQueue[str]]:
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    return SparkDriver(launch(sys.executable, "-c", code), lines.put), lines


def test_what_it_writes_and_how_it_ends() -> None:
    driver, lines = started(
        "import os, sys; print(os.environ['SAID']); sys.stdout.flush();"
        " os.write(2, b'\\xff to stderr\\n'); sys.exit(3)"
    )
    assert driver.wait(PATIENCE) == 3
    driver.close()
    assert [lines.get(timeout=PATIENCE), lines.get(timeout=PATIENCE)] == ["hello", "\ufffd to stderr"]


def test_it_ends_with_all_that_it_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkmesos_core.verify.probe.spark_driver._END_PATIENCE", 0.2)
    driver, lines = started(STUBBORN)
    child = int(lines.get(timeout=PATIENCE))
    assert driver.wait(0) is None
    driver.close()
    assert driver.wait(PATIENCE) == -9
    assert wait_for_end(child, PATIENCE)
    driver.close()


def test_two_may_close_it_at_once() -> None:
    driver, lines = started("print('ready', flush=True); import time; time.sleep(600)")
    lines.get(timeout=PATIENCE)
    threads = [threading.Thread(target=driver.close) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert driver.wait(0) == -15


def test_it_does_not_belong_to_our_group() -> None:
    """Ctrl-C is for us, who then end it in good order."""
    driver, lines = started("import os; print(os.getpgrp(), flush=True); import time; time.sleep(600)")
    assert int(lines.get(timeout=PATIENCE)) != os.getpgrp()
    driver.close()


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SparkNotFoundError, match="cannot be started: No such file"):
        SparkDriver(launch(str(tmp_path / "spark-submit")), lambda _: None)


def test_the_application_ends_with_who_has_started_it() -> None:
    code = f"import runpy; runpy.run_path({str(APPLICATION)!r})['end_with'](int(input()))"
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as starter,
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True) as application,
    ):
        assert application.stdin is not None
        application.stdin.write(f"{starter.pid}\n")
        application.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            application.wait(0.5)
        starter.kill()
        starter.wait(PATIENCE)
        assert application.wait(PATIENCE) == 1
