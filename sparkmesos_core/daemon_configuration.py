"""The configuration of a daemon, read from this machine: Spark, spark-env.sh, the properties file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.client_configuration import find_optional_spark, find_properties_file
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.java_properties import read_properties_file
from sparkmesos_core.conf.precedence import daemon_configuration
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.setting import Setting
from sparkmesos_core.conf.spark_env import SparkEnv, load_spark_env
from sparkmesos_core.spark.home import SparkHome

CLASSES = {
    Reader.DISPATCHER: "org.apache.spark.deploy.mesos.MesosClusterDispatcher",
    Reader.SHUFFLE_SERVICE: "org.apache.spark.deploy.mesos.MesosExternalShuffleService",
}
"""What Spark's daemons are called: spark-env.sh sees it, and log and pid files are named for it."""


@dataclass(frozen=True)
class DaemonConfiguration:
    """What a daemon finds on this machine."""

    spark: SparkHome | None
    """The Spark to use; None if there is none."""
    env: SparkEnv
    """The environment after spark-env.sh."""
    configuration: Configuration
    properties_file: Path | None
    """The properties file that was read; None if there is none."""


def read_daemon_configuration(
    daemon: Reader,
    *,
    options: Sequence[Setting] = (),
    conf: Sequence[Setting] = (),
    own: Sequence[Setting] = (),
    properties_file: str | None = None,
    spark_home: Path | None,
    environment: Mapping[str, str],
) -> DaemonConfiguration:
    """Finds Spark, sources spark-env.sh and reads the properties file, as `sbin/spark-daemon.sh` has it done.

    `daemon` is Reader.DISPATCHER or Reader.SHUFFLE_SERVICE, `properties_file` the one that was named, and
    `spark_home` the Spark that was. Raises SparkNotFoundError if that is none, UsageError for what cannot be
    read or understood, and TimedOutError if spark-env.sh does not come to its end.
    """
    spark = find_optional_spark(spark_home, environment)
    home = spark.path if spark is not None else None
    env = load_spark_env(home, environment, arguments=(CLASSES[daemon],))
    file = find_properties_file(properties_file, home, env.variables)
    configuration = daemon_configuration(
        daemon,
        options=options,
        conf=conf,
        own=own,
        file=read_properties_file(file) if file is not None else (),
        env=env,
    )
    return DaemonConfiguration(spark, env, configuration, file)
