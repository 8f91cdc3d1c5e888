"""What is submitted and who is killed in a run of chaos: all that a seed decides. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Target(Enum):
    """Who can be killed."""

    DISPATCHER = "dispatcher"
    MASTER = "master"
    AGENT = "agent"


@dataclass(frozen=True)
class Job:
    """A driver to submit."""

    key: str
    seconds: float
    """How long each of its launches lasts."""
    failures: int
    """How often it fails until it succeeds."""
    supervised: bool
    kill_after: float | None
    """Seconds from its acceptance to a request to kill it; None: nobody wants that."""


@dataclass(frozen=True)
class Strike:
    """A SIGKILL, and how it goes on afterwards. Times are seconds."""

    target: Target
    number: int
    """Of the agent, or of the master."""
    delay: float
    """From the step before."""
    downtime: float
    awaited: bool
    """Whether the target is given the time to be ready before it is killed, if it has just been started."""


Step = Job | Strike


def plan(seed: int, jobs: int, strikes: int, agents: int, masters: int, away: float) -> Sequence[Step]:
    """So many jobs and strikes in the order in which they come; `away` is the time after which an agent is lost.

    Half of the strikes are against the dispatcher, most of them within milliseconds of a submission.
    """
    dice = random.Random(seed)
    steps: list[Step] = [_job(dice, number) for number in range(jobs)]
    for _ in range(strikes):
        steps.insert(dice.randrange(len(steps) + 1), _strike(dice, agents, masters, away))
    return steps


def _job(dice: random.Random, number: int) -> Job:
    supervised = dice.random() < 0.3
    return Job(
        key=f"job{number:05d}",
        seconds=round(dice.uniform(0.05, 2.0), 2),
        failures=dice.choice((1, 2)) if supervised else int(dice.random() < 0.2),
        supervised=supervised,
        kill_after=round(dice.uniform(0, 3), 2) if dice.random() < 0.1 else None,
    )


def _strike(dice: random.Random, agents: int, masters: int, away: float) -> Strike:
    target = dice.choices(list(Target), weights=(5, 2, 3))[0]
    soon = dice.random() < 0.6
    long = target is Target.AGENT and dice.random() < 0.2
    return Strike(
        target=target,
        number=dice.randrange(agents if target is Target.AGENT else masters),
        delay=round(dice.uniform(0, 0.03) if soon else dice.uniform(0, 2), 4),
        downtime=round(away * 2 if long else dice.uniform(0, 1), 2),
        awaited=dice.random() < 0.8,
    )
