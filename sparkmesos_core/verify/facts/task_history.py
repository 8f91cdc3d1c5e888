"""Tasks of a large state, one after the other: what is kept of them is bounded, however many there are."""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.verify.facts.cluster_state import TaskSeries, TaskState

FAILED = frozenset({"TASK_FAILED", "TASK_ERROR"})
"""The states of tasks that something was wrong with."""
LOST = frozenset({"TASK_LOST", "TASK_GONE", "TASK_GONE_BY_OPERATOR", "TASK_DROPPED", "TASK_UNKNOWN"})
"""The states of tasks that had to do nothing for it: their agents are gone, or never got them."""
UNREACHABLE = "TASK_UNREACHABLE"
STAGING = "TASK_STAGING"

_KEPT = 5
_MOST_SERIES = 20_000
_MOST_REPORTED = 1_000
_NUMBERS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d+")
"""In names of applications that run again and again, and of their tasks."""


class Newest:
    """The newest few of many tasks."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._heap: list[tuple[float, int, TaskState]] = []
        self._count = 0

    def takes(self, ended_at: float) -> bool:
        """Whether a task that ended then would be kept for now."""
        return len(self._heap) < self._kept or ended_at >= self._heap[0][0]

    def add(self, task: TaskState) -> None:
        """Keep a task, if it is new enough."""
        self._count += 1
        entry = (task.ended_at, self._count, task)
        if len(self._heap) < self._kept:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def all(self) -> tuple[TaskState, ...]:
        """Those that are kept, the newest first; of the same time, the one that was added last."""
        return tuple(task for _, _, task in sorted(self._heap, key=lambda entry: entry[:2], reverse=True))


@dataclass
class _Series:
    framework: str
    failures: int = 0
    losses: int = 0
    last_failure: float = 0.0
    last_loss: float = 0.0
    last_success: float = 0.0
    running_since: float = 0.0
    longest_failed_run: float = 0.0
    of_spark: bool = False
    latest_failed: Newest = field(default_factory=Newest)
    latest_lost: Newest = field(default_factory=Newest)

    def frozen(self) -> TaskSeries:
        return TaskSeries(
            framework=self.framework,
            failures=self.failures,
            losses=self.losses,
            last_failure=self.last_failure,
            last_loss=self.last_loss,
            last_success=self.last_success,
            running_since=self.running_since,
            longest_failed_run=self.longest_failed_run,
            of_spark=self.of_spark,
            latest_failed=self.latest_failed.all(),
            latest_lost=self.latest_lost.all(),
        )


class TaskHistory:
    """What the tasks of all frameworks have come to, by series. Not for several threads."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], _Series] = {}

    def add(self, framework_name: str, task: Mapping[str, Any], *, of_spark: bool) -> None:
        """Take in a task as `/state` shows it. KeyError, TypeError or ValueError if it is malformed."""
        name, state = str(task["name"]), task["state"]
        key = (_NUMBERS.sub("#", framework_name), _NUMBERS.sub("#", name))
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= _MOST_SERIES:
                return
            series = self._series[key] = _Series(framework_name)
        ran, ended = _times(task)
        latest = max(series.last_failure, series.last_loss)
        if state in FAILED:
            series.failures += 1
            series.last_failure = max(series.last_failure, ended)
            if ran:
                series.longest_failed_run = max(series.longest_failed_run, ended - ran)
        elif state in LOST:
            series.losses += 1
            series.last_loss = max(series.last_loss, ended)
        elif state == "TASK_RUNNING":
            series.running_since = max(series.running_since, ran)
            return
        elif state == "TASK_FINISHED" or (state == "TASK_KILLED" and ran):
            series.last_success = max(series.last_success, ended)
            return
        else:
            return
        if ended >= latest:
            series.framework = framework_name
        series.of_spark = series.of_spark or of_spark
        newest = series.latest_failed if state in FAILED else series.latest_lost
        if newest.takes(ended):
            newest.add(task_state(task))

    def series(self) -> tuple[TaskSeries, ...]:
        """Those in which something has failed or was lost, with the latest trouble first."""
        troubled = [one for one in self._series.values() if one.failures or one.losses]
        latest = heapq.nlargest(
            _MOST_REPORTED, troubled, key=lambda one: max(one.last_failure, one.last_loss)
        )
        return tuple(one.frozen() for one in latest)


def task_state(task: Mapping[str, Any]) -> TaskState:
    """A task as `/state` shows it. KeyError, TypeError or ValueError if it is malformed."""
    state = str(task["state"])
    statuses = task.get("statuses") or [{}]
    last = statuses[-1]
    return TaskState(
        id=str(task["id"]),
        name=str(task["name"]),
        framework_id=str(task["framework_id"]),
        executor_id=str(task.get("executor_id", "")),
        agent_id=str(task.get("slave_id", "")),
        state=state,
        reason=str(last.get("reason", "")),
        message=str(last.get("message", "")),
        source=str(last.get("source", "")),
        ended_at=_times(task)[1] if state in FAILED or state in LOST or state == UNREACHABLE else 0.0,
    )


def _times(task: Mapping[str, Any]) -> tuple[float, float]:
    """When a task began to run, and when the last was heard of it; 0 for what is not known."""
    ran = last = 0.0
    for status in task.get("statuses") or ():
        last = float(status.get("timestamp", 0.0))
        if not ran and status["state"] == "TASK_RUNNING":
            ran = last
    return ran, last
