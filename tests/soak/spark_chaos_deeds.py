"""What was done to whom in a run of chaos around a Spark application, for those who judge what came of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.soak.spark_chaos_plan import Blow

Said = Mapping[str, Any]
"""A call or an event, as the v1 scheduler API has it."""
Course = Sequence[tuple[float, Said]]
"""Calls that Mesos took, and events, of one framework, with the seconds of one clock."""

_ENDS = "FINISHED FAILED KILLED ERROR LOST DROPPED UNREACHABLE GONE GONE_BY_OPERATOR UNKNOWN"
ENDED = frozenset(f"TASK_{end}" for end in _ENDS.split())
"""The states of a task that is no more, as far as its framework can know."""


@dataclass
class Deed:
    """A blow that was struck. Times are seconds of the clock of the course."""

    blow: Blow
    begin: float
    end: float
    """When it was over."""
    executors: frozenset[str] = frozenset()
    """Whom it met, of executors, by their ids."""
    met: bool = True
    """Whether it met anybody."""


@dataclass(frozen=True)
class Life:
    """Of an executor, as Mesos tells it: from its launch to its end, each time that it ended."""

    begin: float
    end: float

    def meets(self, begin: float, end: float) -> bool:
        """Whether it lived at any time between."""
        return self.begin <= end and begin <= self.end


def lives(course: Course) -> Mapping[str, Life]:
    """Of all executors, by their ids; the end of one that came back is the last one."""
    begin: dict[str, float] = {}
    end: dict[str, float] = {}
    for at, said in course:
        for task in launched(said):
            begin[task["task_id"]["value"]] = at
        if said["type"] == "UPDATE":
            status = said["update"]["status"]
            task_id = status["task_id"]["value"]
            if status["state"] in ENDED:
                end[task_id] = at
            else:
                end.pop(task_id, None)
    return {task: Life(at, end.get(task, float("inf"))) for task, at in begin.items()}


def launched(said: Said) -> Iterator[Said]:
    """The TaskInfos of a call, if there are any."""
    for operation in said.get("accept", {}).get("operations", []):
        yield from operation["launch"]["task_infos"]


def windows(deeds: Iterable[Deed], blows: Iterable[Blow], slack: float) -> Sequence[tuple[float, float]]:
    """When such blows, and what followed for so many seconds, went on."""
    wanted = frozenset(blows)
    return [(deed.begin, deed.end + slack) for deed in deeds if deed.blow in wanted]
