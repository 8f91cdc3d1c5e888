"""When a dispatcher says that it is ready; whole ones are in `test_dispatcher.py` and `test_dispatchers.py`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from typing import Any

import pytest

from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework import foreground
from sparkmesos_core.durable_framework.candidates import Candidate
from sparkmesos_core.durable_framework.condition import Condition
from sparkmesos_core.durable_framework.election import Standing
from sparkmesos_core.durable_framework.parts import Parts
from sparkmesos_core.durable_framework.store.ownership import this_process
from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.shuffle_service.on_agents.settings import ServicesSettings

OTHER = Candidate(this_process(), "http://d1:7077", "http://d1:8081")


class NoTerms:
    """Of a dispatcher that does not lead."""

    service = None
    kind = DRIVERS

    def __init__(self, standing: Standing) -> None:
        self.standing = standing

    async def changed(self) -> None:
        await asyncio.Event().wait()


class PlayedStandingBy:
    """Reaches the leader at the n-th trial."""

    obstacle = "it refuses connections"

    def __init__(self, reached_at: int | None) -> None:
        self._reached_at = reached_at
        self._trials = 0

    async def reach(self) -> str | None:
        self._trials += 1
        return OTHER.http_url if self._trials == self._reached_at else None


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreground, "_SECONDS_BETWEEN_TRIALS", 0.001)


def await_ready(standing: Standing, reached_at: int | None, timeout: float | None) -> str | None:
    async def run() -> str | None:
        terms: Any = NoTerms(standing)
        standing_by: Any = PlayedStandingBy(reached_at)
        return await foreground._await_ready(terms, standing_by, asyncio.Event(), timeout)

    return asyncio.run(run())


@pytest.mark.parametrize("timeout", [None, 60.0])
def test_a_standby_is_ready_when_it_reaches_the_leader(timeout: float | None) -> None:
    assert await_ready(Standing(leader=OTHER), 3, timeout) == OTHER.http_url


def test_who_does_not_wait_starts_without_a_leader(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`--subscribe-timeout 0` would never return."""
    monkeypatch.setattr(foreground, "_SECONDS_FOR_THE_LEADER", 0.01)
    with caplog.at_level(logging.WARNING):
        assert await_ready(Standing(leader=OTHER), None, None) is None
    assert "takes no requests yet" in caplog.text
    assert "it refuses connections" in caplog.text


@pytest.mark.parametrize(
    ("standing", "says"),
    [
        (Standing(leader=OTHER), "Another dispatcher leads, and requests cannot be passed on to it"),
        (Standing(reason="silence"), "No dispatcher leads after 0.01 s"),
        (Standing(node="n1", leader=OTHER), "No dispatcher leads after 0.01 s"),
    ],
)
def test_who_waits_in_vain_is_told_for_what(standing: Standing, says: str) -> None:
    with pytest.raises(UnreachableError) as raised:
        await_ready(standing, None, 0.01)
    assert raised.value.message == f"{says}: it refuses connections"


@pytest.mark.parametrize("ends_first", [True, False])
def test_the_end_does_not_wait_for_zookeeper(ends_first: bool) -> None:
    async def run() -> bool:
        closed = asyncio.Event()
        stopping = asyncio.Event()

        class Standing:
            async def stand(self) -> None:
                if ends_first:
                    stopping.set()
                    await closed.wait()
                    raise UnreachableError("closed")

        class Closing:
            async def close(self) -> None:
                closed.set()

        standing_by: Any = Standing()
        terms: Any = Closing()
        return await asyncio.wait_for(foreground._stand(standing_by, terms, stopping), 60)

    assert asyncio.run(run()) is not ends_first


class EndlessTerms:
    """Of a framework with a store of its own, and a Mesos that never answers."""

    kind = DRIVERS
    standing = None

    def __init__(self) -> None:
        self.service: Any = None
        self.closed = False

    async def begin_endless(self, open_store: Any) -> None:
        self.service = open_store()

    async def changed(self) -> None:
        await asyncio.Event().wait()

    async def run(self, stopping: asyncio.Event) -> None:
        await stopping.wait()

    async def close(self) -> None:
        self.closed = True


class Leading:
    condition = Condition(
        ready=True,
        subscribed=True,
        reason="",
        framework_id="f-1",
        master="http://m1:5050",
        started_at=1.0,
    )


SETTINGS = ServicesSettings(
    master="mesos://zk://u:hush@z:2181/mesos", folder="/s", properties={}, user="u", hostname="h"
)
PLACES = {"url": "http://h:1", "other_url": "http://h:2"}


@pytest.mark.parametrize("fails", [False, True])
def test_it_ends_with_what_it_runs_until(fails: bool) -> None:
    said: list[Any] = []
    heard_ready = asyncio.Event()

    async def until() -> None:
        await heard_ready.wait()
        if fails:
            raise UnreachableError("nobody confirms it")

    def on_ready(state: foreground.FrameworkState) -> None:
        said.append(state.to_json())
        heard_ready.set()

    terms = EndlessTerms()
    parts: Parts[Any] = Parts(
        settings=SETTINGS,
        terms=terms,  # type: ignore[arg-type]
        standing_by=None,
        open_store=Leading,  # type: ignore[arg-type]
        servers=[],
        places=PLACES,
        on_serving=lambda: said.append("serving"),
        on_stopping=lambda: said.append("stopping"),
        until=until,
    )

    def run() -> None:
        asyncio.run(asyncio.wait_for(foreground.run(parts, on_ready), 60))

    if fails:
        with pytest.raises(UnreachableError, match="nobody confirms it"):
            run()
    else:
        run()
    state = {
        **PLACES,
        "pid": os.getpid(),
        "master": "http://m1:5050",
        "framework_id": "f-1",
        "leader": None,
        "problem": "",
    }
    assert said == ["serving", state, "stopping"]
    # In this order, for people who read it.
    assert json.dumps(said[1]) == json.dumps(state)
    assert terms.closed


@pytest.mark.parametrize(("leader", "problem"), [(None, "it refuses connections"), ("http://d1:7077", "")])
def test_what_one_says_that_does_not_lead(leader: str | None, problem: str) -> None:
    terms: Any = NoTerms(Standing(leader=OTHER))
    standing_by: Any = PlayedStandingBy(None)
    parts: Parts[Any] = Parts(SETTINGS, terms, standing_by, open_store=Leading, servers=[], places=PLACES)  # type: ignore[arg-type]
    state = foreground._state(parts, leader)
    assert (state.framework_id, state.leader, state.problem) == (None, leader, problem)
    assert state.master == str(SETTINGS.parsed_master)
    assert "hush" not in state.master
