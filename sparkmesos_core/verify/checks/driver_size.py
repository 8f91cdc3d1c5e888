"""Whether the driver of an application in cluster mode fits on an agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.conf.values.overheads import container_memory, driver_overhead
from sparkmesos_core.mesos.constraints import in_words, met_by_none, unmet
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.preflight.need import thousandths
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.facts.dispatcher import wants_cluster_mode
from sparkmesos_core.verify.facts.registered_agents import REGISTERED
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.verify.named_agents import name_of, part_of
from sparkmesos_core.verify.room import cores_text

CHECKS = Checks(Group.AGENTS)

_CONSTRAINTS = "spark.mesos.driver.constraints"
_CORES, _MEMORY = "spark.driver.cores", "spark.driver.memory"
_OVERHEADS = (
    "spark.mesos.driver.memoryOverhead",
    "spark.driver.memoryOverhead",
    "spark.driver.memoryOverheadFactor",
)
_UNITS = 1000
"""Mesos counts scalars in thousandths."""


@dataclass(frozen=True)
class DriverNeed:
    """What a driver's container asks of an agent."""

    cpus: int
    """Thousandths of a core."""
    memory: int
    """MiB, with the overhead."""
    constraints: tuple[Constraint, ...] = ()

    def text(self) -> str:
        """`2 cores and 1408 MiB`."""
        return f"{cores_text(self.cpus)} and {self.memory} MiB"

    def fits_on(self, agent: AgentFacts) -> bool:
        """Whether there is so much on the agent, for whichever role: the dispatcher's may be any."""
        memory = thousandths(agent.resources, "mem")
        return self.cpus <= thousandths(agent.resources, "cpus") and self.memory * _UNITS <= memory


def driver_need(configuration: Configuration) -> DriverNeed:
    """What a dispatcher makes of a configuration. Raises UsageError for values that it could not use."""
    mesos, generic, factor = (configuration.typed(key) for key in _OVERHEADS)
    return DriverNeed(
        cpus=round(configuration.typed(_CORES) * _UNITS),
        memory=container_memory(configuration.typed(_MEMORY), driver_overhead(mesos, generic), factor),
        constraints=configuration.typed(_CONSTRAINTS),
    )


def _need(known: Known) -> DriverNeed:
    return driver_need(known.subject.configuration)


DRIVER_NEED: Fact[DriverNeed] = Fact("what the driver needs", _need, reported_by="configuration")


@CHECKS.add(
    "agents-driver-size",
    "Agents large enough for the driver",
    Severity.ERROR,
    finds="in cluster mode: no agent meets `spark.mesos.driver.constraints`, or is large enough for the "
    "driver, which stays *QUEUED* at the dispatcher for ever",
    remedy="Lower `spark.driver.memory` or `spark.driver.cores`, correct `spark.mesos.driver.constraints`, "
    "or add larger agents.",
)
def _driver_size(known: Known) -> Verdict:
    if not wants_cluster_mode(known):
        return not_applicable("the driver does not run on an agent (client mode)")
    return judge_driver(known[DRIVER_NEED], [agent.facts for agent in known[REGISTERED].agents])


def judge_driver(need: DriverNeed, agents: Sequence[AgentFacts]) -> Verdict:
    """Whether the driver fits on some agent, at least one, were it idle."""
    meeting = [agent for agent in agents if not unmet(need.constraints, agent.attributes)]
    written = ";".join(map(str, need.constraints))
    if not meeting:
        found = met_by_none(need.constraints, [agent.attributes for agent in agents])
        problem = Problem(
            Severity.ERROR,
            f"No agent meets {in_words(found, written)}, which the driver has to run on",
            f"Correct {_CONSTRAINTS}, or add agents with these attributes.",
            _CONSTRAINTS,
        )
        return Verdict(f"no agent meets {written}", (problem,))
    fitting = [agent for agent in meeting if need.fits_on(agent)]
    seen = f"{part_of(len(fitting), len(agents))} would do for a driver of {need.text()}"
    if fitting:
        return Verdict(seen)
    short = [
        key
        for key, name, amount in ((_CORES, "cpus", need.cpus), (_MEMORY, "mem", need.memory * _UNITS))
        if all(thousandths(agent.resources, name) < amount for agent in meeting)
    ] or [_CORES, _MEMORY]
    large = max(meeting, key=lambda agent: thousandths(agent.resources, "mem"))
    problem = Problem(
        Severity.ERROR,
        f"The driver needs {need.text()}, with its overhead, and no agent has that: the one with the most "
        f"memory, {name_of(large)}, has {large.resources.scalar('cpus'):g} cores and "
        f"{large.resources.scalar('mem'):g} MiB",
        f"Lower {' or '.join(short)}, or add a larger agent.",
        short[0] if len(short) == 1 else "",
    )
    return Verdict(seen, (problem,))
