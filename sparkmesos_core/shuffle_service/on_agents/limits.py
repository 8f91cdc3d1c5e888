"""How patient the framework of the shuffle services is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceLimits:
    """Most are seconds."""

    refuse_seconds: float = 120.0
    """How long an offer that is of no use is not made again."""
    reconcile_seconds: float = 900.0
    """How often all services are asked for."""
    doubt_seconds: float = 10.0
    """Within which Mesos should have said something after a launch, a kill, or the end of the framework."""
    end_seconds: float = 2.0
    """Within which services should have ended that are to end for good; then they are told so again."""
    end_tries: int = 5
    """How often that is done, before the framework is ended with those that are left."""
    unknown_port_seconds: float = 1.0
    """How long an offer is declined of an agent whose ports are not known yet."""
    longest_wait: float = 300.0
    """The longest back-off."""
    sound_seconds: float = 600.0
    """A service that ran for so long has not failed before: its next back-off is the shortest again."""
    forget_seconds: float = 3600.0
    """After a back-off: an agent that made no offer for so long is gone, and its record is forgotten."""
    forget_uncertain_seconds: float = 14 * 86_400.0
    """The same where the service may come back with its agent: as long as masters remember agents that are
    out of reach (`--registry_max_agent_age`)."""
