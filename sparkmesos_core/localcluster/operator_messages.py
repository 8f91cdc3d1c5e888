"""Messages of the v1 operator API that masters and agents have in common, in the shapes of Mesos 1.12."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sparkmesos_core.localcluster.operator_json import in_full
from sparkmesos_core.mesos.resources import Resources

JsonObject = dict[str, Any]

_KEPT_OF_TASK_INFO = ("labels", "discovery", "container", "health_check", "kill_policy")


def flag_list(flags: Mapping[str, str]) -> JsonObject:
    """GET_FLAGS."""
    return {"flags": [{"name": name, "value": value} for name, value in sorted(flags.items())]}


def metric_list(metrics: Mapping[str, float]) -> JsonObject:
    """GET_METRICS."""
    return {"metrics": [{"name": name, "value": value} for name, value in sorted(metrics.items())]}


def task_message(
    info: JsonObject,
    *,
    framework_id: str,
    agent_id: str,
    executor_id: str | None,
    role: str,
    resources: Resources,
    state: str,
    statuses: Sequence[JsonObject],
    sent_state: str | None,
    sent_uuid: str | None,
) -> JsonObject:
    """A Task. `sent_*` are of the update that was sent on last; `executor_id` is None for a command."""
    result: JsonObject = {
        "name": info["name"],
        "task_id": info["task_id"],
        "framework_id": {"value": framework_id},
        "agent_id": {"value": agent_id},
        "state": state,
        "resources": without_roles(in_full(resources, role)),
        "statuses": list(statuses),
    }
    if executor_id is not None:
        result["executor_id"] = {"value": executor_id}
    if sent_state is not None:
        result["status_update_state"] = sent_state
    if sent_uuid is not None:
        result["status_update_uuid"] = sent_uuid
    return {**result, **{name: info[name] for name in _KEPT_OF_TASK_INFO if name in info}}


def framework_info(info: JsonObject) -> JsonObject:
    """A FrameworkInfo with the defaults that Mesos fills in."""
    defaults = {"failover_timeout": float(info.get("failover_timeout", 0)), "checkpoint": False}
    return {**defaults, **info, "failover_timeout": defaults["failover_timeout"]}


def without_roles(resources: Iterable[JsonObject]) -> list[JsonObject]:
    """Resources in the format that has reservations only."""
    return [{name: value for name, value in item.items() if name != "role"} for item in resources]


def nanoseconds(seconds: float) -> JsonObject:
    """A TimeInfo."""
    return {"nanoseconds": int(seconds * 1e9)}
