"""How many drivers a dispatcher runs and remembers, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Numbers that properties of the dispatcher set. Times are seconds."""

    max_drivers: int = 200
    """`spark.mesos.maxDrivers`: how many may be launched at the same time."""
    max_queued: int | None = None
    """`spark.mesos.maxQueuedDrivers`: how many may wait; None: any number."""
    retained: int = 200
    """`spark.mesos.retainedDrivers`: how many that have ended are remembered."""
    longest_wait: float = 60.0
    """`spark.mesos.cluster.retry.wait.max`: the longest pause before a failed driver is launched again."""
    refuse_seconds: float = 120.0
    """`spark.mesos.rejectOfferDuration`: how long an offer that is of no use is not made again."""
    reconcile_seconds: float = 900.0
    """How often all launched drivers are asked for."""
