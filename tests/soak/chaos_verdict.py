"""Whether every accepted driver has run as often as it should, whoever was killed meanwhile. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.soak.chaos_plan import Job
from tests.soak.stand_in_spark import Event


@dataclass(frozen=True)
class Shown:
    """A driver as the dispatcher shows it in the end. Times are seconds since 1970."""

    id: str
    state: str
    """The protocol's `driverState`."""
    outcome: str
    task_id: str = ""
    """Of its last launch, like the next two; empty if it never was launched."""
    agent: str = ""
    """HOST:PORT."""
    launched_at: float = 0.0
    finished_at: float = math.inf
    message: str = ""
    """What was said of its last task."""


class Absences:
    """When agents were dead."""

    def __init__(self) -> None:
        self._of: dict[str, list[tuple[float, float]]] = {}

    def began(self, agent: str, at: float) -> None:
        """This agent, HOST:PORT, was killed."""
        self._of.setdefault(agent, []).append((at, math.inf))

    def ended(self, agent: str, at: float) -> None:
        """It was started again."""
        began, _ = self._of[agent].pop()
        self._of[agent].append((began, at))

    def between(self, agent: str, begin: float, end: float) -> bool:
        """Whether an agent was dead at any moment between two times."""
        return any(died <= end and begin <= back for died, back in self._of.get(agent, ()))


def violations(
    accepted: Mapping[str, Job],
    killed: Mapping[str, float],
    shown: Iterable[Shown],
    record: Mapping[str, Sequence[Event]],
    absences: Absences,
) -> Iterator[str]:
    """What is wrong, a line for each.

    `accepted` are the jobs by the submission ids that clients got; `killed` says when those who wanted a
    driver killed had their answer, in seconds since 1970.

    - What a client was told to be accepted is known, and nothing else is; it has ended.
    - No task id began twice. A driver without supervision began at most once, and exactly once unless it was
      lost with its agent or killed in time.
    - Its outcome is how its last launch ended. It may be lost, or have failed otherwise than by its own exit
      status, only if the agent of that launch was dead at some time during it.
    - A supervised one began until it succeeded, and has succeeded if nobody wanted it killed. It began beside
      an earlier launch, or after one that had succeeded, only if the agent of that one had died since.
    - None was killed that nobody wanted killed, and none launched after that was answered.
    """
    drivers = {driver.id: driver for driver in shown}
    for submission_id in sorted(drivers.keys() - accepted.keys()):
        yield f"{submission_id}: nobody was told that it is accepted"
    for key in sorted(record.keys() - {job.key for job in accepted.values()}):
        yield f"{key}: was launched, and never accepted"
    for submission_id, job in accepted.items():
        events = record.get(job.key, ())
        launches = _launches(events)
        driver = drivers.get(submission_id)
        if driver is None:
            yield f"{submission_id} ({job}): accepted and forgotten"
            continue
        for problem in (
            *_of_launches(submission_id, job, launches, absences),
            *_of_outcome(job, driver, killed.get(submission_id), launches, absences),
        ):
            yield f"{submission_id} ({job}): {problem}; shown: {driver}; record: {list(events)}"


@dataclass(frozen=True)
class _Launch:
    task_id: str
    agent: str
    began: float
    alone: bool
    ended: float
    """Infinite if nobody recorded its end."""
    status: int | None


def _launches(events: Sequence[Event]) -> Sequence[_Launch]:
    ends = {event.task_id: event for event in events if event.status is not None}
    found = []
    for start in events:
        if start.status is None:
            end = ends.get(start.task_id)
            ended, status = (math.inf, None) if end is None else (end.at, end.status)
            found.append(_Launch(start.task_id, start.agent, start.at, start.alone, ended, status))
    return found


def _of_launches(
    submission_id: str, job: Job, launches: Sequence[_Launch], absences: Absences
) -> Iterator[str]:
    for task_id, times in Counter(launch.task_id for launch in launches).items():
        if times > 1:
            yield f"{task_id} began {times} times"
        if task_id.partition("-retry-")[0] != submission_id:
            yield f"{task_id} is another driver's task"
    if not job.supervised and len(launches) > 1:
        yield f"began {len(launches)} times"
    if job.supervised:
        for number, launch in enumerate(launches):
            earlier = launches[:number]
            survived = [one for one in earlier if not absences.between(one.agent, one.began, launch.began)]
            beside = [one for one in earlier if one.ended >= launch.began]
            if any(one in survived for one in beside) or not (launch.alone or beside):
                yield f"{launch.task_id} ran beside itself"
            if any(one.status == 0 for one in survived):
                yield f"{launch.task_id} began though it had succeeded"


def _of_outcome(
    job: Job, driver: Shown, killed_at: float | None, launches: Sequence[_Launch], absences: Absences
) -> Iterator[str]:
    if driver.state != "FINISHED":
        yield "has not ended"
        return
    last = next((launch for launch in launches if launch.task_id == driver.task_id), None)
    status = None if last is None else last.status
    agent_died = absences.between(driver.agent, driver.launched_at, driver.finished_at)
    to_be_launched_again = job.supervised and killed_at is None
    if killed_at is not None and driver.launched_at > killed_at:
        yield "launched after it was killed"
    match driver.outcome:
        case "succeeded":
            if status != 0:
                yield "succeeded, and its end says otherwise"
        case "failed":
            if to_be_launched_again:
                yield "failed, and not launched again"
            elif not agent_died and last is None:
                yield "failed, and was never launched"
            elif not agent_died and status != 1:
                yield "failed, and neither by itself nor with its agent"
        case "killed":
            if killed_at is None:
                yield "killed, and nobody wanted that"
        case "lost":
            if not agent_died:
                yield "lost, and its agent lived"
            if to_be_launched_again:
                yield "lost, and not launched again"
        case other:
            yield f"ended as {other!r}, which is nothing"
