"""Mesos resources: the text of `--resources`, the JSON of offers and tasks, and arithmetic on both.

A resource is a SCALAR (`cpus:0.5`), a RANGES (`ports:[31000-32000]`) or a SET (`disks:{a,b}`), reserved for
a role or for everybody (`*`). Scalars have three decimals of precision, as in Mesos, and are kept as whole
thousandths, so that `0.1 + 0.2` is exactly `0.3`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

ANY_ROLE = "*"
"""The role of resources that are reserved for nobody."""

LAST_PORT = 65535

_SCALAR_UNIT = 1000
_ITEM = re.compile(
    r"^\s*(?P<name>[^\s():;\[\]{}]+)\s*(?:\(\s*(?P<role>[^\s()]+)\s*\))?\s*:\s*(?P<value>.*?)\s*$", re.S
)
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$", re.ASCII)
_RANGE = re.compile(r"^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$")

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Ranges:
    """Disjoint, sorted, inclusive ranges of whole numbers; neighbours are joined."""

    pairs: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]]) -> Ranges:
        """Ranges that cover the given pairs (begin, end), which may overlap.

        ValueError if one ends before it begins.
        """
        joined: list[tuple[int, int]] = []
        for begin, end in sorted(pairs):
            if end < begin:
                raise ValueError(f"the range {begin}-{end} ends before it begins")
            if joined and begin <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((begin, end))
        return cls(tuple(joined))

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def __add__(self, other: Ranges) -> Ranges:
        return Ranges.of(self.pairs + other.pairs)

    def __sub__(self, other: Ranges) -> Ranges:
        left = list(self.pairs)
        for begin, end in other.pairs:
            kept: list[tuple[int, int]] = []
            for first, last in left:
                if end < first or last < begin:
                    kept.append((first, last))
                    continue
                if first < begin:
                    kept.append((first, begin - 1))
                if end < last:
                    kept.append((end + 1, last))
            left = kept
        return Ranges(tuple(left))

    def contains(self, other: Ranges) -> bool:
        """Whether every number of `other` is also here."""
        return not other - self

    def text(self) -> str:
        """Mesos' text form, `[31000-31001, 31005-31005]`."""
        return "[" + ", ".join(f"{begin}-{end}" for begin, end in self.pairs) + "]"


Value = int | Ranges | frozenset[str]
"""Thousandths of a scalar, ranges, or the items of a set."""


class ResourceKey(NamedTuple):
    """What makes two quantities the same resource.

    Its name and the role that it is reserved for (`*` for none).
    """

    name: str
    role: str


def scalar_text(thousandths: int) -> str:
    """The shortest decimal text of a scalar: `4`, `0.1`, `1.125`."""
    whole, rest = divmod(abs(thousandths), _SCALAR_UNIT)
    sign = "-" if thousandths < 0 else ""
    return f"{sign}{whole}" + (f".{rest:03d}".rstrip("0") if rest else "")


def parse_value(text: str) -> Value | str:
    """A value in Mesos' text form: thousandths, Ranges, a set's items, or the text itself if it is neither.

    Raises ValueError for a range or set that is begun but not well formed.
    """
    stripped = text.strip()
    if stripped.startswith("["):
        if not stripped.endswith("]"):
            raise ValueError(f"{quoted(stripped)} has no closing ']'")
        return _parse_ranges(stripped[1:-1])
    if stripped.startswith("{"):
        if not stripped.endswith("}"):
            raise ValueError(f"{quoted(stripped)} has no closing '}}'")
        return frozenset(item.strip() for item in stripped[1:-1].split(",") if item.strip())
    if _NUMBER.match(stripped) and math.isfinite(number := float(stripped)):
        return round(number * _SCALAR_UNIT)
    return stripped


def _parse_ranges(text: str) -> Ranges:
    pairs = []
    for item in text.split(","):
        match = _RANGE.match(item)
        if match is None:
            raise ValueError(f"{quoted(item.strip())} is not a range like 31000-32000")
        begin = int(match[1])
        pairs.append((begin, int(match[2]) if match[2] is not None else begin))
    return Ranges.of(pairs)


def value_json(value: Value) -> JsonObject:
    """The `type` and value fields of v1 `Resource` and `Attribute` for a scalar, ranges or set."""
    if isinstance(value, int):
        return {"type": "SCALAR", "scalar": {"value": value / _SCALAR_UNIT}}
    if isinstance(value, Ranges):
        return {"type": "RANGES", "ranges": {"range": [{"begin": b, "end": e} for b, e in value.pairs]}}
    return {"type": "SET", "set": {"item": sorted(value)}}


def value_text(value: Value) -> str:
    """A value as Mesos prints it: `4`, `[1-2, 5-5]`, `{a, b}`."""
    if isinstance(value, int):
        return scalar_text(value)
    if isinstance(value, Ranges):
        return value.text()
    return "{" + ", ".join(sorted(value)) + "}"


