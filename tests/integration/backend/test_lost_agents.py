"""Real agents of Spark 4 that go away, and what executors have left there with a shuffle service."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from tests.integration.short_lived_jvm import JVM, SMALL, as_options
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import SparkUnderTest, spark_of

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow

PATIENCE = 240.0
MAPS = 8
SETTINGS = {
    **SMALL,
    "spark.cores.max": "2",
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.locality.wait": "0s",
    "spark.shuffle.service.enabled": "true",
}
APPLICATION = f"""
import json, os, sys, time
from pyspark.sql import SparkSession

folder = sys.argv[1]

def await_file(name):
    while not os.path.exists(folder + "/" + name):
        time.sleep(0.05)

with SparkSession.builder.getOrCreate() as spark:
    sc = spark.sparkContext
    context = sc._jsc.sc()
    mapped = sc.accumulator(0)

    def await_executors(number):
        while context.statusTracker().getExecutorInfos().__len__() != number + 1:  # with the driver
            time.sleep(0.05)

    def pair(number):
        mapped.add(1)
        time.sleep(0.2)
        return number % 2, 1

    shuffled = sc.parallelize(range({MAPS}), {MAPS}).map(pair).groupByKey(2)

    def look():
        print(json.dumps([shuffled.mapValues(len).values().sum(), mapped.value]), flush=True)

    await_executors(2)
    look()
    await_file("restarted")
    await_executors(2)
    look()
    for executor in range(10):
        context.killExecutor(str(executor))
    await_executors(0)
    print(flush=True)
    await_file("lost")
    context.requestExecutors(1)
    look()
"""


@pytest.fixture(scope="module")
def spark_under_test() -> SparkUnderTest:
    return spark_of(SPARK_4)


@pytest.fixture
def cluster(tmp_path: Path, spark_under_test: SparkUnderTest) -> Iterator[RunningCluster]:
    """Two machines, as far as Spark can tell; one service is that of both, for it listens at all addresses."""
    spec = ClusterSpec(
        work_dir=tmp_path / "cluster",
        agents=tuple(AgentSpec(cpus=1, mem=2048, hostname=f"127.0.0.{number}") for number in (2, 3)),
        executor_environment=default_executor_environment(spark_under_test.java),
        allocation_interval=0.2,
        registration_backoff=0.2,
        agent_reregister_timeout=10,
    )
    with cluster_in_thread(spec) as running:
        yield running


def wait_until(holds: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, why
        time.sleep(0.1)


def agents(cluster: RunningCluster) -> dict[str, bool]:
    """The hosts of those that the master has not given up, and whether it is connected to them."""
    slaves = requests.get(f"{cluster.http_url}/slaves", timeout=10).json()["slaves"]
    return {one["hostname"]: one["active"] for one in slaves}


def executors(cluster: RunningCluster) -> set[str]:
    """Those that run."""
    (framework,) = requests.get(f"{cluster.http_url}/state", timeout=10).json()["frameworks"]
    return {task["id"] for task in framework["tasks"] if task["state"] == "TASK_RUNNING"}


def test_what_was_shuffled_outlives_an_agent_s_process_but_not_the_agent(
    cluster: RunningCluster, commands: Commands, tmp_path: Path
) -> None:
    """Where no executor is left, nobody but Mesos tells that it is gone."""
    environment = {"SPARK_DAEMON_MEMORY": "128m", "SPARK_DAEMON_JAVA_OPTS": JVM}
    line = ("start-shuffle-service", "--conf", "spark.shuffle.service.port=0", "--output", "json")
    started = commands.run(*line, timeout=120, **environment)
    assert started.returncode == 0, started.stderr
    port = str(json.loads(started.stdout)["shuffle_service"]["port"])
    try:
        (tmp_path / "app.py").write_text(APPLICATION, encoding="utf-8")
        options = as_options({**SETTINGS, "spark.shuffle.service.port": port})
        process = commands.start("submit", "--master", cluster.url, *options, "app.py", str(tmp_path))
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == [MAPS, MAPS]

        before = executors(cluster)
        cluster.control.kill_agent(0)
        wait_until(lambda: not agents(cluster)["127.0.0.2"], "its link is not missed")
        cluster.control.start_agent(0)
        wait_until(lambda: bool(executors(cluster) - before), "it gets no executor again")
        (tmp_path / "restarted").touch()
        assert json.loads(process.stdout.readline()) == [MAPS, MAPS], "what is there is written anew"

        assert process.stdout.readline() == "\n"
        cluster.control.kill_agent(0)
        wait_until(lambda: set(agents(cluster)) == {"127.0.0.3"}, "the agent is not given up")
        (tmp_path / "lost").touch()
        total, mapped = json.loads(process.stdout.readline())
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err[-4000:]
        assert total == MAPS
        assert MAPS < mapped < 2 * MAPS, "those of the agent, and no others, are written anew"
        assert "FetchFailed" not in err
    finally:
        stopped = commands.run("stop-shuffle-service")
    assert stopped.returncode == 0, stopped.stderr
    assert commands.wait_for_no_process() == []
