"""Real applications of Spark 4: profiles of stages, barriers, contexts one after the other, and ends of all kinds."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
TASKS = """
def kill_executor(_):
    import psutil
    process = psutil.Process()
    while process.name() != "java":
        process = process.parent()
    process.kill()
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
        # The last is offered only to those who may have GPUs.
        agents=(*[AgentSpec(cpus=2, mem=4096)] * 2, AgentSpec(cpus=1, mem=2048, gpus=2)),
        executor_environment=default_executor_environment(spark_under_test.java),
        allocation_interval=0.2,
        registration_backoff=0.2,
    )
    with cluster_in_thread(spec) as running:
        yield running


def submit(cluster: RunningCluster, application: str, **more: str) -> list[str]:
    settings = {**SMALL, **{name.replace("_", "."): value for name, value in more.items()}}
    options = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    return ["submit", "--master", cluster.url, *options, application]


def frameworks(cluster: RunningCluster, kind: str = "frameworks") -> list[dict[str, Any]]:
    return list(requests.get(f"{cluster.http_url}/state", timeout=10).json()[kind])


def wait_until(holds: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, why
        time.sleep(0.1)


def completed(cluster: RunningCluster, framework_id: str) -> list[dict[str, Any]]:
    """The tasks that a framework had."""
    (framework,) = (one for one in frameworks(cluster, "completed_frameworks") if one["id"] == framework_id)
    return list(framework["completed_tasks"])


def test_profiles_of_stages_and_barriers_in_contexts_one_after_the_other(
    cluster: RunningCluster, commands: Commands, tmp_path: Path
) -> None:
    """The first context allocates dynamically, the second does not; both have ids made of the one that was chosen."""
    (tmp_path / "app.py").write_text(
        """
from pyspark import BarrierTaskContext, SparkConf, SparkContext
from pyspark.resource import ExecutorResourceRequests, ResourceProfileBuilder, TaskResourceRequests

def executors(sc):
    return len(sc._jsc.sc().statusTracker().getExecutorInfos()) - 1

def memory(_):
    import os
    yield os.environ["SPARK_EXECUTOR_MEMORY"]

def together(_):
    context = BarrierTaskContext.get()
    context.barrier()
    yield len(context.getTaskInfos())

dynamic = SparkConf().setAll([
    ("spark.dynamicAllocation.enabled", "true"), ("spark.dynamicAllocation.shuffleTracking.enabled", "true"),
    ("spark.dynamicAllocation.executorIdleTimeout", "1s"), ("spark.dynamicAllocation.maxExecutors", "2"),
])
with SparkContext(conf=dynamic) as sc:
    print("none", executors(sc))
    print("default", sorted(sc.parallelize(range(2), 2).mapPartitions(memory).collect()))
    needs = ExecutorResourceRequests().cores(2).memory("600m")
    profile = ResourceProfileBuilder().require(needs).require(TaskResourceRequests().cpus(2)).build
    print("profile", sc.parallelize(range(2), 2).withResources(profile).mapPartitions(memory).collect())
    print("first", sc.applicationId)
with SparkContext() as sc:
    print("barrier", sc.parallelize(range(2), 2).barrier().mapPartitions(together).collect())
    print("second", sc.applicationId)
""",
        encoding="utf-8",
    )
    done = commands.run(
        *submit(
            cluster,
            "app.py",
            spark_cores_max="2",
            spark_mesos_driver_frameworkId="${spark.of.mine}-1",  # Spark reads what it refers to
            spark_of_mine="chosen",
        ),
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines() == [
        "none 0",
        "default ['512m', '512m']",
        "profile ['600m', '600m']",
        "first chosen-1",
        "barrier [2, 2]",
        "second chosen-1-0001",
    ]
    cpus = {task["name"]: task["resources"]["cpus"] for task in completed(cluster, "chosen-1")}
    assert set(cpus.values()) == {1, 2}
    assert max(task["resources"]["mem"] for task in completed(cluster, "chosen-1")) == 600 + 384
    assert len(completed(cluster, "chosen-1-0001")) == 2
    assert frameworks(cluster) == []
    assert commands.wait_for_no_process() == []


def test_a_profile_with_gpus_and_one_with_more_than_there_may_be(
    cluster: RunningCluster, commands: Commands, tmp_path: Path
) -> None:
    """A stage that would wait for ever is told of once, with the property to change."""
    script = tmp_path / "gpus.sh"
    script.write_text('#!/bin/sh\necho \'{"name": "gpu", "addresses": ["3"]}\'\n')
    script.chmod(0o755)
    (tmp_path / "app.py").write_text(
        f"""
import os, threading, time
from pyspark import SparkConf, SparkContext, TaskContext
from pyspark.resource import ExecutorResourceRequests, ResourceProfileBuilder, TaskResourceRequests

def with_gpus(number):
    needs = ExecutorResourceRequests().cores(1).memory("512m").resource("gpu", number, {str(script)!r})
    return ResourceProfileBuilder().require(needs).require(TaskResourceRequests().cpus(1).resource("gpu", number)).build

def addresses(_):
    yield TaskContext.get().resources()["gpu"].addresses

with SparkContext() as sc:
    print(sc.parallelize([0], 1).withResources(with_gpus(1)).mapPartitions(addresses).collect(), flush=True)
    def never():
        try:
            sc.parallelize([0], 1).withResources(with_gpus(2)).mapPartitions(addresses).collect()
        except Exception as error:
            print("cancelled" if "cancel" in str(error) else error, flush=True)
    waiting = threading.Thread(target=never)
    waiting.start()
    while not os.path.exists({str(tmp_path / "go")!r}):
        time.sleep(0.05)
    sc.cancelAllJobs()
    waiting.join()
    print(sc.applicationId)
""",
        encoding="utf-8",
    )
    process = commands.start(
        *submit(
            cluster,
            "app.py",
            spark_dynamicAllocation_enabled="true",
            spark_dynamicAllocation_maxExecutors="2",
            spark_mesos_gpus_max="1",
        )
    )
    assert process.stderr is not None
    begin = []
    for line in process.stderr:
        begin.append(line)
        if "can ever be launched" in line:
            break
    (tmp_path / "go").touch()
    out, rest = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, rest[-4000:]
    gpus, cancelled, framework_id = out.splitlines()
    assert (gpus, cancelled) == ("[['3']]", "cancelled")
    (said,) = (line for line in (*begin, *rest.splitlines()) if "can ever be launched" in line)
    assert "ERROR" in said
    assert "No executor of resource profile 2 can ever be launched, and what needs one waits for ever" in said
    assert "it needs GPUs: 2, but spark.mesos.gpus.max=1 is the most" in said
    assert [task["resources"]["gpus"] for task in completed(cluster, framework_id)] == [1]
    assert commands.wait_for_no_process() == []


def test_only_failures_of_its_own_count_against_a_task(
    cluster: RunningCluster, commands: Commands, tmp_path: Path
) -> None:
    """A task that may not fail once survives the end of its agent, but not that of an executor which it kills itself."""
    (tmp_path / "app.py").write_text(
        f"""
import time
from pyspark.sql import SparkSession
{TASKS}
def wait(_):
    import os
    print(flush=True)
    open({str(tmp_path)!r} + "/runs-" + os.environ["MESOS_SLAVE_ID"], "w").close()
    while not os.path.exists({str(tmp_path)!r} + "/go"):
        time.sleep(0.05)
    return os.environ["MESOS_SLAVE_ID"]

with SparkSession.builder.getOrCreate() as spark:
    sc = spark.sparkContext
    print("ended on", sc.parallelize([0], 1).map(wait).collect(), flush=True)
    sc.parallelize([0], 1).map(kill_executor).collect()
""",
        encoding="utf-8",
    )
    process = commands.start(*submit(cluster, "app.py", spark_cores_max="1", spark_task_maxFailures="1"))
    wait_until(lambda: any(tmp_path.glob("runs-*")), "no task runs")
    first = next(tmp_path.glob("runs-*")).name.removeprefix("runs-")
    (number,) = (
        number
        for number in range(2)
        if requests.get(f"{cluster.agent_urls[number]}/state", timeout=10).json()["id"] == first
    )
    cluster.control.kill_agent(number)
    wait_until(lambda: len(list(tmp_path.glob("runs-*"))) == 2, "the task does not run again")
    cluster.control.start_agent(number)
    (tmp_path / "go").touch()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert out.strip().startswith("ended on ['"), err[-4000:]
    assert first not in out
    assert "Task 0 in stage 1.0 failed 1 times" in err
    assert "exited with status 137" in err or "terminated with signal Killed" in err
    assert commands.wait_for_no_process() == []


ENDLESS = """
import time
from pyspark.sql import SparkSession
with SparkSession.builder.getOrCreate() as spark:
    print("first", spark.sparkContext.parallelize(range(2), 2).count(), flush=True)
    while True:
        spark.sparkContext.parallelize(range(2), 2).foreach(lambda _: time.sleep(0.2))
"""


def test_an_application_ends_with_its_framework_and_a_framework_with_its_application(
    cluster: RunningCluster, commands: Commands, tmp_path: Path
) -> None:
    """One is torn down by an operator, the other is killed with SIGKILL; neither leaves anything behind."""
    (tmp_path / "app.py").write_text(ENDLESS, encoding="utf-8")
    torn = commands.start(*submit(cluster, "app.py", spark_cores_max="2", spark_app_name="torn down"))
    killed = commands.start(
        *submit(
            cluster,
            "app.py",
            spark_cores_max="2",
            spark_mesos_driver_failoverTimeout="1",
            spark_app_name="killed",
        )
    )
    for process in (torn, killed):
        assert process.stdout is not None
        assert process.stdout.readline() == "first 2\n"
    ids = {framework["name"]: framework["id"] for framework in frameworks(cluster)}
    requests.post(
        f"{cluster.http_url}/teardown", data=f"frameworkId={ids['torn down']}", timeout=10
    ).raise_for_status()
    _, err = torn.communicate(timeout=PATIENCE)
    assert torn.returncode not in (0, None)
    assert "sparkmesos: Mesos ended the registration of this application, which is therefore stopped" in err
    assert [framework["id"] for framework in frameworks(cluster)] == [ids["killed"]]

    with contextlib.suppress(ProcessLookupError):
        os.kill(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=PATIENCE)
    wait_until(
        lambda: frameworks(cluster) == [], "the framework stays"
    )  # for a second of its failover timeout
    assert commands.wait_for_no_process() == []


def test_a_bad_property_is_told_before_anything_is_asked_of_mesos(
    cluster: RunningCluster, commands: Commands
) -> None:
    """As far as the backend alone sees it: an application may set properties in its code, too."""
    (commands.folder / "app.py").write_text(
        "from pyspark import SparkConf, SparkContext\n"
        'SparkContext(conf=SparkConf().set("spark.mesos.constraints", "os"))\n',
        encoding="utf-8",
    )
    done = commands.run(*submit(cluster, "app.py", spark_app_name="bad"), timeout=PATIENCE)
    assert done.returncode == 1
    assert (
        "SparkException: spark.mesos.constraints=os: 'os' is not a constraint: it has no colon" in done.stderr
    )
    assert "bad" not in {framework["name"] for framework in frameworks(cluster, "completed_frameworks")}
