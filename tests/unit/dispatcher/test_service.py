"""The service between a real book, a store that can fail and wait, and a Mesos that is told what to say."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sparkmesos_core.dispatcher.drivers.book import Book
from sparkmesos_core.dispatcher.drivers.driver import Driver, Outcome, State
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.drivers.limits import Limits
from sparkmesos_core.dispatcher.service import DispatcherService
from sparkmesos_core.durable_framework import pauses
from sparkmesos_core.durable_framework import service as service_module
from sparkmesos_core.durable_framework.actions import (
    Acknowledge,
    KillTask,
    LaunchTasks,
    Reconcile,
    Revive,
    SaveFramework,
)
from sparkmesos_core.durable_framework.condition import InDoubtError
from sparkmesos_core.durable_framework.scheduler import End
from sparkmesos_core.durable_framework.store.store import Stored
from sparkmesos_core.errors import FrameworkError, MesosError, StoreError, StoreTakenOverError
from tests.unit.dispatcher.drivers.play import build, scalar, submission
from tests.unit.durable_framework.in_memory import PATIENCE, Disk, PlayedMesos


def offers(*ids: str) -> dict[str, Any]:
    one = {
        "agent_id": {"value": "S0"},
        "hostname": "agent1",
        "url": {"scheme": "http", "address": {"hostname": "agent1", "port": 5051}},
        "resources": [scalar("cpus", 8), scalar("mem", 16384)],
    }
    return {"type": "OFFERS", "offers": {"offers": [{**one, "id": {"value": id_}} for id_ in ids]}}


def update(task: str, state: str, **fields: Any) -> dict[str, Any]:
    status = {"task_id": {"value": task}, "agent_id": {"value": "S0"}, "state": state, **fields}
    return {"type": "UPDATE", "update": {"status": status}}


Test = Callable[[DispatcherService, Disk, PlayedMesos], Coroutine[Any, Any, None]]


def ready(service: DispatcherService) -> bool:
    return service.condition.ready


def subscribed(service: DispatcherService) -> bool:
    return service.condition.subscribed


def play(test: Test, disk: Disk | None = None, *, close: bool = True) -> Disk:
    """Runs a test with a service that has just begun to subscribe; without `close` the test closes it."""
    disk = disk or Disk(DRIVERS)

    async def run() -> None:
        mesos = PlayedMesos()
        service = DispatcherService(
            open_store=lambda: disk, new_book=lambda: Book(Limits(), build), master="mesos://m:5050"
        )
        await service.open()
        service.connect(mesos)
        try:
            await asyncio.wait_for(test(service, disk, mesos), 2 * PATIENCE)
        finally:
            disk.go_on.set()
            if close:
                await service.close()

    asyncio.run(run())
    return disk


async def _in_thread(wait: Callable[[float], bool]) -> None:
    assert await asyncio.to_thread(wait, PATIENCE)


def test_an_answer_leaves_when_the_driver_is_on_disk() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        disk.go_on.clear()
        creating = asyncio.create_task(service.create(submission()))
        await _in_thread(disk.writing.wait)
        await asyncio.sleep(0)
        assert not creating.done()
        disk.go_on.set()
        created = await creating
        assert created.driver is not None
        assert list(disk.records) == [created.driver.id]
        assert service.queue_position(created.driver.id) == 1

    play(test)


def test_mesos_is_told_after_the_disk() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "10.0.0.1:5050")
        created = await service.create(submission())
        assert created.driver is not None
        disk.writing.clear()
        disk.go_on.clear()
        service.on_event(offers("o1"))
        await _in_thread(disk.writing.wait)
        await asyncio.sleep(0)
        assert mesos.of(LaunchTasks) == []
        disk.go_on.set()
        await mesos.until(lambda: bool(mesos.of(LaunchTasks)))
        stored = Driver.from_json(json.loads(disk.records[created.driver.id]))
        assert stored.state is State.LAUNCHED
        assert stored.launch is not None
        assert mesos.of(LaunchTasks)[0].tasks[0]["task_id"]["value"] == stored.launch.task_id
        disk.writing.clear()
        disk.go_on.clear()
        task = stored.launch.task_id
        service.on_event(update(task, "TASK_RUNNING", uuid="dXVpZA=="))
        await _in_thread(disk.writing.wait)
        assert mesos.of(Acknowledge) == []
        disk.go_on.set()
        await mesos.until(lambda: mesos.of(Acknowledge) == [Acknowledge(task, "S0", "dXVpZA==")])

    play(test)


def test_what_waits_is_written_at_once() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        disk.go_on.clear()
        first = asyncio.create_task(service.create(submission()))
        await _in_thread(disk.writing.wait)
        others = [asyncio.create_task(service.create(submission(f"app{n}"))) for n in range(200)]
        await asyncio.sleep(0)
        disk.go_on.set()
        created = await asyncio.gather(first, *others)
        assert len({one.driver.id for one in created if one.driver}) == 201
        assert len(disk.applied) == 2
        assert len(disk.applied[1]) >= 200

    play(test)


def test_a_repeated_submission_is_answered_when_the_first_is_on_disk() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        disk.go_on.clear()
        first = asyncio.create_task(service.create(submission(), "token"))
        await _in_thread(disk.writing.wait)
        again = asyncio.create_task(service.create(submission(), "token"))
        await asyncio.sleep(0)
        assert not again.done()
        disk.go_on.set()
        assert (await again).driver == (await first).driver
        assert (await again).repeated
        assert len(disk.records) == 1

    play(test)


@pytest.mark.parametrize("after_writing", [False, True])
def test_a_store_that_fails_loses_nothing(after_writing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the write was made or not: what the store holds in the end counts, also for a repeated request."""
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 0.01)

    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        kept = await service.create(submission("kept"), "t0")
        disk.fails_after_writing = after_writing
        disk.failing = StoreError("the disk is full", hint="Make room.")
        with pytest.raises(FrameworkError, match="the disk is full"):
            await service.create(submission("unsure"), "t1")
        if not after_writing:
            assert not ready(service)
            assert service.condition.reason == "the disk is full"
            with pytest.raises(FrameworkError, match="the disk is full"):
                await service.kill("driver-x")
            disk.failing = None
        await mesos.until(lambda: mesos.subscriptions == [None, "f-1"])
        assert mesos.left == 1
        assert ready(service)
        assert not subscribed(service)
        again = await service.create(submission("unsure"), "t1")
        assert again.repeated == after_writing
        assert [driver.submission.name for driver in service.drivers()] == ["kept", "unsure"]
        assert kept.driver is not None
        assert set(disk.records) == {driver.id for driver in service.drivers()}

    play(test)


