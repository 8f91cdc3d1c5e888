"""Whether the attributes of an agent meet the constraints of an application."""

from __future__ import annotations

from collections.abc import Iterable

from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.conf.values.scalars import java_double, parse_integer
from sparkmesos_core.errors import UsageError
from sparkmesos_core.mesos.attributes import Attribute
from sparkmesos_core.mesos.resources import Ranges, Value


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
