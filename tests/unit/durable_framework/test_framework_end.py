"""How a framework ends for good, and what becomes of one whose id could not be written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sparkmesos_core.durable_framework import pauses
from sparkmesos_core.durable_framework.actions import Teardown
from sparkmesos_core.durable_framework.scheduler import End
from sparkmesos_core.durable_framework.service import FrameworkService
from sparkmesos_core.errors import FrameworkError, MesosError, StoreError
from sparkmesos_core.shuffle_service.on_agents.book import ServiceBook
from sparkmesos_core.shuffle_service.on_agents.kind import SERVICES
from sparkmesos_core.shuffle_service.on_agents.placement import Need
from tests.unit.durable_framework.in_memory import PATIENCE, Disk, PlayedMesos

Service = FrameworkService[ServiceBook]
Test = Callable[[Service, Disk, PlayedMesos], Coroutine[Any, Any, None]]

GONE = MesosError("Framework has been removed")


def play(test: Test, disk: Disk | None = None, *, stops_seen: int = 0) -> Disk:
    """Runs a test with a service that has just begun to subscribe."""
    disk = disk or Disk(SERVICES)

    async def run() -> None:
        mesos = PlayedMesos()
        service: Service = FrameworkService(
            SERVICES,
            open_store=lambda: disk,
            new_book=lambda: ServiceBook(
                Need.of(1, 1024, 7337), lambda *_: {}, lambda _: None, stops_seen=stops_seen
            ),
            master="mesos://m:5050",
        )
        await service.open()
        service.connect(mesos)
        try:
            await asyncio.wait_for(test(service, disk, mesos), 2 * PATIENCE)
        finally:
            disk.go_on.set()
            await service.close()

    asyncio.run(run())
    return disk


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 0.01)


async def stop(service: Service) -> None:
    await service.ask(lambda book, now: (None, book.stop(now)))


@pytest.mark.parametrize("end", [End.TORN_DOWN, End.REMOVED], ids=["answered", "found out"])
def test_who_ends_it_learns_of_the_end_when_it_is_on_disk(end: End) -> None:
    """That the answer is lost shows in the next subscription, which Mesos refuses."""

    async def test(service: Service, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        await stop(service)
        assert mesos.of(Teardown) == [Teardown()]
        assert disk.load().framework_id == "f-1"
        torn_down = asyncio.create_task(service.torn_down())
        disk.go_on.clear()
        service.on_end(end, GONE)
        await asyncio.sleep(0)
        assert not torn_down.done()
        disk.go_on.set()
        await asyncio.wait_for(torn_down, PATIENCE)
        assert disk.load().framework_id is None
        assert mesos.subscriptions == [None], "nobody registers anew"
        assert not service.condition.ready
        with pytest.raises(FrameworkError, match="its framework was torn down"):
            await stop(service)

    play(test)


def test_an_end_is_asked_for_in_each_subscription_until_it_is_there() -> None:
    async def begin(service: Service, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        await stop(service)
        service.on_disconnected()
        service.on_subscribed("f-1", "")
        await service.settled()
        assert mesos.of(Teardown) == [Teardown()] * 2

    async def go_on(service: Service, disk: Disk, mesos: PlayedMesos) -> None:
        assert mesos.subscriptions == ["f-1"]
        service.on_end(End.REMOVED, GONE)
        await asyncio.wait_for(service.torn_down(), PATIENCE)
        assert mesos.subscriptions == ["f-1"]

    play(go_on, play(begin))


def test_an_end_that_was_for_an_earlier_process_is_finished_and_another_one_begins() -> None:
    async def begin(service: Service, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        await stop(service)

    async def go_on(service: Service, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        await service.settled()
        assert mesos.of(Teardown) == [Teardown()]
        service.on_end(End.TORN_DOWN, GONE)
        await mesos.until(lambda: mesos.subscriptions == ["f-1", None])
        service.on_subscribed("f-2", "")
        await service.settled()
        assert mesos.of(Teardown) == [Teardown()]
        assert disk.framework == "f-2"

    play(go_on, play(begin), stops_seen=1)


def test_an_end_that_cannot_be_written_is_found_out_again() -> None:
    async def test(service: Service, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        await stop(service)
        disk.failing = StoreError("the disk is full")
        service.on_end(End.TORN_DOWN, GONE)
        await mesos.until(lambda: mesos.left > 0)
        disk.failing = None
        await mesos.until(lambda: mesos.subscriptions == [None, "f-1"])
        service.on_end(End.REMOVED, GONE)
        await asyncio.wait_for(service.torn_down(), PATIENCE)
        assert disk.framework is None

    play(test)


def test_an_end_that_was_written_though_the_store_failed_is_the_end() -> None:
    """No other framework is registered, only to be ended."""

    async def test(service: Service, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        await stop(service)
        disk.fails_after_writing = True
        disk.failing = StoreError("no answer")
        service.on_end(End.TORN_DOWN, GONE)
        await asyncio.wait_for(service.torn_down(), PATIENCE)
        assert mesos.subscriptions == [None]

    play(test)


def test_why_mesos_does_not_end_it_is_told() -> None:
    async def test(service: Service, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        assert service.teardown_refusal == ""
        for message in ("403 no", "403 still no"):
            refused = asyncio.create_task(service.teardown_refused())
            await asyncio.sleep(0)
            assert not refused.done()
            service.on_teardown_refused(MesosError(message, status=403))
            await asyncio.wait_for(refused, PATIENCE)
            assert service.teardown_refusal == message
        service.on_subscribed("f-1", "")
        assert service.teardown_refusal == "", "another master may do it"

    play(test)


@pytest.mark.parametrize("after_writing", [False, True])
def test_a_framework_whose_id_could_not_be_written_is_the_one_to_go_on_with(after_writing: bool) -> None:
    """Mesos would keep it for ever, and nobody would know of it."""

    async def test(service: Service, disk: Disk, mesos: PlayedMesos) -> None:
        disk.fails_after_writing = after_writing
        disk.failing = StoreError("the disk is full")
        service.on_subscribed("f-1", "")
        await mesos.until(lambda: mesos.left > 0)
        if not after_writing:
            disk.failing = None
        await mesos.until(lambda: mesos.subscriptions == [None, "f-1"])
        service.on_subscribed("f-1", "")
        await service.settled()
        assert disk.framework == "f-1"

    play(test)


def test_a_framework_that_was_removed_before_its_id_was_written_is_not_tried_again() -> None:
    async def test(service: Service, disk: Disk, mesos: PlayedMesos) -> None:
        disk.failing = StoreError("the disk is full")
        service.on_subscribed("f-1", "")
        await mesos.until(lambda: mesos.left > 0)
        disk.failing = None
        await mesos.until(lambda: mesos.subscriptions == [None, "f-1"])
        service.on_end(End.REMOVED, GONE)
        await mesos.until(lambda: len(mesos.subscriptions) == 3)
        assert mesos.subscriptions[-1] is None

    play(test)
