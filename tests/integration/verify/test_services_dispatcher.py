"""What is said of the dispatcher, with real ones: ours, and Spark's own."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.cluster import RunningCluster
from tests.http_stub import Answer, http_stub
from tests.integration.spark_dispatcher import spark_dispatcher
from tests.integration.test_dispatcher import Stage, await_subscription, until
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.small_framework import SmallFramework
from tests.integration.verify.verifying import SOUND, Report, verify
from tests.integration.zookeeper import ZooKeeperServer
from tests.servers.dispatcher import DispatcherServer, our_dispatcher, running

CLUSTER_MODE = ("--conf", "spark.submit.deployMode=cluster")
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def cluster(new_cluster: NewCluster) -> RunningCluster:
    """One for each test: Mesos remembers dispatchers that were killed."""
    return new_cluster()


@contextlib.contextmanager
def dispatcher(master: str, folder: Path, *options: str) -> Iterator[DispatcherServer]:
    """One of ours, which Mesos knows when the block begins."""
    with running(our_dispatcher(master, folder, options)) as server:
        await_subscription(server)
        yield server


def cluster_mode(cluster: RunningCluster, *arguments: str) -> Report:
    return verify("--master", cluster.url, *SOUND, *CLUSTER_MODE, "--skip", "client", *arguments)


@pytest.mark.breaks("dispatcher-found")
def test_cluster_mode_without_a_dispatcher(cluster: RunningCluster, tmp_path: Path) -> None:
    report = cluster_mode(cluster)
    assert report.failing() == report.errors() == {"dispatcher-found"}, report
    assert report.message("dispatcher-found").startswith("Cluster mode needs a dispatcher: Mesos knows none")
    assert "sparkmesos start-dispatcher --master" in report.hint("dispatcher-found")
    assert report.exit_code == 1
    with dispatcher(cluster.url, tmp_path) as server:
        report = cluster_mode(cluster)
        assert report.failing() == set(), report
        assert report.follows() == {}, report
        # Mesos knows its web UI alone, and that told where submissions go.
        assert report.seen("dispatcher-found") == f"{server.url}, which Mesos knows as 'Spark Cluster'"
        assert report.seen("dispatcher-reachable") == f"{server.url} answers, one of ours"
        assert report.seen("dispatcher-subscribed").startswith("it is registered as ")
        assert report.seen("dispatcher-queue") == "no driver waits"


@pytest.mark.breaks("dispatcher-reachable")
def test_nobody_at_the_address(cluster: RunningCluster, tmp_path: Path) -> None:
    server = our_dispatcher(cluster.url, tmp_path)
    report = verify("--master", cluster.url, *SOUND, "--dispatcher", server.url)
    assert report.failing() == report.errors() == {"dispatcher-reachable"}, report
    assert report.message("dispatcher-reachable") == f"The dispatcher at {server.url} refuses the connection"
    assert "port 7077" in report.hint("dispatcher-reachable")
    assert set(report.follows().values()) == {"dispatcher-reachable"}, report
    with running(server):
        await_subscription(server)
        page = f"mesos://{server.webui_url.partition('://')[2]}"
        report = verify("--master", cluster.url, *SOUND, "--dispatcher", page)
        assert report.failing() == {"dispatcher-reachable"}, report
        assert "not of its web pages (8081)" in report.hint("dispatcher-reachable")
        report = verify("--master", cluster.url, *SOUND, "--dispatcher", server.url)
        assert report.failing() == set(), report


@pytest.mark.breaks("dispatcher-reachable")
def test_one_of_several_is_not_there(cluster: RunningCluster, tmp_path: Path, refusing_port: int) -> None:
    with dispatcher(cluster.url, tmp_path) as server:
        several = f"{server.url},127.0.0.1:{refusing_port}"
        report = verify("--master", cluster.url, *SOUND, "--dispatcher", several)
        assert report.failing() == {"dispatcher-reachable"}, report
        assert report.errors() == set()
        assert f"127.0.0.1:{refusing_port}" in report.message("dispatcher-reachable")
        assert report.hint("dispatcher-reachable").startswith("Check that it is running.")
        assert verify("--master", cluster.url, *SOUND, "--dispatcher", server.url).failing() == set()


@pytest.mark.breaks("dispatcher-reachable")
def test_one_that_mesos_has_lost_is_told_once(cluster: RunningCluster, tmp_path: Path) -> None:
    server = our_dispatcher(cluster.url, tmp_path)
    with running(server):
        await_subscription(server)
    arguments = ("--master", cluster.url, *SOUND)
    until(
        lambda: verify(*arguments, "--only", "frameworks-dispatcher").failing() != set(), "Mesos has noticed"
    )
    report = verify(*arguments, "--dispatcher", server.url)
    assert report.failing() == report.errors() == {"dispatcher-reachable"}, report
    address = server.url.removeprefix("mesos://")
    assert f"{address} refuses the connection" in report.message("dispatcher-reachable")
    assert report.hint("dispatcher-reachable").startswith("Check that it is running")
    assert report.follows()["frameworks-dispatcher"] == "dispatcher-reachable"
    # Unless it was named.
    report = verify(*arguments)
    assert report.failing() == {"frameworks-dispatcher"}, report
    message = report.message("frameworks-dispatcher")
    assert message.startswith("the dispatcher 'Spark Cluster' (http://")
    assert "is registered, but not connected: it launches nothing" in message
    assert f"`sparkmesos start-dispatcher --master {cluster.url} …`" in report.hint("frameworks-dispatcher")
    # Who wants to give drivers to it has nobody else.
    lost = (
        "Cluster mode needs a dispatcher: Mesos has lost the only dispatcher that it knows, 'Spark Cluster' "
    )
    for some in ((), ("--only", "services"), ("--strict", "--skip", "frameworks")):
        report = cluster_mode(cluster, *some)
        assert report.failing() == report.errors() == {"dispatcher-found"}, report
        assert report.message("dispatcher-found").startswith(lost)
        assert f"start-dispatcher --master {cluster.url} …`" in report.hint("dispatcher-found")
        assert report.exit_code == 1
        assert set(report.follows().values()) == {"dispatcher-found"}, report
    with running(server):
        await_subscription(server)
        report = verify(*arguments, "--dispatcher", server.url)
        assert report.failing() == set(), report


@pytest.mark.breaks("dispatcher-token")
def test_token(cluster: RunningCluster, tmp_path: Path) -> None:
    token, wrong = tmp_path / "token", tmp_path / "wrong"
    token.write_text(f"{TOKEN}\n")
    wrong.write_text(f"{TOKEN[::-1]}\n")
    server = our_dispatcher(cluster.url, tmp_path, ("--auth-token-file", str(token)))
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        server.start()
        arguments = ("--master", cluster.url, *SOUND, "--dispatcher", server.url)
        until(lambda: verify(*arguments, "--only", "dispatcher-reachable").failing() == set(), "it answers")
        report = verify(*arguments)
        assert report.failing() == report.errors() == {"dispatcher-token"}, report
        assert "--auth-token-file" in report.hint("dispatcher-token")
        assert set(report.follows().values()) == {"dispatcher-token"}, report
        report = verify(*arguments, "--auth-token-file", str(wrong))
        assert report.failing() == {"dispatcher-token"}, report
        assert "and not this one" in report.message("dispatcher-token")
        report = verify(*arguments, "--auth-token-file", str(token))
        assert report.failing() == set(), report
        assert report.seen("dispatcher-token") == "the token is accepted"
        assert TOKEN not in str(report)
        # Nobody who registers at Mesos gets to see it.
        report = verify("--master", cluster.url, *SOUND, "--auth-token-file", str(token))
        assert TOKEN not in str(report)
        # That it lets nobody ask is nothing to complain about where nobody wants anything of it.
        assert report.failing() == set(), report


def test_nobody_has_to_be_let_in_who_wants_nothing(cluster: RunningCluster) -> None:
    def answer(path: str) -> Answer:
        if path == "/health":
            return Answer(200, json.dumps({"address": f"mesos://{web.address}"}).encode())
        return Answer(401)

    with (
        http_stub(answer) as web,
        SmallFramework(cluster, "Spark Cluster", webui_url=f"http://{web.address}"),
    ):
        report = verify("--master", cluster.url, *SOUND, "--skip", "frameworks")
        assert report.failing() == set(), report
        assert report.status("dispatcher-token") == "note"
        (note,) = report.problems("dispatcher-token")
        assert note["hint"].startswith(f"Name it with --dispatcher mesos://{web.address}")
        report = cluster_mode(cluster, "--skip", "frameworks")
        assert report.failing() == report.errors() == {"dispatcher-token"}, report


def test_a_dispatcher_without_a_web_ui(cluster: RunningCluster) -> None:
    with SmallFramework(cluster, "Spark Cluster"):
        report = cluster_mode(cluster, "--only", "services")
        assert report.failing() == set(), report
        assert report.status("dispatcher-found") == "note"
        assert "--dispatcher mesos://HOST:PORT" in report.hint("dispatcher-found")


@pytest.mark.breaks("dispatcher-version")
@pytest.mark.slow
def test_sparks_own_dispatcher(cluster: RunningCluster, tmp_path: Path, cache_dir: Path) -> None:
    with spark_dispatcher(cluster.url, tmp_path, cache_dir) as spark:
        report = verify("--master", cluster.url, *SOUND, "--dispatcher", spark.url)
        assert report.failing() == report.errors() == {"dispatcher-version"}, report
        assert report.seen("dispatcher-version") == "Spark's own, 3.5.9"
        assert "whose drivers end at once" in report.message("dispatcher-version")
        assert "sparkmesos start-dispatcher" in report.hint("dispatcher-version")
        # Mesos knows its web UI, which does not tell where submissions go.
        report = verify("--master", cluster.url, *SOUND)
        assert report.failing() == set(), report
        assert report.status("dispatcher-reachable") == "note"
        (note,) = report.problems("dispatcher-reachable")
        assert "nothing takes submissions at " in note["message"]
        assert note["hint"].startswith("Name the address where it takes submissions with --dispatcher")
        assert set(report.follows().values()) == {"dispatcher-reachable"}
    with dispatcher(cluster.url, tmp_path / "ours") as ours:
        report = verify("--master", cluster.url, *SOUND, "--dispatcher", ours.url)
        assert "dispatcher-version" not in report.failing(), report


@pytest.mark.breaks("dispatcher-ready")
@pytest.mark.slow
def test_its_store_is_away(cluster: RunningCluster, zookeeper: ZooKeeperServer, tmp_path: Path) -> None:
    options = (
        "--zk", zookeeper.hosts,
        "--conf", f"spark.deploy.zookeeper.dir=/{tmp_path.name}",
        "--conf", "spark.mesos.dispatcher.zookeeper.sessionTimeout=4s",
    )  # fmt: skip
    with dispatcher(cluster.url, tmp_path, *options) as server:
        arguments = ("--master", cluster.url, *SOUND, "--dispatcher", server.url)
        assert verify(*arguments).failing() == set()
        zookeeper.stop()
        try:
            until(lambda: server.ask("GET", "/readyz")[0] == 503, "it is not ready")
            report = verify(*arguments)
            assert report.errors() == {"dispatcher-ready"}, report
            assert "takes no submissions" in report.message("dispatcher-ready")
            assert "ZooKeeper" in report.hint("dispatcher-ready")
        finally:
            zookeeper.start()
        server.await_ready()
        await_subscription(server)
        assert verify(*arguments).failing() == set()


@pytest.mark.breaks("dispatcher-subscribed")
def test_mesos_does_not_want_it(new_cluster: NewCluster, tmp_path: Path) -> None:
    cluster = new_cluster(roles=("spark",))
    refused = our_dispatcher(
        cluster.url, tmp_path / "refused", ("--conf", "spark.mesos.role=etl", "--subscribe-timeout", "0")
    )
    with running(refused):
        arguments = ("--master", cluster.url, *SOUND, "--dispatcher")
        report = verify(*arguments, refused.url)
        assert report.failing() == {"dispatcher-subscribed"}, report
        assert "so that drivers wait" in report.message("dispatcher-subscribed")
        assert "role" in report.hint("dispatcher-subscribed")
        with dispatcher(cluster.url, tmp_path / "known", "--conf", "spark.mesos.role=spark") as server:
            report = verify(*arguments, server.url)
            assert report.failing() == set(), report


@pytest.mark.breaks("dispatcher-cluster")
def test_dispatcher_of_another_cluster(
    cluster: RunningCluster, new_cluster: NewCluster, tmp_path: Path
) -> None:
    other = new_cluster()
    with dispatcher(other.url, tmp_path) as server:
        report = verify("--master", cluster.url, *SOUND, "--dispatcher", server.url)
        assert report.failing() == {"dispatcher-cluster"}, report
        assert report.message("dispatcher-cluster") == (
            f"The dispatcher at {server.url} is registered at {other.http_url}, not at {cluster.http_url}"
        )
        assert f"--master {other.url}" in report.hint("dispatcher-cluster")
        report = verify("--master", other.url, *SOUND, "--dispatcher", server.url)
        assert report.failing() == set(), report
        assert report.seen("dispatcher-cluster") == "it is registered here"


@pytest.mark.breaks("dispatcher-queue")
def test_a_driver_that_fits_nowhere(cluster: RunningCluster, tmp_path: Path) -> None:
    stage = Stage(tmp_path, cluster)
    with dispatcher(cluster.url, tmp_path) as server:
        driver = stage.submit(server, "large", 1, 0, {"spark.driver.cores": "100"})
        arguments = ("--master", cluster.url, *SOUND, "--dispatcher", server.url)
        until(
            lambda: server.ask("GET", f"/status/{driver}")[1]["waitsFor"]["cause"] == "cores",
            "it is known why",
        )
        report = verify(*arguments)
        assert report.failing() == {"dispatcher-queue"}, report
        assert report.message("dispatcher-queue").startswith(f"1 driver waits for cores: {driver} ")
        assert "--driver-cores" in report.hint("dispatcher-queue")
        server.ask("POST", f"/kill/{driver}")
        report = verify(*arguments)
        assert report.failing() == set(), report
