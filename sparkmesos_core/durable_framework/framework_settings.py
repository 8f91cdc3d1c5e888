"""Settings that every durable framework has: read from options, variables and properties."""

from __future__ import annotations

import json
import os
import pwd
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypedDict, TypeVar

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.mesos_credentials import mesos_credentials
from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress, parse_zookeeper
from sparkmesos_core.errors import UsageError
from sparkmesos_core.http_service.access_token import read_token
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.master import EmbeddedMaster, MesosMaster, ZooKeeperMaster, parse_master
from sparkmesos_core.spark.home import SparkHome

DEFAULT_HOST = "127.0.0.1"
ZOOKEEPER_SESSION = "spark.mesos.dispatcher.zookeeper.sessionTimeout"

_FOR_EVER = 2147483647.0
"""Seconds for which Mesos keeps tasks of a framework that is gone, as for Spark's dispatcher: 68 years."""
_ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - to be recognised, not listened on

F = TypeVar("F", bound="FrameworkSettings")


@dataclass(frozen=True, kw_only=True)
class FrameworkSettings:
    """What a durable framework is told. Plain JSON values, some of them secret."""

    KIND: ClassVar[RecordKind[Any]]
    """That of what it keeps; it says what messages call it."""

    master: str = field(repr=False)
    """As `parse_master` takes it; it may hold a password. Empty where none is needed, and none was given."""
    properties: Mapping[str, str] = field(repr=False)
    """The effective ones."""
    user: str
    """Whom its tasks run as."""
    hostname: str
    """What the framework says of where it is."""
    host: str = DEFAULT_HOST
    port: int
    """Where it takes requests; 0 for a free port."""
    public_host: str = ""
    """SPARK_PUBLIC_DNS: by which name others reach this machine."""
    name: str
    """What Mesos calls it."""
    spark_home: str | None = None
    """Where agents have Spark, unless something else says, such as a property."""
    principal: str | None = None
    secret: str | None = field(default=None, repr=False)
    zookeeper: str | None = field(default=None, repr=False)
    """The servers that records are kept in, as --zk has them; None: they are kept in a database."""
    zookeeper_base: str | None = None
    """The node there that is theirs, if it is named."""
    zookeeper_session: float = 10.0
    """Seconds for which a process that ZooKeeper hears nothing of may lead."""
    token: str | None = field(default=None, repr=False)
    """What clients have to show, if anything."""

    def to_json(self) -> str:
        """All of it as text. It holds secrets: pass it through a pipe."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls: type[F], text: str) -> F:
        """The settings from the text that `to_json` made."""
        return cls(**json.loads(text))

    @property
    def parsed_master(self) -> MesosMaster | ZooKeeperMaster:
        """Where Mesos is. Raises MasterUrlError and UsageError."""
        return read_master(self.master, self.KIND.holder)

    @property
    def agents_are_here(self) -> bool:
        """Whether all agents are on this machine, to judge by the master. Raises as `parsed_master` does."""
        return is_local(self.parsed_master)

    @property
    def zookeeper_address(self) -> ZooKeeperAddress | None:
        """Where records are kept, if it is in ZooKeeper. Raises UsageError."""
        if self.zookeeper is None:
            return None
        return parse_zookeeper(self.zookeeper, self.zookeeper_base, self.KIND)

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def advertised_host(self) -> str:
        """The name to put into URLs that others shall follow."""
        if self.public_host:
            return self.public_host
        return socket.gethostname() if self.host in _ANY_ADDRESS else self.host

    def framework_info(self, webui_url: str) -> dict[str, Any]:
        """The FrameworkInfo of the v1 API, without an id (`MesosClusterScheduler.start`).

        Mesos keeps the framework for ever, and it has the role of `spark.mesos.role`.
        """
        info: dict[str, Any] = {
            "user": self.user,
            "name": self.name,
            "hostname": self.hostname,
            "webui_url": webui_url,
            "checkpoint": True,
            "failover_timeout": _FOR_EVER,
        }
        if role := self.properties.get("spark.mesos.role", "").strip():
            info["role"] = role
        if self.principal is not None:
            info["principal"] = self.principal
        return info


@dataclass(frozen=True, kw_only=True)
class StartOptions:
    """What the options of a command that starts one say, by their names; None: they were not given."""

    master: str | None = None
    host: str | None = None
    port: int | None = None
    name: str | None = None
    auth_token_file: Path | None = None


class ReadSettings(TypedDict):
    """The fields of `FrameworkSettings` that are read in the same way for all."""

    master: str
    properties: Mapping[str, str]
    user: str
    hostname: str
    public_host: str
    spark_home: str | None
    principal: str | None
    secret: str | None
    zookeeper: str | None
    zookeeper_base: str | None
    zookeeper_session: float
    token: str | None


def read_settings(
    configuration: Configuration,
    variables: Mapping[str, str],
    options: StartOptions,
    kind: RecordKind[Any],
    *,
    spark_home: str | None,
    installed_spark: SparkHome | None,
    needs_master: bool = True,
) -> ReadSettings:
    """What options, properties and variables say to every durable framework; reads the file of the token.

    `variables` are the environment after spark-env.sh, `spark_home` the Spark that was named for agents; if
    none was, and agents are on this machine, they have `installed_spark`, which is the one beside it. Without
    `needs_master` the master may be left out.

    Raises UsageError for what is missing or cannot be understood, MasterUrlError for the master.
    """
    if needs_master and not options.master:
        raise UsageError(
            f"The {kind.holder} has to know its Mesos master",
            hint="Give --master mesos://HOST:5050 or mesos://zk://HOST1:2181,HOST2:2181/mesos",
        )
    master = read_master(options.master, kind.holder) if options.master else None
    principal, secret = mesos_credentials(configuration)
    zookeeper, base = zookeeper_of(configuration, kind)
    configuration.typed("spark.mesos.role")
    if spark_home is None and master is not None and is_local(master) and installed_spark is not None:
        spark_home = str(installed_spark.path)
    # By which name others reach this machine.
    public_host = variables.get("SPARK_PUBLIC_DNS", "").strip()
    return ReadSettings(
        master=options.master or "",
        properties=dict(configuration),
        user=user_name(variables, kind.plural),
        hostname=public_host or configuration.get("spark.driver.host") or socket.gethostname(),
        public_host=public_host,
        spark_home=spark_home,
        principal=principal,
        secret=secret,
        zookeeper=zookeeper,
        zookeeper_base=base,
        zookeeper_session=float(configuration.typed(ZOOKEEPER_SESSION)),
        token=None if options.auth_token_file is None else read_token(options.auth_token_file),
    )


def read_master(text: str, holder: str) -> MesosMaster | ZooKeeperMaster:
    """Where Mesos is, if a durable framework can go there; `holder` is what it is called.

    Raises MasterUrlError, or UsageError if it cannot.
    """
    master = parse_master(text)
    if isinstance(master, EmbeddedMaster):
        raise UsageError(
            f"A {holder} needs a Mesos that is there before it and after it",
            hint="Run `sparkmesos start-local-cluster`, and give --master what that prints.",
        )
    if isinstance(master, MesosMaster) and master.scheme == "https":
        raise UsageError(
            f"A {holder} cannot speak to {master}: pymesos does not speak https",
            hint="Run it where the master can be reached over http.",
        )
    return master


def is_local(master: MesosMaster | ZooKeeperMaster) -> bool:
    """Whether all agents are on this machine, to judge by the master."""
    hosts = master.servers if isinstance(master, ZooKeeperMaster) else master.hosts
    return all(is_loopback(one.host) for one in hosts)


def zookeeper_of(configuration: Configuration, kind: RecordKind[Any]) -> tuple[str | None, str | None]:
    """The servers that keep the records, if any do, and the node there if it is named.

    By `spark.deploy.recoveryMode`, `spark.deploy.zookeeper.url` and `.dir`, for `parse_zookeeper`. Raises
    UsageError.
    """
    base = configuration.get("spark.deploy.zookeeper.dir") or None
    if configuration.typed("spark.deploy.recoveryMode").upper() != "ZOOKEEPER":
        return None, base
    servers = configuration.get("spark.deploy.zookeeper.url", "").strip()
    if not servers:
        raise UsageError(
            "spark.deploy.recoveryMode is ZOOKEEPER, but nothing says where that is",
            hint="Give --zk HOST1:2181,HOST2:2181, or set spark.deploy.zookeeper.url to that.",
        )
    parse_zookeeper(servers, base, kind)  # a mistake in them is said here
    return servers, base


def user_name(variables: Mapping[str, str], tasks: str) -> str:
    """Whom tasks run as: SPARK_USER or HADOOP_USER_NAME, else who we are; `tasks` is what they are called.

    Who we are does not depend on USER, which `su` and `sudo -E` leave alone (`Utils.getCurrentUserName`).
    Where this user's number has no name, as in containers, LOGNAME or USER may give one. Raises UsageError
    for a user without a name.
    """
    if named := variables.get("SPARK_USER") or variables.get("HADOOP_USER_NAME"):
        return named
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError as error:
        if named := variables.get("LOGNAME") or variables.get("USER"):
            return named
        raise UsageError(
            f"This user has no name to run {tasks} as", hint="Set SPARK_USER to one that agents have."
        ) from error


def port_of(given: int | None, variables: Mapping[str, str], variable: str, default: int) -> int:
    """An option's port, else that of a variable, else the default. Raises UsageError for the variable."""
    return number_in(variables, variable, default, range(65536)) if given is None else given


def number_in(variables: Mapping[str, str], variable: str, default: int, allowed: range) -> int:
    """A variable's whole number, the default without one. Raises UsageError if it is not in the range."""
    text = variables.get(variable, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) not in allowed:
        raise UsageError(
            f"{variable}={text} is not a whole number from {allowed.start} to {allowed.stop - 1}",
            hint="Correct it, or unset it.",
        )
    return int(text)
