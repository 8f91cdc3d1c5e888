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
    from sparkmesos_core.bridge.kinds import is_untried, untried
    from sparkmesos_core.spark.home import find_spark, require_mesos
    from sparkmesos_core.spark.java import find_compiling_java

    environment = dict(terminal.environment)
    spark = find_spark(spark_home, environment)
    require_mesos(spark)
    if is_untried(spark.release):
        terminal.warn(untried(spark.version))
    java = find_compiling_java(spark, environment)
    write_bridge(output, spark.jars, java.executable, terminal.say)
    terminal.say(f"Wrote {output} for Spark {spark.version} (Scala {spark.scala_version}).")


@command.command("archive")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.jsa",
    help="Write one for executors, and FILE.jar beside it, on a machine or into an image that agents have; "
    "the archive that may be there is replaced.  "
    "[default: the one that submissions from here use]",
)
@options.spark_home
@click.pass_obj
def archive(terminal: Terminal, *, output: Path | None, spark_home: Path | None) -> None:
    """Make the archive of classes with which JVMs of a Spark 4 start sooner, and print its path.

    The second submission with a Spark makes one by itself. Executors of other machines take one that was made
    there, with the Spark and the Java that are there: name it in spark.mesos.executor.classArchive.
    """
    from sparkmesos_core.bridge.compile import ensure_bridge
    from sparkmesos_core.conf.spark_env import load_spark_env
    from sparkmesos_core.directories import cache_directory
    from sparkmesos_core.spark.home import find_spark
    from sparkmesos_core.spark.java import find_java
    from sparkmesos_core.submit.class_archives import made_archive, require_archives, written_archive

    spark = find_spark(spark_home, dict(terminal.environment))
    require_archives(spark)
    environment = load_spark_env(spark.path, terminal.environment).variables  # as submissions have it
    java = find_java(spark, environment)
    if output is not None:
        made = written_archive(output, spark, java, environment, terminal.say)
    else:
        folder = cache_directory(environment) / "bridge"
        bridge = ensure_bridge(spark.jars, java.executable, folder, terminal.say)
        made = made_archive(bridge, spark, java, environment, terminal.say)
    terminal.data(str(made.classes))
