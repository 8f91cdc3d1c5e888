"""Which driver fits into which offer, and what it takes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sparkmesos_core.conf.values.constraints import Constraint, parse_constraints
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.durable_framework.offer_shares import UNITS, Share, share, total
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.mesos.attributes import Attribute, attributes_from_json
from sparkmesos_core.mesos.constraints import unmet

CONSTRAINTS = "spark.mesos.driver.constraints"

Json = Mapping[str, Any]

Amounts = tuple[int, int]
"""Thousandths of cores, and of MiB of memory."""


@dataclass(frozen=True)
class Need:
    """What a driver wants of an offer."""

    cpus: int
    """Thousandths of a core."""
    memory: int
    """Thousandths of a MiB."""
    constraints: str
    """As in the property."""


def need_of(submission: Submission) -> Need:
    """What a submission wants. Raises UsageError for constraints that nobody can read."""
    text = submission.properties.get(CONSTRAINTS, "")
    return _need(submission.cores, submission.memory, text)


@lru_cache(maxsize=4096)
def _need(cores: float, memory: int, constraints: str) -> Need:
    _constraints(constraints)
    return Need(max(1, round(cores * UNITS)), memory * UNITS, constraints)


def constraints_of(need: Need) -> tuple[Constraint, ...]:
    """The constraints of a need, read."""
    return _constraints(need.constraints)


@lru_cache(maxsize=4096)
def _constraints(text: str) -> tuple[Constraint, ...]:
    return parse_constraints(text)


class OpenOffer:
    """An offer, and what of it is still to be had."""

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self._left: Sequence[Json] = offer.resources
        self.cpus = total("cpus", self._left)
        """Thousandths."""
        self.memory = total("mem", self._left)
        """Thousandths of a MiB."""
        self.offered: Amounts = (self.cpus, self.memory)
        """What it held when it came."""
        self._attributes: tuple[Attribute, ...] | None = None

    @property
    def left(self) -> Amounts:
        """What it still holds."""
        return self.cpus, self.memory

    def has_room(self, need: Need) -> bool:
        """Whether there is enough left; another matter are the constraints."""
        return need.cpus <= self.cpus and need.memory <= self.memory

    def meets(self, constraints: str) -> bool:
        """Whether the agent's attributes are such as wanted."""
        if not constraints:
            return True
        if self._attributes is None:
            self._attributes = attributes_from_json(self.offer.attributes)
        return not unmet(_constraints(constraints), self._attributes)

    def share(self, need: Need) -> Share:
        """What a task gets if there is room. Nothing is taken yet."""
        return share(self._left, {"cpus": need.cpus, "mem": need.memory})

    def take(self, share: Share) -> None:
        """Keep only what the share leaves."""
        self._left = share.left
        self.cpus = total("cpus", self._left)
        self.memory = total("mem", self._left)


class OpenOffers:
    """All offers of one round, for many drivers of which most will not fit.

    What does not fit now does not fit later in the round, since offers only get smaller: so after one look
    through all offers whoever wants as much or more is turned away without another.
    """

    def __init__(self, offers: Sequence[Offer]) -> None:
        self._offers = [OpenOffer(offer) for offer in offers]
        self._by_constraints: dict[str, _Choice] = {}

    def __iter__(self) -> Iterator[OpenOffer]:
        return iter(self._offers)

    def first_fit(self, need: Need) -> OpenOffer | None:
        """The first offer that a driver fits into."""
        choice = self._by_constraints.get(need.constraints)
        if choice is None:
            fitting = [offer for offer in self._offers if offer.meets(need.constraints)]
            choice = self._by_constraints[need.constraints] = _Choice(fitting)
        return choice.first_fit(need)


class _Choice:
    """The offers that meet the same constraints."""

    def __init__(self, offers: Sequence[OpenOffer]) -> None:
        self._offers = offers
        self._most_cpus = max((offer.cpus for offer in offers), default=0)
        self._most_memory = max((offer.memory for offer in offers), default=0)
        self._too_much: Need | None = None
        """The smallest that was found to fit nowhere."""

    def first_fit(self, need: Need) -> OpenOffer | None:
        if need.cpus > self._most_cpus or need.memory > self._most_memory:
            return None
        known = self._too_much
        if known is not None and need.cpus >= known.cpus and need.memory >= known.memory:
            return None
        for offer in self._offers:
            if offer.has_room(need):
                return offer
        if known is None or (need.cpus <= known.cpus and need.memory <= known.memory):
            self._too_much = need
        return None
