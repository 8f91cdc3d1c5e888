"""Agents, frameworks, tasks, offers and executors as the master's operator endpoints show them."""

from __future__ import annotations

from typing import Any

from sparkmesos_core.localcluster.master.master_records import (
    Agent,
    Executor,
    Framework,
    Offer,
    Task,
)
from sparkmesos_core.localcluster.master.registry import Draining, Registry
from sparkmesos_core.localcluster.messages import AgentDescription
from sparkmesos_core.localcluster.operator_json import (
    MESOS_VERSION,
    drain_config,
    in_full,
    labels_json,
    reservations,
    reservations_in_full,
    role_or_roles,
    sum_of,
    task_json,
)
from sparkmesos_core.localcluster.v1_info import capabilities
from sparkmesos_core.mesos.attributes import attributes_state
from sparkmesos_core.mesos.resources import Resources

JsonObject = dict[str, Any]

AGENT_CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT")


def address_json(agent_id: str, where: AgentDescription) -> JsonObject:
    """The beginning of an agent that is admitted, here or not."""
    return {"id": agent_id, "hostname": where.hostname, "port": where.port}


def slave_json(agent: Agent, registry: Registry) -> JsonObject:
    """An agent in `/state`."""
    where = agent.description
    result = {
        **address_json(agent.agent_id, where),
        "attributes": attributes_state(agent.attributes),
        "pid": f"slave(1)@{where.ip}:{where.port}",
        "registered_time": agent.registered_time,
        "resources": agent.total.summary(),
        "used_resources": used_of(agent).summary(),
        "offered_resources": offered_of(agent).summary(),
        **reservations(agent.total),
        "active": agent.connected and agent.agent_id not in registry.deactivated,
        "deactivated": agent.agent_id in registry.deactivated,
        "version": MESOS_VERSION,
        "capabilities": list(AGENT_CAPABILITIES),
    }
    if (draining := registry.deactivated.get(agent.agent_id)) is not None:
        result["drain_info"] = drain_info(draining)
        if agent.drain_start is not None:
            result["estimated_drain_start_time_seconds"] = agent.drain_start
    if agent.reregistered_time is not None:
        result["reregistered_time"] = agent.reregistered_time
    return result


def drain_info(draining: Draining) -> JsonObject:
    """A v1 DrainInfo."""
    config = drain_config(draining.max_grace_seconds, mark_gone=draining.mark_gone)
    return {"state": "DRAINED" if draining.done else "DRAINING", "config": config}


def slave_in_full_json(agent: Agent, registry: Registry) -> JsonObject:
    """An agent in `/slaves`."""
    used: dict[str, Resources] = {}
    for user in users_of(agent):
        used[user.role] = used.get(user.role, Resources()) + user.resources
    return {
        **slave_json(agent, registry),
        **reservations_in_full(agent.total),
        "used_resources_full": [r for role, total in used.items() for r in in_full(total, role)],
        "offered_resources_full": [
            r for o in agent.offers.values() for r in in_full(o.resources.offer_order(), o.role)
        ],
    }


def framework_head_json(framework: Framework) -> JsonObject:
    """The beginning of a framework, which is all that `/state-summary` has of it."""
    return {
        "id": framework.framework_id,
        "name": framework.info["name"],
        "used_resources": _used(framework).summary(),
        "offered_resources": _offered(framework).summary(),
        "capabilities": sorted(capabilities(framework.info)),
        "hostname": framework.info.get("hostname", ""),
        "webui_url": framework.info.get("webui_url", ""),
        "active": framework.connected,
        "connected": framework.connected,
        "recovered": framework.recovered,
    }


def framework_json(framework: Framework) -> JsonObject:
    """A framework in `/state` and `/frameworks`."""
    info = framework.info
    result = {
        **framework_head_json(framework),
        "user": info["user"],
        "failover_timeout": float(info.get("failover_timeout", 0)),
        "checkpoint": bool(info.get("checkpoint", False)),
        "registered_time": framework.registered_time,
        "unregistered_time": framework.unregistered_time,
        "resources": (_used(framework) + _offered(framework)).summary(),
        **role_or_roles(info),
        "tasks": [task_of_master_json(task) for task in framework.tasks.values()],
        "unreachable_tasks": [task_of_master_json(task) for task in framework.unreachable_tasks.values()],
        "completed_tasks": [task_of_master_json(task) for task in framework.completed_tasks],
        "offers": [_offer(offer) for offer in framework.offers.values()],
        "executors": [_executor(executor) for executor in framework.executors.values()],
        "offer_constraints": {},
    }
    if "principal" in info:
        result["principal"] = info["principal"]
    if framework.reregistered_time is not None:
        result["reregistered_time"] = framework.reregistered_time
    return {**result, **labels_json(info)}


def _offer(offer: Offer) -> JsonObject:
    return {
        "id": offer.offer_id,
        "framework_id": offer.framework_id,
        "allocation_info": {"role": offer.role},
        "slave_id": offer.agent_id,
        "resources": offer.resources.summary(),
    }


def task_of_master_json(task: Task) -> JsonObject:
    """A task as the master shows it."""
    return task_json(
        task.info,
        task.framework_id,
        task.agent_id,
        task.role,
        task.resources,
        task.state,
        task.statuses,
        task.executor_id or "",
    )


def _executor(executor: Executor) -> JsonObject:
    info = executor.info
    result = {
        "executor_id": executor.executor_id,
        "name": info.get("name", ""),
        "framework_id": executor.framework_id,
        "command": _command(info.get("command") or {}),
        "resources": executor.resources.summary(),
        **labels_json(info),
        "slave_id": executor.agent_id,
    }
    if executor.resources:
        result["role"] = executor.role
    if "type" in info:
        result["type"] = info["type"]
    return result


def _command(command: JsonObject) -> JsonObject:
    result: JsonObject = {"shell": bool(command.get("shell", True))}
    if "value" in command:
        result["value"] = command["value"]
    result["argv"] = list(command.get("arguments") or [])
    if "environment" in command:
        result["environment"] = command["environment"]
    result["uris"] = list(command.get("uris") or [])
    return result


def users_of(agent: Agent) -> list[Task | Executor]:
    """What uses an agent's resources: tasks that have not ended, and custom executors."""
    running = [task for task in agent.tasks.values() if task.holds_resources]
    return [*running, *agent.executors.values()]


def used_of(agent: Agent) -> Resources:
    """How much of an agent is used."""
    return sum_of(user.resources for user in users_of(agent))


def offered_of(agent: Agent) -> Resources:
    """How much of an agent is offered."""
    return sum_of(offer.resources for offer in agent.offers.values())


def _used(framework: Framework) -> Resources:
    running = [task for task in framework.tasks.values() if task.holds_resources]
    users: list[Task | Executor] = [*running, *framework.executors.values()]
    return sum_of(user.resources for user in users)


def _offered(framework: Framework) -> Resources:
    return sum_of(offer.resources for offer in framework.offers.values())
