"""An operator who drains agents and maintains machines of an embedded cluster, whoever leads it meanwhile."""

from __future__ import annotations

import json
import time
import urllib.error
from collections.abc import Mapping
from typing import Any

from sparkmesos_core.localcluster.cluster import RunningCluster
from tests.soak.master_picture import ask, told

JsonObject = Mapping[str, Any]


class Operator:
    """Asks the leading master. What is not done at once because there is none, is to be asked again."""

    def __init__(self, cluster: RunningCluster) -> None:
        self._cluster = cluster

    def drain(self, host: str, grace_seconds: int) -> str | None:
        """Drain the agent of a host, which there is one of; its id, None if the master does not do so now."""
        agent = self._agent(host)
        if agent is None:
            return None
        fields = {"agent_id": {"value": agent["id"]}, "max_grace_period": {"seconds": grace_seconds}}
        return str(agent["id"]) if self._ask("DRAIN_AGENT", fields) else None

    def reactivate(self, agent_id: str) -> bool:
        """Take an agent back into service when it is drained; whether that is done."""
        agent = next((one for one in self._agents() if one["id"] == agent_id), None)
        if agent is None:
            return False
        return "drain_info" not in agent or self._ask("REACTIVATE_AGENT", {"agent_id": {"value": agent_id}})

    def has_agent(self, host: str) -> bool:
        """Whether the agent of a host is registered, and active."""
        return self._agent(host) is not None

    def schedule(self, host: str, begin_seconds: float) -> bool:
        """Tell that the machine of an agent is to be maintained, and no other one; whether that is done."""
        begin = int((time.time() + begin_seconds) * 1e9)
        window = {"machine_ids": [_machine(host)], "unavailability": {"start": {"nanoseconds": begin}}}
        return self._ask("UPDATE_MAINTENANCE_SCHEDULE", {"schedule": {"windows": [window]}})

    def unschedule(self) -> bool:
        """No machine is to be maintained; whether that is done."""
        return self._ask("UPDATE_MAINTENANCE_SCHEDULE", {"schedule": {}})

    def take_down(self, host: str) -> bool:
        """Begin what is scheduled: the agent ends with all it runs; whether that is done."""
        return self._ask("START_MAINTENANCE", {"machines": [_machine(host)]})

    def bring_up(self, host: str) -> bool:
        """End it, so that an agent can register from there again; whether that is done."""
        return self._ask("STOP_MAINTENANCE", {"machines": [_machine(host)]})

    def _ask(self, kind: str, fields: JsonObject) -> bool:
        leading = self._cluster.control.leading_master()
        if leading is None:
            return False
        try:
            ask(self._cluster.master_urls[leading], kind, fields)
        except OSError:  # refused, too: what it refuses now it may not know yet
            return False
        return True

    def _agent(self, host: str) -> JsonObject | None:
        return next(
            (agent for agent in self._agents() if agent["hostname"] == host and agent["active"]), None
        )

    def _agents(self) -> list[JsonObject]:
        leading = self._cluster.control.leading_master()
        if leading is None:
            return []
        try:
            return list(told(self._cluster.master_urls[leading], "/slaves")["slaves"])
        except (OSError, json.JSONDecodeError, urllib.error.URLError):
            return []


def _machine(host: str) -> JsonObject:
    return {"hostname": host, "ip": "127.0.0.1"}
