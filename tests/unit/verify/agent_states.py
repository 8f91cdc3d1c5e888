"""Agents, and applications, that tests of verdicts make up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.verify.facts.application import APPLICATION, Application
from sparkmesos_core.verify.facts.cluster_state import AgentState
from sparkmesos_core.verify.known import Known
from tests.unit.preflight.clusters import agent
from tests.verified import subject


def state(
    resources: str = "cpus:4;mem:4096;ports:[31000-32000]",
    attributes: str = "",
    *,
    free: str | None = None,
    offered: str = "",
    hostname: str = "agent1",
    active: bool = True,
    version: str = "1.12.0",
    **more: Any,
) -> AgentState:
    """An agent of which nothing is used, unless `free` says what is left."""
    facts = agent(resources, attributes, hostname=hostname, active=active)
    return AgentState(
        facts=replace(facts, version=version),
        free=facts.resources if free is None else Resources.parse(free),
        offered=Resources.parse(offered),
        **more,
    )


def application(**properties: str) -> Application:
    """What these properties ask for: `executor_cores` stands for `spark.executor.cores`."""
    settings = {f"spark.{name.replace('_', '.')}": value for name, value in properties.items()}
    with Known(subject(settings), timeout=60) as known:
        return known[APPLICATION]
