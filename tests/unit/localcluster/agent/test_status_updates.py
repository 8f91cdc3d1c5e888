from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from sparkmesos_core.localcluster.agent.status_updates import (
    LONGEST_RETRY_SECONDS,
    UpdateQueue,
    UpdateStreams,
)


def status(uuid: str) -> dict[str, Any]:
    return {"uuid": uuid}


def test_the_next_one_goes_only_after_the_one_before_was_acknowledged() -> None:
    updates = UpdateQueue()
    assert updates.add(status("a"), 0) == status("a")
    assert updates.add(status("b"), 0) is None
    assert updates.add(status("c"), 0) is None
    assert updates.acknowledge("b", 1) is None
    assert updates.acknowledge("a", 1) == status("b")
    assert updates.acknowledge("a", 1) is None
    assert updates.acknowledge("b", 1) == status("c")
    settled = [updates.settled]
    assert updates.acknowledge("c", 1) is None
    assert [*settled, updates.settled] == [False, True]
    assert updates.deadline is None


def test_what_is_not_acknowledged_is_repeated_ever_more_slowly() -> None:
    updates = UpdateQueue()
    updates.add(status("a"), 0)
    assert updates.due(9.9) is None
    deadlines = []
    for _ in range(20):
        deadline = updates.deadline or 0.0
        deadlines.append(deadline)
        assert updates.due(deadline) == status("a")
    pauses = [later - before for before, later in pairwise(deadlines)]
    assert deadlines[0] == 10
    assert pauses[:3] == [20, 40, 80]
    assert max(pauses) == pauses[-1] == LONGEST_RETRY_SECONDS


def test_patience_begins_anew_with_each_update() -> None:
    updates = UpdateQueue(retry=1)
    updates.add(status("a"), 0)
    updates.due(1)
    updates.add(status("b"), 1)
    updates.acknowledge("a", 2)
    assert updates.deadline == 3


def test_a_new_receiver_is_told_at_once_what_waits_and_patience_begins_anew() -> None:
    updates = UpdateQueue(retry=1)
    assert updates.again(0) is None
    updates.add(status("a"), 0)
    for _ in range(5):
        updates.due(updates.deadline or 0.0)
    assert updates.again(40) == status("a")
    assert updates.deadline == 41
    assert updates.due(41) == status("a")
    assert updates.deadline == 43


class Told:
    """Streams, and what they have told: (framework, uuid, latest state, whether it waits for its turn)."""

    def __init__(self, retry: float = 600.0) -> None:
        self.said: asyncio.Queue[tuple[str, str, str, bool]] = asyncio.Queue()
        self.streams = UpdateStreams(retry, asyncio.get_running_loop().time, self.tell)

    def tell(self, framework_id: str, status: dict[str, Any], latest_state: str, *, waiting: bool) -> None:
        self.said.put_nowait((framework_id, status["uuid"], latest_state, waiting))

    def all(self) -> list[tuple[str, str, str, bool]]:
        return [self.said.get_nowait() for _ in range(self.said.qsize())]


def of_task(task_id: str, uuid: str, state: str = "TASK_RUNNING") -> dict[str, Any]:
    return {"task_id": {"value": task_id}, "uuid": uuid, "state": state}


def streams(scene: Callable[[Told], Awaitable[None]], retry: float = 600.0) -> None:
    async def run() -> None:
        told = Told(retry)
        told.streams.resume()
        await scene(told)
        told.streams.pause()

    asyncio.run(run())


def test_each_task_has_its_own_stream_and_the_master_hears_of_every_state_at_once() -> None:
    async def scene(told: Told) -> None:
        told.streams.add("F", of_task("1", "a"))
        told.streams.add("F", of_task("1", "b", "TASK_FINISHED"))
        told.streams.add("F", of_task("2", "c"))
        assert told.all() == [
            ("F", "a", "TASK_RUNNING", False),
            ("F", "b", "TASK_FINISHED", True),
            ("F", "c", "TASK_RUNNING", False),
        ]
        assert not told.streams.acknowledge("F", "1", "b")
        assert told.streams.acknowledge("F", "1", "a")
        assert told.all() == [("F", "b", "TASK_FINISHED", False)]
        assert told.streams.acknowledge("F", "1", "b")
        assert not told.streams.acknowledge("F", "1", "b")
        assert not told.streams.acknowledge("F", "unknown", "b")

    streams(scene)


def test_without_a_master_nothing_is_told_and_a_new_one_hears_what_is_not_acknowledged() -> None:
    async def scene(told: Told) -> None:
        told.streams.add("F", of_task("1", "a"))
        told.streams.pause()
        told.streams.add("F", of_task("1", "b"))
        told.streams.add("G", of_task("2", "c"))
        assert told.all() == [("F", "a", "TASK_RUNNING", False)]
        told.streams.resume()
        assert told.all() == [("F", "a", "TASK_RUNNING", False), ("G", "c", "TASK_RUNNING", False)]
        told.streams.again("G")
        assert told.all() == [("G", "c", "TASK_RUNNING", False)]

    streams(scene)


def test_what_a_former_agent_has_left_is_told_first() -> None:
    async def scene(told: Told) -> None:
        told.streams.restore("F", "1", [of_task("1", "a"), of_task("1", "b")], "TASK_FAILED")
        told.streams.restore("F", "2", [], "TASK_RUNNING")
        told.streams.resume()
        assert told.all() == [("F", "a", "TASK_FAILED", False)]
        assert told.streams.acknowledge("F", "1", "a")
        assert told.all() == [("F", "b", "TASK_FAILED", False)]

    streams(scene)


def test_updates_are_repeated_until_the_framework_is_gone() -> None:
    async def scene(told: Told) -> None:
        told.streams.add("F", of_task("1", "a"))
        said = [await asyncio.wait_for(told.said.get(), 10) for _ in range(3)]
        assert said == [("F", "a", "TASK_RUNNING", False)] * 3
        told.streams.forget("F")
        assert not told.streams.acknowledge("F", "1", "a")
        told.all()
        told.streams.again()
        assert told.all() == []

    streams(scene, retry=0.01)
