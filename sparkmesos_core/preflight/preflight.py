"""All checks of a preflight, side by side, and what they have found."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sparkmesos_core.conf.checks.properties import either
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Source
from sparkmesos_core.errors import SparkMesosError, TimedOutError
from sparkmesos_core.preflight.agent_names import check_agent_names
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.cluster_reading import MasterAccess, read_cluster_facts
from sparkmesos_core.preflight.driver_host import check_driver_host
from sparkmesos_core.preflight.executor_uri import check_executor_uri
from sparkmesos_core.preflight.fitting_agent import check_fitting_agent
from sparkmesos_core.preflight.need import executor_need
from sparkmesos_core.preflight.python_version import check_python_version
from sparkmesos_core.preflight.role import check_role
from sparkmesos_core.preflight.shuffle_service import check_shuffle_service
from sparkmesos_core.preflight.side_by_side import Outcome, side_by_side
from sparkmesos_core.spark.core_jar import Release
from sparkmesos_core.spark.submit_options import find_option

logger = logging.getLogger(__name__)

_Check = Callable[[], list[Finding]]

_AGENTS = "the agents"
"""What is left out without the word of the master."""
_SERVICES = "the shuffle services"
_FOR_FACTS = 0.65
"""The part of the time after which what the master has not told stays unknown."""
_FOR_CHECKS = 0.95
"""The part of the time after which checks are to end by themselves, if they can."""


def preflight(
    configuration: Configuration,
    environment: Mapping[str, str],
    access: MasterAccess,
    *,
    timeout: float,
    runs_python: bool = False,
    release: Release | None = None,
) -> list[Finding]:
    """What would make an application hang or fail on the cluster that `access` leads to; the worst first.

    The driver is to run on this machine, in `environment`; `runs_python` says that it is Python's, `release`
    which Spark it has. Errors are
    certain, as far as the cluster stays as it is and the application itself configures nothing else; warnings
    are likely. What cannot be known is not found, and a check that fails, or has not come to its end after
    `timeout` seconds, never keeps an application from starting. Never raises.
    """

    def checks(facts: ClusterFacts | None, deadline: float) -> dict[str, _Check]:
        return _checks(configuration, environment, access, facts, deadline, runs_python, release)

    return _look(configuration, lambda until: read_cluster_facts(access, deadline=until), checks, timeout)


def preflight_in_cluster_mode(
    configuration: Configuration, find_master: Callable[[], MasterAccess], *, timeout: float
) -> list[Finding]:
    """What a driver that is to run on an agent would fail of, as far as this machine can tell.

    That is the external shuffle service, if the application uses it. `find_master` leads to the leading
    master; it may take its time, and raise SparkMesosError. That nothing is known is a finding. Otherwise as
    `preflight`.
    """

    def read(until: float) -> ClusterFacts:
        found = side_by_side({"master": find_master}, until)
        if failure := found.failures.get("master"):
            raise failure
        if found.late:
            raise TimedOutError("the master was not found in time")
        return read_cluster_facts(found.results["master"], deadline=until)

    def checks(facts: ClusterFacts | None, deadline: float) -> dict[str, _Check]:
        if facts is None:
            return {}
        check = partial(check_shuffle_service, configuration, facts, deadline=deadline, driver_here=False)
        return {_SERVICES: check}

    return _look(configuration, read, checks, timeout, has_to_know=True)


def _look(
    configuration: Configuration,
    read_facts: Callable[[float], ClusterFacts],
    checks: Callable[[ClusterFacts | None, float], dict[str, _Check]],
    timeout: float,
    *,
    has_to_know: bool = False,
) -> list[Finding]:
    """What the checks find that are made of the facts, with what they are late to say; the worst first.

    With `has_to_know` it is a finding as well if there are no facts.
    """
    started = time.monotonic()
    facts_until = started + _FOR_FACTS * timeout
    facts, late, found = None, [], []
    try:
        facts = read_facts(facts_until)
    except SparkMesosError as error:
        logger.info("Preflight: what agents there are is not known: %s", error.message)
        if isinstance(error, TimedOutError) or time.monotonic() >= facts_until:
            late.append(_AGENTS)
        elif has_to_know:
            found.append(_agents_unknown(error))
    except Exception:
        logger.info("Preflight: what agents there are is not known", exc_info=True)
    deadline = started + _FOR_CHECKS * timeout
    outcome = side_by_side(checks(facts, deadline), started + timeout)
    found += _found(outcome)
    late += outcome.late
    if late:
        found.append(_incomplete(late, timeout))
    logger.info("Preflight: %d findings in %.0f ms", len(found), (time.monotonic() - started) * 1000)
    order = list(Severity)
    return sorted((_placed(one, configuration) for one in found), key=lambda one: order.index(one.severity))


def _checks(
    configuration: Configuration,
    environment: Mapping[str, str],
    access: MasterAccess,
    facts: ClusterFacts | None,
    deadline: float,
    runs_python: bool,
    release: Release | None,
) -> dict[str, _Check]:
    """By the name of what they look at."""
    given = (configuration, facts, environment)
    checks: dict[str, _Check] = {
        "the executors' archive": partial(
            check_executor_uri, *given, deadline=deadline, ca_file=access.ca_file
        ),
        "the driver's host": partial(check_driver_host, *given, deadline=deadline),
        "the names of agents": partial(check_agent_names, *given, deadline=deadline),
    }
    if runs_python:
        checks["the version of Python"] = partial(check_python_version, *given, deadline=deadline)
    if facts is not None:
        checks["the role"] = lambda: check_role(executor_need(configuration, release), facts)
        checks["the size of agents"] = lambda: check_fitting_agent(
            executor_need(configuration, release), facts
        )
        checks[_SERVICES] = partial(
            check_shuffle_service, configuration, facts, deadline=deadline, release=release
        )
    return checks


def _found(outcome: Outcome[list[Finding]]) -> list[Finding]:
    found = [finding for findings in outcome.results.values() for finding in findings]
    for name, error in outcome.failures.items():
        known = isinstance(error, SparkMesosError)
        logger.info("Preflight: the check of %s failed: %s", name, error, exc_info=None if known else error)
    return found


def _agents_unknown(error: SparkMesosError) -> Finding:
    return Finding(
        "agents-unknown",
        Severity.WARNING,
        f"Whether shuffle services run on the agents is not known: {error.message}",
        "`sparkmesos verify-cluster --only services --master mesos://HOST:5050` looks, given the properties "
        "of the application.",
    )


def _incomplete(late: Sequence[str], timeout: float) -> Finding:
    return Finding(
        "preflight-incomplete",
        Severity.WARNING,
        f"The preflight has left out {either(late, 'and')}: no answer in time, of {timeout:g} s in all",
        "--preflight-timeout gives it more time, --no-preflight does without all of it.",
    )


def _placed(finding: Finding, configuration: Configuration) -> Finding:
    """The finding, with the place that sets its property, which the hint calls by the name that was typed."""
    setting = configuration.setting(finding.key) if finding.key and finding.origin is None else None
    if setting is None:
        return finding
    hint, origin = finding.hint, setting.origin
    if origin.source is Source.OPTION and find_option(origin.name) is not None:
        hint = re.sub(rf"{re.escape(setting.key)}(?![\w.=])", origin.name, hint)
    return replace(finding, hint=hint, origin=origin)
