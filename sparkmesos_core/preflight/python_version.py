"""Whether executors run the Python that the driver runs, where that can be known.

PySpark refuses tasks of another minor version (PYTHON_VERSION_MISMATCH in `pyspark/worker.py`). The driver's
program is `spark.pyspark.driver.python`, `spark.pyspark.python`, PYSPARK_DRIVER_PYTHON, PYSPARK_PYTHON, or
python3 (`PythonRunner`); executors are told the second or the fourth, or python3 (`SparkContext.pythonExec`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Source
from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.preflight.agent_flags import executors_path, read_agent_flags, shares_files
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.python_programs import (
    Version,
    is_python,
    named_version,
    version_in_archive,
    version_of_program,
)
from sparkmesos_core.preflight.this_machine import this_machine
from sparkmesos_core.quoting import quoted

_DEFAULT = "python3"
_CONTAINERS = ("spark.mesos.executor.docker.image", "spark.mesos.network.name")


@dataclass(frozen=True)
class Chosen:
    """A program, and what names it."""

    program: str
    said_by: str
    """A property or a variable; empty for Spark's default."""

    @property
    def key(self) -> str:
        """The property, if it is one."""
        return self.said_by if self.said_by.startswith("spark.") else ""


def check_python_version(
    configuration: Mapping[str, str],
    facts: ClusterFacts | None,
    environment: Mapping[str, str],
    *,
    deadline: float,
) -> list[Finding]:
    """A warning if executors have another Python than the driver. To be asked for Python applications only.

    A warning, since an application which leaves all work to Spark's own operators starts no Python on
    executors. `environment` is the driver's. The version of the executors' program is known if its name tells
    it, if it is in an environment of `spark.archives`, or if all agents are on this machine, without
    containers, and tell where executors look for programs. Programs of this machine are run to be asked,
    until the `deadline` (of `time.monotonic`).
    """
    driver = driver_program(configuration, environment)
    executors = executors_program(configuration, environment)
    theirs = _version_on_executors(executors.program, configuration, facts, environment, deadline)
    if theirs is None:
        return []
    path = environment.get("PATH", os.defpath)
    ours = named_version(driver.program) or version_of_program(
        driver.program, environment, path, deadline=deadline
    )
    if ours is None or ours == theirs:
        return []
    label = f"{executors.said_by}, {quoted(executors.program)}" if executors.said_by else executors.program
    return [
        Finding(
            "python-version",
            Severity.WARNING,
            f"The driver runs Python {_text(ours)} ({driver.program}), executors {_text(theirs)} ({label}): "
            "PySpark refuses every task in Python (of RDDs and UDFs)",
            "Give both the same Python by PYSPARK_PYTHON and PYSPARK_DRIVER_PYTHON, or take it along by "
            "--archives.",
            executors.key,
        )
    ]


def driver_program(configuration: Mapping[str, str], environment: Mapping[str, str]) -> Chosen:
    """The Python that runs the driver of a Python application in client mode."""
    return _first(
        configuration,
        environment,
        ("spark.pyspark.driver.python", "spark.pyspark.python", "PYSPARK_DRIVER_PYTHON", "PYSPARK_PYTHON"),
    )


def executors_program(configuration: Mapping[str, str], environment: Mapping[str, str]) -> Chosen:
    """The Python that executors start for tasks in Python."""
    return _first(configuration, environment, ("spark.pyspark.python", "PYSPARK_PYTHON"))


def _first(
    configuration: Mapping[str, str], environment: Mapping[str, str], names: tuple[str, ...]
) -> Chosen:
    for name in names:
        value = _property(configuration, name) if name.startswith("spark.") else environment.get(name)
        if value:
            return Chosen(value, name)
    return Chosen(_DEFAULT, "")


def _property(configuration: Mapping[str, str], name: str) -> str | None:
    """The value of a property itself: a Configuration has those of the variables that stand for it, too."""
    if isinstance(configuration, Configuration):
        setting = configuration.setting(name)
        if setting is not None and setting.origin.source is Source.VARIABLE:
            return None
    return configuration.get(name)


def _version_on_executors(
    program: str,
    configuration: Mapping[str, str],
    facts: ClusterFacts | None,
    environment: Mapping[str, str],
    deadline: float,
) -> Version | None:
    if version := named_version(program):
        return version
    if not is_python(program):
        return None
    if archive := _archive_of(program, configuration):
        return version_in_archive(archive, deadline=deadline)
    if facts is None or any(configuration.get(key) for key in _CONTAINERS):
        return None
    here, elsewhere = this_machine().divide(facts)
    if elsewhere or not here:
        return None
    flags = read_agent_flags(here[0], deadline=deadline)
    if flags is None or not shares_files(flags) or ("/" in program and not program.startswith("/")):
        return None
    path = configuration.get("spark.executorEnv.PATH") or executors_path(here[0], flags)
    if path is None:
        return None
    return version_of_program(program, environment, path, deadline=deadline)


def _archive_of(program: str, configuration: Mapping[str, str]) -> Path | None:
    """The archive of this machine which is unpacked into the folder of a program such as `./NAME/bin/python`.

    What follows `#` is the folder, else the archive's own name is (`SparkContext.addArchive`).
    """
    parts = PurePosixPath(program).parts
    if program.startswith("/") or len(parts) < 2:
        return None
    for archive in to_sequence(configuration.get("spark.archives", "")):
        location, _, folder = archive.partition("#")
        if location.startswith("file:"):
            location = unquote("/" + location.removeprefix("file:").lstrip("/"))
        elif ":" in location:
            continue
        path = Path(location)
        if (folder or path.name) == parts[0] and path.is_file():
            return path
    return None


def _text(version: Version) -> str:
    return ".".join(map(str, version))
