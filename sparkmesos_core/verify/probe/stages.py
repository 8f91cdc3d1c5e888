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


def starting_executors(result: ProbeResult) -> tuple[TriedAgent, ...]:
    """Those with a Java on which nothing keeps Spark's executor from its start."""
    return tuple(agent for agent in with_java(result) if agent.said("class") in ("", "runs"))


def with_disk(result: ProbeResult) -> tuple[TriedAgent, ...]:
    """Those that have started and whose sandbox can be written to."""
    return tuple(agent for agent in started(result) if agent.said("disk.write") != "failed")


def reaching_driver(result: ProbeResult) -> tuple[TriedAgent, ...]:
    """Those that know the driver's name and reach it, or could not try."""
    return tuple(agent for agent in with_name(result) if agent.said("driver") in ("", "reached"))


def reaching_block_manager(result: ProbeResult) -> tuple[TriedAgent, ...]:
    """Those of them that reach its block manager, or could not try."""
    return tuple(agent for agent in reaching_driver(result) if agent.said("block-manager") in ("", "reached"))


def has_asked_name(agent: TriedAgent) -> bool:
    """Whether the task has looked up the name of the driver's host."""
    return agent.report is not None and "name" in agent.report


def _without(result: ProbeResult, agents: Sequence[TriedAgent], trouble: Trouble) -> tuple[TriedAgent, ...]:
    fetches = bool(result.plan.uris)
    return tuple(agent for agent in agents if trouble_of(agent, fetches=fetches) is not trouble)
