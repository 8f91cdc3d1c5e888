from __future__ import annotations

from itertools import pairwise
from typing import Any

from sparkmesos_core.localcluster.status_updates import LONGEST_RETRY_SECONDS, UpdateQueue


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


def test_when_the_framework_is_gone_nothing_is_kept() -> None:
    updates = UpdateQueue()
    updates.add(status("a"), 0)
    updates.close()
    assert updates.settled
    assert updates.deadline is None
    assert updates.add(status("b"), 1) is None
    assert updates.settled


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
