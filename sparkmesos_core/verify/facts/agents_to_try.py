"""Which agents the probe's tasks may be started on, and what to say if there are none."""

from __future__ import annotations

from sparkmesos_core.errors import MesosError
from sparkmesos_core.verify.facts.application import NEED
from sparkmesos_core.verify.facts.cluster_state import AgentState
from sparkmesos_core.verify.facts.fitting_agents import MATCHING
from sparkmesos_core.verify.facts.registered_agents import REGISTERED
from sparkmesos_core.verify.known import Fact, Known, UnknownFactError
from sparkmesos_core.verify.named_agents import some_agents

_RESTART = (
    "See on these machines whether the agent runs, and start it if not; else its log says what keeps it from "
    "the master."
)
_REACTIVATE = "Reactivate them when their maintenance is over: the call REACTIVATE_AGENT to the master."


def _unread(_known: Known) -> None:
    return None


CONNECTED: Fact[None] = Fact("agents that are connected", _unread, reported_by="agents-inactive")
ACTIVATED: Fact[None] = Fact("agents that are activated", _unread, reported_by="agents-deactivated")
NOT_DRAINED: Fact[None] = Fact("agents that are not drained", _unread, reported_by="agents-draining")
"""At the root of there being no agent that takes part, for which the checks that report them have errors.

They are not read.
"""


def _agents_to_try(known: Known) -> tuple[AgentState, ...]:
    agents, need = known[REGISTERED].agents, known[NEED]
    active = [agent for agent in agents if agent.facts.active]
    if not active:
        _tell_absence(agents)
    found = tuple(agent for agent in active if not need.unmet(agent.facts.attributes))
    if not found:
        others = [agent.facts for agent in known[MATCHING]]
        raise MesosError(
            "There is no agent to try: of those that meet spark.mesos.constraints none takes part now "
            f"({some_agents(others)})",
            hint="Bring them back, or change the constraints so that others meet them.",
        )
    return found


AGENTS_TO_TRY: Fact[tuple[AgentState, ...]] = Fact(
    "agents to try", _agents_to_try, reported_by="probe-agents"
)
"""Those that take part and meet the constraints, at least one. Not known if there is none."""


def _tell_absence(agents: tuple[AgentState, ...]) -> None:
    """Raises what keeps the first of the agents from taking part, of which none does."""
    first = agents[0]
    if first.draining:
        alike = [agent.facts for agent in agents if agent.draining]
        root, what, hint = NOT_DRAINED, "drained by an operator", _REACTIVATE
    elif first.deactivated:
        alike = [agent.facts for agent in agents if agent.deactivated and not agent.draining]
        root, what, hint = ACTIVATED, "deactivated by an operator", _REACTIVATE
    else:
        alike = [agent.facts for agent in agents if not (agent.deactivated or agent.draining)]
        root, what, hint = CONNECTED, "disconnected from the master", _RESTART
    are = "is" if len(alike) == 1 else "are"
    message = f"There is no agent to try, since none takes part: {some_agents(alike)} {are} {what}"
    raise UnknownFactError(root, MesosError(message, hint=hint))
