"""One master after the other at the same address, with an election that the test decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from sparkmesos_core.errors import LocalClusterError, UnreachableError
from sparkmesos_core.localcluster import master_node
from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.localcluster.election import ElectionMember
from sparkmesos_core.localcluster.http_server import HttpServer
from sparkmesos_core.localcluster.link import AgentEnd
from sparkmesos_core.localcluster.master.master_records import MasterOptions
from sparkmesos_core.localcluster.master.registry import Registry
from sparkmesos_core.localcluster.master_node import MasterNode
from sparkmesos_core.localcluster.steady_clock import SteadyClock

JsonObject = dict[str, Any]
OTHER = {"id": "other", "hostname": "h", "port": 1}


class Member:
    """What a master does in the election, noted."""

    def __init__(self, tell: Callable[[JsonObject | None], None], info: JsonObject, fails: bool) -> None:
        self.tell, self.info, self.fails = tell, info, fails
        self.life: list[str] = []

    async def start(self, timeout: float) -> None:
        if self.fails:
            raise UnreachableError("no ZooKeeper")
        self.life.append("started")

    def kill(self) -> None:
        self.life.append("killed")

    async def close(self) -> None:
        self.life.append("closed")


class Election:
    """Everybody who has ever taken part; the next ones `fails`, if so."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.failures = 0

    def join(self, tell: Callable[[JsonObject | None], None], info: JsonObject) -> ElectionMember:
        self.members.append(Member(tell, info, fails=self.failures > 0))
        self.failures -= 1
        return cast(ElectionMember, self.members[-1])


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[MasterNode, Election], Coroutine[Any, Any, None]]], None]:
    """Runs a test with a node that has been started, and stops that."""
    monkeypatch.setattr(master_node, "RESTART_SECONDS", 0.01)

    def run(test: Callable[[MasterNode, Election], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            election = Election()
            server = HttpServer("127.0.0.1")
            options = MasterOptions(port=server.port)
            node = MasterNode(
                options, server, SteadyClock(), Registry(), Authentication(), election.join, patience=1.0
            )
            await node.start()
            try:
                await test(node, election)
            finally:
                await node.stop()
            assert all(member.life[-1] == "closed" for member in election.members)

        asyncio.run(main())

    return run


async def joined(election: Election, members: int) -> None:
    """Wait until so many have taken part, and the last one has begun."""
    while len(election.members) < members or not election.members[-1].life:
        await asyncio.sleep(0.001)


def test_the_elected_one_leads(run) -> None:
    async def test(node: MasterNode, election: Election) -> None:
        assert not node.leading
        (member,) = election.members
        member.tell(OTHER)
        assert node.master is not None
        assert (node.leading, node.master.leader) == (False, OTHER)
        member.tell(member.info)
        assert (node.leading, node.master.leader) == (True, member.info)
        member.tell(member.info)
        assert node.leading

    run(test)


@pytest.mark.parametrize("news", [OTHER, None])
def test_one_that_leads_no_longer_ends_itself_and_is_started_anew(run, news: JsonObject | None) -> None:
    async def test(node: MasterNode, election: Election) -> None:
        (member,) = election.members
        member.tell(member.info)
        before = node.master
        member.tell(news)
        assert node.master is None
        assert member.life[:2] == ["started", "killed"]
        member.tell(member.info)  # too late
        await joined(election, 2)
        assert node.master is not before
        assert election.members[1].info["id"] != member.info["id"]
        assert not node.leading

    run(test)


def test_a_follower_that_hears_of_nobody_lives_on(run) -> None:
    async def test(node: MasterNode, election: Election) -> None:
        before = node.master
        election.members[0].tell(OTHER)
        election.members[0].tell(None)
        assert node.master is before
        assert before is not None
        assert before.leader is None

    run(test)


def test_it_is_started_again_and_again_until_that_works(run) -> None:
    async def test(node: MasterNode, election: Election) -> None:
        election.failures = 2
        (member,) = election.members
        member.tell(member.info)
        member.tell(None)
        await joined(election, 4)
        assert [member.life[0] for member in election.members[1:]] == ["killed", "killed", "started"]
        assert node.master is not None

    run(test)


def test_whoever_is_killed_is_not_started_anew(run) -> None:
    async def test(node: MasterNode, election: Election) -> None:
        node.kill()
        with pytest.raises(LocalClusterError, match="is not running"):
            node.kill()
        await asyncio.sleep(0.05)
        assert node.master is None
        await node.start()
        with pytest.raises(LocalClusterError, match="is running"):
            await node.start()

    run(test)


def test_agents_are_refused_while_there_is_no_master(run) -> None:
    async def test(node: MasterNode, election: Election) -> None:
        closed = asyncio.Event()
        end = AgentEnd(receive=lambda message: None, closed=closed.set)
        assert not node.connect(end).is_closed
        node.kill()
        await closed.wait()
        closed.clear()
        assert node.connect(end).is_closed
        await closed.wait()

    run(test)
