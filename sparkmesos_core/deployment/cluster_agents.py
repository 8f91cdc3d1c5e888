"""The agents of a cluster that an app may run on, asked of the master."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.master import MesosMaster, ZooKeeperMaster
from sparkmesos_core.mesos.attributes import Attribute
from sparkmesos_core.mesos.constraints import in_words, met_by_none, unmet
from sparkmesos_core.mesos.leader import resolve_leader
from sparkmesos_core.mesos.resources import Ranges
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.preflight.cluster_reading import MasterAccess, read_cluster_facts
from sparkmesos_core.shuffle_service.on_agents.agent_ports import ports_of

_PATIENCE = 10.0


@dataclass(frozen=True)
class FittingAgents:
    """Those that meet the constraints. The default is for a cluster that is not known."""

    hosts: int = 0
    """On how many hosts they are."""
    attributes: Sequence[Sequence[Attribute]] = ()
    """Of all agents, also of those that do not fit."""
    ports: Sequence[Ranges] = ()
    """Of each that fits, all that it hands out, whoever has them."""
    problem: str = ""
    """Why there is none, as a clause; empty if there are some, or nobody knows."""


def fitting_agents(agents: Sequence[AgentFacts], constraints: Sequence[Constraint]) -> FittingAgents:
    """Those of the agents that take part and meet all constraints, by Spark's rules."""
    active = [agent for agent in agents if agent.active]
    fit = [agent for agent in active if not unmet(constraints, agent.attributes)]
    problem = "" if active else "the cluster has no agents"
    if active and not fit:
        found = met_by_none(constraints, [agent.attributes for agent in active])
        problem = f"no agent meets {in_words(found, ';'.join(map(str, constraints)))}"
    return FittingAgents(
        hosts=len({agent.hostname for agent in fit}),
        attributes=tuple(agent.attributes for agent in active),
        ports=tuple(map(ports_of, fit)),
        problem=problem,
    )


def read_fitting_agents(
    master: MesosMaster | ZooKeeperMaster,
    constraints: Sequence[Constraint],
    *,
    principal: str | None = None,
    secret: str | None = None,
) -> FittingAgents:
    """The same, asked of the leading master. Raises UnreachableError, TimedOutError and MesosError."""
    leader = resolve_leader(master, timeout=_PATIENCE)
    access = MasterAccess(leader.http_url, principal=principal, secret=secret)
    facts = read_cluster_facts(access, deadline=time.monotonic() + _PATIENCE)
    return fitting_agents(facts.agents, constraints)
