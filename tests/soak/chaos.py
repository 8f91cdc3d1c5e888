"""Kills dispatchers, masters and agents at random while drivers are submitted; then every driver is accounted for.

Runs as `python -m tests.soak.chaos`, or by scripts/soak. Dispatchers are processes and get a real SIGKILL, or
a SIGSTOP and a SIGCONT; masters and agents are those of the embedded cluster in this process, whose
connections, timers and memory go from one moment to the next. Prints its seed, and exits with 1 if a driver
was lost, ran twice, or ended as something else than it did.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sparkmesos_core.dispatcher.messages import DriverStatus
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, cluster_in_thread
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.integration.zookeeper import zookeeper_server
from tests.servers.dispatcher import DispatcherServer, our_dispatcher
from tests.soak.chaos_clients import PATIENCE, Clients
from tests.soak.chaos_plan import Job, Size, Step, Target, plan
from tests.soak.chaos_program import add_options, end_on_sigterm, run_program
from tests.soak.chaos_strikes import Strikes
from tests.soak.chaos_verdict import Shown, violations
from tests.soak.stand_in_spark import recorded, write_stand_in

_CLIENTS = 4
_AWAY_SECONDS = 4.0
"""After which the master gives an agent up."""
_SESSION_SECONDS = 4.0
"""After which ZooKeeper gives a dispatcher up."""
_POLL_SECONDS = 0.5
_OPTIONS = (
    *("--conf", "spark.mesos.retainedDrivers=100000"),
    *("--conf", "spark.mesos.cluster.retry.wait.max=2"),
)
_SESSION = ("--conf", f"spark.mesos.dispatcher.zookeeper.sessionTimeout={_SESSION_SECONDS:g}s")
_NAMES = {Target.DISPATCHER: "a dispatcher", Target.MASTER: "a master", Target.AGENT: "an agent"}
_REAL_APPLICATION = """\
from pyspark.sql import SparkSession
with SparkSession.builder.getOrCreate() as spark:
    assert spark.sparkContext.parallelize(range(10), 1).sum() == 45
