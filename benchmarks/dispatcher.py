"""Our dispatcher beside Spark's own on the same embedded Mesos: start-up, memory, creates per second.

Spark's runs with the bridge in place of libmesos, which it would need besides. Then what has no peer: that
nothing is lost, and how ours does with 10,000 drivers in its queue.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.cluster_process import cluster_process
from benchmarks.driver_jvm import bridge_jar
from benchmarks.installed_spark import ENVIRONMENT, JAVA, SPARK
from benchmarks.offer_cycle import OfferCycle
from benchmarks.tables import machine, milliseconds, print_table
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.localcluster.cluster_spec import ClusterSpec
from tests.integration.zookeeper import zookeeper_server
from tests.servers.dispatcher import DispatcherServer, our_dispatcher, running

_IDLE_SECONDS = 5.0
_MANY = 10_000
_OFFERS = 100

Make = Callable[[Path], DispatcherServer]


@dataclass(frozen=True)
class Idle:
    """A dispatcher that has just been started."""

    startup: float
    """Seconds from the start of the process until it answers."""
    memory: int
    """Bytes of resident memory, a while later."""


def spark_dispatcher(master: str, folder: Path, options: Sequence[str] = ()) -> DispatcherServer:
    """Spark's own, as its script starts it."""
    bridge = bridge_jar(SPARK, JAVA)
    command = [
        str(SPARK.program("spark-class")),
        "org.apache.spark.deploy.mesos.MesosClusterDispatcher",
        *("--host", "127.0.0.1", "--master", master, *options),
    ]
    environment = {**ENVIRONMENT, "SPARK_DAEMON_CLASSPATH": str(bridge), "SPARK_DAEMON_MEMORY": "1g"}
    return DispatcherServer(folder, command, environment, "/status/nobody")


def idle(server: DispatcherServer) -> Idle:
    """Start one, let it stand for a while, and look."""
    began = time.perf_counter()
    with running(server):
        startup = time.perf_counter() - began
        time.sleep(_IDLE_SECONDS)
        return Idle(startup, memory(server))


