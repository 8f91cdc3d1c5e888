"""Client mode: from the configuration to the command line of Spark's own spark-submit, or of a shell."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.bridge.class_archive import ClassArchive
from sparkmesos_core.bridge.compile import bridge_path, ensure_bridge
from sparkmesos_core.bridge.kinds import BridgeKind
from sparkmesos_core.client_configuration import ClientConfiguration
from sparkmesos_core.conf.mesos_credentials import mesos_credentials
from sparkmesos_core.directories import cache_directory
from sparkmesos_core.errors import MesosError, UsageError
from sparkmesos_core.master import (
    BACKEND_PREFIX,
    EmbeddedMaster,
    MesosMaster,
    ZooKeeperMaster,
    parse_master,
)
from sparkmesos_core.mesos.leader import Leader, resolve_leader
from sparkmesos_core.network_failures import check_ca_file
from sparkmesos_core.spark import native_library
from sparkmesos_core.spark.argument_bytes import (
    check_arguments,
    check_java_encoding,
    locale_variables,
    secrets_locale,
)
from sparkmesos_core.spark.arguments import SHELLS
from sparkmesos_core.spark.home import SparkHome, find_spark, require_mesos
from sparkmesos_core.spark.java import Java, find_java
from sparkmesos_core.submit.class_archive_use import PROPERTY as CLASS_ARCHIVE
from sparkmesos_core.submit.class_archive_use import driver_options, executors_can
from sparkmesos_core.submit.driver_defaults import default_variables, is_local
from sparkmesos_core.submit.driver_python import python_of_application, require_python
from sparkmesos_core.submit.launch import SPARK_SUBMIT, Launch, Program
from sparkmesos_core.submit.mesos_driver import ClientModeOptions, Master, libmesos_for

logger = logging.getLogger(__name__)

_JVM_OPTIONS = "SPARK_SUBMIT_OPTS"

PLACEHOLDER_URL = "mesos://EMBEDDED"
"""Stands for the URL of an embedded master that is not started."""


@dataclass(frozen=True)
class Submission:
    """Everything about a submission that is known before there is a master to speak to."""

    client: ClientConfiguration
    options: ClientModeOptions
    master: Master
    spark: SparkHome
    java: Java
    libmesos: Path | None
    """The libmesos to use; None means the bridge."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment as spark-env.sh leaves it."""
        return self.client.env.variables


def plan(client: ClientConfiguration, options: ClientModeOptions) -> Submission:
    """Finds everything that is needed on this machine and checks what can be checked without a master.

    `client` has passed `check_values`. Raises UsageError, MasterUrlError, SparkNotFoundError,
    JavaNotFoundError, or InterpreterNotFoundError if the Python of a Python application is not there.
    """
    environment = client.env.variables
    # Without a Spark this raises the error that says where one was looked for.
    spark = client.spark or find_spark(None, environment)
    require_mesos(spark)
    master_text = client.configuration.get("spark.master")
    if not master_text:
        raise UsageError(
            "No Mesos master given",
            hint="Use --master mesos://HOST:5050, --master mesos://zk://HOST:2181/mesos, "
            "or --master embedded to try it on this machine.",
        )
    master = parse_master(master_text)
    arguments = (*client.arguments.options, *client.arguments.application)
    check_arguments(arguments, spark.release)
    check_java_encoding(arguments, environment, client.configuration)
    locale_variables(arguments, environment)  # so that what it refuses is refused before anything starts
    if options.ca_file is not None:
        check_ca_file(str(options.ca_file))
    libmesos = libmesos_for(options, master, environment, spark)
    java = find_java(spark, environment)
    # A shell's Python is looked for by whoever makes its Program.
    if client.arguments.is_python and client.arguments.resource not in SHELLS:
        python = python_of_application(client.configuration, environment)
        if python is not None:
            require_python(python, environment, "the driver")
    logger.info("Spark %s in %s (%s)", spark.version, spark.path, spark.origin)
    logger.info("Java %s in %s (%s)", java.major, java.home, java.origin)
    logger.info("Mesos through %s", f"libmesos ({libmesos})" if libmesos else "the HTTP bridge")
    return Submission(client, options, master, spark, java, libmesos)


