"""Everything that a dispatcher is told: made of its configuration, and handed to its process as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.mesos_credentials import mesos_credentials
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.drivers.limits import Limits
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.rest.answers import SPARK_VERSION
from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.durable_framework.framework_settings import (
    advertised_host,
    framework_info,
    hostname_of,
    is_local,
    number_in,
    port_of,
    public_host_of,
    read_master,
    user_name,
    zookeeper_of,
)
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress, parse_zookeeper
from sparkmesos_core.errors import UsageError
from sparkmesos_core.http_service.access_token import read_token
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.master import MesosMaster, ZooKeeperMaster
from sparkmesos_core.network_failures import check_ca_file
from sparkmesos_core.spark.home import SparkHome

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7077
DEFAULT_WEBUI_PORT = 8081
DEFAULT_NAME = "Spark Cluster"

BRIDGE_URI = "spark.mesos.dispatcher.bridge.uri"
ZOOKEEPER_SESSION = "spark.mesos.dispatcher.zookeeper.sessionTimeout"

_LIMITS = {
    "max_drivers": "spark.mesos.maxDrivers",
    "max_queued": "spark.mesos.maxQueuedDrivers",
    "retained": "spark.mesos.retainedDrivers",
    "longest_wait": "spark.mesos.cluster.retry.wait.max",
    "refuse_seconds": "spark.mesos.rejectOfferDuration",
}


@dataclass(frozen=True)
class DispatcherSettings:
    """What a dispatcher is told. Plain JSON values, some of them secret."""

    master: str = field(repr=False)
    """As `parse_master` takes it; it may hold a password."""
    database: str
    """The file that drivers are kept in, unless they are in ZooKeeper."""
    properties: Mapping[str, str] = field(repr=False)
    """The effective ones."""
    user: str
    """Whom drivers run as."""
    hostname: str
    """What the framework says of where it is."""
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    webui_port: int = DEFAULT_WEBUI_PORT
    """Both 0 for a free one."""
    public_host: str = ""
    """SPARK_PUBLIC_DNS: by which name others reach this machine."""
    name: str = DEFAULT_NAME
    limits: Mapping[str, Any] = field(default_factory=dict)
    """The fields of `Limits` that are set."""
    spark_home: str | None = None
    """Where agents have Spark, unless a property or a submission says."""
    spark_version: str = SPARK_VERSION
    """What REST says of the server: that of the Spark that is installed beside it, if there is one."""
    principal: str | None = None
    secret: str | None = field(default=None, repr=False)
    zookeeper: str | None = field(default=None, repr=False)
    """The servers that drivers are kept in, as --zk has them; None: they are kept in a database."""
    zookeeper_base: str | None = None
    """The node there that is theirs, if it is named."""
    zookeeper_session: float = 10.0
    """Seconds for which a dispatcher that ZooKeeper hears nothing of may lead."""
    token: str | None = field(default=None, repr=False)
    """What clients have to show, if anything."""
    tls_certificate: str | None = None
    tls_key: str | None = None
    ca_file: str | None = None
    """Whom to trust besides where agents speak https."""

    def to_json(self) -> str:
        """All of it as text. It holds secrets: pass it through a pipe."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DispatcherSettings:
        """The settings from the text that `to_json` made."""
        return cls(**json.loads(text))

    # What the parts of a dispatcher are given.

    @property
    def parsed_master(self) -> MesosMaster | ZooKeeperMaster:
        """Where Mesos is. Raises MasterUrlError and UsageError."""
        return read_master(self.master, DRIVERS.holder)

    @property
    def driver_limits(self) -> Limits:
        """How many drivers, and how patient."""
        return Limits(**self.limits)

    @property
    def rules(self) -> Rules:
        """How submissions are judged. Raises UsageError."""
        return Rules.from_properties(self.properties, spark_home=self.spark_home)

    @property
    def zookeeper_address(self) -> ZooKeeperAddress | None:
        """Where drivers are kept, if it is in ZooKeeper. Raises UsageError."""
        return (
            None if self.zookeeper is None else parse_zookeeper(self.zookeeper, self.zookeeper_base, DRIVERS)
        )

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
        info = framework_info(
            self.properties,
            user=self.user,
            name=self.name,
            hostname=self.hostname,
            webui_url=self.properties.get("spark.mesos.dispatcher.webui.url") or webui_url,
            principal=self.principal,
        )
        if int(self.properties.get("spark.mesos.gpus.max") or 0) > 0:
            info["capabilities"] = [{"type": "GPU_RESOURCES"}]
        return info

    @property
    def agents_are_here(self) -> bool:
        """Whether all agents are on this machine, to judge by the master."""
        return is_local(self.parsed_master)

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def advertised_host(self) -> str:
        """The name to put into URLs that others shall follow."""
        return advertised_host(self.host, self.public_host)


@dataclass(frozen=True)
class DispatcherOptions:
    """What the options of `start-dispatcher` say, by their names; None: they were not given."""

    master: str | None = None
    host: str | None = None
    port: int | None = None
    webui_port: int | None = None
    name: str | None = None
    auth_token_file: Path | None = None
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
    master = options.master
    if not master:
        raise UsageError(
            "The dispatcher has to know its Mesos master",
            hint="Give --master mesos://HOST:5050 or mesos://zk://HOST1:2181,HOST2:2181/mesos",
        )
    parsed = read_master(master, DRIVERS.holder)
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
    principal, secret = mesos_credentials(configuration)
    zookeeper, base = zookeeper_of(configuration, DRIVERS)
    limits = {
        field_name: configuration.typed(key) for field_name, key in _LIMITS.items() if key in configuration
    }
    configuration.typed("spark.mesos.role")
    configuration.typed("spark.mesos.gpus.max")
    if spark_home is None and is_local(parsed) and installed_spark is not None:
        spark_home = str(installed_spark.path)
    public_host = public_host_of(variables)
    settings = DispatcherSettings(
        master=master,
        database=str(database),
        properties=dict(configuration),
        user=user_name(variables, DRIVERS.plural),
        hostname=hostname_of(configuration, public_host),
        host=options.host or variables.get("SPARK_MESOS_DISPATCHER_HOST") or DEFAULT_HOST,
        port=port_of(options.port, variables, "SPARK_MESOS_DISPATCHER_PORT", DEFAULT_PORT),
        webui_port=DEFAULT_WEBUI_PORT if options.webui_port is None else options.webui_port,
        public_host=public_host,
        name=options.name or DEFAULT_NAME,
        limits=limits,
        spark_home=spark_home,
        spark_version=SPARK_VERSION if installed_spark is None else installed_spark.version,
        principal=principal,
        secret=secret,
        zookeeper=zookeeper,
        zookeeper_base=base,
        zookeeper_session=float(configuration.typed(ZOOKEEPER_SESSION)),
        token=None if options.auth_token_file is None else read_token(options.auth_token_file),
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
