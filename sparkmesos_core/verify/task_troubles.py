"""Which tasks of a cluster tell of trouble that goes on: pure functions of its state."""

from __future__ import annotations

from collections.abc import Sequence

from sparkmesos_core.verify.facts.cluster_state import ClusterState, TaskSeries, TaskState
from sparkmesos_core.verify.probe.names import FRAMEWORK

RECENT = 24 * 3600.0
"""Seconds. What failed longer ago is history."""

LONG_ENOUGH = 600.0
"""Seconds after which a task that runs is taken to run well, however long those ran that failed before."""


def unsuccessful(state: ClusterState) -> tuple[TaskSeries, ...]:
    """The series in which the latest task failed: those of Spark first, then by the last failure."""
    found = [one for one in state.series if _goes_on(one, one.last_failure, state.read_at)]
    return tuple(sorted(found, key=lambda one: (one.of_spark, one.last_failure), reverse=True))


def lost(state: ClusterState) -> tuple[TaskSeries, ...]:
    """The series in which tasks were lost, and none has run since; without what agents are missing for.

    Whose agents are unreachable, or not active, is told of the agents.
    """
    present = {agent.facts.id for agent in state.agents.agents if agent.facts.active}
    excused = state.agents.unreachable or state.agents.recovering or len(present) < len(state.agents.agents)

    def explained(series: TaskSeries) -> bool:
        return bool(excused) and all(task.agent_id not in present for task in series.latest_lost)

    found = [
        one for one in state.series if _goes_on(one, one.last_loss, state.read_at) and not explained(one)
    ]
    return tuple(sorted(found, key=lambda one: one.last_loss, reverse=True))


def most_telling(series: Sequence[TaskSeries], most: int) -> tuple[TaskState, ...]:
    """The latest failed task of each series, then the one before, and so on: at most so many."""
    return in_turns([one.latest_failed for one in series], most)


def in_turns(groups: Sequence[Sequence[TaskState]], most: int) -> tuple[TaskState, ...]:
    """The first task of each group, then the second of each, and so on: at most so many."""
    rounds = range(max(map(len, groups), default=0))
    return tuple(tasks[turn] for turn in rounds for tasks in groups if turn < len(tasks))[:most]


def _goes_on(series: TaskSeries, last: float, now: float) -> bool:
    """Whether something happened lately, and nothing has gone well since.

    A task that is running counts as going well once it has run for longer than any that failed, or for
    LONG_ENOUGH: an executor that fails after days, and is replaced, is no trouble for as many days.
    """
    if not last or now - last > RECENT or series.last_success > last or is_probe(series.framework):
        return False
    proof = min(series.longest_failed_run, LONG_ENOUGH)
    return not (series.running_since > last and now - series.running_since > proof)


def is_probe(framework: str) -> bool:
    """Whether a framework of this name is a probe of ours, whose tasks are told of by the probe's checks."""
    return framework == FRAMEWORK
