"""What ZooKeeper does to those who look for a master: real servers, of which some are stopped or cut off."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from sparkmesos_core.localcluster.cluster import RunningCluster
from sparkmesos_core.master import HostPort
from tests.integration.verify.altered_master import AlteredServer
from tests.integration.verify.verifying import SOUND, Report, verify
from tests.integration.zookeeper import ZooKeeperEnsemble, ZooKeeperServer, session

pytestmark = pytest.mark.slow

PATH = "/mesos"


def check(hosts: str, *arguments: str, path: str = PATH) -> Report:
    return verify("--master", f"mesos://zk://{hosts}{path}", *SOUND, *arguments)


def register(client: KazooClient, cluster: RunningCluster, path: str = PATH, number: int = 0) -> None:
    """A node as the cluster's master would make one, but it stays when servers and sessions go."""
    host, _, port = cluster.http_url.removeprefix("http://").partition(":")
    address = {"hostname": host, "ip": host, "port": int(port)}
    info = {"address": address, "hostname": host, "port": int(port), "version": "1.12.0"}
    client.create(f"{path}/json.info_{number:010}", json.dumps(info).encode(), makepath=True)


@pytest.fixture(scope="module")
def ensemble(
    tmp_path_factory: pytest.TempPathFactory, cluster: RunningCluster
) -> Iterator[ZooKeeperEnsemble]:
    """Three servers that know the sound cluster's master."""
    with ZooKeeperEnsemble(tmp_path_factory.mktemp("ensemble")) as running:
        with session(running.servers[0]) as client:
            register(client, cluster)
        yield running


@pytest.fixture(scope="module")
def known_there(zookeeper: ZooKeeperServer, cluster: RunningCluster) -> ZooKeeperServer:
    """One server that stands alone and knows the sound cluster's master."""
    with session(zookeeper) as client:
        register(client, cluster)
    return zookeeper


def test_an_ensemble(ensemble: ZooKeeperEnsemble) -> None:
    report = check(ensemble.hosts)
    assert report.failing() == set(), report
    assert report.follows() == {}, report
    assert "ZooKeeper 3." in report.seen("zookeeper-servers")
    assert re.fullmatch(r"127\.0\.0\.1:\d+ leads, 2 of those named follow", report.seen("zookeeper-quorum"))
    assert report.seen("zookeeper-session") == "a session of 10 s was granted"
    assert report.seen("zookeeper-path") == "1 master under /mesos, led by 127.0.0.1"


@pytest.mark.breaks("zookeeper-servers")
def test_one_server_down(ensemble: ZooKeeperEnsemble) -> None:
    dead = ensemble.servers[1]
    dead.stop()
    try:
        ensemble.await_serving(2)
        report = check(ensemble.hosts)
    finally:
        dead.start()
        ensemble.await_serving(3)
    assert report.failing() == {"zookeeper-servers"}, report
    assert report.errors() == set()
    assert report.exit_code == 0
    assert report.message("zookeeper-servers") == (
        f"The ZooKeeper server {dead.hosts} refuses the connection"
    )
    assert report.hint("zookeeper-servers").startswith(f"Start it, or correct {dead.hosts} in the URL")
    assert check(ensemble.hosts).failing() == set()


def test_no_majority(ensemble: ZooKeeperEnsemble) -> None:
    dead = ensemble.servers[:2]
    for server in dead:
        server.stop()
    try:
        ensemble.await_serving(0)
        report = check(ensemble.hosts)
    finally:
        for server in dead:
            server.launch()
        for server in dead:
            server.await_ready()
        ensemble.await_serving(3)
    assert report.failing() == report.errors() == {"zookeeper-servers"}, report
    assert report.exit_code == 5
    assert report.message("zookeeper-servers").startswith("ZooKeeper has no majority: ")
    assert f"Start {dead[0].hosts}, {dead[1].hosts} again" in report.hint("zookeeper-servers")
    follows = report.follows()
    assert follows["zookeeper-session"] == follows["master-leader"] == "zookeeper-servers"
    assert check(ensemble.hosts).failing() == set()


