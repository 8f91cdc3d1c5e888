"""When a dispatcher says that it is ready; whole ones are in `test_dispatcher.py` and `test_dispatchers.py`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework import foreground
from sparkmesos_core.durable_framework.candidates import Candidate
from sparkmesos_core.durable_framework.election import Standing
from sparkmesos_core.durable_framework.store.ownership import this_process
from sparkmesos_core.errors import UnreachableError

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
    condition = "it leads"


@pytest.mark.parametrize("fails", [False, True])
def test_it_ends_with_what_it_runs_until(fails: bool) -> None:
    said: list[Any] = []
    heard_ready = asyncio.Event()

    async def until() -> None:
        await heard_ready.wait()
        if fails:
            raise UnreachableError("nobody confirms it")

    def on_ready(ready: foreground.Ready) -> None:
        said.append(ready)
        heard_ready.set()

    terms = EndlessTerms()
    parts: foreground.Parts[Any] = foreground.Parts(
        terms=terms,  # type: ignore[arg-type]
        standing_by=None,
        open_store=Leading,  # type: ignore[arg-type]
        servers=[],
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
    assert said == ["serving", foreground.Ready(condition="it leads", leader=None, problem=""), "stopping"]  # type: ignore[arg-type]
    assert terms.closed
