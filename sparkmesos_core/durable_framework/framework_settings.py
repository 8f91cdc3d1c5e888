"""Settings that every durable framework has: read from options, variables and properties."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping
from typing import Any

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.durable_framework.store.zookeeper_address import parse_zookeeper
from sparkmesos_core.errors import UsageError
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.master import EmbeddedMaster, MesosMaster, ZooKeeperMaster, parse_master

_FOR_EVER = 2147483647.0
"""Seconds for which Mesos keeps tasks of a framework that is gone, as for Spark's dispatcher: 68 years."""
_ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - to be recognised, not listened on


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


def framework_info(
    properties: Mapping[str, str],
    *,
    user: str,
    name: str,
    hostname: str,
    webui_url: str,
    principal: str | None,
) -> dict[str, Any]:
    """A FrameworkInfo of the v1 API without an id, which Mesos keeps for ever: `MesosClusterScheduler`.

    Its role is `spark.mesos.role`.
    """
    info: dict[str, Any] = {
        "user": user,
        "name": name,
        "hostname": hostname,
        "webui_url": webui_url,
        "checkpoint": True,
        "failover_timeout": _FOR_EVER,
    }
    if role := properties.get("spark.mesos.role", "").strip():
        info["role"] = role
    if principal is not None:
        info["principal"] = principal
    return info


def agreed_of(info: Mapping[str, Any], *names: str) -> dict[str, str]:
    """What of a FrameworkInfo all processes that may go on with the framework have to have the same."""
    return {name: str(info.get(name, "")) for name in names}


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


def public_host_of(variables: Mapping[str, str]) -> str:
    """SPARK_PUBLIC_DNS: by which name others reach this machine; empty if nobody says."""
    return variables.get("SPARK_PUBLIC_DNS", "").strip()


def hostname_of(configuration: Configuration, public_host: str) -> str:
    """What a framework says of where it is."""
    return public_host or configuration.get("spark.driver.host") or socket.gethostname()


def advertised_host(host: str, public_host: str) -> str:
    """The name to put into URLs that others shall follow, of a server that listens on `host`."""
    if public_host:
        return public_host
    return socket.gethostname() if host in _ANY_ADDRESS else host


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