@pytest.mark.breaks("zookeeper-quorum")
def test_no_leader_among_the_servers(ensemble: ZooKeeperEnsemble) -> None:
    """All servers that the URL names run; those that it does not name are gone."""
    *others, named = ensemble.servers
    for server in others:
        server.stop()
    try:
        ensemble.await_serving(0)
        report = check(named.hosts)
    finally:
        for server in others:
            server.launch()
        for server in others:
            server.await_ready()
        ensemble.await_serving(3)
    assert report.failing() == report.errors() == {"zookeeper-quorum"}, report
    assert report.exit_code == 5
    assert "no leader is elected" in report.message("zookeeper-quorum")
    assert report.hint("zookeeper-quorum").startswith("Start the servers that the URL does not name")
    assert report.follows()["master-leader"] == "zookeeper-quorum"
    assert check(named.hosts).failing() == set()


@pytest.mark.breaks("zookeeper-quorum")
def test_servers_of_two_ensembles(ensemble: ZooKeeperEnsemble, known_there: ZooKeeperServer) -> None:
    report = check(f"{ensemble.hosts},{known_there.hosts}")
    assert report.failing() == {"zookeeper-quorum"}, report
    assert f"not one ensemble: {known_there.hosts} stands alone" in report.message("zookeeper-quorum")
    assert "Name servers of one ensemble only" in report.hint("zookeeper-quorum")
    assert check(ensemble.hosts).failing() == set()


def test_a_server_that_is_named_twice(known_there: ZooKeeperServer) -> None:
    port = known_there.address.port
    report = check(f"127.0.0.1:{port},localhost:{port},127.0.0.1:{port}")
    assert report.failing() == set(), report
    assert report.seen("zookeeper-quorum") == f"127.0.0.1:{port} stands alone"


def test_masters_that_speak_https(
    known_there: ZooKeeperServer, cluster: RunningCluster, tmp_path: Path
) -> None:
    """ZooKeeper does not tell that: what is advised then is not a URL, which would do without ZooKeeper."""
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    only = ("--only", "master", "--ca-file", str(ca_file))
    with (
        AlteredServer(cluster.http_url, tls=context).serving() as master,
        session(known_there) as client,
    ):
        node = {"address": {"ip": "127.0.0.1", "port": master.port}}
        client.create("/tls/json.info_0000000000", json.dumps(node).encode(), makepath=True)
        try:
            report = check(known_there.hosts, path="/tls")
            assert report.failing() == {"master-leader"}, report
            assert "speaks TLS, not plain HTTP" in report.message("master-leader")
            assert "with --ca-file" in report.hint("master-leader")
            assert check(known_there.hosts, *only, path="/tls").failing() == set()
        finally:
            client.delete("/tls", recursive=True)
    report = check(known_there.hosts, *only)
    assert report.failing() == {"master-leader"}, report
    assert report.hint("master-leader").startswith("Leave out --ca-file")


@pytest.mark.breaks("zookeeper-servers")
def test_no_server_at_all(known_there: ZooKeeperServer) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{bound.getsockname()[1]}"
        report = check(nobody)
        assert report.failing() == {"zookeeper-servers"}, report
        assert report.exit_code == 5
        assert report.message("zookeeper-servers") == (
            f"no ZooKeeper server answers: {nobody} refuses the connection"
        )
        assert report.hint("zookeeper-servers").startswith("Check hosts and ports of the zk:// URL")
        partly = check(f"{nobody},{known_there.hosts}")
    assert partly.failing() == {"zookeeper-servers"}, partly
    assert partly.errors() == set()
    assert check(known_there.hosts).failing() == set()


