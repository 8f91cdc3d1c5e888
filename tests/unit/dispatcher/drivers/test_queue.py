from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.drivers.driver import Driver, State
from sparkmesos_core.dispatcher.drivers.queue import DriverQueue, Retries
from tests.unit.dispatcher.drivers.play import START, submission


def driver(number: int, priority: float = 0.0, due: float | None = None) -> Driver:
    waiting = State.QUEUED if due is None else State.RETRYING
    accepted = Driver(f"driver-{number:04d}", number, submission(priority=priority), START)
    return replace(accepted, state=waiting, next_retry_at=due)


STEPS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from([-1.5, 0.0, 2.0])), max_size=40)


@given(STEPS)
def test_the_queue_is_always_in_order(steps: list[tuple[int, float]]) -> None:
    queue = DriverQueue()
    inside: dict[int, Driver] = {}
    for number, priority in steps:
        if number in inside:
            queue.remove(inside.pop(number))
        else:
            inside[number] = driver(number, priority)
            queue.add(inside[number])
        expected = sorted(inside.values(), key=lambda one: (-one.submission.priority, one.number))
        assert list(queue) == [one.id for one in expected]
        assert len(queue) == len(inside)
        assert [queue.position(one) for one in expected] == list(range(1, len(expected) + 1))


def test_retries_by_when_they_are_due() -> None:
    retries = Retries()
    late, soon, also_soon = driver(1, due=30.0), driver(2, due=10.0), driver(3, due=10.0)
    for one in (late, also_soon, soon):
        retries.add(one)
    assert retries.due(9.9) == []
    assert retries.next_after(9.9) == 10.0
    assert retries.due(10.0) == [soon.id, also_soon.id]
    assert retries.next_after(10.0) == 30.0
    retries.remove(soon)
    assert (retries.due_count(30.0), len(retries)) == (2, 2)
    assert retries.next_after(30.0) is None
