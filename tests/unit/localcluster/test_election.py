from __future__ import annotations

import asyncio

import pytest
from kazoo.exceptions import KazooException
from kazoo.protocol.states import KazooState

from sparkmesos_core.localcluster import election
from sparkmesos_core.localcluster.cluster_spec import parse_zookeeper
from sparkmesos_core.localcluster.election import LABEL, REPLICAS, ElectionMember, node_content
from sparkmesos_core.mesos.leader import choose_member
from tests.contract.recorded import load

RECORDED = load("zookeeper-mesos")["two_masters"]


def test_nodes_hold_what_mesos_writes_byte_for_byte() -> None:
    masters = [node for node in RECORDED if node["name"].startswith(LABEL)]
    assert len(masters) == 2
    for node in masters:
        shuffled = dict(reversed(node["data"].items()))
        assert node_content(shuffled) == node["data_raw"].encode()


def test_what_is_among_the_masters_is_none_of_them() -> None:
    assert {node["name"].rstrip("0123456789") for node in RECORDED} == {LABEL, REPLICAS}
    assert choose_member([REPLICAS]) is None


def test_a_session_that_is_lost_before_anybody_looks_is_asked_for_again() -> None:
    async def run() -> None:
        zookeeper = parse_zookeeper("zk://127.0.0.1:1/mesos")
        member = ElectionMember(zookeeper, lambda leader: None, info={"id": "M"}, session_timeout=1)
        member._on_state(KazooState.CONNECTED)  # its client is not: the news of that are on their way
        with pytest.raises(KazooException):  # for which the caller tries again
            member._look()
        await member.close()

    asyncio.run(run())


def test_nothing_ends_the_thread_that_looks_for_leaders(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        looks = asyncio.Event()
        loop = asyncio.get_running_loop()
        member = ElectionMember(
            parse_zookeeper("zk://127.0.0.1:1/mesos"), lambda leader: None, session_timeout=1
        )

        def fail() -> None:
            if "could not be looked at" in caplog.text:
                loop.call_soon_threadsafe(looks.set)
            raise RuntimeError("unforeseen")

        monkeypatch.setattr(member, "_look", fail)
        monkeypatch.setattr(election, "_RETRY_SECONDS", 0.01)
        starting = asyncio.ensure_future(member.start(20))
        await asyncio.wait_for(looks.wait(), 20)
        starting.cancel()
        await asyncio.wait([starting])
        await member.close()

    asyncio.run(run())
    assert "unforeseen" in caplog.text
