"""Stores of drivers where things die: SQLite in a process that is killed, ZooKeeper as it really is."""

from __future__ import annotations

import itertools
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionLoss
from kazoo.security import make_digest_acl

from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.actions import Forget, Save, SaveFramework
from sparkmesos_core.durable_framework.store import znodes
from sparkmesos_core.durable_framework.store.ownership import Fence
from sparkmesos_core.durable_framework.store.sqlite import open_sqlite
from sparkmesos_core.durable_framework.store.store import Store, Stored
from sparkmesos_core.durable_framework.store.zookeeper import open_zookeeper
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.errors import StoreError, StoreTakenOverError, UnreachableError
from sparkmesos_core.master import Credential
from tests.integration.elected_store import open_elected
from tests.integration.zookeeper import ZooKeeperServer, session, zookeeper_server
from tests.unit.durable_framework.store.store_behaviour import StoreBehaviour, make_driver

slow = pytest.mark.slow
BASE = "/test/drivers"
PATIENCE = 60.0
SESSION = 10.0
USER = Credential("dispatcher", "opensesame")
EVENT_TIMEOUT = 60


# --- SQLite

_WRITER = """
import sys
from pathlib import Path
from dataclasses import replace
from sparkmesos_core.durable_framework.actions import Forget, Save, SaveFramework
from sparkmesos_core.dispatcher.drivers.driver import State
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.store.sqlite import open_sqlite
from tests.unit.durable_framework.store.store_behaviour import make_driver

store = open_sqlite(Path(sys.argv[1]), DRIVERS)
number = store.load().next_number
while True:
    # Ten drivers come, those of the time before are launched, those before are forgotten: all at once.
    group = [make_driver(n) for n in range(number, number + 10)]
    store.apply([
        *map(Save, group),
        *(Save(replace(make_driver(n), state=State.LAUNCHED)) for n in range(max(number - 10, 1), number)),
        *(Forget(make_driver(n).id) for n in range(max(number - 20, 1), number - 10)),
        SaveFramework(f"framework-{number}"),
    ])
    number += 10
    print(number, flush=True)
"""


@slow
def test_whatever_was_written_survives_a_kill(tmp_path: Path) -> None:
    """Killed at a random moment, many times over; what was told to be on disk is, and each list as a whole."""
    place = tmp_path / "drivers.db"
    chance = random.Random(6)
    told = 1
    for _ in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(place)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            wanted = chance.randrange(1, 40)
            timer = threading.Timer(chance.random() * 0.003, writer.kill)
            for line in itertools.islice(writer.stdout, wanted):
                told = int(line)
            timer.start()
            told = max([told, *(int(line) for line in writer.stdout if line.endswith("\n"))])
            assert writer.wait() == -signal.SIGKILL
            timer.join()
        with closing(open_sqlite(place, DRIVERS)) as store:
            stored = store.load()
        assert stored.next_number in (told, told + 10)
        last = stored.next_number
        assert [driver.number for driver in stored.records] == list(range(max(last - 20, 1), last))
        assert [driver.state.name for driver in stored.records[-10:]] == ["QUEUED"] * 10
        assert {driver.state.name for driver in stored.records[:-10]} <= {"LAUNCHED"}
        assert stored.framework_id == f"framework-{last - 10}"
    assert told > 100


