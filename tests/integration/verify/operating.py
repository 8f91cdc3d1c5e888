"""What an operator of Mesos does to agents, over the operator API of the leading master."""

from __future__ import annotations

import time

import requests

from sparkmesos_core.localcluster.cluster import RunningCluster

_PATIENCE_SECONDS = 60.0


def deactivate(cluster: RunningCluster, agent: int) -> None:
    """Nothing is offered of the agent any more. Its number is counted from 0."""
    _call(cluster, "DEACTIVATE_AGENT", agent)


def reactivate(cluster: RunningCluster, agent: int) -> None:
    """It is offered again."""
    _call(cluster, "REACTIVATE_AGENT", agent)


def drain(cluster: RunningCluster, agent: int) -> None:
    """Nothing is offered of it, and its tasks are killed."""
    _call(cluster, "DRAIN_AGENT", agent)


def mark_gone(cluster: RunningCluster, agent: int) -> None:
    """It ends, and never comes back."""
    _call(cluster, "MARK_AGENT_GONE", agent)


def await_slaves(cluster: RunningCluster, number: int, *, key: str = "slaves") -> None:
    """Until the master's /slaves lists so many agents; `key` may be `recovered_slaves`."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while len(requests.get(f"{cluster.http_url}/slaves", timeout=30).json()[key]) != number:
        assert time.monotonic() < deadline, f"there are not {number} {key}"


def _call(cluster: RunningCluster, kind: str, agent: int) -> None:
    living = cluster.nodes.agents[agent].agent
    assert living is not None
    assert living.agent_id is not None
    answer = requests.post(
        f"{cluster.http_url}/api/v1",
        json={"type": kind, kind.lower(): {"agent_id": {"value": living.agent_id}}},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