def bridge_for(submission: Submission, announce: Callable[[str], None]) -> Path | None:
    """The bridge that the submission needs, None if it uses libmesos.

    Compiles it if it is not cached yet, telling so through `announce`. Raises BridgeError.
    """
    if submission.libmesos is not None:
        return None
    cache = _bridge_cache(submission)
    return ensure_bridge(submission.spark.jars, submission.java.executable, cache, announce)


def future_bridge_for(submission: Submission) -> Path | None:
    """Where `bridge_for` would have the bridge. Compiles and writes nothing. Raises BridgeError."""
    if submission.libmesos is not None:
        return None
    return bridge_path(submission.spark.jars, _bridge_cache(submission))


def _bridge_cache(submission: Submission) -> Path:
    return cache_directory(submission.environment) / "bridge"


def launch(
    submission: Submission,
    master_url: str,
    bridge: Path | None,
    callers: Mapping[str, str],
    program: Program = SPARK_SUBMIT,
    archive: ClassArchive | None = None,
) -> Launch:
    """The command that runs the submission's driver against the masters that `master_url` names.

    `callers` is the environment that sparkmesos itself was called with, `program` what takes the command
    line; `archive` holds Spark's classes for the driver, and for executors if they can use it, too. Raises
    SparkNotFoundError if this Spark does not have the program.
    """
    configuration = submission.client.configuration
    environment = submission.environment
    variables = {
        "SPARK_HOME": str(submission.spark.path),
        "JAVA_HOME": str(submission.java.home),
        **program.variables,
    }
    prefix = BACKEND_PREFIX if submission.spark.bridge_kind is BridgeKind.BACKEND else ""
    options = ["--master", f"{prefix}{master_url}", *program.options]
    for setting in submission.client.translated:
        options += ["--conf", f"{setting.key}={setting.value}"]
    if submission.libmesos is not None:
        variables[native_library.VARIABLE] = str(submission.libmesos)
    if bridge is not None:
        # The bridge's classes must come before those of the same names in the Mesos jar of a Spark 3.
        theirs = configuration.get("spark.driver.extraClassPath")
        first = str(archive.class_path) if archive is not None else None
        options += ["--driver-class-path", os.pathsep.join(filter(None, (first, str(bridge), theirs)))]
        if _is_fine_grained(submission):
            # Its executors speak to their agents through Mesos' Java API, too. Where there is no file of this
            # path the JVM passes over it, and one of the user's own entries may be a bridge.
            executors = configuration.get("spark.executor.extraClassPath")
            path = os.pathsep.join(filter(None, (str(bridge), executors)))
            options += ["--conf", f"spark.executor.extraClassPath={path}"]
        if submission.options.ca_file is not None:
            variables["SPARKMESOS_CA_FILE"] = str(submission.options.ca_file.absolute())
    if submission.options.start_timeout is not None:
        variables["SPARKMESOS_START_TIMEOUT"] = f"{submission.options.start_timeout:g}"
    if archive is not None:
        theirs = variables.get(_JVM_OPTIONS) or environment.get(_JVM_OPTIONS, "")
        variables[_JVM_OPTIONS] = driver_options(archive, theirs)
        if executors_can(configuration, environment, is_local=_has_local_agents(submission, master_url)):
            options += ["--conf", f"{CLASS_ARCHIVE}={archive.classes}"]
    variables.update(_defaults(submission, master_url))
    # What Spark tells with --verbose our own report tells, too, and without its secrets.
    arguments = submission.client.arguments.without_switch("--verbose").with_options(*options)
    variables.update(locale_variables(arguments, environment))
    variables.update(secrets_locale(arguments, environment, configuration))
    changed = {name: value for name, value in variables.items() if callers.get(name) != value}
    return Launch(
        arguments=(str(submission.spark.program(program.name)), *program.first, *arguments),
        environment={**environment, **variables},
        set_variables=changed,
        limits=submission.client.env.limits,
    )


