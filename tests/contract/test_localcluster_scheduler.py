"""The embedded master says what a real Mesos 1.12.0 said in the same conversation."""

from __future__ import annotations

import json
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.cluster import ClusterSpec, RunningCluster, cluster_in_thread
from tests.contract.replay import AGENTS, Bindings, Replay
from tests.contract.scheduler_client import request, subscribe


@dataclass
class Stage:
    """A cluster like the recorded one, and what of the recording is known to stand for what of it."""

    cluster: RunningCluster
    work_dir: Path
    bindings: Bindings

    def replay(self, name: str, **options: Any) -> Replay:
        return Replay(name, self.cluster.http_url, self.cluster.agent_urls, self.bindings, **options)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as it:
        yield it


@contextmanager
def staged(tmp_path: Path, allocation_interval: float = 0.05) -> Iterator[Stage]:
    spec = ClusterSpec(
        work_dir=tmp_path / "work",
        agents=AGENTS,
        allocation_interval=allocation_interval,
        update_retry=0.3,
    )
    with cluster_in_thread(spec) as cluster:
        paths = {
            "/var/lib/mesos/agent2": str(spec.work_dir / "agent2"),
            "/var/lib/mesos/agent": str(spec.work_dir / "agent1"),
            "/srv/dist": str(tmp_path / "dist"),
        }
        yield Stage(cluster, spec.work_dir, Bindings(paths))


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
        assert_ended(conversation)


@pytest.mark.parametrize("name", ["scheduler-kill", "scheduler-kill-partition-aware"])
def test_kill(name: str, stage: Stage) -> None:
    # The filter has to outlast the task, however slow the machine: what is offered meanwhile was not recorded.
    with stage.replay(name, refuse_factor=60) as conversation:
        conversation.run().check()
        assert_ended(conversation)


def assert_ended(conversation: Replay) -> None:
    if conversation.subscription is not None:
        assert conversation.subscription.ended.wait(5), "the stream did not end"


def test_a_finished_task_and_its_sandbox(stage: Stage) -> None:
    # Whether the agent is offered again before the frameworks are listed is a matter of milliseconds.
    ignore = r"GET /frameworks .frameworks\[0\].(offers|offered_resources|resources):"
    with stage.replay("scheduler-task-finished", ignore=ignore) as conversation:
        conversation.run().check()
        assert_ended(conversation)


@pytest.mark.parametrize("name", ["scheduler-role-legacy", "scheduler-role-multi"])
def test_reserved_resources(name: str, stage: Stage) -> None:
    # How much is offered depends on whether a task had ended already.
    # The filter has to outlast the questions, but not the task, which runs for 0.3 s.
    with stage.replay(name, ignore=r"^offer.*scalar.value", refuse_factor=0.2) as conversation:
        conversation.run().check()


def test_two_roles(tmp_path: Path) -> None:
    # What one role declines is offered to the other at the next allocation: the recorded calls came before that.
    with staged(tmp_path, allocation_interval=60) as it, it.replay("scheduler-role-two") as conversation:
        conversation.run().check()
        assert_ended(conversation)


def test_failover(stage: Stage) -> None:
    with stage.replay("scheduler-failover-old") as old, stage.replay("scheduler-failover-new") as new:
        old.run(until="ERROR")
        new.run(until="RECONCILE")
        old.run().check()
        assert_ended(old)
        new.run().check()
        assert_ended(new)
    with stage.replay("scheduler-removed-framework") as removed:
        removed.run().check()
        assert_ended(removed)


def test_a_scheduler_goes_away_and_comes_back(stage: Stage) -> None:
    with stage.replay("scheduler-not-subscribed", refuse_factor=1.0) as gone:
        gone.run().check()
    while (
        json.loads(request(stage.cluster.http_url, "GET", "/tasks")[2])["tasks"][0]["state"] != "TASK_FAILED"
    ):
        time.sleep(0.05)
    with stage.replay("scheduler-resubscribed") as back:
        back.run().check()
        assert_ended(back)


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


def test_fetcher(stage: Stage, tmp_path: Path) -> None:
    program = tmp_path / "dist" / "spark-9.9.9-bin-x" / "bin" / "spark-class"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho hello\n")
    with tarfile.open(tmp_path / "dist" / "spark-9.9.9-bin-x.tgz", "w:gz") as archive:
        archive.add(program.parent.parent, "spark-9.9.9-bin-x")
    with stage.replay("scheduler-fetcher", refuse_factor=1.0) as conversation:
        conversation.run().check()
        assert_ended(conversation)
    details = {
        run.parents[1].name: (run / "stderr").read_text() for run in stage.work_dir.glob("agent1/**/runs/*-*")
    }
    assert "Failed to fetch 'http://127.0.0.1:9/spark.tgz'" in details["fetch-bad"]
    assert "Failed to fetch 'file:///nope/spark.tgz'" in details["fetch-nofile"]
    assert "not 'hdfs'" in details["fetch-hdfs"]
    listed = {
        run.parents[1].name: (run / "stdout").read_text() for run in stage.work_dir.glob("agent1/**/runs/*-*")
    }
    assert "raw.bin" in listed["fetch-ok"]
    assert "spark-9.9.9-bin-x.tgz" in listed["fetch-ok"]
    assert "spark-9.9.9-bin-x.tgz" not in listed["fetch-cache"]
    assert "-rwxr-xr-x" in listed["fetch-cache"]


def test_containers(stage: Stage) -> None:
    # Only here the embedded cluster says a little more than Mesos.
    ignore = r"unknown container \(the embedded cluster runs no Docker containers\)"
    with stage.replay("scheduler-containers", refuse_factor=1.0, ignore=ignore) as conversation:
        conversation.run().check()
        assert_ended(conversation)
