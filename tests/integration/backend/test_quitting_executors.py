"""Real executors of Spark 4 that end with exit status 0 in the midst of their work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from tests.integration.short_lived_jvm import JVM, SMALL, as_options
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import SparkUnderTest, spark_of

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow

PATIENCE = 240.0
SETTINGS = {
    **SMALL,
    "spark.cores.max": "1",
    "spark.task.maxFailures": "1",
    # However busy this machine is, Mesos tells of the end of an executor before it is given up.
    "spark.driver.extraJavaOptions": f"{JVM} -Dsparkmesos.bridge.silenceMillis=60000",
}
APPLICATION = """
import os, sys
from pyspark.sql import SparkSession

folder = sys.argv[1]

def quits(job, limit):
    runs = sum(name.startswith(job) for name in os.listdir(folder))
    open(f"{folder}/{job}-{runs}", "w").close()
    return runs < limit

with SparkSession.builder.getOrCreate() as spark:
    spark.udf.register("quits", quits, "boolean")
    for job, limit in ("one", 1), ("two", 1), ("always", 99):
        ends = "java_method('java.lang.System', 'exit', cast(id as int))"
        column = f"case when quits('{job}', {limit}) then {ends} else 'stays' end"
        print(job, spark.range(0, 1, 1, 1).selectExpr(column).collect()[0][0], flush=True)
"""


@pytest.fixture(scope="module")
def spark_under_test() -> SparkUnderTest:
    return spark_of(SPARK_4)


@pytest.fixture
def cluster(tmp_path: Path, spark_under_test: SparkUnderTest) -> Iterator[RunningCluster]:
    spec = ClusterSpec(
        work_dir=tmp_path / "cluster",
        agents=(AgentSpec(cpus=1, mem=2048),),
        executor_environment=default_executor_environment(spark_under_test.java),
        allocation_interval=0.2,
        registration_backoff=0.2,
    )
    with cluster_in_thread(spec) as running:
        yield running


def test_a_task_is_forgiven_one_of_them(cluster: RunningCluster, commands: Commands, tmp_path: Path) -> None:
    """So ends an executor whose connection to the driver breaks; and System.exit(0) comes to an end."""
    folder = tmp_path / "runs"
    folder.mkdir()
    (tmp_path / "app.py").write_text(APPLICATION, encoding="utf-8")
    line = ["submit", "--master", cluster.url, *as_options(SETTINGS), "app.py", str(folder)]
    done = commands.run(*line, timeout=PATIENCE)
    assert done.stdout.startswith("one stays\ntwo stays\nTraceback"), done.stderr[-4000:]
    assert done.returncode != 0
    assert "Task 0 in stage 2.0 failed 1 times" in done.stderr
    assert "something in it has called System.exit" in done.stderr
    runs = sorted(path.name for path in folder.iterdir())
    assert runs == ["always-0", "always-1", "one-0", "one-1", "two-0", "two-1"]
    assert commands.wait_for_no_process() == []
