"""Pieces that the operator endpoints of master and agents have in common, in the shapes of Mesos 1.12."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sparkmesos_core.localcluster.v1_info import capabilities
from sparkmesos_core.mesos.resources import ANY_ROLE, Resources

JsonObject = dict[str, Any]

MESOS_VERSION = "1.12.0"
"""The release whose behaviour the embedded cluster follows, and the version that it reports."""


def version() -> JsonObject:
    """`/version`: the release that is followed, and that this is not it."""
    return {
        "build_date": "",
        "build_time": 0.0,
        "build_user": "sparkmesos embedded cluster",
        "version": MESOS_VERSION,
    }


def task_json(
    info: JsonObject,
    framework_id: str,
    agent_id: str,
    role: str,
    resources: Resources,
    state: str,
    statuses: Iterable[JsonObject],
    executor_id: str = "",
) -> JsonObject:
    """A task as `/state` and `/tasks` show it; only custom executors are named."""
    return {
        "id": info["task_id"]["value"],
        "name": info["name"],
        "framework_id": framework_id,
        "executor_id": executor_id,
        "slave_id": agent_id,
        "state": state,
        "resources": resources.summary(),
        "role": role,
        "statuses": [_shown_status(status) for status in statuses],
        **labels_json(info),
    }


def _shown_status(status: JsonObject) -> JsonObject:
    shown = {"state": status["state"], "timestamp": status["timestamp"]}
    if "container_status" in status:
        container = status["container_status"]
        shown["container_status"] = {
            k: v for k, v in container.items() if k in ("container_id", "network_infos")
        }
    return shown


def labels_json(info: JsonObject) -> JsonObject:
    """`labels` of a FrameworkInfo or TaskInfo, nothing if it has none."""
    labels = (info.get("labels") or {}).get("labels") if isinstance(info.get("labels"), dict) else None
    return {"labels": labels} if labels else {}


def role_or_roles(info: JsonObject) -> JsonObject:
    """A framework's role, or its roles if it is MULTI_ROLE capable."""
    if "MULTI_ROLE" in capabilities(info):
        return {"roles": info.get("roles", [])}
    return {"role": info.get("role", ANY_ROLE)}


def reservations(total: Resources) -> JsonObject:
    """How much is reserved, by role, and how much is not."""
    return {
        "reserved_resources": {role: resources.summary() for role, resources in total.reserved().items()},
        "unreserved_resources": total.of_role(ANY_ROLE).summary(),
    }


def reservations_in_full(total: Resources) -> JsonObject:
    """The same as Resource objects."""
    return {
        "reserved_resources_full": {role: in_full(resources) for role, resources in total.reserved().items()},
        "unreserved_resources_full": in_full(total.of_role(ANY_ROLE)),
    }


def in_full(resources: Resources, allocation_role: str | None = None) -> list[JsonObject]:
    """Resources with both formats of their reservations, as operator endpoints show them."""
    return [
        {**r, "reservations": [{"type": "STATIC", "role": r["role"]}]} if r["role"] != ANY_ROLE else r
        for r in resources.to_json(allocation_role=allocation_role)
    ]


def sum_of(several: Iterable[Resources]) -> Resources:
    """All of these together."""
    total = Resources()
    for resources in several:
        total = total + resources
    return total


def drain_config(max_grace_seconds: float | None, *, mark_gone: bool) -> JsonObject:
    """A v1 DrainConfig."""
    config: JsonObject = {"mark_gone": mark_gone}
    if max_grace_seconds is not None:
        config["max_grace_period"] = {"nanoseconds": int(max_grace_seconds * 1e9)}
    return config