@pytest.mark.parametrize("when", ["while writing", "while it begins anew"])
def test_a_store_that_another_dispatcher_took_is_left_to_it(
    when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 0.01)
    taken_over = StoreTakenOverError("another dispatcher has taken over")

    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        await service.create(submission())
        disk.failing = taken_over if when == "while writing" else StoreError("the disk is full")
        with pytest.raises(FrameworkError):
            await service.create(submission())
        disk.failing = taken_over
        await asyncio.wait_for(service.over(), PATIENCE)
        assert not ready(service)
        assert service.condition.reason == "another dispatcher has taken over"
        assert mesos.subscriptions == [None]  # nobody tries again
        assert mesos.left > 0
        assert len(service.drivers()) == 2  # what is known of them is still shown

    play(test)


@pytest.mark.parametrize("error", [StoreError("no answer"), StoreTakenOverError("it was taken over")])
def test_who_was_being_written_is_in_doubt_and_who_waited_is_not(error: StoreError) -> None:
    """That nothing was done is told to those only of whom it is known."""

    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        known = (await service.create(submission())).driver
        assert known is not None
        disk.writing.clear()
        disk.go_on.clear()
        created = asyncio.create_task(service.create(submission()))
        await _in_thread(disk.writing.wait)
        waits = asyncio.create_task(service.kill(known.id))
        await asyncio.sleep(0)
        disk.failing = error
        disk.go_on.set()
        with pytest.raises(InDoubtError, match=f"may have been carried out, or not: {error.message}"):
            await created
        for refused in (waits, service.kill(known.id)):
            with pytest.raises(FrameworkError, match=error.message) as raised:
                await refused
            assert not isinstance(raised.value, InDoubtError)

    play(test)


