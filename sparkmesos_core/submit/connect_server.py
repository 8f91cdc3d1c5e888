"""The server of Spark Connect: what it needs, where it listens, and who may reach it there.

Sources: `sbin/start-connect-server.sh`; `SparkConnectServer`, `SparkConnectService.startGRPCService`,
`PreSharedKeyAuthenticationInterceptor` and `config/Connect.scala` of Spark's `sql/connect/server`;
`SparkConnectPlanner.pythonExec`; `SparkSubmitCommandBuilder` of the launcher.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Iterator, Mapping

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Source
from sparkmesos_core.conf.values.scalars import java_int
from sparkmesos_core.errors import DaemonError, SparkNotFoundError, UsageError
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.quoting import quoted
from sparkmesos_core.spark.home import OFFICIAL_RELEASE, SparkHome
from sparkmesos_core.submit.connect_mode import classic_variables
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

_LISTENER = "org.sparkmesos.backend.ConnectListener"
_LISTENERS_KEY = "spark.extraListeners"
_WHERE_JARS_ARE_NAMED = ("spark.jars.packages", "spark.jars", "spark.driver.extraClassPath")
_WORKERS_PYTHON = "spark.pyspark.python"
_FIRST = (3, 4)
_FIRST_WITH_SERVER = (4, 0)
"""The first that comes with the server. It has `ADDRESS`, `RETRIES` and `TOKEN`, and tells of its start."""
_OF_DAEMONS = ("SPARK_DAEMON_MEMORY", "SPARK_DAEMON_JAVA_OPTS")
"""What Spark's launcher takes for the server's; here it is for dispatchers and shuffle services."""


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
    if spark.release >= _FIRST_WITH_SERVER:
        raise SparkNotFoundError(
            f"The Spark in {place} comes without Spark Connect (it has no jars/{JAR}*.jar)",
            hint=OFFICIAL_RELEASE,
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
    # They would win over the driver's properties, and give it the ports of a dispatcher that runs here, too.
    variables.update({name: "" for name in _OF_DAEMONS if environment.get(name)})
    options: tuple[str, ...] = ()
    if spark.release >= _FIRST_WITH_SERVER:
        variables.update(classic_variables(spark, environment))  # as its script has it
        theirs = configuration.get(_LISTENERS_KEY)
        options = ("--conf", f"{_LISTENERS_KEY}={','.join(filter(None, (theirs, _LISTENER)))}")
    return Program("spark-submit", first=first, options=options, variables=variables)


def findings(
    configuration: Configuration,
    environment: Mapping[str, str],
    spark: SparkHome | None,
    script_of: Callable[[str], str],
) -> Iterator[Finding]:
    """What is to be said about a server with this configuration.

    `script_of` tells which script sets a variable.
    """
    if spark is not None and spark.release < _FIRST_WITH_SERVER:
        yield Finding(
            "untried-connect-server",
            Severity.WARNING,
            f"the server of Spark Connect was not tried on Mesos with Spark {spark.version}: it may not end "
            "when Mesos ends its framework, and then answers on its port with errors",
            "Use Spark 4, or watch the framework in Mesos.",
        )
        yield from _exposure(configuration, has_token=False)
        return
    empty = _empty_token(configuration, environment, script_of)
    if empty is not None:
        name = TOKEN_VARIABLE if empty.source is Source.VARIABLE else TOKEN
        yield Finding(
            "connect-token-empty",
            Severity.ERROR,
            f"{name} is empty: the server would ask for a token, and take that of everybody",
            f"Give it a value, as by {TOKEN_VARIABLE}=$(python3 -c 'import secrets; "
            "print(secrets.token_hex())'), or unset it.",
            TOKEN,
            empty,
        )
    elif TOKEN not in configuration and TOKEN_VARIABLE not in environment:
        yield from _exposure(configuration, has_token=True)


def _empty_token(
    configuration: Configuration, environment: Mapping[str, str], script_of: Callable[[str], str]
) -> Origin | None:
    """Where a token is set that is none, as by a command that failed in $(...). The property wins."""
    if (setting := configuration.setting(TOKEN)) is not None:
        return None if setting.value.strip() else setting.origin
    if environment.get(TOKEN_VARIABLE, "set").strip():
        return None
    return Origin(Source.VARIABLE, TOKEN_VARIABLE, script=script_of(TOKEN_VARIABLE))


def _exposure(configuration: Configuration, *, has_token: bool) -> Iterator[Finding]:
    """Who may use a server without a token: whoever does runs code as the user that it runs as.

    `has_token`: whether this Spark has tokens, and with them an address to listen at.
    """
    address = configuration.get(ADDRESS) if has_token else None
    interceptors = configuration.get(INTERCEPTORS)
    origin = setting.origin if address and (setting := configuration.setting(ADDRESS)) is not None else None
    if interceptors:
        yield Finding(
            "connect-server-interceptor",
            Severity.NOTE,
            f"whether {quoted(interceptors)} lets only those in who may, sparkmesos cannot tell: whoever "
            "gets in runs code as you do",
            "Let it authenticate, or use a token besides." if has_token else "Let it authenticate.",
            INTERCEPTORS,
        )
        return
    if address is not None and (not address or is_loopback(address)):
        yield Finding(
            "connect-server-is-local",
            Severity.NOTE,
            "the server asks nobody who they are: everybody who has an account on this machine can run "
            "code as you do, here and on the agents",
            f"If there are others, set {TOKEN_VARIABLE} in the environment of the server and of its clients.",
            ADDRESS,
            origin,
        )
        return
    where = f"at {quoted(address)}" if address else "at all addresses of this machine"
    hint = (
        f"Set {ADDRESS}=127.0.0.1 and {TOKEN_VARIABLE}, which clients need, too. For those on other machines "
        "put a proxy in front that ends TLS: without it clients send no token to another machine."
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
        origin,
    )


def check_port(configuration: Mapping[str, str], spark: SparkHome | None) -> None:
    """Looks whether the server can listen where it is to, which is better known before executors start.

    Raises DaemonError if the port is in use, or may not be used, and UsageError if the address is none of
    this machine. Nothing if Spark would go on to another port, or the values are not for us to understand.
    """
    own = spark is None or spark.release >= _FIRST_WITH_SERVER
    address = configuration.get(ADDRESS) if own else None
    port = java_int(configuration.get(PORT, str(DEFAULT_PORT)))
    retries = java_int(configuration.get(RETRIES, "0")) if own else 0
    if port is None or not 0 <= port <= 65535:
        return
    try:
        found = socket.getaddrinfo(_bound(address), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"{ADDRESS} {quoted(address or '')} cannot be resolved: {reason}",
            hint="Give a name or address of this machine, or leave it out for all of them.",
        ) from error
    family, kind, protocol, _, where = min(found, key=lambda one: one[0] != socket.AF_INET)
    with contextlib.ExitStack() as stack:
        try:
            trial = stack.enter_context(socket.socket(family, kind, protocol))
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Netty's are
            trial.bind(where)
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):  # IPv6 where there is none
                raise UsageError(
                    f"{ADDRESS} {quoted(address or '')} is not an address of this machine",
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


def _bound(address: str | None) -> str | None:
    """An address as `getaddrinfo` takes it; None for all. Java takes brackets, and nothing for loopback."""
    if address is None:
        return None
    inside = address.removeprefix("[").removesuffix("]")
    return inside or "127.0.0.1"
