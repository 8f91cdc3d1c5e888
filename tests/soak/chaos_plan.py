"""What is submitted, and who is killed or stopped, in a run of chaos: all that a seed decides. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

_ENDLESS = 3600.0
"""Seconds that no run waits for: such a driver ends if it is killed, and not otherwise."""


class Target(Enum):
    """Who can be killed."""

    DISPATCHER = "dispatcher"
    MASTER = "master"
    AGENT = "agent"


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    jobs: int
    kills: int
    pauses: int = 0
    """How often a dispatcher is stopped (SIGSTOP) for some time; only with a ZooKeeper."""
    dispatchers: int = 1
    zookeeper: bool = False
    """Whether dispatchers keep their drivers in a ZooKeeper; several always do."""
    agents: int = 3
    masters: int = 1
    real_spark: bool = False

    @property
    def dispatchers_elect(self) -> bool:
        """Whether dispatchers have a ZooKeeper, one alone too."""
        return self.zookeeper or self.dispatchers > 1

    def count(self, target: Target) -> int:
        """How many there are of a kind."""
        return {
            Target.DISPATCHER: self.dispatchers,
            Target.MASTER: self.masters,
            Target.AGENT: self.agents,
        }[target]


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
    """A SIGKILL, or a SIGSTOP, and how it goes on afterwards. Times are seconds."""

    target: Target
    number: int
    """Who of its kind; another one if that one is down."""
    delay: float
    """From the step before."""
    downtime: float
    """Until it is started again, or goes on."""
    awaited: bool
    """Whether the target is given the time to be ready before it is killed, if it has just been started."""
    leading: bool = False
    """Whether the one that leads is meant, whatever its number."""
    paused: bool = False
    """Whether it is stopped and goes on, and does not die."""


Step = Job | Strike


def plan(seed: int, size: Size, away: float, session: float) -> Sequence[Step]:
    """All jobs, kills and pauses in the order in which they come.

    `away` is the time after which a master gives an agent up, `session` that after which ZooKeeper does so
    with a dispatcher; in seconds. Half of the kills are against dispatchers, most of them within milliseconds
    of a submission; half of the pauses are longer than a session.
    """
    dice = random.Random(seed)
    steps: list[Step] = [_job(dice, number) for number in range(size.jobs)]
    for _ in range(size.kills):
        steps.insert(dice.randrange(len(steps) + 1), _kill(dice, size, away))
    for number in range(size.pauses):
        steps.insert(dice.randrange(len(steps) + 1), _pause(dice, size, session, longer=number % 2 == 0))
    return steps


def _job(dice: random.Random, number: int) -> Job:
    supervised = dice.random() < 0.3
    unwanted = dice.random() < 0.1
    endless = unwanted and dice.random() < 0.7
    return Job(
        key=f"job{number:05d}",
        seconds=_ENDLESS if endless else round(dice.uniform(0.05, 2.0), 2),
        failures=dice.choice((1, 2)) if supervised else int(dice.random() < 0.2),
        supervised=supervised,
        kill_after=round(dice.uniform(0, 3), 2) if unwanted else None,
    )


def _kill(dice: random.Random, size: Size, away: float) -> Strike:
    target = dice.choices(list(Target), weights=(5, 2, 3))[0]
    soon = dice.random() < 0.6
    long = target is Target.AGENT and dice.random() < 0.2
    return Strike(
        target=target,
        number=dice.randrange(size.count(target)),
        delay=round(dice.uniform(0, 0.03) if soon else dice.uniform(0, 2), 4),
        downtime=round(away * 2 if long else dice.uniform(0, 1), 2),
        awaited=dice.random() < 0.8,
        leading=target is Target.MASTER or (target is Target.DISPATCHER and dice.random() < 0.6),
    )


def _pause(dice: random.Random, size: Size, session: float, *, longer: bool) -> Strike:
    return Strike(
        target=Target.DISPATCHER,
        number=dice.randrange(size.dispatchers),
        delay=round(dice.uniform(0, 0.03), 4),
        downtime=round(session * (dice.uniform(1.05, 1.3) if longer else dice.uniform(0.05, 0.95)), 2),
        awaited=True,
        leading=dice.random() < 0.75,
        paused=True,
    )
