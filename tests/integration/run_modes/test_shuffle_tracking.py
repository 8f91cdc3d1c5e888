"""Dynamic allocation without a shuffle service: executors come with the tasks, and stay longer if they hold a shuffle."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.integration.run_modes.applications import PATIENCE, Applications, Ended, Running

pytestmark = pytest.mark.slow

# Three tasks at once, which makes three executors of it; then what they have shuffled is read again, by who is left.
APPLICATION = """
folder = sys.argv[1]
def map_task(number):
    return number % 2, (number, meet(3, folder))
shuffled = sc.parallelize(range(3), 3).map(map_task).groupByKey(2)
print(sorted((key, sorted(values)) for key, values in shuffled.collect()), flush=True)
pause()
print(sorted((key, sorted(number for number, _ in values)) for key, values in shuffled.collect()), flush=True)
pause()
print(sc.parallelize(range(100), 1).sum())
"""
CONF: dict[str, str | None] = {
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.dynamicAllocation.minExecutors": "1",
    "spark.dynamicAllocation.maxExecutors": "3",
    "spark.dynamicAllocation.executorIdleTimeout": "2s",
    "spark.dynamicAllocation.shuffleTracking.timeout": "12s",
    "spark.scheduler.minRegisteredResourcesRatio": None,  # jobs begin with fewer
    "spark.cores.max": None,
}


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """Room for one small executor more than there may be."""
    return (AgentSpec(cpus=2, mem=2048), AgentSpec(cpus=2, mem=2048))


def until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"never seen: {what}"
        time.sleep(0.05)


def running_tasks(applications: Applications, running: Running) -> list[str]:
    """The ids of the application's executors that run."""
    tasks = applications.seen(running.name).tasks
    return [task["id"] for task in tasks if task["state"] == "TASK_RUNNING"]


@dataclass(frozen=True)
class Course:
    """What an application went through."""

    ended: Ended
    with_shuffle: list[str]
    """The executors when all of them had been idle for longer than the timeout of those that hold nothing."""
    at_rest: list[str]
    """Those that were left in the end."""


@pytest.fixture(scope="module")
def course(applications: Applications) -> Course:
    folder = applications.commands.folder / "met"
    folder.mkdir()
    with applications.running(APPLICATION, CONF, str(folder)) as running:
        running.wait_until_paused()
        time.sleep(4)  # what is not to happen cannot be awaited
        with_shuffle = running_tasks(applications, running)
        running.go()
        running.wait_until_paused()
        until(lambda: len(running_tasks(applications, running)) == 1, "one executor")
        at_rest = running_tasks(applications, running)
        running.go()
        return Course(running.end(), with_shuffle, at_rest)


@pytest.mark.proves("spark.dynamicAllocation.enabled", "spark.dynamicAllocation.maxExecutors")
def test_it_grows(course: Course) -> None:
    """All three tasks have met, on executors of one core each."""
    first = ast.literal_eval(course.ended.out.splitlines()[0])
    assert first == [(0, [(0, 3), (2, 3)]), (1, [(1, 3)])]
    assert {task["resources"]["cpus"] for task in course.ended.mesos.tasks} == {1}


def test_who_holds_a_shuffle_stays(course: Course) -> None:
    """So that nothing has to be mapped again: the second time there is nobody to meet."""
    assert len(course.with_shuffle) == 3
    assert ast.literal_eval(course.ended.out.splitlines()[1]) == [(0, [0, 2]), (1, [1])]


@pytest.mark.proves("spark.dynamicAllocation.minExecutors", "spark.dynamicAllocation.executorIdleTimeout")
def test_it_shrinks(course: Course) -> None:
    assert len(course.at_rest) == 1
    assert set(course.at_rest) < set(course.with_shuffle)
    assert course.ended.out.splitlines()[2] == "4950"


def test_never_more_than_there_may_be(course: Course) -> None:
    """Nor any that came only to go again."""
    assert len(course.ended.mesos.tasks) == 3
