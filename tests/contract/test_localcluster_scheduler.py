"""The embedded master says what a real Mesos 1.12.0 said in the same conversation."""

from __future__ import annotations

import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.cluster import ClusterSpec, RunningCluster, cluster_in_thread
from tests.contract.recorded import load
from tests.contract.replay import AGENTS
from tests.contract.scheduler_client import PATIENCE, request, subscribe
from tests.contract.stage import Stage, staged
from tests.contract.test_localcluster_operator_endpoints import stripped


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as it:
        yield it


@pytest.mark.parametrize(
    "name",
    [
        "scheduler-task-failed",
        "scheduler-decline-revive",
        "scheduler-reconcile",
        "scheduler-reconcile-partition-aware",
        "scheduler-invalid-launch",
        "scheduler-bad-requests",
        "scheduler-unknown-framework-id",
        "scheduler-torn-down-by-operator",
        "scheduler-role-both",
        "scheduler-role-invalid",
    ],
)
def test_says_what_mesos_said(name: str, stage: Stage) -> None:
    with stage.replay(name) as conversation:
        conversation.run().check()


@pytest.mark.parametrize("name", ["master-GET_redirect", "master-GET_master_redirect"])
def test_the_only_master_leads(name: str, stage: Stage) -> None:
    stage.replay(name).run().check()


# Mesos' executor says TASK_RUNNING as soon as it has forked the helper that becomes the task's shell later
# (src/launcher/executor.cpp): the recorded tasks were killed before their shells had set the traps for SIGTERM.
TRAPPED = (
    r"message: is 'Command (exited with status 0|terminated with signal Killed)'"
    r" instead of 'Command terminated with signal Terminated'$"
)


@pytest.mark.parametrize(
    ("name", "ignore"), [("scheduler-kill", TRAPPED), ("scheduler-kill-partition-aware", "^$")]
)
def test_kill(name: str, ignore: str, stage: Stage) -> None:
    # The filter has to outlast the task, however slow the machine: what is offered meanwhile was not recorded.
    with stage.replay(name, refuse_factor=60, ignore=ignore) as conversation:
        conversation.run().check()


def replay_a_finished_task(stage: Stage) -> None:
    # Whether the agent is offered again before the frameworks are listed is a matter of milliseconds. The
    # recorded command executor lingered for a second after its task; ours has ended by then.
    listed = r"GET /(state|frameworks) .(frameworks|slaves)\[\d\].(offers|offered_resources|resources):"
    at_the_agent = r"GET /state .(unreserved_resources_allocated.(mem|cpus)|frameworks|completed_frameworks):"
    with stage.replay(
        "scheduler-task-finished", comparable=stripped, ignore=f"{listed}|{at_the_agent}"
    ) as conversation:
        conversation.run().check()


def test_a_finished_task_and_its_sandbox(stage: Stage) -> None:
    replay_a_finished_task(stage)


def test_what_is_left_of_a_framework(stage: Stage) -> None:
    replay_a_finished_task(stage)
    agent = stage.cluster.agent_urls[0]
    await_completed(agent)
    problems = []
    for exchange in load("master-GET_state_completed")["exchanges"]:
        path, recorded = exchange["request"]["path"], exchange["response"]["body"]
        of_agent = str(recorded.get("pid", "")).startswith("slave(")
        status, _, text = request(agent if of_agent else stage.cluster.http_url, "GET", path)
        live = json.loads(text)
        assert status == exchange["response"]["status"]
        if of_agent:
            # The recorded command executor, which lingers for a second, was just about to end.
            recorded = recorded["frameworks"][0]["executors"]
            live = live["completed_frameworks"][0]["completed_executors"]
        problems += stage.bindings.differences(stripped(recorded), stripped(live), path)
    assert not problems, "\n".join(problems)


