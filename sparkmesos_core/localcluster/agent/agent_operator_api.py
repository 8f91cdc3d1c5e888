"""The v1 operator API of an embedded agent (`POST /api/v1`), in the shapes of Mesos 1.12."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sparkmesos_core.localcluster import operator_json
from sparkmesos_core.localcluster.agent import agent_json
from sparkmesos_core.localcluster.agent.agent import Agent
from sparkmesos_core.localcluster.agent.executor import Executor, Task
from sparkmesos_core.localcluster.http_answers import json_answer, wrong_method
from sparkmesos_core.localcluster.operator_call import read_call
from sparkmesos_core.localcluster.operator_json import in_full
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
    "GET_AGENT": None,
    "GET_CONTAINERS": None,
    "GET_EXECUTORS": None,
    "GET_FLAGS": None,
    "GET_FRAMEWORKS": None,
    "GET_HEALTH": None,
    "GET_METRICS": "get_metrics",
    "GET_STATE": None,
    "GET_TASKS": None,
    "GET_VERSION": None,
}


async def agent_answer(agent: Agent, request: Request, flags: Mapping[str, str]) -> Response:
    """The answer of an agent to a call."""
    if request.method != "POST":
        return wrong_method("POST", request.method)
    call = await read_call(request, _CALLS, "agent")
    if isinstance(call, Response):
        return call
    kind, _ = call
    if kind == "GET_CONTAINERS":
        found = [_container(container) for container in await agent_json.containers(agent)]
        # Mesos leaves this one out when it is empty, as it does nowhere else.
        content = {"get_containers": {"containers": found}} if found else {}
        return json_answer(request, {"type": kind, **content})
    return json_answer(request, {"type": kind, kind.lower(): _content(agent, kind, flags)})


def _content(agent: Agent, kind: str, flags: Mapping[str, str]) -> JsonObject:
    match kind:
        case "GET_AGENT":
            return {"agent_info": _agent_info(agent), **_draining(agent)}
        case "GET_EXECUTORS":
            return executors(agent)
        case "GET_FLAGS":
            return flag_list(flags)
        case "GET_FRAMEWORKS":
            return frameworks(agent)
        case "GET_HEALTH":
            return {"healthy": True}
        case "GET_METRICS":
            return metric_list(agent_json.agent_metrics(agent))
        case "GET_STATE":
            return {
                "get_tasks": tasks(agent),
                "get_executors": executors(agent),
                "get_frameworks": frameworks(agent),
            }
        case "GET_TASKS":
            return tasks(agent)
        case "GET_VERSION":
            return {"version_info": operator_json.version()}
    raise AssertionError(kind)


def executors(agent: Agent) -> JsonObject:
    """GET_EXECUTORS."""
    known = agent.frameworks.values()
    return {
        "executors": [_executor(e) for framework in known for e in framework.executors.values()],
        "completed_executors": [_executor(e) for framework in known for e in framework.completed],
    }


def frameworks(agent: Agent) -> JsonObject:
    """GET_FRAMEWORKS."""
    known = agent.frameworks.values()
    return {
        "frameworks": [{"framework_info": framework_info(f.info)} for f in known if f.executors],
        "completed_frameworks": [
            {"framework_info": framework_info(f.info)} for f in known if not f.executors
        ],
    }


def tasks(agent: Agent) -> JsonObject:
    """GET_TASKS."""
    known = [
        executor
        for framework in agent.frameworks.values()
        for executor in (*framework.executors.values(), *framework.completed)
    ]

    def shown(of: Callable[[Executor], Iterable[Task]]) -> list[JsonObject]:
        return [_task(agent, executor, task) for executor in known for task in of(executor)]

    return {
        "pending_tasks": [],
        "queued_tasks": shown(lambda executor: executor.queued.values()),
        "launched_tasks": shown(lambda executor: executor.launched.values()),
        "terminated_tasks": shown(lambda executor: executor.terminated.values()),
        "completed_tasks": shown(lambda executor: executor.completed),
    }


def _agent_info(agent: Agent) -> JsonObject:
    o = agent.options
    return {
        "hostname": o.hostname,
        "port": o.port,
        "resources": without_roles(in_full(Resources.parse(o.resources))),
        "attributes": attributes_json(parse_attributes(o.attributes)),
        "checkpoint": True,
        **({"id": {"value": agent.agent_id}} if agent.agent_id is not None else {}),
    }


def _draining(agent: Agent) -> JsonObject:
    shown = agent_json.draining(agent)
    if (since := shown.pop("estimated_drain_start_time_seconds", None)) is not None:
        shown["estimated_drain_start_time"] = nanoseconds(since)
    return shown


def _container(container: JsonObject) -> JsonObject:
    """A container of `/containers` as this API shows it."""
    shown = {
        "framework_id": {"value": container["framework_id"]},
        "executor_id": {"value": container["executor_id"]},
        "executor_name": container["executor_name"],
        "container_id": {"value": container["container_id"]},
        "container_status": container["status"],
    }
    if "statistics" in container:
        shown["resource_statistics"] = container["statistics"]
    return shown


def _executor(executor: Executor) -> JsonObject:
    resources = Resources.from_json(executor.info.get("resources") or [])
    shown = without_roles(in_full(resources, executor.role))
    return {"executor_info": {**executor.info, "resources": shown}}


def _task(agent: Agent, executor: Executor, task: Task) -> JsonObject:
    sent: JsonObject = task.statuses[task.sent - 1] if task.sent else {}
    return task_message(
        task.info,
        framework_id=task.framework_id,
        agent_id=agent.agent_id or "",
        executor_id=None if executor.is_command else executor.executor_id,
        role=task.role,
        resources=task.resources,
        state=task.state,
        statuses=task.statuses,
        sent_state=sent.get("state"),
        sent_uuid=sent.get("uuid"),
    )
