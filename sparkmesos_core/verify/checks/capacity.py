"""Whether executors of the configured size fit on the agents: which of them, at all, and now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.mesos.resources import ANY_ROLE, Ranges, Resources, scalar_text
from sparkmesos_core.preflight import need as of
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts
from sparkmesos_core.preflight.fitting_agent import (
    ShortageKind,
    constraints_unmet,
    withheld,
)
from sparkmesos_core.preflight.need import ExecutorNeed, thousandths
from sparkmesos_core.preflight.role import check_reservations
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable, problem_of
from sparkmesos_core.verify.excluded_agents import Division
from sparkmesos_core.verify.facts.application import APPLICATION, CORES_MAX, LEAST_EXECUTORS, Application
from sparkmesos_core.verify.facts.cluster import CLUSTER_FACTS
from sparkmesos_core.verify.facts.cluster_state import AgentState
from sparkmesos_core.verify.facts.fitting_agents import DIVISION, MATCHING, OTHER_SHORTAGES, SHORTAGE
from sparkmesos_core.verify.facts.registered_agents import REGISTERED
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.named_agents import (
    counted,
    lines,
    many_agents,
    name_of,
    part_of,
    some_agents,
)
from sparkmesos_core.verify.room import (
    Room,
    cores_text,
    falls_short,
    room,
    room_text,
    size_text,
    too_small,
)

CHECKS = Checks(Group.AGENTS)

_SHUFFLE_PORT = "spark.shuffle.service.port"


@CHECKS.add(
    "agents-constraints",
    "Agents that meet the constraints",
    Severity.ERROR,
    finds="no agent has the attributes that `spark.mesos.constraints` asks for, so that Spark declines all "
    "offers without a word; a note tells which constraint leaves out which agents",
    remedy="Correct `spark.mesos.constraints`, or start agents with these attributes (`--attributes`).",
)
def _constraints(known: Known) -> Verdict:
    need = known[APPLICATION].need
    if not need.constraints:
        return not_applicable(f"{of.CONSTRAINTS} is not set")
    division = known[DIVISION]
    if not division.meeting:
        finding = constraints_unmet(need, known[CLUSTER_FACTS])
        problem = replace(problem_of(finding), details=lines(division.lines()))
        return Verdict(f"no agent meets {_written(need)}", (problem,))
    return judge_division(division, len(known[REGISTERED].agents), need)


def judge_division(division: Division, agents: int, need: ExecutorNeed) -> Verdict:
    """What is to be said where some agents at least meet the constraints."""
    meets = "meets" if len(division.meeting) == 1 and agents > 1 else "meet"
    seen = f"{part_of(len(division.meeting), agents)} {meets} {_written(need)}"
    if not division.excluded:
        return Verdict(seen)
    note = f"{counted(agents - len(division.meeting))} left out by {of.CONSTRAINTS}"
    return Verdict(seen, (Problem(Severity.NOTE, note, "", of.CONSTRAINTS, details=lines(division.lines())),))


@CHECKS.add(
    "agents-role",
    "Resources for the role",
    Severity.ERROR,
    finds="agents have what an executor needs, but reserved for other roles than `spark.mesos.role`",
    remedy="Set `spark.mesos.role` to a role for which enough is reserved, or have the reservations changed.",
)
def _role(known: Known) -> Verdict:
    need, facts, found = known[APPLICATION].need, known[CLUSTER_FACTS], known[SHORTAGE]
    seen = role_text(need, facts)
    if found is not None and found.kind is ShortageKind.ROLE:
        return Verdict(seen, (problem_of(found.finding),))
    return Verdict(seen, tuple(map(problem_of, check_reservations(need, facts))))


def role_text(need: ExecutorNeed, facts: ClusterFacts) -> str:
    """How many cores of the agents are for whom."""
    mine = others = open_to_all = 0
    for agent in facts.agents:
        mine += thousandths(agent.resources.available_to(need.role), "cpus")
        open_to_all += thousandths(agent.resources.of_role(ANY_ROLE), "cpus")
        others += thousandths(agent.resources, "cpus")
    text = f"role {need.role}: {cores_text(mine)}"
    if mine > open_to_all:
        text += f", {scalar_text(mine - open_to_all)} of them reserved for it"
    elsewhere = others - mine
    return f"{text}; {scalar_text(elsewhere)} more reserved for others" if elsewhere else text


@CHECKS.add(
    "agents-ports",
    "Ports that executors and the shuffle service need",
    Severity.ERROR,
    finds="no agent offers the port that `spark.blockManager.port` fixes, so that no executor ever starts; "
    "or agents offer the port of the external shuffle service to any task",
    remedy="Set `spark.blockManager.port` to one of the ports that agents offer (31000 to 32000 by "
    "default), or leave it out. Keep `spark.shuffle.service.port` out of the agents' `ports`.",
)
def _ports(known: Known) -> Verdict:
    application, found = known[APPLICATION], known[SHORTAGE]
    if found is not None and found.kind is ShortageKind.PORTS:
        port = application.need.ports.pairs[0][0]
        return Verdict(f"no agent offers port {port}", (problem_of(found.finding),))
    agents = known[MATCHING]
    return judge_ports(application, agents)


def judge_ports(application: Application, agents: Sequence[AgentState]) -> Verdict:
    """What is to be said of fixed ports where some agent at least would do."""
    need, service = application.need, application.shuffle_service_port
    if not need.ports and not service:
        return not_applicable("no port is fixed, and no external shuffle service is used")
    seen, problems = [], []
    if need.ports:
        port = need.ports.pairs[0][0]
        without = [
            agent.facts
            for agent in agents
            if not _has_port(agent.facts.resources.available_to(need.role), port)
        ]
        seen.append(f"port {port} is offered by {part_of(len(agents) - len(without), len(agents))}")
        if without:
            note = f"{part_of(len(without), len(agents))} cannot have executors, without port {port}"
            problems.append(Problem(Severity.NOTE, note, "", of.PORT, details=_listed(without)))
    if service:
        # Where the service is a task of Mesos itself, it has the port: nobody else gets it.
        offering = [
            agent.facts
            for agent in agents
            if _has_port((agent.free + agent.offered).of_role(ANY_ROLE), service)
        ]
        seen.append(f"port {service} of the shuffle service is offered to tasks by {counted(len(offering))}")
        if offering:
            problems.append(
                Problem(
                    Severity.WARNING,
                    f"{part_of(len(offering), len(agents))} may give port {service}, which the shuffle "
                    f"service listens on, to any task: {some_agents(offering)}",
                    f"Take {service} out of the ports in the agents' --resources, or have shuffle services "
                    f"and {_SHUFFLE_PORT} use another one.",
                    _SHUFFLE_PORT,
                    details=_listed(offering),
                )
            )
    return Verdict("; ".join(seen), tuple(problems))


@CHECKS.add(
    "agents-gpus",
    "GPUs",
    Severity.ERROR,
    finds="agents that would do have GPUs, and are offered only to applications that ask for some; or GPUs "
    "are asked for that there are not",
    remedy="Set `spark.mesos.gpus.max` to the number of GPUs that the application is to have at most, or "
    "start the master with `--no-filter_gpu_resources`.",
)
def _gpus(known: Known) -> Verdict:
    found = known[SHORTAGE]
    agents = [agent.facts for agent in known[MATCHING]]
    if found is not None and found.kind is ShortageKind.GPUS:
        with_gpus = sum(thousandths(agent.resources, "gpus") > 0 for agent in agents)
        return Verdict(f"{part_of(with_gpus, len(agents))} with GPUs", (problem_of(found.finding),))
    return judge_gpus(known[APPLICATION], agents, known[CLUSTER_FACTS])


def judge_gpus(application: Application, agents: Sequence[AgentFacts], facts: ClusterFacts) -> Verdict:
    """Whether there are the GPUs that are asked for, and which agents are kept for who asks for some."""
    role = application.need.role
    there = sum(thousandths(agent.resources.available_to(role), "gpus") for agent in agents)
    if not application.gpus:
        kept = [agent for agent in agents if withheld(agent, application.need, facts)]
        if not kept:
            return not_applicable("no GPUs are asked for")
        is_are = "is" if len(kept) == 1 else "are"
        note = (
            f"{part_of(len(kept), len(agents))} {is_are} offered only to applications that ask for GPUs, "
            f"which is what {of.GPUS} does: {some_agents(kept)}"
        )
        problem = Problem(Severity.NOTE, note, "", of.GPUS, details=_listed(kept))
        return Verdict(f"{part_of(len(kept), len(agents))} with GPUs, and none asked for", (problem,))
    seen = f"{scalar_text(there)} there, at most {application.gpus} asked for"
    if there:
        return Verdict(seen)
    problem = Problem(
        Severity.WARNING,
        f"{of.GPUS} asks for up to {application.gpus}, and none of the agents has any: executors start "
        "without",
        f"Unset {of.GPUS}, or start agents that have GPUs (--isolation=gpu/nvidia).",
        of.GPUS,
    )
    return Verdict(seen, (problem,))


@CHECKS.add(
    "agents-executor-size",
    "Agents large enough for an executor",
    Severity.ERROR,
    finds="no agent is large enough for one executor even when nothing else runs there, so that Spark "
    "declines all offers and the application waits for ever",
    remedy="Lower `spark.executor.memory`, `spark.executor.cores` or the memory overhead so far that one "
    "executor fits on an agent, or add larger agents.",
)
def _executor_size(known: Known) -> Verdict:
    for other in OTHER_SHORTAGES:
        known[other]
    application, agents, found = known[APPLICATION], known[MATCHING], known[SHORTAGE]
    if found is not None:
        return Verdict(f"none for an executor of {size_text(application)}", (problem_of(found.finding),))
    facts = known[CLUSTER_FACTS]
    offered = [agent for agent in agents if not withheld(agent.facts, application.need, facts)]
    return judge_size(application, agents, room(application, offered, lambda agent: agent.facts.resources))


def judge_size(application: Application, agents: Sequence[AgentState], fits: Room) -> Verdict:
    """What is to be said where some agent at least is large enough."""
    enough = part_of(len(fits.agents), len(agents))
    seen = (
        f"{enough} large enough for an executor of {size_text(application)}: {room_text(application, fits)}"
    )
    problems = []
    if application.least_executors > fits.executors:
        problems.append(
            Problem(
                Severity.WARNING,
                f"{LEAST_EXECUTORS} is {application.least_executors}, and there is room for "
                f"{counted(fits.executors, 'executor')} only",
                f"Lower {LEAST_EXECUTORS}, or add agents.",
                LEAST_EXECUTORS,
            )
        )
    if small := too_small(application, agents):
        told = [
            f"too little of {' and '.join(lacking)}: {counted(len(those))}: {many_agents(those)}"
            for lacking, those in small.items()
        ]
        number = sum(map(len, small.values()))
        is_are = "is" if number == 1 else "are"
        note = f"{part_of(number, len(agents))} {is_are} too small for one executor"
        problems.append(Problem(Severity.NOTE, note, "", details=lines(told)))
    if short := falls_short(application, fits):
        problems.append(Problem(Severity.NOTE, short, "", CORES_MAX))
    return Verdict(seen, tuple(problems))


def _has_port(resources: Resources, port: int) -> bool:
    ports = resources.total("ports")
    return isinstance(ports, Ranges) and ports.contains(Ranges.of([(port, port)]))


def _written(need: ExecutorNeed) -> str:
    return ";".join(map(str, need.constraints))


def _listed(agents: Sequence[AgentFacts]) -> tuple[str, ...]:
    return lines([name_of(agent) for agent in agents])
