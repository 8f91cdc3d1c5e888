"""What a shuffle service on this machine is started with: its class, its properties and its environment.

The class takes no arguments. It reads spark-defaults.conf of SPARK_CONF_DIR
(`Utils.loadDefaultSparkProperties`), which gives way to -Dspark.… of its JVM.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sparkmesos_core.conf.editing.properties_edit import format_property
from sparkmesos_core.conf.java_properties import parse_properties
from sparkmesos_core.conf.process_limits import NO_LIMITS, ProcessLimits
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.setting import Source
from sparkmesos_core.conf.values.java_options import definitions, join_options, split_options
from sparkmesos_core.conf.values.sizes import parse_mebibytes
from sparkmesos_core.daemon_configuration import CLASSES, DaemonConfiguration
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import printable
from sparkmesos_core.shuffle_service.spark_4 import start_words
from sparkmesos_core.spark.home import SparkHome, require_mesos
from sparkmesos_core.spark.java import Java

CLASS = CLASSES[Reader.SHUFFLE_SERVICE]
_DEFAULT_HEAP = "1g"
"""Spark's own (`SparkClassCommandBuilder`)."""
_JAVA_OPTIONS = ("SPARK_DAEMON_JAVA_OPTS", "SPARK_SHUFFLE_OPTS")


@dataclass(frozen=True)
class ServiceSettings:
    """A shuffle service that is to be started."""

    spark_class: Path
    """Spark's `bin/spark-class`."""
    properties: Mapping[str, str] = field(repr=False)
    """All that it is configured with. They may hold secrets."""
    variables: Mapping[str, str] = field(repr=False)
    """Its environment, but for SPARK_CONF_DIR."""
    conf_dir: Path | None
    """The configuration folder whose other files it reads; None if there is none."""
    host: str
    """What this machine is called."""
    port: int
    """Where it is to listen; 0 for a free port."""
    authenticates: bool
    """Whether executors have to know a secret."""
    limits: ProcessLimits = NO_LIMITS
    """The umask and the limits it gets."""
    bridge: Path | None = None
    """The jar with the service for a Spark 4; None for a Spark that has its own."""

    @property
    def command(self) -> list[str]:
        """The program that becomes the service, with its arguments."""
        return [str(self.spark_class), CLASS] if self.bridge is None else start_words(str(self.bridge))

    @property
    def heap(self) -> int:
        """MiB that it may take for its heap. Raises UsageError for what is no size."""
        # As -Xmx has it, which it becomes: a bare number means bytes.
        return parse_mebibytes(self.variables.get("SPARK_DAEMON_MEMORY") or _DEFAULT_HEAP, bare="b")

    def properties_text(self) -> str:
        """Its spark-defaults.conf. Raises UsageError for a name that could not stand there."""
        text = "".join(f"{format_property(key, self.properties[key])}\n" for key in sorted(self.properties))
        understood = {setting.key for setting in parse_properties(text, "spark-defaults.conf")}
        for key in self.properties:
            if key not in understood:
                raise UsageError(
                    f"{printable(key)} is no name of a property", hint="Names have no blanks, and no = or :."
                )
        return text


def make_settings(
    read: DaemonConfiguration, spark: SparkHome, java: Java, bridge: Path | None = None
) -> ServiceSettings:
    """What a configuration means to the service. A Spark 4 needs the `bridge` that is made for it.

    Raises SparkNotFoundError for a Spark without Mesos or without bin/spark-class, and UsageError for values
    that it could not use.
    """
    require_mesos(spark)
    configuration, variables = read.configuration, read.env.variables
    # Variables that are read where a property is used are handed on as such.
    properties = {
        key: setting.value
        for key in configuration
        if (setting := configuration.setting(key)) is not None
        and setting.origin.source is not Source.VARIABLE
    }
    changed = {
        name: without_spark_properties(variables[name]) for name in _JAVA_OPTIONS if variables.get(name)
    }
    conf_dir = variables.get("SPARK_CONF_DIR")
    return ServiceSettings(
        spark_class=spark.program("spark-class"),
        properties=properties,
        variables={
            **variables,
            **changed,
            "SPARK_HOME": str(spark.path),
            "JAVA_HOME": str(java.home),
            # spark-env.sh has been sourced: it may do what must not be done twice.
            "SPARK_ENV_LOADED": "1",
        },
        conf_dir=Path(conf_dir).absolute() if conf_dir else None,
        host=variables.get("SPARK_LOCAL_HOSTNAME") or socket.gethostname(),
        port=configuration.typed("spark.shuffle.service.port"),
        authenticates=configuration.typed("spark.authenticate"),
        limits=read.env.limits,
        bridge=bridge,
    )


def without_spark_properties(options: str) -> str:
    """Options of a JVM without -Dspark.…, which stand in the properties file: there no `ps` shows them.

    They would also win over what --conf says. Raises UsageError for a quote that is never closed.
    """
    spark = {key for key, _ in definitions(options) if key.startswith("spark.")}
    if not spark:
        return options
    return join_options(
        option
        for option in split_options(options)
        if not (option.startswith("-D") and option[2:].partition("=")[0] in spark)
    )
