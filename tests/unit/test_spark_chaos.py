"""The parts of scripts/soak's chaos around a Spark application: the plan, who comes back, patience, runs of programs."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.soak.chaos_program import add_options, run_once, run_program
from tests.soak.nodes import Nodes, Who
from tests.soak.patience import Deadline, Patience, Steady
from tests.soak.returns import Returns
from tests.soak.spark_chaos_plan import WAITS, Blow, Size, plan

OF_SEVERAL_MASTERS = {Blow.MASTERS_KILLED, Blow.ZOOKEEPER_ENDED}
IN_SOME_PLACES = {Blow.SERVICE_KILLED, Blow.EXECUTORS_CUT}


def test_a_seed_decides_the_plan() -> None:
    size = Size(strikes=60, masters=3, decommission=True, service=True, cuts_executors=True)
    strikes = plan(7, size)
    assert strikes == plan(7, size) != plan(8, size)
    assert len(strikes) == 60
    assert {strike.blow for strike in strikes} == set(Blow) - {Blow.MASTER_SILENT}
    stages = [strike.stage for strike in strikes]
    assert stages == sorted(stages)
    assert stages.count(size.stages) == 8, "between the jobs"
    in_second = [stage for stage in stages if stage > size.stages]
    assert len(in_second) == 7
    assert max(in_second) < size.stages + size.more_stages
    assert {strike.lost for strike in strikes} == {strike.upwards for strike in strikes} == {True, False}


def test_what_is_not_there_is_not_struck() -> None:
    blows = {strike.blow for strike in plan(7, Size(strikes=200))}
    assert blows == set(Blow) - OF_SEVERAL_MASTERS - IN_SOME_PLACES


def test_a_short_plan_has_each_blow_once_at_the_most() -> None:
    blows = [strike.blow for strike in plan(7, Size(strikes=6))]
    assert len(set(blows)) == 6


def test_pauses_are_longer_than_those_who_wait_are_patient_and_shorter() -> None:
    strikes = plan(7, Size(strikes=1000))
    for blow, patience in (
        (Blow.AGENT_PAUSED, WAITS.away),
        (Blow.EXECUTOR_PAUSED, WAITS.silence),
        (Blow.DRIVER_SILENT, WAITS.silence),
        (Blow.MASTER_SILENT, 5 * WAITS.heartbeat),
    ):
        assert {strike.downtime > patience for strike in strikes if strike.blow is blow} == {True, False}
    silences = [strike for strike in strikes if strike.blow is Blow.MASTER_SILENT]
    assert all(strike.downtime >= 1.5 * WAITS.heartbeat for strike in silences), "it is noticed"


def test_executors_can_be_spared() -> None:
    strikes = plan(7, Size(strikes=200, masters=3, spares_executors=True))
    assert {strike.blow for strike in strikes} == {
        Blow.EXECUTOR_PAUSED,
        Blow.AGENT_PAUSED,
        Blow.MASTER_KILLED,
        Blow.MASTERS_KILLED,
        Blow.MASTER_CUT,
        Blow.ZOOKEEPER_ENDED,
        Blow.DRIVER_SILENT,
    }
    assert not any(strike.lost for strike in strikes)
    for blow, patience in (
        (Blow.AGENT_PAUSED, WAITS.away),
        (Blow.EXECUTOR_PAUSED, WAITS.silence),
        (Blow.DRIVER_SILENT, WAITS.silence),
    ):
        assert all(strike.downtime < patience for strike in strikes if strike.blow is blow)


def clock(*seconds: float) -> Iterator[float]:
    yield from seconds
    raise AssertionError("nobody waits so long")


class TestDeadline:
    """What is waited for, and goes on, or does not."""

    def test_it_comes_when_nothing_goes_on(self) -> None:
        deadline = Deadline(Patience(10, 100), clock(0, 5, 10, 11).__next__)
        assert [deadline.is_over("same") for _ in range(3)] == [False, False, False]
        deadline = Deadline(Patience(10, 100), clock(0, 5, 14, 15.5).__next__)
        assert [deadline.is_over("same") for _ in range(3)] == [False, False, True]

    def test_it_is_put_off_while_something_goes_on_but_not_without_end(self) -> None:
        ticks = itertools.count(0, 5)
        deadline = Deadline(Patience(10, 100), lambda: float(next(ticks)))
        waited = next(number for number in itertools.count() if deadline.is_over(number))
        assert waited * 5 == pytest.approx(100, abs=10)

    def test_what_comes_and_goes_for_ever_ends_with_the_run(self) -> None:
        ticks = itertools.count(0, 5)
        deadline = Deadline(Patience(10, 100), lambda: float(next(ticks)), until=30)
        assert next(number for number in itertools.count() if deadline.is_over(number % 2)) <= 6


def test_what_flaps_is_not_steady() -> None:
    ticks = itertools.count(0)
    flapping = Steady(3, lambda: float(next(ticks)))
    assert not any(flapping.holds(number % 3 > 0, "as many") for number in range(30))
    another = Steady(3, lambda: float(next(ticks)))
    assert not any(another.holds(True, number // 2) for number in range(30)), "each time others"
    steady = Steady(3, lambda: float(next(ticks)))
    assert [steady.holds(True, "the same") for _ in range(4)] == [False, False, False, True]


@dataclass
class Control:
    """Writes down what it is told."""

    done: list[str] = field(default_factory=list)

    def __getattr__(self, name: str):
        return lambda number: self.done.append(f"{name} {number}")


def test_nodes_come_back_as_they_went() -> None:
    control, returns = Control(), Returns[Who]()
    nodes = Nodes(control, returns)  # type: ignore[arg-type]
    assert nodes.kill_masters([None, 1], 0.0)
    assert not nodes.kill_masters([1], 0.0), "it is down"
    nodes.pause_agent(0, 0.0)
    nodes.end_agent(1, 0.0, for_good=True)
    nodes.end_agent(2, 0.0, for_good=False, back=lambda: control.done.append("my own way"))
    assert nodes.upright("agent", 1, 4) == 3
    assert nodes.upright("agent", 1, 3) is None
    went = ["kill_master 1", "pause_agent 0", "shut_down_agent 1", "kill_agent 2"]
    assert control.done == went
    returns.wait_for_all()
    assert control.done == [*went, "start_master 1", "resume_agent 0", "start_agent 1", "my own way"]
    assert nodes.upright("agent", 1, 3) == 1


@dataclass
class Outcome:
    problems: list[str]


def test_several_runs_have_a_seed_and_a_folder_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    asked = parser.parse_args(["--runs", "3", "--seed", "7", "--keep", str(tmp_path / "kept")])
    folders = []

    def run(seed: int, folder: Path, _: object) -> Outcome:
        folders.append(folder.name)
        return Outcome(["it broke"] if seed == 8 else [])

    assert run_program(asked, "try", run) == 1
    said = capsys.readouterr()
    assert "try: 3 runs, 1 with problems: seeds 8\n" in said.out
    assert said.err == "\nFAILED it broke\n"
    assert folders == ["seed-7", "seed-8", "seed-9"]
    assert all((tmp_path / "kept" / name).is_dir() for name in folders)


def test_a_run_that_breaks_down_ends_no_other_one_and_leaves_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    parser = argparse.ArgumentParser()
    add_options(parser)

    def run(seed: int, folder: Path, _: object) -> Outcome:
        (folder / "log").write_text(str(seed))
        if seed == 7:
            raise TimeoutError("busy")
        return Outcome(["it broke"] if seed == 9 else [])

    assert run_program(parser.parse_args(["--runs", "3", "--seed", "7"]), "try", run) == 1
    said = capsys.readouterr()
    assert "3 runs, 2 with problems: seeds 7 9\n" in said.out
    assert "FAILED the run broke down: TimeoutError: busy\nTraceback" in said.err
    left = {(folder / "log").read_text(): (folder / "problems").read_text() for folder in tmp_path.iterdir()}
    assert left.keys() == {"7", "9"}
    assert left["9"] == "it broke"
    assert all(str(folder) in said.out for folder in tmp_path.iterdir())


def test_evidence_is_kept_of_what_failed_only(tmp_path: Path) -> None:
    outcomes = [
        run_once("try", seed, lambda *_, found=found: Outcome(found), tmp_path / str(seed), always=False)
        for seed, found in enumerate(([], ["it broke"]))
    ]
    assert [outcome.folder for outcome in outcomes] == [None, tmp_path / "1"]
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
