"""What befalls whom in a run of chaos around a Spark application: all that a seed decides. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Blow(Enum):
    """What can happen. The value says it of whom it happens to."""

    EXECUTOR_KILLED = "an executor killed"
    EXECUTOR_PAUSED = "an executor stopped by SIGSTOP"
    EXECUTOR_TOLD_TO_END = "an executor told to end by SIGTERM"
    AGENT_KILLED = "an agent killed"
    AGENT_PAUSED = "an agent stopped"
    AGENT_REPLACED = "an agent ended with all it ran, and replaced by a new one"
    MASTER_KILLED = "the leading master killed"
    MASTERS_KILLED = "all masters killed"
    MASTER_CUT = "the connection to the master cut"
    MASTER_SILENT = "the connection to the master silent"
    DRIVER_CUT = "the connections of executors to the driver cut"
    DRIVER_SILENT = "the connections of executors to the driver silent"


_WEIGHTS = {
    Blow.EXECUTOR_KILLED: 6,
    Blow.EXECUTOR_PAUSED: 2,
    Blow.EXECUTOR_TOLD_TO_END: 2,
    Blow.AGENT_KILLED: 4,
    Blow.AGENT_PAUSED: 3,
    Blow.AGENT_REPLACED: 2,
    Blow.MASTER_KILLED: 4,
    Blow.MASTERS_KILLED: 2,
    Blow.MASTER_CUT: 2,
    Blow.MASTER_SILENT: 2,
    Blow.DRIVER_CUT: 2,
    Blow.DRIVER_SILENT: 1,
}
_ENDS_EXECUTORS = {
    Blow.EXECUTOR_KILLED,
    Blow.EXECUTOR_TOLD_TO_END,
    Blow.AGENT_KILLED,
    Blow.AGENT_REPLACED,
    Blow.DRIVER_CUT,
}


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    strikes: int
    chains: int = 8
    links: int = 25
    """Shuffles of a chain; each is a stage."""
    agents: int = 3
    masters: int = 1
    """Of several, the driver finds the one that leads by ZooKeeper; to one it talks through a proxy."""
    dynamic: bool = False
    """Whether executors are allocated dynamically, with shuffle tracking."""
    decommission: bool = False
    """Whether executors that are to go hand on what they have."""
    spares_executors: bool = False
    """Whether nothing happens that ends executors: Spark 3.5 never forgives an agent where two have failed."""

    @property
    def stages(self) -> int:
        """Of the job."""
        return self.chains * self.links + 1

    @property
    def blows(self) -> Sequence[Blow]:
        """What can happen here."""
        without: set[Blow] = set()
        if self.masters == 1:
            without.add(Blow.MASTERS_KILLED)
        else:
            without.add(Blow.MASTER_SILENT)
        if self.spares_executors:
            without |= _ENDS_EXECUTORS
        return [blow for blow in Blow if blow not in without]


@dataclass(frozen=True)
class Strike:
    """One blow, and how it goes on afterwards. Times are seconds."""

    blow: Blow
    number: int
    """Whom it meets; another one of the same kind if that is down."""
    stage: int
    """It comes when so many stages have ended; when all have, while the application waits between its jobs."""
    delay: float
    """From then."""
    downtime: float
    """Until it is over: who was killed is started, who was stopped goes on, connections carry again."""
    upwards: bool
    """Which way a silent connection says nothing any more: to the server, or from it."""
    lost: bool
    """Whether a silent connection breaks in the end, and what was under way on it is lost."""


def plan(seed: int, size: Size, away: float, silence: float) -> Sequence[Strike]:
    """All strikes in their order: one of each kind, as far as their number goes, and others as it happens.

    `away` is the time after which a master gives an agent up, `silence` that after which Spark does so with an
    executor; in seconds. A fifth of them comes when the first job has ended.
    """
    dice = random.Random(seed)
    blows = list(size.blows)
    dice.shuffle(blows)
    weights = [_WEIGHTS[blow] for blow in size.blows]
    blows += dice.choices(size.blows, weights, k=max(0, size.strikes - len(blows)))
    blows = blows[: size.strikes]
    dice.shuffle(blows)
    late = round(size.strikes / 5)
    stages = [
        *sorted(dice.randrange(size.stages - 1) for _ in blows[late:]),
        *(size.stages for _ in blows[:late]),
    ]
    return [
        _strike(dice, blow, stage, size, away, silence) for blow, stage in zip(blows, stages, strict=True)
    ]


def _strike(dice: random.Random, blow: Blow, stage: int, size: Size, away: float, silence: float) -> Strike:
    longer = not size.spares_executors and dice.random() < 0.3
    downtime = dice.uniform(0.05, 1)
    # Executors that are allocated dynamically are told to end when they have been without work for some seconds.
    soon = 5.0 if size.dynamic and stage == size.stages else 2.0
    match blow:
        case Blow.AGENT_KILLED | Blow.AGENT_PAUSED if longer:
            downtime = away * dice.uniform(1.2, 2.5)
        case Blow.EXECUTOR_PAUSED | Blow.DRIVER_SILENT:
            downtime = silence * (dice.uniform(1.1, 1.4) if longer else dice.uniform(0.05, 0.5))
        case Blow.MASTER_KILLED | Blow.MASTERS_KILLED | Blow.MASTER_SILENT:
            downtime = dice.uniform(0.1, 3 * away)
    return Strike(
        blow=blow,
        number=dice.randrange(1_000_000),
        stage=stage,
        delay=round(dice.choice((dice.uniform(0, 0.05), dice.uniform(0, soon))), 4),
        downtime=round(downtime, 2),
        upwards=dice.random() < 0.5,
        lost=dice.random() < 0.5 and not size.spares_executors,
    )
