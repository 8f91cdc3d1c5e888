"""Whether executors can find the driver where Spark will tell them to look for it.

Spark says `spark.driver.host`, else SPARK_LOCAL_HOSTNAME, else the name of SPARK_LOCAL_IP, else that of this
machine's own address; and unless `spark.driver.bindAddress` is set, the driver also listens there
(`Utils.localCanonicalHostName`, `Utils.findLocalInetAddress`, `DRIVER_HOST_ADDRESS`, `DRIVER_BIND_ADDRESS`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.preflight.agent_names import some, spread
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts
from sparkmesos_core.preflight.name_lookup import Lookup, look_up
from sparkmesos_core.preflight.this_machine import (
    ThisMachine,
    addresses_towards,
    can_bind,
    is_address,
    is_loopback_address,
    is_loopback_name,
    this_machine,
)
from sparkmesos_core.quoting import quoted

_HOST, _BIND = "spark.driver.host", "spark.driver.bindAddress"
_NAME, _IP = "SPARK_LOCAL_HOSTNAME", "SPARK_LOCAL_IP"
_MOST_WAYS = 16
"""To so many agents the way is looked at."""
_OF_LOCAL_MASTERS = f" {_IP} is set for a master on loopback, unless you decide otherwise."
_SET_HOST = f"Set {_HOST} to a name or an address of this machine that agents can reach."


@dataclass(frozen=True)
class Advertised:
    """Where executors are told to find the driver."""

    host: str
    """A name or an address."""
    said_by: str
    """The property or the variable that says so; empty if it is what Spark finds out by itself."""

    @property
    def label(self) -> str:
        """For messages."""
        return f"{self.said_by} is {quoted(self.host)}" if self.said_by else f"This machine is {self.host}"

    @property
    def key(self) -> str:
        """The property, if one says so."""
        return self.said_by if self.said_by.startswith("spark.") else ""


@dataclass(frozen=True)
class SeenHere:
    """What this machine tells of itself."""

    own_name: str
    lookups: Mapping[str, Lookup]
    """What its resolver says of names that matter."""
    machine: ThisMachine
    can_bind: Callable[[str], bool] = can_bind
    """Whether a server can listen at an address."""
    addresses_towards: Callable[[Sequence[AgentFacts]], AbstractSet[str]] = addresses_towards
    """From which addresses it speaks to agents."""


def check_driver_host(
    configuration: Mapping[str, str],
    facts: ClusterFacts | None,
    environment: Mapping[str, str],
    *,
    deadline: float,
) -> list[Finding]:
    """An error if the driver cannot listen where it is to, or no executor could reach it there.

    `environment` is the driver's. Warnings if some executors could not, or if the address that Spark takes by
    itself is not the one from which this machine speaks to agents. What the resolver has not answered at the
    `deadline` (of `time.monotonic`) is taken to be fine. That a firewall is in the way, or that agents know
    no such name, cannot be seen from here.
    """
    return judge(configuration, facts, environment, see_here(configuration, environment, deadline))


def see_here(configuration: Mapping[str, str], environment: Mapping[str, str], deadline: float) -> SeenHere:
    """What `judge` and `advertised` are to know of this machine; `environment` is the driver's.

    Without what the resolver has not answered at the `deadline` (of `time.monotonic`).
    """
    own_name = socket.gethostname()
    said = _said(configuration, environment)
    names = {own_name, _bind(configuration), said.host if said else ""} - {""}
    lookups = look_up([name for name in names if not is_address(name)], deadline)
    return SeenHere(own_name, lookups, this_machine())


def advertised(
    configuration: Mapping[str, str], environment: Mapping[str, str], seen: SeenHere
) -> Advertised | None:
    """Where executors will be told to find the driver; None if nobody knows."""
    return _said(configuration, environment) or _found_out(seen)


def listening_host(configuration: Mapping[str, str], environment: Mapping[str, str], seen: SeenHere) -> str:
    """Where the driver listens: a name or an address; empty if nobody knows."""
    if bind := _bind(configuration):
        return bind
    place = advertised(configuration, environment, seen)
    return place.host if place is not None else ""


def judge(
    configuration: Mapping[str, str],
    facts: ClusterFacts | None,
    environment: Mapping[str, str],
    seen: SeenHere,
) -> list[Finding]:
    """What `check_driver_host` finds, given what was seen: one finding at most."""
    lookups = seen.lookups
    here, elsewhere = seen.machine.divide(facts) if facts is not None else ([], [])
    if _NAME not in environment and _IP not in environment and _is_unknown(seen.own_name, lookups):
        # Spark wants it even if spark.driver.host is set: it is part of the default.
        return [_nameless(seen.own_name, lookups[seen.own_name])]
    said, bind = _said(configuration, environment), _bind(configuration)
    told = advertised(configuration, environment, seen)
    if told is None:
        return []
    listens_at = Advertised(bind, _BIND) if bind else told
    for place in (listens_at, told):
        if _is_unknown(place.host, lookups):
            return [_unresolved(place, lookups[place.host], listens=place == listens_at)]
    addresses = _addresses(listens_at.host, lookups)
    if addresses and not any(map(seen.can_bind, addresses)):
        return [_not_of_this_machine(listens_at, addresses)]
    if elsewhere and _is_loopback(told, bind, lookups):
        return [_on_loopback(told, here, elsewhere)]
    if elsewhere and not said and not bind:
        return _off_the_way(told, elsewhere, seen)
    return []


def _bind(configuration: Mapping[str, str]) -> str:
    return configuration.get(_BIND, "").strip().strip("[]")


def _said(configuration: Mapping[str, str], environment: Mapping[str, str]) -> Advertised | None:
    """What the user has decided."""
    for place, value in (
        (_HOST, configuration.get(_HOST)),
        (_NAME, environment.get(_NAME)),
        (_IP, environment.get(_IP)),
    ):
        if value and (host := value.strip().strip("[]")):
            return Advertised(host, place)
    return None


def _found_out(seen: SeenHere) -> Advertised | None:
    """The address that Spark finds: of this machine's name or, if that is loopback, of an interface.

    Its canonical name, which is what executors are told, stands for the same address.
    """
    addresses = _addresses(seen.own_name, seen.lookups)
    if addresses and is_loopback_address(addresses[0]) and seen.machine.outer:
        outer = sorted(seen.machine.outer, key=lambda address: ":" in address)  # stable: IPv4 first
        return Advertised(outer[0], "")
    return Advertised(addresses[0], "") if addresses else None


def _addresses(host: str, lookups: Mapping[str, Lookup]) -> tuple[str, ...]:
    if is_address(host):
        return (host,)
    return lookups[host].addresses if host in lookups else ()


def _is_unknown(host: str, lookups: Mapping[str, Lookup]) -> bool:
    return host in lookups and not lookups[host].addresses


def _is_loopback(told: Advertised, bind: str, lookups: Mapping[str, Lookup]) -> bool:
    """Whether only this machine finds the driver. A name that is loopback here may be none on agents, but
    then the driver has to listen elsewhere, too."""
    if bind:
        return is_loopback_name(told.host)
    addresses = _addresses(told.host, lookups)
    return bool(addresses) and all(map(is_loopback_address, addresses))


def _nameless(name: str, lookup: Lookup) -> Finding:
    return Finding(
        "driver-host-unknown",
        Severity.ERROR if lookup.lasting else Severity.WARNING,
        f"This machine's own name, {quoted(name)}, cannot be resolved: Java, and so Spark, does not start "
        "without an address",
        f"Put the name into /etc/hosts, or set {_IP} to an address of this machine that agents can reach.",
    )


def _unresolved(place: Advertised, lookup: Lookup, *, listens: bool) -> Finding:
    consequence = "the driver cannot listen there" if listens else "agents most likely do not know it either"
    return Finding(
        "driver-host-unknown",
        Severity.ERROR if lookup.lasting and listens else Severity.WARNING,
        f"{place.label}, a name that cannot be resolved here: {consequence}",
        _SET_HOST if place.said_by != _BIND else "Correct or unset it.",
        place.key,
    )


def _not_of_this_machine(listens_at: Advertised, addresses: Sequence[str]) -> Finding:
    host = listens_at.host
    means = "" if is_address(host) else f" ({', '.join(addresses)})"
    label, hint = listens_at.label, "Correct or unset it."
    if not listens_at.said_by:
        label, hint = f"This machine's own name means {host}", f"Correct /etc/hosts or DNS. {_SET_HOST}"
    elif listens_at.said_by == _HOST:
        hint = f"Correct it; if agents reach the driver through another machine, set {_BIND}, too (0.0.0.0)."
    return Finding(
        "driver-host-not-here",
        Severity.ERROR,
        f"{label}{means}, no address of this machine: the driver cannot listen there",
        hint,
        listens_at.key,
    )


def _on_loopback(told: Advertised, here: Sequence[AgentFacts], elsewhere: Sequence[AgentFacts]) -> Finding:
    who = _agents(elsewhere, "the" if here else "all")
    return Finding(
        "driver-host-on-loopback",
        Severity.WARNING if here else Severity.ERROR,
        f"{told.label}, which is loopback: executors of {who} do not find the driver",
        _SET_HOST + (_OF_LOCAL_MASTERS if told.said_by == _IP else ""),
        told.key,
    )


def _off_the_way(told: Advertised, elsewhere: Sequence[AgentFacts], seen: SeenHere) -> list[Finding]:
    ways = seen.addresses_towards(spread(elsewhere, _MOST_WAYS))
    if not ways or any(told.host == way or seen.machine.are_neighbours(told.host, way) for way in ways):
        return []
    way = min(ways)
    return [
        Finding(
            "driver-host-off-the-way",
            Severity.WARNING,
            f"Executors will look for the driver at {told.host}, but this machine speaks to "
            f"{_agents(elsewhere, 'the')} from {way}: they may find no way back",
            f"Set {_IP}={way}, or {_HOST} to the name or address by which agents reach this machine.",
        )
    ]


def _agents(agents: Sequence[AgentFacts], which: str) -> str:
    names = some([agent.name for agent in agents])
    if len(agents) == 1:
        return f"the agent {names}" + (", the only one," if which == "all" else "")
    return f"{which} {len(agents)} agents ({names})" + (" elsewhere" if which == "the" else "")
