"""Client-mode submission: from what the user asked for to the command line of Spark's own spark-submit."""

from __future__ import annotations

import ipaddress
import os
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from .bridge.compile import ensure_bridge
from .conf.properties import read_properties
from .directories import cache_directory
from .errors import SparkNotFoundError, UsageError
from .master import EmbeddedMaster, MesosMaster, ZooKeeperMaster, parse_master
from .mesos.leader import resolve_leader
from .redaction import REDACTED, redact_arguments
from .spark import native_library
from .spark.arguments import SparkSubmitArguments
from .spark.home import SparkHome, find_spark, require_mesos
from .spark.java import Java, find_java

Master = MesosMaster | ZooKeeperMaster | EmbeddedMaster


class MesosDriver(Enum):
    """What speaks to Mesos inside the driver's JVM."""

    AUTO = "auto"
    """libmesos where there is one, else the bridge."""
    NATIVE = "native"
    """libmesos."""
    HTTP = "http"
    """The bridge, which speaks the v1 HTTP API."""


@dataclass(frozen=True)
class SubmitRequest:
    """What the user asked `submit` for."""

    arguments: tuple[str, ...]
    """Everything that is for spark-submit, verbatim."""
    master: str | None = None
    spark_home: Path | None = None
    mesos_driver: MesosDriver = MesosDriver.AUTO
    ca_file: Path | None = None
    start_timeout: float | None = None
    """Seconds after which an application whose executors do not start is given up; None waits for ever."""


@dataclass(frozen=True)
class Submission:
    """Everything about a submission that is known before there is a master to speak to."""

    request: SubmitRequest
    arguments: SparkSubmitArguments
    master: Master
    spark: SparkHome
    java: Java
    libmesos: Path | None
    """The libmesos to use; None means the bridge."""
    properties: Mapping[str, str]
    """The properties file that spark-submit will read."""

    def property(self, name: str) -> str | None:
        """The value of a Spark property as spark-submit will see it."""
        value = self.arguments.property(name)
        return self.properties.get(name) if value is None else value


@dataclass(frozen=True)
class Launch:
    """A program to start: its arguments, and the whole environment it gets."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    set_variables: Mapping[str, str]
    """The part of the environment that differs from the caller's."""

    def printable(self) -> list[str]:
        """The command line as a list, with the variables in front through `env`, secrets replaced."""
        variables = [f"{name}={value}" for name, value in sorted(self.set_variables.items())]
        return redact_arguments(["env", *variables, *self.arguments] if variables else self.arguments)

    def hides_secrets(self) -> bool:
        """Whether `printable` left something out, so that it cannot be run as it stands."""
        return any(REDACTED in argument for argument in self.printable())


def plan_submission(request: SubmitRequest, environment: Mapping[str, str]) -> Submission:
    """Finds everything that is needed on this machine and checks what can be checked without a master.

    Raises UsageError, MasterUrlError, SparkNotFoundError or JavaNotFoundError.
    """
    arguments = SparkSubmitArguments.parse(request.arguments)
    spark = find_spark(request.spark_home, environment)
    require_mesos(spark)
    properties = _properties(arguments, spark, environment)
    deploy_mode = arguments.property("spark.submit.deployMode") or properties.get("spark.submit.deployMode")
    if (deploy_mode or "client") != "client":
        raise UsageError(
            f"Deploy mode {deploy_mode} is not supported by this version of sparkmesos, only client mode is",
            hint="Leave out --deploy-mode, or submit to your dispatcher with Spark's own spark-submit.",
        )
    master_text = request.master or arguments.property("spark.master") or properties.get("spark.master")
    if not master_text:
        raise UsageError(
            "No Mesos master given",
            hint="Use --master mesos://HOST:5050, --master mesos://zk://HOST:2181/mesos, "
            "or --master embedded to try it on this machine.",
        )
    master = parse_master(master_text)
    if not arguments.application:
        raise UsageError(
            "No application given", hint="Name a JAR, a Python file or an R file behind the options."
        )
    return Submission(
        request=request,
        arguments=arguments,
        master=master,
        spark=spark,
        java=find_java(spark, environment),
        libmesos=_libmesos(request, master, environment),
        properties=properties,
    )


