"""What came of a probe."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparkmesos_core.verify.probe.plan import ProbePlan
    from sparkmesos_core.verify.probe.report import Report


class Ending(Enum):
    """How far a task has come."""

    TOLD = auto()
    """It has said all that it had to say."""
    ENDED = auto()
    """It has ended without that: Mesos, or its output, tells why."""
    LATE = auto()
    """It had not ended when the time was over."""


@dataclass(frozen=True)
class TriedAgent:
    """An agent that got a task, and what is known of it."""

    id: str
    name: str
    """What messages call it."""
    ending: Ending
    report: Report | None = None
    """What the task has said, all of it or its beginning."""
    state: str = ""
    """The last state that Mesos told, `TASK_FAILED`; empty if it told none."""
    reason: str = ""
    message: str = ""
    """Mesos' words."""
    output: tuple[str, ...] = ()
    """The last lines of its stderr, or of its stdout without any, if they were read."""
    unread: str = ""
    """Why its sandbox could not be read, if that was tried."""

    def said(self, name: str) -> str:
        """What the task has said of something; empty if nothing."""
        return self.report[name] if self.report is not None else ""


@dataclass(frozen=True)
class ProbeResult:
    """What came of it on all agents."""

    plan: ProbePlan
    agents: tuple[TriedAgent, ...] = ()
    """Those that were tried, in the order of the master's list."""
    without_offers: tuple[str, ...] = ()
    """The names of agents that have offered nothing, or too little."""
    patience: float = 0.0
    """For how many seconds, at least, offers were waited for."""
    timeout: float = 0.0
    """After how many seconds tasks were given up."""
    unfit: int = 0
    """How many agents were left out since they do not meet the constraints, or do not take part."""
    left_out: int = 0
    """How many more could have been tried (--probe-agents)."""
    put_off: tuple[str, ...] = ()
    """The names of agents whose turn had not come when the time was over."""

    @property
    def told(self) -> tuple[TriedAgent, ...]:
        """The agents whose tasks have told everything."""
        return tuple(agent for agent in self.agents if agent.ending is Ending.TOLD)
