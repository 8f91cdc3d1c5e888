"""What befalls whom in a run of chaos around shuffle services on agents: all that a seed decides. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tests.soak.blows import drawn


class Blow(Enum):
    """What can happen. The value says it of whom it happens to."""

    PROCESS_KILLED = "a process of the framework killed"
    PROCESS_ENDED = "a process of the framework ended by SIGTERM"
    PROCESS_PAUSED = "a process of the framework stopped by SIGSTOP"
    MASTER_KILLED = "the leading master killed"
    MASTERS_KILLED = "all masters killed"
    AGENT_KILLED = "an agent killed"
    AGENT_PAUSED = "an agent stopped"
    AGENT_REPLACED = "an agent ended with all it ran, and replaced by a new one"
    AGENT_WIPED = "an agent killed, and its memory wiped"
    SERVICE_KILLED = "a service killed"
    SERVICE_CRASHES = "a service crashed again and again"
    ZOOKEEPER_ENDED = "ZooKeeper ended"
    ALL_STOPPED = "all services stopped by --stop"


_WEIGHTS = {
    Blow.PROCESS_KILLED: 6,
    Blow.PROCESS_ENDED: 2,
    Blow.PROCESS_PAUSED: 2,
    Blow.MASTER_KILLED: 4,
    Blow.MASTERS_KILLED: 1,
    Blow.AGENT_KILLED: 4,
    Blow.AGENT_PAUSED: 3,
    Blow.AGENT_REPLACED: 2,
    Blow.AGENT_WIPED: 1,
    Blow.SERVICE_KILLED: 4,
    Blow.SERVICE_CRASHES: 2,
    Blow.ZOOKEEPER_ENDED: 1,
    Blow.ALL_STOPPED: 1,
}


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    strikes: int
    agents: int = 5
    """That are to have services; there is one more, which is to have none."""
    masters: int = 1
    processes: int = 1
    zookeeper: bool = False
    """Whether one process alone keeps what it knows in a ZooKeeper; several always do."""

    @property
    def elect(self) -> bool:
        """Whether processes have a ZooKeeper."""
        return self.zookeeper or self.processes > 1

    @property
    def blows(self) -> Sequence[Blow]:
        """What can happen here."""
        without = self.masters == 1 and not self.elect
        return [blow for blow in Blow if not (blow is Blow.ZOOKEEPER_ENDED and without)]


@dataclass(frozen=True)
class Strike:
    """One blow, and how it goes on afterwards. Times are seconds."""

    blow: Blow
    number: int
    """Whom it meets; another one of the same kind if that is down."""
    delay: float
    """From the one before."""
    downtime: float
    """Until it is over: who was killed is started, who was stopped goes on, services work again."""
    leading: bool
    """Whether, of several processes, the one that leads is meant."""
    without_process: bool
    """Whether processes are killed before `--stop`, which has to do without them."""


def plan(seed: int, size: Size, away: float, session: float) -> Sequence[Strike]:
    """All strikes in their order: first one of each kind, as far as their number goes, then as it happens.

    `away` is the time after which a master gives an agent up, `session` that after which ZooKeeper does so
    with a process; in seconds.
    """
    dice = random.Random(seed)
    blows = drawn(dice, size.blows, _WEIGHTS, size.strikes)
    return [_strike(dice, blow, size, away, session) for blow in blows]


def _strike(dice: random.Random, blow: Blow, size: Size, away: float, session: float) -> Strike:
    delay = dice.choices((dice.uniform(0, 0.05), dice.uniform(0, 1), dice.uniform(1, 3)), (5, 3, 2))[0]
    longer = dice.random() < 0.3
    downtime = dice.uniform(0, 1)
    match blow:
        case Blow.AGENT_KILLED | Blow.AGENT_PAUSED:
            downtime = away * dice.uniform(1.2, 2.5) if longer else downtime
        case Blow.PROCESS_PAUSED:
            over = session if size.elect else away
            downtime = over * dice.uniform(1.1, 1.5) if longer else dice.uniform(0, 2)
        case Blow.MASTERS_KILLED | Blow.AGENT_REPLACED:
            downtime = dice.uniform(0.5, 2 * away)
        case Blow.SERVICE_CRASHES:
            downtime = dice.uniform(2, 6)
        case Blow.ZOOKEEPER_ENDED:
            downtime = session * dice.uniform(1.1, 1.5) if longer else downtime
    return Strike(
        blow=blow,
        number=dice.randrange(1_000_000),
        delay=round(delay, 4),
        downtime=round(downtime, 2),
        leading=dice.random() < 0.7,
        without_process=dice.random() < 0.5,
    )
