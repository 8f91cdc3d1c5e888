"""A cluster of 5,000 agents and 50,000 tasks: asked once, decoded in pieces, and judged rightly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.large_master import large_master

AGENTS, TASKS = 5_000, 50_000
_MOST_MEMORY = 300 * 10**6

_MEASURED = """
import os, subprocess, sys
with open(sys.argv[1], "wb") as out:
    process = subprocess.Popen(sys.argv[2:], stdout=out)
    _, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""
"""Runs a command with its stdout in a file, and prints its exit code and the most memory it had, in bytes."""


@pytest.mark.slow
def test_five_thousand_agents(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with large_master(AGENTS, TASKS) as master:
        assert master.state_bytes > 40_000_000
        # The system counts what a process forks from as its memory, too: from us that would be ours.
        measured = subprocess.run(
            [
                *(sys.executable, "-c", _MEASURED, str(report)),
                *(str(Path(sys.executable).parent / "sparkmesos"), "verify-cluster", "--output", "json"),
                *("--master", f"mesos://127.0.0.1:{master.port}", "--conf", "spark.cores.max=2"),
                *("--check-timeout", "60"),
            ],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            cwd=tmp_path,
            env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"},
            check=True,
        )
        code, peak = map(int, measured.stdout.split())
        asked, of_agents = master.requests()
    assert code == 0, report.read_text()
    assert peak < _MOST_MEMORY
    assert asked["/state"] == 1
    assert asked["/slaves"] == 0
    assert max(asked.values()) <= 2
    assert of_agents < 200

    checks = {check["id"]: check for check in json.loads(report.read_text())["checks"]}
    assert checks["master-state"]["seen"].startswith("5000 agents, 46 frameworks, ")
    failing = {name for name, check in checks.items() if check["status"] in ("warning", "error")}
    assert failing == {"tasks-failing"}
    problems = {problem["message"]: problem for problem in checks["tasks-failing"]["problems"]}
    (broken,) = (message for message in problems if "'broken report'" in message)
    assert "50 tasks of 'broken report' have failed" in broken
    assert "IndexError: list index out of range" in broken
    assert any("Traceback" in line for line in problems[broken]["details"])