class Resources:
    """An immutable bag of resources; keeps the order in which its resources were first named."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[ResourceKey, Value] | None = None) -> None:
        self._values: dict[ResourceKey, Value] = {
            key: value for key, value in (values or {}).items() if value
        }

    @classmethod
    def parse(cls, text: str) -> Resources:
        """Read the text of Mesos' `--resources`: `cpus:4;mem:1024;ports:[31000-32000];cpus(spark):1`.

        Units are Mesos': mem and disk in MB. Raises UsageError which names the offending part.
        """
        values: dict[ResourceKey, Value] = {}
        for item in text.split(";"):
            if not item.strip():
                continue
            match = _ITEM.match(item)
            if match is None:
                raise UsageError(
                    f"Cannot understand the resource '{item.strip()}'",
                    hint="Write resources as in: cpus:4;mem:1024;ports:[31000-32000]",
                )
            key = ResourceKey(match["name"], match["role"] or ANY_ROLE)
            try:
                value = parse_value(match["value"])
                if isinstance(value, str):
                    raise ValueError(f"'{value}' is neither a number nor ranges nor a set")
                if isinstance(value, int) and value < 0:
                    raise ValueError("a quantity cannot be negative")
                if key.name == "ports" and isinstance(value, Ranges) and value.pairs[-1][1] > LAST_PORT:
                    raise ValueError(f"{LAST_PORT} is the last port")
                values[key] = _added(values[key], value) if key in values else value
            except ValueError as error:
                raise UsageError(
                    f"Cannot understand the resource '{item.strip()}': {error}",
                    hint="Write resources as in: cpus:4;mem:1024;ports:[31000-32000]",
                ) from None
        return cls(values)

    @classmethod
    def from_json(cls, resources: Any) -> Resources:
        """Read v1 `Resource` objects of an offer or a task; allocation info is not kept.

        Raises ValueError for what is not a resource (wrong type, no name, negative).
        """
        values: dict[ResourceKey, Value] = {}
        if not isinstance(resources, list):
            raise ValueError("they are no array")
        for resource in resources:
            if not isinstance(resource, Mapping):
                raise ValueError("a resource is not an object")
            name = resource.get("name")
            if not isinstance(name, str) or not name:
                raise ValueError("a resource has no name")
            try:
                key, value = ResourceKey(name, _reserved_role(resource)), value_of_json(resource)
            except (KeyError, TypeError, AttributeError, OverflowError) as error:
                raise ValueError(f"resource '{name}' is malformed") from error
            values[key] = _added(values[key], value) if key in values else value
        return cls(values)

    def to_json(self, *, allocation_role: str | None = None, refined: bool = False) -> list[JsonObject]:
        """v1 `Resource` objects as frameworks get them, with `allocation_info` if a role is given.

        `refined` is the format of frameworks with the capability RESERVATION_REFINEMENT: a list of
        `reservations` instead of a `role`.
        """
        result = []
        for key, value in self._values.items():
            resource: JsonObject = {"name": key.name, **value_json(value)}
            if not refined:
                resource["role"] = key.role
            if allocation_role is not None:
                resource["allocation_info"] = {"role": allocation_role}
            if refined and key.role != ANY_ROLE:
                resource["reservations"] = [{"type": "STATIC", "role": key.role}]
            result.append(resource)
        return result

    def summary(self) -> JsonObject:
        """The form of operator endpoints.

        That is `{"disk": 0.0, "mem": 32.0, "gpus": 0.0, "cpus": 0.1, "ports": "[..]"}`.
        """
        result: JsonObject = {"disk": 0.0, "mem": 0.0, "gpus": 0.0, "cpus": 0.0}
        for name in dict.fromkeys(key.name for key in self._values):
            total = self.total(name)
            result[name] = total / _SCALAR_UNIT if isinstance(total, int) else value_text(total)
        return result

    def text(self, *, allocation_role: str | None = None) -> str:
        """As Mesos prints them in messages: `cpus(allocated: *):4; mem(allocated: *):1024`."""
        parts = []
        for key, value in self._values.items():
            allocated = f"(allocated: {allocation_role})" if allocation_role is not None else ""
            reserved = f"(reservations: [(STATIC,{key.role})])" if key.role != ANY_ROLE else ""
            parts.append(f"{key.name}{allocated}{reserved}:{value_text(value)}")
        return "; ".join(parts)

    def total(self, name: str) -> Value:
        """All of one resource over its roles: thousandths, ranges or a set; 0 if there is none."""
        found = [value for key, value in self._values.items() if key.name == name]
        result: Value = found[0] if found else 0
        for value in found[1:]:
            result = _added(result, value)
        return result

    def scalar(self, name: str) -> float:
        """The amount of a scalar over all roles (cores, MB); 0.0 if there is none or it is no scalar."""
        total = self.total(name)
        return total / _SCALAR_UNIT if isinstance(total, int) else 0.0

    def scalars(self) -> Resources:
        """Only the scalars: those of several agents add up and come apart, which ranges and sets do not."""
        return Resources({key: value for key, value in self._values.items() if isinstance(value, int)})

    def available_to(self, role: str) -> Resources:
        """What a framework may use in a role: unreserved resources and those reserved for it or an ancestor.

        Those of `team` are also for `team/jobs`, but not the other way round.
        """
        return Resources(
            {
                key: value
                for key, value in self._values.items()
                if key.role in (ANY_ROLE, role) or role.startswith(f"{key.role}/")
            }
        )

    def reserved(self) -> dict[str, Resources]:
        """The reserved resources, by role."""
        roles = dict.fromkeys(key.role for key in self._values if key.role != ANY_ROLE)
        return {role: self.of_role(role) for role in roles}

    def of_role(self, role: str) -> Resources:
        """Only the resources reserved for exactly this role (`*`: the unreserved ones)."""
        return Resources({key: value for key, value in self._values.items() if key.role == role})

    def offer_order(self) -> Resources:
        """The same resources in the order of Mesos' offers: unreserved scalars come last."""
        items = sorted(
            self._values.items(), key=lambda item: isinstance(item[1], int) and item[0].role == ANY_ROLE
        )
        return Resources(dict(items))

    def overlaps(self, other: Resources) -> bool:
        """Whether both have the same numbers of a range, or items of a set, which cannot be added up."""
        return any(
            not isinstance(value, int)
            and not isinstance(mine := self._values.get(key, 0), int)
            and _subtracted(mine, value) != mine
            for key, value in other._values.items()
        )

    def contains(self, other: Resources) -> bool:
        """Whether all of `other` can be taken from these, role by role."""
        return all(
            key in self._values and _contains(self._values[key], value)
            for key, value in other._values.items()
        )

    def __add__(self, other: Resources) -> Resources:
        values = dict(self._values)
        for key, value in other._values.items():
            values[key] = _added(values[key], value) if key in values else value
        return Resources(values)

    def __sub__(self, other: Resources) -> Resources:
        """What is left; ValueError if `other` is not contained here."""
        values = dict(self._values)
        for key, value in other._values.items():
            if key not in values or not _contains(values[key], value):
                raise ValueError(f"{other.text()} is not contained in {self.text()}")
            values[key] = _subtracted(values[key], value)
        return Resources(values)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resources) and self._values == other._values

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __iter__(self) -> Iterator[tuple[ResourceKey, Value]]:
        return iter(self._values.items())

    def __repr__(self) -> str:
        return f"Resources({self.text()!r})"


