"""The shells of Python and R, whose interpreter holds the driver's JVM as a child: how they are started.

Sources: `bin/pyspark` and `bin/sparkR`; `SparkSubmitCommandBuilder` of the launcher, which starts the two.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Source
from sparkmesos_core.errors import InterpreterNotFoundError, UsageError
from sparkmesos_core.quoting import quoted
from sparkmesos_core.spark.home import OFFICIAL_RELEASE, SparkHome
from sparkmesos_core.submit.connect_mode import classic_variables
from sparkmesos_core.submit.driver_defaults import is_of_this_python
from sparkmesos_core.submit.driver_python import (
    PROPERTIES,
    configured,
    is_program,
    python_of_shell,
    require_python,
)
from sparkmesos_core.submit.launch import Program

_R = "spark.r.shell.command"

PYTHON_START = Path(__file__).with_name("python_shell_start.py")
"""What the Python of a shell runs last when it starts."""
_PIPED_PYTHON = Path(__file__).with_name("piped_python_shell.py")


def python_program(
    name: str,
    spark: SparkHome,
    configuration: Configuration,
    environment: Mapping[str, str],
    *,
    piped: bool,
) -> Program:
    """The program of this name that is the shell of Python.

    `piped` says that stdin is no terminal. Raises InterpreterNotFoundError if its Python is not there.
    """
    from sparkmesos_core.preflight.python_programs import is_python  # which the other shells do without

    named = python_of_shell(configuration, environment)
    if named is not None:
        require_python(named, environment, "the shell")
    variables = {"PYTHONSTARTUP": str(PYTHON_START), **classic_variables(spark, environment)}
    if environment.get("PYTHONSTARTUP"):
        variables["_SPARKMESOS_PYTHONSTARTUP"] = environment["PYTHONSTARTUP"]
    archive = spark.path / "python" / "lib" / "pyspark.zip"
    is_whole = (spark.path / "python" / "pyspark" / "__init__.py").is_file()
    if (named is not None or not is_of_this_python(spark)) and not is_whole and archive.is_file():
        # A pip-installed Spark counts on being where its Python finds it, which another Python does not.
        # spark-submit gives applications this archive.
        paths = (str(archive), environment.get("PYTHONPATH", ""))
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    python = named.program if named is not None else "python3"
    if piped and is_python(python) and not environment.get("PYSPARK_DRIVER_PYTHON_OPTS"):
        # Without a terminal Python passes over the start-up file that makes `sc` and `spark`.
        escaped = str(_PIPED_PYTHON).replace("\\", "\\\\").replace('"', '\\"')
        variables["PYSPARK_DRIVER_PYTHON_OPTS"] = f'"{escaped}"'
    return Program(name, options=_on_the_command_line(configuration, *PROPERTIES), variables=variables)


def r_program(
    name: str,
    spark: SparkHome,
    configuration: Configuration,
    environment: Mapping[str, str],
    *,
    piped: bool,
) -> Program:
    """The same for R. Raises InterpreterNotFoundError without an R, or without what Spark needs of it, and
    UsageError if it is piped.
    """
    setting = configured(configuration, _R)
    command = (setting.value if setting is not None else "") or environment.get("SPARKR_DRIVER_R") or "R"
    problems, hints = [], []
    if not is_program(command, environment):
        problems.append(f"there is no R on this machine ({quoted(command)} is not on the PATH)")
        hints.append("Install R here and on every agent (on Debian and Ubuntu the package r-base-core).")
    if not (spark.path / "R" / "lib" / "SparkR").is_dir():
        problems.append(f"the Spark in {spark.path} ({spark.origin}) has no R/lib/SparkR, as pip's never has")
        hints.append(OFFICIAL_RELEASE)
    if problems:
        raise InterpreterNotFoundError(
            f"{name} cannot start: {'; and '.join(problems)}", hint=" ".join(hints)
        )
    if piped and Path(command).name == "R":
        # Without a terminal R wants to be told whether to save, and Spark gives it no arguments.
        raise UsageError(
            f"{name} reads from a terminal only",
            hint="Write an R file, and run it by `sparkmesos submit FILE.R`.",
        )
    return Program(name, options=_on_the_command_line(configuration, _R))


def _on_the_command_line(configuration: Configuration, *keys: str) -> tuple[str, ...]:
    """Properties as --conf, if they stand elsewhere, where the launcher would not look for them."""
    options: list[str] = []
    for key in keys:
        setting = configured(configuration, key)
        if setting is not None and setting.value and setting.origin.source is not Source.CONF:
            options += ["--conf", f"{key}={setting.value}"]
    return tuple(options)
