"""How many executors of an application there is room for, on agents that are idle, and beside what runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sparkmesos_core.mesos.resources import Resources, scalar_text
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts
from sparkmesos_core.preflight.fitting_agent import shortage
from sparkmesos_core.preflight.need import thousandths
from sparkmesos_core.verify.facts.application import CORES_MAX, Application
from sparkmesos_core.verify.facts.cluster_state import AgentState
from sparkmesos_core.verify.named_agents import counted

_ONE_CORE = 1000
"""Thousandths."""


@dataclass(frozen=True)
class Room:
    """What some agents have room for, whatever `spark.cores.max` makes of it."""

    executors: int
    cores: int
    """Thousandths, that these executors would take."""
    agents: tuple[AgentFacts, ...]
    """Those with room for one at least."""


def room(
    application: Application, agents: Iterable[AgentState], part: Callable[[AgentState], Resources]
) -> Room:
    """What there is room for in a part of each agent: all of it, or what is free."""
    role = application.need.role
    fitting = []
    executors = cores = 0
    for agent in agents:
        available = part(agent).available_to(role)
        if number := application.executors_on(available):
            fitting.append(agent.facts)
            executors += number
            cores += application.cores_on(available)
    return Room(executors, cores, tuple(fitting))


def room_text(application: Application, found: Room) -> str:
    """`room for 5 executors`, `room for 5 executors, of which spark.cores.max allows 2`."""
    text = f"room for {counted(found.executors, 'executor')}"
    most = application.most_executors
    if application.executor_cores is None or most is None or most >= found.executors:
        return text
    return f"{text}, of which {CORES_MAX} allows {most}"


def why_none_fits(application: Application, agents: Sequence[AgentState], facts: ClusterFacts) -> str:
    """Why no executor fits into what is free on any of these agents, on all of which one would if idle."""
    remains = [replace(agent.facts, resources=agent.free) for agent in agents]
    found = shortage(application.need, remains, facts)
    return "" if found is None else found.finding.message


def size_text(application: Application) -> str:
    """What one executor takes: `2 cores and 1408 MiB`, `1 or more cores and 1408 MiB`."""
    need = application.need
    cores = scalar_text(need.cpus)
    least = "" if application.executor_cores is not None or need.fine_grained else "or more "
    port = f", with port {need.ports.pairs[0][0]}" if need.ports else ""
    return f"{cores} {least}{'core' if cores == '1' and not least else 'cores'} and {need.memory} MiB{port}"


def cores_text(amount: int) -> str:
    """Thousandths of a core in words: `1 core`, `2.5 cores`."""
    return "1 core" if amount == _ONE_CORE else f"{scalar_text(amount)} cores"


def too_small(
    application: Application, agents: Sequence[AgentState]
) -> dict[tuple[str, ...], list[AgentFacts]]:
    """The agents on which no executor fits, by the names of the resources that they lack."""
    found: dict[tuple[str, ...], list[AgentFacts]] = {}
    for agent in agents:
        lacking = application.need.lacks(agent.facts.resources.available_to(application.need.role))
        if lacking:
            found.setdefault(lacking, []).append(agent.facts)
    return found


def falls_short(application: Application, found: Room) -> str:
    """How much less than `spark.cores.max` there is room for, in words; empty if it is enough."""
    most, wanted = application.most_cores, application.wanted_cores
    if most is None or wanted is None or found.cores >= wanted:
        return ""
    return (
        f"{CORES_MAX} is {scalar_text(most)}, and there is room for executors with {cores_text(found.cores)}"
    )


def used(agents: Iterable[AgentState], name: str) -> tuple[int, int]:
    """How many thousandths of a scalar are in use, not just offered, and how many there are in all."""
    total = free = 0
    for agent in agents:
        total += thousandths(agent.facts.resources, name)
        free += thousandths(agent.free, name) + thousandths(agent.offered, name)
    return total - free, total
