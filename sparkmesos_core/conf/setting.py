"""Settings: properties with their values, and where each of them was made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Source(Enum):
    """The kinds of places that a setting can come from."""

    OPTION = "option"
    """An option of the command line that means a property, such as --driver-memory."""
    CONF = "conf"
    """--conf on the command line."""
    SPARKMESOS = "sparkmesos"
    """sparkmesos' own: a SPARKMESOS_* variable or its settings file."""
    JAVA_OPTIONS = "java-options"
    """A -Dspark.… in a variable that holds options of a JVM, such as SPARK_DAEMON_JAVA_OPTS."""
    FILE = "file"
    """A properties file: --properties-file, or spark-defaults.conf."""
    VARIABLE = "variable"
    """An environment variable that Spark reads where no property is set, such as SPARK_EXECUTOR_URI."""
    DEFAULT = "default"
    """Spark's own default."""


@dataclass(frozen=True)
class Origin:
    """Where a setting was made, precisely enough to go there and change it."""

    source: Source
    name: str
    """The option, the variable, or the path of the file."""
    line: int | None = None
    """The line of the file, from 1, where the setting begins."""
    script: str = ""
    """For a variable: the spark-env.sh that set it; empty if it was in the environment before."""

    def __str__(self) -> str:
        """As people point at it: `FILE:LINE`, `--conf`, `SPARK_EXECUTOR_URI (set by FILE)`."""
        place = self.name if self.line is None else f"{self.name}:{self.line}"
        return f"{place} (set by {self.script})" if self.script else place


@dataclass(frozen=True)
class Setting:
    """One property as one place sets it. The value is the text as Spark would see it."""

    key: str
    value: str
    origin: Origin


def place_record(origin: Origin) -> dict[str, Any]:
    """The place of a setting as JSON."""
    return {
        "source": origin.source.value,
        "name": origin.name,
        "line": origin.line,
        "script": origin.script or None,
    }