def launch(
    submission: Submission,
    master_url: str,
    environment: Mapping[str, str],
    announce: Callable[[str], None],
) -> Launch:
    """The command that runs the submission's driver against the master at `master_url` (`mesos://HOST:PORT`).

    Compiles the bridge if it is needed and not cached yet, telling so through `announce`. Raises BridgeError.
    """
    variables = {
        "SPARK_HOME": str(submission.spark.path),
        "JAVA_HOME": str(submission.java.home),
    }
    options = ["--master", master_url]
    if submission.libmesos is not None:
        variables[native_library.VARIABLE] = str(submission.libmesos)
    else:
        bridge = ensure_bridge(
            submission.spark.jars,
            submission.java.executable,
            cache_directory(environment) / "bridge",
            announce,
        )
        # The bridge's classes must come before those of the same names in Spark's Mesos jar.
        theirs = submission.property("spark.driver.extraClassPath")
        options += ["--driver-class-path", os.pathsep.join(filter(None, (str(bridge), theirs)))]
        if submission.request.ca_file is not None:
            variables["SPARKMESOS_CA_FILE"] = str(submission.request.ca_file.absolute())
    if submission.request.start_timeout is not None:
        variables["SPARKMESOS_START_TIMEOUT"] = f"{submission.request.start_timeout:g}"
    variables.update(_defaults(submission, master_url, environment))
    changed = {name: value for name, value in variables.items() if environment.get(name) != value}
    return Launch(
        arguments=(
            str(submission.spark.program("spark-submit")),
            *submission.arguments.with_options(*options),
        ),
        environment={**environment, **variables},
        set_variables=changed,
    )


def leader_url(submission: Submission) -> str:
    """The URL of the leading master, for Spark's --master; an embedded master has none before it runs.

    libmesos detects the leader itself, so it is handed the URL of a ZooKeeper ensemble as it is.
    Raises UnreachableError.
    """
    master = submission.master
    if isinstance(master, EmbeddedMaster):
        raise TypeError("an embedded master has no URL before it runs")
    ca_file = submission.request.ca_file
    leader = resolve_leader(master, ca_file=str(ca_file) if ca_file is not None else None)
    if submission.libmesos is not None and isinstance(master, ZooKeeperMaster):
        return master.spark_url
    return leader.spark_url


def _properties(
    arguments: SparkSubmitArguments, spark: SparkHome, environment: Mapping[str, str]
) -> dict[str, str]:
    """What spark-submit reads: the file of --properties-file, else conf/spark-defaults.conf if it exists."""
    if (given := arguments.option("--properties-file")) is not None:
        return read_properties(Path(given))
    configured = environment.get("SPARK_CONF_DIR")
    defaults = (Path(configured) if configured else spark.path / "conf") / "spark-defaults.conf"
    return read_properties(defaults) if defaults.is_file() else {}


def _libmesos(request: SubmitRequest, master: Master, environment: Mapping[str, str]) -> Path | None:
    if request.mesos_driver is MesosDriver.HTTP or isinstance(master, EmbeddedMaster):
        if request.mesos_driver is MesosDriver.NATIVE:
            raise UsageError(
                "The embedded cluster speaks only HTTP, not libmesos' protocol",
                hint="Leave out --mesos-driver native.",
            )
        return None
    found = native_library.find_libmesos(environment)
    if found is None and request.mesos_driver is MesosDriver.NATIVE:
        raise SparkNotFoundError(
            "--mesos-driver native was asked for, but there is no libmesos in the usual places",
            hint=f"Set {native_library.VARIABLE} to its path, or use --mesos-driver http, which needs none.",
        )
    return found


def _defaults(submission: Submission, master_url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that make things work out of the box, where the user has not decided otherwise."""
    variables: dict[str, str] = {}
    # A master on loopback can only have agents on this machine, and they reach the driver there; the address
    # of a host name may be one that nothing listens on (containers, VPNs).
    decided = "SPARK_LOCAL_IP" in environment or any(
        submission.property(name) for name in ("spark.driver.host", "spark.driver.bindAddress")
    )
    if not decided and _is_loopback(master_url):
        variables["SPARK_LOCAL_IP"] = "127.0.0.1"
    # A pip-installed Spark belongs to the interpreter that runs us, which need not be python3 on the PATH.
    # Only the driver's: which Python the agents have is not ours to say.
    python_decided = any(name in environment for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"))
    if not python_decided and submission.spark.path.parent == Path(sysconfig.get_path("purelib")):
        variables["PYSPARK_DRIVER_PYTHON"] = sys.executable
    return variables


def _is_loopback(master_url: str) -> bool:
    master = parse_master(master_url)
    if not isinstance(master, MesosMaster):
        return False
    host = master.hosts[0].host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
