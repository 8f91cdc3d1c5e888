"""The shuffle service: how long a start takes beside spark-daemon.sh's, and what many agents cost.

A start is from the command to the moment when the service answers at its port and the command has returned;
both start the same class of the same Spark, in turn. Usage:

    python -m benchmarks.shuffle_service [--runs 5] [--agents 5000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.tables import machine, median_ratio, milliseconds, print_table
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.daemon_configuration import CLASSES
from sparkmesos_core.durable_framework.actions import LaunchTasks
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.store.store import Stored
from sparkmesos_core.mesos.resources import Ranges
from sparkmesos_core.shuffle_service.on_agents.book import ServiceBook
from sparkmesos_core.shuffle_service.on_agents.placement import Need
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from sparkmesos_core.spark.shuffle_service import ServiceKind, ask_shuffle_service
from tests.integration.verify.spark_daemon import free_port

_CLASS = CLASSES[Reader.SHUFFLE_SERVICE]
_SPARKMESOS = str(Path(sys.executable).parent / "sparkmesos")
_PATIENCE = 60.0
_NOW = 1_800_000_000.0


def answers(port: int) -> bool:
    """Whether a shuffle service answers at the port of this machine."""
    with suppress(OSError):
        kind = ask_shuffle_service("127.0.0.1", port, time.monotonic() + 1, authenticates=False)
        return kind is ServiceKind.SPARK
    return False


def start(command: Sequence[str], port: int, environment: Mapping[str, str]) -> float:
    """Seconds until the command has returned and the service answers. RuntimeError if it never does."""
    began = time.perf_counter()
    subprocess.run(command, env=dict(environment), check=True, stdout=subprocess.DEVNULL)
    while not answers(port):
        if time.perf_counter() - began > _PATIENCE:
            raise RuntimeError(f"nothing answers at port {port}")
        time.sleep(0.01)
    return time.perf_counter() - began


def starts(runs: int) -> tuple[list[float], list[float]]:
    """Ours and Spark's, in turn; the first of each is not counted."""
    spark = find_spark(None, {})
    java = find_java(spark, {"PATH": ""})
    ours, peers = [], []
    with tempfile.TemporaryDirectory() as folder:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK", "MESOS"))}
        environment = {
            **kept,
            "JAVA_HOME": str(java.home),
            "SPARK_HOME": str(spark.path),
            "SPARK_LOG_DIR": folder,
            "SPARK_PID_DIR": folder,
            "SPARKMESOS_STATE_DIR": folder,
        }
        daemon = str(spark.path / "sbin" / "spark-daemon.sh")
        for _ in range(runs + 1):
            port = free_port()
            mine = [
                _SPARKMESOS,
                "-q",
                "start-shuffle-service",
                "--conf",
                f"spark.shuffle.service.port={port}",
            ]
            try:
                ours.append(start(mine, port, environment))
            finally:
                subprocess.run([_SPARKMESOS, "-q", "stop-shuffle-service"], env=environment, check=True)
            port = free_port()
            theirs = {**environment, "SPARK_SHUFFLE_OPTS": f"-Dspark.shuffle.service.port={port}"}
            try:
                peers.append(start([daemon, "start", _CLASS, "1"], port, theirs))
            finally:
                stopping = [daemon, "stop", _CLASS, "1"]
                subprocess.run(stopping, env=theirs, check=True, stdout=subprocess.DEVNULL)
    return ours[1:], peers[1:]


class Covering:
    """A book of so many agents, each with an offer that is large enough."""

    def __init__(self, agents: int) -> None:
        self._agents = agents
        self._round = 0
        self.book = ServiceBook(
            Need.of(0.5, 1408, 7337), _task_info, lambda _agent: Ranges.of([(31000, 32000)])
        )
        self.book.recover(Stored(), _NOW)
        self.book.subscribed("framework", _NOW)

    def offers(self) -> int:
        """One offer of each agent at once; how many services are launched."""
        self._round += 1
        offers = [_offer(number, self._round) for number in range(self._agents)]
        actions = self.book.offers(offers, _NOW + self._round)
        return sum(isinstance(action, LaunchTasks) for action in actions)

    def running(self) -> None:
        """All services run now."""
        for number, service in enumerate(self.book.services()):
            status: dict[str, Any] = {
                "task_id": {"value": service.task_id},
                "agent_id": {"value": service.id},
                "state": "TASK_RUNNING",
                "source": "SOURCE_EXECUTOR",
                "uuid": f"{number:024d}",
                "timestamp": _NOW + self._round,
            }
            self.book.updated(status, _NOW + self._round)


def main() -> None:
    """Measures and prints both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--agents", type=int, default=5000)
    given = parser.parse_args()
    ours, peers = starts(given.runs)
    print(f"{machine()}, medians of {given.runs} runs")
    print_table(
        ("until the service answers and the command has returned", "seconds", "of spark-daemon.sh"),
        [
            ("sparkmesos start-shuffle-service", f"{statistics.median(ours):.2f}", median_ratio(ours, peers)),
            ("spark-daemon.sh start", f"{statistics.median(peers):.2f}", "1"),
        ],
    )
    covering = Covering(given.agents)
    rows = []
    for label, expected in (("launches on all", given.agents), ("declines all, which are covered", 0)):
        began = time.perf_counter()
        if (launched := covering.offers()) != expected:
            raise RuntimeError(f"{launched} services were launched instead of {expected}")
        rows.append((label, milliseconds(time.perf_counter() - began)))
        covering.running()
    began = time.perf_counter()
    uncovered = covering.book.uncovered(_NOW + 10)
    rows.append(
        (f"says what is missing ({len(uncovered)} agents)", milliseconds(time.perf_counter() - began))
    )
    tracemalloc.start()
    second = Covering(given.agents)
    second.offers()
    second.running()
    held = tracemalloc.get_traced_memory()[0]
    rows.append(("memory of the book", f"{held / 2**20:.0f} MiB"))
    print_table((f"the framework, with an offer of each of {given.agents} agents at once", ""), rows)


def _task_info(task_id: str, offer: Offer, resources: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {
        "task_id": {"value": task_id},
        "agent_id": {"value": offer.agent_id},
        "resources": list(resources),
    }


def _offer(number: int, round_: int) -> Offer:
    def scalar(name: str, value: float) -> Mapping[str, Any]:
        return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": "*"}}

    return Offer(
        id=f"{round_}-{number}",
        agent_id=f"agent-{number}",
        host=f"agent{number}.example",
        agent_url=f"http://agent{number}.example:5051",
        resources=(scalar("cpus", 16.0), scalar("mem", 65536.0)),
        attributes=(),
    )


if __name__ == "__main__":
    main()
