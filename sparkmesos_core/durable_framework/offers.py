"""Offers of Mesos, as far as a durable framework is concerned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Offer:
    """One offer of the v1 scheduler API."""

    id: str
    agent_id: str
    host: str
    """The agent's hostname."""
    agent_url: str
    """`http://HOST:PORT` of the agent's API; empty if the offer does not tell."""
    resources: tuple[Mapping[str, Any], ...] = field(repr=False)
    """v1 Resources as offered, with allocation info and reservations: tasks have to echo them so."""
    attributes: tuple[Mapping[str, Any], ...] = field(repr=False)
    """v1 Attributes."""

    @classmethod
    def from_mesos(cls, offer: Mapping[str, Any]) -> Offer:
        """From an OFFERS event."""
        return cls(
            id=offer["id"]["value"],
            agent_id=offer["agent_id"]["value"],
            host=offer["hostname"],
            agent_url=_url(offer.get("url") or {}),
            resources=tuple(offer.get("resources", ())),
            attributes=tuple(offer.get("attributes", ())),
        )


def _url(url: Mapping[str, Any]) -> str:
    address = url.get("address") or {}
    host = address.get("hostname") or address.get("ip")
    if not host or "port" not in address:
        return ""
    shown = f"[{host}]" if ":" in host else host
    return f"{url.get('scheme', 'http')}://{shown}:{address['port']}"
