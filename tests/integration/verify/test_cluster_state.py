"""What the master tells of agents, frameworks and tasks: read once, and whole or not at all."""

from __future__ import annotations

import threading

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from tests.integration.verify.altered_master import AlteredServer
from tests.integration.verify.conftest import Alter, NewCluster
from tests.integration.verify.small_framework import SmallFramework
from tests.integration.verify.verifying import SOUND, verify


def test_the_state_is_asked_for_once(altered: AlteredServer) -> None:
    report = verify("--master", altered.url, *SOUND)
    assert report.failing() == set(), report
    assert report.seen("master-state") == "2 agents, 0 frameworks, 0 running tasks"
    assert altered.requests["/state"] == 1
    assert altered.requests["/slaves"] == 0


def test_without_checks_of_tasks_only_agents_are_asked_for(altered: AlteredServer) -> None:
    report = verify("--master", altered.url, *SOUND, "--only", "master-state,agents-registered")
    assert report.failing() == set(), report
    assert report.seen("master-state") == "2 agents"
    assert altered.requests["/state"] == 0
    assert altered.requests["/slaves"] == 1


def test_reservations_that_are_used_are_looked_up(new_cluster: NewCluster, alter: Alter) -> None:
    cluster = new_cluster(agents=(AgentSpec(resources="cpus:2;mem:4096;cpus(etl):2;ports:[31000-32000]"),))
    altered = alter(cluster)
    with SmallFramework(cluster, "etl", roles=["etl"], capabilities=[{"type": "MULTI_ROLE"}]) as framework:
        framework.launch("sleep 600", task_id="a")
        framework.reached("a", "TASK_RUNNING")
        report = verify("--master", altered.url, *SOUND)
        assert report.failing() == set(), report
        assert altered.requests["/state"] == 1
        assert altered.requests["/slaves"] == 1


@pytest.mark.breaks("master-state")
@pytest.mark.parametrize("cut", [b'{"slaves": [', b"<html>Bad gateway</html>", b'{"slaves": []}', b""])
def test_a_state_that_is_cut_off(altered: AlteredServer, cut: bytes) -> None:
    altered.body("/state", cut)
    report = verify("--master", altered.url, *SOUND)
    assert report.failing() == {"master-state"}, report
    assert report.exit_code == 1
    assert f"{altered.http_url}/state answered what cannot be understood" in report.message("master-state")
    hint = report.hint("master-state")
    assert hint.startswith("Check that the address is that of a Mesos master")
    assert ", and that no proxy " in hint
    assert report.follows()["tasks-failing"] == report.follows()["agents-registered"] == "master-state"
    altered.heal()
    assert verify("--master", altered.url, *SOUND).failing() == set()


def test_a_master_that_refuses_its_state(altered: AlteredServer) -> None:
    altered.status("/state", 503, b"Master has not finished recovery")
    report = verify("--master", altered.url, *SOUND)
    assert report.failing() == {"master-state"}, report
    assert "503 Service Unavailable: Master has not finished recovery" in report.message("master-state")


def test_a_state_that_takes_too_long(altered: AlteredServer) -> None:
    healed = threading.Event()
    altered.delay("/state", healed)
    report = verify(
        "--master", altered.url, *SOUND, "--check-timeout", "1", "--only", "master-state,tasks-lost"
    )
    assert report.failing() == {"master-state"}, report
    assert report.follows() == {"tasks-lost": "master-state"}
    assert "took longer than 6 s" in report.message("master-state")
    assert "--check-timeout" in report.hint("master-state")
    healed.set()
    assert verify("--master", altered.url, *SOUND).failing() == set()


def test_a_master_that_takes_longer_than_a_check_for_its_state(altered: AlteredServer) -> None:
    healed = threading.Event()
    altered.delay("/state", healed)
    put_together = threading.Timer(1.5, healed.set)
    put_together.start()
    try:
        report = verify(
            "--master", altered.url, *SOUND, "--check-timeout", "1", "--only", "master-state,tasks-lost"
        )
    finally:
        put_together.join()
    assert report.failing() == set(), report
    assert altered.requests["/state"] == 1


def test_what_runs_is_counted(cluster: RunningCluster) -> None:
    with SmallFramework(cluster, "etl") as framework:
        framework.launch("sleep 600", task_id="a")
        framework.reached("a", "TASK_RUNNING")
        report = verify("--master", cluster.url, *SOUND)
        assert report.seen("master-state") == "2 agents, 1 framework, 1 running task"
