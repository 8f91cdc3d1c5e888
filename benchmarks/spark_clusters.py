"""The clusters that applications are compared on: the embedded Mesos, and Spark's own standalone cluster.

Both are on loopback, on ports that the system chooses, with as many agents or workers of the same size, and
the same Java.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from sparkmesos_core.localcluster import daemon, embedded
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.spark.java import Java

_PATIENCE = 60.0


@dataclass(frozen=True)
class SparkCluster:
    """A running cluster."""

    master: str
    """Its URL for Spark."""
    registered: Callable[[], float]
    """When it got to know the last application, in seconds since the epoch."""


@contextlib.contextmanager
def embedded_mesos(folder: Path, java: Java, *, mem: int = 4096) -> Iterator[SparkCluster]:
    """An embedded cluster of two agents of two cores and `mem` MB each."""
    settings = daemon.DaemonSettings(
        work_dir=str(folder / "mesos"),
        agents=embedded.agent_settings(2, cpus=2, mem=mem),
        executor_environment=default_executor_environment(java),
        watched_pid=os.getpid(),
    )
    state = daemon.start(settings)

    def registered() -> float:
        frameworks = requests.get(f"{state.http_url}/state", timeout=10).json()["completed_frameworks"]
        return max(float(framework["registered_time"]) for framework in frameworks)

    try:
        yield SparkCluster(state.url, registered)
    finally:
        daemon.stop(state.work_dir)


@contextlib.contextmanager
def standalone(
    folder: Path, spark: SparkHome, environment: Mapping[str, str], *, mem: int = 4096
) -> Iterator[SparkCluster]:
    """Spark's own master with two workers of two cores and `mem` MB each, which run in `environment`."""
    with contextlib.ExitStack() as stack:

        def program(name: str, *arguments: str) -> Path:
            return stack.enter_context(_spark_class(spark, environment, name, *arguments))

        own_address = ("--host", "127.0.0.1", "--webui-port", "0")
        master = program("deploy.master.Master", *own_address, "-p", "0")
        url = _await(master, r"Starting Spark master at (spark://\S+)")
        page = _await(master, r"MasterWebUI.*started at (http://\S+)")
        size = ("-c", "2", "-m", f"{mem}m")
        for number in range(2):
            work_dir = folder / f"worker{number}-{spark.version}"
            worker = program("deploy.worker.Worker", *own_address, *size, "-d", str(work_dir), url)
            _await(worker, r"(Successfully registered) with master")

        def registered() -> float:
            state = requests.get(f"{page}/json/", timeout=10).json()
            apps = [*state["activeapps"], *state["completedapps"]]
            return max(float(app["starttime"]) for app in apps) / 1000

        yield SparkCluster(url, registered)


@contextlib.contextmanager
def _spark_class(
    spark: SparkHome, environment: Mapping[str, str], name: str, *arguments: str
) -> Iterator[Path]:
    """Runs a program of Spark's; yields the file that it logs to."""
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(
            [str(spark.program("spark-class")), f"org.apache.spark.{name}", *arguments],
            env=dict(environment),
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield Path(log.name)
        finally:
            process.terminate()
            process.wait()


def _await(log: Path, pattern: str) -> str:
    """The first group of the pattern, as soon as the log has it. RuntimeError if it never has."""
    deadline = time.monotonic() + _PATIENCE
    while (found := re.search(pattern, text := log.read_text(errors="replace"))) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"no line matches {pattern} in\n{text[-2000:]}")
        time.sleep(0.1)
    return found[1]
