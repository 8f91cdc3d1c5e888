"""Executors of Spark 4 that Spark itself decommissions: another takes the place of each while it is on its way out."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from tests.integration.short_lived_jvm import SMALL
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import SparkUnderTest, spark_of

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow

PATIENCE = 240.0
CONF = {
    **SMALL,
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.dynamicAllocation.maxExecutors": "1",
    "spark.dynamicAllocation.executorIdleTimeout": "1s",
    "spark.decommission.enabled": "true",
    "spark.executor.decommission.signal": "PWR",
    "spark.network.timeout": "600s",  # when an executor is given up by its heartbeats: later than this test does
}
# The first task says where it runs, and stays; of the second job all is told.
APPLICATION = """
import os, sys, threading, time
from pyspark.sql import SparkSession

folder = sys.argv[1]

def hold(_):
    import psutil
    process = psutil.Process()
    while process.name() != "java":
        process = process.parent()
    name = folder + "/held-" + os.environ["MESOS_SLAVE_ID"]
    with open(name + ".new", "w") as file:
        file.write(str(process.pid))
    os.rename(name + ".new", name)
    while not os.path.exists(folder + "/go"):
        time.sleep(0.05)

with SparkSession.builder.getOrCreate() as spark:
    sc = spark.sparkContext
    held = threading.Thread(target=sc.parallelize([0], 1).foreach, args=(hold,))
    held.start()
    while not os.path.exists(folder + "/leaving"):
        time.sleep(0.05)
    print("second", sc.parallelize([0], 1).map(lambda _: os.environ["MESOS_SLAVE_ID"]).collect()[0], flush=True)
    held.join()
    print("first", flush=True)
    while len(sc._jsc.sc().statusTracker().getExecutorInfos()) > 1:
        time.sleep(0.1)
    print("idle", sc.applicationId, flush=True)
"""


@pytest.fixture(scope="module")
def spark_under_test() -> SparkUnderTest:
    return spark_of(SPARK_4)


@pytest.fixture
def cluster(tmp_path: Path, spark_under_test: SparkUnderTest) -> Iterator[RunningCluster]:
    """Each agent has room for one executor: where one is, nothing more is offered."""
    spec = ClusterSpec(
        work_dir=tmp_path / "cluster",
        agents=(AgentSpec(cpus=1), AgentSpec(cpus=1), AgentSpec(cpus=1)),
        executor_environment=default_executor_environment(spark_under_test.java),
        allocation_interval=0.2,
        registration_backoff=0.2,
    )
    with cluster_in_thread(spec) as running:
        yield running


def agent_number(cluster: RunningCluster, agent_id: str) -> int:
    ids = [requests.get(f"{url}/state", timeout=10).json()["id"] for url in cluster.agent_urls]
    return ids.index(agent_id)


def awaited(found: Callable[[], list[Path]], seconds: float, what: str) -> Path:
    deadline = time.monotonic() + seconds
    while not (there := found()):
        assert time.monotonic() < deadline, f"never seen: {what}"
        time.sleep(0.05)
    return there[0]


def test_another_takes_the_place_of_one_that_is_decommissioned(
    cluster: RunningCluster, commands: Commands, tmp_path: Path
) -> None:
    """Its machine gets the signal, as of a power failure, and is then gone without a word."""
    (tmp_path / "app.py").write_text(APPLICATION, encoding="utf-8")
    options = [part for name, value in CONF.items() for part in ("--conf", f"{name}={value}")]
    process = commands.start("submit", "--master", cluster.url, *options, "app.py", str(tmp_path))
    assert process.stdout is not None

    first = awaited(lambda: list(tmp_path.glob("held-*[!w]")), PATIENCE, "the first task")
    agent, executor = first.name.removeprefix("held-"), int(first.read_text())
    os.kill(executor, signal.SIGPWR)
    (tmp_path / "leaving").touch()
    # There may be one executor only; the one that still runs a task, and gets no more, does not count.
    word, _, other = process.stdout.readline().strip().partition(" ")
    assert word == "second"
    assert other != agent

    number = agent_number(cluster, agent)
    cluster.control.pause_agent(number)  # so that nobody tells of the end of its executor
    os.kill(executor, signal.SIGKILL)
    awaited(
        lambda: [path for path in tmp_path.glob("held-*[!w]") if path != first],
        PATIENCE,
        "the task, run again",
    )
    (tmp_path / "go").touch()
    assert process.stdout.readline() == "first\n"
    cluster.control.resume_agent(number)

    word, _, framework_id = process.stdout.readline().strip().partition(" ")
    assert word == "idle"
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err[-4000:]
    assert "Received executor 0 decommissioned message" in err
    state = requests.get(f"{cluster.http_url}/state", timeout=10).json()
    (framework,) = (one for one in state["completed_frameworks"] if one["id"] == framework_id)
    ends = {task["id"]: task["state"] for task in framework["completed_tasks"]}
    # Those that were idle, dynamic allocation has decommissioned, and not killed.
    assert set(ends) >= {"0", "1", "2"}
    assert {end for executor_id, end in ends.items() if executor_id != "0"} == {"TASK_FINISHED"}
    assert commands.wait_for_no_process() == []
