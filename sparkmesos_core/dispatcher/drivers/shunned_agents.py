"""Agents that drop what they are given: they get no other driver before they have had a rest."""

from __future__ import annotations

from dataclasses import dataclass

_FIRST = 1.0


@dataclass(frozen=True)
class _Rest:
    seconds: float
    until: float


class ShunnedAgents:
    """A driver that an agent has dropped waits for another agent, or for this one after a pause.

    1 s, and twice the last one each time, up to the longest. Without it an agent that drops all it gets would
    be given the same driver again as often as Mesos can make offers. Times are seconds of one clock.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._rests: dict[str, _Rest] = {}

    def dropped(self, agent_id: str, launched_at: float, now: float) -> None:
        """An agent has dropped what was launched on it at that time."""
        last = self._rests.get(agent_id)
        if last is not None and launched_at < last.until <= now + last.seconds:
            return  # It was launched together with what the rest is for.
        # A rest that is long past is of another trouble, and those of agents that are gone are not kept.
        self._rests = {agent: rest for agent, rest in self._rests.items() if now < rest.until + self._longest}
        again = self._rests.get(agent_id)
        seconds = min(self._longest, _FIRST if again is None else 2 * again.seconds)
        self._rests[agent_id] = _Rest(seconds, now + seconds)

    def shuns(self, agent_id: str, now: float) -> bool:
        """Whether an agent is to get nothing at the moment."""
        rest = self._rests.get(agent_id)
        # Not if the end is too far away: then the clock was set back.
        return rest is not None and now < rest.until <= now + rest.seconds

    def next_after(self, now: float) -> float | None:
        """When the next rest is over; None if there is none."""
        return min(
            (rest.until for agent, rest in self._rests.items() if self.shuns(agent, now)), default=None
        )
