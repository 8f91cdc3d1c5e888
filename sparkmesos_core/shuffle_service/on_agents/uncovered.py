"""Agents that have no service, and why: for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.shuffle_service.on_agents.back_off import LOOPING, may_return, rests
from sparkmesos_core.shuffle_service.on_agents.ledger import ServiceLedger
from sparkmesos_core.shuffle_service.on_agents.placement import Cause, Hindrance
from sparkmesos_core.shuffle_service.on_agents.record import AgentService

MOST_AGENTS = 10_000
"""How many are remembered: those that made offers last. Their ids change with each fresh start."""


@dataclass(frozen=True)
class Uncovered:
    """An agent that has no service, as far as is known."""

    agent_id: str
    host: str
    """May be empty."""
    agent_url: str
    """May be empty."""
    cause: Cause
    message: str
    """In words, to stand behind the agent's name: `it offered only 1 of 2 cores`."""
    until: float | None = None
    """When it is tried again, in seconds since 1970; None: when an offer comes that fits."""


@dataclass(frozen=True)
class _Seen:
    host: str
    agent_url: str
    hindrance: Hindrance | None
    """None: the offer was used, or the agent is covered."""
    at: float


class SeenAgents:
    """What came of the last offer of each agent since the framework subscribed. Times are seconds."""

    def __init__(self, lasting: float) -> None:
        """`lasting`: seconds after which an agent that made no other offer is thought to be gone."""
        self._lasting = lasting
        self._seen: dict[str, _Seen] = {}

    def clear(self) -> None:
        """Forget them: all agents make their offers anew."""
        self._seen.clear()

    def note(self, offer: Offer, hindrance: Hindrance | None, now: float) -> None:
        """An offer came, and this is why it was not used; None: it was, or the agent is covered."""
        self._seen.pop(offer.agent_id, None)
        self._seen[offer.agent_id] = _Seen(offer.host, offer.agent_url, hindrance, now)
        while len(self._seen) > MOST_AGENTS:
            del self._seen[next(iter(self._seen))]

    def place_of(self, agent_id: str) -> tuple[str, str]:
        """Host name and URL of an agent; empty if it made no offer."""
        seen = self._seen.get(agent_id)
        return ("", "") if seen is None else (seen.host, seen.agent_url)

    def uncovered(self, ledger: ServiceLedger, now: float) -> list[Uncovered]:
        """All that have no service, by host name."""
        return sorted(self._uncovered(ledger, now), key=lambda one: (one.host, one.agent_id))

    def _uncovered(self, ledger: ServiceLedger, now: float) -> Iterable[Uncovered]:
        for service in ledger.all():
            if not service.may_live:
                yield self._waiting(service, now)
        for agent_id, seen in self._seen.items():
            fresh = abs(now - seen.at) <= self._lasting
            if seen.hindrance is not None and fresh and ledger.get(agent_id) is None:
                cause, message = seen.hindrance.cause, seen.hindrance.message
                yield Uncovered(agent_id, seen.host, seen.agent_url, cause, message)

    def _waiting(self, service: AgentService, now: float) -> Uncovered:
        seen = self._seen.get(service.id)
        until = None
        if rests(service, now):
            cause, message, until = Cause.BACK_OFF, "it is launched again after a pause", service.not_before
        elif may_return(service):
            cause = Cause.UNCERTAIN
            message = "its agent is gone for now, and may come back with it"
        elif seen is not None and seen.hindrance is not None and seen.hindrance.cause is not Cause.BACK_OFF:
            cause, message = seen.hindrance.cause, seen.hindrance.message
        else:
            cause, message = Cause.OFFERS, "it is launched with the next offer of its agent"
        message = _history(service) + message
        return Uncovered(service.id, service.host, service.agent_url, cause, message, until)


def _history(service: AgentService) -> str:
    ending = service.last_ending
    if ending is None:
        return ""
    said = f": {ending.message}" if ending.message else ""
    loop = f", {service.failures} times in a row" if service.failures >= LOOPING else ""
    return f"it ended{loop} ({ending.state}{said}); "
