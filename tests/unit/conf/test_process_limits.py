from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from sparkmesos_core.conf.process_limits import Limit, ProcessLimits, changed_limits, parse_limits

SOFT = """real-time non-blocking time  (microseconds, -R) unlimited
core file size              (blocks, -c) 2
open files                          (-n) 1024
max memory size             (kbytes, -m) unlimited
cpu time                   (seconds, -t) 7
file locks                          (-x) unlimited
"""
HARD = SOFT.replace(" 1024", " 4096").replace("(-x) unlimited", "(-x) 5")


def test_bash_counts_in_units() -> None:
    none = resource.RLIM_INFINITY
    limits = parse_limits(SOFT, HARD, posix=False)
    assert limits == {
        "R": (none, none), "c": (2048, 2048), "n": (1024, 4096), "m": (none, none), "t": (7, 7), "x": (none, 5),
    }  # fmt: skip
    assert parse_limits(SOFT, HARD, posix=True) == {**limits, "c": (1024, 1024)}


def test_only_what_changed_counts() -> None:
    before = {"n": (1, 2), "c": (3, 4), "s": (5, 6)}
    after = {"n": (1, 2), "c": (3, 3), "s": (0, 0), "t": (7, 8)}
    assert changed_limits(before, after) == [Limit("c", None, 3), Limit("s", 0, 0)]


def test_what_python_cannot_set() -> None:
    assert Limit("n", 1, 1).is_known
    assert not Limit("x", 1, 1).is_known


def applied(limits: str, then: str) -> str:
    program = (
        "from sparkmesos_core.conf.process_limits import *\nimport os, resource\n"
        f"try: ProcessLimits({limits}).apply(); {then}\nexcept UsageError as e: print(e.message)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_a_process_takes_them_on() -> None:
    then = "print(oct(os.umask(0)), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    assert applied("0o027, (Limit('n', 60, None),)", then) == "0o27 60"


def test_a_limit_that_is_refused() -> None:
    said = applied("None, (Limit('n', 60, 50),)", "print('taken')")  # soft above hard
    assert said.startswith("The limit that spark-env.sh sets with `ulimit -n` cannot be set:")


def test_none_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for refused in ("os.umask", "resource.setrlimit"):
        monkeypatch.setattr(refused, lambda *_: pytest.fail("something is set"))
    ProcessLimits().apply()
