"""Checks of a driver on this machine: where executors look for it, its ports, and its Python."""

from __future__ import annotations

from collections.abc import Sequence

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.errors import InterpreterNotFoundError
from sparkmesos_core.preflight.python_version import check_python_version, driver_program
from sparkmesos_core.submit.driver_python import python_of_application, require_python
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable, problem_of
from sparkmesos_core.verify.checks.driver_here import of_driver_here
from sparkmesos_core.verify.facts.client import (
    DRIVER_PLACE,
    LISTENING_PLACE,
    NAMED_PLACE,
    DriverPlace,
    cluster_if_known,
    driver_environment,
)
from sparkmesos_core.verify.facts.driver_ports import PORTS, PortTrial
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.subject import Subject

CHECKS = Checks(Group.CLIENT)


@CHECKS.add(
    "driver-name",
    "Name of the driver's host",
    Severity.ERROR,
    finds="a name of this machine, or one that is set for the driver, which cannot be resolved here "
    "(*UnknownHostException*, *Name or service not known*)",
    remedy="Put it into /etc/hosts or DNS, or set `spark.driver.host` to an address that agents reach.",
)
@of_driver_here
def _driver_name(known: Known) -> Verdict:
    place = known[DRIVER_PLACE]
    return Verdict(place_text(place, known.subject), _about(place.findings, "driver-host-unknown"))


@CHECKS.add(
    "driver-address",
    "Address that the driver listens at",
    Severity.ERROR,
    finds="a driver that is to listen at an address which this machine does not have "
    "(*Cannot assign requested address: Service 'sparkDriver' failed after 16 retries*)",
    remedy="Correct `spark.driver.bindAddress` or `spark.driver.host`; behind NAT set the first to 0.0.0.0.",
)
@of_driver_here
def _driver_address(known: Known) -> Verdict:
    place = known[NAMED_PLACE]
    found = _about(place.findings, "driver-host-not-here")
    return Verdict(f"the driver listens at {place.listens_at or 'an address that is not known'}", found)


@CHECKS.add(
    "driver-host",
    "Way from agents to the driver",
    Severity.ERROR,
    finds="a driver that executors on other machines are told to look for on loopback, or at an address that "
    "is not on the way to agents (executors start, end after a while and start again: *Initial job has not "
    "accepted any resources*)",
    remedy="Set `spark.driver.host` or `SPARK_LOCAL_IP` to the name or address of this machine that agents "
    "reach; `--probe` tries it.",
)
@of_driver_here
def _driver_host(known: Known) -> Verdict:
    place = known[LISTENING_PLACE]
    ids = ("driver-host-on-loopback", "driver-host-off-the-way", "driver-on-loopback")
    return Verdict(place_text(place, known.subject), _about(place.findings, *ids))


def _about(findings: Sequence[Finding], *ids: str) -> tuple[Problem, ...]:
    return tuple(problem_of(finding) for finding in findings if finding.id in ids)


def place_text(place: DriverPlace, subject: Subject) -> str:
    """Where executors look for the driver, and what says so."""
    if place.told is None:
        return "where executors look for the driver is not known"
    by = f" ({_named_by(place.told.said_by, subject)})" if place.told.said_by else ""
    return f"executors look for the driver at {place.told.host}{by}"


def _named_by(name: str, subject: Subject) -> str:
    """A property or a variable, for people who may have set neither."""
    is_ours = not name.startswith("spark.") and name not in subject.environment
    return f"{name}, which submit sets" if is_ours else name


@CHECKS.add(
    "driver-ports",
    "Fixed ports of the driver",
    Severity.ERROR,
    finds="a fixed port of the driver that another program has, so that the driver takes the next one, which "
    "the firewall does not let through (*Service 'sparkDriver' could not bind on port*)",
    remedy="End the other program, mostly an earlier driver, or choose another port.",
)
@of_driver_here
def _driver_ports(known: Known) -> Verdict:
    trials = known[PORTS]
    if not trials:
        return not_applicable("no port of the driver is fixed")
    seen = ", ".join(f"{one.key} {one.port} is {'free' if one.free else 'taken'}" for one in trials)
    return Verdict(seen, ports_problems(trials))


def ports_problems(trials: Sequence[PortTrial]) -> tuple[Problem, ...]:
    """What is wrong with ports that were tried: those that are taken, and those that are set twice."""
    problems = []
    used: dict[int, str] = {}
    for trial in trials:
        if trial.free and trial.port not in used:
            used[trial.port] = trial.key
            continue
        severity, then = Severity.WARNING, "Spark takes the next that is free, which firewalls may not let in"
        if not trial.retries:
            severity, then = Severity.ERROR, "Spark gives up, since spark.port.maxRetries is 0"
        hint = f"End the program that has it (ss -ltnp), or set {trial.key} to another port."
        if trial.reserved:
            severity, by, then = Severity.ERROR, "is below 1024", "Spark takes none of those"
            hint = f"Set {trial.key} to a port from 1024 on."
        elif trial.free:
            by, hint = f"is that of {used[trial.port]}, too", f"Set {trial.key} to another port."
        else:
            by = "is in use on this machine"
            if trial.retries and trial.next_free is None:
                severity = Severity.ERROR
                then = f"Spark gives up, since none of the next {trial.retries} is free, either"
        problems.append(Problem(severity, f"{trial.key}: port {trial.port} {by}: {then}", hint, trial.key))
    return tuple(problems)


@CHECKS.add(
    "driver-python",
    "Python of the driver",
    Severity.ERROR,
    finds="a Python for the driver that is not there, such as a `PYSPARK_PYTHON` which is meant for agents "
    "(*Cannot run program*)",
    remedy="Set `PYSPARK_DRIVER_PYTHON` to a Python of this machine.",
)
@of_driver_here
def _driver_python(known: Known) -> Verdict:
    subject = known.subject
    environment = driver_environment(subject)
    runs_python = subject.client.arguments.is_python
    if subject.client.arguments.resource is not None and not runs_python:
        return not_applicable("the application is none in Python")
    named = python_of_application(subject.configuration, environment)
    if named is None:
        return not_applicable("nothing names a Python: it is python3")
    try:
        require_python(named, environment, "the driver")
    except InterpreterNotFoundError as error:
        severity = Severity.ERROR if runs_python else Severity.WARNING
        problem = Problem(severity, error.message, error.hint)
        return Verdict(f"{named.program or 'no name'} ({named.name}) is not there", (problem,))
    return Verdict(f"{named.program} ({_named_by(named.name, subject)})")


@CHECKS.add(
    "python-version",
    "Same Python on driver and executors",
    Severity.WARNING,
    finds="another Python for executors than for the driver (*PYTHON_VERSION_MISMATCH*, *Python in worker "
    "has different version*)",
    remedy="Give both the same by `PYSPARK_PYTHON` and `PYSPARK_DRIVER_PYTHON`, or take it along by "
    "`--archives`.",
)
@of_driver_here
def _python_version(known: Known) -> Verdict:
    subject = known.subject
    environment = driver_environment(subject)
    found = check_python_version(
        subject.configuration, cluster_if_known(known), environment, deadline=known.deadline()
    )
    driver = driver_program(subject.configuration, environment)
    problems = tuple(map(problem_of, found))
    if not subject.client.arguments.is_python:
        # It matters for applications in Python alone, and this is none, or not said to be one.
        problems = tuple(_as_note(problem) for problem in problems)
    return Verdict(f"the driver runs {driver.program}", problems)


def _as_note(problem: Problem) -> Problem:
    return Problem(Severity.NOTE, f"{problem.message} (of applications in Python)", problem.hint, problem.key)