"""


@dataclass
class Report:
    """What has happened."""

    accepted: Mapping[str, Job] = field(default_factory=dict)
    """The jobs by the submission ids that clients were told."""
    kills: Counter[Target] = field(default_factory=Counter)
    pauses: int = 0
    launches: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        killed = ", ".join(f"{number} times {_NAMES[target]}" for target, number in self.kills.items())
        stopped = f"; stopped {self.pauses} times a dispatcher" if self.pauses else ""
        ended = ", ".join(f"{number} {outcome}" for outcome, number in sorted(self.outcomes.items()))
        return (
            f"{len(self.accepted)} accepted, {self.launches} launches, {ended};"
            f" killed {killed or 'nobody'}{stopped}"
        )


def run_chaos(seed: int, size: Size, folder: Path, say: Callable[[str], None]) -> Report:
    """One run from the start of a cluster to the verdict."""
    spark = find_spark(None, {})
    home = write_stand_in(
        folder / "spark", folder / "record", spark.program("spark-submit") if size.real_spark else None
    )
    app = folder / "application.py"
    app.write_text(_REAL_APPLICATION)
    with contextlib.ExitStack() as stack:
        zookeeper = None
        if size.masters > 1 or size.dispatchers_elect:
            zookeeper = stack.enter_context(zookeeper_server(folder / "zookeeper")).hosts
        cluster = stack.enter_context(
            cluster_in_thread(
                ClusterSpec(
                    work_dir=folder / "cluster",
                    agents=(AgentSpec(cpus=6, mem=8192),) * size.agents,
                    masters=size.masters,
                    zookeeper=f"zk://{zookeeper}/mesos" if size.masters > 1 else None,
                    zk_session_timeout=3.0,
                    allocation_interval=0.1,
                    agent_ping_timeout=_AWAY_SECONDS / 4,
                    max_agent_ping_timeouts=4,
                    agent_reregister_timeout=2 * _AWAY_SECONDS,
                    executor_environment=default_executor_environment(find_java(spark, {"PATH": ""})),
                )
            )
        )
        elect = size.dispatchers_elect and zookeeper is not None
        options = (*_OPTIONS, *_SESSION, "--zk", str(zookeeper)) if elect else _OPTIONS
        servers = []
        for number in range(size.dispatchers):
            server = our_dispatcher(cluster.url, folder / f"dispatcher-{number}", options)
            stack.callback(server.stop)
            server.start()
            servers.append(server)
        for server in servers:
            server.await_ready()
        clients = Clients([server.url for server in servers], app, home, seed)
        strikes = Strikes(cluster, servers, size)
        _do(plan(seed, size, _AWAY_SECONDS, _SESSION_SECONDS), clients, strikes)
        say("everybody is up again; waiting for the drivers")
        drivers = _settled(clients)
        problems = [*clients.problems, *strikes.problems, *_disagreements(clients, drivers, size.dispatchers)]
        for number, server in enumerate(servers):
            if server.terminate() != 0:
                problems.append(f"dispatcher {number} did not end well on SIGTERM")
            problems += _tracebacks(number, server)
    record = recorded(folder / "record")
    shown = [_shown(driver) for driver in drivers.values()]
    problems += violations(clients.accepted, clients.killed, shown, record, strikes.absences)
    if len(clients.accepted) != size.jobs:
        problems.append(f"{len(clients.accepted)} of {size.jobs} submissions have ids of their own")
    return Report(
        accepted=clients.accepted,
        kills=strikes.kills,
        pauses=strikes.pauses,
        launches=sum(event.status is None for events in record.values() for event in events),
        outcomes=Counter(driver.outcome or driver.state for driver in shown),
        problems=problems,
    )


def _do(steps: Sequence[Step], clients: Clients, strikes: Strikes) -> None:
    """All steps, with everybody up again and all requests answered afterwards."""
    with ThreadPoolExecutor(_CLIENTS) as pool:
        requests = []
        try:
            for step in steps:
                strikes.wait(0)
                if isinstance(step, Job):
                    requests.append(pool.submit(clients.submit, step))
                else:
                    strikes.strike(step)
            strikes.wait_for_all()
            for request in requests:
                request.result()
        finally:
            clients.given_up.set()


def _settled(clients: Clients) -> Mapping[str, DriverStatus]:
    """All drivers, when all of them have ended or patience has."""
    deadline = time.monotonic() + PATIENCE
    while True:
        drivers = clients.listed()
        ended = all(driver.driver_state == "FINISHED" for driver in drivers.values())
        if ended or time.monotonic() > deadline:
            return drivers
        time.sleep(_POLL_SECONDS)


def _disagreements(clients: Clients, drivers: Mapping[str, DriverStatus], dispatchers: int) -> Iterator[str]:
    for place in range(dispatchers):
        told = clients.listed(place)
        if told.keys() != drivers.keys():
            yield f"dispatcher {place} knows other drivers: {sorted(told.keys() ^ drivers.keys())}"
    frameworks = {
        driver.text("driverFrameworkId").removesuffix(f"-{driver.text('taskId')}")
        for driver in drivers.values()
        if driver.text("taskId")
    }
    if len(frameworks) > 1:
        yield f"drivers were launched by several frameworks: {sorted(frameworks)}"


def _tracebacks(number: int, server: DispatcherServer) -> Iterator[str]:
    _, found, rest = server.log.partition("Traceback")
    if found:
        yield f"the log of dispatcher {number} has a traceback: {rest[:3000]}"


def _shown(driver: DriverStatus) -> Shown:
    return Shown(
        id=driver.submission_id,
        state=driver.driver_state,
        outcome=driver.text("outcome"),
        task_id=driver.text("taskId"),
        agent=driver.text("agentUrl").partition("://")[2],
        launched_at=_seconds(driver.text("launchedAt"), 0.0),
        finished_at=_seconds(driver.text("finishedAt"), time.time()),
        message=driver.task_message,
    )


def _seconds(text: str, otherwise: float) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else otherwise


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for and prints what came out."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--submissions", type=int, default=500, help="[%(default)s]")
    parser.add_argument("--kills", type=int, default=200, help="[%(default)s]")
    parser.add_argument(
        "--pauses",
        type=int,
        help="of dispatchers, besides the kills [a twentieth of them with a ZooKeeper, else 0]",
    )
    parser.add_argument(
        "--dispatchers", type=int, default=1, help="[%(default)s]; several share a ZooKeeper, one has SQLite"
    )
    parser.add_argument("--zk", action="store_true", help="one dispatcher has a ZooKeeper, too")
    parser.add_argument("--agents", type=int, default=3, help="[%(default)s]")
    parser.add_argument(
        "--masters", type=int, default=1, help="[%(default)s]; several elect their leader with a ZooKeeper"
    )
    parser.add_argument(
        "--real-spark", action="store_true", help="drivers are real ones with executors; for smaller runs"
    )
    add_options(parser)
    asked = parser.parse_args(arguments)
    elect = asked.zk or asked.dispatchers > 1
    size = Size(
        jobs=asked.submissions,
        kills=asked.kills,
        pauses=(asked.kills // 20 if elect else 0) if asked.pauses is None else asked.pauses,
        dispatchers=asked.dispatchers,
        zookeeper=asked.zk,
        agents=asked.agents,
        masters=asked.masters,
        real_spark=asked.real_spark,
    )
    return run_program(asked, "chaos", lambda seed, folder, say: run_chaos(seed, size, folder, say))


if __name__ == "__main__":
    end_on_sigterm()
    sys.exit(main())
