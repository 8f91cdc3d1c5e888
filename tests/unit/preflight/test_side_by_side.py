from __future__ import annotations

import threading
import time

import pytest

from sparkmesos_core.preflight.side_by_side import side_by_side

FAR = 60.0


def test_all_at_once() -> None:
    # Each waits for all the others: one after the other they would never end.
    together = threading.Barrier(3)

    def job() -> int:
        return together.wait(FAR)

    outcome = side_by_side({"a": job, "b": job, "c": job}, time.monotonic() + FAR)
    assert sorted(outcome.results.values()) == [0, 1, 2]
    assert list(outcome.results) == ["a", "b", "c"]
    assert (outcome.failures, outcome.late) == ({}, ())


def test_a_failure_is_told_and_the_others_go_on() -> None:
    def fail() -> int:
        raise ValueError("no")

    outcome = side_by_side({"bad": fail, "good": lambda: 1}, time.monotonic() + FAR)
    assert outcome.results == {"good": 1}
    assert str(outcome.failures["bad"]) == "no"


def test_nobody_waits_for_who_is_late() -> None:
    go = threading.Event()
    try:
        outcome = side_by_side({"late": go.wait, "done": lambda: True}, time.monotonic() + 0.5)
        assert (outcome.results, outcome.late) == ({"done": True}, ("late",))
        (left,) = (one for one in threading.enumerate() if one.name == "preflight: late")
        assert left.daemon  # so that the end of the process does not wait for it, either
    finally:
        go.set()
    left.join()


def test_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    outcome = side_by_side({"job": lambda: 1}, time.monotonic() + FAR)
    assert str(outcome.failures["job"]) == "can't start new thread"


def test_nothing_to_do() -> None:
    assert side_by_side({}, time.monotonic()).results == {}
