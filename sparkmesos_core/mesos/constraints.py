"""Whether the attributes of agents meet the constraints of an application, and what to say if none does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.conf.values.scalars import java_double, parse_integer
from sparkmesos_core.errors import UsageError
from sparkmesos_core.mesos.attributes import Attribute
from sparkmesos_core.mesos.resources import Ranges, Value

_MOST_VALUES = 5
_LONGEST = 60


@dataclass(frozen=True)
class UnmetConstraint:
    """A constraint that none of some agents meets."""

    constraint: str
    """As it was written: `rack:r1,r2`."""
    offered: tuple[str, ...]
    """Some of the values that the attribute has on these agents; none if no agent has it."""


def unmet(constraints: Iterable[Constraint], attributes: Iterable[Attribute]) -> tuple[Constraint, ...]:
    """The constraints that do not hold on an agent with these attributes, in their order; none if it fits.

    By the rules of Spark's `matchesAttributeRequirements`: an attribute that only has to exist may have any
    value; of a SCALAR some asked number must not be above it; RANGES must contain some asked whole number
    (in Spark they never match, or fail); a SET must have all the asked items; a TEXT must be one of them.
    What is asked of numbers but is none counts as not there, where Spark fails. Of attributes of the same
    name the last one counts.
    """
    offered = {attribute.name: attribute.value for attribute in attributes}
    return tuple(
        constraint
        for constraint in constraints
        if constraint.attribute not in offered or not _holds(constraint.values, offered[constraint.attribute])
    )


def unmet_in_spark(
    constraints: Iterable[Constraint], attributes: Iterable[Attribute]
) -> tuple[Constraint, ...]:
    """As `unmet`, but what Spark itself makes of it: asked for a value it never takes an attribute of ranges.

    `matchesAttributeRequirements` looks for a single range, and Mesos offers a list of them: since Spark 3.1
    that does not match, and before it is an error.
    """
    asked, offered = tuple(constraints), tuple(attributes)
    failing = unmet(asked, offered)
    ranges = {one.name for one in offered if isinstance(one.value, Ranges)}
    return tuple(one for one in asked if one in failing or (one.values and one.attribute in ranges))


Judge = Callable[[Iterable[Constraint], Iterable[Attribute]], tuple[Constraint, ...]]
"""`unmet`, or `unmet_in_spark`."""


def met_by_none(
    constraints: Iterable[Constraint], agents: Sequence[Iterable[Attribute]], judge: Judge = unmet
) -> tuple[UnmetConstraint, ...]:
    """The constraints that none of these agents, of each the attributes, meets even alone.

    None if each is met by one agent or another, but perhaps never all of them at once.
    """
    found = []
    for constraint in constraints:
        values: set[str] = set()
        for attributes in agents:
            if not judge((constraint,), attributes):
                break
            values.update(str(one.state_value()) for one in attributes if one.name == constraint.attribute)
        else:
            shown = tuple(_shortened(value) for value in sorted(values)[:_MOST_VALUES])
            found.append(UnmetConstraint(str(constraint), shown))
    return tuple(found)


def in_words(found: Sequence[UnmetConstraint], constraints: str) -> str:
    """What `met_by_none` found, to stand behind "no agent meets"; `constraints` are all as written."""
    if not found:
        return f"all of the constraints {_shortened(constraints)} at once"
    told = []
    for one in found:
        name = one.constraint.partition(":")[0]
        there = f"{name} is {' or '.join(one.offered)}" if one.offered else f"none has {name}"
        told.append(f"{_shortened(one.constraint)} ({there})")
    return f"the constraint {told[0]}" if len(told) == 1 else f"the constraints {', '.join(told)}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _holds(asked: tuple[str, ...], offered: Value | str) -> bool:
    if not asked:
        return True
    if isinstance(offered, str):
        return offered in asked
    if isinstance(offered, int):
        numbers = (java_double(text) for text in asked)
        return any(number is not None and number <= offered / 1000 for number in numbers)
    if isinstance(offered, Ranges):
        return any(_inside(text, offered) for text in asked)
    return offered.issuperset(asked)


def _inside(text: str, ranges: Ranges) -> bool:
    try:
        number = parse_integer(text, bits=64)
    except UsageError:
        return False
    return any(begin <= number <= end for begin, end in ranges.pairs)
