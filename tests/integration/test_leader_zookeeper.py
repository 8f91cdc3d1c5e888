"""Finding and watching the leader through a real ZooKeeper server."""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.master import HostPort, ZooKeeperMaster, parse_master
from sparkmesos_core.mesos import leader as leader_module
from sparkmesos_core.mesos.leader import Leader, LeaderWatch, choose_member, resolve_leader
from tests.integration.zookeeper import ZooKeeperServer, session, zookeeper_server

pytestmark = pytest.mark.slow

PATH = "/test/mesos"
EVENT_TIMEOUT = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    with zookeeper_server(tmp_path_factory.mktemp("zookeeper")) as running:
        yield running


@pytest.fixture
def masters(server: ZooKeeperServer) -> Iterator[KazooClient]:
    """A session that plays the masters; the path holds nothing but a replicated log's nodes."""
    with session(server) as client:
        client.ensure_path(f"{PATH}/log_replicas/0000000000")
        yield client
        client.delete("/test", recursive=True)


def register(client: KazooClient, number: int, label: str = "json.info_") -> str:
    """Register as a master does; returns the node."""
    info = {
        "address": {"hostname": f"master{number}.mesos.example", "ip": "127.0.0.1", "port": 5050 + number},
        "version": "1.12.0",
    }
    path: str = client.create(f"{PATH}/{label}", json.dumps(info).encode(), ephemeral=True, sequence=True)
    return path


def master_number(number: int) -> Leader:
    return Leader(HostPort("127.0.0.1", 5050 + number), "http", f"master{number}.mesos.example", "1.12.0")


def url(server: ZooKeeperServer, path: str = PATH, credential: str = "") -> ZooKeeperMaster:
    master = parse_master(f"mesos://zk://{credential}{server.hosts}{path}")
    assert isinstance(master, ZooKeeperMaster)
    return master


# Resolving


def test_the_first_registered_master_leads(server: ZooKeeperServer, masters: KazooClient) -> None:
    register(masters, 1)
    register(masters, 2)
    assert resolve_leader(url(server)) == master_number(1)


def test_the_next_one_leads_when_it_is_gone(server: ZooKeeperServer, masters: KazooClient) -> None:
    first = register(masters, 1)
    register(masters, 2)
    masters.delete(first)
    assert resolve_leader(url(server)) == master_number(2)


def test_an_unreachable_server_among_others_is_passed_over(
    server: ZooKeeperServer, masters: KazooClient
) -> None:
    register(masters, 1)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        dead = HostPort("127.0.0.1", bound.getsockname()[1])
        master = ZooKeeperMaster((dead, server.address), PATH)
        assert resolve_leader(master) == master_number(1)


def test_with_a_ca_file_the_leader_is_spoken_to_over_https(
    server: ZooKeeperServer, masters: KazooClient
) -> None:
    register(masters, 1)
    assert resolve_leader(url(server), ca_file="/any.pem").http_url == "https://127.0.0.1:5051"


