from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.localcluster.master.deadlines import Deadlines


def test_the_earliest_comes_first() -> None:
    deadlines = Deadlines()
    deadlines.set("ping", "a", 3)
    deadlines.set("offer", "b", 2)
    assert deadlines.next() == 2
    assert deadlines.pop_due(1.9) is None
    assert deadlines.pop_due(2) == ("offer", "b")
    assert deadlines.pop_due(2) is None
    assert deadlines.next() == 3


def test_a_new_time_replaces_the_old_one() -> None:
    deadlines = Deadlines()
    deadlines.set("ping", "a", 3)
    deadlines.set("ping", "a", 1)
    deadlines.set("ping", "a", 5)
    assert deadlines.next() == 5
    assert deadlines.get("ping", "a") == 5
    assert deadlines.pop_due(4) is None
    deadlines.cancel("ping", "a")
    deadlines.cancel("ping", "a")
    assert deadlines.next() is None
    assert deadlines.get("ping", "a") is None


def test_what_was_cancelled_is_not_kept_for_ever() -> None:
    deadlines = Deadlines()
    deadlines.set("ping", "a", 5)
    for number in range(1000):
        deadlines.set("offer", str(number), 1000 + number)
        deadlines.cancel("offer", str(number))
    assert len(deadlines._heap) < 100
    assert deadlines.next() == 5


TIMES = st.integers(0, 20)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.none() | TIMES)), TIMES)
def test_what_is_left_counts(steps: list[tuple[str, int | None]], now: int) -> None:
    deadlines, expected = Deadlines(), dict[str, int]()
    for name, when in steps:
        if when is None:
            deadlines.cancel("offer", name)
            expected.pop(name, None)
        else:
            deadlines.set("offer", name, when)
            expected[name] = when
    due = []
    while (deadline := deadlines.pop_due(now)) is not None:
        due.append(deadline[1])
    assert sorted(due) == sorted(name for name, when in expected.items() if when <= now)
    assert [expected[name] for name in due] == sorted(expected[name] for name in due)
    left = [when for when in expected.values() if when > now]
    assert deadlines.next() == min(left, default=None)
