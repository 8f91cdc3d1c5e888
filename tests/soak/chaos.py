"""Kills dispatcher, masters and agents at random while drivers are submitted; then every driver is accounted for.

Runs as `python -m tests.soak.chaos`, or by scripts/soak. The dispatcher is a process and gets a real SIGKILL;
masters and agents are those of the embedded cluster in this process, whose connections, timers and memory go
from one moment to the next. Prints its seed, and exits with 1 if a driver was lost, ran twice, or ended as
something else than it did.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import http.client
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.integration.zookeeper import zookeeper_server
from tests.servers.dispatcher import DispatcherServer, our_dispatcher
from tests.soak.chaos_plan import Job, Step, Strike, Target, plan
from tests.soak.chaos_verdict import Shown, violations
from tests.soak.stand_in_spark import arguments, recorded, write_stand_in

TOKEN = "spark.mesos.dispatcher.token"
_CLIENTS = 4
_AWAY_SECONDS = 4.0
"""After which the master gives an agent up."""
_PATIENCE = 180.0
_RETRY_SECONDS = 0.1
_NAMES = {Target.DISPATCHER: "the dispatcher", Target.MASTER: "a master", Target.AGENT: "an agent"}
_REAL_APPLICATION = """\
from pyspark.sql import SparkSession
with SparkSession.builder.getOrCreate() as spark:
    assert spark.sparkContext.parallelize(range(10), 1).sum() == 45
"""


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    jobs: int
    strikes: int
    agents: int = 3
    masters: int = 1
    real_spark: bool = False


@dataclass
class Report:
    """What has happened."""

    accepted: dict[str, Job] = field(default_factory=dict)
    """The jobs by the submission ids that clients were told."""
    strikes: Counter[Target] = field(default_factory=Counter)
    launches: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        killed = ", ".join(f"{number} times {_NAMES[target]}" for target, number in self.strikes.items())
        ended = ", ".join(f"{number} {outcome}" for outcome, number in sorted(self.outcomes.items()))
        return (
            f"{len(self.accepted)} accepted, {self.launches} launches, {ended}; killed {killed or 'nobody'}"
        )


class Chaos:
    """One run on a cluster that is up: does the steps, then waits until all drivers have ended."""

    def __init__(self, cluster: RunningCluster, server: DispatcherServer, app: Path, home: Path) -> None:
        self.report = Report()
        self.died: set[str] = set()
        """The URLs of all agents that were killed."""
        self._cluster = cluster
        self._server = server
        self._app = app
        self._home = home
        self._restarts: list[tuple[float, int, Target, int]] = []
        self._down: set[tuple[Target, int]] = set()
        self._count = 0
        self._lock = threading.Lock()
        self._given_up = threading.Event()

    def run(self, steps: Sequence[Step]) -> None:
        """All steps, with everybody up again and all requests answered afterwards."""
        with ThreadPoolExecutor(_CLIENTS) as clients:
            requests = []
            try:
                for step in steps:
                    self._restart_due()
                    if isinstance(step, Job):
                        requests.append(clients.submit(self._submit, step))
                    else:
                        self._strike(step)
                while self._restarts:
                    self._pause(self._restarts[0][0] - time.monotonic())
                for request in requests:
                    request.result()
            finally:
                self._given_up.set()

    def settle(self) -> list[dict[str, Any]]:
        """Wait until all drivers have ended or patience has; all drivers as the dispatcher lists them."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            listed = list(self._listed())
            if all(driver["driverState"] == "FINISHED" for driver in listed) or time.monotonic() > deadline:
                return listed
            time.sleep(0.5)

    def _submit(self, job: Job) -> None:
        body = {
            "action": "CreateSubmissionRequest",
            "clientSparkVersion": "3.5.9",
            "appResource": self._app.as_uri(),
            "mainClass": "",
            "appArgs": arguments(job.key, job.seconds, job.failures),
            "environmentVariables": {},
            "sparkProperties": {
                "spark.app.name": job.key,
                "spark.driver.memory": "512m",
                "spark.driver.supervise": str(job.supervised).lower(),
                "spark.cores.max": "1",
                "spark.executor.memory": "512m",
                "spark.ui.enabled": "false",
                "spark.mesos.executor.home": str(self._home),
                TOKEN: job.key,
            },
        }
        answer = self._ask("POST", "/create", body)
        with self._lock:
            self.report.accepted[answer["submissionId"]] = job
        if job.kill_after is not None:
            self._given_up.wait(job.kill_after)
            self._ask("POST", f"/kill/{answer['submissionId']}")

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Asked until it is answered, as by a client that does not know whether it was heard."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                status, answer = self._server.ask(method, path, body)
                if status == 200:
                    return answer
                if status != 503:
                    raise AssertionError(f"{method} {path} is answered with {status}: {answer}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{method} {path} is not answered")
            time.sleep(_RETRY_SECONDS)

    def _listed(self) -> Iterator[dict[str, Any]]:
        page = "?limit=1000"
        while page:
            answer = self._ask("GET", page)
            yield from answer["submissions"]
            page = f"?limit=1000&after={answer['next']}" if "next" in answer else ""

    def _strike(self, strike: Strike) -> None:
        self._pause(strike.delay)
        number = strike.number
        if strike.target is Target.DISPATCHER:
            number = 0
        elif strike.target is Target.MASTER and len(self._cluster.master_urls) > 1:
            leading = self._cluster.control.leading_master()
            number = number if leading is None else leading
        if (strike.target, number) in self._down:
            self._restart_due(everybody=True)
        if strike.awaited and strike.target is Target.DISPATCHER:
            self._server.await_ready()
        self._kill(strike.target, number)
        self._down.add((strike.target, number))
        self._count += 1
        heapq.heappush(
            self._restarts, (time.monotonic() + strike.downtime, self._count, strike.target, number)
        )
        self.report.strikes[strike.target] += 1

    def _kill(self, target: Target, number: int) -> None:
        if target is Target.DISPATCHER:
            if self._server.ended:
                self.report.problems.append("the dispatcher has ended by itself")
            self._server.kill()
        elif target is Target.MASTER:
            self._cluster.control.kill_master(number)
        else:
            self.died.add(self._cluster.agent_urls[number])
            self._cluster.control.kill_agent(number)

    def _start(self, target: Target, number: int) -> None:
        if target is Target.DISPATCHER:
            self._server.start()
        elif target is Target.MASTER:
            self._cluster.control.start_master(number)
        else:
            self._cluster.control.start_agent(number)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            self._restart_due()
            now = time.monotonic()
            if now >= end:
                return
            next_restart = self._restarts[0][0] if self._restarts else end
            time.sleep(max(0.0, min(end, next_restart) - now))

    def _restart_due(self, *, everybody: bool = False) -> None:
        while self._restarts and (everybody or self._restarts[0][0] <= time.monotonic()):
            _, _, target, number = heapq.heappop(self._restarts)
            self._start(target, number)
            self._down.discard((target, number))


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
        if size.masters > 1:
            zookeeper = f"zk://{stack.enter_context(zookeeper_server(folder / 'zookeeper')).hosts}/mesos"
        spec = ClusterSpec(
            work_dir=folder / "cluster",
            agents=(AgentSpec(cpus=6, mem=8192),) * size.agents,
            masters=size.masters,
            zookeeper=zookeeper,
            zk_session_timeout=3.0,
            allocation_interval=0.1,
            agent_ping_timeout=_AWAY_SECONDS / 4,
            max_agent_ping_timeouts=4,
            agent_reregister_timeout=2 * _AWAY_SECONDS,
            executor_environment=default_executor_environment(find_java(spark, {"PATH": ""})),
        )
        cluster = stack.enter_context(cluster_in_thread(spec))
        server = our_dispatcher(
            cluster.url,
            folder / "dispatcher",
            (
                "--conf",
                "spark.mesos.retainedDrivers=100000",
                "--conf",
                "spark.mesos.cluster.retry.wait.max=2",
            ),
        )
        stack.callback(server.stop)
        server.start()
        server.await_ready()
        chaos = Chaos(cluster, server, app, home)
        chaos.run(plan(seed, size.jobs, size.strikes, size.agents, size.masters, _AWAY_SECONDS))
        say("chaos: everybody is up again; waiting for the drivers")
        listed = chaos.settle()
        report = chaos.report
        if server.terminate() != 0:
            report.problems.append("the dispatcher did not end well on SIGTERM")
        log = server.log
    record = recorded(folder / "record")
    report.launches = sum(event.status is None for events in record.values() for event in events)
    shown = [_shown(driver, chaos.died) for driver in listed]
    report.outcomes.update(driver.outcome or driver.state for driver in shown)
    report.problems += violations(report.accepted, shown, record, agents_died=bool(chaos.died))
    if len(report.accepted) != size.jobs:
        report.problems.append(f"{len(report.accepted)} of {size.jobs} submissions have ids of their own")
    if "Traceback" in log:
        at = log.index("Traceback")
        report.problems.append(f"the dispatcher's log has a traceback: {log[at : at + 3000]}")
    return report


