"""`sparkmesos bridge`."""

from __future__ import annotations

from pathlib import Path

import click

from . import options
from .terminal import Terminal


@click.group("bridge")
def command() -> None:
    """The bridge that lets Spark speak to Mesos over HTTP, without libmesos."""


@command.command("build")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="JAR",
    help="Where to write it; an existing file is replaced.",
)
@options.spark_home
@click.pass_obj
def build(terminal: Terminal, *, output: Path, spark_home: Path | None) -> None:
    """Compile the bridge for a Spark and write it to a JAR.

    Put it first on the driver's class path (--driver-class-path JAR) to run Spark's own tools with it. Those
    of Spark 4 then take --master spark+mesos://HOST:5050.
    """
    from sparkmesos_core.bridge.compile import write_bridge
    from sparkmesos_core.spark.home import find_spark, require_mesos
    from sparkmesos_core.spark.java import find_compiling_java

    environment = dict(terminal.environment)
    spark = find_spark(spark_home, environment)
    require_mesos(spark)
    java = find_compiling_java(spark, environment)
    write_bridge(output, spark.jars, java.executable, terminal.say)
    terminal.say(f"Wrote {output} for Spark {spark.version} (Scala {spark.scala_version}).")
