"""The parts of scripts/soak's chaos: what it plans, what its stand-in for spark-submit records, what it finds."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.soak.chaos_plan import Job, Size, Strike, Target, plan
from tests.soak.chaos_verdict import Absences, Shown, violations
from tests.soak.stand_in_spark import Event, arguments, recorded, write_stand_in

ID = "driver-20260101000000-0001"
PLAIN = Job("a", 0.1, 0, supervised=False, kill_after=None)
FAILING = Job("a", 0.1, 1, supervised=False, kill_after=None)
SUPERVISED = Job("a", 0.1, 1, supervised=True, kill_after=None)
UNWANTED = Job("a", 0.1, 0, supervised=False, kill_after=1.0)
RETRY = f"{ID}-retry-1"


A, B = "10.0.0.1:5051", "10.0.0.2:5051"


def starts(task: str = ID, at: float = 100.0, *, alone: bool = True, agent: str = A) -> Event:
    return Event(task, at, alone, agent=agent)


def ends(status: int, task: str = ID, at: float = 101.0, *, agent: str = A) -> Event:
    return Event(task, at, status=status, agent=agent)


def absent(*times: tuple[float, float], agent: str = A) -> Absences:
    absences = Absences()
    for began, ended in times:
        absences.began(agent, began)
        absences.ended(agent, ended)
    return absences


def found(
    job: Job, outcome: str, *events: Event, away: Absences | None = None, state: str = "FINISHED"
) -> Sequence[str]:
    """The driver was launched at 99 and has ended at 110, for the dispatcher; its last event names its task."""
    task = events[-1].task_id if events else ID
    shown = [Shown(ID, state, outcome, task, A, launched_at=99.0, finished_at=110.0)]
    killed = {} if job.kill_after is None else {ID: 105.0}
    return list(violations({ID: job}, killed, shown, {"a": events} if events else {}, away or Absences()))


def test_a_seed_decides_the_plan() -> None:
    size = Size(jobs=50, kills=20)
    steps = plan(7, size, 4.0, 10.0)
    assert steps == plan(7, size, 4.0, 10.0) != plan(8, size, 4.0, 10.0)
    assert len({step.key for step in steps if isinstance(step, Job)}) == 50
    strikes = [step for step in steps if isinstance(step, Strike)]
    assert len(strikes) == 20
    assert {strike.target for strike in strikes} == set(Target)
    assert not any(strike.paused for strike in strikes)


def test_several_dispatchers_are_killed_and_stopped_for_longer_than_a_session_and_for_less() -> None:
    steps = plan(7, Size(jobs=10, kills=60, pauses=8, dispatchers=3), 4.0, 10.0)
    strikes = [step for step in steps if isinstance(step, Strike) and step.target is Target.DISPATCHER]
    pauses = [strike for strike in strikes if strike.paused]
    assert len(pauses) == 8
    assert sum(pause.downtime > 10 for pause in pauses) == 4
    for some in (pauses, [strike for strike in strikes if not strike.paused]):
        assert {strike.leading for strike in some} == {True, False}
        assert {strike.number for strike in some} == {0, 1, 2}


def test_absences_of_agents() -> None:
    absences = absent((10.0, 11.0), (20.0, 25.0))
    assert [absences.between(A, *times) for times in ((5, 9), (5, 10), (10.5, 10.6), (11.5, 19), (12, 30))] == [
        False, True, True, False, True,
    ]  # fmt: skip
    assert not absences.between(B, 0, 100)
    absences.began(B, 50.0)
    assert absences.between(B, 1000, 1001)


@pytest.mark.parametrize(
    ("job", "outcome", "events"),
    [
        (PLAIN, "succeeded", [starts(), ends(0)]),
        (FAILING, "failed", [starts(), ends(1)]),
        (SUPERVISED, "succeeded", [starts(), ends(1), starts(RETRY, 102), ends(0, RETRY, 103)]),
        (UNWANTED, "killed", [starts(), ends(143)]),
        (UNWANTED, "killed", []),
        (UNWANTED, "succeeded", [starts(), ends(0)]),
        # Queued again before it began: another task of the same driver.
        (PLAIN, "succeeded", [starts(RETRY), ends(0, RETRY)]),
    ],
)
def test_what_is_right(job: Job, outcome: str, events: list[Event]) -> None:
    assert found(job, outcome, *events) == []


BESIDE = [
    starts(at=90),
    starts(RETRY, 100, alone=False, agent=B),
    ends(1, at=101),
    ends(0, RETRY, 102, agent=B),
]
TWICE = [starts(at=90), ends(0, at=91), starts(RETRY, 100), ends(0, RETRY, 101)]


@pytest.mark.parametrize(
    ("job", "outcome", "events", "died", "back"),
    [
        (PLAIN, "lost", [], 98, 99),
        (PLAIN, "lost", [starts(), ends(0)], 110, 112),
        (FAILING, "lost", [starts()], 105, 106),
        (PLAIN, "failed", [starts()], 105, 106),
        (PLAIN, "failed", [starts(), ends(143)], 105, 106),
        (SUPERVISED, "succeeded", BESIDE, 95, 98),
        (SUPERVISED, "succeeded", TWICE, 95, 98),
    ],
)
def test_what_is_right_only_if_the_agent_of_that_launch_was_dead_during_it(
    job: Job, outcome: str, events: list[Event], died: float, back: float
) -> None:
    assert found(job, outcome, *events, away=absent((died, back))) == []
    assert found(job, outcome, *events, away=absent((died, back), agent=B)) != []
    assert found(job, outcome, *events, away=absent((50, 60), (150, 160))) != []
    assert found(job, outcome, *events) != []


@pytest.mark.parametrize(
    ("job", "outcome", "events", "problem"),
    [
        (PLAIN, "succeeded", [starts(), ends(0), starts(RETRY), ends(0, RETRY)], "began 2 times"),
        (PLAIN, "succeeded", [starts(), ends(0), starts(), ends(0)], f"{ID} began 2 times"),
        (PLAIN, "succeeded", [], "its end says otherwise"),
        (FAILING, "succeeded", [starts(), ends(1)], "its end says otherwise"),
        (PLAIN, "killed", [starts(), ends(143)], "nobody wanted that"),
        (SUPERVISED, "failed", [starts(), ends(1)], "not launched again"),
        (SUPERVISED, "lost", [starts()], "not launched again"),
        (PLAIN, "succeeded", [starts("driver-x-0009"), ends(0, "driver-x-0009")], "another driver's task"),
        (PLAIN, "", [starts(), ends(0)], "nothing"),
    ],
)
def test_what_is_wrong_wherever_agents_died(
    job: Job, outcome: str, events: list[Event], problem: str
) -> None:
    for away in (Absences(), absent((0, 1000))):
        assert any(problem in line for line in found(job, outcome, *events, away=away))


@pytest.mark.parametrize(
    ("job", "outcome", "events", "problem"),
    [
        (PLAIN, "failed", [starts(), ends(0)], "neither by itself nor with its agent"),
        (FAILING, "failed", [starts(), ends(143)], "neither by itself nor with its agent"),
        (FAILING, "failed", [], "never launched"),
        (PLAIN, "lost", [starts()], "its agent lived"),
        (SUPERVISED, "succeeded", BESIDE, f"{RETRY} ran beside itself"),
        (SUPERVISED, "succeeded", TWICE, f"{RETRY} began though it had succeeded"),
        # Who holds its lock is unknown, so no agent's death explains it.
        (SUPERVISED, "succeeded", [starts(alone=False), ends(0)], "ran beside itself"),
    ],
)
def test_what_is_wrong_if_agents_lived(job: Job, outcome: str, events: list[Event], problem: str) -> None:
    assert any(problem in line for line in found(job, outcome, *events))


def test_a_driver_is_not_launched_after_it_was_killed() -> None:
    for launched_at, wrong in ((104.0, False), (106.0, True)):
        shown = [Shown(ID, "FINISHED", "killed", RETRY, A, launched_at, 110.0)]
        assert [
            "launched after it was killed" in line
            for line in violations({ID: UNWANTED}, {ID: 105.0}, shown, {}, Absences())
        ] == [True] * wrong


def test_a_supervised_driver_that_is_to_be_killed_is_not_launched_again() -> None:
    job = Job("a", 0.1, 1, supervised=True, kill_after=1.0)
    assert found(job, "failed", starts(), ends(1)) == []
    assert found(job, "lost", starts(), away=absent((105, 106))) == []
    assert "its agent lived" in found(job, "lost", starts())[0]


def test_drivers_that_nobody_knows_or_that_do_not_end() -> None:
    assert "has not ended" in found(PLAIN, "", state="RUNNING")[0]
    assert "forgotten" in next(violations({ID: PLAIN}, {}, [], {}, Absences()))
    shown = [Shown(ID, "FINISHED", "succeeded")]
    assert "nobody was told" in next(violations({}, {}, shown, {}, Absences()))
    assert "never accepted" in next(violations({}, {}, [], {"b": [starts()]}, Absences()))


def launch(home: Path, task: str, *last: str) -> subprocess.Popen[bytes]:
    command = [str(home / "bin" / "spark-submit"), "--name", "x", "application.py", *last]
    return subprocess.Popen(command, env={**os.environ, "MESOS_EXECUTOR_ID": task, "MESOS_AGENT_ENDPOINT": A})


def test_the_stand_in_records_and_fails_as_often_as_it_is_told(tmp_path: Path) -> None:
    home = write_stand_in(tmp_path / "home", tmp_path / "record")
    assert [launch(home, f"t{n}", *arguments("k", 0, 2)).wait() for n in range(3)] == [1, 1, 0]
    events = recorded(tmp_path / "record")["k"]
    assert [(event.task_id, event.status) for event in events] == [
        ("t0", None), ("t0", 1), ("t1", None), ("t1", 1), ("t2", None), ("t2", 0),
    ]  # fmt: skip
    assert all(event.alone and event.agent == A for event in events)


def test_the_stand_in_records_how_it_is_ended_and_who_runs_beside_it(tmp_path: Path) -> None:
    home, record = write_stand_in(tmp_path / "home", tmp_path / "record"), tmp_path / "record"
    with launch(home, "t0", *arguments("k", 600, 0)) as first:
        try:
            while not (record / "k").exists() or not recorded(record)["k"]:
                assert first.poll() is None
            assert launch(home, "t1", *arguments("k", 0, 0)).wait() == 0
            first.send_signal(signal.SIGTERM)
            assert first.wait() == 143
        finally:
            first.kill()
    events = recorded(record)["k"]
    assert [event.alone for event in events if event.status is None] == [True, False]
    assert events[-1].status == 143


def test_the_stand_in_can_run_the_real_one(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/given\nexit 5\n')
    real.chmod(0o755)
    home = write_stand_in(tmp_path / "home", tmp_path / "record", real)
    assert launch(home, "t0", *arguments("k", 0, 0)).wait() == 5
    assert (tmp_path / "given").read_text() == "--name x application.py k 0:0\n"
