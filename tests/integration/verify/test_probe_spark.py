"""--probe-spark: a real application of Spark, with an executor on each agent."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil
import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from sparkmesos_core.verify.probe.spark_job import NAME
from tests.integration.short_lived_jvm import SHORT_LIVED_OPTIONS
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.verifying import SOUND, Report, verify

if TYPE_CHECKING:
    from tests.integration.commands import Commands
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

PATIENCE = 120.0

PROBE = ("--only", "probe", "--probe-spark", *SHORT_LIVED_OPTIONS)
NO_ROOM = "spark.executorEnv.SPARK_LOCAL_DIRS=/proc/no-such-folder"
"""Executors cannot write there; the small tasks of the probe do not look at it, and neither does the driver."""


def frameworks(cluster: RunningCluster) -> list[str]:
    listed = requests.get(f"{cluster.http_url}/frameworks", timeout=30).json()["frameworks"]
    return [one["name"] for one in listed]


def until(what: str, happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"


def assert_nothing_is_left(cluster: RunningCluster) -> None:
    assert frameworks(cluster) == []
    own = psutil.Process().children(recursive=True)
    assert [one.cmdline() for one in own if "spark_application.py" in " ".join(one.cmdline())] == []


def probe(cluster: RunningCluster, *options: str, spark: SparkUnderTest | None = None) -> Report:
    """By a client that has this Spark, else the installed one."""
    environment = spark.environment if spark is not None else {}
    report = verify("--master", cluster.url, *SOUND, *PROBE, *options, environment=environment)
    assert_nothing_is_left(cluster)
    return report


@pytest.mark.breaks("probe-spark")
def test_a_driver_that_does_not_start(cluster: RunningCluster, spark_under_test: SparkUnderTest) -> None:
    """And one that does, with an executor on each agent."""
    report = probe(cluster, "--conf", "spark.executor.memory=100m", spark=spark_under_test)
    assert report.failing() == {"probe-spark"}, report
    assert "ended with exit code 1 before it was registered with Mesos: " in report.message("probe-spark"), (
        report
    )
    assert "must be at least 471859200" in report.message("probe-spark"), report
    assert "must be at least 471859200" in "\n".join(report.problem("probe-spark")["details"])
    assert report.hint("probe-spark").startswith("What it wrote tells why")
    healed = probe(cluster, "--conf", "spark.executor.memory=512m", spark=spark_under_test)
    assert healed.failing() == set(), healed
    assert healed.status("probe-spark") == "ok", healed
    assert healed.seen("probe-spark").startswith("an executor has run tasks on both agents, within "), healed


@pytest.mark.breaks("probe-spark")
def test_executors_that_end(new_cluster: NewCluster, spark_under_test: SparkUnderTest) -> None:
    broken = new_cluster(agents=(AgentSpec(ports="[31000-31100]"),))
    report = probe(broken, "--conf", NO_ROOM, spark=spark_under_test)
    assert report.failing() == {"probe-spark"}, report
    said = report.problem("probe-spark")
    assert said["message"].startswith(
        "Executors of Spark were started on the only agent and have run no task: "
    )
    assert "Failed to create any local dir" in "\n".join(said["details"]), report
    assert "stderr" in said["hint"]
    healed = probe(broken, spark=spark_under_test)
    assert healed.failing() == set(), healed
    assert healed.status("probe-spark") == "ok", healed
    assert healed.seen("probe-spark").startswith("an executor has run tasks on the only agent, within "), (
        healed
    )
    # Where each agent has its own address, executors get a port of which there is one on each.
    ended = requests.get(f"{broken.http_url}/frameworks", timeout=30).json()["completed_frameworks"]
    tasks = [task for one in ended if one["name"] == NAME for task in one["completed_tasks"]]
    assert tasks
    assert {task["resources"].get("ports") for task in tasks} == {"[31100-31100]"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_the_command(
    number: signal.Signals, cluster: RunningCluster, commands: Commands
) -> None:
    running = commands.start("verify-cluster", "--master", cluster.url, *SOUND, *PROBE)
    until("the application is registered", lambda: NAME in frameworks(cluster))
    running.send_signal(number)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == (130 if number is signal.SIGINT else -signal.SIGKILL)
    until("its framework is gone", lambda: not frameworks(cluster))
    assert commands.wait_for_no_process(PATIENCE) == []


def test_it_is_not_run_unless_it_is_asked_for(cluster: RunningCluster) -> None:
    report = verify("--master", cluster.url, *SOUND, "--only", "probe", "--probe")
    assert report.failing() == set(), report
    assert report.status("probe-spark") == "skipped"
    assert "--probe-spark" in report.seen("probe-spark")


def test_what_keeps_the_probe_from_working_is_told_once(new_cluster: NewCluster) -> None:
    """No Java for tasks: Spark is not even started."""
    without = new_cluster(executor_environment={"PATH": "/nowhere"})
    report = probe(without)
    assert report.failing(), report
    assert report.status("probe-spark") == "skipped", report
    assert report.follows()["probe-spark"] in report.failing(), report
    alone = verify("--master", without.url, *SOUND, "--probe-spark", "--only", "probe-spark")
    assert alone.errors() == {"probe-spark"}, alone
