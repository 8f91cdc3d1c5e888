"""The parts of scripts/soak's chaos: what it plans, what its stand-in for spark-submit records, what it finds."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.soak.chaos_plan import Job, Strike, Target, plan
from tests.soak.chaos_verdict import Shown, violations
from tests.soak.stand_in_spark import Event, arguments, recorded, write_stand_in

ID = "driver-20260101000000-0001"
PLAIN = Job("a", 0.1, 0, supervised=False, kill_after=None)
FAILING = Job("a", 0.1, 1, supervised=False, kill_after=None)
SUPERVISED = Job("a", 0.1, 1, supervised=True, kill_after=None)
UNWANTED = Job("a", 0.1, 0, supervised=False, kill_after=1.0)
RETRY = f"{ID}-retry-1"


def starts(task: str = ID, *, alone: bool = True) -> Event:
    return Event(task, 0.0, alone)


def ends(status: int, task: str = ID) -> Event:
    return Event(task, 1.0, status=status)


def found(
    job: Job, outcome: str, *events: Event, died: bool = False, state: str = "FINISHED"
) -> Sequence[str]:
    shown = [Shown(ID, state, outcome, died)]
    return list(violations({ID: job}, shown, {"a": events} if events else {}, agents_died=died))


def test_a_seed_decides_the_plan() -> None:
    steps = plan(7, 50, 20, 3, 1, 4.0)
    assert steps == plan(7, 50, 20, 3, 1, 4.0) != plan(8, 50, 20, 3, 1, 4.0)
    assert len({step.key for step in steps if isinstance(step, Job)}) == 50
    strikes = [step for step in steps if isinstance(step, Strike)]
    assert len(strikes) == 20
    assert {strike.target for strike in strikes} == set(Target)


@pytest.mark.parametrize(
    ("job", "outcome", "events"),
    [
        (PLAIN, "succeeded", [starts(), ends(0)]),
        (FAILING, "failed", [starts(), ends(1)]),
        (SUPERVISED, "succeeded", [starts(), ends(1), starts(RETRY), ends(0, RETRY)]),
        (UNWANTED, "killed", [starts(), ends(143)]),
        (UNWANTED, "killed", []),
        # Queued again before it began: another task of the same driver.
        (PLAIN, "succeeded", [starts(RETRY), ends(0, RETRY)]),
    ],
)
def test_what_is_right(job: Job, outcome: str, events: list[Event]) -> None:
    assert found(job, outcome, *events) == []


@pytest.mark.parametrize(
    ("job", "outcome", "events"),
    [
        (PLAIN, "lost", []),
        (PLAIN, "failed", [starts()]),
        (
            SUPERVISED,
            "succeeded",
            [starts(), starts(RETRY, alone=False), ends(1), ends(0, RETRY)],
        ),
    ],
)
def test_what_is_right_only_if_its_agent_died(job: Job, outcome: str, events: list[Event]) -> None:
    assert found(job, outcome, *events, died=True) == []
    assert found(job, outcome, *events) != []


@pytest.mark.parametrize(
    ("job", "outcome", "events", "problem"),
    [
        (PLAIN, "succeeded", [starts(), ends(0), starts(RETRY), ends(0, RETRY)], "began 2 times"),
        (PLAIN, "succeeded", [starts(), ends(0), starts(), ends(0)], f"{ID} began 2 times"),
        (PLAIN, "succeeded", [], "its last end says otherwise"),
        (FAILING, "succeeded", [starts(), ends(1)], "its last end says otherwise"),
        (PLAIN, "killed", [starts(), ends(143)], "nobody wanted that"),
        (PLAIN, "failed", [starts(), ends(0)], "its agent lived"),
        (FAILING, "failed", [], "never launched"),
        (SUPERVISED, "failed", [starts(), ends(1)], "its agent lived"),
        (SUPERVISED, "lost", [starts()], "not launched again"),
        (SUPERVISED, "succeeded", [starts(), ends(0), starts(RETRY), ends(0, RETRY)], "went on after"),
        (PLAIN, "succeeded", [starts("driver-x-0009"), ends(0)], "another driver's task"),
        (PLAIN, "", [starts(), ends(0)], "nothing"),
    ],
)
def test_what_is_wrong(job: Job, outcome: str, events: list[Event], problem: str) -> None:
    assert any(problem in line for line in found(job, outcome, *events))


def test_drivers_that_nobody_knows_or_that_do_not_end() -> None:
    assert "has not ended" in found(PLAIN, "", state="RUNNING")[0]
    assert "forgotten" in next(violations({ID: PLAIN}, [], {}, agents_died=True))
    shown = [Shown(ID, "FINISHED", "succeeded", False)]
    assert "nobody was told" in next(violations({}, shown, {}, agents_died=True))
    assert "never accepted" in next(violations({}, [], {"b": [starts()]}, agents_died=True))


def launch(home: Path, task: str, *last: str) -> subprocess.Popen[bytes]:
    command = [str(home / "bin" / "spark-submit"), "--name", "x", "application.py", *last]
    return subprocess.Popen(command, env={**os.environ, "MESOS_EXECUTOR_ID": task})


def test_the_stand_in_records_and_fails_as_often_as_it_is_told(tmp_path: Path) -> None:
    home = write_stand_in(tmp_path / "home", tmp_path / "record")
    assert [launch(home, f"t{n}", *arguments("k", 0, 2)).wait() for n in range(3)] == [1, 1, 0]
    events = recorded(tmp_path / "record")["k"]
    assert [(event.task_id, event.status) for event in events] == [
        ("t0", None), ("t0", 1), ("t1", None), ("t1", 1), ("t2", None), ("t2", 0),
    ]  # fmt: skip
    assert all(event.alone for event in events)


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
