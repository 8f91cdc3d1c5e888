"""Real shuffle services on three agents, each in a network of its own, and a real Spark that shuffles over them.

Services outlive a test: the tests stand in the order in which things happen to them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from sparkmesos_core.shuffle_service.cleaner import cleaner_lives
from sparkmesos_core.spark.home import find_spark
from tests.integration.commands import Commands
from tests.integration.namespaces import (
    NamespacedCluster,
    living_in,
    namespaced_cluster,
    need_network_namespaces,
    network_of,
)
from tests.integration.short_lived_jvm import JVM, SMALL, as_options

pytestmark = pytest.mark.slow

HOSTS = ["192.0.2.101", "192.0.2.102", "192.0.2.103"]
PATIENCE = 60.0
SERVICE_CLASS = "org.apache.spark.deploy.mesos.MesosExternalShuffleService"

# Its map tasks note who runs them, and wait for one another, so that each agent has some of their files.
APPLICATION = """
import json, os, signal, sys, time, uuid
from operator import add
from pathlib import Path
import psutil
from pyspark.sql import SparkSession

NOTES, HOSTS, LOCAL = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])

def until(condition):
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

def noted():
    return [json.loads(note.read_text()) for note in NOTES.glob("*.json")]

def mapped(partition, rows):
    jvm = psutil.Process(os.getppid()).ppid()  # of the daemon that has forked this worker
    note = NOTES / uuid.uuid4().hex
    note.write_text(json.dumps({"partition": partition, "host": os.environ["SPARK_LOCAL_IP"], "jvm": jvm}))
    note.rename(note.with_suffix(".json"))
    until(lambda: len({note["host"] for note in noted()}) == HOSTS)
    return ((row % 7, row) for row in rows)

with SparkSession.builder.getOrCreate() as spark:
    executors = spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos
    sums = spark.sparkContext.range(600, numSlices=6).mapPartitionsWithIndex(mapped).reduceByKey(add, 6)
    counted = sums.count()
    before = len(executors())
    os.kill(noted()[0]["jvm"], signal.SIGKILL)
    until(lambda: len(executors()) < before)
    print(json.dumps({
        "application": spark.sparkContext.applicationId,
        "counted": counted,
        "sums": sorted(sums.collect()),
        "maps": noted(),
        "files": [path.relative_to(LOCAL).parts[0] for path in LOCAL.rglob("shuffle_*.data")],
    }))
"""
SUMS = [[key, sum(range(key, 600, 7))] for key in range(7)]

# An application whose heartbeats have stopped for so long has ended, for the services.
TIMES = {
    "spark.executor.heartbeatInterval": "1s",
    "spark.storage.blockManagerHeartbeatTimeoutMs": "10s",
    "spark.network.timeoutInterval": "5s",
    "spark.locality.wait": "0s",
}
PROPERTIES = {
    **TIMES,
    "spark.dynamicAllocation.initialExecutors": "3",
    **SMALL,
}


@dataclass(frozen=True)
class Stage:
    """A cluster, whose agents' executors keep their files in folders of their own, and commands beside it."""

    cluster: NamespacedCluster
    commands: Commands
    local: Path
    url: str
    """Where the process answers that cares for the services."""

    def files_of(self, host: str) -> list[str]:
        """The shuffle files on an agent; folders may vanish meanwhile."""
        found = (name for _, _, names in os.walk(self.local / host) for name in names)
        return [name for name in found if name.startswith("shuffle_")]

    def status(self) -> dict[str, Any]:
        """What the process says of the services."""
        content: dict[str, Any] = self.cluster.get(f"{self.url}/v1/status")
        return content

    def asked(self) -> subprocess.CompletedProcess[str]:
        """What `--status` says, which asks the services themselves."""
        return self.commands.run("start-shuffle-service", "--on-mesos", "--status", "--output", "json")

    def service_of(self, host: str) -> dict[str, Any]:
        """What it says of the service of an agent."""
        (found,) = [agent for agent in self.status()["agents"] if agent["host"] == host]
        assert isinstance(found, dict)
        return found

    def process_of(self, host: str) -> psutil.Process:
        """The JVM of the service on an agent."""
        (found,) = [p for p in self.services() if p.environ()["LIBPROCESS_IP"] == host]
        return found

    def services(self) -> list[psutil.Process]:
        """The JVMs of all services, without the scripts that start them."""
        found = []
        for process in self.commands.processes():
            with contextlib.suppress(psutil.Error):
                if process.name() == "java" and SERVICE_CLASS in process.cmdline():
                    found.append(process)
        return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def stage(module_commands: Commands) -> Iterator[Stage]:
    need_network_namespaces()
    folder = module_commands.folder
    home = str(find_spark(None, {}).path)
    agents = [
        {"cpus": 1.5, "mem": 1536, "executor_environment": {"SPARK_LOCAL_DIRS": str(folder / "local" / host)}}
        for host in HOSTS
    ]
    times = {"agent_ping_timeout": 0.5, "max_agent_ping_timeouts": 2, "allocation_interval": 0.2}
    with namespaced_cluster(folder / "cluster", agents, **times) as cluster:
        module_commands.prefix = cluster.inside
        module_commands.environment.update(SPARK_DAEMON_MEMORY="128m", SPARK_DAEMON_JAVA_OPTS=JVM)
        properties = {"spark.mesos.executor.home": home, "spark.shuffle.cleaner.interval": "1s"}
        started = module_commands.run(
            "start-shuffle-service",
            "--on-mesos",
            *("--master", cluster.url, "--cpus", "0.25", "--memory", "512m", "--port", "0"),
            *as_options(properties),
            *("--output", "json"),
        )
        assert started.returncode == 0, started.stderr
        url = json.loads(started.stdout)["shuffle_service_framework"]["url"]
        yield Stage(cluster, module_commands, folder / "local", url)


