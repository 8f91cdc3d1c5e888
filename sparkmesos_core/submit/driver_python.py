"""The Python that runs a driver on this machine: what names it, and whether it is there.

Sources: `SparkSubmitCommandBuilder` of the launcher for the shell, `PythonRunner` for applications. Both take
the first that is set of `spark.pyspark.driver.python`, `spark.pyspark.python`, PYSPARK_DRIVER_PYTHON and
PYSPARK_PYTHON; for the shell what is empty is not set.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Setting, Source
from sparkmesos_core.errors import InterpreterNotFoundError
from sparkmesos_core.quoting import quoted

PROPERTIES = ("spark.pyspark.driver.python", "spark.pyspark.python")
_VARIABLES = ("PYSPARK_DRIVER_PYTHON", "PYSPARK_PYTHON")

# What names the Python of executors, and the driver's unless that is named.
_DRIVERS = {"spark.pyspark.python": "spark.pyspark.driver.python", "PYSPARK_PYTHON": "PYSPARK_DRIVER_PYTHON"}


@dataclass(frozen=True)
class NamedPython:
    """A Python that is to run the driver, and what names it."""

    program: str
    """As it was given: a name or a path, which may be empty."""
    name: str
    """The property or the variable."""
    place: str = ""
    """Where a property is set."""


def python_of_shell(configuration: Configuration, environment: Mapping[str, str]) -> NamedPython | None:
    """What names the Python of the shell; None if nothing does.

    `environment` is as spark-env.sh leaves it.
    """
    for key in PROPERTIES:
        if (setting := configured(configuration, key)) is not None and setting.value:
            return NamedPython(setting.value, key, str(setting.origin))
    return next((NamedPython(environment[name], name) for name in _VARIABLES if environment.get(name)), None)


def python_of_application(configuration: Configuration, environment: Mapping[str, str]) -> NamedPython | None:
    """What names the Python of an application's driver; None if nothing does, or Spark has yet to replace
    something in it (`${env:NAME}`).

    `environment` is as spark-env.sh leaves it.
    """
    for key in PROPERTIES:
        if (setting := configured(configuration, key)) is not None:
            return NamedPython(setting.value, key, str(setting.origin)) if "${" not in setting.value else None
    return next((NamedPython(environment[name], name) for name in _VARIABLES if name in environment), None)


def require_python(python: NamedPython, environment: Mapping[str, str], whose: str) -> None:
    """Raises InterpreterNotFoundError if there is no such program on this machine.

    `whose` it is stands in the message. A path that does not begin with a slash is taken from the current
    folder, in which the driver runs, too.
    """
    if is_program(python.program, environment):
        return
    said_by = f"{python.name}, {python.place}" if python.place else python.name
    if not python.program:
        raise InterpreterNotFoundError(
            f"The Python of {whose} has no name: {said_by} is empty, which does not unset it",
            hint="Unset it, or give it a value.",
        )
    # A single name is looked for on the PATH only.
    is_there = "/" in python.program and os.path.exists(python.program)  # noqa: PTH110 - which never raises
    drivers = _DRIVERS.get(python.name)
    raise InterpreterNotFoundError(
        f"The Python of {whose}, {quoted(python.program)} ({said_by}), is "
        + ("no program that can be run" if is_there else "not there"),
        hint=f"Correct it, or if it is meant for agents, set {drivers} to one of this machine."
        if drivers
        else "Correct it, or leave it out.",
    )


def configured(configuration: Configuration, key: str) -> Setting | None:
    """A property that is set as one. Spark looks at the variables itself, after all of them."""
    setting = configuration.setting(key)
    return None if setting is None or setting.origin.source is Source.VARIABLE else setting


def is_program(command: str, environment: Mapping[str, str]) -> bool:
    """Whether `env`, and a JVM, would find it."""
    return shutil.which(command, path=environment.get("PATH", os.defpath)) is not None
