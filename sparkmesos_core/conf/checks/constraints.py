"""Rules about constraints on the attributes of agents."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.rule import APPLICATION, Found, Rules, Subject
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.conf.values.scalars import java_double
from sparkmesos_core.quoting import quoted

RULES = Rules()

_EXECUTORS = "spark.mesos.constraints"
_DRIVERS = "spark.mesos.driver.constraints"

# A comma separates values, so that only one end of it may be in a value. 12-3 alone may be a text.
_BRACKET = re.compile(r"\s*[\[{]|.*[\]}]\s*$", re.DOTALL)


@RULES.add(
    "constraint-notation",
    Severity.WARNING,
    "a constraint whose value is written as agents write ranges or sets, `[1-9]` or `{a,b}`: Spark would "
    "look for an attribute of just this text",
    modes=APPLICATION,
)
def _notation(subject: Subject) -> Iterable[Found]:
    for key, constraint in _constraints(subject):
        odd = [value for value in constraint.values if _BRACKET.match(value)]
        if odd:
            yield Found(
                f"{key} asks for {constraint.attribute} to be '{odd[0]}', which is how agents write "
                "ranges and sets; a constraint lists single values",
                "Separate values by commas, without brackets. Spark up to 3.5 never finds a value in "
                "an attribute that is a range.",
                key,
            )


@RULES.add(
    "constraint-blank",
    Severity.WARNING,
    "a constraint with a blank that Spark takes for a part of the name or value, `zone: a`, so that no agent "
    "meets it",
    modes=APPLICATION,
)
def _blanks(subject: Subject) -> Iterable[Found]:
    for key, constraint in _constraints(subject):
        # Mesos takes all blanks out of the values that an agent is given, but none out of the names.
        odd = [value for value in constraint.values if " " in value and java_double(value) is None]
        if constraint.attribute.strip() != constraint.attribute:
            odd.insert(0, constraint.attribute)
        if odd:
            yield Found(
                f"{key} looks for {quoted(odd[0])}, with its blank, which no agent has",
                "Write NAME:VALUE,VALUE;NAME:VALUE with blanks around semicolons at most.",
                key,
            )


@RULES.add(
    "constraint-number",
    Severity.WARNING,
    "several numbers for an attribute, or numbers among texts: an attribute that is a number has to be the "
    "smallest of them or more, and Spark fails at a text; a note for a single number",
    modes=APPLICATION,
)
def _numbers(subject: Subject) -> Iterable[Found]:
    # `MesosSchedulerUtils.matchesAttributeRequirements`. Mesos takes every value that is a number for one, so
    # that an attribute can hardly be the text 3.
    for key, constraint in _constraints(subject):
        numbers = {value: number for value in constraint.values if (number := _finite(value)) is not None}
        texts = [value for value in constraint.values if value not in numbers]
        name = constraint.attribute
        if not numbers:
            continue
        least = min(numbers, key=lambda value: numbers[value])
        if texts and key == _EXECUTORS and not subject.since(4):
            yield Found(
                f"{key} asks for {quoted(name)} to be {quoted(least)} or {quoted(texts[0])}: on an agent "
                "where it is a number Spark fails at the text, and takes no offer at all",
                "Ask for numbers or for texts, as the attribute of the agents is.",
                key,
            )
        elif len(numbers) > 1:
            yield Found(
                f"{key} has several numbers for {quoted(name)}: if that is a number, all from {least} on do",
                "Constraints by numbers are lower limits. To choose single agents, give them an attribute "
                "that is a text, as in rack:r3.",
                key,
            )
        else:
            yield Found(
                f"{key} holds for agents whose {quoted(name)} is {least} or more, if it is a number",
                "Constraints by numbers are lower limits.",
                key,
                Severity.NOTE,
            )


def _finite(text: str) -> float | None:
    number = java_double(text)
    return number if number is not None and math.isfinite(number) else None


def _constraints(subject: Subject) -> Iterator[tuple[str, Constraint]]:
    """The constraints that somebody looks at here, each with the property that holds it."""
    keys = [_EXECUTORS, _DRIVERS] if subject.mode is Mode.CLUSTER else [_EXECUTORS]
    for key in keys:
        for constraint in subject.value(key) or ():
            yield key, constraint
