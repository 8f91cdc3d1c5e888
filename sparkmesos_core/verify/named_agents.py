"""How agents are named in what checks say: some of thousands, and the rest as a number."""

from __future__ import annotations

from collections.abc import Sequence

from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.quoting import printable

_MOST_NAMED = 3
_MOST_LINES = 20


def name_of(agent: AgentFacts) -> str:
    """An agent as it calls itself, with its port only if others do so, too."""
    return printable(agent.name)


def some_agents(agents: Sequence[AgentFacts]) -> str:
    """The first few agents, and how many more there are."""
    return _some([name_of(agent) for agent in agents[:_MOST_NAMED]], len(agents))


def many_agents(agents: Sequence[AgentFacts]) -> str:
    """As `some_agents`, but as many as a line beneath a problem may name."""
    return _some([name_of(agent) for agent in agents[:_MOST_LINES]], len(agents))


def some_names(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    return _some([printable(name) for name in names[:_MOST_NAMED]], len(names))


def counted(number: int, thing: str = "agent") -> str:
    """`1 agent`, `2 agents`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def part_of(number: int, total: int, thing: str = "agent") -> str:
    """`2 of 5 agents`, or `both agents`, `all 5 agents`, `the only agent`."""
    if number < total:
        return f"{number} of {counted(total, thing)}"
    whole = {1: f"the only {thing}", 2: f"both {thing}s"}
    return whole.get(total, f"all {total} {thing}s")


def lines(items: Sequence[str]) -> tuple[str, ...]:
    """As many as are shown beneath a problem, and how many more there are."""
    shown = tuple(map(printable, items[:_MOST_LINES]))
    more = len(items) - len(shown)
    return (*shown, f"… and {more} more") if more else shown


def _some(named: Sequence[str], total: int) -> str:
    text = ", ".join(named)
    more = total - len(named)
    return f"{text} and {more} more" if more > 0 else text
