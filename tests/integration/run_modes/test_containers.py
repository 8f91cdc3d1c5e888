"""Executors in docker containers: what the agent's docker is told, and that they work.

What they run in is a stand-in for docker that starts them on the host, and a real docker where an engine runs.
"""

from __future__ import annotations

import ast
import os
import pwd
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.integration.docker_command import StandInDocker, empty_image, option_values, real_docker
from tests.integration.run_modes.applications import Applications, Ended

if TYPE_CHECKING:
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

IMAGE = "spark:3.5.9"
SUM = """
def look(_):
    return os.environ["MESOS_CONTAINER_NAME"], os.environ.get("FROM_PARAMETER")
print((sc.parallelize(range(100), 4).sum(), sorted(set(sc.parallelize(range(4), 4).map(look).collect()))))
"""


def programs(folder: Path, spark: SparkUnderTest) -> dict[str, str]:
    """Where a container finds what an image would hold: those of this machine."""
    return {
        "spark.mesos.executor.home": str(spark.home.path),
        "spark.executorEnv.JAVA_HOME": str(spark.java.home),
        "spark.executorEnv.SPARK_LOCAL_DIRS": str(folder),  # there is no sandbox at its path in a container
        "spark.pyspark.python": sys.executable,
    }


def folders_of(ours: dict[str, str]) -> list[Path]:
    """What a container needs to see of this machine to run our programs; nothing is in another one of them."""
    system = ("/bin", "/lib", "/lib64", "/usr", "/etc/passwd")
    own = (
        ours["spark.mesos.executor.home"],
        ours["spark.executorEnv.JAVA_HOME"],
        sys.prefix,
        sys.base_prefix,
    )
    python = Path(sys.executable).resolve().parents[1]
    paths = {path for path in (*map(Path, (*system, *own)), python) if path.exists()}
    return sorted(path for path in paths if not any(other in path.parents for other in paths))


@pytest.fixture(scope="module")
def agents(own_port: int) -> tuple[AgentSpec, ...]:
    return (AgentSpec(cpus=1, mem=2048, ports=f"[{own_port}-{own_port}]"),)


@pytest.fixture(scope="module")
def cluster_options(docker: StandInDocker) -> dict[str, Any]:
    return {"docker": str(docker.path)}


@pytest.fixture(scope="module")
def ended(
    applications: Applications,
    docker: StandInDocker,
    own_port: int,
    spark_under_test: SparkUnderTest,
) -> Ended:
    (docker.folder / "images").write_text(IMAGE)  # it is there, and pulled nevertheless
    folder = applications.commands.folder
    return applications.run(
        SUM,
        {
            "spark.mesos.executor.docker.image": IMAGE,
            "spark.mesos.executor.docker.forcePullImage": "true",
            "spark.mesos.executor.docker.volumes": f"/data:/mnt/data:ro,{folder}:{folder}",
            "spark.mesos.executor.docker.parameters": "label=team=data,env=FROM_PARAMETER=a=b",
            "spark.mesos.executor.docker.portmaps": f"{own_port}:80:tcp",
            "spark.mesos.network.name": "overlay",
            "spark.mesos.network.labels": "plugin:weave",
            "spark.blockManager.port": str(own_port),
            "spark.driver.blockManager.port": "0",
            # The name of the host is not theirs: with a network Spark leaves it to executors who they are.
            "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
            **programs(folder, spark_under_test),
        },
    )


@pytest.fixture(scope="module")
def call(ended: Ended, docker: StandInDocker) -> list[str]:
    """The `docker run` of the executor."""
    (run,) = docker.calls("run")
    arguments: list[str] = run["arguments"]
    return arguments


