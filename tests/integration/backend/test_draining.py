"""A real application of Spark 4 whose agents are drained, and maintained: what its executors have outlives them, and their tasks
are not charged with it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from tests.integration.short_lived_jvm import SMALL, as_options
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import SparkUnderTest, spark_of

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow

PATIENCE = 240.0
FORGIVEN = 13.0  # seconds behind the signal by which the driver has long known of it; after 10 who fails does so by itself
SETTINGS = {
    "spark.cores.max": "2",
    **SMALL,
    "spark.locality.wait": "0s",
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.task.maxFailures": "1",
    "spark.decommission.enabled": "true",
    "spark.storage.decommission.enabled": "true",
    "spark.storage.decommission.replicationReattemptInterval": "1s",
}
WITHOUT_BLOCKS = {name: value for name, value in SETTINGS.items() if "storage" not in name}
"""Executors end as soon as they have no task."""
APPLICATION = """
import json, os, sys, time
from operator import add
from pyspark import StorageLevel
from pyspark.sql import SparkSession

folder = sys.argv[1]

def await_file(name):
    while not os.path.exists(folder + "/" + name):
        time.sleep(0.05)

with SparkSession.builder.getOrCreate() as spark:
    sc = spark.sparkContext
    cached_again, mapped_again = sc.accumulator(0), sc.accumulator(0)

    def where(_):
        cached_again.add(1)
        time.sleep(0.02)
        return os.environ["MESOS_SLAVE_ID"]

    def pair(number):
        mapped_again.add(1)
        return number % 5, 1

    cached = sc.parallelize(range(64), 8).map(where).persist(StorageLevel.MEMORY_AND_DISK)
    sums = sc.parallelize(range(64), 8).map(pair).reduceByKey(add, 4)

    def look(name):
        agents = sorted(set(cached.collect()))
        total = sums.map(lambda pair: pair[1]).sum()
        print(json.dumps([name, agents, total, cached_again.value, mapped_again.value]), flush=True)

    look("before")
    await_file("drained")
    look("drained")
    while sc._jsc.sc().getExecutorMemoryStatus().size() < 3:  # the driver, and an executor on each agent
        time.sleep(0.05)
    print(flush=True)
    await_file("maintained")
    look("maintained")
    await_file("end")
"""
# Jobs of one task each, as the command line names them. The process of the task of `program` is one; `failing` fails by itself.
RUNNING = """
import os, subprocess, sys, time
from pyspark.sql import SparkSession

folder = sys.argv[1]

def begins(job):
    agent = os.environ["MESOS_SLAVE_ID"]
    with open(f"{folder}/{job}-{agent}.new", "w"):
        pass
    os.rename(f"{folder}/{job}-{agent}.new", f"{folder}/{job}-{agent}")
    return agent

def await_file(name):
    while not os.path.exists(folder + "/" + name):
        time.sleep(0.05)

def python(_):
    agent = begins("python")
    await_file("python")
    return agent

def program(_):
    agent = begins("program")
    if not os.path.exists(folder + "/program"):
        open(folder + "/program", "w").close()
        subprocess.run(["sleep", "600"], check=True)
    return agent

def failing(_):
    begins("failing")
    await_file("failing")
    raise ValueError("by itself")

with SparkSession.builder.getOrCreate() as spark:
    sc = spark.sparkContext
    for job in sys.argv[2:]:
        while sc._jsc.sc().getExecutorMemoryStatus().size() < 1 + int(sc.getConf().get("spark.cores.max")):  # with the driver
            time.sleep(0.05)
        print(sc.parallelize([0], 1).map(globals()[job]).collect()[0], flush=True)
