"""Whether tasks count as failed only where whoever struck their executors lets them. Pure.

The application says which tasks were lost with their executors, and which of them Spark counts against
spark.task.maxFailures. What an agent, a master or an operator does is never the application's fault. An executor that
ends with exit status 0 though nobody asked it to, as it does when it cannot reach its driver, may have been told to by a
task (System.exit): the tasks on it are given the benefit of the doubt, unless one of them has had it before.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum

from tests.soak.spark_chaos_deeds import Deed, Life
from tests.soak.spark_chaos_plan import WAITS, Blow

_LOST = "ExecutorLostFailure"
_BLAMES = re.compile(
    r"Fleet: Executor (\S+) is now [^\n]*\n(?:(?![^\n]*Fleet: Executor )[^\n]*\n)*?[^\n]*Its agent gets no more executors[^\n]*"
)
"""What Mesos says of an executor, and the next thing that the backend says of one is this."""
_NOTICED_SECONDS = 30.0
"""Within which a cut connection shows in whatever an executor does: its driver, or it, ends it."""


@dataclass(frozen=True)
class TaskLoss:
    """A task that failed, or was lost with its executor."""

    task: str
    """Stage and index."""
    executor: str
    charged: str | None = None
    """Why it counts, as the name of a class of Spark; None: it does not."""


class _May(Enum):
    """What a blow lets count."""

    ALWAYS = 1
    """A process that was struck dead looks as one that its task has ended."""
    AGAIN = 2
    """Only where a task has lost an executor so before, with all that were on the executor."""


_OF_EXECUTORS = {Blow.EXECUTOR_KILLED: _May.ALWAYS, Blow.EXECUTOR_TOLD_TO_END: _May.ALWAYS}
_OF_CONNECTIONS = {Blow.DRIVER_CUT: _May.AGAIN, Blow.DRIVER_SILENT: _May.AGAIN}
# Spark itself gives up, and charges, an executor whose heartbeats do not come (HeartbeatReceiver.expireDeadHosts).
_SILENCES = {Blow.EXECUTOR_PAUSED, Blow.DRIVER_SILENT}


def unfair(losses: Sequence[TaskLoss], deeds: Iterable[Deed], lives: Mapping[str, Life]) -> Iterator[str]:
    """Tasks that count as failed though nothing that was done lets them, a line for each."""
    known = list(deeds)
    doubted: set[str] = set()
    together: dict[str, set[str]] = defaultdict(set)
    for loss in losses:
        if loss.charged == _LOST:
            together[loss.executor].add(loss.task)
    for loss in losses:
        causes = _causes(loss.executor, known, lives)
        if loss.charged is None:
            doubted.add(loss.task)
            continue
        met = {cause for cause, _ in causes}
        if loss.charged != _LOST:
            # What a task fails of, and says so: it cannot read what it needs from the driver.
            allowed = bool(met & _OF_CONNECTIONS.keys())
        else:
            allowed = any(
                may is _May.ALWAYS or not doubted.isdisjoint(together[loss.executor]) for _, may in causes
            )
        if not allowed:
            told = ", ".join(sorted(blow.value for blow in met)) or "nothing"
            yield f"the task {loss.task} was charged with {loss.charged} on executor {loss.executor}, which had met {told}"


def blamed(log: str, worked: Set[str]) -> Iterator[str]:
    """Executors that counted against their agents though they had done tasks there, by the driver's log; a line for each."""
    for found in _BLAMES.finditer(log):
        if found[1] in worked:
            yield f"executor {found[1]} had done tasks, and counted against its agent: {found[0].splitlines()[-1]}"


def _causes(executor: str, deeds: Iterable[Deed], lives: Mapping[str, Life]) -> set[tuple[Blow, _May]]:
    """What befell an executor that may count, and how."""
    causes = set()
    life = lives.get(executor)
    for deed in deeds:
        is_silent = deed.blow in _SILENCES and deed.end - deed.begin >= 0.9 * WAITS.silence
        if executor in deed.executors:
            may = _May.ALWAYS if is_silent else _OF_EXECUTORS.get(deed.blow)
        elif deed.blow in _OF_CONNECTIONS and (
            life is None or life.meets(deed.begin, deed.end + _NOTICED_SECONDS)
        ):
            may = _May.ALWAYS if is_silent else _OF_CONNECTIONS[deed.blow]
        else:
            continue
        if may is not None:
            causes.add((deed.blow, may))
    return causes
