"""A KILL that a master takes and forgets: it was just elected, and does not know the executor's agent yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

PATIENCE = 120.0
SETTINGS = {
    **SMALL,
    "spark.cores.max": "2",
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.driver.extraJavaOptions": (
        f"{JVM} -Dsparkmesos.bridge.backoffMillis=50 -Dsparkmesos.bridge.reconcileMillis=500"
    ),
}
APPLICATION = """
import os, time
from pyspark import SparkContext

def wait_for(name):
    while not os.path.exists(os.path.join({folder!r}, name)):
        time.sleep(0.05)

with SparkContext() as sc:
    print("counted", sc.parallelize(range(2), 2).count(), flush=True)
    wait_for("kill")
    print("killing", sc._jsc.sc().killExecutor("0"), flush=True)
    wait_for("end")
    print("counted", sc.parallelize(range(2), 2).count(), flush=True)
"""


@pytest.fixture(scope="module")
def spark_under_test() -> SparkUnderTest:
    return spark_of(SPARK_4)


def test_an_executor_that_was_to_end_ends_nevertheless(
    spark_under_test: SparkUnderTest, commands: Commands, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(APPLICATION.format(folder=str(tmp_path)), encoding="utf-8")
    spec = ClusterSpec(
        work_dir=tmp_path / "cluster",
        agents=(AgentSpec(cpus=2, mem=4096),),
        executor_environment=default_executor_environment(spark_under_test.java),
        allocation_interval=0.2,
        registration_backoff=0.2,
    )
    with cluster_in_thread(spec) as cluster:
        line = ["submit", "--master", cluster.url, *as_options(SETTINGS), str(tmp_path / "app.py")]
        process = commands.start(*line)
        assert process.stdout is not None
        assert process.stdout.readline() == "counted 2\n"
        cluster.control.kill_master(0)
        cluster.control.pause_agent(0)
        (tmp_path / "kill").touch()
        assert process.stdout.readline() == "killing True\n"
        cluster.control.start_master(0)
        wait_until(lambda: kills(cluster) == 1, "no KILL comes to the new master")
        assert executors(cluster) == {}, "it knows no executor yet"
        cluster.control.resume_agent(0)
        wait_until(lambda: executors(cluster) == {"1": "TASK_RUNNING"}, "executor 0 goes on")
        (tmp_path / "end").touch()
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out) == (0, "counted 2\n"), err[-4000:]
    assert commands.wait_for_no_process() == []


def executors(cluster: RunningCluster) -> dict[str, str]:
    """The states of the executors that the master knows and that have not ended."""
    state: dict[str, Any] = requests.get(f"{cluster.http_url}/state", timeout=10).json()
    return {task["id"]: task["state"] for framework in state["frameworks"] for task in framework["tasks"]}


def kills(cluster: RunningCluster) -> int:
    """How many KILLs the master has taken."""
    metrics = requests.get(f"{cluster.http_url}/metrics/snapshot", timeout=10).json()
    return int(metrics["master/messages_kill_task"])


def wait_until(holds: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, why
        time.sleep(0.05)
