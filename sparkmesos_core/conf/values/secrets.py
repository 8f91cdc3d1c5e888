"""The secrets of `spark.mesos.{driver,executor}.secret.{names,values,envkeys,filenames}`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted


@dataclass(frozen=True)
class Secret:
    """One secret: a reference for the agents' secret resolver, or a value; and where the task finds it.

    A secret may go to a variable, a file, both, or, without effect, nowhere.
    """

    reference: str | None = None
    """Its name in the store of secrets; None if it has a value."""
    value: str | None = field(default=None, repr=False)
    """The secret itself; None if it is a reference."""
    variable: str | None = None
    """The environment variable that holds it."""
    file: str | None = None
    """The path in the container where it is mounted, read-only; this needs the Mesos containerizer."""


def parse_secrets(names: str, values: str, variables: str, files: str) -> tuple[Secret, ...]:
    """The secrets that four comma lists describe, position by position; an unset property is the empty text.

    `names` are references, `values` inline secrets; `variables` is the property `envkeys`, `files` is
    `filenames`. As in Spark (`MesosSchedulerBackendUtil`), items are trimmed and empty ones dropped. Raises
    UsageError, which never shows a value, if both names and values are given, if a list of destinations is
    not as long as that of the secrets, and, unlike Spark, if two secrets have the same destination or a name
    of a variable is none.
    """
    references, inline = to_sequence(names), to_sequence(values)
    if references and inline:
        raise UsageError(
            "Secrets are given by name as well as by value",
            hint="Set secret.names or secret.values, not both.",
        )
    secrets = [Secret(reference=name) for name in references] or [Secret(value=value) for value in inline]
    to_variables = _destinations("secret.envkeys", to_sequence(variables), len(secrets))
    to_files = _destinations("secret.filenames", to_sequence(files), len(secrets))
    for variable in to_variables:
        if variable is not None and ("=" in variable or "\0" in variable):
            raise UsageError(
                f"secret.envkeys: {quoted(variable)} is not the name of a variable",
                hint="A name has no '=' and no NUL.",
            )
    return tuple(
        Secret(secret.reference, secret.value, variable, file)
        for secret, variable, file in zip(secrets, to_variables, to_files, strict=True)
    )


def _destinations(name: str, places: Sequence[str], count: int) -> Sequence[str | None]:
    """One place for each of `count` secrets; None for each if no place is named."""
    if not places:
        return [None] * count
    if len(places) != count:
        raise UsageError(
            f"{name} has {len(places)} {'item' if len(places) == 1 else 'items'} for {count} "
            f"{'secret' if count == 1 else 'secrets'}",
            hint="Each secret needs one, in the same order; a comma always separates.",
        )
    seen: set[str] = set()
    for place in places:
        if place in seen:
            raise UsageError(
                f"{name} names {quoted(place)} for two secrets", hint="Give each secret a place of its own."
            )
        seen.add(place)
    return places
