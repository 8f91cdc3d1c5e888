"""The clusters that applications are compared on: the embedded Mesos, and Spark's own standalone cluster.

Both are on loopback, on ports that the system chooses, with as many agents or workers of the same size, the
same Java, and executors in the same environment.
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
from typing import Any

import psutil
import requests

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.localcluster import daemon, embedded
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.spark.java import Java

_PATIENCE = 180.0


@dataclass(frozen=True)
class SparkCluster:
    """A running cluster."""

    master: str
    """Its URL for Spark."""
    registered: Callable[[], float]
    """When it got to know the last application, in seconds since the epoch."""
    remnants: Callable[[], list[str]]
    """What it still has of applications that have ended: none of its processes runs on when this is empty."""

    def await_idle(self) -> None:
        """Waits until nothing is left of the last application. Raises SparkMesosError if something stays."""
        deadline = time.monotonic() + _PATIENCE
        while remnants := self.remnants():
            if time.monotonic() > deadline:
                raise SparkMesosError(
                    f"After {_PATIENCE:g} s {self.master} still has {', '.join(remnants[:10])}",
                    hint="A run beside it would not be measured alone. Has an executor been killed?",
                )
            time.sleep(0.05)


def executor_environment(java: Java, local_folder: Path | None) -> dict[str, str]:
    """What executors find in their environment on either cluster, besides what the cluster says of itself.

    `local_folder` is for blocks and shuffle files; None leaves it to Spark and the cluster.
    """
    local = {} if local_folder is None else {"SPARK_LOCAL_DIRS": str(local_folder)}
    return {**default_executor_environment(java), "SPARK_LOCAL_IP": "127.0.0.1", **local}


def _files_below(folder: Path | None) -> list[str]:
    """Blocks and shuffle files; folders of workers that still run are none."""
    return [] if folder is None else [str(path) for path in folder.rglob("*") if path.is_file()]


@contextlib.contextmanager
def embedded_mesos(
    folder: Path, java: Java, *, mem: int = 4096, local_folder: Path | None = None
) -> Iterator[SparkCluster]:
    """An embedded cluster of two agents of two cores and `mem` MB each."""
    settings = daemon.DaemonSettings(
        work_dir=str(folder / "mesos"),
        agents=embedded.agent_settings(2, cpus=2, mem=mem),
        executor_environment=executor_environment(java, local_folder),
        watched_pid=os.getpid(),
    )
    state = daemon.start(settings)

    def frameworks(url: str, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(f"{url}/state", timeout=10).json()[kind]
        return found

    def registered() -> float:
        completed = frameworks(state.http_url, "completed_frameworks")
        return max(float(framework["registered_time"]) for framework in completed)

    def remnants() -> list[str]:
        # An agent has a framework for as long as one of its executors runs, or has not been reported.
        urls = (state.http_url, *state.agents)
        left = [f"framework {one['id']} at {url}" for url in urls for one in frameworks(url, "frameworks")]
        return [*left, *_files_below(local_folder)]

    try:
        yield SparkCluster(state.url, registered, remnants)
    finally:
        daemon.stop(state.work_dir)


@contextlib.contextmanager
def standalone(
    folder: Path, spark: SparkHome, java: Java, *, mem: int = 4096, local_folder: Path | None = None
) -> Iterator[SparkCluster]:
    """Spark's own master with two workers of two cores and `mem` MB each."""
    # Executors inherit all that their workers have.
    environment = executor_environment(java, local_folder)
    with contextlib.ExitStack() as stack:

        def program(name: str, *arguments: str) -> _Program:
            return stack.enter_context(_spark_class(spark, environment, name, *arguments))

        own_address = ("--host", "127.0.0.1", "--webui-port", "0")
        master = program("deploy.master.Master", *own_address, "-p", "0")
        url = master.await_line(r"Starting Spark master at (spark://\S+)")
        page = master.await_line(r"MasterWebUI.*started at (http://\S+)")
        size = ("-c", "2", "-m", f"{mem}m")
        workers = []
        for number in range(2):
            work_dir = folder / f"worker{number}-{spark.version}"
            worker = program("deploy.worker.Worker", *own_address, *size, "-d", str(work_dir), url)
            worker.await_line(r"(Successfully registered) with master")
            workers.append(worker)

        def state() -> dict[str, Any]:
            told: dict[str, Any] = requests.get(f"{page}/json/", timeout=10).json()
            return told

        def registered() -> float:
            told = state()
            return (
                max(float(app["starttime"]) for app in (*told["activeapps"], *told["completedapps"])) / 1000
            )

        def remnants() -> list[str]:
            told = state()
            used = [f"{told['coresused']} cores in use"] if told["coresused"] else []
            active = [f"application {app['id']}" for app in told["activeapps"]]
            running = [child for worker in workers for child in worker.children()]
            return [*used, *active, *running, *_files_below(local_folder)]

        yield SparkCluster(url, registered, remnants)


@dataclass(frozen=True)
class _Program:
    """One of Spark's daemons: its process, and the file that it logs to."""

    pid: int
    log: Path

    def await_line(self, pattern: str) -> str:
        """The first group of the pattern, as soon as the log has it. RuntimeError if it never has."""
        deadline = time.monotonic() + _PATIENCE
        while (found := re.search(pattern, text := self.log.read_text(errors="replace"))) is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no line matches {pattern} in\n{text[-2000:]}")
            time.sleep(0.1)
        return found[1]

    def children(self) -> list[str]:
        """The processes that it has started, and theirs, but for those that have ended unnoticed.

        As the shell's that has become the daemon: Java waits only for what it has started itself.
        """
        found = []
        for child in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"process {child.pid} ({child.name()})")
        return found


@contextlib.contextmanager
def _spark_class(
    spark: SparkHome, environment: Mapping[str, str], name: str, *arguments: str
) -> Iterator[_Program]:
    """Runs a program of Spark's."""
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(
            [str(spark.program("spark-class")), f"org.apache.spark.{name}", *arguments],
            env=dict(environment),
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield _Program(process.pid, Path(log.name))
        finally:
            process.terminate()
            process.wait()
