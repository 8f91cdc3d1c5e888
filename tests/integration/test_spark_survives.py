"""A running Spark application outlives the masters, agents and connections that it runs on."""

from __future__ import annotations

import contextlib
import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.master import HostPort
from tests.integration import short_lived_jvm
from tests.integration.zookeeper import zookeeper_server
from tests.servers.cutting_proxy import cutting_proxy

if TYPE_CHECKING:
    from tests.integration.commands import Commands
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

PATIENCE = 120.0
SMALL = {
    **short_lived_jvm.SMALL,
    "spark.cores.max": "2",
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
}
# An executor then never says a word of its blocks by itself: see test_an_agent_that_is_away_for_a_while.
NO_NEWS_OF_BLOCKS = {
    "spark.cleaner.referenceTracking": "false",
    "spark.executor.heartbeatInterval": "10m",
    "spark.network.timeout": "20m",
}
# Job after job until it is told to stop; each line says which round it is and where its tasks ran. While there is a
# file `hold`, tasks note in the folder `held` in which container they are, and do not end.
ROUNDS = """
import os, time
number = 0
while not os.path.exists({stop!r}):
    def where(_):
        time.sleep(0.05)
        container = os.environ["MESOS_SANDBOX"].rpartition("/")[2]
        while os.path.exists({hold!r}):
            open(os.path.join({held!r}, container), "w").close()
            time.sleep(0.05)
        return container
    seen = sc.parallelize(range(4), 4).map(where).collect()
    assert len(seen) == 4
    number += 1
    print("round", number, *sorted(set(seen)), flush=True)
print("the end", flush=True)
"""


@dataclass
class Application:
    """A running application, and what it has said so far."""

    process: subprocess.Popen[str]
    stop_file: Path
    hold_file: Path
    held: Path
    errors: list[str] = field(default_factory=list)
    lines: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        self._threads = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.lines.put), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.errors.append), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _read(stream: Any, take: Callable[[str], None]) -> None:
        for line in stream:
            take(line)

    def next_round(self) -> set[str]:
        """The containers that the tasks of the next round ran in."""
        try:
            line = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError("no round has ended:\n" + "".join(self.errors[-60:])) from None
        assert line.startswith("round "), line
        return set(line.split()[2:])

    def rounds_until(self, holds: Callable[[], bool]) -> None:
        """Goes on, round by round, until a condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, "".join(self.errors[-60:])
            self.next_round()

    def fresh_rounds(self) -> None:
        """A job that began after this call has ended."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.lines.get_nowait()
        self.next_round()
        self.next_round()

    def hold(self, containers: int) -> None:
        """Tasks do not end from now on; returns when so many containers have one that is under way."""
        self.hold_file.touch()
        wait_until(lambda: len(list(self.held.iterdir())) == containers)

    def go_on(self) -> None:
        """Tasks end again."""
        self.hold_file.unlink()

    def finish(self) -> None:
        """Lets the application end by itself, which has to be with success."""
        self.stop_file.touch()
        code = self.process.wait(timeout=PATIENCE)
        for thread in self._threads:
            thread.join()
        assert code == 0, "".join(self.errors[-60:])
        last = ""
        while not self.lines.empty():
            last = self.lines.get()
        assert last == "the end\n"


@pytest.fixture
def specification(tmp_path: Path, spark_under_test: SparkUnderTest) -> ClusterSpec:
    return ClusterSpec(
        work_dir=tmp_path / "cluster",
        agents=(AgentSpec(cpus=1, mem=2048), AgentSpec(cpus=1, mem=2048)),
        executor_environment=default_executor_environment(spark_under_test.java),
        allocation_interval=0.2,
        registration_backoff=0.2,
        agent_ping_timeout=1.0,
        max_agent_ping_timeouts=3,
    )


@pytest.fixture
def start(commands: Commands, application: Callable[..., str], tmp_path: Path) -> Callable[..., Application]:
    """Starts the application on a cluster, with the settings given, and waits for its first round.

    `master` is the master's URL if it is not to be that of the cluster.
    """

    def begin(cluster: RunningCluster, master: str | None = None, **conf: str) -> Application:
        stop_file, hold_file, held = (tmp_path / name for name in ("stop", "hold", "held"))
        held.mkdir()
        settings = {**SMALL, **conf}
        options = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        process = commands.start(
            *("submit", "--master", master or cluster.url, "--mesos-driver", "http", *options),
            application(ROUNDS.format(stop=str(stop_file), hold=str(hold_file), held=str(held))),
        )
        started = Application(process, stop_file, hold_file, held)
        started.next_round()
        return started

    return begin


