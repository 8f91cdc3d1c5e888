"""The embedded cluster as its users start it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from sparkmesos_core.errors import LocalClusterError, UsageError
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from tests.contract.scheduler_client import request, subscribe


def get(cluster: RunningCluster, path: str) -> Any:
    return json.loads(request(cluster.http_url, "GET", path)[2])


def test_it_is_ready_when_it_is_there_and_gone_when_it_is_gone(tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    with cluster_in_thread(
        ClusterSpec(work_dir=tmp_path, agents=(AgentSpec(), AgentSpec(cpus=1.5)))
    ) as cluster:
        slaves = get(cluster, "/slaves")["slaves"]
        assert [slave["resources"]["cpus"] for slave in slaves] == [2.0, 1.5]
        assert slaves[0]["resources"]["ports"] != slaves[1]["resources"]["ports"]
        assert {slave["hostname"] for slave in slaves} == {"127.0.0.1"}
        assert cluster.url == cluster.http_url.replace("http:", "mesos:")
        for url in cluster.agent_urls:
            assert request(url, "GET", "/health")[0] == 200
    with pytest.raises(ConnectionError):
        request(cluster.http_url, "GET", "/health")
    assert set(threading.enumerate()) <= threads


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as busy:
        port = busy.getsockname()[1]
        with (
            pytest.raises(LocalClusterError) as caught,
            cluster_in_thread(ClusterSpec(work_dir=tmp_path, port=port)),
        ):
            pass
    assert f"Port {port} of 127.0.0.1 is in use" in caught.value.message
    assert "--port" in caught.value.hint


def test_a_port_can_be_used_again_at_once(tmp_path: Path) -> None:
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path)) as first:
        port = int(first.http_url.rpartition(":")[2])
        scheduler = subscribe(first.http_url)
    scheduler.close()
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path, port=port)) as second:
        assert second.http_url == first.http_url


def test_a_work_dir_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(LocalClusterError, match="work dir"),
        cluster_in_thread(ClusterSpec(work_dir=tmp_path / "file")),
    ):
        pass


def test_attributes_that_cannot_be_understood_are_named(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="'rack'"),
        cluster_in_thread(ClusterSpec(work_dir=tmp_path, agents=(AgentSpec(attributes="rack"),))),
    ):
        pass


def test_an_error_within_the_block_stops_the_cluster_and_comes_out(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), cluster_in_thread(ClusterSpec(work_dir=tmp_path)) as cluster:
        1 / 0  # noqa: B018
    with pytest.raises(ConnectionError):
        request(cluster.http_url, "GET", "/health")


def test_the_master_notices_that_a_scheduler_has_died(tmp_path: Path) -> None:
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path)) as cluster:
        scheduler = subscribe(cluster.http_url, failover_timeout=60)
        offer = scheduler.await_type("OFFERS")["offers"]["offers"][0]
        scheduler.launch(offer, {"task_id": {"value": "t"}, "command": {"value": "sleep 100"}})
        scheduler.await_state("TASK_RUNNING")
        scheduler.close()
        deadline = time.monotonic() + 5
        while get(cluster, "/frameworks")["frameworks"][0]["connected"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        framework = get(cluster, "/frameworks")["frameworks"][0]
        assert (framework["active"], framework["offers"]) == (False, [])
        assert framework["tasks"][0]["state"] == "TASK_RUNNING"


def test_no_task_outlives_the_cluster(tmp_path: Path) -> None:
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path)) as cluster:
        scheduler = subscribe(cluster.http_url, failover_timeout=60)
        offer = scheduler.await_type("OFFERS")["offers"]["offers"][0]
        tasks = [
            {"task_id": {"value": f"t{i}"}, "command": {"value": "sleep 100 & sleep 100"}} for i in range(3)
        ]
        scheduler.launch(offer, *tasks)
        for _ in tasks:
            scheduler.await_state("TASK_RUNNING")
        assert running_below(tmp_path)
    assert running_below(tmp_path) == []
    assert scheduler.ended.wait(5)
    scheduler.close()


def running_below(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            inside = process.environ().get("MESOS_SANDBOX", "").startswith(str(folder))
            if inside and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def test_many_tasks_of_two_frameworks_at_once(tmp_path: Path) -> None:
    spec = ClusterSpec(
        work_dir=tmp_path, agents=(AgentSpec(cpus=8), AgentSpec(cpus=8)), allocation_interval=0.05
    )
    with cluster_in_thread(spec) as cluster:
        first, second = (subscribe(cluster.http_url, name=name, failover_timeout=9) for name in ("a", "b"))
        for scheduler in (first, second):
            if scheduler is second:
                assert first.call("SUPPRESS")[0] == 202
            offer = scheduler.await_type("OFFERS")["offers"]["offers"][0]
            tasks = [{"task_id": {"value": f"t{i}"}, "command": {"value": f"echo {i}"}} for i in range(20)]
            scheduler.launch(offer, *tasks)
        for scheduler in (first, second):
            for _ in range(20):
                scheduler.await_state("TASK_FINISHED")
            scheduler.close()
        outputs = [path.read_text() for path in tmp_path.glob("agent*/**/runs/*-*/stdout")]
        assert sorted(outputs) == sorted([f"{i}\n" for i in range(20)] * 2)


def test_ctrl_c_of_an_embedder_does_not_reach_tasks(tmp_path: Path) -> None:
    """Tasks are in sessions of their own, so a terminal's signal is for the embedder to deal with."""
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path)) as cluster:
        scheduler = subscribe(cluster.http_url)
        offer = scheduler.await_type("OFFERS")["offers"]["offers"][0]
        scheduler.launch(offer, {"task_id": {"value": "t"}, "command": {"value": "sleep 100"}})
        pid = scheduler.await_state("TASK_RUNNING")["container_status"]["executor_pid"]
        assert os.getsid(pid) == pid != os.getsid(0)
        scheduler.close()


