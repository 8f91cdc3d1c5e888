"""Constraints on the attributes of agents: `os:centos7;zone:us-east-1a,us-east-1b`."""

from __future__ import annotations

from dataclasses import dataclass

from sparkmesos_core.conf.values.java_strings import split
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

# What Guava calls whitespace, which is what Spark trims here.
_BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_HINT = "Write ATTRIBUTE:VALUE,VALUE;ATTRIBUTE:VALUE, or ATTRIBUTE: if it only has to exist."


@dataclass(frozen=True)
class Constraint:
    """What an agent's attribute has to be; without values it only has to exist."""

    attribute: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.attribute}:{','.join(self.values)}"


def parse_constraints(text: str) -> tuple[Constraint, ...]:
    """The constraints in `text`, all of which must hold; none in the empty text.

    As Spark reads them (`MesosSchedulerUtils.parseConstraintString`): entries are trimmed, blanks elsewhere
    belong to the name or value. Raises UsageError for an empty entry, also one behind a last semicolon, for
    an entry without exactly one colon and for an attribute named twice; and, unlike Spark, for one without a
    name, which no agent can have.
    """
    if not text:
        return ()
    constraints: dict[str, Constraint] = {}
    for part in text.split(";"):
        entry = part.strip(_BLANKS)
        attribute, colon, wanted = entry.partition(":")
        if not entry:
            raise UsageError("A constraint is empty", hint=f"Leave out the semicolon beside it. {_HINT}")
        if not colon:
            raise UsageError(f"{quoted(entry)} is not a constraint: it has no colon", hint=_HINT)
        if ":" in wanted:
            raise UsageError(f"{quoted(entry)} is not a constraint: it has more than one colon", hint=_HINT)
        if not attribute:
            raise UsageError(f"{quoted(entry)} is not a constraint: it names no attribute", hint=_HINT)
        if attribute in constraints:
            raise UsageError(
                f"Two constraints are about the attribute {quoted(attribute)}",
                hint="Write one constraint for it, its values separated by commas.",
            )
        values = tuple(dict.fromkeys(split(wanted, ","))) if wanted else ()
        constraints[attribute] = Constraint(attribute, values)
    return tuple(constraints.values())
