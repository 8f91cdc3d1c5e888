"""Elections among dispatchers on a real ZooKeeper."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionLoss

from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.candidates import Candidate
from sparkmesos_core.durable_framework.election import Election, Standing
from sparkmesos_core.durable_framework.store.ownership import Owner, this_process
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.errors import StoreError, UnreachableError
from sparkmesos_core.master import Credential
from sparkmesos_core.zookeeper_session import Session
from tests.integration.zookeeper import ZooKeeperServer, session, zookeeper_server

pytestmark = pytest.mark.slow

_PATIENCE = 60.0
_LONG_SESSION = 10.0
"""Seconds: as long as this ZooKeeper has it."""
_bases = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    with zookeeper_server(tmp_path_factory.mktemp("zookeeper")) as running:
        yield running


@pytest.fixture
def place(server: ZooKeeperServer) -> ZooKeeperAddress:
    return ZooKeeperAddress((server.address,), f"/election-{next(_bases)}")


@pytest.fixture
def zookeeper(server: ZooKeeperServer) -> Iterator[KazooClient]:
    with session(server) as client:
        yield client


class Member:
    """An election, and what it has told."""

    def __init__(self, place: ZooKeeperAddress, url: str, session_timeout: float, owner: Owner) -> None:
        self.url = url
        self.told: list[Standing] = []
        self._changed = asyncio.Event()
        self.election = Election(
            place,
            DRIVERS,
            Candidate(owner, url, url),
            self._hear,
            session_timeout=session_timeout,
            patience=_PATIENCE,
        )

    def _hear(self, standing: Standing) -> None:
        self.told.append(standing)
        self._changed.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Return when it has been told what makes this true."""
        while not true():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), _PATIENCE)

    @property
    def node(self) -> str | None:
        """Our node, as it was told last, if we lead."""
        return self.told[-1].node if self.told else None

    @property
    def leader(self) -> str | None:
        """The address of the leader, as it was told last."""
        leader = self.told[-1].leader if self.told else None
        return None if leader is None else leader.http_url


@asynccontextmanager
async def member(
    place: ZooKeeperAddress, url: str, session_timeout: float = _LONG_SESSION, owner: Owner | None = None
) -> AsyncIterator[Member]:
    """One that stands until the block ends."""
    standing = Member(place, url, session_timeout, owner or this_process())
    await standing.election.start()
    try:
        await standing.until(lambda: bool(standing.told))
        yield standing
    finally:
        await standing.election.close()


def candidates(client: KazooClient, place: ZooKeeperAddress) -> list[str]:
    return list(client.get_children(f"{place.base}/candidates"))


def test_the_first_leads_and_the_others_know_where_it_is(place: ZooKeeperAddress) -> None:
    async def run() -> None:
        async with member(place, "http://d1:7077") as first:
            assert first.node is not None
            assert first.election.leads(first.node)
            async with member(place, "http://d2:7077") as second, member(place, "http://d3:7077") as third:
                assert (second.node, second.leader) == (None, "http://d1:7077")
                assert (third.node, third.leader) == (None, "http://d1:7077")
                await first.election.close()  # it does not wait for the session to end
                await second.until(lambda: second.node is not None)
                await third.until(lambda: third.leader == "http://d2:7077")
                assert third.node is None

    asyncio.run(run())


def test_who_stands_anew_is_behind_all_others(place: ZooKeeperAddress) -> None:
    async def run() -> None:
        async with member(place, "http://d1:7077") as first, member(place, "http://d2:7077") as second:
            first.election.stand_anew()
            await second.until(lambda: second.node is not None)
            await first.until(lambda: first.leader == "http://d2:7077")
            assert first.node is None

    asyncio.run(run())


def test_who_stands_anew_alone_leads_again(place: ZooKeeperAddress, zookeeper: KazooClient) -> None:
    async def run() -> None:
        async with member(place, "http://d1:7077") as only:
            before = only.node
            only.election.stand_anew()
            await only.until(lambda: only.node not in (None, before))
            assert candidates(zookeeper, place) == [only.node]

    asyncio.run(run())


def test_a_node_that_somebody_deletes_is_lost(place: ZooKeeperAddress, zookeeper: KazooClient) -> None:
    async def run() -> None:
        async with member(place, "http://d1:7077") as first, member(place, "http://d2:7077") as second:
            lost = first.node
            assert lost is not None
            await asyncio.to_thread(zookeeper.delete, f"{place.base}/candidates/{lost}")
            await second.until(lambda: second.node is not None)
            await first.until(lambda: first.leader == "http://d2:7077")
            assert not first.election.leads(lost)
            with pytest.raises(StoreError, match="elected meanwhile"):
                await asyncio.to_thread(first.election.begin_epoch, lost)

    asyncio.run(run())


