"""--wait-for-agents: what is waited for, and what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from sparkmesos_core.errors import MesosError, TimedOutError, UnreachableError
from sparkmesos_core.verify.waiting import next_pause, wait_for_agents


class Clock:
    """A time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said() -> list[str]:
    return []


def counting(
    answers: Iterable[int | Exception], clock: Clock, *, takes: float = 0.0
) -> Callable[[float], int]:
    """Each takes so long, or as long as it may."""
    left = iter(answers)

    def count(at_most: float) -> int:
        clock.now += min(takes, at_most)
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return count


def wait(wanted, answers, said, clock, *, timeout=None, interval=2.0, takes=0.0) -> None:
    wait_for_agents(
        wanted,
        counting(answers, clock, takes=takes),
        said.append,
        interval=interval,
        timeout=timeout,
        clock=clock,
        sleep=clock.sleep,
    )


@pytest.mark.parametrize("there", [3, 4])
def test_enough_agents_are_not_waited_for(clock, said, there):
    wait(3, [there], said, clock)
    assert (clock.slept, said) == ([], [])


def test_each_change_is_told_once(clock, said):
    wait(3, [0, 0, 1, 1, 3], said, clock)
    assert said == [
        "Waiting for agents: 0 of 3 agents are active",
        "Waiting for agents: 1 of 3 agents are active",
    ]
    assert clock.slept == [2.0] * 4


def test_a_master_that_does_not_answer_yet_is_waited_for(clock, said):
    wait(1, [UnreachableError("nobody leads"), TimedOutError("no answer"), 1], said, clock)
    assert said == ["Waiting for agents: nobody leads", "Waiting for agents: no answer"]


def test_a_master_that_recovers_or_hands_over_is_waited_for(clock, said):
    wait(
        1, [MesosError("has yet to recover", status=503), MesosError("points on", status=307), 1], said, clock
    )
    assert clock.slept == [2.0, 2.0]


def test_what_waiting_does_not_mend_ends_it_at_once(clock, said):
    with pytest.raises(MesosError, match="refuses the credentials"):
        wait(1, [MesosError("refuses the credentials", status=401)], said, clock)
    assert clock.slept == []


def test_it_ends_in_time_and_with_a_last_look(clock, said):
    with pytest.raises(TimedOutError) as caught:
        wait(3, [0, 1, 2, 2], said, clock, timeout=5.0)
    assert clock.slept == [2.0, 2.0, 1.0]
    assert caught.value.message == "After 5 s: 2 of 3 agents are active"
    assert caught.value.hint == (
        "--expect-agents 3 and --agents-file, without waiting, tell which are missing; --timeout waits longer"
    )


def test_of_a_master_that_never_answers_its_hint_is_given(clock, said):
    with pytest.raises(TimedOutError) as caught:
        wait(1, [UnreachableError("nobody leads", hint="Check the host")] * 2, said, clock, timeout=1.0)
    assert caught.value.message == "After 1 s: nobody leads"
    assert caught.value.hint == "Check the host; --timeout waits longer"


def test_a_look_ends_with_the_time_and_a_last_one_has_a_second(clock, said):
    silent = [UnreachableError("nobody answers", hint="Start it.")] * 9
    with pytest.raises(TimedOutError) as caught:
        wait(1, silent, said, clock, timeout=3.0, takes=5.0)
    assert (clock.now, clock.slept) == (103.0, [])
    assert caught.value.message == "After 3 s: nobody answers"
    assert caught.value.hint == "Start it. --timeout waits longer."
    with pytest.raises(TimedOutError, match="After 7 s"):
        wait(1, silent[:2], said, clock, timeout=6.0, takes=5.0, interval=2.0)


def test_a_last_look_may_be_in_time(clock, said):
    wait(3, [0, 1, 2, 3], said, clock, timeout=5.0)
    assert clock.now == 105.0


@pytest.mark.parametrize(
    ("left", "took", "pause"),
    [
        (None, 100.0, 5.0),
        (60.0, 1.0, 5.0),
        (4.0, 1.0, 3.0),  # so that the last look ends with the time
        (1.0, 1.0, None),
        (-1.0, 0.5, None),
    ],
)
def test_a_look_that_would_end_too_late_is_not_begun(left, took, pause):
    assert next_pause(5.0, left, took) == pause