def memory(server: DispatcherServer) -> int:
    """Resident memory of a dispatcher and what it has started, in bytes."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    return sum(int(one.memory_info().rss) for one in (process, *process.children(recursive=True)))


def load(server: DispatcherServer, count: int) -> tuple[float, int]:
    """Create so many drivers: how long that took in seconds, and how many were accepted."""
    command = [sys.executable, "-m", "benchmarks.create_load", str(server.port), str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, accepted = done.stdout.split()
    return float(seconds), int(accepted)


def per_second(server: DispatcherServer, count: int) -> float:
    """Creates per second. Raises SparkMesosError if one is refused."""
    with running(server):
        load(server, count // 10)  # a JVM is slow at first
        seconds, accepted = load(server, count)
    if accepted != count:
        raise SparkMesosError(f"{count - accepted} of {count} submissions were refused")
    return count / seconds


def beside_spark(master: str, folder: Path, runs: int) -> None:
    """Start-up and idle memory."""
    ours, theirs = [], []
    for number in range(runs + 1):
        ours.append(idle(our_dispatcher(master, folder / f"ours{number}")))
        theirs.append(idle(spark_dispatcher(master, folder / f"theirs{number}")))
    del ours[0], theirs[0]  # they have warmed the file cache
    startups = [statistics.median(one.startup for one in those) for those in (ours, theirs)]
    memories = [statistics.median(one.memory for one in those) for those in (ours, theirs)]
    rows = [
        ("start-up", *map(milliseconds, startups), f"{startups[0] / startups[1]:.2f}"),
        ("idle memory", *map(megabytes, memories), f"{memories[0] / memories[1]:.2f}"),
    ]
    print_table(("", "ours", "Spark's", "ratio"), rows)


def creates(master: str, folder: Path, runs: int, count: int) -> None:
    """Creates per second: ours with SQLite beside Spark's in memory, and both with ZooKeeper."""
    rows: list[tuple[str, ...]] = []
    with zookeeper_server(folder / "zookeeper") as zookeeper:
        kept = ("--zk", zookeeper.hosts)
        pairs: list[tuple[str, int, Make, Make]] = [
            (
                "ours on disk (SQLite), Spark's in memory",
                count,
                lambda at: our_dispatcher(master, at),
                lambda at: spark_dispatcher(master, at),
            ),
            (
                "both in ZooKeeper",
                count // 5,
                lambda at: our_dispatcher(master, at, [*kept, *_node(at)]),
                lambda at: spark_dispatcher(master, at, [*kept, *_node(at)]),
            ),
        ]
        for label, size, make_ours, make_theirs in pairs:
            measured = [
                [
                    per_second(make(folder / f"creates-{len(rows)}-{name}-{run}"), size)
                    for name, make in (("ours", make_ours), ("theirs", make_theirs))
                ]
                for run in range(runs)
            ]
            ours, theirs = (statistics.median(column) for column in zip(*measured, strict=True))
            rows.append((label, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}"))
    print_table(("creates per second", "ours", "Spark's", "times as many"), rows)


def _node(at: Path) -> Sequence[str]:
    return ("--conf", f"spark.deploy.zookeeper.dir=/{at.name}")


def nothing_lost(master: str, folder: Path, count: int) -> None:
    """Creates, then SIGKILL, and all are there again."""
    server = our_dispatcher(master, folder / "kept")
    with running(server):
        seconds, accepted = load(server, count)
        server.kill()
        began = time.perf_counter()
        server.start()
        server.await_ready()
        again = time.perf_counter() - began
        found = int(server.ask("GET", "?limit=1")[1]["total"])
    print_table(
        ("accepted", "found after SIGKILL", "creates per second", "ready again after"),
        [(f"{accepted:,}", f"{found:,}", f"{accepted / seconds:,.0f}", milliseconds(again))],
    )


def with_many(master: str, folder: Path) -> None:
    """10,000 drivers in the queue."""
    with running(our_dispatcher(master, folder / "many")) as server:
        before = memory(server)
        load(server, _MANY)
        listed = server.ask("GET", "?limit=1000&order=newest")[1]
        some = str(listed["submissions"][_MANY // 20]["submissionId"])
        page = server.webui_url.removeprefix("http://")
        rows = [
            ("status of one", *_spread(lambda: server.ask("GET", f"/status/{some}"))),
            ("REST list, 1000 of them", *_spread(lambda: server.ask("GET", "?limit=1000"))),
            ("list page", *_spread(lambda: _get(page, "/"))),
            ("metrics", *_spread(lambda: _get(page, "/metrics"))),
        ]
        rows.append(("memory (before: " + megabytes(before) + ")", megabytes(memory(server)), ""))
    for label, fits in (("none fits", False), ("each takes two", True)):
        cycle = OfferCycle(_MANY, _OFFERS, fits=fits)
        rows.append((f"batch of {_OFFERS} offers, {label}", *_spread(cycle)))
    print_table((f"{_MANY:,} drivers queued", "median", "at most"), rows)


def _spread(call: Callable[[], object], runs: int = 20) -> tuple[str, str]:
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return milliseconds(statistics.median(times)), milliseconds(max(times))


def _get(authority: str, path: str) -> bytes:
    with contextlib.closing(http.client.HTTPConnection(authority, timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    if answer.status != 200:
        raise SparkMesosError(f"GET {path} is answered with {answer.status}")
    return body


def megabytes(number: float) -> str:
    """Of a number of bytes."""
    return f"{number / 1e6:.0f} MB"


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="of what is done in turn [5]")
    parser.add_argument("--creates", type=int, default=10_000, help="in each run [10000]")
    parser.add_argument("--kept", type=int, default=50_000, help="of which none is to be lost [50000]")
    parser.add_argument(
        "--only", choices=("beside", "creates", "kept", "many"), action="append", help="all without it"
    )
    asked = parser.parse_args()
    only = asked.only or ["beside", "creates", "kept", "many"]
    print(f"Spark {SPARK.version}, Java {JAVA.major}, {machine()}, median of {asked.runs} runs")
    with _folder() as folder, cluster_process(ClusterSpec(work_dir=folder / "cluster")) as cluster:
        if "beside" in only:
            beside_spark(cluster.url, folder, asked.runs)
        if "creates" in only:
            creates(cluster.url, folder, asked.runs, asked.creates)
        if "kept" in only:
            nothing_lost(cluster.url, folder, asked.kept)
        if "many" in only:
            with_many(cluster.url, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
