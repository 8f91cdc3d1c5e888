"""The shuffle service for Spark 4 in containers of agents, and executors in such containers that use it.

No engine is needed: the agent's docker runs containers in mount namespaces, which have the sandbox where containers
have it, and do not have what an image would not have: the cache of the command that started the service.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from sparkmesos_core.bridge.compile import ensure_bridge
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, cluster_in_thread
from sparkmesos_core.shuffle_service.spark_4 import CLASS
from tests.integration.docker_command import StandInDocker, option_values
from tests.integration.namespaces import need_network_namespaces
from tests.integration.short_lived_jvm import JVM, SMALL, as_options
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import SparkUnderTest, spark_of

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow

PATIENCE = 180.0
IMAGE = "spark:4"
# Of the volumes the stand-in knows the sandbox alone: all else of this machine is there as it is, but for one folder.
IN_A_NAMESPACE = """#!/bin/sh
[ "$1" = run ] || exec {docker} "$@"
exec unshare --mount sh -c '
set -e
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/mesos/sandbox
before=
for word; do
  case "$before $word" in
    "-v "*:/mnt/mesos/sandbox) mount --bind "${{word%%:*}}" /mnt/mesos/sandbox ;;
  esac
  before=$word
done
mount -t tmpfs tmpfs "$0"
exec {docker} "$@"' {hidden} "$@"
"""
APPLICATION = """
from pyspark import SparkContext
with SparkContext() as sc:
    print(sc.parallelize(range(4), 2).map(lambda n: (n % 2, n)).reduceByKey(lambda a, b: a + b, 2).sortByKey().collect())
"""


@pytest.fixture(scope="module")
def spark_under_test() -> SparkUnderTest:
    return spark_of(SPARK_4)


def until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


def service_at(port: int) -> tuple[list[str], psutil.Process]:
    """The command line of the JVM that is to listen there, and its process."""
    told = ((one.info["cmdline"] or [""], one) for one in psutil.process_iter(["cmdline"]))
    # Shells around it have its words, too, but as one.
    found = [
        (words, one)
        for words, one in told
        if Path(words[0]).name == "java" and f"-Dspark.shuffle.service.port={port}" in words
    ]
    assert len(found) == 1, found
    return found[0]


def test_a_service_in_a_container(
    commands: Commands, spark_under_test: SparkUnderTest, own_port: int, tmp_path: Path
) -> None:
    """It has the bridge from its sandbox, and serves, and removes, files of executors in other containers."""
    need_network_namespaces()
    cache = Path(commands.environment["SPARKMESOS_CACHE_DIR"])
    bridge = ensure_bridge(
        spark_under_test.home.jars, spark_under_test.java.executable, cache / "bridge", print
    )
    docker = StandInDocker(tmp_path / "docker")
    (docker.folder / "images").write_text(IMAGE)
    confined = tmp_path / "confined-docker"
    confined.write_text(IN_A_NAMESPACE.format(docker=docker.path, hidden=shlex.quote(str(cache))))
    confined.chmod(0o755)
    local = tmp_path / "local"
    local.mkdir()
    shared = {
        "spark.shuffle.service.port": str(own_port),
        "spark.shuffle.cleaner.interval": "1s",
        "spark.local.dir": str(local),
        "spark.mesos.executor.home": str(spark_under_test.home.path),
        "spark.mesos.executor.docker.image": IMAGE,
        "spark.mesos.executor.docker.volumes": f"{local}:{local}",
        "spark.executorEnv.JAVA_HOME": str(spark_under_test.java.home),
    }
    own = {
        **SMALL,
        "spark.executorEnv.SPARK_LOCAL_DIRS": str(local),
        "spark.pyspark.python": sys.executable,
    }

    spec = ClusterSpec(
        work_dir=tmp_path / "cluster",
        agents=(AgentSpec(cpus=2, mem=3072, hostname="127.0.0.2"),),
        executor_environment=default_executor_environment(spark_under_test.java),
        allocation_interval=0.2,
        docker=str(confined),
    )
    with cluster_in_thread(spec) as cluster:
        master = ("--master", cluster.url)
        services = ["start-shuffle-service", "--on-mesos", *master, "--cpus", "0.5", "--port", "0"]
        fetched = {"spark.mesos.uris": str(bridge)}
        commands.environment.update(SPARK_SHUFFLE_OPTS=JVM, SPARK_DAEMON_MEMORY="256m")
        started = commands.run(
            *services, "--wait", "120", *as_options({**shared, **fetched}), timeout=PATIENCE
        )
        try:
            assert started.returncode == 0, started.stderr
            words, process = service_at(own_port)
            assert words[-1] == CLASS
            classes = words[words.index("-cp") + 1]
            assert classes.startswith(f"/mnt/mesos/sandbox/{bridge.name}:")
            assert Path(f"/proc/{process.pid}/ns/mnt").readlink() != Path("/proc/self/ns/mnt").readlink()
            (commands.folder / "app.py").write_text(APPLICATION)
            submit = [
                "submit",
                *master,
                "--dynamic-allocation",
                "1:1",
                *as_options({**shared, **own}),
                "app.py",
            ]
            done = commands.run(*submit, timeout=PATIENCE)
            assert (done.returncode, done.stdout) == (0, "[(0, 2), (1, 4)]\n"), done.stderr
            runs = [call["arguments"] for call in docker.calls("run")]
            assert len(runs) == 2
            assert f"{local}:{local}:rw" in option_values(runs[1], "-v")
            until(lambda: not list(local.rglob("shuffle_*")), "the end of shuffle files")
        finally:
            stopped = commands.run("start-shuffle-service", "--on-mesos", "--stop", timeout=PATIENCE)
        assert "Stopped 1 service;" in stopped.stderr
        assert docker.running() == []