def _shown(driver: dict[str, Any], died: set[str]) -> Shown:
    url = str(driver.get("agentUrl", ""))
    return Shown(driver["submissionId"], driver["driverState"], str(driver.get("outcome") or ""), url in died)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for and prints what came out."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--submissions", type=int, default=500, help="[%(default)s]")
    parser.add_argument("--kills", type=int, default=200, help="[%(default)s]")
    parser.add_argument("--agents", type=int, default=3, help="[%(default)s]")
    parser.add_argument(
        "--masters", type=int, default=1, help="[%(default)s]; several elect their leader with a ZooKeeper"
    )
    parser.add_argument(
        "--real-spark", action="store_true", help="drivers are real ones with executors; for smaller runs"
    )
    parser.add_argument("--seed", type=int, help="without it, a new one, which is printed")
    parser.add_argument("--keep", type=Path, help="a new folder for logs and records, which then stays")
    asked = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    print(f"chaos: seed {seed}", flush=True)
    size = Size(asked.submissions, asked.kills, asked.agents, asked.masters, asked.real_spark)
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        if asked.keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sparkmesos-chaos-")))
        else:
            folder = asked.keep.absolute()
            folder.mkdir(parents=True)
        report = run_chaos(seed, size, folder, lambda text: print(text, flush=True))
    for problem in report.problems:
        print(f"\nFAILED {problem}", file=sys.stderr)
    seconds = time.monotonic() - begin
    print(f"chaos: {report}; {len(report.problems)} problems, {seconds:.0f} s")
    return 1 if report.problems else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as by Ctrl-C: nothing is left running
    sys.exit(main())
