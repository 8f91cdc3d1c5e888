"""Executors' tasks as the backend for Spark 4 describes them, asked of the harness."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from tests.integration.backend.harness import Harness

Json = dict[str, Any]

AGENT_URL: Json = {
    "scheme": "http",
    "address": {"hostname": "agent1.mesos.example", "ip": "10.0.0.1", "port": 5051},
    "path": "/slave(1)",
}
OFFER: Json = {
    "id": {"value": "offer-1"},
    "agent_id": {"value": "agent-1"},
    "hostname": "agent1.mesos.example",
    "resources": [
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 8.0}, "role": "*"},
        {"name": "mem", "type": "SCALAR", "scalar": {"value": 16384.0}, "role": "*"},
    ],
}
APPLICATION: Json = {
    "id": "5e0a-0001",
    "name": "app",
    "driverUrl": "spark://CoarseGrainedScheduler@127.0.0.1:38000",
    "executorEnvironment": {},
    "executorOptions": "",
}


def offer(**changed: Any) -> Json:
    """An offer of an agent with room enough."""
    return {**copy.deepcopy(OFFER), **changed}


def tasks(
    harness: Harness,
    properties: Mapping[str, str],
    *,
    environment: Mapping[str, str] | None = None,
    application: Mapping[str, Any] | None = None,
    profiles: Sequence[Json] = (),
    events: Sequence[Json] | None = None,
) -> list[Json]:
    """The TaskInfos of what is launched on one offer, or in the course of events."""
    told: list[Json] = harness.ask(
        "tasks",
        {
            "properties": dict(properties),
            "environment": {"SPARK_HOME": "/opt/spark"} if environment is None else dict(environment),
            "profiles": list(profiles),
            "application": {**APPLICATION, **(application or {})},
            "events": [{"at": 0, "offers": [OFFER]}] if events is None else list(events),
        },
    )
    return told


def task(harness: Harness, properties: Mapping[str, str], **how: Any) -> Json:
    """The only one of them."""
    [found] = tasks(harness, {"spark.cores.max": "1", **properties}, **how)
    return found


def variables(info: Json) -> dict[str, Json]:
    """The variables of a TaskInfo by their names, each of which is there once."""
    listed = info["command"]["environment"]["variables"]
    found = {one["name"]: one for one in listed}
    assert len(found) == len(listed)
    return found