def test_an_election_under_way_is_waited_for(
    server: ZooKeeperServer, masters: KazooClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    def choose(children: Iterable[str]) -> str | None:
        seen.append(choose_member(children))
        if seen == [None]:
            register(masters, 1)  # while the resolver already knows of no master, and watches
        return seen[-1]

    monkeypatch.setattr(leader_module, "choose_member", choose)
    assert resolve_leader(url(server), timeout=EVENT_TIMEOUT) == master_number(1)
    assert len(seen) == 2


def test_no_master_elected(server: ZooKeeperServer, masters: KazooClient) -> None:
    with pytest.raises(UnreachableError, match=f"no Mesos master is elected: none .* under {PATH}"):
        resolve_leader(url(server), timeout=0.5)


def test_path_missing(server: ZooKeeperServer, masters: KazooClient) -> None:
    with pytest.raises(UnreachableError, match=r"the path /test/other does not exist in ZooKeeper") as caught:
        resolve_leader(url(server, "/test/other"), timeout=60)
    assert "--zk" in caught.value.hint


def test_an_old_master_leads(server: ZooKeeperServer, masters: KazooClient) -> None:
    register(masters, 1, label="info_")
    with pytest.raises(UnreachableError, match=r"Mesos 0\.23 and older"):
        resolve_leader(url(server))


def test_no_server_answers() -> None:
    with socket.socket() as bound, socket.create_server(("127.0.0.1", 0)) as silent:
        bound.bind(("127.0.0.1", 0))
        dead = HostPort("127.0.0.1", bound.getsockname()[1])
        mute = HostPort("127.0.0.1", silent.getsockname()[1])
        unknown = HostPort("no-such-host.invalid", 2181)
        with pytest.raises(UnreachableError) as caught:
            resolve_leader(ZooKeeperMaster((dead, mute, unknown), "/mesos"), timeout=1)
    for part in (
        "no ZooKeeper server answered within 1 s",
        f"{dead} refuses the connection",
        f"{mute} takes connections, but does not answer",
        "no-such-host.invalid:2181 cannot be resolved",
    ):
        assert part in caught.value.message


def test_digest_credentials(server: ZooKeeperServer) -> None:
    acl = [make_digest_acl("spark", "pass:w@rd", all=True)]
    with session(server, "spark:pass:w@rd") as client:
        client.create("/secured", acl=acl)
        info = json.dumps({"address": {"ip": "127.0.0.1", "port": 5051}}).encode()
        client.create("/secured/json.info_", info, acl=acl, ephemeral=True, sequence=True)
        try:
            leader = resolve_leader(url(server, "/secured", "spark:pass:w@rd@"))
            assert leader.address == HostPort("127.0.0.1", 5051)
            with pytest.raises(
                UnreachableError, match="does not let these credentials read /secured"
            ) as wrong:
                resolve_leader(url(server, "/secured", "spark:wrong@"))
            with pytest.raises(UnreachableError, match="does not let a client without credentials read"):
                resolve_leader(url(server, "/secured"))
            assert "wrong" not in wrong.value.message.replace("credentials", "") + wrong.value.hint
        finally:
            client.delete("/secured", recursive=True)


def test_nothing_is_written_to_the_terminal(tmp_path: Path) -> None:
    """kazoo logs every failed attempt; without a handler Python would print its warnings."""
    script = (
        "import socket\n"
        "from sparkmesos_core.errors import UnreachableError\n"
        "from sparkmesos_core.master import HostPort, ZooKeeperMaster\n"
        "from sparkmesos_core.mesos.leader import resolve_leader\n"
        "with socket.socket() as bound:\n"
        "    bound.bind(('127.0.0.1', 0))\n"
        "    dead = HostPort('127.0.0.1', bound.getsockname()[1])\n"
        "    try:\n"
        "        resolve_leader(ZooKeeperMaster((dead,), '/mesos'), timeout=1)\n"
        "    except UnreachableError as error:\n"
        "        print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("UnreachableError\n", "")


# Watching


@contextmanager
def watching(master: ZooKeeperMaster) -> Iterator[tuple[LeaderWatch, Callable[[], Leader | None]]]:
    told: queue.SimpleQueue[Leader | None] = queue.SimpleQueue()
    with LeaderWatch(master, told.put) as watch:
        yield watch, lambda: told.get(timeout=EVENT_TIMEOUT)
    assert told.empty()


def test_every_change_is_told(server: ZooKeeperServer, masters: KazooClient) -> None:
    with watching(url(server)) as (watch, told):
        assert told() is None
        first = register(masters, 1)
        assert told() == master_number(1)
        second = register(masters, 2)
        masters.delete(first)
        assert told() == master_number(2)
        masters.delete(second)
        assert told() is None
        register(masters, 3)
        assert told() == master_number(3)
        assert watch.problem is None


def test_the_path_may_come_and_go(server: ZooKeeperServer, masters: KazooClient) -> None:
    masters.delete(PATH, recursive=True)
    with watching(url(server)) as (watch, told):
        assert told() is None
        assert "does not exist" in str(watch.problem)
        masters.ensure_path(PATH)
        register(masters, 1)
        assert told() == master_number(1)
        assert watch.problem is None
        masters.delete(PATH, recursive=True)
        assert told() is None


def test_an_expired_session_is_renewed(server: ZooKeeperServer, masters: KazooClient) -> None:
    first = register(masters, 1)
    with watching(url(server)) as (watch, told):
        assert told() == master_number(1)
        old_session = watch._client.client_id
        # Whoever ends a session that another connection uses makes it expire for that one.
        thief = KazooClient(server.hosts, client_id=old_session)
        thief.start()
        thief.stop()
        thief.close()
        masters.delete(first)
        register(masters, 2)
        leaders = [told()]
        if leaders == [None]:
            leaders.append(told())
        assert leaders[-1] == master_number(2)
        assert watch._client.client_id != old_session


def test_a_restarted_server_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader_module, "SESSION_TIMEOUT", 2.0)
    with zookeeper_server(tmp_path) as own:
        with session(own) as client:
            client.ensure_path(PATH)
            info = json.dumps({"address": {"ip": "127.0.0.1", "port": 5051}}).encode()
            client.create(f"{PATH}/json.info_", info, sequence=True)
        with watching(url(own)) as (watch, told):
            assert told() == Leader(HostPort("127.0.0.1", 5051), "http", "127.0.0.1")
            own.stop()
            assert told() is None
            assert "refuses the connection" in str(watch.problem)
            own.start()
            assert told() == Leader(HostPort("127.0.0.1", 5051), "http", "127.0.0.1")
            assert watch.problem is None


def test_a_watch_without_any_server_says_so_and_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader_module, "SESSION_TIMEOUT", 0.5)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        dead = HostPort("127.0.0.1", bound.getsockname()[1])
        with watching(ZooKeeperMaster((dead,), "/mesos")) as (watch, told):
            assert told() is None
            assert f"{dead} refuses the connection" in str(watch.problem)


