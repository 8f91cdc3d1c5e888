"""Everything that a dispatcher is told: made of its configuration, and handed to its process as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.drivers.limits import Limits
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.rest.answers import SPARK_VERSION
from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.durable_framework.framework_settings import (
    DEFAULT_HOST,
    FrameworkSettings,
    StartOptions,
    number_in,
    port_of,
    read_settings,
)
from sparkmesos_core.errors import UsageError
from sparkmesos_core.master import MesosMaster
from sparkmesos_core.network_failures import check_ca_file
from sparkmesos_core.spark.home import SparkHome

DEFAULT_PORT = 7077
DEFAULT_WEBUI_PORT = 8081
DEFAULT_NAME = "Spark Cluster"

BRIDGE_URI = "spark.mesos.dispatcher.bridge.uri"

_LIMITS = {
    "max_drivers": "spark.mesos.maxDrivers",
    "max_queued": "spark.mesos.maxQueuedDrivers",
    "retained": "spark.mesos.retainedDrivers",
    "longest_wait": "spark.mesos.cluster.retry.wait.max",
    "refuse_seconds": "spark.mesos.rejectOfferDuration",
}


@dataclass(frozen=True, kw_only=True)
class DispatcherSettings(FrameworkSettings):
    """What a dispatcher is told, besides what every framework is; its tasks are drivers."""

    KIND = DRIVERS

    database: str
    """The file that drivers are kept in, unless they are in ZooKeeper."""
    port: int = DEFAULT_PORT
    webui_port: int = DEFAULT_WEBUI_PORT
    """0 for a free one, too."""
    name: str = DEFAULT_NAME
    limits: Mapping[str, Any] = field(default_factory=dict)
    """The fields of `Limits` that are set."""
    spark_version: str = SPARK_VERSION
    """What REST says of the server: that of the Spark that is installed beside it, if there is one."""
    tls_certificate: str | None = None
    tls_key: str | None = None
    ca_file: str | None = None
    """Whom to trust besides where agents speak https."""

    # What the parts of a dispatcher are given.

    @property
    def driver_limits(self) -> Limits:
        """How many drivers, and how patient."""
        return Limits(**self.limits)

    @property
    def rules(self) -> Rules:
        """How submissions are judged. Raises UsageError."""
        return Rules.from_properties(self.properties, spark_home=self.spark_home)

    def cluster(self, leader: str | None = None) -> Cluster:
        """What drivers are launched with. `leader` is the leading master, where masters stand in a list.

        Drivers can be told of one master only: a Spark with libmesos understands no list.
        """
        master = self.parsed_master
        if isinstance(master, MesosMaster):
            text = leader if leader is not None and len(master.hosts) > 1 else str(master.hosts[0])
        else:
            text = master.spark_url.removeprefix("mesos://")
        return Cluster(
            master=text,
            properties=self.properties,
            spark_home=self.properties.get("spark.home") or self.spark_home,
            bridge_uri=self.properties.get(BRIDGE_URI) or None,
        )

    def framework_info(self, webui_url: str) -> dict[str, Any]:
        """The FrameworkInfo of the v1 API, without an id (`MesosClusterScheduler.start`)."""
        info = super().framework_info(self.properties.get("spark.mesos.dispatcher.webui.url") or webui_url)
        if int(self.properties.get("spark.mesos.gpus.max") or 0) > 0:
            info["capabilities"] = [{"type": "GPU_RESOURCES"}]
        return info


@dataclass(frozen=True, kw_only=True)
class DispatcherOptions(StartOptions):
    """What the options of `start-dispatcher` say, by their names; None: they were not given."""

    webui_port: int | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    ca_file: Path | None = None


def make_settings(
    configuration: Configuration,
    variables: Mapping[str, str],
    options: DispatcherOptions,
    *,
    database: Path,
    spark_home: str | None = None,
    installed_spark: SparkHome | None = None,
) -> DispatcherSettings:
    """The settings that options, properties and variables make together; reads the file of the token.

    `variables` are the environment after spark-env.sh, `spark_home` the Spark that was named for agents; if
    none was, agents on this machine have `installed_spark`, which is the one beside the dispatcher.

    Raises UsageError for what is missing, contradicts itself or cannot be understood, MasterUrlError for the
    master.
    """
    read = read_settings(
        configuration,
        variables,
        options,
        DRIVERS,
        spark_home=spark_home,
        installed_spark=installed_spark,
    )
    if "spark.authenticate.secret" in configuration:
        raise UsageError(
            "A dispatcher does not start with spark.authenticate.secret: its protocol has no place for it",
            hint="Give it a properties file without it (--properties-file). "
            "To let in only those who are meant, see --auth-token-file.",
        )
    if options.tls_key is not None and options.tls_cert is None:
        raise UsageError("--tls-key is given without --tls-cert", hint="Give both, or none.")
    if options.ca_file is not None:
        check_ca_file(options.ca_file)
    limits = {
        field_name: configuration.typed(key) for field_name, key in _LIMITS.items() if key in configuration
    }
    configuration.typed("spark.mesos.gpus.max")
    settings = DispatcherSettings(
        **read,
        database=str(database),
        host=options.host or variables.get("SPARK_MESOS_DISPATCHER_HOST") or DEFAULT_HOST,
        port=port_of(options.port, variables, "SPARK_MESOS_DISPATCHER_PORT", DEFAULT_PORT),
        webui_port=DEFAULT_WEBUI_PORT if options.webui_port is None else options.webui_port,
        name=options.name or DEFAULT_NAME,
        limits=limits,
        spark_version=SPARK_VERSION if installed_spark is None else installed_spark.version,
        tls_certificate=_absolute(options.tls_cert),
        tls_key=_absolute(options.tls_key),
        ca_file=_absolute(options.ca_file),
    )
    if settings.port == settings.webui_port != 0:
        raise UsageError(
            f"REST and the web UI cannot have the same port, {settings.port}",
            hint="Change --port or --webui-port; 0 takes a free one.",
        )
    _ = settings.rules  # a mistake in them is said here
    return settings


def instance_number(given: int | None, variables: Mapping[str, str]) -> int:
    """Which of this machine's dispatchers it is: the option's number, else SPARK_MESOS_DISPATCHER_NUM's.

    Raises UsageError.
    """
    if given is not None:
        return given
    return number_in(variables, "SPARK_MESOS_DISPATCHER_NUM", 1, range(1, 1_000_000))


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())
