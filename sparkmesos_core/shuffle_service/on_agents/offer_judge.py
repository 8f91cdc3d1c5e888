"""Whether an offer is used for a service: what else is known of its agent, and of others on that host."""

from __future__ import annotations

from collections.abc import Iterable

from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.shuffle_service.on_agents.back_off import may_return, rests
from sparkmesos_core.shuffle_service.on_agents.inquiries import Inquiries
from sparkmesos_core.shuffle_service.on_agents.ledger import ServiceLedger
from sparkmesos_core.shuffle_service.on_agents.limits import ServiceLimits
from sparkmesos_core.shuffle_service.on_agents.placement import (
    Cause,
    Hindrance,
    Need,
    Placement,
    PortsOfAgent,
    place,
)
from sparkmesos_core.shuffle_service.on_agents.record import Phase

COVERED = Hindrance(Cause.OFFERS, "")
"""Of an agent that has a service, or may have one."""
_FEW = 1.0


class OfferJudge:
    """Times (`now`) are seconds since 1970."""

    def __init__(
        self,
        need: Need,
        ports_of: PortsOfAgent,
        ledger: ServiceLedger,
        inquiries: Inquiries,
        limits: ServiceLimits,
    ) -> None:
        self._need = need
        self._ports_of = ports_of
        self._ledger = ledger
        self._inquiries = inquiries
        self._limits = limits
        self._crowded: set[str] = set()
        """Hosts with agents that get no service because another agent there has one."""

    def locate(self, offers: Iterable[Offer]) -> None:
        """Note where agents are, which is not known of a service that was adopted: before any is judged."""
        for offer in offers:
            service = self._ledger.get(offer.agent_id)
            if service is not None:
                self._ledger.change(service, host=offer.host, agent_url=offer.agent_url)

    def judge(self, offer: Offer, now: float) -> Placement | Hindrance:
        """What to launch with an offer, or why nothing; asks Mesos for what is unsure."""
        service = self._ledger.get(offer.agent_id)
        if service is not None and service.may_live:
            if service.phase is Phase.UNREACHABLE:
                self._inquiries.ask(service, now)
            return COVERED
        found = place(offer, self._need, self._ports_of)
        if isinstance(found, Hindrance) and found.cause is Cause.CONSTRAINTS:
            return found
        if service is not None and rests(service, now):
            return Hindrance(Cause.BACK_OFF, "it is launched again after a pause")
        if service is not None and may_return(service):
            self._inquiries.ask(service, now)
            return Hindrance(Cause.UNCERTAIN, "Mesos is asked whether the last one still runs")
        neighbour = self._ledger.neighbour(offer.host, offer.agent_id)
        if neighbour is not None:
            self._crowded.add(offer.host)
            return Hindrance(
                Cause.HOST, f"agent {neighbour.id} of the same host has one, and both would want one port"
            )
        return found

    def refusal(self, offer: Offer, why: Hindrance, now: float) -> float:
        """Seconds for which an offer is declined."""
        if why.cause in (Cause.PORT_UNKNOWN, Cause.UNCERTAIN):
            return self._limits.unknown_port_seconds
        service = self._ledger.get(offer.agent_id)
        if why.cause is Cause.BACK_OFF and service is not None and service.not_before is not None:
            return min(self._limits.refuse_seconds, max(_FEW, service.not_before - now))
        return self._limits.refuse_seconds

    def freed(self, host: str) -> bool:
        """No service runs on a host any more; whether another agent there waited for that."""
        if host not in self._crowded:
            return False
        self._crowded.discard(host)
        return True

    def forget(self) -> None:
        """No host has a service."""
        self._crowded.clear()