def test_a_callback_that_fails_does_not_end_the_watch(
    server: ZooKeeperServer, masters: KazooClient, caplog: pytest.LogCaptureFixture
) -> None:
    register(masters, 1)
    told: queue.SimpleQueue[Leader | None] = queue.SimpleQueue()

    def fail_first(leader: Leader | None) -> None:
        told.put(leader)
        if leader == master_number(1):
            raise ValueError("a fault in the callback")

    with LeaderWatch(url(server), fail_first):
        assert told.get(timeout=EVENT_TIMEOUT) == master_number(1)
        masters.delete(f"{PATH}/{min(n for n in masters.get_children(PATH) if n.startswith('json'))}")
        assert told.get(timeout=EVENT_TIMEOUT) is None
    assert "a fault in the callback" in caplog.text


# On the command line


def test_submit_asks_zookeeper_and_lets_spark_go_on_asking(server, masters: KazooClient, commands) -> None:
    """There has to be a leader before a JVM starts, but the driver is to follow the next one, too."""
    import pyspark

    home = commands.folder / "spark"
    (home / "bin").mkdir(parents=True)
    (home / "jars").symlink_to(Path(pyspark.__file__).parent / "jars")
    (home / "bin" / "spark-submit").write_text('#!/bin/sh\necho "$@"\n')
    (home / "bin" / "spark-submit").chmod(0o755)
    (commands.folder / "app.py").touch()
    register(masters, 1)
    url = f"zk://{server.hosts}{PATH}"
    run = commands.run("submit", "--no-preflight", "--spark-home", str(home), "--master", url, "app.py")
    assert run.returncode == 0, run.stderr
    assert f"--master {url} --master mesos://{url} " in run.stdout
