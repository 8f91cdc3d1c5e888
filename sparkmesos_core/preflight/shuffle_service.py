"""Whether the external shuffle service is where executors would look for it.

When the first executor starts on an agent the driver registers with the service there, so that it will
delete the application's files (`MesosCoarseGrainedSchedulerBackend.statusUpdate`). Where it cannot connect
that method fails, which ends what speaks to Mesos, and with it the jobs that run (`TaskSchedulerImpl.error`);
without one the application goes on, with the executors that it has. Executors register, too, and end after
three trials where they cannot (`BlockManager.registerWithExternalShuffleServer`). With Spark 4 it is only
they who end: our backend goes on, and tries again to tell the service (`ShuffleServiceContacts`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sparkmesos_core.bridge.kinds import FIRST_WITH_BACKEND
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.master import MesosMaster
from sparkmesos_core.preflight.agent_names import some
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts
from sparkmesos_core.preflight.fitting_agent import meets_constraints, would_hold
from sparkmesos_core.preflight.need import CONSTRAINTS, executor_need
from sparkmesos_core.preflight.shuffle_advice import (
    ENABLED,
    Master,
    how_to_do_without,
    how_to_start,
    lasting_master,
)
from sparkmesos_core.preflight.shuffle_reading import (
    REFUSED,
    ShuffleServices,
    hosts_of,
    read_shuffle_services,
    with_one_for_mesos,
)
from sparkmesos_core.preflight.this_machine import is_loopback_name, this_machine
from sparkmesos_core.spark.core_jar import Release
from sparkmesos_core.spark.shuffle_service import ServiceKind

PORT = "spark.shuffle.service.port"
AUTHENTICATE = "spark.authenticate"

_FIRST_PART = 0.6
"""Of the time, for all of them to answer; the rest is for which of Spark's services it is."""
_OPEN_TO_ALL = (ServiceKind.MESOS, ServiceKind.OTHER_SPARK, ServiceKind.SPARK)


@dataclass(frozen=True)
class Circumstances:
    """What else a judgement depends on."""

    authenticates: bool = False
    """Whether the application does (`spark.authenticate`)."""
    all_known: bool = True
    """Whether there are no agents that may still come back."""
    driver_here: bool = True
    """Whether the driver runs on this machine."""
    is_backend_ours: bool = False
    """Whether its Spark runs on Mesos through our backend."""
    master: Master | None = None
    """The Mesos master, as far as it lasts."""
    without: str = f"do without it: {ENABLED}=false"
    """How to run the application without the service."""


def uses_shuffle_service(configuration: Configuration) -> bool:
    """Whether executors would register with the service. Raises ConfigurationError."""
    return configuration.typed(ENABLED) is True


def check_shuffle_service(
    configuration: Configuration,
    facts: ClusterFacts,
    *,
    deadline: float,
    driver_here: bool = True,
    release: Release | None = None,
) -> list[Finding]:
    """What is wrong with the services of the agents that executors would run on, by the `deadline`.

    Those are the agents that take part, meet the constraints and are large enough for one executor of the
    role, of a Spark of this `release`. It is an error where no agent is left, and where a driver that is to
    run here would end with its first executor on some. Raises UsageError for values that Spark could not use
    either.
    """
    if not uses_shuffle_service(configuration):
        return []
    need = executor_need(configuration, release)
    agents = [
        agent
        for agent in facts.agents
        if agent.active and meets_constraints(agent, need) and would_hold(agent, need, facts)
    ]
    hosts = hosts_of(_reached_by_name(agents, facts))
    if not hosts:
        return []  # of which another check tells
    circumstances = Circumstances(
        authenticates=configuration.typed(AUTHENTICATE) is True,
        all_known=facts.recovering == 0,
        driver_here=driver_here,
        is_backend_ours=release is not None and release >= FIRST_WITH_BACKEND,
        # In cluster mode spark.master is the dispatcher.
        master=lasting_master(configuration.get("spark.master"))
        if driver_here
        else MesosMaster((facts.master,)),
        without=how_to_do_without(configuration),
    )
    answers_by = time.monotonic() + _FIRST_PART * max(deadline - time.monotonic(), 0)
    services = read_shuffle_services(
        hosts,
        configuration.typed(PORT),
        authenticates=circumstances.authenticates,
        answers_by=answers_by,
        deadline=min(answers_by + 0.1, deadline),
    )
    return judge(with_one_for_mesos(services, deadline), circumstances)


