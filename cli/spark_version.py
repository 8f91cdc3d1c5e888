"""What `--version` of a command that becomes one of Spark's programs prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.errors import SparkNotFoundError

if TYPE_CHECKING:
    from .terminal import Terminal


def show_version(terminal: Terminal, spark_home: Path | None, environment: Mapping[str, str]) -> None:
    """Prints the versions of sparkmesos and Spark; without Spark a warning, unless one was asked for.

    Raises SparkNotFoundError.
    """
    from sparkmesos_core import __version__
    from sparkmesos_core.spark.home import find_spark

    terminal.data(f"sparkmesos {__version__}")
    try:
        spark = find_spark(spark_home, environment)
    except SparkNotFoundError as error:
        if spark_home is not None or environment.get("SPARK_HOME"):
            raise
        terminal.warn(error.message)
        return
    # Scripts look for the word in front of the number, as Spark's own spark-submit prints both.
    terminal.data(
        f"Spark version {spark.version}, Scala version {spark.scala_version} ({spark.path}, {spark.origin})"
    )
