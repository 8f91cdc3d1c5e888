"""Which agents an application's constraints leave out, and which of them leaves out which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.mesos.attributes import Attribute
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.preflight.need import ExecutorNeed
from sparkmesos_core.quoting import quoted
from sparkmesos_core.verify.named_agents import counted, many_agents

_NOBODY_HAS_IT = ""


@dataclass(frozen=True)
class Division:
    """The agents as constraints divide them."""

    meeting: tuple[AgentFacts, ...]
    excluded: dict[tuple[Constraint, str], list[AgentFacts]] = field(default_factory=dict)
    """Those that a constraint leaves out, by what they have instead of what it asks for; empty text: nothing.

    An agent that several constraints leave out is with each of them."""

    def lines(self) -> list[str]:
        """Who meets all of them, if not everybody does, and a line for each constraint and value.

        The constraints are in their order, what leaves out the most agents comes first.
        """
        order = list(dict.fromkeys(constraint for constraint, _ in self.excluded))
        groups = sorted(self.excluded.items(), key=lambda one: (order.index(one[0][0]), -len(one[1])))
        met = f"{counted(len(self.meeting))} will do: {many_agents(self.meeting)}"
        first = [met] if self.meeting and self.excluded else []
        return first + [
            f"{constraint} leaves out {counted(len(agents))}, "
            f"{_instead(constraint, value, len(agents))}: {many_agents(agents)}"
            for (constraint, value), agents in groups
        ]


def divide(agents: Iterable[AgentFacts], need: ExecutorNeed) -> Division:
    """Which agents Spark takes offers of, and why it does not take those of others."""
    meeting: list[AgentFacts] = []
    excluded: dict[tuple[Constraint, str], list[AgentFacts]] = {}
    judged: dict[tuple[Attribute, ...], tuple[tuple[Constraint, str], ...]] = {}
    for agent in agents:
        reasons = judged.get(agent.attributes)  # of thousands of agents most have the same
        if reasons is None:
            failing = need.unmet(agent.attributes)
            reasons = tuple((one, _value_of(one, agent.attributes)) for one in failing)
            judged[agent.attributes] = reasons
        for reason in reasons:
            excluded.setdefault(reason, []).append(agent)
        if not reasons:
            meeting.append(agent)
    in_order = sorted(excluded.items(), key=lambda one: need.constraints.index(one[0][0]))
    return Division(tuple(meeting), dict(in_order))


def _value_of(constraint: Constraint, attributes: Sequence[Attribute]) -> str:
    found = [str(one.state_value()) for one in attributes if one.name == constraint.attribute]
    return found[-1] if found else _NOBODY_HAS_IT


def _instead(constraint: Constraint, value: str, agents: int) -> str:
    if value == _NOBODY_HAS_IT:
        have = "has" if agents == 1 else "have"
        return f"which {have} no {constraint.attribute}"
    return f"where {constraint.attribute} is {quoted(value)}"