def judge(services: ShuffleServices, circumstances: Circumstances) -> list[Finding]:
    """What `check_shuffle_service` finds, given what listens where."""
    demanding = _of(services, ServiceKind.AUTHENTICATING)
    open_to_all = _of(services, *_OPEN_TO_ALL)
    fitting, others = (demanding, open_to_all) if circumstances.authenticates else (open_to_all, demanding)
    refusing = [host for host, why in services.closed.items() if why == REFUSED]
    foreign = _of(services, ServiceKind.FOREIGN)
    unknown = [
        *(host for host, why in services.closed.items() if why != REFUSED),
        *_of(services, ServiceKind.SILENT),
        *services.unknown,
    ]
    # That no executor gets on is certain only where every agent is known to be without one.
    none_left = not fitting and not unknown and services.asked == services.hosts and circumstances.all_known
    severity = Severity.ERROR if none_left else Severity.WARNING
    found = []
    if refusing:
        # A driver here is refused just so; one on an agent may be let through by another firewall.
        ends = none_left or (circumstances.driver_here and not circumstances.is_backend_ours)
        severity_here = Severity.ERROR if ends else Severity.WARNING
        found.append(_missing(services, refusing, none_left, severity_here, circumstances))
    if foreign:
        found.append(_foreign(services, foreign, severity))
    if others:
        found.append(_authentication(others, severity, circumstances))
    if unknown:
        found.append(_not_reached(services, unknown, circumstances))
    if not_for_mesos := _of(services, ServiceKind.OTHER_SPARK):
        found.append(_not_for_mesos(not_for_mesos))
    return found


def _missing(
    services: ShuffleServices,
    without: Sequence[str],
    none_left: bool,
    severity: Severity,
    circumstances: Circumstances,
) -> Finding:
    of_all = f", {len(without)} of {services.asked} hosts of agents" if services.asked > 1 else ""
    there = "" if none_left else " there"
    follows = f"the application ends as soon as an executor starts{there}"
    if circumstances.is_backend_ours:
        follows = f"executors{there} fail to register, and end"
    hint = f"Start it there: {how_to_start(circumstances.master)}. "
    if none_left:
        hint += f"Or set {PORT} to the port that it has, or {circumstances.without}."
    else:
        hint += f"Or keep executors off these agents with {CONSTRAINTS}."
    return Finding(
        "shuffle-service-missing",
        severity,
        f"No shuffle service listens at port {services.port} of {some(without)}{of_all}: {follows}",
        hint,
        ENABLED,
    )


def _foreign(services: ShuffleServices, hosts: Sequence[str], severity: Severity) -> Finding:
    """Whoever answers lets the driver go on; executors do not."""
    return Finding(
        "shuffle-service-foreign",
        severity,
        f"What listens at port {services.port} of {some(hosts)} is no shuffle service of Spark: executors "
        "there fail to register, and end",
        f"Set {PORT} to a port that is free there, the same everywhere, for services and applications; or "
        "stop what listens, and start the service: `sparkmesos start-shuffle-service`.",
        PORT,
    )


def _authentication(hosts: Sequence[str], severity: Severity, circumstances: Circumstances) -> Finding:
    if circumstances.authenticates:
        return Finding(
            "shuffle-service-authentication",
            severity,
            f"{AUTHENTICATE} is set, but the shuffle service of {some(hosts)} knows nothing of it: executors "
            "there fail to register, and end",
            f"Start these services with {AUTHENTICATE}=true and the same spark.authenticate.secret, or set "
            f"{AUTHENTICATE}=false.",
            AUTHENTICATE,
        )
    return Finding(
        "shuffle-service-authentication",
        severity,
        f"The shuffle service of {some(hosts)} wants authentication, but {AUTHENTICATE} is not set: "
        "executors there fail to register, and end",
        f"Set {AUTHENTICATE}=true and spark.authenticate.secret to the secret of the services, or start them "
        f"without {AUTHENTICATE}.",
        AUTHENTICATE,
    )


def _not_reached(services: ShuffleServices, hosts: Sequence[str], circumstances: Circumstances) -> Finding:
    message = (
        f"Whether a shuffle service runs at port {services.port} of {some(hosts)} cannot be told: nobody "
        "answers here"
    )
    if circumstances.driver_here:
        follows = "the application ends as soon as an executor starts there"
        if circumstances.is_backend_ours:
            follows = "it takes the application for ended when executors there have been silent for long"
        return Finding(
            "shuffle-service-not-reached",
            Severity.WARNING,
            f"{message}, where the driver is to register with it: if it cannot, {follows}",
            f"See that the service runs there, and open that port to this machine; or keep executors off "
            f"these agents with {CONSTRAINTS}.",
            ENABLED,
        )
    return Finding(
        "shuffle-service-not-reached",
        Severity.WARNING,
        message,
        "Nothing is wrong if that port is open to agents only; else see that the service runs there.",
        ENABLED,
    )


def _not_for_mesos(hosts: Sequence[str]) -> Finding:
    return Finding(
        "shuffle-service-not-for-mesos",
        Severity.WARNING,
        f"The shuffle service of {some(hosts)} is not the one for Mesos: shuffle files of applications stay "
        "when they have ended",
        "Start the one for Mesos in its place, on all agents: `sparkmesos start-shuffle-service`.",
        ENABLED,
    )


def _reached_by_name(agents: Sequence[AgentFacts], facts: ClusterFacts) -> list[AgentFacts]:
    """The agents whose names do not mean this machine here while they are on another one."""
    if not any(is_loopback_name(agent.hostname) for agent in agents):
        return list(agents)
    machine = this_machine()
    return [agent for agent in agents if not is_loopback_name(agent.hostname) or machine.has(agent, facts)]


def _of(services: ShuffleServices, *kinds: ServiceKind) -> list[str]:
    return [host for host, found in services.kinds.items() if found in kinds]
