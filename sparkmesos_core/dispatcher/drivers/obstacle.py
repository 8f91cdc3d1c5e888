"""What keeps a driver from being launched, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sparkmesos_core.dispatcher.drivers.driver import Driver, State
from sparkmesos_core.dispatcher.drivers.supervision import was_drained
from sparkmesos_core.mesos.constraints import UnmetConstraint


class Cause(Enum):
    """What a driver waits for, in the words of the protocol."""

    MESOS = "mesos"
    """A subscription: the dispatcher has no Mesos master."""
    MAX_DRIVERS = "maxDrivers"
    """An end of another driver: so many may be launched at a time."""
    OFFERS = "offers"
    """An offer: nothing is known that would be in its way."""
    CONSTRAINTS = "constraints"
    """An agent with the attributes that it wants."""
    CORES = "cores"
    MEMORY = "memory"
    CORES_AND_MEMORY = "cores and memory"
    """More than was offered of either, or of both at once."""
    OTHER_DRIVERS = "other drivers"
    """What was offered and would do is taken by those before it."""
    AGENTS = "agents"
    """What would do is offered by agents that drop what they are given, and have a rest."""


@dataclass(frozen=True)
class Obstacle:
    """Why a driver is not launched now."""

    cause: Cause
    message: str
    """A part of a sentence, behind the driver's name or "queued:"; without a full stop."""
    hint: str = ""
    """What can be done about it; may be empty."""
    agents: int | None = None
    """How many agents have made offers that meet its constraints, as far as they are remembered."""
    largest_cores: float | None = None
    """The most cores that one of these agents has offered last."""
    largest_memory: float | None = None
    """The same of memory, MiB."""
    unmet: tuple[UnmetConstraint, ...] = ()


NO_MASTER = Obstacle(Cause.MESOS, "waits until the dispatcher has a Mesos master")


def too_many_launched(most: int) -> Obstacle:
    """`spark.mesos.maxDrivers` are launched."""
    return Obstacle(
        Cause.MAX_DRIVERS,
        f"waits until a driver ends: {most} {'is' if most == 1 else 'are'} launched",
        hint="spark.mesos.maxDrivers of the dispatcher allows no more at a time.",
    )


def waits_for_launch(driver: Driver, now: float) -> bool:
    """Whether a driver may be launched now, if there is nothing in its way. `now`: seconds since 1970."""
    if driver.state is State.RETRYING:
        return driver.next_retry_at is not None and driver.next_retry_at <= now
    return driver.state is State.QUEUED


def history_of(driver: Driver) -> str:
    """Why a driver that did run already waits again, to be put before what it waits for; may be empty."""
    if driver.state is State.QUEUED and was_drained(driver):
        return "is to be launched elsewhere, as its agent is being drained; "
    return ""
