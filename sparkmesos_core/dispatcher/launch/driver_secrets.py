"""The secrets of a driver: those that it declares, and the properties that hold one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sparkmesos_core.conf.editing.properties_edit import format_property
from sparkmesos_core.conf.values.secrets import Secret, parse_secrets
from sparkmesos_core.errors import UsageError

PROPERTIES_VARIABLE = "SPARKMESOS_SECRET_PROPERTIES"
"""Holds the lines of a properties file until the driver's shell has them."""

_SPECIAL = re.compile(r"[\\=: \t\f#!]")
"""What ends or begins something else in the name of a property of a file."""


def properties_text(properties: Mapping[str, str]) -> str:
    """The lines of a properties file. Raises UsageError for a value that no such file can hold."""
    lines = []
    for name, value in sorted(properties.items()):
        # Spark takes blanks off whatever it reads from a file (`Utils.getPropertiesFromFile`).
        if value != value.strip():
            raise UsageError(
                f"{name} is a secret with blanks at its beginning or end",
                hint="Spark reads secrets of drivers from a file, where it takes such blanks off.",
            )
        lines.append(format_property(_SPECIAL.sub(r"\\\g<0>", name), value))
    return "\n".join(lines)


def driver_secrets(properties: Mapping[str, str]) -> tuple[Secret, ...]:
    """The secrets of `spark.mesos.driver.secret.*`. Raises UsageError as `parse_secrets` does."""
    names, values, variables, files = (
        properties.get(f"spark.mesos.driver.secret.{what}", "")
        for what in ("names", "values", "envkeys", "filenames")
    )
    return parse_secrets(names, values, variables, files)
