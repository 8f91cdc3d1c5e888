"""One verdict on many agents: what is wrong on several of them is told once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.check import Problem, Verdict
from sparkmesos_core.verify.named_agents import some_names
from sparkmesos_core.verify.probe.result import TriedAgent

_MOST_DETAILS = 12


@dataclass(frozen=True)
class Wrong:
    """What is wrong on an agent: for agents where it is the same, it is told once."""

    what: str
    """To stand behind "On 2 of 3 agents: "."""
    hint: str
    key: str = ""
    severity: Severity = Severity.ERROR


Judged = Iterable[tuple[TriedAgent, Wrong | None, Sequence[str]]]
"""Agents, what is wrong there, and lines that show it."""


def verdict_of(seen: Callable[[int], str], judged: Judged) -> Verdict:
    """The verdict of a check; what is wrong on some agents only is no error: Spark can use the others."""
    agents = list(judged)
    groups: dict[Wrong, list[tuple[TriedAgent, Sequence[str]]]] = {}
    for agent, wrong, details in agents:
        if wrong is not None:
            groups.setdefault(wrong, []).append((agent, details))
    bad = sum(map(len, groups.values()))
    problems = []
    for wrong, affected in groups.items():
        severity = wrong.severity
        if severity is Severity.ERROR and bad < len(agents):
            severity = Severity.WARNING
        where = _where([agent for agent, _ in affected], len(agents))
        details = tuple(line for line in affected[0][1] if line.strip())[-_MOST_DETAILS:]
        problems.append(Problem(severity, f"{where}: {wrong.what}", wrong.hint, wrong.key, details=details))
    return Verdict(seen(len(agents) - bad), tuple(problems))


def _where(affected: Sequence[TriedAgent], total: int) -> str:
    names = some_names([agent.name for agent in affected])
    if total == 1:
        return f"On the only agent tried, {names}"
    if len(affected) == total:
        return f"On all {total} agents tried ({names})"
    return f"On {len(affected)} of {total} agents tried ({names})"


def counted(agents: int) -> str:
    """`1 agent`, `2 agents`."""
    return "1 agent" if agents == 1 else f"{agents} agents"
