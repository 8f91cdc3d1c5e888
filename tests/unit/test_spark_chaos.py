"""The parts of scripts/soak's chaos around a Spark application: plan, verdict, who comes back, pictures of a master."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.soak.chaos_program import add_options, run_program
from tests.soak.nodes import Nodes, Who
from tests.soak.returns import Returns
from tests.soak.spark_chaos_plan import Blow, Size, plan
from tests.soak.spark_chaos_verdict import excesses, kept_offers


def test_a_seed_decides_the_plan() -> None:
    size = Size(strikes=60, masters=3, decommission=True)
    strikes = plan(7, size, 2.0, 12.0)
    assert strikes == plan(7, size, 2.0, 12.0) != plan(8, size, 2.0, 12.0)
    assert len(strikes) == 60
    assert {strike.blow for strike in strikes} == set(Blow) - {Blow.MASTER_SILENT}
    stages = [strike.stage for strike in strikes]
    assert stages == sorted(stages)
    assert stages.count(size.stages) == 12, "a fifth comes behind the first job"
    assert {strike.lost for strike in strikes} == {strike.upwards for strike in strikes} == {True, False}


def test_a_short_plan_has_each_blow_once_at_the_most() -> None:
    size = Size(strikes=6)
    blows = [strike.blow for strike in plan(7, size, 2.0, 12.0)]
    assert len(set(blows)) == 6


def test_pauses_are_longer_than_those_who_wait_are_patient_and_shorter() -> None:
    strikes = plan(7, Size(strikes=200), 2.0, 12.0)
    for blow, patience in (
        (Blow.AGENT_PAUSED, 2.0),
        (Blow.EXECUTOR_PAUSED, 12.0),
        (Blow.DRIVER_SILENT, 12.0),
    ):
        assert {strike.downtime > patience for strike in strikes if strike.blow is blow} == {True, False}


def test_executors_can_be_spared() -> None:
    strikes = plan(7, Size(strikes=200, masters=3, spares_executors=True), 2.0, 12.0)
    assert {strike.blow for strike in strikes} == {
        Blow.EXECUTOR_PAUSED,
        Blow.AGENT_PAUSED,
        Blow.MASTER_KILLED,
        Blow.MASTERS_KILLED,
        Blow.MASTER_CUT,
        Blow.DRIVER_SILENT,
    }
    assert not any(strike.lost for strike in strikes)
    for blow, patience in (
        (Blow.AGENT_PAUSED, 2.0),
        (Blow.EXECUTOR_PAUSED, 12.0),
        (Blow.DRIVER_SILENT, 12.0),
    ):
        assert all(strike.downtime < patience for strike in strikes if strike.blow is blow)


def update(at: float, task: str, state: str) -> tuple[float, dict[str, Any]]:
    return at, {
        "type": "UPDATE",
        "update": {"status": {"task_id": {"value": task}, "state": f"TASK_{state}"}},
    }


def launch(task: str) -> tuple[float, dict[str, Any]]:
    cpus = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 2.0}}
    memory = {"name": "mem", "type": "SCALAR", "scalar": {"value": 896.0}}
    operation = {"launch": {"task_infos": [{"task_id": {"value": task}, "resources": [cpus, memory]}]}}
    return 0.0, {"type": "ACCEPT", "accept": {"offer_ids": [{"value": "O"}], "operations": [operation]}}


def found(course: str) -> list[str]:
    """What is wrong with updates of `SECONDS TASK STATE` each, where 4 cores may be held."""
    updates = [one.split() for one in course.split(",")]
    told = [update(float(at), task, state) for at, task, state in updates]
    return list(excesses([*(launch(task) for task in "012"), *told], 4, 2))


FULL = "1 0 RUNNING, 2 1 RUNNING"
REPLACED = f"{FULL}, 3 0 LOST, 4 2 RUNNING"


@pytest.mark.parametrize(
    "course",
    [f"{FULL}, 2 1 RUNNING", f"{FULL}, 3 0 FAILED, 4 2 RUNNING", f"{REPLACED}, 5 0 RUNNING, 6 0 KILLED"],
    ids=["as-many-as-may-be", "in-its-place", "back-for-a-second"],
)
def test_what_may_be_held(course: str) -> None:
    assert found(course) == []


@pytest.mark.parametrize(
    ("course", "words"),
    [
        pytest.param(f"{FULL}, 3 2 RUNNING, 3.1 2 KILLED", "none of them was lost before", id="one-too-many"),
        pytest.param(
            f"{REPLACED}, 5 0 RUNNING, 7.5 0 KILLED",
            "for 2.5 s tasks held more than 4",
            id="back-for-too-long",
        ),
        pytest.param(f"{REPLACED}, 5 0 RUNNING", "in the end tasks hold more than 4", id="back-for-good"),
    ],
)
def test_what_may_not_be_held(course: str, words: str) -> None:
    (line,) = found(course)
    assert words in line


OFFERS = {"type": "OFFERS", "offers": {"offers": [{"id": {"value": "A"}}, {"id": {"value": "B"}}]}}
DECLINE = {"type": "DECLINE", "decline": {"offer_ids": [{"value": "A"}]}}
ACCEPT = {"type": "ACCEPT", "accept": {"offer_ids": [{"value": "B"}]}}
RESCIND = {"type": "RESCIND", "rescind": {"offer_id": {"value": "B"}}}


@pytest.mark.parametrize(
    "rest",
    [
        [(2, DECLINE), (3, ACCEPT)],
        [(2, DECLINE), (3, RESCIND)],
        [(2, DECLINE), (5, {"type": "SUBSCRIBED"})],
        [(2, {"type": "TEARDOWN"})],
    ],
)
def test_offers_that_are_answered_or_void(rest: list[tuple[float, dict[str, Any]]]) -> None:
    assert list(kept_offers([(1, OFFERS), *rest, (6, {"type": "HEARTBEAT"})], 10)) == []


@pytest.mark.parametrize(
    ("rest", "lines"),
    [
        ([(2, DECLINE)], ["the offer B was kept to the end"]),
        ([(2, DECLINE), (12, ACCEPT)], ["the offer B was kept for 11.0 s, until ACCEPT"]),
        ([(2, DECLINE), (12, {"type": "SUBSCRIBED"})], ["the offer B was kept for 11.0 s, until SUBSCRIBED"]),
    ],
)
def test_offers_that_are_kept(rest: list[tuple[float, dict[str, Any]]], lines: list[str]) -> None:
    assert list(kept_offers([(1, OFFERS), *rest], 10)) == lines


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
