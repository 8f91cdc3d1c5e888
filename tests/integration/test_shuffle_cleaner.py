"""Real shuffle services whose cleaner died as they started: they are started again, in each way they are run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from sparkmesos_core.process_end import has_ended
from sparkmesos_core.shuffle_service.cleaner import AGAIN, DEAD, STARTS, cleaner_lives
from sparkmesos_core.shuffle_service.command import service_command
from sparkmesos_core.shuffle_service.on_this_machine.thread_dump import thread_dump
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.integration.commands import Commands
from tests.integration.dead_cleaner import SparkWithDeadCleaners
from tests.integration.short_lived_jvm import JVM

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc"),
]
FREE = {"spark.shuffle.service.port": "0"}
START = ("start-shuffle-service", "--conf", "spark.shuffle.service.port=0", "--output", "json")
PATIENCE = 60.0


def lives(pid: int) -> bool | None:
    """Whether the cleaner of a service lives, which may have it at work just now."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        dump = thread_dump(pid, PATIENCE)
        assert dump is not None
        if (told := cleaner_lives(dump)) is not None:
            return told
        time.sleep(0.05)
    return None


@pytest.fixture
def commands(commands: Commands) -> Commands:
    commands.environment.update(
        SPARKMESOS_STATE_DIR=str(commands.folder / "state"),
        SPARK_DAEMON_MEMORY="128m",
        SPARK_DAEMON_JAVA_OPTS=JVM,
    )
    return commands


def spark(folder: Path, dead: int) -> SparkWithDeadCleaners:
    return SparkWithDeadCleaners(folder / "faulty", find_spark(None, {}).path, dead)


def test_in_the_background_one_without_is_replaced(commands: Commands) -> None:
    faulty = spark(commands.folder, dead=1)
    started = commands.run(*START, "--spark-home", str(faulty.home))
    assert started.returncode == 0, started.stderr
    # Spark's own may lose the race, too, on a machine with much to do.
    assert started.stderr.count(f"warning: {AGAIN}\n") == faulty.starts - 1 > 0
    service = json.loads(started.stdout)["shuffle_service"]
    assert lives(service["pid"])
    assert "Full thread dump" not in Path(service["log"]).read_text()
    assert commands.run("stop-shuffle-service").returncode == 0
    assert commands.wait_for_no_process() == []


def test_in_the_foreground_it_gives_up_at_last(commands: Commands) -> None:
    faulty = spark(commands.folder, dead=STARTS)
    options = ("--conf", "spark.shuffle.service.port=0", "--spark-home", str(faulty.home))
    command = commands.start("start-shuffle-service", "--foreground", *options)
    try:
        assert command.stdout is not None
        assert re.fullmatch(r".+:\d+\n", command.stdout.readline())
        told = commands.run("start-shuffle-service", "--status", "--output", "json")
        pid = json.loads(told.stdout)["shuffle_service"]["pid"]
        assert faulty.starts == STARTS
        assert lives(pid) is False
    finally:
        command.terminate()
        _, log = command.communicate(timeout=PATIENCE)
    assert command.returncode == 0
    assert log.count(f"warning: {AGAIN}\n") == STARTS - 1
    assert log.count(f"warning: {DEAD}\n") == 1
    assert "Full thread dump" not in log
    assert has_ended(pid)


def test_on_an_agent_one_without_is_replaced(tmp_path: Path) -> None:
    faulty = spark(tmp_path, dead=1)
    java = find_java(find_spark(None, {}), {"PATH": ""})
    variables = {"SPARK_DAEMON_JAVA_OPTS": JVM}
    command = service_command(FREE, heap=128, spark_home=str(faulty.home), variables=variables)
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    with (
        (sandbox / "stdout").open("wb") as output,
        (sandbox / "stderr").open("wb") as problems,
        subprocess.Popen(
            ["/bin/sh", "-c", command.script],
            cwd=sandbox,
            env={**os.environ, "JAVA_HOME": str(java.home), "MESOS_SANDBOX": str(sandbox)},
            stdout=output,
            stderr=problems,
        ) as shell,
    ):
        try:
            deadline = time.monotonic() + PATIENCE
            while not cleaner_lives((sandbox / "stdout").read_text().rpartition("Full thread dump")[2]):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            shell.terminate()
        assert shell.wait(PATIENCE) == 143
    assert (sandbox / "stderr").read_text().count(f"sparkmesos: {AGAIN}\n") == faulty.starts - 1 > 0
    said, *rest = (sandbox / "stdout").read_text().splitlines()
    assert said == "sparkmesos: is Spark's cleaner of shuffle files alive? Java's threads tell:"
    assert rest
    assert sorted(file.name for file in sandbox.iterdir()) == ["stderr", "stdout"]
