"""Masters and agents of the embedded cluster die, are cut off and come back; what a scheduler sees of it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sparkmesos_core.errors import LocalClusterError
from sparkmesos_core.localcluster.cluster import ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.process_end import has_ended
from tests.contract.scheduler_client import PATIENCE, Json, Subscription, request, subscribe

PING_SECONDS = 0.5


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RunningCluster]:
    """One agent, which is missed after a second."""
    spec = ClusterSpec(
        work_dir=tmp_path,
        allocation_interval=0.05,
        update_retry=0.3,
        agent_ping_timeout=PING_SECONDS,
        max_agent_ping_timeouts=2,
        registration_backoff=0.05,
    )
    with cluster_in_thread(spec) as running:
        yield running


def get(url: str, path: str) -> Any:
    return json.loads(request(url, "GET", path)[2])


def agent_ids(cluster: RunningCluster) -> list[str]:
    return [agent["id"] for agent in get(cluster.http_url, "/slaves")["slaves"]]


def await_offer(scheduler: Subscription) -> Json:
    offer: Json = scheduler.await_type("OFFERS")["offers"]["offers"][0]
    return offer


def launch(scheduler: Subscription, task_id: str, command: str) -> None:
    """Run a command until it is TASK_RUNNING."""
    task = {"task_id": {"value": task_id}, "command": {"value": command}}
    scheduler.launch(await_offer(scheduler), task, refuse_seconds=3600)
    scheduler.await_state("TASK_RUNNING", task_id)


def until(path: Path) -> str:
    """A command that ends well when there is a file."""
    return f"until [ -e '{path}' ]; do sleep 0.05; done"


def resubscribe(cluster: RunningCluster, scheduler: Subscription, **info: Any) -> Subscription:
    """The same framework again, after its connection has ended."""
    assert scheduler.ended.wait(PATIENCE)
    scheduler.close()
    return subscribe(cluster.http_url, id={"value": scheduler.framework_id}, **info)


def reconciled(scheduler: Subscription, task_id: str) -> Json:
    """The status that the master gives on being asked for it, as soon as it gives one."""
    while True:
        assert scheduler.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": task_id}}]})[0] == 202
        event = scheduler.next()
        if event["type"] == "UPDATE" and event["update"]["status"]["task_id"]["value"] == task_id:
            status: Json = event["update"]["status"]
            return status


def refuses(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as connection:
        return connection.connect_ex((parts.hostname, parts.port)) != 0


INFO = {"failover_timeout": 60, "checkpoint": True}


def test_a_task_survives_its_master(cluster: RunningCluster, tmp_path: Path) -> None:
    scheduler = subscribe(cluster.http_url, **INFO)
    launch(scheduler, "t", until(tmp_path / "go"))
    before = agent_ids(cluster)
    first_master = get(cluster.http_url, "/state")["id"]

    cluster.control.kill_master(0)
    assert scheduler.ended.wait(PATIENCE)
    assert refuses(cluster.http_url)
    assert cluster.control.leading_master() is None

    cluster.control.start_master(0)
    cluster.control.await_registered()
    scheduler = resubscribe(cluster, scheduler, **INFO)
    state = get(cluster.http_url, "/state")
    assert state["id"] != first_master
    assert agent_ids(cluster) == before
    assert [task["id"] for task in state["frameworks"][0]["tasks"]] == ["t"]
    assert reconciled(scheduler, "t")["state"] == "TASK_RUNNING"
    (tmp_path / "go").touch()
    assert scheduler.await_state("TASK_FINISHED", "t")["message"] == "Command exited with status 0"
    scheduler.close()


def test_a_task_that_ends_while_there_is_no_master(cluster: RunningCluster, tmp_path: Path) -> None:
    scheduler = subscribe(cluster.http_url, **INFO)
    launch(scheduler, "t", f"{until(tmp_path / 'go')}; touch '{tmp_path / 'gone'}'")
    cluster.control.kill_master(0)
    (tmp_path / "go").touch()
    cluster.control.start_master(0)
    scheduler = resubscribe(cluster, scheduler, **INFO)
    scheduler.await_state("TASK_FINISHED", "t")
    assert (tmp_path / "gone").exists()
    scheduler.close()


def test_a_cut_connection(cluster: RunningCluster, tmp_path: Path) -> None:
    scheduler = subscribe(cluster.http_url, **INFO)
    launch(scheduler, "t", until(tmp_path / "go"))
    assert cluster.control.cut_connections(0) == 1
    scheduler = resubscribe(cluster, scheduler, **INFO)
    (tmp_path / "go").touch()
    scheduler.await_state("TASK_FINISHED", "t")
    assert cluster.control.cut_connections(0) == 1
    assert scheduler.ended.wait(PATIENCE)
    scheduler.close()
    assert cluster.control.cut_connections(0) == 0


def test_a_checkpointed_task_survives_its_agent(cluster: RunningCluster, tmp_path: Path) -> None:
    scheduler = subscribe(cluster.http_url, **INFO)
    launch(scheduler, "t", until(tmp_path / "go"))
    before = agent_ids(cluster)
    cluster.control.kill_agent(0)
    assert refuses(cluster.agent_urls[0])
    (tmp_path / "go").touch()  # its end is reported to the agent that comes
    cluster.control.start_agent(0)
    scheduler.await_state("TASK_FINISHED", "t")
    cluster.control.await_registered()
    assert agent_ids(cluster) == before
    scheduler.close()


def test_a_task_without_checkpoint_is_lost_with_its_agent(cluster: RunningCluster) -> None:
    scheduler = subscribe(cluster.http_url, failover_timeout=60)
    launch(scheduler, "t", "sleep 600")
    cluster.control.terminate_agent(0)
    status = scheduler.await_state("TASK_LOST", "t")
    assert status["reason"] == "REASON_AGENT_DISCONNECTED"
    cluster.control.start_agent(0)
    assert await_offer(scheduler)["agent_id"] == status["agent_id"]
    scheduler.close()


def test_an_agent_that_is_shut_down_is_another_one_when_it_comes_back(cluster: RunningCluster) -> None:
    scheduler = subscribe(cluster.http_url, **INFO)
    launch(scheduler, "t", "sleep 600")
    before = agent_ids(cluster)
    cluster.control.shut_down_agent(0)
    scheduler.await_type("FAILURE")
    assert agent_ids(cluster) == []
    cluster.control.start_agent(0)
    cluster.control.await_registered()
    assert len(agent_ids(cluster)) == 1
    assert agent_ids(cluster) != before
    scheduler.close()


def test_an_agent_that_is_cut_off_for_a_while(cluster: RunningCluster) -> None:
    scheduler = subscribe(cluster.http_url, **INFO)
    launch(scheduler, "t", "sleep 600")
    cluster.control.pause_agent(0)
    parts = urlsplit(cluster.agent_urls[0])
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        lost = scheduler.await_state("TASK_LOST", "t")
        assert lost["reason"] == "REASON_AGENT_REMOVED"
        assert agent_ids(cluster) == []
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        cluster.control.resume_agent(0)
        connection.settimeout(PATIENCE)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert scheduler.await_state("TASK_RUNNING", "t")["reason"] == "REASON_AGENT_REREGISTERED"
    scheduler.close()


def test_an_agent_that_is_marked_gone_stays_away(cluster: RunningCluster) -> None:
    scheduler = subscribe(cluster.http_url, capabilities=[{"type": "PARTITION_AWARE"}], **INFO)
    launch(scheduler, "t", "sleep 600")
    before = agent_ids(cluster)
    gone = {"type": "MARK_AGENT_GONE", "mark_agent_gone": {"agent_id": {"value": before[0]}}}
    headers = {"Content-Type": "application/json"}
    assert request(cluster.http_url, "POST", "/api/v1", gone, headers)[0] == 200
    scheduler.await_state("TASK_GONE_BY_OPERATOR", "t")
    await_refusal(cluster.agent_urls[0])
    cluster.control.start_agent(0)
    cluster.control.await_registered()
    assert agent_ids(cluster) != before
    scheduler.close()


def test_an_agent_that_is_told_to_end_does_not_come_back_meanwhile(
    cluster: RunningCluster, tmp_path: Path
) -> None:
    """Its task takes longer than pings may be missing, and its machine is up again."""
    scheduler = subscribe(cluster.http_url, **INFO)
    launch(scheduler, "t", f"trap '' TERM; {until(tmp_path / 'go')}")
    window = {
        "machine_ids": [{"hostname": "127.0.0.1", "ip": "127.0.0.1"}],
        "unavailability": {"start": {"nanoseconds": 1}},
    }
    for kind, fields in (
        ("UPDATE_MAINTENANCE_SCHEDULE", {"schedule": {"windows": [window]}}),
        ("START_MAINTENANCE", {"machines": window["machine_ids"]}),
        ("STOP_MAINTENANCE", {"machines": window["machine_ids"]}),
    ):
        call = {"type": kind, kind.lower(): fields}
        answer = request(cluster.http_url, "POST", "/api/v1", call, {"Content-Type": "application/json"})
        assert answer[0] == 200, answer
    deadline = time.monotonic() + 5 * PING_SECONDS
    while time.monotonic() < deadline:
        assert agent_ids(cluster) == []
        assert not refuses(cluster.agent_urls[0])  # it has not ended yet
        time.sleep(0.05)
    (tmp_path / "go").touch()
    await_refusal(cluster.agent_urls[0])
    cluster.control.start_agent(0)
    cluster.control.await_registered()
    assert len(agent_ids(cluster)) == 1
    scheduler.close()


def await_refusal(url: str) -> None:
    ended = threading.Event()
    for _ in range(int(PATIENCE / 0.05)):
        if refuses(url):
            return
        ended.wait(0.05)
    pytest.fail(f"{url} still answers")


def test_master_and_agent_die_together(cluster: RunningCluster, tmp_path: Path) -> None:
    scheduler = subscribe(cluster.http_url, **INFO)
    launch(scheduler, "t", until(tmp_path / "go"))
    cluster.control.kill_master(0)
    cluster.control.kill_agent(0)
    cluster.control.start_agent(0)
    cluster.control.start_master(0)
    scheduler = resubscribe(cluster, scheduler, **INFO)
    (tmp_path / "go").touch()
    scheduler.await_state("TASK_FINISHED", "t")
    scheduler.close()


def test_a_paused_agent_misses_a_new_master_until_it_goes_on(cluster: RunningCluster) -> None:
    before = agent_ids(cluster)
    cluster.control.pause_agent(0)
    cluster.control.kill_master(0)
    cluster.control.start_master(0)
    assert agent_ids(cluster) == []
    cluster.control.resume_agent(0)
    cluster.control.await_registered()
    assert agent_ids(cluster) == before


def test_what_cannot_be(cluster: RunningCluster) -> None:
    control = cluster.control
    with pytest.raises(LocalClusterError, match=f"The master {cluster.http_url} is running"):
        control.start_master(0)
    control.kill_master(0)
    with pytest.raises(LocalClusterError, match=f"The master {cluster.http_url} is not running"):
        control.kill_master(0)
    with pytest.raises(LocalClusterError, match=f"The agent {cluster.agent_urls[0]} is running"):
        control.start_agent(0)
    control.kill_agent(0)
    for action in (control.kill_agent, control.terminate_agent, control.shut_down_agent, control.pause_agent):
        with pytest.raises(LocalClusterError, match=f"The agent {cluster.agent_urls[0]} is not running"):
            action(0)


def test_nothing_is_left_of_what_died(tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path, allocation_interval=0.05)) as cluster:
        scheduler = subscribe(cluster.http_url, **INFO)
        launch(
            scheduler, "t", f"echo $$ >'{tmp_path}/new' && mv '{tmp_path}/new' '{tmp_path}/pid'; sleep 600"
        )
        pause = threading.Event()
        while not (tmp_path / "pid").exists():
            pause.wait(0.02)
        pid = int((tmp_path / "pid").read_text())
        cluster.control.kill_agent(0)
        cluster.control.kill_master(0)
        assert not has_ended(pid)
    scheduler.close()
    assert has_ended(pid)
    assert set(threading.enumerate()) <= threads


def test_an_agent_that_is_not_the_former_one_does_not_start(cluster: RunningCluster) -> None:
    node = cluster.nodes.agents[0]
    before, ids = node.options, agent_ids(cluster)
    cluster.control.kill_agent(0)
    node.options = replace(before, resources="cpus:64;mem:64")
    for _ in range(2):
        with pytest.raises(LocalClusterError, match="Incompatible agent info detected"):
            cluster.control.start_agent(0)
        assert node.agent is None
        await_refusal(node.url)
    node.options = before
    cluster.control.start_agent(0)
    cluster.control.await_registered()
    assert agent_ids(cluster) == ids