class Gate:
    """In front of a server; closed, it lets four-letter commands through, and cuts whoever wants a session."""

    def __init__(self, behind: HostPort) -> None:
        self._behind = behind
        self.closed = True
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.hosts = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Gate:
        self._threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(client)
            first = client.recv(4, socket.MSG_WAITALL)
            if self.closed and first != b"srvr":
                client.shutdown(socket.SHUT_RDWR)
                continue
            server = socket.create_connection((self._behind.host, self._behind.port))
            self._open.append(server)
            server.sendall(first)
            for source, target in ((client, server), (server, client)):
                thread = threading.Thread(target=self._pump, args=(source, target))
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@pytest.mark.breaks("zookeeper-session")
def test_no_session(known_there: ZooKeeperServer) -> None:
    with Gate(known_there.address) as gate:
        report = check(gate.hosts, "--check-timeout", "2")
        assert report.failing() == {"zookeeper-session"}, report
        assert report.exit_code == 5
        assert report.message("zookeeper-session").startswith("no ZooKeeper server answered within 2 s")
        assert "that ZooKeeper is running" in report.hint("zookeeper-session")
        assert report.follows()["master-leader"] == "zookeeper-session"
        gate.closed = False
        assert check(gate.hosts).failing() == set()


@pytest.mark.breaks("zookeeper-path")
def test_another_path(known_there: ZooKeeperServer) -> None:
    report = check(known_there.hosts, path="/mesos/prod")
    assert report.failing() == {"zookeeper-path"}, report
    assert report.exit_code == 5
    assert "the path /mesos/prod does not exist in ZooKeeper" in report.message("zookeeper-path")
    named = re.search(r"There are masters under (\S+): is that the path\?", report.hint("zookeeper-path"))
    assert named is not None, report
    assert check(known_there.hosts, path=named[1]).failing() == set()


@pytest.mark.breaks("zookeeper-path")
def test_nobody_is_registered(known_there: ZooKeeperServer, cluster: RunningCluster) -> None:
    with session(known_there) as client:
        client.ensure_path("/new/log_replicas")
        try:
            report = check(known_there.hosts, "--check-timeout", "2", path="/new")
            assert report.failing() == {"zookeeper-path"}, report
            assert "no Mesos master is elected: none is registered under /new" in report.message(
                "zookeeper-path"
            )
            assert "There are masters under /mesos" in report.hint("zookeeper-path")
            register(client, cluster, "/new")
            assert check(known_there.hosts, path="/new").failing() == set()
        finally:
            client.delete("/new", recursive=True)


@pytest.mark.breaks("zookeeper-path")
def test_credentials_of_zookeeper(known_there: ZooKeeperServer, cluster: RunningCluster) -> None:
    acl = [make_digest_acl("mesos", "t0psecret", all=True)]
    with session(known_there, "mesos:t0psecret") as client:
        client.default_acl = acl
        register(client, cluster, "/secured")
        try:
            report = check(f"mesos:wrong@{known_there.hosts}", path="/secured")
            assert report.failing() == {"zookeeper-path"}, report
            assert "does not let these credentials read /secured" in report.message("zookeeper-path")
            assert "mesos://zk://USER:PASSWORD@HOST:2181/PATH" in report.hint("zookeeper-path")
            good = check(f"mesos:t0psecret@{known_there.hosts}", path="/secured")
            assert good.failing() == set(), good
            assert good.seen("zookeeper-session") == "a session as mesos of 10 s was granted"
            assert "t0psecret" not in str(good) + str(good.checks)
        finally:
            client.delete("/secured", recursive=True)


def test_nodes_that_are_not_understood(known_there: ZooKeeperServer, cluster: RunningCluster) -> None:
    with session(known_there) as client:
        register(client, cluster, "/mixed")
        client.create("/mixed/info_0000000007", b"\x0a\x05old")
        try:
            report = check(known_there.hosts, path="/mixed")
            assert report.failing() == {"zookeeper-path"}, report
            assert report.errors() == set()
            assert "nodes of masters that are not understood: info_0000000007" in report.message(
                "zookeeper-path"
            )
        finally:
            client.delete("/mixed", recursive=True)
    assert check(known_there.hosts).failing() == set()


def test_without_zookeeper_there_is_nothing_to_check(cluster: RunningCluster) -> None:
    report = verify("--master", cluster.url, *SOUND)
    assert {report.status(name) for name in report.checks if name.startswith("zookeeper-")} == {"skipped"}
    assert report.follows() == {}