def find_leader(submission: Submission) -> Leader:
    """The master that leads now. There has to be one: what is wrong is better said before a JVM starts.

    Raises UnreachableError, MesosError if the leader is too old for the bridge, and TypeError for an embedded
    master, which does not run yet.
    """
    master = submission.master
    if isinstance(master, EmbeddedMaster):
        raise TypeError("an embedded master leads nobody before it runs")
    ca_file = submission.options.ca_file
    leader = resolve_leader(master, ca_file=str(ca_file) if ca_file is not None else None)
    logger.info("The leading master is %s, Mesos %s", leader.http_url, leader.version or "of unknown version")
    if submission.libmesos is None:
        _check_version(leader)
    return leader


def leader_url(submission: Submission, leader: Leader) -> str:
    """What Spark gets as --master when this master leads.

    Masters hand over while an application runs, so it is told where to look for the next: libmesos and the
    bridge both watch ZooKeeper, and the bridge asks all masters of a list, the present leader first.
    """
    master = submission.master
    if isinstance(master, ZooKeeperMaster):
        return master.spark_url
    if isinstance(master, MesosMaster) and submission.libmesos is None and leader.scheme == master.scheme:
        others = [host for host in master.hosts if host != leader.address]
        return MesosMaster((leader.address, *others), leader.scheme).spark_url
    return leader.spark_url


def http_credentials(submission: Submission, http_url: str) -> tuple[str | None, str | None]:
    """The principal and the secret for the endpoints of the master at `http_url`.

    None where sending them would be news: libmesos never lets the secret travel as it is, so over plain HTTP
    that is for the bridge only, which cannot do otherwise. And none if they cannot be read, which Spark is
    left to complain about.
    """
    if submission.libmesos is not None and not http_url.startswith("https:"):
        return None, None
    try:
        return mesos_credentials(submission.client.configuration)
    except UsageError as error:
        logger.info("The master is asked without credentials: %s", error.message)
        return None, None


def future_url(submission: Submission) -> str:
    """What stands for `leader_url` where no master is to be asked."""
    if isinstance(submission.master, EmbeddedMaster):
        return PLACEHOLDER_URL
    return submission.master.spark_url


def _check_version(leader: Leader) -> None:
    """The scheduler HTTP API, which the bridge speaks, is stable since Mesos 1.0."""
    major = (leader.version or "").partition(".")[0]
    if major.isdigit() and int(major) < 1:
        raise MesosError(
            "mesos:// over HTTP needs Mesos 1.0 or newer;"
            f" the master at {leader.http_url} is {leader.version}",
            hint="Upgrade Mesos, or use the libmesos of this cluster's version (--mesos-driver native).",
        )


def _is_fine_grained(submission: Submission) -> bool:
    """Whether each Spark task is to be a Mesos task, as far as is known before the application runs."""
    coarse = submission.client.configuration.get("spark.mesos.coarse")
    return (coarse or "true").strip().lower() == "false"


def _defaults(submission: Submission, master_url: str) -> dict[str, str]:
    """Variables that make things work out of the box, where the user has not decided otherwise."""
    local = _has_local_agents(submission, master_url)
    configuration = submission.client.configuration
    return default_variables(configuration, submission.environment, submission.spark, is_local=local)


def _has_local_agents(submission: Submission, master_url: str) -> bool:
    """Whether all agents are on this machine, as those of a master on loopback are."""
    return isinstance(submission.master, EmbeddedMaster) or _is_local(parse_master(master_url))


def _is_local(master: Master) -> bool:
    return not isinstance(master, EmbeddedMaster) and is_local(master)  # a URL never names one
