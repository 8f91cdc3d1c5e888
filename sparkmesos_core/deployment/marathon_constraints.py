"""Constraints of Spark, said in those of Marathon.

Marathon compares attributes as text (`Constraints.scala`): a set as `{a,b}`, sorted; LIKE asks for the whole
of it to match a regular expression of Java's. So what Spark reckons with numbers cannot be said to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.errors import UsageError
from sparkmesos_core.mesos.attributes import Attribute
from sparkmesos_core.mesos.resources import Ranges
from sparkmesos_core.quoting import quoted

ONE_PER_HOST = ["hostname", "UNIQUE"]

_NO_ATTRIBUTES = frozenset({"hostname", "@hostname", "@region", "@zone"})
"""Fields that Marathon does not look for among the attributes."""


def on_host(host: str) -> list[str]:
    """The constraint that an app runs on the agent of this host name only."""
    return ["hostname", "LIKE", re.escape(host)]


def marathon_constraints(
    constraints: Iterable[Constraint], agents: Sequence[Iterable[Attribute]] = ()
) -> list[list[str]]:
    """The constraints of an app that mean the same as those of Spark, in their order.

    `agents` are the attributes of each agent that is known: they tell which attributes are no plain text.
    Raises UsageError for a constraint that Marathon has no way to say.
    """
    kinds: dict[str, set[type]] = {}
    for attributes in agents:
        for attribute in attributes:
            kinds.setdefault(attribute.name, set()).add(type(attribute.value))
    return [_translated(one, kinds.get(one.attribute, {str})) for one in constraints]


def _translated(constraint: Constraint, kinds: set[type]) -> list[str]:
    if constraint.attribute in _NO_ATTRIBUTES:
        raise UsageError(
            f"Marathon cannot be given the constraint {quoted(str(constraint))}: there "
            f"{constraint.attribute} is not an attribute",
            hint="Give agents an attribute of another name, or run it with --on-mesos.",
        )
    if not constraint.values:
        return [constraint.attribute, "LIKE", "(?s).*"]
    if numbers := kinds & {int, Ranges}:
        kind = "a number" if int in numbers else "a range"
        raise UsageError(
            f"Marathon cannot be given the constraint {quoted(str(constraint))}: it compares text, and "
            f"{constraint.attribute} is {kind} on agents",
            hint="Give agents an attribute that is text, or run it with --on-mesos.",
        )
    patterns = []
    if kinds - {frozenset}:
        patterns += [re.escape(value) for value in constraint.values]
    if frozenset in kinds:
        patterns.append(_set_with_all(constraint.values))
    return [constraint.attribute, "LIKE", "|".join(patterns)]


def _set_with_all(items: Iterable[str]) -> str:
    """The expression of a set's text, `{a,b}`, that has all of these items."""
    return r"\{" + "".join(rf"(?=(?:.*,)?{re.escape(item)}[,}}])" for item in items) + r".*\}"
