"""Facts about clusters that tests make up."""

from __future__ import annotations

from collections.abc import Iterable

from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.attributes import parse_attributes
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts

MASTER = HostPort("192.0.2.1", 5050)


def agent(
    resources: str = "cpus:4;mem:4096;ports:[31000-32000]",
    attributes: str = "",
    *,
    hostname: str = "agent1",
    active: bool = True,
) -> AgentFacts:
    """An agent, its resources and attributes in the text form of Mesos' flags."""
    return AgentFacts(
        id=f"{hostname}-S0",
        hostname=hostname,
        host="192.0.2.11",
        port=5051,
        resources=Resources.parse(resources),
        attributes=parse_attributes(attributes),
        version="1.12.0",
        active=active,
    )


def cluster(
    *agents: AgentFacts,
    recovering: int = 0,
    roles: Iterable[str] | None = None,
    withholds_gpu_agents: bool = False,
) -> ClusterFacts:
    """A cluster of these agents; `roles` are those of the master's flag."""
    whitelist = None if roles is None else frozenset(roles)
    return ClusterFacts(agents, recovering, whitelist, MASTER, withholds_gpu_agents)
