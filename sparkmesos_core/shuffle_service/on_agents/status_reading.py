"""What the status tells of each agent: of what is decided, what the master says, and what answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.mesos.constraints import unmet
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.shuffle_service.cleaner_script import DIED
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
_SETTLING = "Spark's cleaner is being looked at"
_DOUBTFUL = f"{_SETTLING}; what answers at its port may be somebody else's"
_TAKEN = "somebody else's shuffle service answers at its port"


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
    found: Sequence[ServiceReport],
    listeners: Mapping[str, Listener],
    words: Mapping[str, LastWords],
    settled: Mapping[str, str],
) -> tuple[ServiceReport, ...]:
    """Reports with what listens on their hosts, by host, and what those that failed wrote last, by agent id.

    `settled` are agents whose service runs and stays, by id, with what it says of its cleaner
    (`SettledServices`). What answers elsewhere need not be ours: one port of a host serves whoever was there
    first.
    """
    served = {one.host for one in found if one.state == State.RUNNING and one.agent_id in settled}
    return tuple(
        _completed(
            report,
            listeners.get(report.host, _AWAY),
            words.get(report.agent_id, LastWords()),
            # Of an agent that is out of reach nothing more is known: it runs on, as far as that tells.
            ours=report.agent_id in settled
            or (report.state == State.SHARED and report.host in served)
            or report.state == State.UNREACHABLE,
            cleans=settled.get(report.agent_id) != DIED,
        )
        for report in found
    )


def _completed(
    report: ServiceReport, listener: Listener, said: LastWords, *, ours: bool, cleans: bool
) -> ServiceReport:
    undecided = listener.answers and not ours
    settling = undecided and report.state in (State.RUNNING, State.SHARED)
    taken = undecided and report.state in (State.WAITING, State.BACKING_OFF)
    told = listener.found
    if settling:
        told = _DOUBTFUL if report.failures else _SETTLING
    elif taken:
        told = _TAKEN
    return replace(
        report,
        answers=listener.answers and ours,
        found=told,
        cause=said.cause,
        last_lines=said.lines,
        settling=settling,
        taken=taken,
        cleans=cleans,
    )
