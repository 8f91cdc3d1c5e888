"""What decides for a durable framework: its records, and what is to be done about each event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from sparkmesos_core.durable_framework.actions import Action
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.record import Record
from sparkmesos_core.durable_framework.store.store import Stored

R_contra = TypeVar("R_contra", bound=Record, contravariant=True)


class Book(Protocol[R_contra]):
    """Knows no clock and does nothing itself: times are given, in seconds since 1970, actions returned."""

    @property
    def framework_id(self) -> str | None:
        """The id that Mesos knows the framework by; None before the first subscription."""

    @property
    def next_due(self) -> float | None:
        """When `tick` has something to do; None: not before something else happens. May be in the past."""

    @property
    def ends(self) -> bool:
        """Whether there is to be no framework any more.

        As long as it is so, a `Teardown` is asked for in each subscription, at once or after its tasks have
        ended, and by `tick` now and then: Mesos may not have heard of it, or have refused.
        """

    def recover(self, stored: Stored[R_contra], now: float) -> Iterable[Action]:
        """Begin with what a store holds. Once, before anything else."""

    def subscribed(self, framework_id: str, now: float) -> Iterable[Action]:
        """Mesos knows the framework, by this id, and what was told it before may be lost."""

    def disconnected(self, now: float) -> Iterable[Action]:
        """No call can be made until there is another subscription. Tasks run on."""

    def framework_removed(self, now: float) -> Iterable[Action]:
        """Mesos has removed the framework, and with it all its tasks.

        There will be another one, unless `ends` says afterwards that there is to be none.
        """

    def offers(self, offers: list[Offer], now: float) -> Iterable[Action]:
        """Use or decline these."""

    def updated(self, message: Mapping[str, Any], now: float) -> Iterable[Action]:
        """Mesos told the state of a task: the `status` of an UPDATE event."""

    def tick(self, now: float) -> Iterable[Action]:
        """Do what is due; to be called at `next_due`, and at any other time without harm."""