def _reserved_role(resource: Mapping[str, Any]) -> str:
    """The role of a reservation in either format: `role`, or the last of `reservations` (the refined one)."""
    reservations = resource.get("reservations") or []
    role = reservations[-1]["role"] if reservations else resource.get("role", ANY_ROLE)
    if not isinstance(role, str):
        raise TypeError("a role is not a string")
    return role


def value_of_json(resource: Mapping[str, Any]) -> Value:
    """The value of a v1 `Resource`, or of an `Attribute` that is no text.

    Raises ValueError for a kind of value that there is not, and for amounts below zero.
    """
    kind = resource["type"]
    if kind == "SCALAR":
        number = float(resource["scalar"]["value"])
        if not math.isfinite(number) or number < 0:
            raise ValueError(f"resource '{resource['name']}' has the amount {number}")
        return round(number * _SCALAR_UNIT)
    if kind == "RANGES":
        return Ranges.of((int(r["begin"]), int(r["end"])) for r in resource["ranges"].get("range", []))
    if kind == "SET":
        return frozenset(str(item) for item in resource["set"].get("item", []))
    raise ValueError(f"resource '{resource['name']}' has the unknown type '{kind}'")


def _added(one: Value, other: Value) -> Value:
    if isinstance(one, int) and isinstance(other, int):
        return one + other
    if isinstance(one, Ranges) and isinstance(other, Ranges):
        return one + other
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        return one | other
    raise ValueError("one resource has values of two types")


def _subtracted(one: Value, other: Value) -> Value:
    if isinstance(one, int) and isinstance(other, int):
        return one - other
    if isinstance(one, Ranges) and isinstance(other, Ranges):
        return one - other
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        return one - other
    raise ValueError("one resource has values of two types")


def _contains(one: Value, other: Value) -> bool:
    if isinstance(one, int) and isinstance(other, int):
        return one >= other
    if isinstance(one, Ranges) and isinstance(other, Ranges):
        return one.contains(other)
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        return one >= other
    return False