"""


@pytest.fixture(scope="module")
def spark_under_test() -> SparkUnderTest:
    return spark_of(SPARK_4)


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, spark_under_test: SparkUnderTest
) -> Iterator[RunningCluster]:
    spec = ClusterSpec(
        work_dir=tmp_path_factory.mktemp("cluster"),
        # Maintenance is of machines, which these two are by their names.
        agents=(
            AgentSpec(cpus=1, mem=2048, hostname="127.0.0.1"),
            AgentSpec(cpus=1, mem=2048, hostname="localhost"),
        ),
        executor_environment=default_executor_environment(spark_under_test.java),
        allocation_interval=0.2,
        registration_backoff=0.2,
    )
    with cluster_in_thread(spec) as running:
        yield running


def operate(cluster: RunningCluster, kind: str, **fields: Any) -> None:
    """What an operator asks of the leading master."""
    call = {"type": kind, kind.lower(): fields}
    answer = requests.post(f"{cluster.http_url}/api/v1", json=call, timeout=30)
    assert answer.status_code == 200, answer.text


def wait_until(holds: Callable[[], Any], why: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, why
        time.sleep(0.1)


def get(cluster: RunningCluster, path: str) -> Any:
    return requests.get(f"{cluster.http_url}{path}", timeout=10).json()


def framework(cluster: RunningCluster) -> dict[str, Any]:
    (found,) = get(cluster, "/state")["frameworks"]
    return dict(found)


def runs_on(cluster: RunningCluster, agent: str) -> bool:
    tasks = framework(cluster)["tasks"]
    return any(task["slave_id"] == agent and task["state"] == "TASK_RUNNING" for task in tasks)


def answers(cluster: RunningCluster) -> list[str]:
    """Of frameworks that were asked for the machine which is to be maintained."""
    (machine,) = get(cluster, "/maintenance/status")["draining_machines"]
    return [answer["status"] for answer in machine.get("statuses", [])]


def is_ending(cluster: RunningCluster, agent: str) -> bool:
    tasks = framework(cluster)["tasks"]
    return any(task["slave_id"] == agent and task["state"] == "TASK_KILLING" for task in tasks)


def slave(cluster: RunningCluster, agent: str) -> dict[str, Any]:
    return next(dict(one) for one in get(cluster, "/slaves")["slaves"] if one["id"] == agent)


def test_what_executors_have_is_not_computed_again_when_they_have_to_leave(
    cluster: RunningCluster, commands: Commands, tmp_path: Path
) -> None:
    """Cached blocks and shuffle files move to the other executor, and no task may fail, not once.

    One agent is drained, and the other one's machine is to be maintained; both are used again afterwards.
    """
    (tmp_path / "app.py").write_text(APPLICATION, encoding="utf-8")
    process = commands.start(
        "submit", "--master", cluster.url, *as_options(SETTINGS), "app.py", str(tmp_path)
    )
    assert process.stdout is not None
    before = json.loads(process.stdout.readline())
    assert before[2:] == [64, 64, 64]
    drained, maintained = before[1]

    operate(cluster, "DRAIN_AGENT", agent_id={"value": drained}, max_grace_period={"seconds": 120})
    wait_until(lambda: slave(cluster, drained)["drain_info"]["state"] == "DRAINED", "it is not drained")
    (ended,) = framework(cluster)["completed_tasks"]
    assert [status["state"] for status in ended["statuses"]][-2:] == ["TASK_KILLING", "TASK_KILLED"]
    (tmp_path / "drained").touch()
    assert json.loads(process.stdout.readline()) == ["drained", *before[1:]]
    assert not runs_on(cluster, drained)
    operate(cluster, "REACTIVATE_AGENT", agent_id={"value": drained})
    assert process.stdout.readline() == "\n", "it gets no executor again"
    assert runs_on(cluster, drained)

    machine = {"hostname": slave(cluster, maintained)["hostname"], "ip": "127.0.0.1"}
    unavailability = {"start": {"nanoseconds": int((time.time() + 200) * 1e9)}}
    windows = [{"machine_ids": [machine], "unavailability": unavailability}]
    operate(cluster, "UPDATE_MAINTENANCE_SCHEDULE", schedule={"windows": windows})
    wait_until(lambda: not runs_on(cluster, maintained), "the machine is not left")
    assert answers(cluster) == ["ACCEPT"]
    (tmp_path / "maintained").touch()
    assert json.loads(process.stdout.readline()) == ["maintained", *before[1:]]
    assert not runs_on(cluster, maintained)
    assert get(cluster, "/maintenance/schedule") == {"windows": windows}
    operate(cluster, "UPDATE_MAINTENANCE_SCHEDULE", schedule={})
    wait_until(lambda: runs_on(cluster, maintained), "it gets no executor again")
    assert runs_on(cluster, drained)

    (tmp_path / "end").touch()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err[-4000:]
    assert "Lost task" not in err
    assert commands.wait_for_no_process() == []


def test_tasks_that_run_when_their_agent_is_drained(
    cluster: RunningCluster, commands: Commands, tmp_path: Path
) -> None:
    """Those in Python go on; whose process Mesos ends runs again elsewhere; and who fails by itself has failed."""
    (tmp_path / "app.py").write_text(RUNNING, encoding="utf-8")
    jobs = ("python", "program", "failing")
    process = commands.start(
        "submit", "--master", cluster.url, *as_options(WITHOUT_BLOCKS), "app.py", str(tmp_path), *jobs
    )
    assert process.stdout is not None

    def runs(job: str) -> list[str]:
        return [path.name.partition("-")[2] for path in tmp_path.glob(f"{job}-*[!w]")]

    def drain(job: str) -> str:
        wait_until(lambda: runs(job), f"the job {job} does not run")
        (agent,) = runs(job)
        operate(cluster, "DRAIN_AGENT", agent_id={"value": agent}, max_grace_period={"seconds": 120})
        wait_until(lambda: is_ending(cluster, agent), "its executor is not being ended")
        return agent

    def reactivate(agent: str) -> None:
        wait_until(lambda: slave(cluster, agent)["drain_info"]["state"] == "DRAINED", "it is not drained")
        operate(cluster, "REACTIVATE_AGENT", agent_id={"value": agent})

    agent = drain("python")
    (tmp_path / "python").touch()
    assert process.stdout.readline() == f"{agent}\n", "the task does not go on"
    assert runs("python") == [agent]
    reactivate(agent)

    agent = drain("program")
    (other,) = {one["id"] for one in get(cluster, "/slaves")["slaves"]} - {agent}
    assert process.stdout.readline() == f"{other}\n", "the task does not run again"
    assert sorted(runs("program")) == sorted([agent, other])
    reactivate(agent)

    agent = drain("failing")
    time.sleep(FORGIVEN)
    (tmp_path / "failing").touch()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert runs("failing") == [agent]
    assert "Task 0 in stage 2.0 failed 1 times" in err
    assert "ValueError: by itself" in err
    assert err.count("That does not count") == 1
    reactivate(agent)
    assert commands.wait_for_no_process() == []


def test_what_a_task_throws_counts_though_its_executor_ends_at_once(
    cluster: RunningCluster, commands: Commands, tmp_path: Path
) -> None:
    """The executor has had no signal: it leaves because its machine is to be maintained, as soon as no task runs."""
    (tmp_path / "app.py").write_text(RUNNING, encoding="utf-8")
    settings = {**WITHOUT_BLOCKS, "spark.cores.max": "1"}
    process = commands.start(
        "submit", "--master", cluster.url, *as_options(settings), "app.py", str(tmp_path), "failing"
    )

    def runs() -> list[str]:
        return [path.name.partition("-")[2] for path in tmp_path.glob("failing-*[!w]")]

    wait_until(runs, "the job does not run")
    (agent,) = runs()
    machine = {"hostname": slave(cluster, agent)["hostname"], "ip": "127.0.0.1"}
    unavailability = {"start": {"nanoseconds": int((time.time() + 200) * 1e9)}}
    windows = [{"machine_ids": [machine], "unavailability": unavailability}]
    operate(cluster, "UPDATE_MAINTENANCE_SCHEDULE", schedule={"windows": windows})
    wait_until(lambda: answers(cluster) == ["ACCEPT"], "the machine is not left")
    (tmp_path / "failing").touch()
    _, err = process.communicate(timeout=PATIENCE)
    operate(cluster, "UPDATE_MAINTENANCE_SCHEDULE", schedule={})
    assert process.returncode != 0
    assert "Task 0 in stage 0.0 failed 1 times" in err
    assert "ValueError: by itself" in err
    assert runs() == [agent]
    assert commands.wait_for_no_process() == []
