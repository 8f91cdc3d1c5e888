"""The server of Spark Connect: what it needs, where it listens, and who may reach it there.

Sources: `sbin/start-connect-server.sh`; `SparkConnectServer`, `SparkConnectService.startGRPCService` and
`config/Connect.scala` of Spark's `sql/connect/server`; `SparkConnectPlanner.pythonExec`.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Mapping

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.errors import DaemonError, SparkNotFoundError, UsageError
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.quoting import quoted
from sparkmesos_core.spark.argument_checks import java_int
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.submit.driver_python import configured
from sparkmesos_core.submit.launch import Program

ADDRESS = "spark.connect.grpc.binding.address"
PORT = "spark.connect.grpc.binding.port"
RETRIES = "spark.connect.grpc.port.maxRetries"
TOKEN = "spark.connect.authenticate.token"  # noqa: S105 - a name
TOKEN_VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"  # noqa: S105 - a name
INTERCEPTORS = "spark.connect.grpc.interceptor.classes"
DEFAULT_PORT = 15002
JAR = "spark-connect_"
"""How the name of the jar begins that the server is in."""

_ANNOUNCEMENT = "org.sparkmesos.backend.ConnectAnnouncement"
_LISTENERS = "spark.extraListeners"
_WHERE_JARS_ARE_NAMED = ("spark.jars.packages", "spark.jars", "spark.driver.extraClassPath")
_WORKERS_PYTHON = "spark.pyspark.python"
_FIRST = (3, 4)
_FIRST_WITH_TOKEN = (4, 0)
"""The first with `ADDRESS`, `RETRIES` and `TOKEN`, that comes with the server, and tells of its start."""


def require_server(spark: SparkHome, configuration: Mapping[str, str]) -> None:
    """Raises SparkNotFoundError if this Spark has no such server, and is not told where to get one."""
    place = f"{spark.path} ({spark.origin})"
    if spark.release < _FIRST:
        raise SparkNotFoundError(
            f"Spark {spark.version} in {place} has no Spark Connect, which came with Spark 3.4",
            hint="Use a newer Spark: point SPARK_HOME or --spark-home to it.",
        )
    if any(spark.jars.glob(f"{JAR}*.jar")):
        return
    if spark.release >= _FIRST_WITH_TOKEN:
        raise SparkNotFoundError(
            f"The Spark in {place} comes without Spark Connect (it has no jars/{JAR}*.jar)",
            hint="Use an official release of Spark: unpack it, and point SPARK_HOME or --spark-home to it.",
        )
    package = f"{JAR.removesuffix('_')}_{spark.scala_version}"
    if not any(JAR.removesuffix("_") in configuration.get(key, "") for key in _WHERE_JARS_ARE_NAMED):
        raise SparkNotFoundError(
            f"The server of Spark Connect is a package of its own with Spark {spark.version} ({place})",
            hint=f"Add --packages org.apache.spark:{package}:{spark.version}, which Spark downloads, "
            f"or --jars with the path of {package}-{spark.version}.jar.",
        )


def server_program(
    spark: SparkHome,
    configuration: Configuration,
    environment: Mapping[str, str],
    first: tuple[str, ...],
) -> Program:
    """The program that is the server in the foreground; `first` stands in front of the user's options.

    Its process is the JVM itself: a signal ends it as it ends an application.
    """
    variables: dict[str, str] = {}
    # The server does not read the property, and passes on the driver's Python if the variable is missing:
    # a path of this machine, which agents need not have.
    setting = configured(configuration, _WORKERS_PYTHON)
    python = setting.value if setting is not None and setting.value else environment.get("PYSPARK_PYTHON")
    variables["PYSPARK_PYTHON"] = python or "python3"
    options: tuple[str, ...] = ()
    if spark.release >= _FIRST_WITH_TOKEN:
        variables["SPARK_CONNECT_MODE"] = "0"  # as its script has it: the server is no client of another one
        theirs = configuration.get(_LISTENERS)
        options = ("--conf", f"{_LISTENERS}={','.join(filter(None, (theirs, _ANNOUNCEMENT)))}")
    return Program("spark-submit", first=first, options=options, variables=variables)


def exposure(
    configuration: Configuration, environment: Mapping[str, str], spark: SparkHome | None
) -> Iterator[Finding]:
    """What is to be said about who may use the server: whoever does runs code as the user that it runs as."""
    has_token = spark is None or spark.release >= _FIRST_WITH_TOKEN
    address = configuration.get(ADDRESS, "") if has_token else ""
    if is_loopback(address) or configuration.get(INTERCEPTORS):
        return
    # An empty one, as of a command that failed in $(...), protects from nobody.
    if has_token and configuration.get(TOKEN, environment.get(TOKEN_VARIABLE, "")).strip():
        return
    where = f"at {quoted(address)}" if address else "at all addresses of this machine"
    hint = (
        f"Set {ADDRESS}=127.0.0.1 if clients are on this machine only, or {TOKEN_VARIABLE} in the "
        "environment of the server and of its clients."
        if has_token
        else f"Let a firewall keep others away, or name an interceptor that authenticates in {INTERCEPTORS}."
    )
    yield Finding(
        "connect-server-is-open",
        Severity.WARNING,
        f"the server listens {where} and asks nobody who they are: whoever reaches its port "
        "runs code as you do, here and on the agents",
        hint,
        ADDRESS,
        setting.origin if address and (setting := configuration.setting(ADDRESS)) is not None else None,
    )


def check_port(configuration: Mapping[str, str], spark: SparkHome | None) -> None:
    """Looks whether the server can listen where it is to, which is better known before executors start.

    Raises DaemonError if the port is in use, or may not be used, and UsageError if the address is none of
    this machine. Nothing if Spark would go on to another port, or the values are not for us to understand.
    """
    own = spark is None or spark.release >= _FIRST_WITH_TOKEN
    address = configuration.get(ADDRESS, "") if own else ""
    port = java_int(configuration.get(PORT, str(DEFAULT_PORT)))
    retries = java_int(configuration.get(RETRIES, "0")) if own else 0
    if port is None or not 0 <= port <= 65535:
        return
    try:
        found = socket.getaddrinfo(address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"{ADDRESS} {quoted(address)} cannot be resolved: {reason}",
            hint="Give a name or address of this machine, or leave it out for all of them.",
        ) from error
    family, kind, protocol, _, where = min(found, key=lambda one: one[0] != socket.AF_INET)
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Netty's are
        try:
            trial.bind(where)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise UsageError(
                    f"{ADDRESS} {quoted(address)} is not an address of this machine",
                    hint="Give one that is, or leave it out for all of them.",
                ) from error
            if retries:
                return
            problem = (
                f"Port {port} is in use"
                if error.errno == errno.EADDRINUSE
                else f"Port {port} cannot be had ({error.strerror})"
            )
            raise DaemonError(
                f"{problem}{f' at {address}' if address else ''}, where the server would listen",
                hint=f"Choose another one with --conf {PORT}=PORT (0 takes a free one), or end its user"
                + (f"; with {RETRIES} Spark tries the next ones." if own else "."),
            ) from error
