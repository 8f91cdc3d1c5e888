"""Fine-grained mode (`spark.mesos.coarse=false`): real Spark's own executors as Mesos executors, with no libmesos in sight."""

from __future__ import annotations

import ast
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.integration.short_lived_jvm import SHORT_LIVED

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow

AGENTS = 2
FINE = {
    "spark.mesos.coarse": "false",
    "spark.mesos.mesosExecutor.cores": "0.5",
    "spark.executor.memory": "512m",
    "spark.ui.enabled": "false",
    **SHORT_LIVED,
}
EXECUTOR_MEMORY = 512 + 384  # with Spark's overhead
# Jobs until tasks have run on every agent; what a task sees of its executor.
EVERYWHERE = f"""
import os
def look(number):
    return os.environ["MESOS_SLAVE_ID"], os.environ["SPARK_EXECUTOR_CLASSPATH"]
seen = set()
while len({{agent for agent, path in seen}}) < {AGENTS}:
    seen |= set(sc.parallelize(range(4), 4).map(look).collect())
print(sorted(seen), flush=True)
"""

SUMS = """
print(sc.parallelize(range(100), 4).map(lambda n: (n % 2, n)).reduceByKey(lambda a, b: a + b).sortByKey().collect())
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RunningCluster]:
    """Two agents on which an executor of half a core leaves room for two tasks."""
    java = find_java(find_spark(None, {}), {"PATH": ""})
    spec = ClusterSpec(
        work_dir=tmp_path / "cluster",
        agents=tuple(AgentSpec(cpus=2.5, mem=1024) for _ in range(AGENTS)),
        executor_environment=default_executor_environment(java),
        allocation_interval=0.2,
        executor_shutdown_grace_period=60,  # a busy machine may take its time to end a JVM
    )
    with cluster_in_thread(spec) as running:
        yield running


def submit(cluster: RunningCluster, *arguments: str, **conf: str) -> list[str]:
    pairs = {**FINE, **{name.replace("_", "."): value for name, value in conf.items()}}
    options = [part for name, value in pairs.items() for part in ("--conf", f"{name}={value}")]
    return [
        "submit",
        "--master",
        cluster.url,
        "--mesos-driver",
        "http",
        "--start-timeout",
        "90",
        *options,
        *arguments,
    ]


def frameworks(cluster: RunningCluster, key: str) -> list[dict[str, Any]]:
    """What the agents say of the framework, one element an agent."""
    states = [requests.get(f"{url}/state", timeout=10).json() for url in cluster.agent_urls]
    return [framework for state in states for framework in state[key]]


def check_end(cluster: RunningCluster, commands: Commands) -> list[dict[str, Any]]:
    """Nothing of the application is left; returns its executors, which have all ended by themselves."""
    assert commands.wait_for_no_process(50) == []
    deadline = time.monotonic() + 20
    while left := frameworks(cluster, "frameworks"):  # until the agents have noticed
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    over = frameworks(cluster, "completed_frameworks")
    executors = [executor for framework in over for executor in framework["completed_executors"]]
    for executor in executors:
        log = (Path(executor["directory"]) / "stderr").read_text()
        assert "Registered with Mesos as executor ID" in log
        assert "Shutdown hook called" in log  # else it was killed, and left Spark's temporary files behind
    return executors


def test_a_python_application(
    cluster: RunningCluster, commands: Commands, application: Callable[[str], str], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "go")
    go = os.open(tmp_path / "go", os.O_RDWR)  # which waits for no reader
    body = f"{EVERYWHERE}\nopen({str(tmp_path / 'go')!r}).readline()\n{SUMS}"
    running = commands.start(*submit(cluster, application(body), spark_executor_extraClassPath="/mine.jar"))
    assert running.stdout is not None
    seen = ast.literal_eval(running.stdout.readline())
    states = frameworks(cluster, "frameworks")
    ids = {executor["id"] for framework in states for executor in framework["executors"]}
    assert {agent for agent, path in seen} == ids  # Spark names executors for their agents
    assert len(ids) == AGENTS
    for path in {path for agent, path in seen}:
        bridge, theirs = path.split(":")
        assert Path(bridge).is_relative_to(commands.environment["SPARKMESOS_CACHE_DIR"])
        assert theirs == "/mine.jar"
    for framework in states:  # no task runs now: what is taken is the executor's own
        resources = framework["executors"][0]["resources"]
        assert (resources["cpus"], resources["mem"]) == (0.5, EXECUTOR_MEMORY)
    os.write(go, b"\n")
    out, err = running.communicate(timeout=120)
    os.close(go)
    assert running.returncode == 0, err
    assert out == "[(0, 2450), (1, 2500)]\n"
    executors = check_end(cluster, commands)
    assert {executor["id"] for executor in executors} == ids


def test_a_scala_application(cluster: RunningCluster, commands: Commands, scala_application: Path) -> None:
    done = commands.run(*submit(cluster, "--class", "Sum", str(scala_application), "1000", "and more"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "499500 and more\n"
    tasks = [task for executor in check_end(cluster, commands) for task in executor["completed_tasks"]]
    assert [task["state"] for task in tasks] == ["TASK_FINISHED"] * 4


def test_agents_may_fetch_the_bridge(
    cluster: RunningCluster, commands: Commands, scala_application: Path, built_bridge: Path
) -> None:
    """As the documentation tells it for agents that do not see the client's files."""
    spark = find_spark(None, {})
    conf = {**FINE, "spark.mesos.uris": str(built_bridge), "spark.executor.extraClassPath": "bridge.jar"}
    options = [part for name, value in conf.items() for part in ("--conf", f"{name}={value}")]
    submitted = subprocess.run(
        [
            str(spark.program("spark-submit")),
            *("--master", cluster.url, "--driver-class-path", str(built_bridge), *options),
            *("--class", "Sum", str(scala_application), "10"),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            **commands.environment,
            "JAVA_HOME": str(find_java(spark, {"PATH": ""}).home),
            "SPARK_HOME": str(spark.path),
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
    )
    assert submitted.returncode == 0, submitted.stderr
    assert submitted.stdout.strip() == "45"
    assert all(
        (Path(executor["directory"]) / "bridge.jar").is_file() for executor in check_end(cluster, commands)
    )