@slow
def test_a_kill_while_the_database_is_made(tmp_path: Path) -> None:
    chance = random.Random(6)
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from sparkmesos_core.dispatcher.drivers.kind import DRIVERS\n"
        "from sparkmesos_core.durable_framework.store.sqlite import open_sqlite\n"
        "print(flush=True)\nfor n in range(10**6): open_sqlite(Path(sys.argv[1]) / str(n) / 'd.db', DRIVERS).close()\n"
    )
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        with subprocess.Popen(
            [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True
        ) as maker:
            assert maker.stdout is not None
            maker.stdout.readline()
            timer = threading.Timer(0.02 + chance.random() * 0.05, maker.kill)
            timer.start()
            maker.wait()
            timer.join()
        for made in folder.iterdir() if folder.exists() else ():
            with closing(open_sqlite(made / "d.db", DRIVERS)) as store:
                assert store.load() == Stored()


@slow
def test_a_limit_on_files_is_a_full_disk(tmp_path: Path) -> None:
    """A real refusal of the operating system: nothing is half-written, and what was there stays."""
    program = """
import resource, signal, sys
from pathlib import Path
from sparkmesos_core.durable_framework.actions import Save
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.store.sqlite import open_sqlite
from sparkmesos_core.errors import StoreError
from tests.unit.durable_framework.store.store_behaviour import make_driver
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_sqlite(Path(sys.argv[1]), DRIVERS)
store.apply([Save(make_driver(1))])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
many = [Save(make_driver(number)) for number in range(2, 1000)]
try:
    store.apply(many)
except StoreError as error:
    print(error.message, "|", error.hint)
assert [driver.number for driver in store.load().records] == [1]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.apply(many)
assert len(store.load().records) == 999
store.close()
"""
    place = tmp_path / "drivers.db"
    done = subprocess.run(
        [sys.executable, "-c", program, str(place)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{place}: disk I/O error | Check the disk" in done.stdout


# --- ZooKeeper


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    with zookeeper_server(tmp_path_factory.mktemp("zookeeper")) as running:
        yield running


@pytest.fixture
def zookeeper(server: ZooKeeperServer) -> Iterator[KazooClient]:
    """A session with the rights of whoever uses the store; the nodes are gone afterwards."""
    with session(server, USER.digest) as client:
        yield client
        if client.exists(f"{BASE}/drivers"):
            # There may be thousands, and to wait for each of them takes its time.
            gone = [
                client.delete_async(f"{BASE}/drivers/{name}") for name in names(client, f"{BASE}/drivers")
            ]
            for answer in gone:
                answer.get(timeout=EVENT_TIMEOUT)
        client.delete("/test", recursive=True)


def address(
    server: ZooKeeperServer, base: str = BASE, credential: Credential | None = None
) -> ZooKeeperAddress:
    return ZooKeeperAddress((server.address,), base, credential)


@contextmanager
def opened(place: ZooKeeperAddress, patience: float = PATIENCE) -> Iterator[Store[Driver]]:
    store = open_elected(place, SESSION, patience)
    try:
        yield store
    finally:
        store.close()


def read(place: ZooKeeperAddress) -> Stored[Driver]:
    with opened(place) as store:
        return store.load()


@slow
class TestZooKeeper(StoreBehaviour):
    @pytest.fixture(autouse=True)
    def _server(self, server: ZooKeeperServer) -> None:
        self.server = server

    def _address(self, place: Path) -> ZooKeeperAddress:
        return address(self.server, f"/behaviour{place}")

    def open(self, place: Path) -> Store[Driver]:
        return open_elected(self._address(place), SESSION, PATIENCE)

    def overwrite(self, place: Path, driver_id: str, text: bytes) -> None:
        with session(self.server) as client:
            client.set(f"{self._address(place).base}/drivers/{driver_id}", text)


def names(client: KazooClient, path: str = BASE) -> set[str]:
    return set(client.get_children(path))


def content(client: KazooClient, path: str) -> Any:
    return json.loads(client.get(f"{BASE}/{path}")[0])


@slow
def test_people_can_read_the_nodes(server: ZooKeeperServer, zookeeper: KazooClient) -> None:
    driver = make_driver(4)
    with opened(address(server)) as store:
        assert names(zookeeper) == {
            "format",
            "candidates",
            "epoch",
            "framework",
            "numbers",
            "drivers",
            "journal",
        }
        store.apply([Save(driver), SaveFramework("a-b-c")])
        assert content(zookeeper, "format") == {"version": 1}
        assert content(zookeeper, f"drivers/{driver.id}") == driver.to_json()
        assert content(zookeeper, "framework") == {"framework_id": "a-b-c"}
        assert content(zookeeper, "numbers") == {"next": 5}
        assert content(zookeeper, "epoch")["pid"] == os.getpid()
        assert names(zookeeper, f"{BASE}/journal") == set()


def everything(client: KazooClient, path: str) -> Iterator[str]:
    yield path
    for name in client.get_children(path):
        yield from everything(client, f"{path}/{name}")


@slow
def test_with_credentials_the_nodes_are_theirs_alone(server: ZooKeeperServer, zookeeper: KazooClient) -> None:
    place = address(server, credential=USER)
    ours = make_digest_acl(USER.user, USER.password, all=True)
    many = [Save(make_driver(number)) for number in range(1, 500)]
    with opened(place) as store:
        commit = store._session.commit  # type: ignore[attr-defined]
        seen: set[str] = set()

        def look(transaction: Any) -> Any:
            results = commit(transaction)
            seen.update(everything(zookeeper, BASE) if len(seen) < 10_000 else ())
            for path in (f"{BASE}/{name}" for name in ("journal/000000", "journal/commit")):
                if zookeeper.exists(path):
                    assert zookeeper.get_acls(path)[0] == [ours]
            return results

        store._session.commit = look  # type: ignore[attr-defined]
        store.apply(many)
        assert f"{BASE}/journal/commit" in seen
        for path in everything(zookeeper, BASE):
            assert zookeeper.get_acls(path)[0] == [ours]
    for credential in (None, Credential("dispatcher", "guessed")):
        with pytest.raises(StoreError) as caught, opened(address(server, credential=credential)):
            pass
        given = "these credentials" if credential else "a client without credentials"
        assert caught.value.message.startswith(f"ZooKeeper does not let {given} use {BASE} in ZooKeeper (")
        assert "USER:PASSWORD@" in caught.value.hint
        assert "guessed" not in caught.value.message + caught.value.hint
    assert len(read(place).records) == len(many)


@slow
def test_nodes_are_closed_when_there_are_credentials(
    server: ZooKeeperServer, zookeeper: KazooClient, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(address(server)) as store:
        store.apply([Save(make_driver(1))])
    place = address(server, credential=USER)
    with caplog.at_level(logging.WARNING):
        assert read(place).records == (make_driver(1),)
        assert read(place).records == (make_driver(1),)
    (record,) = caplog.records
    assert "was open to everybody" in record.getMessage()
    assert USER.password not in caplog.text
    ours = [make_digest_acl(USER.user, USER.password, all=True)]
    assert {path for path in everything(zookeeper, BASE) if zookeeper.get_acls(path)[0] != ours} == set()


@slow
def test_others_may_use_the_nodes_above(server: ZooKeeperServer, zookeeper: KazooClient) -> None:
    read(address(server, "/test/a/b", USER))
    with session(server) as somebody:
        somebody.create("/test/a/c", b"")
    read(address(server, "/test/a/d"))


@slow
@pytest.mark.parametrize(
    ("path", "data", "reason"),
    [
        ("format", b'{"version": 2}', r"written by a newer sparkmesos \(version 2"),
        ("format", b"2", "holds what is not the drivers of a dispatcher"),
        ("format", b"\xff", "holds what is not the drivers of a dispatcher"),
        ("framework", b"[]", "is damaged: .*/framework or .*/numbers cannot be understood"),
        ("numbers", b"", "is damaged: .*/framework or .*/numbers cannot be understood"),
        ("journal/commit", b"", "is damaged: .*/journal cannot be understood"),
    ],
)
def test_nodes_that_make_no_sense(
    server: ZooKeeperServer, zookeeper: KazooClient, path: str, data: bytes, reason: str
) -> None:
    with opened(address(server)) as store:
        store.apply([Save(make_driver(1))])
    if zookeeper.exists(f"{BASE}/{path}"):
        zookeeper.set(f"{BASE}/{path}", data)
    else:
        zookeeper.create(f"{BASE}/{path}", data)
    with pytest.raises(StoreError, match=reason):
        read(address(server))
    assert content(zookeeper, f"drivers/{make_driver(1).id}") == make_driver(1).to_json()


@slow
def test_the_records_of_another_kind_are_left_alone(server: ZooKeeperServer, zookeeper: KazooClient) -> None:
    zookeeper.create(f"{BASE}/format", b'{"version": 1}', makepath=True)
    assert read(address(server)) == Stored()  # whoever made that did not come to make the others
    zookeeper.delete(f"{BASE}/drivers")
    zookeeper.create(f"{BASE}/services", b"")
    with pytest.raises(StoreError, match="holds what is not the drivers of a dispatcher"):
        read(address(server))
    assert "drivers" not in names(zookeeper)


@slow
def test_the_drivers_of_sparks_own_dispatcher_are_left_alone(
    server: ZooKeeperServer, zookeeper: KazooClient
) -> None:
    zookeeper.create(f"{BASE}/launchedDrivers", b"", makepath=True)
    with pytest.raises(StoreError, match=r"drivers of Spark's own dispatcher") as caught:
        read(address(server))
    assert "spark.deploy.zookeeper.dir" in caught.value.hint
    assert names(zookeeper) == {"launchedDrivers"}


def test_no_server(tmp_path: Path) -> None:
    stopped = ZooKeeperServer(tmp_path)
    with pytest.raises(UnreachableError, match=f"{stopped.address} refuses the connection"):
        open_zookeeper(address(stopped), Fence("/epoch", 1), DRIVERS, patience=0.5)


# --- One owner at a time


_OWNER = """
import sys
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.actions import Save
from sparkmesos_core.durable_framework.store.zookeeper_address import parse_zookeeper
from tests.integration.elected_store import open_elected
from tests.unit.durable_framework.store.store_behaviour import make_driver

store = open_elected(parse_zookeeper(sys.argv[1], sys.argv[2], DRIVERS), 40, 60)
number = store.load().next_number
while True:
    store.apply([Save(make_driver(number + n)) for n in range(int(sys.argv[3]))])
    number += int(sys.argv[3])
    print(number, flush=True)
"""


@slow
@pytest.mark.parametrize("group", [3, 400])
def test_whatever_was_written_to_zookeeper_survives_a_kill(
    server: ZooKeeperServer, zookeeper: KazooClient, group: int
) -> None:
    chance = random.Random(6)
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", _OWNER, server.hosts, BASE, str(group)], stdout=subprocess.PIPE, text=True
        ) as owner:
            assert owner.stdout is not None
            told = int(owner.stdout.readline())
            timer = threading.Timer(chance.random() * 0.3, owner.kill)
            timer.start()
            told = max([told, *(int(line) for line in owner.stdout if line.endswith("\n"))])
            assert owner.wait() == -signal.SIGKILL
            timer.join()
        with opened(address(server), patience=20) as store:
            stored = store.load()
        assert stored.next_number in (told, told + group)
        assert [driver.number for driver in stored.records] == list(range(1, stored.next_number))


@slow
def test_one_that_was_taken_over_writes_nothing_more(server: ZooKeeperServer, zookeeper: KazooClient) -> None:
    with opened(address(server)) as first:
        first.apply([Save(make_driver(1))])
        with opened(address(server)) as second:
            assert second.load().records == (make_driver(1),)
            attempts: list[Callable[[], object]] = [
                lambda: first.apply([Save(make_driver(2))]),
                lambda: first.apply([Save(make_driver(number)) for number in range(2, 500)]),
                lambda: first.apply([Forget(make_driver(1).id)]),
                first.load,
            ]
            for attempt in attempts:
                with pytest.raises(
                    StoreTakenOverError, match=f"another dispatcher, .* with pid {os.getpid()}"
                ):
                    attempt()
            second.apply([Save(make_driver(3))])
            assert second.load().records == (make_driver(1), make_driver(3))
            assert names(zookeeper, f"{BASE}/journal") == set()


def expire(server: ZooKeeperServer, client: KazooClient) -> None:
    """End the session of a client, as ZooKeeper does when it has not heard of it for too long."""
    number = client.client_id[0]
    gone = threading.Event()
    client.add_listener(lambda state: gone.set() if state == "LOST" else None)
    with closing(KazooClient(server.hosts, client_id=client.client_id)) as twin:
        twin.start()
        twin.stop()
    assert gone.wait(EVENT_TIMEOUT)
    assert client.client_id is None or client.client_id[0] != number


@slow
def test_a_lost_session_is_followed_by_another(server: ZooKeeperServer, zookeeper: KazooClient) -> None:
    with opened(address(server)) as store:
        store.apply([Save(make_driver(1))])
        expire(server, store._client)  # type: ignore[attr-defined]
        store.apply([Save(make_driver(2))])
        assert store.load().records == (make_driver(1), make_driver(2))


@slow
def test_a_lost_session_may_cost_the_drivers(server: ZooKeeperServer, zookeeper: KazooClient) -> None:
    with opened(address(server)) as first:
        expire(server, first._client)  # type: ignore[attr-defined]
        with opened(address(server)) as second:
            with pytest.raises(StoreTakenOverError):
                first.apply([Save(make_driver(1))])
            assert second.load() == Stored()


# --- Failures


@slow
def test_a_restart_of_the_server_is_waited_for(tmp_path: Path) -> None:
    with zookeeper_server(tmp_path) as server, opened(address(server)) as store:
        store.apply([Save(make_driver(1))])
        server.stop()
        starter = threading.Thread(target=server.start)
        starter.start()
        store.apply([Save(make_driver(2)), SaveFramework("a")])
        starter.join()
        assert store.load() == Stored((make_driver(1), make_driver(2)), "a", 3)


@slow
def test_a_server_that_stays_away_is_an_error_that_passes(tmp_path: Path) -> None:
    with zookeeper_server(tmp_path) as server, opened(address(server)) as store:
        store.apply([Save(make_driver(1))])
        server.stop()
        store._requests.patience = 0.2  # type: ignore[attr-defined]
        for _ in range(2):
            with pytest.raises(StoreError, match="does not answer") as caught:
                store.apply([Save(make_driver(2))])
            assert "the dispatcher goes on by itself" in caught.value.hint
            with pytest.raises(StoreError, match="does not answer"):
                store.load()
        server.start()
        store._requests.patience = PATIENCE  # type: ignore[attr-defined]
        assert store.load() in (
            Stored((make_driver(1),), None, 2),
            Stored((make_driver(1), make_driver(2)), None, 3),
        )
        store.apply([Save(make_driver(3))])
        assert make_driver(3) in store.load().records


@slow
def test_deleted_nodes_are_told(server: ZooKeeperServer, zookeeper: KazooClient) -> None:
    with opened(address(server)) as store:
        store.apply([Save(make_driver(1))])
        zookeeper.delete(f"{BASE}/drivers/{make_driver(1).id}")
        store.apply([Save(make_driver(1)), Save(make_driver(2))])  # somebody tampers, and we go on
        assert store.load().records == (make_driver(1), make_driver(2))
        zookeeper.delete(BASE, recursive=True)
        for attempt in (store.load, lambda: store.apply([Save(make_driver(3))])):
            with pytest.raises(StoreError, match="was deleted, or a part of it"):
                attempt()
    with opened(address(server)) as store:
        assert store.load() == Stored()


def break_commit(store: Store[Driver], at: int, done: bool) -> Callable[[], int]:
    """Lose the connection at the n-th transaction, before or after it is done; tells how many there were."""
    session_of = store._session  # type: ignore[attr-defined]
    commit, count = session_of.commit, itertools.count(1)
    made = 0

    def broken(transaction: Any) -> Any:
        nonlocal made
        made = next(count)
        results = commit(transaction) if made != at or done else []
        if made == at:
            raise ConnectionLoss
        return results

    session_of.commit = broken
    return lambda: made


BEFORE = [make_driver(number) for number in range(1, 4)]
SMALL = [Save(replace(BEFORE[0], launches=1)), Forget(BEFORE[1].id), Save(make_driver(4)), SaveFramework("b")]
LARGE = [*SMALL, *(Save(make_driver(number)) for number in range(5, 200))]


@slow
@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("changes", [SMALL, LARGE], ids=["small", "large"])
def test_a_connection_lost_at_any_transaction(
    server: ZooKeeperServer, zookeeper: KazooClient, changes: list[Any], done: bool
) -> None:
    """All or nothing is written if nobody tries again, and all of it if it is tried again."""
    wanted = znodes.contents(znodes.Layout(BASE, DRIVERS.plural), DRIVERS, changes, 4)
    parts = len(list(znodes.transactions(wanted)))
    # The journal is a transaction for each piece, its commit, and its end.
    transactions = parts if parts == 1 else parts + len(znodes.journal_pieces(wanted)) + 2
    assert (transactions == 1) == (changes is SMALL)
    place = address(server)
    old = Stored(tuple(BEFORE), "a", 4)
    numbers = [1, 3, *(change.record.number for change in changes[2:] if isinstance(change, Save))]
    seen = set()
    for at in range(1, transactions + 2):
        for again in (False, True):
            with opened(place) as store:
                store.apply([Forget(driver.id) for driver in store.load().records])
                zookeeper.set(f"{BASE}/numbers", znodes.numbers_content(1))
                store.load()
                store.apply([*map(Save, BEFORE), SaveFramework("a")])
                made = break_commit(store, at, done)
                store._requests.patience = PATIENCE if again else 0  # type: ignore[attr-defined]
                if again or at > transactions:
                    store.apply(changes)
                    assert again or made() == transactions
                else:
                    with pytest.raises(StoreError, match="no connection"):
                        store.apply(changes)
            stored = read(place)
            if stored == old:
                assert not again
                seen.add("nothing")
                continue
            seen.add("all")
            assert [driver.number for driver in stored.records] == numbers
            assert stored.records[0].launches == 1
            assert (stored.framework_id, stored.next_number) == ("b", numbers[-1] + 1)
            assert names(zookeeper, f"{BASE}/journal") == set()
    assert seen == {"nothing", "all"} or (done and transactions == 1)


@slow
def test_a_driver_that_no_node_can_hold(server: ZooKeeperServer, zookeeper: KazooClient) -> None:
    noise = random.Random(6).randbytes(1_500_000).hex()
    driver = make_driver(1)
    huge = replace(driver, submission=replace(driver.submission, app_args=(noise,)))
    with opened(address(server)) as store:
        with pytest.raises(StoreError, match=f"the driver {driver.id} takes 1[0-9]{{6}} bytes"):
            store.apply([Save(huge), Save(make_driver(2))])
        assert store.load() == Stored()
        store.apply([Save(make_driver(2))])
