"""What a small application of a real Spark that lives for seconds is submitted with; and its JVMs, a third less CPU of which
goes into compiling so.
"""

from __future__ import annotations

from collections.abc import Mapping

JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SHORT_LIVED = {"spark.driver.extraJavaOptions": JVM, "spark.executor.extraJavaOptions": JVM}
SMALL = {
    "spark.executor.cores": "1",
    "spark.executor.memory": "512m",
    "spark.driver.memory": "512m",
    "spark.ui.enabled": "false",
    **SHORT_LIVED,
}
"""Executors of one core and 512 MB."""


def as_options(properties: Mapping[str, str]) -> list[str]:
    """The same for the command line of spark-submit."""
    return [part for name, value in properties.items() for part in ("--conf", f"{name}={value}")]


SHORT_LIVED_OPTIONS = tuple(as_options(SHORT_LIVED))
SMALL_OPTIONS = tuple(as_options(SMALL))
