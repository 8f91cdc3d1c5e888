"""The master's adapter: timers that go on whatever happens, and messages that never nest."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from sparkmesos_core.localcluster import scheduler_call as calls
from sparkmesos_core.localcluster.master import EventStream, Master, SteadyClock
from sparkmesos_core.localcluster.master_state import MasterOptions
from sparkmesos_core.localcluster.messages import AcknowledgeUpdate, AgentRegistration, StatusUpdate, ToAgent

INFO = {"user": "u", "name": "n", "failover_timeout": 60}


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
        master = Master(MasterOptions(heartbeat_interval=0.05, allocation_interval=0.05), SteadyClock())
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
        monkeypatch.setattr("sparkmesos_core.localcluster.master._PAUSE_AFTER_FAILURE", 0.01)
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
        master = Master(MasterOptions(allocation_interval=0.01), SteadyClock())
        failures: list[float] = []

        def failing(now: float) -> Any:
            failures.append(now)
            if len(failures) == 3:
                enough.set()
            raise RuntimeError("unforeseen")

        enough = asyncio.Event()
        monkeypatch.setattr(master.state, "tick", failing)
        monkeypatch.setattr("sparkmesos_core.localcluster.master._PAUSE_AFTER_FAILURE", 0.05)
        master.subscribe(calls.Subscribe(None, INFO))
        await asyncio.wait_for(enough.wait(), 10)
        master.close()
        assert failures[2] - failures[0] >= 0.09

    asyncio.run(scene())


def test_what_an_agent_answers_does_not_come_before_what_is_left_to_do() -> None:
    async def scene() -> None:
        master = Master(MasterOptions(), SteadyClock())
        agent_id = master.register(AgentRegistration("127.0.0.1", "127.0.0.1", 1, "cpus:1;mem:64", ""))
        order: list[str] = []
        heard = asyncio.Event()

        def receive(message: ToAgent) -> None:
            assert isinstance(message, AcknowledgeUpdate)
            order.append(f"told {message.uuid}")
            if len(order) == 3:
                heard.set()

        master.connect(agent_id, receive)
        for uuid in ("a", "b"):
            status = {"task_id": {"value": "t"}, "state": "TASK_LOST", "uuid": uuid, "timestamp": 0.0}
            master.status_update(StatusUpdate(agent_id, "nobody", status, "TASK_LOST"))
        order.append("done")
        await asyncio.wait_for(heard.wait(), 10)
        assert order == ["done", "told a", "told b"]
        master.close()

    asyncio.run(scene())
