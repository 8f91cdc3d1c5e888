"""An alarm rings once, at the time that was set last, and not at all when it was dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sparkmesos_core.durable_framework import alarm as alarm_module
from sparkmesos_core.durable_framework.alarm import Alarm

PATIENCE = 20.0


class Stage:
    """An alarm with a clock that stands still, and how often it rang."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.rings = 0
        self.rang = asyncio.Event()
        self.alarm = Alarm(self._ring, lambda: self.now)

    def _ring(self) -> None:
        self.rings += 1
        self.rang.set()

    def left(self) -> float | None:
        """Seconds of the loop until it rings."""
        timer = self.alarm._timer
        return None if timer is None else timer.when() - asyncio.get_running_loop().time()


def play(test: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        await asyncio.wait_for(test(Stage()), PATIENCE)

    asyncio.run(run())


@pytest.mark.parametrize("due", [999.0, 1000.0, 1000.01])
def test_it_rings_when_it_is_due_or_was(due: float) -> None:
    async def test(stage: Stage) -> None:
        stage.alarm.set(due)
        await stage.rang.wait()
        assert stage.rings == 1
        assert stage.left() is None

    play(test)


def test_the_time_that_was_set_last_counts() -> None:
    async def test(stage: Stage) -> None:
        stage.alarm.set(1000.0)
        stage.alarm.set(1040.0)
        left = stage.left()
        assert left is not None
        assert 39 < left <= 40
        timer = stage.alarm._timer
        stage.alarm.set(1040.0)
        assert stage.alarm._timer is timer
        await asyncio.sleep(0)
        assert stage.rings == 0
        stage.alarm.set(1000.0)
        stage.alarm.set(None)
        assert stage.left() is None
        stage.alarm.set(1000.0)
        stage.alarm.drop()
        assert stage.left() is None
        await asyncio.sleep(0)
        assert stage.rings == 0

    play(test)


def test_it_rings_early_rather_than_trust_the_clock_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is called looks whether it is time, and sets it again."""
    monkeypatch.setattr(alarm_module, "_LONGEST_SLEEP", 0.01)

    async def test(stage: Stage) -> None:
        stage.alarm.set(5000.0)
        await stage.rang.wait()
        stage.alarm.set(5000.0)
        assert stage.left() is not None
        stage.alarm.drop()

    play(test)
