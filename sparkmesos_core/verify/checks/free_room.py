"""Whether executors fit now: beside what runs, and within the quotas of roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.mesos.resources import ANY_ROLE, Resources, scalar_text
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts
from sparkmesos_core.preflight.fitting_agent import would_hold
from sparkmesos_core.preflight.need import ROLE, thousandths
from sparkmesos_core.quoting import printable
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.facts.application import APPLICATION, CORES_MAX, LEAST_EXECUTORS, Application
from sparkmesos_core.verify.facts.cluster import CLUSTER_FACTS, STATE
from sparkmesos_core.verify.facts.cluster_state import AgentState, FrameworkState
from sparkmesos_core.verify.facts.fitting_agents import MATCHING, NO_SHORTAGE_OF_SIZE, OTHER_SHORTAGES
from sparkmesos_core.verify.facts.quotas import QUOTAS, RoleQuota
from sparkmesos_core.verify.facts.registered_agents import REGISTERED
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.named_agents import counted, lines, name_of, some_agents, some_names
from sparkmesos_core.verify.room import cores_text, room, room_text, used, why_none_fits

CHECKS = Checks(Group.AGENTS)

_MOST_HOLDERS = 5


@CHECKS.add(
    "agents-free-now",
    "Room for executors beside what runs",
    Severity.WARNING,
    finds="agents are large enough, but others use so much of them that no executor fits now, or just these "
    "agents do not take part: *Initial job has not accepted any resources*",
    remedy="Wait, end what is not needed, bring agents back, or add some. Applications of Spark without "
    "`spark.cores.max` hold all that they once got.",
    reads_tasks=True,
)
def _free_now(known: Known) -> Verdict:
    for other in (*OTHER_SHORTAGES, NO_SHORTAGE_OF_SIZE):
        known[other]
    application, facts = known[APPLICATION], known[CLUSTER_FACTS]
    if not any(agent.active for agent in facts.agents):
        return not_applicable("no agent takes part now")
    agents = [agent for agent in known[MATCHING] if would_hold(agent.facts, application.need, facts)]
    taking_part = [agent for agent in agents if agent.facts.active]
    if not taking_part:
        return judge_absent([agent.facts for agent in agents])
    return judge_free(application, taking_part, facts, known[STATE].frameworks)


def judge_absent(agents: Sequence[AgentFacts]) -> Verdict:
    """What is to be said if other agents take part, but none of these, the only ones that would do."""
    problem = Problem(
        Severity.WARNING,
        "No agent that one executor fits on takes part now: disconnected from the master, or deactivated, "
        f"{'is' if len(agents) == 1 else 'are'} {some_agents(agents)}",
        "Bring them back, or ask for executors that fit on others; until then the application waits.",
        details=lines([name_of(agent) for agent in agents]),
    )
    return Verdict("no agent that would do takes part now", (problem,))


def judge_free(
    application: Application,
    agents: Sequence[AgentState],
    facts: ClusterFacts,
    frameworks: Sequence[FrameworkState],
) -> Verdict:
    """Whether executors fit now on agents, each of which is large enough for one."""
    in_use, total = used(agents, "cpus")
    free = room(application, agents, lambda agent: agent.free)
    wanted = 1
    if free.executors < application.least_executors:
        idle = room(application, agents, lambda agent: agent.facts.resources)
        most = idle.executors if application.most_executors is None else application.most_executors
        wanted = max(min(application.least_executors, idle.executors, most), 1)
    in_use_text = f"{scalar_text(in_use)} of {cores_text(total)} in use"
    seen = f"{room_text(application, free)}; {in_use_text}"
    holders = _holders(frameworks)
    if free.executors >= wanted:
        return Verdict(seen)
    not_used = room(application, agents, lambda one: one.free + one.offered if one.offered else one.free)
    if not_used.executors >= wanted:
        note = "What executors need is offered to other frameworks at the moment, which may decline it"
        return Verdict(seen, (Problem(Severity.NOTE, note, "", details=lines(holders)),))
    who = f" (most by {holders[0]})" if holders else ""
    then = "the application waits"
    if free.executors:
        message = (
            f"There is {room_text(application, free)} now, fewer than {LEAST_EXECUTORS} "
            f"({application.least_executors})"
        )
        then = "the application has fewer"
    else:
        reason = why_none_fits(application, agents, facts)
        message = f"Beside what runs now there is no room: {reason[:1].lower()}{reason[1:]}"
    problem = Problem(
        Severity.WARNING,
        f"{message}; {in_use_text}{who}",
        f"Wait until others have ended, end what is not needed, or add agents; until then {then}.",
        details=lines(holders),
    )
    return Verdict(seen, (problem,))


def _holders(frameworks: Sequence[FrameworkState]) -> list[str]:
    """Who uses the most, in lines."""
    using = [one for one in frameworks if not one.completed and (one.used or one.offered)]
    using.sort(key=lambda one: thousandths(one.used, "cpus") + thousandths(one.offered, "cpus"), reverse=True)
    return [_holding(one) for one in using[:_MOST_HOLDERS]]


def _holding(framework: FrameworkState) -> str:
    taken = framework.used
    text = f"{printable(framework.name)}: {cores_text(thousandths(taken, 'cpus'))} and "
    text += f"{scalar_text(thousandths(taken, 'mem'))} MiB"
    offered = thousandths(framework.offered, "cpus")
    return f"{text}, {cores_text(offered)} offered" if offered else text


@CHECKS.add(
    "agents-quota",
    "Quotas of roles",
    Severity.ERROR,
    finds="the quota of the application's role is smaller than one executor, or used up; or what Mesos keeps "
    "for the quotas of other roles leaves too little: no offers come, though agents are free",
    remedy="Have the quota of the role raised (the call `UPDATE_QUOTA` to the master), use another role, or "
    "wait until others in the role have ended.",
)
def _quota(known: Known) -> Verdict:
    quotas = known[QUOTAS]
    agents = [agent for agent in known[REGISTERED].agents if agent.facts.active]
    return judge_quotas(known[APPLICATION], quotas, agents)


def judge_quotas(
    application: Application, quotas: Sequence[RoleQuota], agents: Sequence[AgentState]
) -> Verdict:
    """Whether the quotas of an application's role, and those of other roles, leave room for one executor.

    Quotas of a role count for those beneath it, too. What is reserved for a role is in what it consumes, so
    that what is free of it may be used all the same (Mesos' documentation of quotas).
    """
    need = application.need
    own = [one for one in quotas if one.role == need.role or need.role.startswith(f"{one.role}/")]
    limits = [one for one in own if one.limit]
    told = [_limit_text(one, _left(one, application, agents), application) for one in limits]
    seen = "; ".join(told) or f"no quota limits the role {need.role}"
    wanted = need.amounts
    problems = []
    for one in limits:
        if problem := _limited(one, application, wanted, agents):
            problems.append(problem)
    others = [one for one in quotas if one not in own and one.held_back]
    if others and (problem := _held_back(others, wanted, agents, need.role)):
        problems.append(problem)
    return Verdict(seen, tuple(problems))


def _limited(
    quota: RoleQuota, application: Application, wanted: Mapping[str, int], agents: Sequence[AgentState]
) -> Problem | None:
    limit = quota.limit
    executor = f"one executor needs {_amounts_text(wanted)}"
    if any(limit.get(name, amount) < amount for name, amount in wanted.items()):
        return Problem(
            Severity.ERROR,
            f"The quota of the role {quota.role} is {_amounts_text(limit)}, and {executor}",
            "Have the quota raised (UPDATE_QUOTA), set spark.mesos.role to another role, or lower "
            "spark.executor.cores and spark.executor.memory.",
            ROLE,
        )
    left = _left(quota, application, agents)
    if any(left.get(name, amount) < amount for name, amount in wanted.items()):
        return Problem(
            Severity.WARNING,
            f"The quota of the role {quota.role}, {_amounts_text(limit)}, is used but for "
            f"{_amounts_text(left)}, and {executor}",
            "Wait until others in the role have ended, have the quota raised (UPDATE_QUOTA), or set "
            "spark.mesos.role to another role.",
            ROLE,
        )
    most = application.most_cores
    if most is not None and limit.get("cpus", most) < most:
        return Problem(
            Severity.NOTE,
            f"{CORES_MAX} is {scalar_text(most)}, and the quota of the role {quota.role} "
            f"{cores_text(limit['cpus'])}",
            "",
            CORES_MAX,
        )
    return None


def _left(quota: RoleQuota, application: Application, agents: Sequence[AgentState]) -> dict[str, int]:
    """How much of cores and memory the role may still use, as far as that is limited."""
    role = application.need.role
    reserved = [_reserved_within(quota.role, agent.free.available_to(role)) for agent in agents]
    return {
        name: amount + sum(thousandths(one, name) for one in reserved)
        for name in ("cpus", "mem")
        if (amount := quota.left(name)) is not None
    }


def _reserved_within(role: str, resources: Resources) -> Resources:
    """What is reserved for a role or one beneath it, and so counts against its quota."""
    roles = [one for one in resources.reserved() if one == role or one.startswith(f"{role}/")]
    return sum((resources.of_role(one) for one in roles), Resources())


def _held_back(
    others: Sequence[RoleQuota], wanted: Mapping[str, int], agents: Sequence[AgentState], role: str
) -> Problem | None:
    """What Mesos keeps for roles that have not got all that their quotas guarantee.

    If there was too little anyway, it is not for their sake. What is offered to somebody may come back.
    """
    held = {name: sum(one.held_back.get(name, 0) for one in others) for name in wanted}
    unused = [(agent.free + agent.offered).of_role(ANY_ROLE).scalars() for agent in agents]
    free = {name: sum(thousandths(one, name) for one in unused) for name in wanted}
    own = {name: sum(thousandths(agent.free.of_role(role), name) for agent in agents) for name in wanted}
    if role != ANY_ROLE and all(own[name] >= amount for name, amount in wanted.items()):
        return None
    short = [name for name, amount in wanted.items() if free[name] - held[name] < amount <= free[name]]
    if not short:
        return None
    return Problem(
        Severity.WARNING,
        f"Of what is free, {_amounts_text({name: free[name] for name in short})}, Mesos keeps "
        f"{_amounts_text({name: held[name] for name in short})} for the quotas of other roles "
        f"({some_names([one.role for one in others])}): too little is left for one executor",
        "Wait until these roles have what their quotas guarantee, have the quotas lowered, or add agents.",
        details=lines([f"{one.role}: {_amounts_text(one.held_back)}" for one in others]),
    )


def _limit_text(quota: RoleQuota, left: Mapping[str, int], application: Application) -> str:
    """`role spark: 10 cores at most, 4 cores left, enough for 2 executors`."""
    text = f"role {quota.role}: {_amounts_text(quota.limit)} at most"
    if not left:
        return text
    text += f", {_amounts_text(left)} left"
    if application.executor_cores is None:
        return text  # an executor takes what it is offered
    wanted = application.need.amounts
    return f"{text}, enough for {counted(min(left[name] // wanted[name] for name in left), 'executor')}"


def _amounts_text(amounts: Mapping[str, int]) -> str:
    """`2 cores and 1408 MiB`."""
    told = []
    for name, amount in amounts.items():
        if name == "cpus":
            told.append(cores_text(amount))
        elif name in ("mem", "disk"):
            told.append(f"{scalar_text(amount)} MiB{' of disk' if name == 'disk' else ''}")
        else:
            told.append(f"{scalar_text(amount)} {name}")
    return " and ".join(told) if len(told) < 3 else f"{', '.join(told[:-1])} and {told[-1]}"
