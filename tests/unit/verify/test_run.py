"""Checks side by side: what becomes of each, and that no one of them holds up or hides another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Origin, Source
from sparkmesos_core.errors import MesosError, UnreachableError
from sparkmesos_core.verify.check import Check, Result, Status, Verdict, not_applicable
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.verify.run import run_checks
from tests.verified import check, problem, subject

LONG = 60.0


@pytest.fixture
def never() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def results(*checks: Check, timeout: float = LONG) -> dict[str, Result]:
    with Known(subject(), timeout=timeout) as known:
        found = list(run_checks(checks, known))
    assert sorted(each.check.id for each in found) == sorted(each.id for each in checks)
    return {each.check.id: each for each in found}


def saying(verdict: Verdict) -> Callable[[Known], Verdict]:
    return lambda known: verdict


def raising(error: Exception) -> Callable[[Known], Verdict]:
    def run(_known: Known) -> Verdict:
        raise error

    return run


def asking(fact: Fact[str]) -> Callable[[Known], Verdict]:
    return lambda known: Verdict(known[fact])


def unknown(reported_by: str, error: Exception) -> Fact[str]:
    def read(_known: Known) -> str:
        raise error

    return Fact("the thing", read, reported_by=reported_by)


def test_no_checks_are_done_at_once():
    assert results() == {}


def test_a_check_without_problems_is_ok():
    found = results(check("one", saying(Verdict("2 agents"))))["one"]
    assert (found.status, found.seen, found.problems, found.follows) == (Status.OK, "2 agents", (), "")
    assert found.seconds >= 0


def test_the_worst_problem_makes_the_status_and_comes_first():
    note, warning, error = (problem(severity) for severity in reversed(Severity))
    found = results(check("one", saying(Verdict("2 agents", (note, warning, error)))))["one"]
    assert found.status is Status.ERROR
    assert found.problems == (error, warning, note)


def test_a_problem_tells_where_its_property_is_set():
    key = "spark.cores.max"
    problems = (
        problem(key=key),
        problem(key="spark.executor.cores"),
        problem(key=key, origin=Origin(Source.OPTION, "-x")),
    )
    one = check(run=lambda known: Verdict("seen", problems))
    with Known(subject({key: "2"}), timeout=60) as known:
        (found,) = run_checks([one], known)
    assert [str(each.origin) if each.origin else None for each in found.problems] == ["--conf", None, "-x"]


def test_what_has_nothing_to_look_at_is_skipped_and_says_why():
    found = results(check("one", saying(not_applicable("no executor URI is set"))))["one"]
    assert (found.status, found.seen, found.follows) == (Status.SKIPPED, "no executor URI is set", "")


@pytest.mark.parametrize("severity", Severity)
def test_an_error_of_a_check_is_a_problem_of_its_severity(severity):
    run = raising(MesosError("it refuses", hint="ask nicely"))
    found = results(check("one", run, severity=severity))["one"]
    assert found.status.value == severity.value
    assert [(each.severity, each.message, each.hint) for each in found.problems] == [
        (severity, "it refuses", "ask nicely")
    ]


def test_a_fault_of_ours_fails_the_check_and_hides_nothing(caplog):
    caplog.set_level(logging.INFO)
    found = results(check("broken", raising(IndexError("no"))), check("other"))
    assert found["broken"].status is Status.ERROR
    assert "IndexError" in found["broken"].problems[0].message
    assert "--skip broken" in found["broken"].problems[0].hint
    assert found["other"].status is Status.OK
    assert any(record.exc_info for record in caplog.records)


def test_a_failure_shows_once_where_it_is_reported():
    leader = unknown("master-leader", UnreachableError("nobody leads", hint="start it"))
    found = results(
        check("version", asking(leader)),
        check("master-leader", asking(leader)),
        check("agents", asking(leader)),
    )
    assert found["master-leader"].status is Status.ERROR
    assert found["master-leader"].problems[0].hint == "start it"
    for id in ("version", "agents"):
        assert found[id].status is Status.SKIPPED
        assert found[id].follows == "master-leader"
        assert found[id].seen == "cannot be checked: see master-leader"
        assert found[id].problems == ()


def test_what_relies_on_a_chain_follows_its_root():
    leader = unknown("master-leader", UnreachableError("nobody leads"))
    state = Fact("the state", lambda known: known[leader], reported_by="master-state")
    found = results(
        check("master-leader", asking(leader)),
        check("master-state", asking(state)),
        check("agents", asking(state)),
    )
    assert {id: each.follows for id, each in found.items()} == {
        "master-leader": "",
        "master-state": "master-leader",
        "agents": "master-leader",
    }


def test_a_failure_that_nobody_reports_is_told_by_the_first_of_the_gravest_that_need_it():
    """As with --only agents. It takes the same result whichever of them is done first."""
    leader = unknown("master-leader", UnreachableError("nobody leads", hint="start it"))
    found = results(
        check("names", asking(leader), severity=Severity.NOTE),
        check("agents", asking(leader)),
        check("free", asking(leader), severity=Severity.WARNING),
        check("version", asking(leader)),
        check("fine"),
    )
    told = found.pop("agents")
    assert (told.status, told.seen, told.follows) == (Status.ERROR, "nobody leads", "")
    assert [(one.severity, one.message, one.hint) for one in told.problems] == [
        (Severity.ERROR, "nobody leads", "start it")
    ]
    assert found.pop("fine").status is Status.OK
    for one in found.values():
        assert (one.status, one.follows, one.problems) == (Status.SKIPPED, "agents", ())
        assert one.seen == "cannot be checked: see agents"


def test_a_failure_that_nobody_reports_is_told_no_louder_than_those_that_need_it():
    leader = unknown("master-leader", UnreachableError("nobody leads", hint="start it"))
    found = results(
        check("names", asking(leader), severity=Severity.NOTE),
        check("free", asking(leader), severity=Severity.WARNING),
    )
    assert {id: one.status for id, one in found.items()} == {
        "names": Status.SKIPPED,
        "free": Status.WARNING,
    }


def test_of_several_failures_that_nobody_reports_each_is_told_once():
    def failing(message: str) -> Fact[str]:
        return unknown("master-state", MesosError(message, hint="do it"))

    state, agents, same = (
        failing("/state is refused"),
        failing("/slaves is refused"),
        failing("/state is refused"),
    )
    found = results(
        check("frameworks", asking(state)),
        check("tasks", asking(state)),
        check("logs", asking(same)),
        check("agents", asking(agents)),
        check("names", asking(agents)),
    )
    assert {id: one.follows for id, one in found.items()} == {
        "frameworks": "",
        "tasks": "frameworks",
        "logs": "frameworks",
        "agents": "",
        "names": "agents",
    }
    assert found["agents"].seen == "/slaves is refused"


@pytest.mark.parametrize("severity", Severity)
def test_a_check_that_hangs_is_given_up_and_holds_up_no_other(never, severity):
    def hang(_known: Known) -> Verdict:
        never.wait(LONG)
        return Verdict("too late")

    with Known(subject(), timeout=0.05) as known:
        checks = [check("hangs", hang, severity=severity), check("other")]
        found = {each.check.id: each for each in run_checks(checks, known)}
    assert found["other"].status is Status.OK
    late = found["hangs"]
    assert (late.status, late.seen) == (Status(severity.value), "no result within 0.05 s")
    assert late.problems[0].severity is severity
    assert "--check-timeout" in late.problems[0].hint
    assert "--skip hangs" in late.problems[0].hint


def test_who_keeps_to_the_time_itself_gets_to_say_what_it_has_waited_for(never, monkeypatch):
    monkeypatch.setattr("sparkmesos_core.verify.run.GRACE", LONG)
    monkeypatch.setattr("sparkmesos_core.verify.known.GRACE", LONG)

    def give_up(known: Known) -> Verdict:
        never.wait(known.timeout)
        raise UnreachableError("Java says nothing")

    it: Fact[str] = Fact("it", lambda known: give_up(known).seen, reported_by="fact")
    found = results(check("check", give_up), check("fact", asking(it)), timeout=0.01)
    assert {each.seen for each in found.values()} == {"Java says nothing"}


def test_where_there_are_no_more_threads_that_is_said_of_each_check(monkeypatch):
    start = threading.Thread.start

    def refused(thread: threading.Thread) -> None:
        if thread.name in ("verify: two", "verify: the leader"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refused)
    leader: Fact[str] = Fact("the leader", lambda known: "it", reported_by="one")
    found = results(check("one", asking(leader)), check("two"), check("three"))
    for id in ("one", "two"):
        assert found[id].status is Status.ERROR
        assert found[id].seen == "No more threads can be started on this machine"
        assert "ulimit -u" in found[id].problems[0].hint
    assert found["three"].status is Status.OK


def test_results_come_as_they_are_there_and_not_in_the_order_of_checks(never):
    def wait(_known: Known) -> Verdict:
        never.wait(LONG)
        return Verdict("at last")

    with Known(subject(), timeout=LONG) as known:
        coming = run_checks([check("slow", wait), check("quick")], known)
        assert next(coming).check.id == "quick"
        never.set()
        assert next(coming).check.id == "slow"
        assert list(coming) == []


def test_checks_run_at_the_same_time():
    meet = threading.Barrier(3)

    def run(_known: Known) -> Verdict:
        meet.wait(LONG)
        return Verdict("met")

    found = results(*(check(id, run) for id in ("one", "two", "three")))
    assert {each.seen for each in found.values()} == {"met"}


def test_a_check_does_not_pay_for_the_facts_that_it_waits_for(never):
    slow: Fact[str] = Fact(
        "the slow", lambda _: "it" if never.wait(LONG) else "", reported_by="slow-check", patience=1000
    )
    released = threading.Timer(0.3, never.set)
    released.start()
    found = results(check("one", asking(slow)), timeout=0.5)["one"]
    released.join()
    assert (found.status, found.seen) == (Status.OK, "it")


def test_a_fact_that_hangs_fails_the_check_that_reports_it_only(never):
    hanging: Fact[str] = Fact("the thing", lambda _: str(never.wait(LONG)), reported_by="reporter")
    found = results(check("reporter", asking(hanging)), check("other", asking(hanging)), timeout=0.5)
    assert found["reporter"].seen == "Reading the thing took longer than 0.5 s"
    assert found["reporter"].status is Status.ERROR
    assert (found["other"].status, found["other"].follows) == (Status.SKIPPED, "reporter")


def test_who_stops_listening_leaves_no_thread_that_python_would_wait_for(never):
    started = threading.Event()

    def hang(_known: Known) -> Verdict:
        started.set()
        never.wait(LONG)
        return Verdict("too late")

    with Known(subject(), timeout=LONG) as known:
        coming = run_checks([check("hangs", hang), check("quick")], known)
        next(coming)
        assert started.wait(LONG)
        coming.close()  # type: ignore[attr-defined]
    left = [thread for thread in threading.enumerate() if thread.name == "verify: hangs"]
    assert left
    assert all(thread.daemon for thread in left)
