"""Where the time goes when a Spark application starts: on the embedded Mesos, beside Spark standalone.

Both run the same application with the same Spark, sizes and machine, in turn. Usage:

    python -m benchmarks.startup [RUNS]

The phases of one run, from the moment the command is started:

- driver: until SparkContext begins to start (finding things, two JVMs, Python)
- registration: until the master knows the application
- first executor: until the first executor has registered with the driver
- job: until the job has ended
- exit: until the command has ended
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import requests

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.examples import FOLDER as EXAMPLES
from sparkmesos_core.localcluster import daemon, embedded
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java

PHASES = ("driver", "registration", "first executor", "job", "exit")
SIZES = {
    "spark.cores.max": "2",
    "spark.executor.cores": "1",
    "spark.executor.memory": "512m",
    "spark.driver.memory": "512m",
    "spark.ui.enabled": "false",
    "spark.scheduler.minRegisteredResourcesRatio": "0.0",
}
APPLICATION = [str(EXAMPLES / "pi.py"), "2"]

SPARK = find_spark(None, os.environ)
JAVA = find_java(SPARK, os.environ)
ENVIRONMENT = {
    **os.environ,
    "JAVA_HOME": str(JAVA.home),
    "SPARK_HOME": str(SPARK.path),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "PYSPARK_PYTHON": sys.executable,
}


def run(
    command: Sequence[str],
    master: str,
    registered: Callable[[], float],
    conf: Mapping[str, str] | None = None,
    environment: Mapping[str, str] = ENVIRONMENT,
) -> dict[str, float]:
    """Runs the application once; the seconds of each phase.

    `registered` tells when, since the epoch, the master got to know it; `conf` are more Spark properties.
    Raises SparkMesosError if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": Path(folder).as_uri()}
        properties = {**SIZES, **(conf or {}), **log}
        options = [part for item in properties.items() for part in ("--conf", "=".join(item))]
        began = time.time()
        done = subprocess.run(
            [*command, "--master", master, *options, *APPLICATION],
            env=environment,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        ended = time.time()
        if done.returncode != 0:
            last = "\n".join(done.stderr.splitlines()[-20:])
            raise SparkMesosError(f"The application on {master} has failed ({done.returncode})", hint=last)
        (file,) = Path(folder).iterdir()
        events = [json.loads(line) for line in file.read_text().splitlines()]

    def first(kind: str, field: str) -> float:
        return (
            float(next(event[field] for event in events if event["Event"] == f"SparkListener{kind}")) / 1000
        )

    moments = (
        began,
        first("ApplicationStart", "Timestamp"),
        registered(),
        first("ExecutorAdded", "Timestamp"),
        first("JobEnd", "Completion Time"),
        ended,
    )
    return dict(zip(PHASES, (b - a for a, b in itertools.pairwise(moments)), strict=True))


@contextlib.contextmanager
def embedded_mesos(folder: Path) -> Iterator[daemon.ClusterState]:
    """An embedded cluster of two agents."""
    settings = daemon.DaemonSettings(
        work_dir=str(folder / "mesos"),
        agents=embedded.agent_settings(2, cpus=2, mem=4096),
        executor_environment=default_executor_environment(JAVA),
    )
    state = daemon.start(settings)
    try:
        yield state
    finally:
        daemon.stop(state.work_dir)


@contextlib.contextmanager
def standalone(folder: Path) -> Iterator[tuple[str, str]]:
    """Spark's own master with two workers; yields the URLs of the master and of its page."""
    with contextlib.ExitStack() as stack:
        master = stack.enter_context(
            _spark_class("deploy.master.Master", "--host", "127.0.0.1", "-p", "0", "--webui-port", "0")
        )
        url = _await(master, r"Starting Spark master at (spark://\S+)")
        page = _await(master, r"MasterWebUI.*started at (http://\S+)")
        for number in range(2):
            arguments = [
                "--host",
                "127.0.0.1",
                "--webui-port",
                "0",
                "-c",
                "2",
                "-m",
                "4g",
                "-d",
                str(folder / f"worker{number}"),
            ]
            worker = stack.enter_context(_spark_class("deploy.worker.Worker", *arguments, url))
            _await(worker, r"(Successfully registered) with master")
        yield url, page


@contextlib.contextmanager
def _spark_class(name: str, *arguments: str) -> Iterator[Path]:
    """Runs a program of Spark's; yields the file that it logs to."""
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(
            [str(SPARK.program("spark-class")), f"org.apache.spark.{name}", *arguments],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield Path(log.name)
        finally:
            process.terminate()
            process.wait()


def _await(log: Path, pattern: str) -> str:
    """The first group of the pattern, as soon as the log has it."""
    deadline = time.monotonic() + 60
    while (found := re.search(pattern, log.read_text())) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"no line matches {pattern}")
        time.sleep(0.1)
    return found[1]


def main() -> None:
    """Runs both in turn and prints the median of every phase and the ratios."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with (
        tempfile.TemporaryDirectory() as name,
        embedded_mesos(Path(name)) as mesos,
        standalone(Path(name)) as (url, page),
    ):

        def mesos_registered() -> float:
            state = requests.get(f"{mesos.http_url}/state", timeout=10).json()
            return max(float(framework["registered_time"]) for framework in state["completed_frameworks"])

        def standalone_registered() -> float:
            state = requests.get(f"{page}/json/", timeout=10).json()
            apps = [*state["activeapps"], *state["completedapps"]]
            return max(float(app["starttime"]) for app in apps) / 1000

        contenders = {
            "embedded Mesos": (
                [str(Path(sys.executable).parent / "sparkmesos"), "submit", "--mesos-driver", "http"],
                mesos.url,
                mesos_registered,
            ),
            "Spark standalone": ([str(SPARK.program("spark-submit"))], url, standalone_registered),
        }
        for contender in contenders.values():
            run(*contender)  # compiles the bridge, warms the file cache
        measured: dict[str, list[dict[str, float]]] = {label: [] for label in contenders}
        for _ in range(runs):
            for label, contender in contenders.items():
                measured[label].append(run(*contender))
    report(measured, runs)


def report(measured: dict[str, list[dict[str, float]]], runs: int) -> None:
    """Prints a table of medians in seconds."""
    (ours, peer) = measured
    print(f"Spark {SPARK.version}, Java {JAVA.major}, {os.cpu_count()} cores, median of {runs} runs, seconds")
    print(f"{'':<16}{ours:>18}{peer:>18}{'ratio':>8}")
    for phase in (*PHASES, "total"):
        pairs = [
            (a.get(phase, sum(a.values())), b.get(phase, sum(b.values())))
            for a, b in zip(measured[ours], measured[peer], strict=True)
        ]
        a, b = (statistics.median(values) for values in zip(*pairs, strict=True))
        print(f"{phase:<16}{a:>18.2f}{b:>18.2f}{statistics.median(x / y for x, y in pairs):>8.2f}")


if __name__ == "__main__":
    main()
