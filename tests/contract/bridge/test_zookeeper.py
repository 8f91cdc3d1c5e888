"""Masters that are found through a real ZooKeeper: election, change of leader, credentials, outages."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from tests.contract.bridge.conftest import serve_tls
from tests.contract.bridge.messages import FRAMEWORK, finish
from tests.integration.zookeeper import ZooKeeperServer, session, zookeeper_server

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import Probe, ScriptedMaster, Stream

pytestmark = pytest.mark.slow

Json = dict[str, Any]
PATH = "/test/mesos"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    with zookeeper_server(tmp_path_factory.mktemp("zookeeper")) as running:
        yield running


@pytest.fixture
def election(server: ZooKeeperServer) -> Iterator[KazooClient]:
    """A session that plays the masters; besides theirs there is a node of a replicated log, as recorded."""
    with session(server) as client:
        client.ensure_path(f"{PATH}/log_replicas/0000000000")
        yield client
        client.delete("/test", recursive=True)


def register(client: KazooClient, address: str, path: str = PATH, **options: Any) -> str:
    """Registers a master as masters do; returns its node."""
    host, port = address.split(":")
    info = {
        "address": {"hostname": "master.mesos.example", "ip": host, "port": int(port)},
        "version": "1.12.0",
    }
    node: str = client.create(
        f"{path}/json.info_", json.dumps(info).encode(), ephemeral=True, sequence=True, **options
    )
    return node


def begin(probe: Probe, server: ZooKeeperServer, name: str, path: str = PATH, user: str = "") -> None:
    probe.do("new", name, master=f"zk://{user}{server.hosts}{path}", framework=FRAMEWORK)
    assert probe.do("start", name) == "DRIVER_RUNNING"


def registered(probe: Probe, master: ScriptedMaster, name: str, callback: str = "registered") -> Stream:
    stream = master.stream()
    stream.subscribed()
    assert probe.callback(name)["callback"] == callback
    return stream


def threads(probe: Probe) -> list[str]:
    return [one for one in probe.do("threads").split() if "zookeeper" in one]


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_oldest_master_leads_until_it_is_gone(
    probe: Probe,
    server: ZooKeeperServer,
    election: KazooClient,
    master: ScriptedMaster,
    second_master: ScriptedMaster,
    name: str,
) -> None:
    node = register(election, master.address)
    register(election, second_master.address)
    begin(probe, server, name)
    registered(probe, master, name)
    assert threads(probe) != []
    election.delete(node)  # the old leader's connection still stands, but it leads no longer
    assert probe.callback(name)["callback"] == "disconnected"
    stream = registered(probe, second_master, name, "reregistered")
    assert stream.request["framework_id"] == {"value": "F-0"}
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    assert second_master.call()["type"] == "TEARDOWN"
    wait_for(lambda: threads(probe) == [])


def test_a_master_behind_the_leader_changes_nothing(
    probe: Probe,
    server: ZooKeeperServer,
    election: KazooClient,
    master: ScriptedMaster,
    second_master: ScriptedMaster,
    name: str,
) -> None:
    register(election, master.address)
    begin(probe, server, name)
    stream = registered(probe, master, name)
    election.delete(register(election, second_master.address))
    register(election, second_master.address)
    stream.emit({"type": "RESCIND", "rescind": {"offer_id": {"value": "still here"}}})
    assert probe.callback(name)["id"] == {"value": "still here"}
    finish(probe, name)
    assert second_master.streams.empty()


def test_no_leader_at_first(
    probe: Probe, server: ZooKeeperServer, election: KazooClient, master: ScriptedMaster, name: str
) -> None:
    begin(probe, server, name)
    wait_for(lambda: any(f"none is registered under {PATH}" in line for line in probe.warnings()))
    register(election, master.address)
    registered(probe, master, name)
    finish(probe, name)


def test_a_leader_that_died_before_zookeeper_knows(
    probe: Probe,
    server: ZooKeeperServer,
    election: KazooClient,
    master: ScriptedMaster,
    second_master: ScriptedMaster,
    name: str,
) -> None:
    """Its session goes on for a while; meanwhile it is asked in vain, and the next one is asked as soon as it leads."""
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{dead.getsockname()[1]}"
        node = register(election, address)
        register(election, second_master.address)
        begin(probe, server, name)
        wait_for(lambda: any(address in line for line in probe.warnings()))
        election.delete(node)
        registered(probe, second_master, name)
    finish(probe, name)


class Gate:
    """Stands between the bridge and ZooKeeper; while it is shut nothing passes, and nobody learns of it."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._sockets: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                target = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, target]
                for pair in ((client, target), (target, client)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        """Connections that were stopped are cut: what they would bring is too old."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.set()

    def close(self) -> None:
        self.open()
        self._server.close()
        for one in self._sockets:
            one.close()


def sessions(server: ZooKeeperServer) -> set[str]:
    """The sessions that the server knows, by its four-letter command `dump`."""
    with socket.create_connection((server.address.host, server.address.port), timeout=20) as connection:
        connection.sendall(b"dump")
        text = b""
        while data := connection.recv(65536):
            text += data
    return set(re.findall(r"^\s*(0x[0-9a-f]+)$", text.decode().split("ephemeral")[0], re.M))


def test_the_session_expires(
    probe: Probe,
    server: ZooKeeperServer,
    election: KazooClient,
    master: ScriptedMaster,
    second_master: ScriptedMaster,
    name: str,
) -> None:
    gate = Gate(server.address.port)
    others = sessions(server)
    node = register(election, master.address)
    probe.do("new", name, master=f"zk://{gate.address}{PATH}", framework=FRAMEWORK)
    probe.do("start", name)
    stream = registered(probe, master, name)
    (mine,) = sessions(server) - others
    gate.shut()
    wait_for(lambda: mine not in sessions(server))
    register(election, second_master.address)
    election.delete(node)
    stream.emit({"type": "RESCIND", "rescind": {"offer_id": {"value": "nobody has told"}}})
    assert probe.callback(name)["id"] == {"value": "nobody has told"}
    gate.open()
    assert probe.callback(name)["callback"] == "disconnected"
    registered(probe, second_master, name, "reregistered")
    finish(probe, name)
    gate.close()


def test_a_leader_that_speaks_tls(
    tls_probe: Probe,
    server: ZooKeeperServer,
    election: KazooClient,
    authority: trustme.CA,
    master: ScriptedMaster,
    name: str,
) -> None:
    """Its node does not say so; a CA file does. Its name is tried first, which nobody can resolve here."""
    secure = serve_tls(authority, "127.0.0.1")
    register(election, secure.address)
    begin(tls_probe, server, name)
    registered(tls_probe, secure, name)
    finish(tls_probe, name)
    secure.stop()


def test_an_outage_of_zookeeper_does_not_touch_the_application(
    probe: Probe, tmp_path: Path, master: ScriptedMaster, second_master: ScriptedMaster, name: str
) -> None:
    with zookeeper_server(tmp_path) as own:
        with session(own) as masters:
            masters.ensure_path(PATH)
            node = register(masters, master.address)
            begin(probe, own, name)
            stream = registered(probe, master, name)
            own.stop()
            stream.emit({"type": "RESCIND", "rescind": {"offer_id": {"value": "still here"}}})
            assert probe.callback(name)["id"] == {"value": "still here"}
            # A cut connection is taken up again with the master that led last.
            stream.close()
            assert probe.callback(name)["callback"] == "disconnected"
            registered(probe, master, name, "reregistered")
            own.start()
            masters.retry(register, masters, second_master.address)
            masters.retry(masters.delete, node)
            assert probe.callback(name)["callback"] == "disconnected"
            registered(probe, second_master, name, "reregistered")
        finish(probe, name)
    wait_for(lambda: threads(probe) == [])


def test_no_zookeeper(probe: Probe, name: str) -> None:
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        hosts = f"127.0.0.1:{refusing.getsockname()[1]}"
        probe.do("new", name, master=f"zk://u:geheim@{hosts}/mesos", framework=FRAMEWORK)
        assert probe.do("start", name) == "DRIVER_RUNNING"
        wait_for(lambda: any(f"no ZooKeeper server answers at {hosts}" in line for line in probe.warnings()))
        assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    wait_for(lambda: threads(probe) == [])
    assert not any("geheim" in line for line in probe.warnings())


def test_a_path_that_does_not_exist_yet(
    probe: Probe, server: ZooKeeperServer, election: KazooClient, master: ScriptedMaster, name: str
) -> None:
    begin(probe, server, name, path="/test/other")
    wait_for(lambda: any("the path /test/other does not exist" in line for line in probe.warnings()))
    election.ensure_path("/test/other")
    register(election, master.address, path="/test/other")
    registered(probe, master, name)
    finish(probe, name)


def test_credentials(probe: Probe, server: ZooKeeperServer, master: ScriptedMaster, name: str) -> None:
    acl = [make_digest_acl("mesos", "pass:word@", all=True)]
    with session(server, "mesos:pass:word@") as client:
        client.ensure_path("/guarded", acl=acl)
        register(client, master.address, path="/guarded", acl=acl)
        begin(probe, server, name, path="/guarded", user="mesos:pass:word@@")
        registered(probe, master, name)
        finish(probe, name)
        for number, user in enumerate(("mesos:wrong@", "")):
            probe.do(
                "new", f"{name}{number}", master=f"zk://{user}{server.hosts}/guarded", framework=FRAMEWORK
            )
            probe.do("runs", f"{name}{number}")
            message = probe.callback(f"{name}{number}")["message"]
            assert "does not let" in message
            assert "USER:PASSWORD" in message
            assert "wrong" not in message
            assert probe.callback(f"{name}{number}")["outcome"] == "DRIVER_ABORTED"
        client.delete("/guarded", recursive=True)


@pytest.mark.parametrize(
    ("node", "data", "said"),
    [
        (
            "info_",
            b"\x08\x01",
            "is in the format of Mesos 0.23 and older: mesos:// over HTTP needs Mesos 1.0",
        ),
        ("json.info_", b"no json", "does not describe a Mesos master"),
        ("json.info_", b"{}", "does not describe a Mesos master"),
    ],
)
def test_nodes_of_something_else(
    node: str,
    data: bytes,
    said: str,
    probe: Probe,
    server: ZooKeeperServer,
    election: KazooClient,
    name: str,
) -> None:
    election.create(f"{PATH}/{node}", data, ephemeral=True, sequence=True)
    probe.do("new", name, master=f"zk://{server.hosts}{PATH}", framework=FRAMEWORK)
    probe.do("runs", name)
    assert said in probe.callback(name)["message"]
    assert probe.callback(name)["outcome"] == "DRIVER_ABORTED"


def test_recorded_nodes(probe: Probe, recording: Callable[[str], Json]) -> None:
    """The children of two masters' path; right after the leader was killed; and when the other one leads."""

    def leader(stage: str, **options: Any) -> str:
        nodes = [
            {"name": one["name"], "data": one["data_raw"]} for one in recording("zookeeper-mesos")[stage]
        ]
        answer: str = probe.do("node", children=nodes[::-1], **options)
        return answer

    assert leader("two_masters") == "json.info_0000000001 127.0.0.1:5050 master1.mesos.example:5050"
    assert leader("after_leader_killed") == leader("two_masters")
    assert leader("new_leader") == "json.info_0000000002 127.0.0.1:5150 master2.mesos.example:5150"
    # A certificate is rather for a name than for an address.
    assert leader("new_leader", https=True) == (
        "json.info_0000000002 https://master2.mesos.example:5150 https://127.0.0.1:5150"
    )


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("mesos://zk://h1:2181,h2:2182/mesos", "zk://h1:2181,h2:2182/mesos"),
        ("zk://h1,[::1]/a//b/", "zk://h1:2181,[::1]:2181/a/b"),
        ("zk://user:geheim@h1/mesos", "zk://***@h1:2181/mesos"),
        ("zk://user:ge@heim@h1/mesos", "zk://***@h1:2181/mesos"),
        ("zk://user:gehe/im@h1/mesos", "has an @ behind its first /"),
        ("mesos://h1:1,https://h2", "h1:1,https://h2:5050"),
        ("mesos://https://h1:1,h2", "https://h1:1,https://h2:5050"),
        ("zk://h1:2181", "has no path"),
        ("zk://h1:2181/", "has no path"),
        ("zk://user@h1/mesos", "USER:PASSWORD"),
        ("zk://user:geheim/mesos", "has a port that is no number"),
        ("zk:///mesos", "names no host"),
        ("zk://h1,,h2/mesos", "names no host"),
    ],
)
def test_urls(text: str, meaning: str, probe: Probe) -> None:
    answer = probe.do("master url", text=text)
    assert answer == meaning or (meaning in answer and "IllegalArgument" in answer)
    assert not any(part in answer for part in ("geheim", "gehe/im", "ge@heim"))
