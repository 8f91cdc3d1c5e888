"""Fine-grained mode in client mode: what its executors and tasks take, and what they find, here in docker containers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.http_stub import Answer, HttpStub, http_stub
from tests.integration.docker_command import StandInDocker
from tests.integration.run_modes.applications import SMALL_MEMORY, Applications, Ended, Running, Seen
from tests.integration.short_lived_jvm import JVM

pytestmark = pytest.mark.slow

JsonObject = dict[str, Any]

IMAGE = "spark:3.5.9"
LOOK = """
def look(_):
    import psutil
    executor = next(p for p in psutil.Process().parents() if "MesosExecutorBackend" in " ".join(p.cmdline()))
    return {
        "agent": os.environ["MESOS_SLAVE_ID"],
        "container": os.environ["MESOS_CONTAINER_NAME"],
        "greeting": os.environ["GREETING"],
        "options": [word for word in executor.cmdline() if word.startswith("-Dk=")],
        "file": open(os.path.join(executor.cwd(), "notes.txt")).read(),
    }
import json
print(json.dumps(sc.parallelize(range(3), 3).map(look).collect()))
pause()
print(sc.parallelize(range(100), 3).sum())
"""


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """One that fits, with room for an executor and two tasks of two cpus, and one without the attribute."""
    return (
        AgentSpec(cpus=4.5, mem=2048, attributes="os:debian12;rack:3"),
        AgentSpec(cpus=4.5, mem=2048, attributes="os:centos7;rack:3"),
    )


@pytest.fixture(scope="module")
def cluster_options(docker: StandInDocker) -> dict[str, Any]:
    return {"docker": str(docker.path)}


@pytest.fixture(scope="module")
def server() -> Iterator[HttpStub]:
    with http_stub({"/notes.txt": Answer(200, b"call me")}) as stub:
        yield stub


@pytest.fixture(scope="module")
def running(applications: Applications, server: HttpStub) -> Iterator[Running]:
    spark = find_spark(None, {})
    conf = {
        "spark.mesos.coarse": "false",
        "spark.mesos.mesosExecutor.cores": "0.25",
        "spark.task.cpus": "2",
        "spark.cores.max": None,
        "spark.executor.cores": "2",  # which fine-grained mode does not read, but Spark wants to hold a task
        "spark.mesos.constraints": "os:debian12,ubuntu;rack:",
        "spark.mesos.executor.docker.image": IMAGE,
        "spark.mesos.executor.docker.parameters": "label=team=data",
        "spark.mesos.executor.docker.volumes": "/data:/mnt/data:ro",
        "spark.mesos.executor.home": str(spark.path),
        "spark.mesos.uris": f"http://{server.address}/notes.txt",
        "spark.executor.extraJavaOptions": f"{JVM} -Dk=v",
        "spark.executorEnv.GREETING": "a  b",
        "spark.executorEnv.JAVA_HOME": str(find_java(spark, {"PATH": ""}).home),
        "spark.executorEnv.SPARK_LOCAL_DIRS": str(applications.commands.folder),
        "spark.pyspark.python": sys.executable,
    }
    with applications.running(LOOK, conf) as started:
        yield started


@pytest.fixture(scope="module")
def seen(running: Running) -> Seen:
    """What Mesos sees between the two jobs: an executor without tasks."""
    return running.wait_until_paused()


@pytest.fixture(scope="module")
def executor(seen: Seen, applications: Applications) -> JsonObject:
    """It, as its agent shows it then."""
    states = [requests.get(f"{url}/state", timeout=10).json() for url in applications.cluster.agent_urls]
    (found,) = [
        one for state in states for framework in state["frameworks"] for one in framework["executors"]
    ]
    return dict(found)


@pytest.fixture(scope="module")
def ended(running: Running, executor: JsonObject) -> Ended:
    running.go()
    return running.end()


@pytest.mark.proves("spark.mesos.coarse")
def test_each_task_of_spark_is_one_of_mesos(ended: Ended) -> None:
    """Of the two jobs with three tasks each."""
    assert ended.out.splitlines()[-1] == "4950"
    tasks = ended.mesos.tasks
    assert [(task["id"], task["state"]) for task in tasks] == [(str(i), "TASK_FINISHED") for i in range(6)]
    assert [task["name"] for task in tasks] == [
        f"task {number}.0 in stage {stage}.0 (TID {3 * stage + number})"
        for stage in (0, 1)
        for number in (0, 1, 2)
    ]


@pytest.mark.proves("spark.mesos.mesosExecutor.cores", "spark.executor.memory")
def test_what_the_executor_takes(executor: JsonObject) -> None:
    """Cpus of its own, without a task, and the memory of all its tasks."""
    assert (executor["resources"]["cpus"], executor["resources"]["mem"]) == (0.25, SMALL_MEMORY)


@pytest.mark.proves("spark.task.cpus")
def test_what_its_tasks_take(ended: Ended) -> None:
    assert {(task["resources"]["cpus"], task["resources"]["mem"]) for task in ended.mesos.tasks} == {
        (2.0, 0.0)
    }


@pytest.mark.proves("spark.mesos.constraints")
def test_where_it_runs(ended: Ended, executor: JsonObject, applications: Applications) -> None:
    fitting, other = applications.agent_ids()
    assert {task["slave_id"] for task in ended.mesos.tasks} == {fitting}
    assert executor["id"] == fitting
    assert other in [agent for agent, _ in ended.mesos.refusals]


@pytest.mark.proves("spark.mesos.uris", "spark.executorEnv.NAME", "spark.executor.extraJavaOptions")
def test_what_it_finds(running: Running, executor: JsonObject) -> None:
    (line,) = running.out[:1]
    looks = json.loads(line)
    assert (
        looks
        == [
            {
                "agent": executor["id"],
                "container": f"mesos-{executor['container']}",
                "greeting": "a  b",
                "options": ["-Dk=v"],
                "file": "call me",
            }
        ]
        * 3
    )


@pytest.mark.proves(
    "spark.mesos.executor.docker.image",
    "spark.mesos.executor.docker.parameters",
    "spark.mesos.executor.docker.volumes",
    "spark.mesos.executor.home",
)
def test_the_container(ended: Ended, docker: StandInDocker) -> None:
    """It is the executor's, and there is one."""
    spark = find_spark(None, {})
    infos = [info["executor"] for info in ended.mesos.task_infos]
    assert len(infos) == 6
    for info in infos:
        assert info["container"] == {
            "type": "DOCKER",
            "volumes": [{"container_path": "/mnt/data", "host_path": "/data", "mode": "RO"}],
            "docker": {
                "image": IMAGE,
                "force_pull_image": False,
                "parameters": [{"key": "label", "value": "team=data"}],
            },
        }
        assert (
            info["command"]["value"]
            == f" {spark.path}/bin/spark-class org.apache.spark.executor.MesosExecutorBackend"
        )
    (call,) = docker.calls("run")
    assert "--label=team=data" in call["arguments"]
    assert call["arguments"][-3:] == [IMAGE, "-c", infos[0]["command"]["value"]]
    assert docker.running() == []
