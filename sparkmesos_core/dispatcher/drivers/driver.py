"""A driver: a submission, and what has become of it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.durable_framework.task_status import TaskStatus

VERSION = 1
"""Of the JSON of drivers in stores."""


class State(Enum):
    """Where a driver is. Times and order are those of the protocol's `driverState`."""

    QUEUED = "QUEUED"
    LAUNCHED = "RUNNING"
    """Handed to Mesos; its task may still be staging."""
    RETRYING = "RETRYING"
    """Supervised, it failed, and waits to be launched again."""
    FINISHED = "FINISHED"
    """For good, one way or the other: see its outcome."""


class Outcome(Enum):
    """How a driver has ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Also one that could not be launched."""
    KILLED = "killed"
    LOST = "lost"
    """Its agent is gone, or Mesos has forgotten it: nobody knows how far it came."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One launch of a driver on an agent."""

    task_id: str
    """The submission's id; of the n-th launch again with `-retry-n` behind it."""
    agent_id: str
    agent_host: str
    agent_url: str
    """`http://HOST:PORT` of the agent's API, from the offer; empty if the offer told none."""
    framework_id: str
    """The one that the driver's own framework registers under."""
    at: float
    """Seconds since 1970."""
    started: bool = False
    """Whether its agent is known to have got the task: Mesos has said that it was starting, or more.

    TASK_STAGING is not enough, which a master says also of a task that never reaches its agent."""


@dataclass(frozen=True, slots=True)
class Driver:
    """One accepted submission. Immutable: each change makes another one. Times are seconds since 1970."""

    id: str
    """The submission id, `driver-20260131120000-0001`."""
    number: int
    """Its place in the order of acceptance; never used twice in a store."""
    submission: Submission
    submitted_at: float
    state: State = State.QUEUED
    token: str = ""
    """What the client made up to recognise its own request by; empty without one."""
    launch: Launch | None = None
    """The current one, or the last."""
    launches: int = 0
    status: TaskStatus | None = None
    """What Mesos said last of any of its tasks."""
    retries: int = 0
    """How often it has failed and was to be launched again."""
    wait: float = 0.0
    """Seconds of the current or last back-off."""
    next_retry_at: float | None = None
    kill_requested: bool = False
    outcome: Outcome | None = None
    """How it ended; None before."""
    detail: str = ""
    """What there is to say about the outcome that no status tells, such as why it could not be launched."""
    finished_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it, secrets too: for stores."""
        return {
            "version": VERSION,
            "id": self.id,
            "number": self.number,
            "submission": self.submission.to_json(),
            "submitted_at": self.submitted_at,
            "state": self.state.value,
            "token": self.token,
            "launch": None if self.launch is None else asdict(self.launch),
            "launches": self.launches,
            "status": None if self.status is None else asdict(self.status),
            "retries": self.retries,
            "wait": self.wait,
            "next_retry_at": self.next_retry_at,
            "kill_requested": self.kill_requested,
            "outcome": None if self.outcome is None else self.outcome.value,
            "detail": self.detail,
            "finished_at": self.finished_at,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Driver:
        """What `to_json` made. KeyError, TypeError or ValueError for what it cannot have made."""
        if fields["version"] != VERSION:
            raise ValueError(f"a driver of version {fields['version']}, and {VERSION} is what is understood")
        known = {name: fields[name] for name in cls.__dataclass_fields__}
        launch, status, outcome = known["launch"], known["status"], known["outcome"]
        return cls(
            **{
                **known,
                "submission": Submission.from_json(known["submission"]),
                "state": State(known["state"]),
                "launch": None if launch is None else Launch(**launch),
                "status": None if status is None else TaskStatus(**status),
                "outcome": None if outcome is None else Outcome(outcome),
            }
        )
