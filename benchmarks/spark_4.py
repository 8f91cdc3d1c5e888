"""The Spark 4 that is measured: the one that tests download, unless another is given."""

from __future__ import annotations

import argparse
from pathlib import Path

from sparkmesos_core.spark.home import SparkHome, read_spark
from sparkmesos_core.spark.java import Java
from tests.integration.spark_releases import SPARK_4, spark_release
from tests.integration.spark_under_test import SparkUnderTest

WITHOUT_ARCHIVES = {"SPARKMESOS_CLASS_ARCHIVE": "off"}
"""What `submit` finds in its environment where it is to use no class-data archives, nor to make any."""


def add_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--spark-4`."""
    parser.add_argument(
        "--spark-4",
        metavar="SPARK_HOME",
        type=Path,
        help=f"the Spark 4 to measure [{SPARK_4}, which is downloaded if it is not in the tests' cache]",
    )


def spark_4_and_java(given: Path | None) -> tuple[SparkHome, Java]:
    """The Spark that `--spark-4` means, and a Java for it. Raises SparkMesosError."""
    home = spark_release(SPARK_4) if given is None else given
    spark = SparkUnderTest(read_spark(home, "--spark-4"))
    return spark.home, spark.java
