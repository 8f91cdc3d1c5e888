"""Attributes of an agent: the text of Mesos' `--attributes`, the JSON of offers, and the form of `/state`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.errors import UsageError
from sparkmesos_core.mesos.resources import Value, parse_value, value_json, value_of_json, value_text
from sparkmesos_core.quoting import quoted


@dataclass(frozen=True)
class Attribute:
    """One attribute; its value is a scalar in thousandths, ranges, a set's items, or plain text."""

    name: str
    value: Value | str

    def to_json(self) -> dict[str, Any]:
        """The v1 `Attribute` object of an offer."""
        if isinstance(self.value, str):
            return {"name": self.name, "type": "TEXT", "text": {"value": self.value}}
        return {"name": self.name, **value_json(self.value)}

    def state_value(self) -> str | float:
        """Its value in `/state`: a number for scalars, text for everything else."""
        if isinstance(self.value, str):
            return self.value
        if isinstance(self.value, int):
            return self.value / 1000
        return value_text(self.value)


def parse_attributes(text: str) -> tuple[Attribute, ...]:
    """Read `os:centos7;rackid:3;port_range:[7000-8000];tags:{a,b}`.

    What reads as a number is a SCALAR, `[..]` are RANGES, `{..}` is a SET, everything else is TEXT, which
    may itself hold colons. Raises UsageError which names the offending part.
    """
    attributes = []
    for item in text.split(";"):
        if not item.strip():
            continue
        name, colon, value = item.partition(":")
        name = name.strip()
        if not colon or not name or not value.strip():
            raise UsageError(
                f"Cannot understand the attribute {quoted(item.strip())}",
                hint="Write attributes as in: os:centos7;rackid:3;tags:{a,b}",
            )
        try:
            attributes.append(Attribute(name, parse_value(value)))
        except ValueError as error:
            raise UsageError(
                f"Cannot understand the attribute {quoted(item.strip())}: {error}",
                hint="Write attributes as in: os:centos7;rackid:3;tags:{a,b}",
            ) from None
    return tuple(attributes)


def attributes_json(attributes: tuple[Attribute, ...]) -> list[dict[str, Any]]:
    """The `attributes` of an offer."""
    return [attribute.to_json() for attribute in attributes]


def attributes_from_json(attributes: Iterable[Mapping[str, Any]]) -> tuple[Attribute, ...]:
    """The `attributes` of an offer; one that cannot be understood is left out, as if the agent had none."""
    found = []
    for attribute in attributes:
        try:
            found.append(Attribute(attribute["name"], _value_from_json(attribute)))
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(found)


def _value_from_json(attribute: Mapping[str, Any]) -> Value | str:
    if attribute["type"] == "TEXT":
        return str(attribute["text"]["value"])
    if attribute["type"] == "SCALAR":
        # Unlike an amount of a resource it may be negative.
        number = float(attribute["scalar"]["value"])
        if not math.isfinite(number):
            raise ValueError(f"{number} is no scalar")
        return round(number * 1000)
    return value_of_json(attribute)


def attributes_state(attributes: tuple[Attribute, ...]) -> dict[str, str | float]:
    """The `attributes` of `/state` and `/slaves`."""
    return {attribute.name: attribute.state_value() for attribute in attributes}
