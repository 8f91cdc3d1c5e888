"""What Mesos is told of executors that are to hand on what they have when their agent is drained."""

from __future__ import annotations

import os
import subprocess
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
    with subprocess.Popen(
        [*SHELLS[shell], command],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.communicate(timeout=30)[0] == b""
    assert (tmp_path / "pid").read_text().strip() == str(process.pid)
    assert (tmp_path / "variables").read_text() == f"{tmp_path} /lib/own:/lib/agent\n"
