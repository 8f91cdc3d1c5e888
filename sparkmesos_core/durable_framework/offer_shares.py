"""What a task takes of the resources of an offer, and what is left of them.

Amounts are whole thousandths, in which Mesos counts scalars; so 0.1 + 0.2 is 0.3. What is revocable does not
count: it is nobody's for as long as he likes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.mesos.resources import Ranges, value_json

UNITS = 1000
"""How many there are in one core, and in one MiB."""

Json = Mapping[str, Any]

_PORTS = "ports"


@dataclass(frozen=True)
class Share:
    """A part of what an offer still holds."""

    taken: tuple[Json, ...]
    """Resources for a task: as offered (role, reservations, allocation), but for the amount."""
    left: tuple[Json, ...]
    """What the offer holds without them."""


def total(name: str, resources: Sequence[Json]) -> int:
    """Thousandths of a scalar in all resources of that name."""
    return sum(_amount(resource) for resource in resources if resource.get("name") == name)


def ports(resources: Sequence[Json]) -> Ranges:
    """All ports that are offered."""
    found = Ranges()
    for resource in resources:
        if resource.get("name") == _PORTS:
            found += _ranges(resource)
    return found


def share(resources: Sequence[Json], wanted: Mapping[str, int], port: int | None = None) -> Share:
    """What a task gets if there is room: of each resource, in the order of the offer, what it needs.

    `wanted` are thousandths of scalars by their names, `port` is a port that is to be the task's. The rule of
    Spark's `MesosSchedulerUtils.partitionResources`. What is not there is not taken.
    """
    missing = dict(wanted)
    wanted_ports = Ranges() if port is None else Ranges(((port, port),))
    taken: list[Json] = []
    left: list[Json] = []
    for resource in resources:
        name = resource.get("name")
        if name == _PORTS and wanted_ports and (offered := _ranges(resource)).contains(wanted_ports):
            taken.append({**resource, **value_json(wanted_ports)})
            if offered != wanted_ports:
                left.append({**resource, **value_json(offered - wanted_ports)})
            wanted_ports = Ranges()
            continue
        available = _amount(resource) if name in missing else 0
        used = min(available, missing[resource["name"]]) if available else 0
        if used:
            missing[resource["name"]] -= used
            taken.append(_with_amount(resource, used))
        if not used:
            left.append(resource)
        elif used < available:
            left.append(_with_amount(resource, available - used))
    return Share(tuple(taken), tuple(left))


def _amount(resource: Json) -> int:
    """Thousandths of a scalar that is a task's for as long as it likes; else 0."""
    if "revocable" in resource or "scalar" not in resource:
        return 0
    return max(0, round(float(resource["scalar"]["value"]) * UNITS))


def _ranges(resource: Json) -> Ranges:
    if "revocable" in resource or "ranges" not in resource:
        return Ranges()
    return Ranges.of((int(one["begin"]), int(one["end"])) for one in resource["ranges"].get("range", ()))


def _with_amount(resource: Json, thousandths: int) -> Json:
    return {**resource, "scalar": {"value": thousandths / UNITS}}