def await_completed(agent_url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not json.loads(request(agent_url, "GET", "/state")[2])["completed_frameworks"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["scheduler-role-legacy", "scheduler-role-multi", "scheduler-role-refined"])
def test_reserved_resources(name: str, stage: Stage) -> None:
    # The filter has to outlast the questions, but not the task, which runs for 0.3 s.
    ignore = r"^offer.*scalar.value"
    with stage.replay(name, any_amounts=True, ignore=ignore, refuse_factor=0.2) as conversation:
        conversation.run().check()


def test_two_roles(tmp_path: Path) -> None:
    # What one role declines is offered to the other at the next allocation: the recorded calls came before that.
    with staged(tmp_path, allocation_interval=60) as it, it.replay("scheduler-role-two") as conversation:
        conversation.run().check()


def test_failover(stage: Stage) -> None:
    with stage.replay("scheduler-failover-old") as old, stage.replay("scheduler-failover-new") as new:
        old.run(until="ERROR")
        new.run(until="RECONCILE")
        old.run().check()
        new.run().check()
    with stage.replay("scheduler-removed-framework") as removed:
        removed.run().check()


def test_a_scheduler_goes_away_and_comes_back(tmp_path: Path) -> None:
    with staged(tmp_path, update_retry=0.3) as stage:
        go_away_and_come_back(stage)


def go_away_and_come_back(stage: Stage) -> None:
    with stage.replay("scheduler-not-subscribed", refuse_factor=1.0) as gone:
        gone.run().check()
    while (
        json.loads(request(stage.cluster.http_url, "GET", "/tasks")[2])["tasks"][0]["state"] != "TASK_FAILED"
    ):
        time.sleep(0.05)
    with stage.replay("scheduler-resubscribed") as back:
        back.run().check()


def test_a_scheduler_comes_back_too_late(stage: Stage) -> None:
    with stage.replay("scheduler-failover-timeout") as first:
        first.run(until="DECLINE").run(until="SUBSCRIBE")
        while frameworks(stage.cluster)["frameworks"]:
            time.sleep(0.05)
        first.run().check()


def frameworks(cluster: RunningCluster) -> Any:
    return json.loads(request(cluster.http_url, "GET", "/frameworks")[2])


def test_heartbeats(tmp_path: Path) -> None:
    spec = ClusterSpec(work_dir=tmp_path, agents=AGENTS, heartbeat_interval=0.2)
    with cluster_in_thread(spec) as cluster:
        scheduler = subscribe(cluster.http_url)
        began = time.monotonic()
        for _ in range(3):
            scheduler.await_type("HEARTBEAT")
        assert 0.35 <= time.monotonic() - began < 2
        scheduler.close()


def test_heartbeats_as_recorded(tmp_path: Path) -> None:
    with staged(tmp_path, heartbeat_interval=0.5) as it:
        it.bindings.numbers["heartbeat_interval_seconds", 15.0] = 0.5
        with it.replay("scheduler-heartbeat", all_heartbeats=True) as conversation:
            conversation.run().check()


def test_offers_are_rescinded(tmp_path: Path) -> None:
    with staged(tmp_path, offer_timeout=0.5) as it, it.replay("scheduler-rescind") as conversation:
        conversation.run().check()


def test_fetcher(stage: Stage, tmp_path: Path) -> None:
    program = tmp_path / "dist" / "spark-9.9.9-bin-x" / "bin" / "spark-class"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho hello\n")
    with tarfile.open(tmp_path / "dist" / "spark-9.9.9-bin-x.tgz", "w:gz") as archive:
        archive.add(program.parent.parent, "spark-9.9.9-bin-x")
    with stage.replay("scheduler-fetcher", refuse_factor=1.0) as conversation:
        conversation.run().check()


def test_containers(stage: Stage) -> None:
    # Only here the embedded cluster says a little more than Mesos.
    ignore = r"unknown container \(no docker command is configured on this agent\)"
    with stage.replay("scheduler-containers", refuse_factor=1.0, ignore=ignore) as conversation:
        conversation.run().check()
