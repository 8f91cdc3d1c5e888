"""Which agents executors may start on, by their attributes and were they idle."""

from __future__ import annotations

from sparkmesos_core.conf.finding import Finding
from sparkmesos_core.errors import MesosError
from sparkmesos_core.preflight.fitting_agent import Shortage, ShortageKind, constraints_unmet, shortage
from sparkmesos_core.verify.excluded_agents import Division, divide
from sparkmesos_core.verify.facts.application import APPLICATION
from sparkmesos_core.verify.facts.cluster import CLUSTER_FACTS
from sparkmesos_core.verify.facts.cluster_state import AgentState
from sparkmesos_core.verify.facts.registered_agents import REGISTERED
from sparkmesos_core.verify.known import Fact, Known


def _division(known: Known) -> Division:
    agents = [agent.facts for agent in known[REGISTERED].agents]
    return divide(agents, known[APPLICATION].need)


DIVISION: Fact[Division] = Fact(
    "which agents meet the constraints", _division, reported_by="agents-constraints"
)


def _matching(known: Known) -> tuple[AgentState, ...]:
    state, meeting = known[REGISTERED], known[DIVISION].meeting
    if not meeting:
        raise _error(constraints_unmet(known[APPLICATION].need, known[CLUSTER_FACTS]))
    ids = {agent.id for agent in meeting}
    return tuple(agent for agent in state.agents if agent.facts.id in ids)


MATCHING: Fact[tuple[AgentState, ...]] = Fact(
    "agents that meet the constraints", _matching, reported_by="agents-constraints"
)
"""At least one of them."""


def _shortage(known: Known) -> Shortage | None:
    agents = [agent.facts for agent in known[MATCHING]]
    return shortage(known[APPLICATION].need, agents, known[CLUSTER_FACTS])


SHORTAGE: Fact[Shortage | None] = Fact(
    "whether an executor fits on an agent", _shortage, reported_by="agents-executor-size"
)
"""Why one executor fits on none of MATCHING, be they idle; None if it does."""


def _without(kind: ShortageKind, reported_by: str) -> Fact[None]:
    def read(known: Known) -> None:
        if (found := known[SHORTAGE]) is not None and found.kind is kind:
            raise _error(found.finding)

    return Fact("an agent that an executor fits on", read, reported_by=reported_by)


NO_SHORTAGE_OF_SIZE = _without(ShortageKind.SIZE, "agents-executor-size")
OTHER_SHORTAGES = (
    _without(ShortageKind.ROLE, "agents-role"),
    _without(ShortageKind.PORTS, "agents-ports"),
    _without(ShortageKind.GPUS, "agents-gpus"),
)
"""Not known if that is what keeps executors off all agents: so one check tells, and the others follow."""


def _error(finding: Finding) -> MesosError:
    return MesosError(finding.message, hint=finding.hint)
