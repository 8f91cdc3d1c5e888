"""This machine among those of a cluster: its addresses, the agents on it, and its ways to the others."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts


@dataclass(frozen=True)
class ThisMachine:
    """The addresses of this machine."""

    outer: tuple[str, ...]
    """Those that others may reach, in the order of the interfaces: neither loopback nor link-local."""
    networks: tuple[ipaddress.IPv4Network, ...] = ()
    """The networks that it is in."""

    def owns(self, address: str) -> bool:
        """Whether an address is one of this machine: of its loopback or of an interface."""
        return is_loopback_address(address) or _plain(address) in self.outer

    def has(self, agent: AgentFacts, facts: ClusterFacts) -> bool:
        """Whether an agent runs on this machine, to judge by its address.

        One on loopback is where its master is: no other master could reach it there. A master that is
        reached through a tunnel looks as if it were here, and its agents with it.
        """
        if is_loopback_address(agent.host):
            return is_loopback_name(facts.master.host) or self.owns(facts.master.host)
        return self.owns(agent.host)

    def are_neighbours(self, one: str, other: str) -> bool:
        """Whether two of its addresses are of one network: who reaches one of them reaches the other."""
        try:
            addresses = ipaddress.IPv4Address(one), ipaddress.IPv4Address(other)
        except ValueError:
            return False
        return any(addresses[0] in network and addresses[1] in network for network in self.networks)

    def divide(self, facts: ClusterFacts) -> tuple[list[AgentFacts], list[AgentFacts]]:
        """The agents that take part: those here, and those elsewhere."""
        here: list[AgentFacts] = []
        elsewhere: list[AgentFacts] = []
        for agent in facts.agents:
            if agent.active:
                (here if self.has(agent, facts) else elsewhere).append(agent)
        return here, elsewhere


def this_machine() -> ThisMachine:
    """What the operating system says of it now."""
    import psutil  # which costs milliseconds, and is only needed here

    entries = [one for interface in psutil.net_if_addrs().values() for one in interface]
    addresses = (_plain(one.address) for one in entries if one.family in (socket.AF_INET, socket.AF_INET6))
    networks = (
        ipaddress.IPv4Network((one.address, one.netmask), strict=False)
        for one in entries
        if one.family == socket.AF_INET and one.netmask and _is_outer(one.address)
    )
    outer = tuple(dict.fromkeys(one for one in addresses if _is_outer(one)))
    return ThisMachine(outer, tuple(dict.fromkeys(networks)))


def is_loopback_address(address: str) -> bool:
    """Whether a text is an address of loopback; no name is."""
    plain = _plain(address)
    if not plain.startswith("127.") and ":" not in plain:
        return False  # quickly, since it is asked of thousands of agents
    try:
        return ipaddress.ip_address(plain).is_loopback
    except ValueError:
        return False


def is_loopback_name(host: str) -> bool:
    """Whether a host is loopback wherever it is looked up: an address of it, or `localhost`."""
    return host == "localhost" or host.endswith(".localhost") or is_loopback_address(host)


def is_address(host: str) -> bool:
    """Whether a text is an address rather than a name."""
    plain = _plain(host)
    if not plain[:1].isdigit() and ":" not in plain:
        return False  # quickly, since it is asked of thousands of agents
    try:
        ipaddress.ip_address(plain)
    except ValueError:
        return False
    return True


def can_bind(address: str) -> bool:
    """Whether a server can listen at an address here. True if that cannot be told."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.bind((address, 0))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def addresses_towards(agents: Iterable[AgentFacts]) -> set[str]:
    """From which of its addresses this machine would speak to these agents. Nothing is sent to them."""
    found = set()
    for agent in agents:
        family = socket.AF_INET6 if ":" in agent.host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as trial:
                trial.connect((agent.host, agent.port))
                found.add(_plain(trial.getsockname()[0]))
        except OSError:
            continue  # there is no way there, or that is no address: neither tells where we would be
    return found


def _plain(address: str) -> str:
    return address.strip().strip("[]").partition("%")[0]


def _is_outer(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_loopback or parsed.is_link_local)