def frameworks(url: str, kind: str = "frameworks") -> list[dict[str, Any]]:
    """What a master says of its frameworks, none if it does not answer as the leader."""
    try:
        answer = requests.get(f"{url}/state", timeout=10, allow_redirects=False)
    except requests.ConnectionError:
        return []
    return list(answer.json()[kind]) if answer.status_code == 200 else []


def running(url: str) -> int:
    """How many executors of connected frameworks run, by the master's books."""
    return len(running_tasks(url))


def running_tasks(url: str) -> dict[str, str]:
    """The ids of those executors' tasks, and of the agents that they are on."""
    tasks = [task for framework in frameworks(url) if framework["connected"] for task in framework["tasks"]]
    return {task["id"]: task["slave_id"] for task in tasks if task["state"] == "TASK_RUNNING"}


def wait_until(holds: Callable[[], bool]) -> None:
    """Waits for what no round tells."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_on(agent_id: str, commands: Commands) -> list[psutil.Process]:
    """What runs in the sandboxes of an agent."""
    found = []
    for process in commands.processes():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("MESOS_SLAVE_ID") == agent_id:
                found.append(process)
    return found


def assert_ended_well(url: str, framework_id: str, commands: Commands) -> None:
    """The application was torn down under the id it began with, and left nothing behind."""
    assert frameworks(url) == []
    assert [framework["id"] for framework in frameworks(url, "completed_frameworks")] == [framework_id]
    assert commands.wait_for_no_process() == []


def test_a_master_that_dies_and_comes_back(
    specification: ClusterSpec, start: Callable[..., Application], commands: Commands
) -> None:
    """Executors and jobs go on meanwhile, and afterwards everything is as before."""
    with cluster_in_thread(specification) as cluster:
        app = start(cluster)
        app.rounds_until(lambda: running(cluster.http_url) == 2)
        (before,) = frameworks(cluster.http_url)
        containers = app.next_round()
        cluster.control.kill_master(0)
        app.fresh_rounds()
        cluster.control.start_master(0)
        app.rounds_until(lambda: running(cluster.http_url) == 2)
        (after,) = frameworks(cluster.http_url)
        assert after["id"] == before["id"]
        assert {task["id"] for task in after["tasks"]} == {task["id"] for task in before["tasks"]}
        assert app.next_round() <= containers | app.next_round()
        app.finish()
        assert_ended_well(cluster.http_url, before["id"], commands)


def test_a_master_that_hands_over_through_zookeeper(
    specification: ClusterSpec, start: Callable[..., Application], commands: Commands, tmp_path: Path
) -> None:
    with zookeeper_server(tmp_path / "zookeeper") as zookeeper:
        spec = replace(
            specification, masters=2, zookeeper=f"zk://{zookeeper.hosts}/mesos", zk_session_timeout=2.0
        )
        with cluster_in_thread(spec) as cluster:
            first, second = cluster.master_urls
            app = start(cluster)
            app.rounds_until(lambda: running(first) == 2)
            (before,) = frameworks(first)
            cluster.control.kill_master(0)
            app.rounds_until(lambda: running(second) == 2)
            (after,) = frameworks(second)
            assert after["id"] == before["id"]
            assert {task["id"] for task in after["tasks"]} == {task["id"] for task in before["tasks"]}
            app.finish()
            assert_ended_well(second, before["id"], commands)
            # The bridge speaks for ZooKeeper's client, which would say the same with a stack trace every second.
            assert [line for line in app.errors if " ClientCnxn" in line or " ZooKeeper: " in line] == []
            assert any(
                re.search("WARN Conversation: The connection to the Mesos master is lost", line)
                for line in app.errors
            )


def test_connections_that_are_cut(
    specification: ClusterSpec, start: Callable[..., Application], commands: Commands
) -> None:
    """Even with Spark's default failover timeout, which is none."""
    with cluster_in_thread(specification) as cluster:
        app = start(cluster)
        (before,) = frameworks(cluster.http_url)
        for _ in range(2):
            assert cluster.control.cut_connections(0) == 1
            app.rounds_until(
                lambda: [framework["connected"] for framework in frameworks(cluster.http_url)] == [True]
            )
        app.fresh_rounds()
        app.finish()
        assert_ended_well(cluster.http_url, before["id"], commands)


