"""What the status tells of each agent: of what is decided, what the master says, and what answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.mesos.constraints import unmet
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.shuffle_service.on_agents.last_words import LastWords
from sparkmesos_core.shuffle_service.on_agents.listeners import Listener
from sparkmesos_core.shuffle_service.on_agents.placement import Cause
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Phase
from sparkmesos_core.shuffle_service.on_agents.status import ServiceReport, State
from sparkmesos_core.shuffle_service.on_agents.uncovered import Uncovered

_STATES = {
    Phase.LAUNCHED: State.STARTING,
    Phase.RUNNING: State.RUNNING,
    Phase.UNREACHABLE: State.UNREACHABLE,
    Phase.WAITING: State.WAITING,
}
_CAUSES = {Cause.BACK_OFF: State.BACKING_OFF, Cause.HOST: State.SHARED}
_NO_OFFER = "it has made no offer yet: others may use all of it"
_AWAY = Listener(False, "")


def reports(
    services: Sequence[AgentService],
    uncovered: Iterable[Uncovered],
    registered: Mapping[str, AgentFacts] | None,
    constraints: Sequence[Constraint],
) -> tuple[ServiceReport, ...]:
    """A report of each agent, by host, without what is found by asking; see `completed`.

    `registered` are the agents at the master, by id; None: it did not tell. Agents that do not meet the
    constraints, or are gone with nothing of ours on them, are left out.
    """
    lacking = {one.agent_id: one for one in uncovered if one.cause is not Cause.CONSTRAINTS}
    known = {service.id: service for service in services}
    if registered is None:
        ids = [*known, *(agent_id for agent_id in lacking if agent_id not in known)]
    else:
        fitting = [one.id for one in registered.values() if not unmet(constraints, one.attributes)]
        running = [service.id for service in services if service.may_live and service.id not in fitting]
        ids = [*fitting, *running]
    found = [_report(agent_id, known.get(agent_id), lacking.get(agent_id), registered) for agent_id in ids]
    return tuple(sorted(found, key=lambda report: (report.host, report.agent_id)))


def _report(
    agent_id: str,
    service: AgentService | None,
    lack: Uncovered | None,
    registered: Mapping[str, AgentFacts] | None,
) -> ServiceReport:
    facts = None if registered is None else registered.get(agent_id)
    there = facts is not None and facts.active
    if registered is None:
        there = service is None or service.phase is not Phase.UNREACHABLE
    host = facts.hostname if facts is not None else ""
    state = State.WAITING if service is None else _STATES[service.phase]
    message = ""
    if state is State.WAITING:
        state = _CAUSES.get(lack.cause, state) if lack is not None else state
        message = lack.message if lack is not None else _NO_OFFER
    elif service is not None and service.phase is not Phase.RUNNING:
        message = service.message
    if service is None:
        assert lack is not None or facts is not None
        return ServiceReport(
            host=host or (lack.host if lack is not None else ""),
            agent_id=agent_id,
            state=state.value,
            registered=there,
            answers=False,
            found="",
            message=message,
        )
    return ServiceReport(
        host=service.host or host,
        agent_id=agent_id,
        state=state.value,
        registered=there,
        answers=False,
        found="",
        task_id=service.task_id,
        since=service.running_since if service.phase is Phase.RUNNING else service.changed_at,
        failures=service.failures,
        message=message,
        next_try=service.not_before if state is State.BACKING_OFF else None,
    )


def completed(
    report: ServiceReport, listeners: Mapping[str, Listener], words: Mapping[str, LastWords]
) -> ServiceReport:
    """With what listens on its host, by host, and what a service that failed wrote last, by agent id."""
    listener = listeners.get(report.host, _AWAY)
    said = words.get(report.agent_id, LastWords())
    return replace(
        report,
        answers=listener.answers,
        found=listener.found,
        cause=said.cause,
        last_lines=said.lines,
    )
