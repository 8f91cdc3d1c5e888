"""Whether every accepted driver has run as often as it should, whoever was killed meanwhile. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.soak.chaos_plan import Job
from tests.soak.stand_in_spark import Event


@dataclass(frozen=True)
class Shown:
    """A driver as the dispatcher shows it in the end."""

    id: str
    state: str
    """The protocol's `driverState`."""
    outcome: str
    agent_died: bool
    """Whether the agent that it was launched on last was killed at any time."""


def violations(
    accepted: Mapping[str, Job],
    shown: Iterable[Shown],
    record: Mapping[str, Sequence[Event]],
    *,
    agents_died: bool,
) -> Iterator[str]:
    """What is wrong, a line for each. `accepted` are the jobs by the submission ids that clients got.

    - What a client was told to be accepted is known, and nothing else is; it has ended.
    - No task id began twice. A driver without supervision began at most once, and exactly once unless it was
      lost with its agent or killed in time.
    - Its outcome is how it ended. It may be lost, or have failed otherwise than by its own exit status, only
      if its agent died.
    - A supervised one began until it succeeded, never beside itself or after that, unless an agent died.
    """
    drivers = {driver.id: driver for driver in shown}
    for submission_id in sorted(drivers.keys() - accepted.keys()):
        yield f"{submission_id}: nobody was told that it is accepted"
    for key in sorted(record.keys() - {job.key for job in accepted.values()}):
        yield f"{key}: was launched, and never accepted"
    for submission_id, job in accepted.items():
        events = record.get(job.key, ())
        driver = drivers.get(submission_id)
        if driver is None:
            yield f"{submission_id} ({job}): accepted and forgotten"
            continue
        for problem in (
            *_of_launches(submission_id, job, events, agents_died),
            *_of_outcome(job, driver, events),
        ):
            yield f"{submission_id} ({job}): {problem}; shown: {driver}; record: {list(events)}"


def _of_launches(submission_id: str, job: Job, events: Sequence[Event], agents_died: bool) -> Iterator[str]:
    starts = [event for event in events if event.status is None]
    for task_id, times in Counter(event.task_id for event in starts).items():
        if times > 1:
            yield f"{task_id} began {times} times"
        if task_id.partition("-retry-")[0] != submission_id:
            yield f"{task_id} is another driver's task"
    if not job.supervised and len(starts) > 1:
        yield f"began {len(starts)} times"
    if job.supervised and not agents_died:
        if not all(event.alone for event in starts):
            yield "ran beside itself"
        statuses = [event.status for event in events]
        if 0 in statuses and statuses.index(0) < len(statuses) - 1:
            yield "went on after it had succeeded"


def _of_outcome(job: Job, driver: Shown, events: Sequence[Event]) -> Iterator[str]:
    if driver.state != "FINISHED":
        yield "has not ended"
        return
    began = any(event.status is None for event in events)
    ends = [event.status for event in events if event.status is not None]
    match driver.outcome:
        case "succeeded":
            if not ends or ends[-1] != 0:
                yield "succeeded, and its last end says otherwise"
        case "failed":
            if not driver.agent_died and (job.supervised or not job.failures):
                yield "failed, and its agent lived"
            if not driver.agent_died and not began:
                yield "failed, and was never launched"
        case "killed":
            if job.kill_after is None:
                yield "killed, and nobody wanted that"
        case "lost":
            if not driver.agent_died:
                yield "lost, and its agent lived"
            if job.supervised:
                yield "lost, and not launched again"
        case other:
            yield f"ended as {other!r}, which is nothing"