class TestInAStandIn:
    """One application, with all that can be said of containers."""

    def test_the_container_that_mesos_is_asked_for(
        self, ended: Ended, applications: Applications, own_port: int
    ) -> None:
        folder = str(applications.commands.folder)
        (info,) = ended.mesos.task_infos
        assert info["container"] == {
            "type": "DOCKER",
            "volumes": [
                {"container_path": "/mnt/data", "host_path": "/data", "mode": "RO"},
                {"container_path": folder, "host_path": folder, "mode": "RW"},
            ],
            "network_infos": [
                {"name": "overlay", "labels": {"labels": [{"key": "plugin", "value": "weave"}]}},
            ],
            "docker": {
                "image": IMAGE,
                "network": "USER",
                "force_pull_image": True,
                "port_mappings": [{"host_port": own_port, "container_port": 80, "protocol": "tcp"}],
                "parameters": [
                    {"key": "label", "value": "team=data"},
                    {"key": "env", "value": "FROM_PARAMETER=a=b"},
                    {"key": "net", "value": "overlay"},
                ],
            },
        }

    @pytest.mark.proves("spark.mesos.executor.docker.image", "spark.mesos.containerizer")
    def test_the_application_runs(self, ended: Ended, docker: StandInDocker, call: list[str]) -> None:
        (task,) = ended.mesos.tasks
        assert task["state"] == "TASK_FINISHED"
        total, seen = ast.literal_eval(ended.out)
        assert total == 4950
        assert call[call.index("-c") - 1] == IMAGE
        (name,) = option_values(call, "--name")
        assert [container for container, _ in seen] == [name]
        assert docker.running() == []

    @pytest.mark.proves("spark.mesos.executor.docker.forcePullImage")
    def test_a_forced_pull(self, ended: Ended, docker: StandInDocker) -> None:
        assert [pull["arguments"] for pull in docker.calls("pull")] == [["pull", IMAGE]]

    @pytest.mark.proves("spark.mesos.executor.docker.volumes")
    def test_volumes(self, call: list[str], applications: Applications) -> None:
        folder = applications.commands.folder
        *asked, sandbox = option_values(call, "-v")
        assert asked == ["/data:/mnt/data:ro", f"{folder}:{folder}:rw"]
        assert sandbox.endswith(":/mnt/mesos/sandbox")

    @pytest.mark.proves("spark.mesos.executor.docker.parameters")
    def test_parameters(self, call: list[str], ended: Ended) -> None:
        """Options of `docker run`."""
        assert "--label=team=data" in call
        assert "--env=FROM_PARAMETER=a=b" in call
        _, seen = ast.literal_eval(ended.out)
        assert [variable for _, variable in seen] == ["a=b"]

    @pytest.mark.proves("spark.mesos.executor.docker.portmaps")
    def test_port_maps(self, call: list[str], ended: Ended, own_port: int) -> None:
        """Mesos has to have given the task the port, which is so with spark.blockManager.port only."""
        assert option_values(call, "-p") == [f"{own_port}:80/tcp"]
        assert ended.mesos.tasks[0]["resources"]["ports"] == f"[{own_port}-{own_port}]"

    @pytest.mark.proves("spark.mesos.network.name", "spark.mesos.network.labels")
    def test_the_network(self, call: list[str], ended: Ended) -> None:
        assert option_values(call, "--net") == ["overlay"]
        (command,) = ended.mesos.commands
        assert "--hostname" not in command


def test_in_a_real_container(
    applications: Applications, engine: str, spark_under_test: SparkUnderTest
) -> None:
    """An image that holds nothing gets the programs of this machine as volumes, and a file of its own to prove it."""
    folder = applications.commands.folder
    (folder / "mounted.txt").write_text("seen in the container")
    ours = programs(folder, spark_under_test)
    volumes = [f"{path}:{path}:ro" for path in folders_of(ours)]
    volumes += [f"{folder}:{folder}", f"{folder / 'mounted.txt'}:/mnt/mounted.txt:ro"]
    body = """
    def look(_):
        return os.environ["MESOS_CONTAINER_NAME"], open("/mnt/mounted.txt").read(), os.path.exists("/.dockerenv")
    print((sc.parallelize(range(100), 4).sum(), sc.parallelize([1], 1).map(look).first()))
    """
    with empty_image(engine) as image:
        ended = applications.run(
            body,
            {
                "spark.mesos.executor.docker.image": image,
                "spark.mesos.executor.docker.volumes": ",".join(volumes),
                "spark.executorEnv.HADOOP_USER_NAME": pwd.getpwuid(os.getuid()).pw_name,
                **ours,
            },
        )
    total, (name, text, is_container) = ast.literal_eval(ended.out)
    assert (total, text, is_container) == (4950, "seen in the container", True)
    (info,) = ended.mesos.task_infos
    assert info["container"]["docker"] == {"image": image, "force_pull_image": False}
    assert name.startswith("mesos-")


@pytest.fixture
def engine(docker: StandInDocker) -> Iterator[str]:
    """A docker CLI with an engine, which the agent's docker is for the length of the test."""
    real = real_docker()
    if real is None:
        pytest.skip("no docker engine runs here")
    stand_in = docker.path.read_bytes()
    docker.path.write_text(f'#!/bin/sh\nexec "{real}" "$@"\n')
    try:
        yield real
    finally:
        docker.path.write_bytes(stand_in)
