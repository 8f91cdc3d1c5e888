"""When Mesos is to make offers: SUPPRESS when nothing can be launched, REVIVE when something can."""

from __future__ import annotations

from sparkmesos_core.durable_framework.actions import Action, Revive, Suppress

PAUSE = 0.2
"""Seconds between two REVIVEs at least: a thousand wishes in a second are not a thousand calls, of
which each makes the master look through all agents."""


class Demand:
    """What Mesos was told about offers last, and what it is to be told next. Times are seconds of one clock.

    A REVIVE is also what drops the filters of offers that were declined before, which might be just what a
    new task needs. Only then it is worth a call, and if Mesos was told to make no offers.
    """

    def __init__(self, repeat: float) -> None:
        """`repeat`: after so many seconds without an offer it is asked for again, in case a call was lost."""
        self._repeat = max(repeat, PAUSE)
        self._subscribed = False
        self._suppressed = False
        self._filtered = False
        self._new_wish = False
        self._revived_at: float | None = None
        self._offered_at = 0.0
        self._wanted = False

    def subscribed(self) -> None:
        """There is a new subscription: Mesos may have forgotten what it was told, filters too, or not."""
        self._subscribed = True
        self._suppressed = False
        self._filtered = self._new_wish = True
        self._revived_at = None

    def disconnected(self) -> None:
        """No call can be made until there is a subscription."""
        self._subscribed = False

    def offered(self, now: float) -> None:
        """Offers have come, and what is left of them is refused for a while."""
        self._offered_at = now
        self._filtered = True

    def wish(self) -> None:
        """There is something to launch that was not there, or could not be launched, before."""
        self._new_wish = True

    def calls(self, wanted: bool, now: float) -> list[Action]:
        """What is to be told now, given whether something could be launched if there were offers."""
        self._wanted = wanted
        if not self._subscribed:
            return []
        if not wanted:
            self._new_wish = False
            if self._suppressed:
                return []
            self._suppressed = True
            return [Suppress()]
        due = self.next_due
        if due is None or now < due <= now + self._repeat:
            return []
        # Also if the time is far away: then the clock was set back.
        self._suppressed = self._filtered = self._new_wish = False
        self._revived_at = self._offered_at = now
        return [Revive()]

    @property
    def next_due(self) -> float | None:
        """When `calls` will have something to tell, if nothing changes; None: not at all."""
        if not self._subscribed or not self._wanted:
            return None
        if self._suppressed or (self._new_wish and self._filtered):
            return 0.0 if self._revived_at is None else self._revived_at + PAUSE
        return self._offered_at + self._repeat
