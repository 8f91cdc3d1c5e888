"""What the leading master tells of its cluster, as far as checks want to know it.

Made of the answers to `/slaves` and `/flags`, whose size does not depend on frameworks and tasks, as that of
`/state` does. They are as recorded from Mesos 1.12.0; those of masters before 1.0 are understood, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.attributes import Attribute
from sparkmesos_core.mesos.resources import ANY_ROLE, ResourceKey, Resources, Value, parse_value

_AMOUNTS = ("cpus", "mem", "gpus")
REVOCABLE = "_revocable"
"""Behind the name of what may be revoked (`model` in Mesos' `src/common/http.cpp`)."""


@dataclass(frozen=True)
class AgentFacts:
    """An agent that is registered."""

    id: str
    hostname: str
    """What it calls itself, and what Spark is told."""
    host: str
    """The address that the master reaches it at, from its pid."""
    port: int
    resources: Resources
    """All of it, whoever has reserved or uses it; without what may be revoked, which Spark never takes.

    What is reserved for a role that the master does not let us see counts as reserved for nobody.
    """
    attributes: tuple[Attribute, ...]
    version: str
    active: bool
    """Whether it takes part: it is connected, and nobody has deactivated it."""
    name_apart: str = ""
    """Its host name with what tells it apart from other agents of that name; empty if it is the only one."""

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.name_apart or self.hostname


@dataclass(frozen=True)
class ClusterFacts:
    """The cluster as its leading master knows it."""

    agents: tuple[AgentFacts, ...]
    recovering: int
    """How many agents of the master's predecessor have not come back yet."""
    roles_whitelist: frozenset[str] | None
    """The roles that the master's --roles names; None if every role is allowed, or it is not known."""
    master: HostPort
    withholds_gpu_agents: bool = False
    """Whether the master is known to offer agents with GPUs to nobody but those who ask for some."""


def agents_of(slaves: Any) -> tuple[AgentFacts, ...]:
    """The agents in an answer of `/slaves`. ValueError if it is none."""
    try:
        return told_apart([_agent(agent) for agent in slaves["slaves"]], _recovered(slaves))
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(f"agents are malformed ({error!r})") from error


def recovering_of(slaves: Any) -> int:
    """How many agents are recovering, by an answer of `/slaves`; masters before 1.0 do not tell."""
    return len(_recovered(slaves))


def _recovered(slaves: Any) -> Sequence[Any]:
    recovered = slaves.get("recovered_slaves") if isinstance(slaves, Mapping) else None
    return recovered if isinstance(recovered, list) else ()


def told_apart(agents: Sequence[AgentFacts], recovering: Sequence[Any] = ()) -> tuple[AgentFacts, ...]:
    """The agents, with names by which each is told from all others, those included that are recovering.

    Several agents on one machine have ports of their own. Machines that call themselves the same, as those
    made of one image may, have addresses of their own.
    """
    hosts = _hosts(agents, recovering)
    ports = Counter((agent.hostname, agent.port) for agent in agents if hosts[agent.hostname] > 1)

    def apart(agent: AgentFacts) -> AgentFacts:
        if hosts[agent.hostname] == 1:
            return agent
        if ports[agent.hostname, agent.port] == 1:
            return replace(agent, name_apart=str(HostPort(agent.hostname, agent.port)))
        return replace(agent, name_apart=f"{agent.hostname} ({HostPort(agent.host, agent.port)})")

    return tuple(map(apart, agents))


def recovering_names(recovering: Sequence[Any], agents: Sequence[AgentFacts]) -> tuple[str, ...]:
    """What messages call agents that are recovering (`recovered_slaves`): as those that are registered."""
    hosts = _hosts(agents, recovering)

    def name(agent: Any) -> str:
        host, port = _recovering_host(agent), agent.get("port")
        return str(HostPort(host, int(port))) if hosts[host] > 1 and port else host

    return tuple(map(name, recovering))


def _hosts(agents: Sequence[AgentFacts], recovering: Sequence[Any]) -> Counter[str]:
    """How many agents call themselves the same."""
    return Counter([*(agent.hostname for agent in agents), *map(_recovering_host, recovering)])


def _recovering_host(agent: Any) -> str:
    return str(agent.get("hostname") or agent["id"])


def roles_whitelist_of(flags: Any) -> frozenset[str] | None:
    """The roles in the flag `roles` of an answer of `/flags`. ValueError if it is none.

    `*` need not be named: it is always allowed.
    """
    values = flags.get("flags") if isinstance(flags, Mapping) else None
    if not isinstance(values, Mapping):
        raise ValueError("there are no flags")
    text = values.get("roles")
    if not isinstance(text, str) or not text:
        return None
    return frozenset(role for role in text.split(",") if role)


def withholds_gpu_agents(flags: Any) -> bool:
    """Whether an answer of `/flags` has --filter_gpu_resources, as it has by default."""
    values = flags.get("flags") if isinstance(flags, Mapping) else None
    return isinstance(values, Mapping) and values.get("filter_gpu_resources") == "true"


def _agent(agent: Mapping[str, Any]) -> AgentFacts:
    host, port = _address(str(agent["pid"]))
    return AgentFacts(
        id=str(agent["id"]),
        hostname=str(agent["hostname"]),
        host=host,
        port=port,
        resources=_resources(agent),
        attributes=tuple(_attribute(name, value) for name, value in agent.get("attributes", {}).items()),
        version=str(agent.get("version", "")),
        active=bool(agent.get("active", True)) and not agent.get("deactivated", False),
    )


def _address(pid: str) -> tuple[str, int]:
    """Host and port of `slave(1)@192.0.2.1:5051`, or of `slave(1)@[2001:db8::1]:5051`."""
    host, _, port = pid.rpartition("@")[2].rpartition(":")
    return host.strip("[]"), int(port)


def _resources(agent: Mapping[str, Any]) -> Resources:
    """By the amounts, which all masters tell: newer ones list resources one by one, too, at more length."""
    roles = dict(agent.get("reserved_resources", {}))
    roles[ANY_ROLE] = agent.get("unreserved_resources", agent["resources"])
    values: dict[ResourceKey, Value] = {}
    for role, quantities in roles.items():
        for name, quantity in quantities.items():
            if not name.endswith(REVOCABLE):
                value = _parsed(quantity)
                if not isinstance(value, str):
                    values[ResourceKey(name, role)] = value
    # What an agent has in all, beyond that: reservations show only to who may view their role.
    for name in _AMOUNTS:
        total = _parsed(agent["resources"].get(name, 0))
        amounts = [values.get(ResourceKey(name, role), 0) for role in roles]
        if isinstance(total, int):
            hidden = total - sum(amount for amount in amounts if isinstance(amount, int))
            if hidden > 0:
                unreserved = values.get(ResourceKey(name, ANY_ROLE), 0)
                values[ResourceKey(name, ANY_ROLE)] = hidden + (
                    unreserved if isinstance(unreserved, int) else 0
                )
    return Resources(values)


@lru_cache(maxsize=4096)
def _attribute(name: str, value: Any) -> Attribute:
    """An attribute as `/slaves` has it. Agents share most of theirs, so few have to be made."""
    text = str(value)
    if _is_number(value) or text.startswith(("[", "{")):
        try:
            return Attribute(name, _parsed(value))
        except ValueError:
            pass
    return Attribute(name, text)


@lru_cache(maxsize=4096)
def _parsed(value: Any) -> Value | str:
    """A number, or text that tells of its type by its brackets. ValueError for brackets without an end."""
    return round(value * 1000) if _is_number(value) else parse_value(str(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))
