"""Whether there is an agent that one executor could start on, were it idle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from sparkmesos_core.conf.checks.sizing import LEAST_HEAP
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.mesos.constraints import in_words, met_by_none, unmet
from sparkmesos_core.mesos.resources import Ranges, Resources, scalar_text
from sparkmesos_core.preflight import need as of
from sparkmesos_core.preflight.agent_names import some
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts
from sparkmesos_core.preflight.need import ExecutorNeed, thousandths

_ONE_CORE = 1000
"""Thousandths."""


def check_fitting_agent(need: ExecutorNeed, facts: ClusterFacts) -> list[Finding]:
    """At most one finding: no agent is there, meets the constraints, or is large enough for one executor.

    What others use at the moment does not matter: it may be free soon. It is an error if no registered agent
    would ever do, and a warning if there are agents of which nothing is known yet, or which would do and do
    not take part now.
    """
    if not facts.agents:
        return [_nobody(facts)]
    if any(agent.active and _would_do(agent, need, facts) for agent in facts.agents):
        return []  # of thousands of agents the first is mostly enough
    meeting = [agent for agent in facts.agents if meets_constraints(agent, need)]
    if not meeting:
        return [constraints_unmet(need, facts)]
    if found := shortage(need, meeting, facts):
        return [found.finding]
    return [_inactive([agent for agent in meeting if would_hold(agent, need, facts)])]


class ShortageKind(Enum):
    """What keeps an executor off all agents that meet the constraints."""

    ROLE = auto()
    """They have enough, but reserved for other roles."""
    PORTS = auto()
    """Somewhere there is all but the fixed port."""
    GPUS = auto()
    """Those that would do have GPUs, and are offered only to who asks for some."""
    SIZE = auto()
    """They are too small."""


@dataclass(frozen=True)
class Shortage:
    """That one executor fits on none of some agents, were they idle."""

    kind: ShortageKind
    finding: Finding


def shortage(need: ExecutorNeed, meeting: Sequence[AgentFacts], facts: ClusterFacts) -> Shortage | None:
    """Why one executor fits on none of the agents, at least one, that meet its constraints; None if it does.

    Agents that do not take part count as well.
    """
    fitting = [agent for agent in meeting if _is_large_enough(agent, need)]
    if any(not withheld(agent, need, facts) for agent in fitting):
        return None
    if fitting:
        return Shortage(ShortageKind.GPUS, _gpus_unasked(fitting, facts))
    return _too_small(need, meeting, facts)


def meets_constraints(agent: AgentFacts, need: ExecutorNeed) -> bool:
    """Whether Spark takes offers of an agent, by its attributes."""
    return not need.unmet(agent.attributes)


def would_hold(agent: AgentFacts, need: ExecutorNeed, facts: ClusterFacts) -> bool:
    """Whether Mesos would offer an idle agent, and one executor fits on it, whatever its attributes."""
    return _is_large_enough(agent, need) and not withheld(agent, need, facts)


def _is_large_enough(agent: AgentFacts, need: ExecutorNeed) -> bool:
    return not need.lacks(agent.resources.available_to(need.role))


def _would_do(agent: AgentFacts, need: ExecutorNeed, facts: ClusterFacts) -> bool:
    return meets_constraints(agent, need) and would_hold(agent, need, facts)


def withheld(agent: AgentFacts, need: ExecutorNeed, facts: ClusterFacts) -> bool:
    """Whether the master offers an agent to nobody who does not ask for GPUs (--filter_gpu_resources)."""
    return facts.withholds_gpu_agents and not need.takes_gpus and thousandths(agent.resources, "gpus") > 0


def _nobody(facts: ClusterFacts) -> Finding:
    if facts.recovering:
        return Finding(
            "agents-recovering",
            Severity.WARNING,
            f"No agent is registered with the master at {facts.master} yet: {facts.recovering} of its"
            " predecessor's have still to come back",
            "The application waits for them.",
        )
    return Finding(
        "no-agent",
        Severity.WARNING,
        f"No agent is registered with the master at {facts.master}",
        "The application waits for one: start agents, or see in their logs why they do not register.",
    )


def _inactive(agents: Sequence[AgentFacts]) -> Finding:
    return Finding(
        "agents-inactive",
        Severity.WARNING,
        "No agent that one executor fits on takes part now: disconnected from the master, or deactivated,"
        f" {'is' if len(agents) == 1 else 'are'} {_hosts(agents)}",
        "The application waits until that changes.",
    )


def constraints_unmet(need: ExecutorNeed, facts: ClusterFacts) -> Finding:
    """What is to be said where none of the agents, of which there are some, meets the constraints."""
    attributes = [agent.attributes for agent in facts.agents]
    written = ";".join(map(str, need.constraints))
    if not need.finds_ranges and any(not unmet(need.constraints, each) for each in attributes):
        return Finding(
            "constraint-on-ranges",
            _severity(facts),
            f"No agent meets {written} for Spark, which finds no value in an attribute of ranges",
            "Ask for the attribute only (NAME: without values), or give agents one that is a text or a set.",
            of.CONSTRAINTS,
        )
    found = met_by_none(need.constraints, attributes, need.judge)
    return Finding(
        "constraints-unmet",
        _severity(facts),
        f"{_nobody_of(facts.agents)} {_meets(facts.agents)} {in_words(found, written)}",
        f"{_coming_back(facts)}Correct {of.CONSTRAINTS}, or add agents with these attributes.",
        of.CONSTRAINTS,
    )


def _gpus_unasked(agents: Sequence[AgentFacts], facts: ClusterFacts) -> Finding:
    return Finding(
        "gpus-unasked",
        _severity(facts),
        "The master offers agents with GPUs only to applications that ask for some, and no other is large"
        f" enough for one executor: {_hosts(agents)}",
        f"Set {of.GPUS} to 1 or more, or start the master with --no-filter_gpu_resources.",
        of.GPUS,
    )


@dataclass(frozen=True)
class _Shortfall:
    """What an agent lacks, to tell which comes nearest."""

    lacking: tuple[str, ...]
    share: float
    """How much of what is needed there is not, over all that is lacking."""
    agent: AgentFacts
    available: Resources


def _shortfall(need: ExecutorNeed, agent: AgentFacts) -> _Shortfall:
    available = agent.resources.available_to(need.role)
    lacking = need.lacks(available)
    share = 0.0
    if "cpus" in lacking:
        share += 1 - thousandths(available, "cpus") / need.cpus
    if "mem" in lacking:
        share += 1 - thousandths(available, "mem") / 1000 / need.memory
    return _Shortfall(lacking, share, agent, available)


def _too_small(need: ExecutorNeed, agents: Sequence[AgentFacts], facts: ClusterFacts) -> Shortage:
    best = min((_shortfall(need, agent) for agent in agents), key=lambda one: (len(one.lacking), one.share))
    host = best.agent.name
    if len(agents) == 1:
        there = f"the only agent{_that_meets(need, 's')}, {host}, has {_has(best)}"
    else:
        those = f"{len(agents)} agents{_that_meets(need)}"
        there = f"none of {those} has that: the nearest, {host}, has {_has(best)}"
    roles = _roles_that_would_do(need, agents)
    if roles:
        kind = ShortageKind.ROLE
        there += f", without what is reserved for {some(roles)}"
        key, change = of.ROLE, f"Set {of.ROLE} to {roles[0]}, or add a larger agent."
    else:
        kind = ShortageKind.PORTS if best.lacking == ("ports",) else ShortageKind.SIZE
        key, change = _change(need, best)
    finding = Finding(
        "no-fitting-agent",
        _severity(facts),
        f"One executor needs {_needs(need)}, and {there}",
        f"{_coming_back(facts)}{change}",
        key,
    )
    return Shortage(kind, finding)


def _that_meets(need: ExecutorNeed, s: str = "") -> str:
    return f" that meet{s} {of.CONSTRAINTS}" if need.constraints else ""


def _needs(need: ExecutorNeed) -> str:
    text = f"{_cores(need.cpus)} and {need.memory} MiB of memory ({need.overhead} of it overhead)"
    return f"{text} and port {need.ports.pairs[0][0]}" if need.ports else text


def _has(shortfall: _Shortfall) -> str:
    """What the agent has of what it lacks."""
    has = []
    for name in shortfall.lacking:
        if name == "cpus":
            has.append(_cores(thousandths(shortfall.available, name)))
        elif name == "mem":
            has.append(f"{scalar_text(thousandths(shortfall.available, name))} MiB")
        else:
            ports = shortfall.available.total(name)
            has.append(f"the ports {ports.text()}" if isinstance(ports, Ranges) else "no ports")
    return " and ".join(has)


def _change(need: ExecutorNeed, best: _Shortfall) -> tuple[str, str]:
    """The property to change so that the nearest agent would do, if it is one, and what to do."""
    wishes = {}
    if "cpus" in best.lacking:
        if need.cpus <= _ONE_CORE and not need.fine_grained:
            return "", "Add a larger agent: Spark takes whole cores, at least one."
        key = of.FINE_GRAINED_CORES if need.fine_grained else of.CORES
        wishes[key] = f"lower {key}"
    if "mem" in best.lacking:
        wishes |= {key: f"lower {key}" for key in _memory_keys(need, best.available)}
    if "ports" in best.lacking:
        wishes[of.PORT] = f"set {of.PORT} to a port that agents offer"
    key = next(iter(wishes)) if len(wishes) == 1 else ""
    text = " and ".join(wishes.values())
    return key, f"{text[0].upper()}{text[1:]}, or add a larger agent."


def _memory_keys(need: ExecutorNeed, available: Resources) -> list[str]:
    """The properties to lower for an executor to fit into the memory."""
    memory = thousandths(available, "mem")
    if need.added_overhead and (need.memory - need.added_overhead) * 1000 <= memory:
        return [need.overhead_key]
    if need.overhead_key == of.OVERHEAD and (need.overhead + LEAST_HEAP) * 1000 > memory:
        return [of.MEMORY, of.OVERHEAD]
    return [of.MEMORY]


def _roles_that_would_do(need: ExecutorNeed, agents: Iterable[AgentFacts]) -> list[str]:
    """The roles for which so much is reserved on an agent that one executor would fit."""
    roles: dict[str, None] = {}
    for agent in agents:
        for role in agent.resources.reserved():
            if role not in roles and not need.lacks(agent.resources.available_to(role)):
                roles[role] = None
    return sorted(roles)


def _severity(facts: ClusterFacts) -> Severity:
    """What no agent can do is certain only if all of them are known."""
    return Severity.WARNING if facts.recovering else Severity.ERROR


def _coming_back(facts: ClusterFacts) -> str:
    if not facts.recovering:
        return ""
    agents = "1 agent has" if facts.recovering == 1 else f"{facts.recovering} agents have"
    return f"{agents} still to come back after a change of masters, and may do. Else: "


def _nobody_of(agents: Sequence[AgentFacts]) -> str:
    return f"The only agent, {agents[0].name}," if len(agents) == 1 else f"None of {len(agents)} agents"


def _meets(agents: Sequence[AgentFacts]) -> str:
    return "does not meet" if len(agents) == 1 else "meets"


def _cores(amount: int) -> str:
    return "1 core" if amount == _ONE_CORE else f"{scalar_text(amount)} cores"


def _hosts(agents: Iterable[AgentFacts]) -> str:
    return some([agent.name for agent in agents])