@pytest.mark.parametrize("fails", [True, False])
def test_nothing_is_told_before_it_is_on_disk(fails: bool) -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        await service.settled()
        disk.writing.clear()
        disk.go_on.clear()
        created = asyncio.create_task(service.create(submission()))
        await _in_thread(disk.writing.wait)
        assert len(service.drivers()) == 1
        settled = [asyncio.create_task(service.settled()) for _ in range(2)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in settled)
        disk.failing = StoreError("no answer") if fails else None
        disk.go_on.set()
        outcomes = await asyncio.gather(created, *settled, return_exceptions=True)
        if not fails:
            assert outcomes[1:] == [None, None]
            return
        assert isinstance(outcomes[0], InDoubtError)
        for outcome in outcomes[1:]:
            assert isinstance(outcome, FrameworkError)
            assert not isinstance(outcome, InDoubtError)
        with pytest.raises(FrameworkError, match="no answer"):
            await service.settled()

    play(test)


def test_a_read_that_is_written_together_with_what_fails_is_not_in_doubt() -> None:
    """It has done nothing."""

    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        disk.failing = StoreError("no answer")
        created = asyncio.create_task(service.create(submission()))
        await asyncio.sleep(0)
        with pytest.raises(FrameworkError, match="no answer") as raised:
            await service.settled()
        assert not isinstance(raised.value, InDoubtError)
        with pytest.raises(InDoubtError):
            await created

    play(test)


def test_a_kill_that_was_being_written_is_in_doubt() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        known = (await service.create(submission())).driver
        assert known is not None
        disk.failing = StoreError("no answer")
        with pytest.raises(InDoubtError):
            await service.kill(known.id)

    play(test)


def test_a_write_that_fails_at_the_end_leaves_nothing_behind() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        disk.go_on.clear()
        creating = asyncio.create_task(service.create(submission()))
        await _in_thread(disk.writing.wait)
        tasks = asyncio.all_tasks()
        closing = asyncio.create_task(service.close())
        await asyncio.sleep(0)
        disk.failing = StoreError("the disk is full")
        disk.go_on.set()
        await closing
        with pytest.raises(FrameworkError, match="the disk is full"):
            await creating
        assert disk.closed
        assert asyncio.all_tasks() < tasks

    play(test, close=False)


def test_nothing_of_a_decision_that_was_not_written_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 0.01)

    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        created = await service.create(submission())
        disk.failing = StoreError("read-only file system")
        service.on_event(offers("o1"))
        await mesos.until(lambda: mesos.left == 1)
        assert mesos.of(LaunchTasks) == []
        service.on_event(offers("o2"))  # still on its way when the service left
        disk.failing = None
        await mesos.until(lambda: len(mesos.subscriptions) == 2)
        assert created.driver is not None
        driver = service.driver(created.driver.id)
        assert driver is not None
        assert driver.state is State.QUEUED
        service.on_subscribed("f-1", "")
        service.on_event(offers("o3"))
        await mesos.until(lambda: len(mesos.of(LaunchTasks)) == 1)
        assert mesos.of(LaunchTasks)[0].offer_id == "o3"

    play(test)


def test_an_event_that_nobody_understands_does_not_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 0.01)

    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        created = (await service.create(submission())).driver
        service.on_event({"type": "UPDATE", "update": {"status": {"state": 3}}})
        assert not ready(service)
        await mesos.until(lambda: mesos.subscriptions == [None, "f-1"])
        assert ready(service)
        assert list(service.drivers()) == [created]

    play(test)