def test_answers_to_offers_that_do_not_arrive(
    specification: ClusterSpec, start: Callable[..., Application], commands: Commands
) -> None:
    """The first launch is cut off, and so is what gives its offer back, twice.

    Otherwise the master would count on an answer, and offer that agent to nobody while the application lives.
    """
    with cluster_in_thread(specification) as cluster:
        host, _, port = cluster.http_url.removeprefix("http://").rpartition(":")
        with cutting_proxy(HostPort(host, int(port))) as proxy:
            proxy.plan("reset", 0, times=3, behind=b'"offer_ids"')
            app = start(cluster, f"mesos://{proxy.address}")
            assert proxy.fired == 3
            app.rounds_until(lambda: running(cluster.http_url) == 2)
            (framework,) = frameworks(cluster.http_url)
            wait_until(lambda: frameworks(cluster.http_url)[0]["offers"] == [])
            app.finish()
            assert_ended_well(cluster.http_url, framework["id"], commands)


def test_an_agent_that_is_killed_and_comes_back(
    specification: ClusterSpec, start: Callable[..., Application], commands: Commands
) -> None:
    """Spark's frameworks do not checkpoint: the agent's executor dies with it, and another one takes its place."""
    with cluster_in_thread(specification) as cluster:
        app = start(cluster)
        app.rounds_until(lambda: running(cluster.http_url) == 2)
        (before,) = frameworks(cluster.http_url)
        cluster.control.kill_agent(0)
        app.fresh_rounds()
        cluster.control.start_agent(0)
        app.rounds_until(lambda: running(cluster.http_url) == 2)
        (after,) = frameworks(cluster.http_url)
        kept = {task["id"] for task in after["tasks"]} & {task["id"] for task in before["tasks"]}
        assert len(kept) == 1
        app.fresh_rounds()
        app.finish()
        assert_ended_well(cluster.http_url, before["id"], commands)


def test_an_agent_that_is_away_for_a_while(
    specification: ClusterSpec, start: Callable[..., Application], commands: Commands
) -> None:
    """Its executor is lost amid a job; that goes on elsewhere, and when the agent is back, it gets another one.

    An agent where two tasks have failed gets no more, by a rule of Spark's. The loss counts as one. The lost
    executor, which is stopped by Spark and whose end Mesos tells when the agent is back, may be the second: it
    ends with status 50 instead of 0 if it is just telling the driver of a block, by which an interrupted thread
    dies, whatever Mesos it is that runs it. So that it cannot be, no executor has anything to say when the loss
    comes: its task has all blocks that it needs, nothing is cleaned away, and no heartbeat is due.
    """
    with cluster_in_thread(specification) as cluster:
        app = start(cluster, **NO_NEWS_OF_BLOCKS)
        app.rounds_until(lambda: running(cluster.http_url) == 2)
        (before,) = frameworks(cluster.http_url)
        agent_id = requests.get(f"{cluster.agent_urls[0]}/state", timeout=10).json()["id"]
        (lost,) = (task for task, agent in running_tasks(cluster.http_url).items() if agent == agent_id)
        app.hold(2)
        executor = processes_on(agent_id, commands)
        assert executor
        cluster.control.pause_agent(0)
        wait_until(lambda: running(cluster.http_url) == 1)
        _, alive = psutil.wait_procs(executor, timeout=PATIENCE)
        assert alive == [], "".join(app.errors[-60:])
        app.go_on()
        app.fresh_rounds()
        cluster.control.resume_agent(0)
        app.rounds_until(lambda: len(running_tasks(cluster.http_url).keys() - {lost}) == 2)
        app.rounds_until(lambda: len(app.next_round()) == 2)
        (after,) = frameworks(cluster.http_url)
        assert [task["state"] for task in after["completed_tasks"] if task["id"] == lost] == ["TASK_FINISHED"]
        assert agent_id in running_tasks(cluster.http_url).values()
        app.finish()
        assert_ended_well(cluster.http_url, before["id"], commands)
