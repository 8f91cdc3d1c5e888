"""Whether a service fits into an offer, what it takes of it, and what to say if it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.durable_framework.offer_shares import UNITS, ports, share, total
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.mesos.attributes import attributes_from_json
from sparkmesos_core.mesos.constraints import in_words, met_by_none, unmet
from sparkmesos_core.mesos.resources import Ranges

PortsOfAgent = Callable[[str], Ranges | None]
"""All ports that the agent of an id has among its resources, whoever uses them; None: not known yet."""

Json = Mapping[str, Any]


class Cause(Enum):
    """Why an agent has no service."""

    CONSTRAINTS = "constraints"
    """Its attributes are not such as wanted: it is to have none."""
    RESOURCES = "resources"
    """It did not offer enough."""
    PORT = "port"
    """Somebody else has the port."""
    PORT_UNKNOWN = "port-unknown"
    """It is not known yet which ports it has."""
    HOST = "host"
    """Another agent of the same host has one."""
    BACK_OFF = "back-off"
    """It has ended, and the time to launch it again has not come."""
    UNCERTAIN = "uncertain"
    """It is not known yet whether one still runs there: Mesos is being asked."""
    OFFERS = "offers"
    """It has made no offer since the service ended."""
    TASK = "task"
    """No task could be made."""
    STOPPING = "stopping"
    """All services are being stopped."""


@dataclass(frozen=True)
class Need:
    """What a service wants of an offer."""

    cpus: int
    """Thousandths of a core."""
    memory: int
    """Thousandths of a MiB."""
    port: int
    constraints: tuple[Constraint, ...] = ()

    @classmethod
    def of(cls, cpus: float, memory: int, port: int, constraints: tuple[Constraint, ...] = ()) -> Need:
        """From cores, and MiB with the overhead."""
        return cls(max(1, round(cpus * UNITS)), memory * UNITS, port, constraints)


@dataclass(frozen=True)
class Placement:
    """A service fits."""

    resources: tuple[Json, ...]
    """What its task takes, as offered."""
    port_reserved: bool
    """Whether the port is among them."""


@dataclass(frozen=True)
class Hindrance:
    """A service does not fit."""

    cause: Cause
    message: str


def place(offer: Offer, need: Need, ports_of: PortsOfAgent) -> Placement | Hindrance:
    """Whether a service of this need fits into an offer.

    The port is taken of the offer if it is in it. If the agent has it and does not offer it, then somebody
    else uses it. Agents whose resources do not have it at all, which is usual (Mesos' default is 31000 to
    32000, and the shuffle service's is 7337), leave it to whoever comes first.
    """
    if need.constraints:
        attributes = attributes_from_json(offer.attributes)
        failing = unmet(need.constraints, attributes)
        if failing:
            told = in_words(met_by_none(failing, [attributes]), ",".join(map(str, failing)))
            return Hindrance(Cause.CONSTRAINTS, f"it does not meet {told}")
    port_offered = any(begin <= need.port <= end for begin, end in ports(offer.resources).pairs)
    if not port_offered:
        every = ports_of(offer.agent_id)
        if every is None:
            return Hindrance(Cause.PORT_UNKNOWN, "it is not known yet which ports the agent has")
        if any(begin <= need.port <= end for begin, end in every.pairs):
            return Hindrance(
                Cause.PORT, f"port {need.port} is not in its offer: another task has it, or another role"
            )
    lacking = _lacking(offer, need)
    if lacking:
        return Hindrance(Cause.RESOURCES, lacking)
    taken = share(
        offer.resources, {"cpus": need.cpus, "mem": need.memory}, need.port if port_offered else None
    )
    return Placement(taken.taken, port_offered)


def _lacking(offer: Offer, need: Need) -> str:
    missing = []
    cpus, memory = total("cpus", offer.resources), total("mem", offer.resources)
    if cpus < need.cpus:
        missing.append(f"{_number(cpus)} of {_number(need.cpus)} cores")
    if memory < need.memory:
        missing.append(f"{_number(memory)} of {_number(need.memory)} MiB of memory")
    return f"it offered only {' and '.join(missing)}" if missing else ""


def _number(thousandths: int) -> str:
    return f"{thousandths / UNITS:.12g}"
