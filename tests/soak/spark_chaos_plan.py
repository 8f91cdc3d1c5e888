"""What befalls whom in a run of chaos around a Spark application: all that a seed decides. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tests.soak.blows import drawn


class Blow(Enum):
    """What can happen. The value says it of whom it happens to."""

    EXECUTOR_KILLED = "an executor killed"
    EXECUTOR_PAUSED = "an executor stopped by SIGSTOP"
    EXECUTOR_TOLD_TO_END = "an executor told to end by SIGTERM"
    EXECUTORS_CUT = "the connections between executors cut"
    AGENT_KILLED = "an agent killed"
    AGENT_PAUSED = "an agent stopped"
    AGENT_REPLACED = "an agent ended with all it ran, and replaced by a new one"
    AGENT_DRAINED = "an agent drained, and reactivated"
    MACHINE_MAINTAINED = "a machine maintained"
    MASTER_KILLED = "the leading master killed"
    MASTERS_KILLED = "all masters killed"
    MASTER_CUT = "the connection to the master cut"
    MASTER_SILENT = "the connection to the master silent"
    ZOOKEEPER_ENDED = "ZooKeeper ended"
    DRIVER_CUT = "the connections of executors to the driver cut"
    DRIVER_SILENT = "the connections of executors to the driver silent"
    SERVICE_KILLED = "the external shuffle service killed"


_WEIGHTS = {
    Blow.EXECUTOR_KILLED: 6,
    Blow.EXECUTOR_PAUSED: 2,
    Blow.EXECUTOR_TOLD_TO_END: 2,
    Blow.EXECUTORS_CUT: 2,
    Blow.AGENT_KILLED: 4,
    Blow.AGENT_PAUSED: 3,
    Blow.AGENT_REPLACED: 2,
    Blow.AGENT_DRAINED: 3,
    Blow.MACHINE_MAINTAINED: 2,
    Blow.MASTER_KILLED: 4,
    Blow.MASTERS_KILLED: 2,
    Blow.MASTER_CUT: 2,
    Blow.MASTER_SILENT: 2,
    Blow.ZOOKEEPER_ENDED: 2,
    Blow.DRIVER_CUT: 2,
    Blow.DRIVER_SILENT: 1,
    Blow.SERVICE_KILLED: 2,
}
_ENDS_EXECUTORS = {
    Blow.EXECUTOR_KILLED,
    Blow.EXECUTOR_TOLD_TO_END,
    Blow.AGENT_KILLED,
    Blow.AGENT_REPLACED,
    Blow.AGENT_DRAINED,
    Blow.MACHINE_MAINTAINED,
    Blow.DRIVER_CUT,
}


@dataclass(frozen=True)
class Waits:
    """For how many seconds those wait who notice that somebody is away."""

    away: float = 2.0
    """The master, for an agent."""
    silence: float = 12.0
    """Spark, for an executor that says nothing."""
    session: float = 3.0
    """ZooKeeper, for masters."""
    heartbeat: float = 1.0
    """From one word of the master to the next, of which the driver misses some before it leaves."""


WAITS = Waits()


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    strikes: int
    chains: int = 8
    links: int = 25
    """Shuffles of a chain in the first job; each is a stage."""
    more_links: int = 3
    """So many more has the second job, which begins with what the first one has left."""
    agents: int = 3
    masters: int = 1
    """Of several, the driver finds the one that leads by ZooKeeper; to one it talks through a proxy."""
    dynamic: bool = False
    """Whether executors are allocated dynamically, with shuffle tracking or a shuffle service."""
    decommission: bool = False
    """Whether executors that are to go hand on what they have."""
    service: bool = False
    """Whether shuffle files are kept by an external shuffle service."""
    cuts_executors: bool = False
    """Whether this machine lets us cut connections that are not ours."""
    spares_executors: bool = False
    """Whether nothing happens that ends executors: Spark 3.5 never forgives an agent where two have failed, and has no
    setting for it (`MAX_SLAVE_FAILURES` in MesosCoarseGrainedSchedulerBackend).
    """

    @property
    def stages(self) -> int:
        """Of the first job."""
        return self.chains * self.links + 1

    @property
    def more_stages(self) -> int:
        """Of the second job, but for those that it does again."""
        return self.chains * self.more_links + 1

    @property
    def blows(self) -> Sequence[Blow]:
        """What can happen here."""
        without: set[Blow] = set()
        if self.masters == 1:
            without |= {Blow.MASTERS_KILLED, Blow.ZOOKEEPER_ENDED}
        else:
            without.add(Blow.MASTER_SILENT)
        if not self.service:
            without.add(Blow.SERVICE_KILLED)
        if not self.cuts_executors:
            without.add(Blow.EXECUTORS_CUT)
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
    """It comes when so many stages have ended; when all of the first job have, while the application waits between its jobs.
    Those behind are the second job's.
    """
    delay: float
    """From then."""
    downtime: float
    """Until it is over: who was killed is started, who was stopped goes on, connections carry again."""
    upwards: bool
    """Which way a silent connection says nothing any more: to the server, or from it."""
    lost: bool
    """Whether a silent connection breaks in the end, and what was under way on it is lost; whether a machine that is to be
    maintained is really taken down.
    """


def plan(seed: int, size: Size, waits: Waits = WAITS) -> Sequence[Strike]:
    """All strikes in their order: one of each kind, as far as their number goes, and others as it happens.

    A quarter of them comes late: some while the application waits between its jobs, the others in the second one.
    """
    dice = random.Random(seed)
    blows = drawn(dice, size.blows, _WEIGHTS, size.strikes)
    dice.shuffle(blows)
    late = round(size.strikes / 4)
    between = (late + 1) // 2
    stages = [
        *sorted(dice.randrange(size.stages - 1) for _ in blows[late:]),
        *(size.stages for _ in blows[:between]),
        *sorted(size.stages + dice.randrange(1, size.more_stages) for _ in blows[between:late]),
    ]
    return [_strike(dice, blow, stage, size, waits) for blow, stage in zip(blows, stages, strict=True)]


def _strike(dice: random.Random, blow: Blow, stage: int, size: Size, waits: Waits) -> Strike:
    longer = not size.spares_executors and dice.random() < 0.3
    downtime = dice.uniform(0.05, 1)
    upwards = dice.random() < 0.5
    # Executors that are allocated dynamically are told to end when they have been without work for some seconds.
    soon = 5.0 if size.dynamic and stage == size.stages else 2.0
    match blow:
        case Blow.AGENT_KILLED | Blow.AGENT_PAUSED if longer:
            downtime = waits.away * dice.uniform(1.2, 2.5)
        case Blow.EXECUTOR_PAUSED | Blow.DRIVER_SILENT:
            downtime = waits.silence * (dice.uniform(1.1, 1.3) if longer else dice.uniform(0.05, 0.4))
        case Blow.MASTER_KILLED | Blow.MASTERS_KILLED:
            downtime = dice.uniform(0.1, 3 * waits.away)
        case Blow.MASTER_SILENT:
            # Longer than from one heartbeat to the next, or nobody would notice; a framework that wants no offers says nothing.
            downtime = waits.heartbeat * (dice.uniform(5.5, 8) if longer else dice.uniform(1.5, 4))
            upwards = dice.random() < 0.25
        case Blow.ZOOKEEPER_ENDED if longer:
            downtime = waits.session * dice.uniform(1.1, 1.5)
        case Blow.AGENT_DRAINED | Blow.MACHINE_MAINTAINED:
            downtime = dice.uniform(1, 5)
    return Strike(
        blow=blow,
        number=dice.randrange(1_000_000),
        stage=stage,
        delay=round(dice.choice((dice.uniform(0, 0.05), dice.uniform(0, soon))), 4),
        downtime=round(downtime, 2),
        upwards=upwards,
        lost=dice.random() < 0.5 and not size.spares_executors,
    )
