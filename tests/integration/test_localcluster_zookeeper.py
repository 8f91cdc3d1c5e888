"""Several masters of the embedded cluster on a real ZooKeeper: who leads, and what becomes of it when that ends."""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.security import OPEN_ACL_UNSAFE

from sparkmesos_core.errors import LocalClusterError, UnreachableError
from sparkmesos_core.localcluster import cluster_nodes, master_node
from sparkmesos_core.localcluster.cluster import ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.master import ZooKeeperMaster, parse_master
from sparkmesos_core.mesos.leader import resolve_leader
from tests.contract.scheduler_client import Subscription, request, subscribe
from tests.integration.zookeeper import ZooKeeperServer

pytestmark = pytest.mark.slow

_paths = (f"/mesos-{number}" for number in itertools.count())
SESSION_SECONDS = 2.0
INFO = {"failover_timeout": 60, "checkpoint": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    with ZooKeeperServer(tmp_path_factory.mktemp("zookeeper")) as running:
        yield running


@pytest.fixture
def spec(server: ZooKeeperServer, tmp_path: Path) -> ClusterSpec:
    """Two masters, and one agent."""
    return ClusterSpec(
        work_dir=tmp_path,
        masters=2,
        zookeeper=f"zk://{server.hosts}{next(_paths)}",
        zk_session_timeout=SESSION_SECONDS,
        allocation_interval=0.05,
        update_retry=0.3,
        registration_backoff=0.05,
    )


def get(url: str, path: str) -> Any:
    return json.loads(request(url, "GET", path)[2])


def launch(scheduler: Subscription, command: str) -> None:
    offer = scheduler.await_type("OFFERS")["offers"]["offers"][0]
    scheduler.launch(offer, {"task_id": {"value": "t"}, "command": {"value": command}}, refuse_seconds=3600)
    scheduler.await_state("TASK_RUNNING", "t")


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.05)
    pytest.fail("it did not come to that")


@pytest.fixture
def zookeeper(server: ZooKeeperServer) -> Iterator[KazooClient]:
    client = KazooClient(server.hosts)
    client.start()
    yield client
    client.stop()
    client.close()


def leader_of(cluster: RunningCluster) -> str:
    """The URL of the leader, as a client finds it that has `cluster.url`."""
    master = parse_master(cluster.url)
    assert isinstance(master, ZooKeeperMaster)
    return resolve_leader(master).http_url


def path_of(spec: ClusterSpec) -> str:
    return "/" + str(spec.zookeeper).rpartition("/")[2]


def nodes(zookeeper: KazooClient, spec: ClusterSpec) -> list[str]:
    return sorted(name for name in zookeeper.get_children(path_of(spec)) if name.startswith("json.info_"))


def test_the_leader_hands_over_and_comes_back_as_a_standby(
    spec: ClusterSpec, tmp_path: Path, zookeeper: KazooClient
) -> None:
    with cluster_in_thread(spec) as cluster:
        first, second = cluster.master_urls
        assert cluster.url == f"mesos://{spec.zookeeper}"
        assert leader_of(cluster) == cluster.http_url == first
        assert nodes(zookeeper, spec) == ["json.info_0000000001", "json.info_0000000002"]
        scheduler = subscribe(first, **INFO)
        go = tmp_path / "go"
        launch(scheduler, f"until [ -e '{go}' ]; do sleep 0.05; done")
        agent = get(first, "/slaves")["slaves"][0]["id"]

        cluster.control.kill_master(0)
        scheduler.close()
        # The node of the dead one is there as long as its session, and the other one goes on pointing at it.
        assert len(nodes(zookeeper, spec)) == 2
        assert (
            request(second, "GET", "/state")[1]["location"] == f"{first.removeprefix('http:')}/master/state"
        )
        assert cluster.control.await_leading_master() == 1
        cluster.control.await_registered()
        assert get(second, "/slaves")["slaves"][0]["id"] == agent
        assert leader_of(cluster) == second
        scheduler = subscribe(second, id={"value": scheduler.framework_id}, **INFO)
        go.touch()
        scheduler.await_state("TASK_FINISHED", "t")

        cluster.control.start_master(0)
        assert nodes(zookeeper, spec) == ["json.info_0000000002", "json.info_0000000003"]
        status, headers, _ = request(first, "GET", "/redirect")
        assert (status, headers["location"]) == (307, second.removeprefix("http:"))
        assert cluster.control.leading_master() == 1
        page = request(first, "GET", "/")[2]
        assert f'href="{second}/"' in page
        assert "does not lead" in page
        scheduler.close()
    assert nodes(zookeeper, spec) == []  # an orderly end does not wait for the sessions


