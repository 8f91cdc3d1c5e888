"""What a probe finds out about the agents: the only fact for which something is started on the cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sparkmesos_core.errors import MesosError, SparkMesosError, UsageError
from sparkmesos_core.preflight.role import check_allowed
from sparkmesos_core.preflight.this_machine import is_address
from sparkmesos_core.verify.facts.agents_to_try import AGENTS_TO_TRY
from sparkmesos_core.verify.facts.application import NEED
from sparkmesos_core.verify.facts.client import LISTENING_PLACE, driver_environment, drives_here
from sparkmesos_core.verify.facts.cluster import AGENTS, CLUSTER_FACTS
from sparkmesos_core.verify.facts.driver_ports import PORTS
from sparkmesos_core.verify.facts.master import FLAGS, LEADER, agent_http, credentials
from sparkmesos_core.verify.facts.master_answers import SCHEDULER_API
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.verify.named_agents import name_of
from sparkmesos_core.verify.probe.result import ProbeResult
from sparkmesos_core.verify.subject import ProbeOptions, Subject

if TYPE_CHECKING:
    from sparkmesos_core.mesos.http import MesosHttp
    from sparkmesos_core.verify.probe.plan import ProbePlan
    from sparkmesos_core.verify.probe.probing import OpenListeners

_AROUND_TASKS = 60.0
"""Seconds for the subscription before, and for reading sandboxes and the end of the framework after."""


class CannotProbeError(SparkMesosError):
    """A cluster that applications can use, but no probe."""


def _role(known: Known) -> str:
    role, facts = known[NEED].role, known[CLUSTER_FACTS]
    for finding in check_allowed(role, facts.roles_whitelist, facts.master):
        raise MesosError(finding.message, hint=finding.hint)
    return role


def _accepted(known: Known) -> None:
    known[FLAGS]
    if known[SCHEDULER_API].status == 401:
        raise MesosError(
            f"{known[LEADER].http_url} does not register frameworks with these credentials",
            hint="Set spark.mesos.principal and spark.mesos.secret to credentials that Mesos accepts",
        )


ACCEPTED: Fact[None] = Fact("credentials that suffice", _accepted, reported_by="master-authentication")

TAKEN_ROLE: Fact[str] = Fact("a role that the master takes", _role, reported_by="master-role")


def _host(known: Known) -> tuple[str, str]:
    """What executors are told of the driver's place, and the address that Spark makes a name of for that."""
    from sparkmesos_core.verify.probe.canonical_name import canonical_name

    told = known[LISTENING_PLACE].told
    if told is None:
        raise UsageError(
            "Where executors are told to find the driver is not known",
            hint="Set spark.driver.host to a name or an address of this machine that agents can reach.",
        )
    if is_address(told.host) and told.said_by != "spark.driver.host":
        name = canonical_name(told.host, known.deadline())
        return name, told.host if name != told.host else ""
    return told.host, ""


def _plan(known: Known) -> ProbePlan:
    from sparkmesos_core.verify.probe.plan import plan_of, user_of

    subject = known.subject
    environment = driver_environment(subject)
    host, address = _host(known) if drives_here(subject) else ("", "")
    return plan_of(
        subject.configuration,
        environment,
        host=host,
        address=address,
        user=user_of(environment),
        spark_home=str(subject.client.spark.path) if subject.client.spark is not None else "",
    )


PLAN: Fact[ProbePlan] = Fact("what the probe is to try", _plan, reported_by="configuration", patience=2)


def _probe(known: Known) -> ProbeResult:
    from sparkmesos_core.verify.probe.probing import Probing

    options = known.subject.probe or ProbeOptions()
    plan, leader = known[PLAN], known[LEADER]
    if leader.scheme == "https" or ":" in leader.address.host:
        how = "https" if leader.scheme == "https" else "IPv6"
        raise CannotProbeError(
            f"The probe cannot be made: pymesos does not speak {how}, as the master {leader.http_url} does",
            hint="Try an application there instead (`sparkmesos submit`); --skip probe does without.",
        )
    known[ACCEPTED]
    known[TAKEN_ROLE]
    fit = {agent.facts.id: name_of(agent.facts) for agent in known[AGENTS_TO_TRY]}
    principal, secret = credentials(known)
    probing = Probing(
        plan,
        fit,
        leader,
        _listeners(known, plan),
        _open_agent(known),
        options,
        principal=principal,
        secret=secret,
    )
    known.on_close(probing.close)
    return probing.run(unfit=len(known[AGENTS].agents) - len(fit))


def probe_seconds(subject: Subject) -> float:
    """How many seconds a probe may take, with all that is around its tasks."""
    return (subject.probe or ProbeOptions()).timeout + _AROUND_TASKS


PROBE: Fact[ProbeResult] = Fact(
    "the probe",
    _probe,
    reported_by="probe-framework",
    seconds=probe_seconds,
    more_time="--probe-timeout",
)
"""The framework lives no longer than the reading, and no longer than `Known`."""


def _listeners(known: Known, plan: ProbePlan) -> OpenListeners:
    """What opens the ports that a driver here would listen at; none if it runs elsewhere."""
    from sparkmesos_core.verify.probe.listeners import Listeners

    if not plan.host:
        return lambda knows, told: (Listeners(knows, told), 0, 0)
    configuration = known.subject.configuration
    listens_at, retries = known[LISTENING_PLACE].listens_at, configuration.typed("spark.port.maxRetries")
    known[PORTS]  # whether they are free is looked at before they are not any more

    def opened(knows: Callable[[str], bool], told: Callable[[str, str], None]) -> tuple[Listeners, int, int]:
        listeners = Listeners(knows, told)
        try:
            driver = listeners.open(listens_at, plan.driver_port, retries, "spark.driver.port")
            other = listeners.open(
                listens_at, plan.block_manager_port, retries, "spark.driver.blockManager.port"
            )
        except BaseException:
            listeners.close()
            raise
        return listeners, driver, other

    return opened


def _open_agent(known: Known) -> Callable[[str], MesosHttp]:
    def open_agent(url: str) -> MesosHttp:
        parts = urlsplit(url)
        return agent_http(known, parts.hostname or "", parts.port or 5051)

    return open_agent