def test_each_agent_has_a_service_at_the_same_port(stage: Stage) -> None:
    until(lambda: bool(stage.status()["complete"]))
    until(lambda: stage.asked().returncode == 0)
    # One whose cleaner died answers, too, until that is known, and is started anew within its task.
    outputs = [Path(stage.process_of(host).environ()["MESOS_SANDBOX"], "stdout") for host in HOSTS]
    until(lambda: all(cleaner_lives(one.read_text().rpartition("Full thread dump")[2]) for one in outputs))
    until(lambda: stage.asked().returncode == 0)
    asked = stage.asked()
    told = json.loads(asked.stdout)["shuffle_services"]
    assert (told["port"], told["complete"]) == (7337, True)
    assert [(one["host"], one["state"], one["answers"]) for one in told["agents"]] == [
        (host, "running", True) for host in HOSTS
    ]
    assert len({network_of(stage.process_of(host).pid) for host in HOSTS}) == len(HOSTS)


@pytest.fixture(scope="module")
def job(stage: Stage) -> dict[str, Any]:
    """What the application tells when it has ended."""
    notes = stage.commands.folder / "notes"
    notes.mkdir()
    (stage.commands.folder / "job.py").write_text(APPLICATION)
    ran = stage.commands.run(
        "submit",
        *("--master", stage.cluster.url, "--dynamic-allocation", f"0:{len(HOSTS)}"),
        *as_options(PROPERTIES),
        *("job.py", str(notes), str(len(HOSTS)), str(stage.local)),
        timeout=180,
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def test_a_job_uses_all_of_them_and_loses_nothing_with_an_executor(job: dict[str, Any]) -> None:
    assert (job["counted"], job["sums"]) == (7, SUMS)
    assert sorted(one["partition"] for one in job["maps"]) == list(range(6))  # each ran once
    mapped = sorted(one["host"] for one in job["maps"])
    assert set(mapped) == set(HOSTS)
    assert sorted(job["files"]) == mapped  # those of the executor that was killed are still there


def test_an_agent_that_is_lost_comes_back_with_the_service_that_it_had(stage: Stage) -> None:
    host = HOSTS[1]
    agent, before, process = HOSTS.index(host), stage.service_of(host), stage.process_of(host)
    stage.cluster.control("pause_agent", agent)
    until(lambda: bool(stage.service_of(host)["state"] == "unreachable"))
    assert not stage.service_of(host)["registered"]
    stage.cluster.control("resume_agent", agent)
    until(lambda: bool(stage.service_of(host)["state"] == "running" and stage.service_of(host)["registered"]))
    assert stage.status()["complete"]
    assert stage.service_of(host)["task_id"] == before["task_id"]
    assert stage.process_of(host) == process


def test_files_go_when_services_find_that_the_application_is_over(stage: Stage, job: dict[str, Any]) -> None:
    """They hear nothing of it for a while, in which another test has run."""
    for host in HOSTS:
        service = stage.process_of(host)
        log = Path(service.environ()["MESOS_SANDBOX"], "stderr")
        until(lambda log=log: f"Application {job['application']} removed" in log.read_text())  # type: ignore[misc]
        until(lambda host=host: stage.files_of(host) == [])  # type: ignore[misc]
        registered = re.findall(rf"appId={job['application']},.*localDirs=\[([^]]*)\]", log.read_text())
        assert registered
        assert all(folder.startswith(f"{stage.local}/{host}/") for folder in registered)


def test_one_that_dies_is_started_again(stage: Stage) -> None:
    host = HOSTS[2]
    before = stage.service_of(host)
    stage.process_of(host).kill()
    until(lambda: stage.service_of(host)["task_id"] != before["task_id"] and bool(stage.status()["complete"]))
    assert stage.service_of(host)["failures"] == before["failures"] + 1
    assert len(stage.services()) == len(HOSTS)


def test_stopped_they_leave_nothing(stage: Stage) -> None:
    networks = {network_of(service.pid) for service in stage.services()}
    stopped = stage.commands.run("start-shuffle-service", "--on-mesos", "--stop")
    assert stopped.returncode == 0, stopped.stderr
    assert stage.commands.wait_for_no_process() == []
    assert living_in(networks) == set()
    state = stage.cluster.get(f"{stage.cluster.http_url}/state")
    assert state["frameworks"] == []
    assert [path for host in HOSTS for path in stage.files_of(host)] == []
