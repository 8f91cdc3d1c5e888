"""The master's adapter: timers that go on whatever happens, and messages that never nest."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.link import AgentEnd, Link
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.master import EventStream, Master
from sparkmesos_core.localcluster.master.master_records import MasterOptions
from sparkmesos_core.localcluster.master.registry import Registry
from sparkmesos_core.localcluster.messages import (
    AcknowledgeUpdate,
    AgentDescription,
    AgentRegistered,
    AgentReregistered,
    Ping,
    RegisterAgent,
    ReregisterAgent,
    StatusUpdate,
    ToAgent,
)
from sparkmesos_core.localcluster.steady_clock import SteadyClock

INFO = {"user": "u", "name": "n", "failover_timeout": 60}
WHERE = AgentDescription("127.0.0.1", "127.0.0.1", 1, "cpus:1;mem:64", "")


def leading(registry: Registry | None = None, **options: Any) -> Master:
    master = Master(MasterOptions(**options), SteadyClock(), registry or Registry())
    master.lead()
    return master


class Connection:
    """The agent's end of a link."""

    def __init__(self, master: Master) -> None:
        self.heard: asyncio.Queue[ToAgent | None] = asyncio.Queue()
        self.link = Link(AgentEnd(self.heard.put_nowait, lambda: self.heard.put_nowait(None)))
        master.connect(self.link)

    async def hear(self) -> ToAgent | None:
        """The next message that is no ping; None when the master has ended."""
        while isinstance(message := await asyncio.wait_for(self.heard.get(), 10), Ping):
            pass
        return message


async def await_event(stream: EventStream, kind: str) -> dict[str, Any]:
    while True:
        event = await asyncio.wait_for(stream.next(), 10)
        assert event is not None
        if event["type"] == kind:
            return event


def test_a_tick_that_fails_is_logged_and_the_clockwork_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        master = leading(heartbeat_interval=0.05, allocation_interval=0.05)
        stream = master.subscribe(calls.Subscribe(None, INFO))
        for _ in range(2):
            await await_event(stream, "HEARTBEAT")
        tick = master.state.tick
        failures: list[float] = []

        def failing_once(now: float) -> Any:
            if not failures:
                failures.append(now)
                raise RuntimeError("unforeseen")
            return tick(now)

        monkeypatch.setattr(master.state, "tick", failing_once)
        monkeypatch.setattr("sparkmesos_core.localcluster.master.master._PAUSE_AFTER_FAILURE", 0.01)
        for _ in range(2):
            await await_event(stream, "HEARTBEAT")
        assert failures
        master.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(scene())
    assert "clockwork has failed" in caplog.text
    assert "unforeseen" in caplog.text


def test_a_tick_that_always_fails_does_not_keep_the_loop_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        master = leading(allocation_interval=0.01)
        failures: list[float] = []

        def failing(now: float) -> Any:
            failures.append(now)
            if len(failures) == 3:
                enough.set()
            raise RuntimeError("unforeseen")

        enough = asyncio.Event()
        monkeypatch.setattr(master.state, "tick", failing)
        monkeypatch.setattr("sparkmesos_core.localcluster.master.master._PAUSE_AFTER_FAILURE", 0.05)
        master.subscribe(calls.Subscribe(None, INFO))
        await asyncio.wait_for(enough.wait(), 10)
        master.close()
        assert failures[2] - failures[0] >= 0.09

    asyncio.run(scene())


def test_an_agent_registers_and_reports() -> None:
    async def scene() -> None:
        master = leading()
        agent = Connection(master)
        agent.link.tell_master(RegisterAgent(WHERE))
        registered = await agent.hear()
        assert isinstance(registered, AgentRegistered)
        agent_id = registered.agent_id
        for uuid in ("a", "b"):
            status = {"task_id": {"value": "t"}, "state": "TASK_LOST", "uuid": uuid, "timestamp": 0.0}
            agent.link.tell_master(StatusUpdate(agent_id, "nobody", status, "TASK_LOST"))
        assert await agent.hear() == AcknowledgeUpdate("nobody", "t", "a")
        assert await agent.hear() == AcknowledgeUpdate("nobody", "t", "b")
        master.close()
        assert await agent.hear() is None
        assert agent.link.is_closed

    asyncio.run(scene())


def test_bad_texts_are_logged_and_answered_by_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        master = leading()
        agent = Connection(master)
        bad = AgentDescription("127.0.0.1", "127.0.0.1", 1, "cpus:four", "")
        agent.link.tell_master(RegisterAgent(bad))
        agent.link.tell_master(RegisterAgent(WHERE))
        assert isinstance(await agent.hear(), AgentRegistered)
        assert len(master.state.agents) == 1
        master.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(scene())
    assert "four" in caplog.text


def test_a_link_that_ends_is_a_disconnection_unless_there_is_a_newer_one() -> None:
    async def scene() -> None:
        master = leading()
        first, second = Connection(master), Connection(master)
        first.link.tell_master(RegisterAgent(WHERE))
        registered = await first.hear()
        assert isinstance(registered, AgentRegistered)
        agent_id = registered.agent_id
        second.link.tell_master(ReregisterAgent(agent_id, WHERE))
        assert isinstance(await second.hear(), AgentReregistered)
        first.link.close_by_agent()
        await asyncio.sleep(0)
        assert master.state.agents[agent_id].connected
        second.link.close_by_agent()
        await asyncio.sleep(0)
        assert not master.state.agents[agent_id].connected
        master.close()

    asyncio.run(scene())


def test_who_does_not_lead_hears_nobody() -> None:
    async def scene() -> None:
        registry = Registry()
        master = Master(MasterOptions(), SteadyClock(), registry)
        other = {"id": "other", "hostname": "elsewhere", "port": 5050}
        master.follow(other)
        assert (master.leading, master.leader) == (False, other)
        agent = Connection(master)
        agent.link.tell_master(RegisterAgent(WHERE))
        await asyncio.sleep(0)
        assert not master.state.agents
        with pytest.raises(CallRefused) as refused:
            master.subscribe(calls.Subscribe(None, INFO))
        assert (refused.value.status, refused.value.text) == (503, "Master has not finished recovery")
        master.lead()
        assert master.leader == master.state.master_info()
        agent.link.tell_master(RegisterAgent(WHERE))
        assert isinstance(await agent.hear(), AgentRegistered)
        master.close()

    asyncio.run(scene())


def test_a_new_leader_recovers_first() -> None:
    async def scene() -> None:
        registry = Registry()
        registry.admit("old-S0", WHERE)
        master = Master(MasterOptions(recovery_seconds=0.01), SteadyClock(), registry)
        master.lead()
        assert (master.leading, master.recovering) == (False, True)
        assert not master.state.recovered
        while master.recovering:
            await asyncio.sleep(0.001)
        assert master.leading
        assert list(master.state.recovered) == ["old-S0"]
        master.close()

    asyncio.run(scene())


def test_a_leader_that_is_none_any_more_ends() -> None:
    async def scene() -> None:
        master = leading()
        agent = Connection(master)
        stream = master.subscribe(calls.Subscribe(None, INFO))
        master.follow(None)
        assert (master.leading, master.leader) == (False, None)
        assert await agent.hear() is None
        events = [await stream.next() for _ in range(3)]
        assert events[-1] is None
        master.disconnected(stream)
        late = Connection(master)
        assert await late.hear() is None, "refused"

    asyncio.run(scene())