def test_a_fifo_in_a_sandbox_keeps_nobody_waiting(tmp_path: Path) -> None:
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path)) as cluster:
        scheduler = subscribe(cluster.http_url)
        offer = scheduler.await_type("OFFERS")["offers"]["offers"][0]
        scheduler.launch(
            offer, {"task_id": {"value": "t"}, "command": {"value": "mkfifo pipe; echo made; sleep 100"}}
        )
        scheduler.await_state("TASK_RUNNING")
        sandbox = f"/frameworks/{scheduler.framework_id}/executors/t/runs/latest"
        while (
            "made"
            not in request(cluster.agent_urls[0], "GET", f"/files/read?path={sandbox}/stdout&offset=0")[2]
        ):
            time.sleep(0.01)
        for path in (f"/files/read?path={sandbox}/pipe&offset=0", f"/files/download?path={sandbox}/pipe"):
            assert request(cluster.agent_urls[0], "GET", path)[0] == 400
        assert scheduler.call("KILL", kill={"task_id": {"value": "t"}})[0] == 202
        scheduler.await_state("TASK_KILLED")
        scheduler.close()


def test_a_malformed_task_costs_nobody_the_agent(tmp_path: Path) -> None:
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path, allocation_interval=0.05)) as cluster:
        scheduler = subscribe(cluster.http_url)
        for resources in (5, {"name": "cpus"}, [5]):
            offer = scheduler.await_type("OFFERS")["offers"]["offers"][0]
            scheduler.launch(
                offer, {"task_id": {"value": "t"}, "command": {"value": "true"}, "resources": resources}
            )
            status = scheduler.await_type("UPDATE")["update"]["status"]
            assert (status["state"], status["reason"]) == ("TASK_ERROR", "REASON_TASK_INVALID")
        scheduler.await_type("OFFERS")
        assert scheduler.call("KILL", kill={"task_id": {"value": "\ud800"}})[0] == 400
        scheduler.close()


def test_a_scheduler_that_comes_back_hears_at_once_what_it_has_missed(tmp_path: Path) -> None:
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path, update_retry=600)) as cluster:
        scheduler = subscribe(cluster.http_url, failover_timeout=60)
        offer = scheduler.await_type("OFFERS")["offers"]["offers"][0]
        scheduler.launch(offer, {"task_id": {"value": "t"}, "command": {"value": "exit 3"}})
        starting = scheduler.await_type("UPDATE")["update"]["status"]
        assert starting["state"] == "TASK_STARTING"
        deadline = time.monotonic() + 10
        while get(cluster, "/tasks")["tasks"][0]["state"] != "TASK_FAILED":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert get(cluster, "/slaves")["slaves"][0]["used_resources"]["cpus"] == 0.0
        framework_id = scheduler.framework_id
        scheduler.close()
        back = subscribe(cluster.http_url, failover_timeout=60, id={"value": framework_id})
        assert back.await_type("UPDATE")["update"]["status"] == starting
        back.acknowledge(starting)
        back.await_state("TASK_RUNNING")
        back.await_state("TASK_FAILED")
        back.close()


def test_what_a_task_has_detached_does_not_outlive_the_cluster(tmp_path: Path) -> None:
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path)) as cluster:
        scheduler = subscribe(cluster.http_url, failover_timeout=60)
        offer = scheduler.await_type("OFFERS")["offers"]["offers"][0]
        command = {"value": "(setsid sleep 100 &); sleep 100"}
        scheduler.launch(offer, {"task_id": {"value": "t"}, "command": command})
        scheduler.await_state("TASK_RUNNING")
        while len([line for line in running_below(tmp_path) if line == "sleep 100"]) < 2:
            time.sleep(0.01)
        scheduler.close()
    assert running_below(tmp_path) == []


def test_agents_with_the_same_ports(tmp_path: Path) -> None:
    agents = (AgentSpec(ports="[31000-32000]"),) * 2
    with cluster_in_thread(
        ClusterSpec(work_dir=tmp_path, agents=agents, allocation_interval=0.05)
    ) as cluster:
        scheduler = subscribe(cluster.http_url)
        for offer in scheduler.await_type("OFFERS")["offers"]["offers"]:
            assert scheduler.call("DECLINE", decline={"offer_ids": [offer["id"]]})[0] == 202
        assert scheduler.call("TEARDOWN")[0] == 202
        scheduler.close()
