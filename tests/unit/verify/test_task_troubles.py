"""Which failures go on, and which are over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.verify.facts.cluster_state import (
    AgentsState,
    AgentState,
    ClusterState,
    TaskSeries,
    TaskState,
)
from sparkmesos_core.verify.probe.names import FRAMEWORK
from sparkmesos_core.verify.task_troubles import lost, most_telling, unsuccessful

NOW = 1_000_000.0
HOUR = 3600.0


def failed(
    task_id: str, ended: float = NOW - HOUR, state: str = "TASK_FAILED", agent: str = "S0"
) -> TaskState:
    return TaskState(task_id, f"app {task_id}", "F1", "", agent, state, ended_at=ended)


FAILING = TaskSeries("app", failures=2, last_failure=NOW - HOUR, latest_failed=(failed("1"), failed("0")))
LOSING = TaskSeries("app", losses=1, last_loss=NOW - HOUR, latest_lost=(failed("0", state="TASK_LOST"),))


def state(*series: TaskSeries, agents: tuple[AgentState, ...] = (), unreachable: int = 0) -> ClusterState:
    return ClusterState(AgentsState(agents, unreachable=unreachable), (), series, NOW)


def agent(identifier: str, *, active: bool = True) -> AgentState:
    facts = AgentFacts(identifier, "agent1", "192.0.2.1", 5051, Resources(), (), "1.12.0", active)
    return AgentState(facts, Resources(), Resources())


@pytest.mark.parametrize(
    ("changed", "goes_on"),
    [
        (FAILING, True),
        (replace(FAILING, last_failure=NOW - 25 * HOUR), False),
        (replace(FAILING, last_success=NOW - 2 * HOUR), True),
        (replace(FAILING, last_success=NOW - HOUR / 2), False),
        (replace(FAILING, running_since=NOW - 10, longest_failed_run=60.0), True),
        (replace(FAILING, running_since=NOW - 100, longest_failed_run=60.0), False),
        (replace(FAILING, running_since=NOW - 2 * HOUR, longest_failed_run=60.0), True),
        (replace(FAILING, running_since=NOW - 590, longest_failed_run=48 * HOUR), True),
        (replace(FAILING, running_since=NOW - 610, longest_failed_run=48 * HOUR), False),
        (replace(FAILING, framework=FRAMEWORK), False),
        (LOSING, False),
    ],
)
def test_what_fails_until_it_runs_well(changed: TaskSeries, goes_on: bool) -> None:
    assert bool(unsuccessful(state(changed))) is goes_on


def test_the_latest_failure_comes_first() -> None:
    older = replace(FAILING, framework="older", last_failure=NOW - 2 * HOUR)
    assert unsuccessful(state(older, FAILING)) == (FAILING, older)
    of_spark = replace(older, of_spark=True)
    assert unsuccessful(state(FAILING, of_spark)) == (of_spark, FAILING)


def test_tasks_are_taken_in_turns() -> None:
    one = replace(FAILING, latest_failed=(failed("a1"), failed("a2"), failed("a3")))
    other = replace(FAILING, latest_failed=(failed("b1"),), latest_lost=(failed("b2"),))
    assert [task.id for task in most_telling([one, other], 3)] == ["a1", "b1", "a2"]
    assert [task.id for task in most_telling([one, other], 9)] == ["a1", "b1", "a2", "a3"]
    assert most_telling([], 3) == ()


@pytest.mark.parametrize(
    ("agents", "unreachable", "told"),
    [
        ((agent("S0"),), 0, True),
        ((agent("S1"),), 0, True),
        ((agent("S1"),), 1, False),  # that it is unreachable is told of the agent
        ((agent("S0", active=False), agent("S1")), 0, False),
        ((agent("S0"), agent("S1", active=False)), 0, True),
    ],
)
def test_what_is_lost_on_agents_that_are_there(
    agents: tuple[AgentState, ...], unreachable: int, told: bool
) -> None:
    assert bool(lost(state(LOSING, agents=agents, unreachable=unreachable))) is told


def test_what_was_lost_and_runs_again() -> None:
    assert lost(state(replace(LOSING, running_since=NOW - 60), agents=(agent("S0"),))) == ()
