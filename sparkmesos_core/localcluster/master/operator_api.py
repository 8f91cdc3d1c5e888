"""The v1 operator API of the embedded master (`POST /api/v1`), in the shapes of Mesos 1.12."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sparkmesos_core.localcluster import operator_json
from sparkmesos_core.localcluster.http_answers import json_answer, text_answer
from sparkmesos_core.localcluster.master import agent_operations, maintenance_http, master_json
from sparkmesos_core.localcluster.master.master import Master
from sparkmesos_core.localcluster.master.master_elements import AGENT_CAPABILITIES, drain_info
from sparkmesos_core.localcluster.master.master_records import (
    Agent,
    Executor,
    Framework,
    Offer,
    Task,
)
from sparkmesos_core.localcluster.master.master_state import MasterState
from sparkmesos_core.localcluster.operator_call import identity, read_call
from sparkmesos_core.localcluster.operator_json import MESOS_VERSION, in_full, sum_of
from sparkmesos_core.localcluster.operator_messages import (
    flag_list,
    framework_info,
    metric_list,
    nanoseconds,
    task_message,
    without_roles,
)
from sparkmesos_core.mesos.attributes import attributes_json, parse_attributes
from sparkmesos_core.mesos.resources import Resources

JsonObject = dict[str, Any]

_CALLS: dict[str, str | None] = {
    "GET_AGENTS": None,
    "GET_EXECUTORS": None,
    "GET_FLAGS": None,
    "GET_FRAMEWORKS": None,
    "GET_HEALTH": None,
    "GET_MASTER": None,
    "GET_METRICS": "get_metrics",
    "GET_ROLES": None,
    "GET_STATE": None,
    "GET_TASKS": None,
    "GET_VERSION": None,
    "TEARDOWN": "teardown",
    **agent_operations.CALLS,
    **maintenance_http.CALLS,
}


async def master_answer(
    master: Master, request: Request, flags: Mapping[str, str], metrics: Mapping[str, float]
) -> Response:
    """The answer of a leading master to a call."""
    call = await read_call(request, _CALLS, "master")
    if isinstance(call, Response):
        return call
    kind, fields = call
    if kind == "TEARDOWN":
        return _teardown(master, fields)
    if kind in agent_operations.CALLS:
        return agent_operations.answer_call(master, kind, fields)
    if kind in maintenance_http.CALLS:
        return maintenance_http.answer_call(master, request, kind, fields)
    return json_answer(request, {"type": kind, kind.lower(): _content(master.state, kind, flags, metrics)})


def _content(
    state: MasterState, kind: str, flags: Mapping[str, str], metrics: Mapping[str, float]
) -> JsonObject:
    match kind:
        case "GET_AGENTS":
            return agents(state)
        case "GET_EXECUTORS":
            return executors(state)
        case "GET_FLAGS":
            return flag_list(flags)
        case "GET_FRAMEWORKS":
            return frameworks(state)
        case "GET_HEALTH":
            return {"healthy": True}
        case "GET_MASTER":
            times = {"start_time": state.start_time, "elected_time": state.elected_time}
            return {"master_info": state.master_info(), **times}
        case "GET_METRICS":
            return metric_list(metrics)
        case "GET_ROLES":
            return roles(state)
        case "GET_STATE":
            return {
                "get_tasks": tasks(state),
                "get_executors": executors(state),
                "get_frameworks": frameworks(state),
                "get_agents": agents(state),
            }
        case "GET_TASKS":
            return tasks(state)
        case "GET_VERSION":
            return {"version_info": operator_json.version()}
    raise AssertionError(kind)


def agents(state: MasterState) -> JsonObject:
    """GET_AGENTS."""
    return {
        "agents": [_agent(agent, state) for agent in state.agents.values()],
        "recovered_agents": [
            _agent_info(
                agent_id, agent.hostname, agent.port, Resources.parse(agent.resources), agent.attributes
            )
            for agent_id, agent in state.recovered.items()
        ],
    }


def executors(state: MasterState) -> JsonObject:
    """GET_EXECUTORS."""
    return {
        "executors": [
            {"executor_info": executor.info, "agent_id": {"value": executor.agent_id}}
            for framework in state.frameworks.values()
            for executor in framework.executors.values()
        ]
    }


def frameworks(state: MasterState) -> JsonObject:
    """GET_FRAMEWORKS."""
    return {
        "frameworks": [_framework(framework) for framework in state.frameworks.values()],
        "completed_frameworks": [_framework(framework) for framework in state.completed_frameworks],
    }


def tasks(state: MasterState) -> JsonObject:
    """GET_TASKS."""
    known = [*state.frameworks.values(), *state.completed_frameworks]
    return {
        "tasks": [_task(task) for framework in known for task in framework.tasks.values()],
        "unreachable_tasks": [_task(task) for f in known for task in f.unreachable_tasks.values()],
        "completed_tasks": [_task(task) for framework in known for task in framework.completed_tasks],
    }


def roles(state: MasterState) -> JsonObject:
    """GET_ROLES."""
    result = []
    for role in master_json.roles(state)["roles"]:
        entry: JsonObject = {"name": role["name"], "weight": role["weight"]}
        if role["frameworks"]:
            entry["frameworks"] = [{"value": framework_id} for framework_id in role["frameworks"]]
        amounts = [
            {"name": name, "type": "SCALAR", "scalar": {"value": role["resources"][name]}}
            for name in ("cpus", "mem", "disk", "gpus")
            if role["resources"].get(name)
        ]
        result.append({**entry, **({"resources": amounts} if amounts else {})})
    return {"roles": result}


def _teardown(master: Master, fields: JsonObject) -> Response:
    try:
        master.teardown(identity(fields, "framework_id") or "")
    except KeyError:
        return text_answer(400, "No framework found with specified ID")
    return Response()


def _agent(agent: Agent, state: MasterState) -> JsonObject:
    where = agent.description
    result = {
        "agent_info": _agent_info(agent.agent_id, where.hostname, where.port, agent.total, where.attributes),
        "active": state.is_active(agent),
        "deactivated": agent.agent_id in state.registry.deactivated,
        "version": MESOS_VERSION,
        "pid": f"slave(1)@{where.ip}:{where.port}",
        "registered_time": nanoseconds(agent.registered_time),
        "total_resources": in_full(agent.total),
        "capabilities": [{"type": name} for name in AGENT_CAPABILITIES],
    }
    if (draining := state.registry.deactivated.get(agent.agent_id)) is not None:
        result["drain_info"] = drain_info(draining)
        if agent.drain_start is not None:
            result["estimated_drain_start_time"] = nanoseconds(int(agent.drain_start))  # of whole seconds
    if agent.reregistered_time is not None:
        result["reregistered_time"] = nanoseconds(agent.reregistered_time)
    return {**result, **_shares(_held(agent.tasks.values(), agent.executors.values()), agent.offers.values())}


def _agent_info(agent_id: str, hostname: str, port: int, total: Resources, attributes: str) -> JsonObject:
    return {
        "hostname": hostname,
        "port": port,
        "resources": without_roles(in_full(total)),
        "attributes": attributes_json(parse_attributes(attributes)),
        "id": {"value": agent_id},
        "checkpoint": True,
    }


def _framework(framework: Framework) -> JsonObject:
    result: JsonObject = {
        "framework_info": framework_info(framework.info),
        "active": framework.connected,
        "connected": framework.connected,
        "recovered": framework.recovered,
    }
    times = {
        "registered_time": framework.registered_time,
        "reregistered_time": framework.reregistered_time or framework.registered_time,
        "unregistered_time": framework.unregistered_time,
    }
    result |= {name: nanoseconds(time) for name, time in times.items() if time}
    if framework.offers:
        result["offers"] = [_offer(offer) for offer in framework.offers.values()]
    held = _held(framework.tasks.values(), framework.executors.values())
    return {**result, **_shares(held, framework.offers.values()), "offer_constraints": {}}


def _held(tasks: Iterable[Task], executors: Iterable[Executor]) -> list[tuple[str, Resources]]:
    """The roles and resources of what uses some."""
    using = [(task.role, task.resources) for task in tasks if task.holds_resources]
    return using + [(executor.role, executor.resources) for executor in executors]


def _shares(held: Iterable[tuple[str, Resources]], offers: Iterable[Offer]) -> JsonObject:
    """What is used and what is offered, by role, without what is empty."""
    offered = [(offer.role, offer.resources) for offer in offers]
    shares = {"allocated_resources": _by_role(held), "offered_resources": _by_role(offered)}
    return {name: resources for name, resources in shares.items() if resources}


def _by_role(several: Iterable[tuple[str, Resources]]) -> list[JsonObject]:
    listed = list(several)
    result: list[JsonObject] = []
    for role in dict.fromkeys(role for role, _ in listed):
        result += in_full(sum_of(resources for other, resources in listed if other == role), role)
    return result


def _offer(offer: Offer) -> JsonObject:
    return {
        "id": {"value": offer.offer_id},
        "framework_id": {"value": offer.framework_id},
        "agent_id": {"value": offer.agent_id},
        "allocation_info": {"role": offer.role},
        "resources": without_roles(in_full(offer.resources, offer.role)),
    }


def _task(task: Task) -> JsonObject:
    return task_message(
        task.info,
        framework_id=task.framework_id,
        agent_id=task.agent_id,
        executor_id=task.executor_id,
        role=task.role,
        resources=task.resources,
        state=task.state,
        statuses=task.statuses,
        sent_state=task.sent_state,
        sent_uuid=task.sent_uuid,
    )
