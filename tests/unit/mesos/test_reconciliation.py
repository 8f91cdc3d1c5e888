"""Which tasks are asked for again, and when."""

from __future__ import annotations

import itertools

from sparkmesos_core.mesos.reconciliation import FIRST_PAUSE, LONGEST_PAUSE, Reconciliation


def test_nothing_is_due_before_something_was_asked() -> None:
    assert Reconciliation().due(1e9) == {}


def test_what_is_not_answered_is_asked_for_again_ever_more_rarely() -> None:
    open_tasks = Reconciliation()
    open_tasks.asked({"a": "S1", "b": None}, now=100)
    assert open_tasks.due(100 + FIRST_PAUSE - 0.1) == {}
    times: list[float] = []
    now = 100.0
    while len(times) < 8:
        now += 0.5
        if open_tasks.due(now):
            times.append(now)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses == [5, 10, 20, 40, 60, 60, 60]
    assert LONGEST_PAUSE == 60


def test_what_was_heard_of_is_not_asked_for_again() -> None:
    open_tasks = Reconciliation()
    open_tasks.asked({"a": "S1", "b": None}, now=0)
    open_tasks.heard("a")
    open_tasks.heard("never asked for")
    assert open_tasks.due(FIRST_PAUSE) == {"b": None}
    open_tasks.heard("b")
    assert open_tasks.due(1e9) == {}


def test_a_new_subscription_asks_at_once() -> None:
    open_tasks = Reconciliation()
    open_tasks.asked({"a": None}, now=0)
    open_tasks.subscribed(now=1)
    assert open_tasks.due(1) == {"a": None}
    assert open_tasks.due(2) == {}
    assert open_tasks.due(1 + FIRST_PAUSE) == {"a": None}


def test_a_later_question_starts_over() -> None:
    open_tasks = Reconciliation()
    open_tasks.asked({"a": None}, now=0)
    for now in range(1000):
        open_tasks.due(now)
    open_tasks.asked({"b": "S2"}, now=1000)
    assert open_tasks.due(1000 + FIRST_PAUSE) == {"a": None, "b": "S2"}