@contextmanager
def stopped(server: ZooKeeperServer) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def silent(server: ZooKeeperServer) -> Iterator[None]:
    """Connections stay, but nobody answers."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@pytest.mark.parametrize("away", [stopped, silent])
def test_who_cannot_reach_zookeeper_leads_no_longer(
    away: Callable[[ZooKeeperServer], AbstractContextManager[None]],
    spec: ClusterSpec,
    server: ZooKeeperServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(master_node, "RESTART_SECONDS", 0.1)
    with cluster_in_thread(spec) as cluster:
        scheduler = subscribe(cluster.http_url, **INFO)
        go = tmp_path / "go"
        launch(scheduler, f"until [ -e '{go}' ]; do sleep 0.05; done")
        leader = get(cluster.http_url, "/state")["id"]
        with away(server):
            assert scheduler.ended.wait(30)  # the master has ended itself
            scheduler.close()
            standby = cluster.master_urls[1]
            wait_until(lambda: request(standby, "GET", "/redirect")[0] == 503)
            assert request(standby, "GET", "/state")[2] == "No leader elected"
            assert "no other one is elected" in request(standby, "GET", "/")[2]
            assert cluster.control.leading_master() is None
        number = cluster.control.await_leading_master()
        cluster.control.await_registered()
        url = cluster.master_urls[number]
        assert get(url, "/state")["id"] != leader
        scheduler = subscribe(url, id={"value": scheduler.framework_id}, **INFO)
        go.touch()
        scheduler.await_state("TASK_FINISHED", "t")
        scheduler.close()
        wait_until(lambda: all(request_or_none(url) == 200 for url in cluster.master_urls))


def request_or_none(url: str) -> int | None:
    try:
        return request(url, "GET", "/health")[0]
    except OSError:
        return None


def test_credentials_protect_the_nodes_and_are_not_passed_on(
    spec: ClusterSpec, server: ZooKeeperServer, zookeeper: KazooClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = path_of(spec)
    own = ClusterSpec(
        work_dir=spec.work_dir,
        zookeeper=f"zk://mesos:hush@{server.hosts}{path}",
        zk_session_timeout=SESSION_SECONDS,
    )
    with cluster_in_thread(own) as cluster:
        assert cluster.url == f"mesos://zk://{server.hosts}{path}"
        assert leader_of(cluster) == cluster.http_url
        for node in (path, f"{path}/{nodes(zookeeper, spec)[0]}"):
            allowed = {
                (acl.id.scheme, acl.id.id.partition(":")[0], acl.perms) for acl in zookeeper.get_acls(node)[0]
            }
            assert allowed == {("world", "anyone", 1), ("digest", "mesos", 31)}
    with (
        pytest.raises(LocalClusterError, match=f"does not let the masters write to {path}") as caught,
        cluster_in_thread(spec),
    ):
        pass
    assert "zk://USER:PASSWORD@" in caught.value.hint
    assert "hush" not in caplog.text + repr(own)


def test_without_credentials_everybody_may_write(spec: ClusterSpec, zookeeper: KazooClient) -> None:
    with cluster_in_thread(spec):
        assert zookeeper.get_acls(path_of(spec))[0] == OPEN_ACL_UNSAFE


def test_no_zookeeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_nodes, "_ZOOKEEPER_SECONDS", 0.5)
    threads = set(threading.enumerate())
    with (
        pytest.raises(UnreachableError, match=r"ZooKeeper \(127.0.0.1:1\) does not answer \(waited 0.5 s\)"),
        cluster_in_thread(ClusterSpec(work_dir=tmp_path, zookeeper="zk://127.0.0.1:1/mesos")),
    ):
        pass
    assert set(threading.enumerate()) <= threads


def test_no_thread_is_left(spec: ClusterSpec) -> None:
    threads = set(threading.enumerate())
    with cluster_in_thread(spec) as cluster:
        cluster.control.kill_master(0)
        cluster.control.start_master(0)
        cluster.control.kill_master(1)
    assert set(threading.enumerate()) <= threads


def test_a_killed_master_that_is_back_before_its_session_ends(
    spec: ClusterSpec, zookeeper: KazooClient
) -> None:
    with cluster_in_thread(spec) as cluster:
        cluster.control.kill_master(0)
        cluster.control.start_master(0)
        assert len(nodes(zookeeper, spec)) == 3
        assert cluster.control.await_leading_master() == 1
        cluster.control.await_registered()
        assert nodes(zookeeper, spec) == ["json.info_0000000002", "json.info_0000000003"]


def test_one_master_on_zookeeper(spec: ClusterSpec, tmp_path: Path) -> None:
    one = ClusterSpec(work_dir=tmp_path, zookeeper=spec.zookeeper, zk_session_timeout=SESSION_SECONDS)
    with cluster_in_thread(one) as cluster:
        assert request(cluster.http_url, "GET", "/state")[0] == 200


def test_a_standby_wants_credentials_before_it_says_who_leads(spec: ClusterSpec) -> None:
    known = Authentication({"spark": "s"}, frameworks=True, readonly=True, readwrite=True)
    with cluster_in_thread(replace(spec, authentication=known)) as cluster:
        standby = cluster.master_urls[1]
        assert request(standby, "GET", "/roles")[0] == 401
        assert request(standby, "GET", "/redirect")[0] == 307
        assert request(standby, "GET", "/roles", headers={"Authorization": "Basic c3Bhcms6cw=="})[0] == 307


def test_the_page_advises_the_elections_url_without_its_password(spec: ClusterSpec) -> None:
    plain = str(spec.zookeeper)
    spec = replace(spec, zookeeper=plain.replace("zk://", "zk://me:hush@"))
    with cluster_in_thread(spec) as cluster:
        page = request(cluster.http_url, "GET", "/")[2]
    assert f"--master mesos://{plain}<" in page
    assert "hush" not in page


@pytest.mark.parametrize(
    "content", [{"id": "x"}, {"address": "h:1", "pid": 7}, {"hostname": [], "port": "1", "pid": "master@"}]
)
def test_a_leader_that_does_not_say_where_it_is(
    content: dict[str, Any], spec: ClusterSpec, zookeeper: KazooClient
) -> None:
    with cluster_in_thread(spec) as cluster:
        standby = cluster.master_urls[1]
        cluster.control.kill_master(0)
        # It comes before all others.
        foreign = f"{path_of(spec)}/json.info_0000000000"
        zookeeper.create(foreign, json.dumps(content).encode())
        wait_until(lambda: "node in ZooKeeper" in request(standby, "GET", "/redirect")[2])
        assert request(standby, "GET", "/")[0] == 200
        zookeeper.delete(foreign)
        assert cluster.control.await_leading_master() == 1
        cluster.control.await_registered()


def test_two_clusters_at_one_path(spec: ClusterSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one says whose masters are in its way, and leaves the first one alone."""
    with cluster_in_thread(spec) as first:
        leader = first.master_urls[0].removeprefix("http://")
        monkeypatch.setattr(cluster_nodes, "_START_SECONDS", 1.0)
        second = replace(spec, work_dir=spec.work_dir / "second")
        with (
            pytest.raises(LocalClusterError, match=f"not this cluster's leads at .*: {leader}"),
            cluster_in_thread(second),
        ):
            pass
        assert first.control.leading_master() == 0
