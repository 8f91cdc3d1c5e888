"""A store that has failed is tried until it works, or is another one's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sparkmesos_core.durable_framework import pauses
from sparkmesos_core.durable_framework.store.store import Stored
from sparkmesos_core.durable_framework.store_repair import StoreRepair
from sparkmesos_core.errors import StoreError, StoreTakenOverError

PATIENCE = 20.0
STORED: Stored[Any] = Stored((), "f-1", 1)


class Stage:
    """A store that fails as often as it is told, and what was heard of its repair."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.loads = 0
        self.works: list[Stored[Any]] = []
        self.taken_over: list[str] = []
        self.heard = asyncio.Event()
        self.on_works: Callable[[], None] = lambda: None
        self.repair = StoreRepair[Any](self._load, self._has_worked, self._was_taken_over)

    async def _load(self) -> Stored[Any]:
        self.loads += 1
        if self.failures:
            raise self.failures.pop(0)
        return STORED

    def _has_worked(self, stored: Stored[Any]) -> None:
        self.works.append(stored)
        self.heard.set()
        self.on_works()

    def _was_taken_over(self, reason: str) -> None:
        self.taken_over.append(reason)
        self.heard.set()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 0.001)


def under_way(stage: Stage) -> bool:
    return stage.repair.under_way


def play(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), PATIENCE))


def test_it_is_tried_until_it_works(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it fails with."""

    async def test() -> None:
        stage = Stage(StoreError("the disk is full"), ValueError("a fault"))
        assert not under_way(stage)
        stage.repair.begin()
        stage.repair.begin()
        assert under_way(stage)
        await stage.heard.wait()
        assert (stage.loads, stage.works, stage.taken_over) == (3, [STORED], [])
        assert not under_way(stage)

    play(test)
    assert "the store still fails: the disk is full" in caplog.text
    assert "the store still fails: ValueError('a fault')" in caplog.text


def test_what_another_one_has_is_left_to_it() -> None:
    async def test() -> None:
        stage = Stage(StoreError("no answer"), StoreTakenOverError("another one has it"))
        stage.repair.begin()
        await stage.heard.wait()
        assert (stage.loads, stage.works, stage.taken_over) == (2, [], ["another one has it"])

    play(test)


def test_a_store_that_fails_as_soon_as_it_works_is_tried_again() -> None:
    async def test() -> None:
        stage = Stage()

        def fail_once() -> None:
            stage.on_works = lambda: None
            stage.heard.clear()
            stage.repair.begin()
            assert under_way(stage)

        stage.on_works = fail_once
        stage.repair.begin()
        while len(stage.works) < 2:
            await stage.heard.wait()
        assert stage.loads == 2

    play(test)


def test_who_closes_it_hears_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 3600.0)

    async def test() -> None:
        stage = Stage()
        await stage.repair.close()
        stage.repair.begin()
        await stage.repair.close()
        assert not under_way(stage)
        assert (stage.loads, stage.works) == (0, [])

    play(test)