def test_after_a_restart_everything_is_there() -> None:
    async def begin(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        assert mesos.subscriptions == [None]
        service.on_subscribed("f-1", "")
        for name in "abc":
            await service.create(submission(name), f"token-{name}")
        service.on_event(offers("o1"))
        await mesos.until(lambda: bool(mesos.of(LaunchTasks)))

    async def go_on(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        assert mesos.subscriptions == ["f-1"]
        assert (await service.create(submission("b"), "token-b")).repeated
        service.on_subscribed("f-1", "")
        await mesos.until(lambda: bool(mesos.of(Reconcile)))
        launched = {driver.id for driver in service.drivers() if driver.state is State.LAUNCHED}
        assert len(launched) == 3
        assert set(mesos.of(Reconcile)[0].tasks) == launched

    disk = play(begin)
    assert disk.closed
    play(go_on, disk)


def test_a_removed_framework_is_replaced_and_its_drivers_are_lost() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        lost = (await service.create(submission())).driver
        supervised = (await service.create(submission(supervise=True))).driver
        service.on_event(offers("o1"))
        await mesos.until(lambda: bool(mesos.of(LaunchTasks)))
        disk.go_on.clear()
        service.on_end(End.REMOVED, MesosError("Framework has been removed"))
        assert mesos.subscriptions == [None]  # not before it is on disk
        disk.go_on.set()
        await mesos.until(lambda: mesos.subscriptions == [None, None])
        assert disk.framework is None
        assert lost is not None
        assert supervised is not None
        after = {driver.id: driver for driver in service.drivers()}
        assert after[lost.id].outcome is Outcome.LOST
        assert after[supervised.id].state in (State.RETRYING, State.QUEUED)
        service.on_subscribed("f-2", "")
        await service.kill(supervised.id)
        assert disk.framework == "f-2"

    play(test)


def test_a_framework_that_somebody_else_took_takes_no_more_drivers() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        service.on_end(End.TAKEN_OVER, MesosError("Framework failed over"))
        assert not ready(service)
        assert "another dispatcher" in service.condition.reason
        with pytest.raises(FrameworkError, match="another dispatcher"):
            await service.create(submission())
        assert mesos.subscriptions == [None]
        await asyncio.wait_for(service.over(), PATIENCE)

    play(test)


def test_a_former_leader_that_comes_back_to_mesos_touches_nothing() -> None:
    """It knows nothing of what its successor launched: it would kill it, and swallow its updates."""

    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        await service.create(submission())
        service.on_disconnected()
        mesos.calls.clear()
        disk.failing = StoreTakenOverError("another dispatcher has taken over")
        service.on_subscribed("f-1", "")
        service.on_event(update("driver-of-another-one", "TASK_RUNNING", uuid="u"))
        service.on_event(offers("o1"))
        await asyncio.wait_for(service.over(), PATIENCE)
        assert mesos.calls == []
        assert mesos.left > 0

    play(test)


def test_who_leaves_is_silent_at_once() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        await service.create(submission())
        disk.go_on.clear()
        disk.writing.clear()
        being_written = asyncio.create_task(service.create(submission()))
        await asyncio.to_thread(disk.writing.wait, PATIENCE)
        waiting = asyncio.create_task(service.create(submission()))
        await asyncio.sleep(0)
        mesos.calls.clear()
        service.leave("another dispatcher leads")
        assert mesos.left == 1
        with pytest.raises(FrameworkError, match="another dispatcher leads"):
            await waiting
        with pytest.raises(FrameworkError, match="another dispatcher leads"):
            await service.create(submission())
        closing = asyncio.create_task(service.close())
        await asyncio.sleep(0)
        disk.go_on.set()
        await closing
        # What was on its way to the disk is there, and so it is said.
        created = await being_written
        assert created.driver is not None
        assert created.driver.id in disk.records
        assert len(disk.records) == 2
        assert mesos.calls == []
        assert disk.closed

    play(test, close=False)


def test_who_has_left_does_not_try_a_store_that_fails_again() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        disk.go_on.clear()
        being_written = asyncio.create_task(service.create(submission()))
        await asyncio.to_thread(disk.writing.wait, PATIENCE)
        service.leave("another dispatcher leads")
        disk.failing = StoreError("no answer")
        disk.go_on.set()
        with pytest.raises(InDoubtError, match="no answer"):
            await being_written
        loads = disk.loads
        await service.close()
        assert disk.loads == loads
        assert disk.closed

    play(test, close=False)


def test_who_leaves_while_it_begins_anew_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its successor, perhaps of the same process, has the framework."""
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 0.01)
    loading, go_on = threading.Event(), threading.Event()

    class SlowDisk(Disk):
        def load(self) -> Stored[Driver]:
            if self.loads:
                loading.set()
                assert go_on.wait(PATIENCE)
            return super().load()

    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        disk.failing, disk.fails_after_writing = StoreError("no answer"), True
        with pytest.raises(FrameworkError):
            await service.create(submission())
        await _in_thread(loading.wait)
        service.leave("another dispatcher leads")
        go_on.set()
        while service._repair.under_way:
            await asyncio.sleep(0)
        assert not ready(service)
        assert mesos.subscriptions == [None]

    play(test, SlowDisk(DRIVERS))


def test_a_framework_that_is_refused_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "_REFUSED_PAUSE", 0.01)

    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_end(End.REFUSED, MesosError("the role is bad"))
        assert ready(service)
        assert service.condition.reason == "the role is bad"
        assert (await service.create(submission())).driver is not None
        await mesos.until(lambda: mesos.subscriptions == [None, None])
        service.on_subscribed("f-1", "")
        assert service.condition.reason == ""

    play(test)


def test_condition_says_why_mesos_does_not_know_it() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        assert ready(service)
        assert not subscribed(service)
        assert service.condition.reason == "nobody answers"
        assert service.condition.master == "mesos://m:5050"
        service.on_subscribed("f-1", "10.0.0.1:5050")
        await service.subscribed()
        assert subscribed(service)
        assert service.condition.master == "http://10.0.0.1:5050"
        assert service.condition.framework_id == "f-1"
        service.on_disconnected()
        assert not subscribed(service)

    play(test)


def test_what_is_due_is_done_in_time() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        driver = (await service.create(submission(supervise=True))).driver
        assert driver is not None
        service.on_event(offers("o1"))
        await mesos.until(lambda: bool(mesos.of(LaunchTasks)))
        mesos.calls.clear()
        service.on_event(update(driver.id, "TASK_FAILED"))
        # Nothing happens from now on but time.
        await mesos.until(lambda: bool(mesos.of(Revive)))
        service.on_event(offers("o2"))
        await mesos.until(lambda: bool(mesos.of(LaunchTasks)))
        assert mesos.of(LaunchTasks)[0].tasks[0]["task_id"]["value"] == f"{driver.id}-retry-1"

    play(test)


def test_killing_and_clearing() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")
        running = (await service.create(submission())).driver
        assert running is not None
        service.on_event(offers("o1"))
        await mesos.until(lambda: bool(mesos.of(LaunchTasks)))
        waiting = (await service.create(submission())).driver
        assert waiting is not None
        answers = {answer.driver_id: answer for answer in await service.kill_all()}
        assert answers[running.id].success
        assert answers[waiting.id].message == "Removed driver while it's still pending"
        await mesos.until(lambda: mesos.of(KillTask) == [KillTask(running.id, "S0")])
        assert await service.clear() == 1
        assert set(disk.records) == {running.id}
        assert not (await service.kill("driver-unknown")).success

    play(test)


def test_the_end_waits_for_the_disk() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        disk.go_on.clear()
        creating = asyncio.create_task(service.create(submission()))
        await _in_thread(disk.writing.wait)
        closing = asyncio.create_task(service.close())
        await asyncio.sleep(0)
        with pytest.raises(FrameworkError, match="just stopping"):
            await service.create(submission())
        assert (mesos.closed, disk.closed) == (False, False)
        disk.go_on.set()
        await closing
        assert (await creating).driver is not None
        assert (mesos.closed, disk.closed) == (True, True)

    play(test, close=False)


def test_a_store_that_cannot_be_opened_or_read_is_an_error() -> None:
    async def run(open_store: Callable[[], Disk]) -> None:
        service = DispatcherService(
            open_store=open_store, new_book=lambda: Book(Limits(), build), master="mesos://m:5050"
        )
        try:
            await service.open()
        finally:
            await service.close()

    def refuse() -> Disk:
        raise StoreError("in use by another dispatcher")

    with pytest.raises(StoreError, match="in use"):
        asyncio.run(run(refuse))
    disk = Disk(DRIVERS)
    disk.failing = StoreError("not a database")
    with pytest.raises(StoreError, match="not a database"):
        asyncio.run(run(lambda: disk))
    assert disk.closed


def test_the_framework_id_is_kept() -> None:
    async def test(service: DispatcherService, disk: Disk, mesos: PlayedMesos) -> None:
        service.on_subscribed("f-1", "")

    disk = play(test)
    assert disk.framework == "f-1"
    assert any(isinstance(change, SaveFramework) for changes in disk.applied for change in changes)