def test_epochs_rise(place: ZooKeeperAddress) -> None:
    async def run() -> None:
        async with member(place, "http://d1:7077") as first:
            assert first.node is not None
            fences = [await asyncio.to_thread(first.election.begin_epoch, first.node) for _ in range(2)]
            assert fences[0].version < fences[1].version

    asyncio.run(run())


@pytest.mark.parametrize("done", [True, False])
def test_an_answer_that_is_lost_leaves_one_node(
    place: ZooKeeperAddress, zookeeper: KazooClient, done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand, trials = Election._stand, itertools.count(1)

    def without_answer(election: Election) -> None:
        trial = next(trials)
        if done or trial > 1:
            stand(election)
        if trial == 1:
            raise ConnectionLoss

    monkeypatch.setattr(Election, "_stand", without_answer)

    async def run() -> None:
        async with member(place, "http://d1:7077") as only:
            assert candidates(zookeeper, place) == [only.node]

    asyncio.run(run())
    assert next(trials) == (2 if done else 3)


def test_a_second_node_of_ours_is_removed(place: ZooKeeperAddress, zookeeper: KazooClient) -> None:
    async def run() -> None:
        async with member(place, "http://d1:7077") as only:
            assert only.node is not None
            await asyncio.to_thread(only.election._stand)
            while await asyncio.to_thread(candidates, zookeeper, place) != [only.node]:
                await asyncio.sleep(0.01)
            assert only.election.leads(only.node)

    asyncio.run(run())


def expire(server: ZooKeeperServer, client: KazooClient) -> None:
    """End the session of a client, as ZooKeeper does when it has not heard of it for too long."""
    gone = threading.Event()
    client.add_listener(lambda state: gone.set() if state == "LOST" else None)
    with closing(KazooClient(server.hosts, client_id=client.client_id)) as twin:
        twin.start()
        twin.stop()
    assert gone.wait(_PATIENCE)


def test_a_lost_session_is_a_lost_election(server: ZooKeeperServer, place: ZooKeeperAddress) -> None:
    async def run() -> None:
        async with member(place, "http://d1:7077") as first, member(place, "http://d2:7077") as second:
            lost = first.node
            assert lost is not None
            await asyncio.to_thread(expire, server, first.election._client)
            await second.until(lambda: second.node is not None)
            await first.until(lambda: first.leader == "http://d2:7077")
            assert not first.election.leads(lost)
            await second.election.close()
            await first.until(lambda: first.node is not None)
            assert first.node != lost

    asyncio.run(run())


def test_a_leader_that_zookeeper_is_silent_to_stops_leading_by_itself(tmp_path: Path) -> None:
    async def run(server: ZooKeeperServer) -> None:
        place = ZooKeeperAddress((server.address,), "/silent")
        async with member(place, "http://d1:7077", session_timeout=2) as first:
            node = first.node
            assert node is not None
            assert server.pid is not None
            os.kill(server.pid, signal.SIGSTOP)
            try:
                while first.election.leads(node):
                    await asyncio.sleep(0.01)
                await first.until(lambda: first.node is None)
                assert "does not answer" in first.told[-1].reason
            finally:
                os.kill(server.pid, signal.SIGCONT)
            await first.until(lambda: first.node is not None)

    with zookeeper_server(tmp_path) as server:
        asyncio.run(run(server))


def test_who_stands_by_while_zookeeper_is_silent_cannot_tell_who_leads(tmp_path: Path) -> None:
    async def run(server: ZooKeeperServer) -> None:
        place = ZooKeeperAddress((server.address,), "/silent")
        async with (
            member(place, "http://d1:7077", session_timeout=2) as first,
            member(place, "http://d2:7077", session_timeout=2) as second,
        ):
            await second.until(lambda: second.leader == first.url)
            assert server.pid is not None
            os.kill(server.pid, signal.SIGSTOP)
            try:
                await second.until(lambda: second.leader is None)
                reason = second.told[-1].reason
                assert reason.startswith(f"{place} does not answer (")
                assert not re.search(r"[a-z][A-Z]", reason.partition("answer")[2]), "no names of exceptions"
            finally:
                os.kill(server.pid, signal.SIGCONT)
            await second.until(lambda: second.told[-1].leader is not None)

    with zookeeper_server(tmp_path) as server:
        asyncio.run(run(server))


def test_what_one_server_says_alone_is_no_sign_that_the_session_lasts(
    place: ZooKeeperAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has lost the others goes on answering for a while, but for what it has to ask them."""

    async def run() -> None:
        async with member(place, "http://d1:7077", session_timeout=2) as first:
            node, client = first.node, first.election._client
            assert node is not None
            with monkeypatch.context() as patch:
                patch.setattr(client, "sync_async", lambda path: client.handler.async_result())
                await first.until(lambda: first.node is None)
                assert not first.election.leads(node)
            await first.until(lambda: first.node == node)

    asyncio.run(run())


_CANDIDATE = """
import asyncio, sys
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.candidates import Candidate
from sparkmesos_core.durable_framework.election import Election
from sparkmesos_core.durable_framework.store.ownership import this_process
from sparkmesos_core.durable_framework.store.zookeeper_address import parse_zookeeper

async def run():
    candidate = Candidate(this_process(), "http://d1:7077", "http://d1:8081")
    election = Election(parse_zookeeper(sys.argv[1], sys.argv[2], DRIVERS), DRIVERS, candidate, lambda _: print(flush=True))
    await election.start()
    await asyncio.Event().wait()

asyncio.run(run())
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux' /proc")
def test_the_node_of_a_process_that_has_died_here_is_not_waited_for(
    server: ZooKeeperServer, place: ZooKeeperAddress, zookeeper: KazooClient
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _CANDIDATE, server.hosts, place.base], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (dead,) = candidates(zookeeper, place)

        async def run() -> None:
            async with member(place, "http://d2:7077") as second:
                assert second.leader == "http://d1:7077"
                process.kill()
                process.wait()
                await second.until(lambda: second.node is not None)
                # It was deleted: had its session ended, others would have been told of that.
                assert zookeeper.exists(f"{place.base}/candidates/{dead}") is None

        asyncio.run(run())


def test_of_a_process_elsewhere_nobody_knows_whether_it_has_died(
    server: ZooKeeperServer, place: ZooKeeperAddress
) -> None:
    elsewhere = Owner("d9", 1, "1", "another boot")

    async def run() -> None:
        async with (
            member(place, "http://d9:7077", owner=elsewhere),
            member(place, "http://d2:7077") as second,
        ):
            assert second.leader == "http://d9:7077"

    asyncio.run(run())


def test_what_is_no_candidate_is_told_to_be_none(place: ZooKeeperAddress, zookeeper: KazooClient) -> None:
    path = f"{place.base}/candidates/{'0' * 32}-"
    zookeeper.create(path, b"?", ephemeral=True, sequence=True, makepath=True)

    async def run() -> None:
        async with member(place, "http://d1:7077") as first:
            assert first.told[-1] == Standing(reason="the leader says nothing of itself")

    asyncio.run(run())


def test_a_start_that_is_refused(server: ZooKeeperServer, place: ZooKeeperAddress, tmp_path: Path) -> None:
    protected = ZooKeeperAddress(place.servers, place.base, Credential("dispatcher", "opensesame"))

    async def start(at: ZooKeeperAddress, **options: Any) -> None:
        candidate = Candidate(this_process(), "http://d1:7077", "http://d1:8081")
        election = Election(at, DRIVERS, candidate, lambda _: None, **options)
        try:
            await election.start()
        finally:
            await election.close()

    asyncio.run(start(protected))
    with pytest.raises(StoreError, match="does not let a client without credentials"):
        asyncio.run(start(place))
    stopped = ZooKeeperServer(tmp_path)
    with pytest.raises(UnreachableError, match=f"{stopped.address} refuses the connection"):
        asyncio.run(start(ZooKeeperAddress((stopped.address,), "/base"), patience=0.5))


def test_a_start_that_waits_for_zookeeper_can_be_ended(tmp_path: Path) -> None:
    """By a dispatcher that is to end: nobody should have to wait for the whole of its patience."""
    stopped = ZooKeeperServer(tmp_path)
    place = ZooKeeperAddress((stopped.address,), "/base")

    async def run() -> None:
        candidate = Candidate(this_process(), "http://d1:7077", "http://d1:8081")
        election = Election(place, DRIVERS, candidate, lambda _: None, patience=1000 * _PATIENCE)
        starting = asyncio.create_task(election.start())
        await asyncio.wait({starting}, timeout=0.3)
        assert not starting.done()
        await election.close()
        with pytest.raises(UnreachableError, match="was closed before it began"):
            await asyncio.wait_for(starting, _PATIENCE)

    asyncio.run(run())


def test_zookeeper_may_grant_a_shorter_session_than_is_asked_for(server: ZooKeeperServer) -> None:
    with closing(Session([server.address], None, 6 * _LONG_SESSION)) as longer:
        longer.start(_PATIENCE)
        assert longer.granted == _LONG_SESSION
    with closing(Session([server.address], None, _LONG_SESSION / 2)) as shorter:
        shorter.start(_PATIENCE)
        assert shorter.granted == _LONG_SESSION / 2
