"""Facts: read once, in time, and with failures that are told by one check."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sparkmesos_core.errors import MesosError, SparkMesosError, TimedOutError, UnreachableError
from sparkmesos_core.mesos.http import NO_ANSWER
from sparkmesos_core.verify.known import Fact, Known, UnknownFactError
from sparkmesos_core.verify.subject import ProbeOptions
from tests.verified import subject

LONG = 60.0
"""Seconds that no test waits for."""


def fact(read: Callable[[Known], str], name: str = "a thing", **others) -> Fact[str]:
    return Fact(name, read, reported_by=f"{name.split()[-1]}-check", **others)


@pytest.fixture
def known() -> Iterator[Known]:
    with Known(subject(), timeout=LONG) as known:
        yield known


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """An event that does not come while the test runs; what waits for it ends with that."""
    event = threading.Event()
    yield event
    event.set()


def failing(error: Exception) -> Callable[[Known], str]:
    def read(_known: Known) -> str:
        raise error

    return read


@pytest.mark.parametrize(
    ("timeout", "hint", "told"),
    [
        (5.0, "See whether it hangs", "See whether it hangs. --check-timeout gives it more time."),
        (5.0, "", "--check-timeout gives it more time."),
        (0.5, "See whether it hangs.", "--check-timeout gives it more time. See whether it hangs."),
    ],
)
def test_where_no_answer_came_in_time_the_option_that_gives_more_is_named(timeout, hint, told):
    silent = failing(UnreachableError(f"http://m:5050 {NO_ANSWER} 5 s", hint=hint))
    refusing = failing(UnreachableError("http://m:5050 refuses the connection", hint="Start it"))
    with Known(subject(), timeout=timeout) as known:
        for _ in range(2):  # not added again for the next who asks
            with pytest.raises(UnknownFactError) as caught:
                known[fact(silent)]
            assert caught.value.error.hint == told
        with pytest.raises(UnknownFactError) as caught:
            known[fact(refusing)]
    assert caught.value.error.hint == "Start it"


def test_a_fact_is_read_once_for_all_who_ask_at_the_same_time(known):
    readings = []
    all_ask = threading.Barrier(5)

    def read(_known: Known) -> str:
        readings.append(threading.current_thread())
        return "it"

    it = fact(read)
    got: list[str] = []

    def ask() -> None:
        all_ask.wait(LONG)
        got.append(known[it])

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert got == ["it"] * 5
    assert len(readings) == 1


def test_a_fact_that_is_none_is_known(known):
    readings = []
    nothing: Fact[str | None] = Fact("nothing", lambda _: readings.append(1), reported_by="x")
    assert known[nothing] is None
    assert known[nothing] is None
    assert readings == [1]


def test_a_failure_names_the_fact_and_keeps_its_hint(known):
    it = fact(failing(MesosError("it refuses", hint="ask nicely")))
    with pytest.raises(UnknownFactError) as caught:
        known[it]
    assert caught.value.fact is it
    assert (caught.value.error.message, caught.value.error.hint) == ("it refuses", "ask nicely")
    assert str(caught.value) == "a thing: it refuses"


def test_a_failure_is_read_once_and_raised_anew_for_each(known):
    attempts = []

    def read(_known: Known) -> str:
        attempts.append(1)
        raise UnreachableError("not there")

    it = fact(read)
    caught = []
    for _ in range(2):
        with pytest.raises(UnknownFactError) as each:
            known[it]
        caught.append(each.value)
    assert attempts == [1]
    assert caught[0] is not caught[1]  # of which each thread has its own traceback


def test_of_a_chain_of_facts_the_root_is_named(known):
    root = fact(failing(UnreachableError("not there")), "the root")
    middle = fact(lambda each: each[root], "the middle")
    leaf = fact(lambda each: each[middle], "the leaf")
    with pytest.raises(UnknownFactError) as caught:
        known[leaf]
    assert caught.value.fact is root
    assert known.failure(leaf) is known.failure(root)
    assert isinstance(known.failure(leaf), UnreachableError)


def test_failure_is_none_for_what_is_known_or_was_not_asked_for(known):
    it, other = fact(lambda _: "it"), fact(failing(MesosError("no")))
    assert known[it] == "it"
    assert known.failure(it) is None
    assert known.failure(other) is None


def test_a_fault_of_ours_is_a_failure_of_that_fact_and_is_logged(known, caplog):
    caplog.set_level(logging.INFO)
    it = fact(failing(KeyError("slaves")))
    with pytest.raises(UnknownFactError, match="Reading a thing failed: KeyError") as caught:
        known[it]
    assert caught.value.fact is it
    assert "verify-cluster" in caught.value.error.hint
    assert any(record.exc_info for record in caplog.records)


def test_a_fact_that_hangs_is_given_up_in_its_time(never):
    known = Known(subject(), timeout=0.05)
    it = fact(lambda _: str(never.wait(LONG)))
    with pytest.raises(UnknownFactError) as caught:
        known[it]
    assert isinstance(caught.value.error, TimedOutError)
    assert caught.value.error.message == "Reading a thing took longer than 0.05 s"
    assert caught.value.error.hint == "--check-timeout gives it more time."


def test_what_comes_too_late_stays_unknown_for_all(never):
    known = Known(subject(), timeout=0.05)
    ended = threading.Event()

    def read(_known: Known) -> str:
        never.wait(LONG)
        ended.set()
        return "too late"

    it = fact(read)
    with pytest.raises(UnknownFactError):
        known[it]
    never.set()
    assert ended.wait(LONG)
    with pytest.raises(UnknownFactError):
        known[it]


def test_a_fact_may_have_more_patience_than_a_check(never):
    """Half of the time of a check more would not be enough; its own patience is."""
    known = Known(subject(), timeout=0.05)
    released = threading.Timer(0.3, never.set)
    released.start()
    it = fact(lambda _: "it" if never.wait(LONG) else "", patience=1000)
    assert known[it] == "it"
    released.join()


def test_a_fact_may_have_its_time_from_an_option(never):
    probing = subject(probe=ProbeOptions(timeout=0.05))
    known = Known(probing, timeout=LONG)
    it = fact(
        lambda _: str(never.wait(LONG)),
        seconds=lambda each: each.probe.timeout,
        more_time="--probe-timeout",
    )
    with pytest.raises(UnknownFactError, match=r"longer than 0\.05 s") as caught:
        known[it]
    assert caught.value.error.hint == "--probe-timeout gives it more time."


def test_a_fact_does_not_pay_for_those_that_it_relies_on(never):
    """The slow one has the patience for it; who asks for it, and has none, is not late because of it."""
    known = Known(subject(), timeout=0.05)
    slow = fact(lambda _: "it" if never.wait(LONG) else "", "the slow", patience=1000)
    quick = fact(lambda each: each[slow], "the quick")
    released = threading.Timer(0.3, never.set)
    released.start()
    assert known[quick] == "it"
    released.join()


def test_of_a_chain_that_hangs_the_root_is_late(never):
    known = Known(subject(), timeout=0.05)
    root = fact(lambda _: str(never.wait(LONG)), "the root")
    leaf = fact(lambda each: each[root], "the leaf")
    with pytest.raises(UnknownFactError) as caught:
        known[leaf]
    assert caught.value.fact is root


def test_waiting_is_counted_for_the_thread_that_waits(known, never):
    it = fact(lambda _: str(never.wait(LONG)))
    thread = threading.Thread(target=lambda: known[it])
    began = time.monotonic()
    thread.start()
    while known.waited(thread) < 0.05:
        assert time.monotonic() < began + LONG
    never.set()
    thread.join(LONG)
    assert 0.05 <= known.waited(thread) <= time.monotonic() - began
    assert known.waited(threading.current_thread()) == 0


def test_cleanups_run_in_reverse_and_once():
    done: list[str] = []
    with Known(subject(), timeout=LONG) as known:
        known.on_close(lambda: done.append("first"))
        known.on_close(lambda: done.append("second"))
    known.close()
    assert done == ["second", "first"]


def test_a_cleanup_that_fails_keeps_no_other_from_its_turn(caplog):
    done: list[str] = []

    def fails() -> None:
        raise SparkMesosError("the framework is still there")

    known = Known(subject(), timeout=LONG)
    known.on_close(lambda: done.append("first"))
    known.on_close(fails)
    known.close()
    assert done == ["first"]
    assert "the framework is still there" in caplog.text


def test_what_is_started_after_the_end_is_ended_at_once():
    """As a probe whose framework was being made when somebody pressed Ctrl-C."""
    done: list[str] = []
    known = Known(subject(), timeout=LONG)
    known.close()
    known.on_close(lambda: done.append("late"))
    assert done == ["late"]


def test_cleanups_run_when_the_block_is_interrupted():
    done: list[str] = []

    def interrupted() -> None:
        with Known(subject(), timeout=LONG) as known:
            known.on_close(lambda: done.append("it"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["it"]
