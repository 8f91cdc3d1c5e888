"""Which of the agents that should be there are, to judge by names that people write in different ways."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.preflight.this_machine import is_address

Addresses = Mapping[str, Collection[str]]
"""What names of hosts stand for."""


_Key = tuple[str, str, int | None]
"""One way to name an agent, a host and perhaps a port. An entry and an agent with one in common are the same.

The way is `whole`; `label`: `node1` for `node1.example.com`; or `domain`: the other way round.
"""


def missing_hosts(hosts: Sequence[str], agents: Sequence[AgentFacts], addresses: Addresses) -> list[str]:
    """The entries that no agent is meant by.

    An entry is a name or an address, perhaps with a port. An agent is meant by its own name, by its address,
    by a name that stands for this, and by its name with or without a domain.
    """
    known = {key for agent in agents for key in _of_agent(agent)}
    return [entry for entry in hosts if known.isdisjoint(_of_entry(entry, addresses))]


def unexpected_agents(
    hosts: Sequence[str], agents: Sequence[AgentFacts], addresses: Addresses
) -> list[AgentFacts]:
    """The agents that no entry means."""
    known = {key for entry in hosts for key in _of_entry(entry, addresses)}
    return [agent for agent in agents if known.isdisjoint(_of_agent(agent))]


def host_of(entry: str) -> str:
    """The host of an entry, in lower case."""
    return _split(entry)[0]


def _of_agent(agent: AgentFacts) -> Iterator[_Key]:
    name = agent.hostname.lower()
    label, dot, _ = name.partition(".")
    for port in (None, agent.port):
        yield ("whole", name, port)
        yield ("whole", agent.host, port)
        if not is_address(name):
            yield ("label" if dot else "domain", label, port)


def _of_entry(entry: str, addresses: Addresses) -> Iterator[_Key]:
    name, port = _split(entry)
    label, dot, _ = name.partition(".")
    for host in (name, *addresses.get(name, ())):
        yield ("whole", host, port)
    if not is_address(name):
        yield ("domain" if dot else "label", label, port)


def _split(entry: str) -> tuple[str, int | None]:
    """Host and port of `host`, `host:5051`, `[2001:db8::1]:5051` or `2001:db8::1`."""
    host, colon, port = entry.lower().rpartition(":")
    if colon and port.isdecimal() and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return entry.lower().strip("[]"), None
