"""What Mesos is told of executors that are to hand on what they have when their agent is drained."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.driver_shell import SHELLS
from tests.integration.backend.executor_tasks import task
from tests.integration.backend.harness import Harness

pytestmark = pytest.mark.slow

Json = dict[str, Any]

ARCHIVE = "http://repo.mesos.example/spark-4.3.0-bin-hadoop3.tgz"
DECOMMISSIONS = {"spark.decommission.enabled": "true"}
PID = """#!/bin/sh
echo $$ > "$MESOS_SANDBOX/pid"
echo "$SPARK_LOCAL_DIRS" "$LD_LIBRARY_PATH" > "$MESOS_SANDBOX/variables"
echo "$SPARK_EXECUTOR_OPTS" > "$MESOS_SANDBOX/options"
echo "$PYTHONPATH" > "$MESOS_SANDBOX/path"
"""
DAEMON = "-Dspark.python.daemon.module=sparkmesos_daemon"
# What pyspark has of it, as far as it matters here; the real one is in test_draining.py.
STAND_IN = """
import os, signal, subprocess, sys, time

def manager():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        program = subprocess.Popen(["sleep", "60"])
        child = os.fork()
        if child == 0:
            signal.pause()
        os.kill(os.getpid(), signal.SIGTERM)
        program.terminate()
        os.kill(child, signal.SIGTERM)
        print("worker", program.wait(), os.waitpid(child, 0)[1], flush=True)
        os._exit(0)
    os.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    print("daemon", flush=True)
"""


def framework(harness: Harness, properties: dict[str, str]) -> Json:
    told = {"properties": properties, "user": "u", "name": "n", "hostname": "h"}
    info: Json = harness.ask("framework", told)
    return info


@pytest.mark.proves("spark.mesos.executor.decommission.gracePeriod", mode="client")
def test_mesos_lets_them_hand_on_and_says_that_it_ends_them(harness: Harness) -> None:
    assert task(harness, DECOMMISSIONS)["kill_policy"] == {"grace_period": {"nanoseconds": 300 * 10**9}}
    longer = {**DECOMMISSIONS, "spark.mesos.executor.decommission.gracePeriod": "1h"}
    assert task(harness, longer)["kill_policy"] == {"grace_period": {"nanoseconds": 3600 * 10**9}}
    assert framework(harness, DECOMMISSIONS)["capabilities"] == [{"type": "TASK_KILLING_STATE"}]
    with_gpus = framework(harness, {**DECOMMISSIONS, "spark.mesos.gpus.max": "1"})
    assert with_gpus["capabilities"] == [{"type": "GPU_RESOURCES"}, {"type": "TASK_KILLING_STATE"}]


@pytest.mark.parametrize(
    "properties",
    [
        {"spark.mesos.executor.decommission.gracePeriod": "1h"},
        {"spark.decommission.enabled": "false"},
        {**DECOMMISSIONS, "spark.executor.decommission.signal": "PWR"},
    ],
)
def test_others_are_described_as_ever(properties: dict[str, str], harness: Harness) -> None:
    assert task(harness, properties) == task(harness, {})
    assert framework(harness, properties) == framework(harness, {})


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("archive", [True, False], ids=["archive", "home"])
def test_no_shell_stays_that_mesos_would_take_for_the_task(
    archive: bool, shell: str, harness: Harness, tmp_path: Path
) -> None:
    """Variables in front of the program are its own nevertheless."""
    program = tmp_path / "spark-4" / "bin" / "spark-class"
    program.parent.mkdir(parents=True)
    program.write_text(PID)
    program.chmod(0o755)
    where = (
        {"spark.executor.uri": ARCHIVE}
        if archive
        else {"spark.mesos.executor.home": str(tmp_path / "spark-4")}
    )
    info = task(harness, {**DECOMMISSIONS, "spark.executor.extraLibraryPath": "/lib/own", **where})
    # The echo keeps shells from doing by themselves what they are asked for here.
    command = info["command"]["value"] + "; echo stayed"
    environment = {
        "PATH": os.environ["PATH"],
        "MESOS_SANDBOX": str(tmp_path),
        "LD_LIBRARY_PATH": "/lib/agent",
    }
    said = executed(tmp_path, SHELLS[shell], command, {**environment, "PYTHONPATH": "/lib/python"})
    assert said == ""
    assert (tmp_path / "variables").read_text() == f"{tmp_path} /lib/own:/lib/agent\n"
    run_in = tmp_path / "spark-4" if archive else tmp_path
    assert (run_in / "sparkmesos_daemon.py").is_file()
    assert DAEMON in (tmp_path / "options").read_text()
    assert (tmp_path / "path").read_text() == f"{run_in}:/lib/python\n"


def executed(sandbox: Path, shell: Sequence[str], command: str, environment: Mapping[str, str]) -> str:
    """What is said on stderr; the program takes the place of the shell, and ends."""
    with subprocess.Popen(
        [*shell, command],
        cwd=sandbox,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        out, err = process.communicate(timeout=30)
    assert out == ""
    assert (sandbox / "pid").read_text().strip() == str(process.pid)
    return err


@pytest.mark.parametrize("shell", SHELLS)
def test_where_nothing_can_be_written_python_is_as_ever(shell: str, harness: Harness, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "spark-class"
    program.parent.mkdir()
    program.write_text(PID)
    program.chmod(0o755)
    (tmp_path / "sparkmesos_daemon.py").mkdir()
    info = task(harness, {**DECOMMISSIONS, "spark.mesos.executor.home": str(tmp_path)})
    environment = {"PATH": os.environ["PATH"], "MESOS_SANDBOX": str(tmp_path)}
    said = executed(tmp_path, SHELLS[shell], info["command"]["value"] + "; echo stayed", environment)
    assert "sparkmesos_daemon.py" in said
    assert (tmp_path / "options").read_text() == "\n"
    assert (tmp_path / "path").read_text() == "\n"


def test_sigterm_ends_neither_python_s_daemon_nor_its_workers(harness: Harness, tmp_path: Path) -> None:
    """But it ends what these start themselves, programs and forks."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "spark-class").write_text(PID)
    (tmp_path / "bin" / "spark-class").chmod(0o755)
    (tmp_path / "pyspark").mkdir()
    (tmp_path / "pyspark" / "__init__.py").touch()
    (tmp_path / "pyspark" / "daemon.py").write_text(STAND_IN)
    info = task(harness, {**DECOMMISSIONS, "spark.mesos.executor.home": str(tmp_path)})
    environment = {"PATH": os.environ["PATH"], "MESOS_SANDBOX": str(tmp_path)}
    assert executed(tmp_path, SHELLS["sh"], info["command"]["value"], environment) == ""
    done = subprocess.run(
        [sys.executable, "-m", "sparkmesos_daemon", "pyspark.worker"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("worker -15 15\ndaemon\n", "")
    assert done.returncode == 0
