"""What the leading master tells of its cluster, as far as checks want to know it.

Made of the answers to `/slaves` and `/flags`, whose size does not depend on frameworks and tasks, as that of
`/state` does. They are as recorded from Mesos 1.12.0; those of masters before 1.0, which list no resources in
full, are understood, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.attributes import Attribute
from sparkmesos_core.mesos.resources import ANY_ROLE, ResourceKey, Resources, Value, parse_value

_AMOUNTS = ("cpus", "mem", "gpus")


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
        return tuple(_agent(agent) for agent in slaves["slaves"])
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"agents are malformed ({error!r})") from error


def recovering_of(slaves: Any) -> int:
    """How many agents are recovering, by an answer of `/slaves`; masters before 1.0 do not tell."""
    recovered = slaves.get("recovered_slaves") if isinstance(slaves, Mapping) else None
    return len(recovered) if isinstance(recovered, list) else 0


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
    if "unreserved_resources_full" not in agent:
        return _summarised_resources(agent)
    listed = list(agent["unreserved_resources_full"])
    for reserved in agent.get("reserved_resources_full", {}).values():
        listed += reserved
    seen = Resources.from_json([resource for resource in listed if "revocable" not in resource])
    return seen + _hidden(agent["resources"], seen)


def _hidden(total: Mapping[str, Any], seen: Resources) -> Resources:
    """What an agent has in all, beyond what is listed: reservations show only to who may view their role."""
    hidden: dict[ResourceKey, Value] = {}
    for name in _AMOUNTS:
        amount = seen.total(name)
        if isinstance(amount, int) and (more := round(float(total.get(name, 0)) * 1000) - amount) > 0:
            hidden[ResourceKey(name, ANY_ROLE)] = more
    return Resources(hidden)


def _summarised_resources(agent: Mapping[str, Any]) -> Resources:
    """From amounts by name, in which ranges and sets are text."""
    roles = dict(agent.get("reserved_resources", {}))
    roles[ANY_ROLE] = agent.get("unreserved_resources", agent["resources"])
    return Resources(dict(_quantities(roles)))


def _quantities(roles: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[ResourceKey, Value]]:
    for role, quantities in roles.items():
        for name, quantity in quantities.items():
            value = parse_value(str(quantity))
            if not isinstance(value, str):
                yield ResourceKey(name, role), value


def _attribute(name: str, value: Any) -> Attribute:
    """An attribute as `/slaves` has it: a number, or text that tells of its type by its brackets."""
    if isinstance(value, (int, float)):
        return Attribute(name, round(value * 1000))
    text = str(value)
    if text.startswith(("[", "{")):
        try:
            return Attribute(name, parse_value(text))
        except ValueError:
            pass
    return Attribute(name, text)
