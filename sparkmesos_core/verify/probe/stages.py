"""How far each agent has come in a probe: who fails at one thing is left out of what follows it."""

from __future__ import annotations

from collections.abc import Sequence

from sparkmesos_core.verify.probe.agent_java import wrong_java
from sparkmesos_core.verify.probe.result import Ending, ProbeResult, TriedAgent
from sparkmesos_core.verify.probe.troubles import Trouble, trouble_of


def fetched(result: ProbeResult) -> tuple[TriedAgent, ...]:
    """The agents that have fetched what there was to fetch."""
    return _without(result, result.agents, Trouble.FETCH)


def with_user(result: ProbeResult) -> tuple[TriedAgent, ...]:
    """Those of them that have the user."""
    return _without(result, fetched(result), Trouble.USER)


def started(result: ProbeResult) -> tuple[TriedAgent, ...]:
    """Those of them whose task has come to its end."""
    return tuple(agent for agent in with_user(result) if agent.ending is Ending.TOLD)


def with_spark(result: ProbeResult) -> tuple[TriedAgent, ...]:
    """Those of them that have found Spark, and a shell for its programs."""
    return tuple(agent for agent in started(result) if agent.said("layout") == "found" and agent.said("bash"))


def with_java(result: ProbeResult) -> tuple[TriedAgent, ...]:
    """Those of them with a Java that this Spark runs on."""
    return tuple(agent for agent in with_spark(result) if wrong_java(agent) is None)


def with_name(result: ProbeResult) -> tuple[TriedAgent, ...]:
    """Those that have started and know the driver's name, if it is one and they could ask."""
    return tuple(agent for agent in started(result) if agent.said("name") or not has_asked_name(agent))


def has_asked_name(agent: TriedAgent) -> bool:
    """Whether the task has looked up the name of the driver's host."""
    return agent.report is not None and "name" in agent.report


def _without(result: ProbeResult, agents: Sequence[TriedAgent], trouble: Trouble) -> tuple[TriedAgent, ...]:
    fetches = bool(result.plan.uris)
    return tuple(agent for agent in agents if trouble_of(agent, fetches=fetches) is not trouble)
