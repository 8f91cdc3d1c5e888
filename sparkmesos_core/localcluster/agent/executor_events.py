"""The events of the v1 executor API, and what an agent adds to an executor's status updates. Pure."""

from __future__ import annotations

from typing import Any

from sparkmesos_core.localcluster.agent.agent_options import AgentOptions
from sparkmesos_core.localcluster.agent.executor import Executor, Task
from sparkmesos_core.localcluster.durations import duration_text as duration_text
from sparkmesos_core.mesos.attributes import attributes_json, parse_attributes
from sparkmesos_core.mesos.resources import ANY_ROLE, Resources

JsonObject = dict[str, Any]


def subscribed(executor: Executor, framework: JsonObject, options: AgentOptions, agent_id: str) -> JsonObject:
    """The first event of a subscription."""
    return {
        "type": "SUBSCRIBED",
        "subscribed": {
            "executor_info": executor.info,
            "framework_info": framework_info(framework),
            "agent_info": agent_info(options, agent_id),
            "container_id": {"value": executor.container_id},
        },
    }


def launch(task: Task) -> JsonObject:
    """A task for the executor."""
    info = {**task.info}
    info["resources"] = allocated(info.get("resources") or [], task.role)
    if "command" in info:
        info["command"] = command_info(info["command"])
    if "executor" in info:
        info["executor"] = executor_info(info["executor"], task.framework_id, task.role)
    return {"type": "LAUNCH", "launch": {"task": info}}


def kill(task_id: str, grace_seconds: float | None) -> JsonObject:
    """The order to end a task, with the kill policy of the scheduler's call if it has one."""
    event: JsonObject = {"task_id": {"value": task_id}}
    if grace_seconds is not None:
        event["kill_policy"] = {"grace_period": {"nanoseconds": round(grace_seconds * 1e9)}}
    return {"type": "KILL", "kill": event}


def acknowledged(task_id: str, uuid: str) -> JsonObject:
    """The agent has taken over a status update."""
    return {"type": "ACKNOWLEDGED", "acknowledged": {"task_id": {"value": task_id}, "uuid": uuid}}


def completed_status(status: JsonObject, executor: Executor, pid: int, ip: str, agent_id: str) -> JsonObject:
    """An executor's status with what only its agent knows: its own id, and the container's status."""
    protocol = "IPv6" if ":" in ip else "IPv4"
    container = dict(status.get("container_status") or {})
    container.setdefault("container_id", {"value": executor.container_id})
    if not container.get("network_infos"):
        container["network_infos"] = [{"ip_addresses": [{"protocol": protocol, "ip_address": ip}]}]
    container["executor_pid"] = pid
    return {
        **status,
        "source": "SOURCE_EXECUTOR",
        "agent_id": {"value": agent_id},
        "executor_id": {"value": executor.executor_id},
        "container_status": container,
    }


def framework_info(info: JsonObject) -> JsonObject:
    """A FrameworkInfo with the fields that have defaults."""
    return {
        **info,
        "failover_timeout": float(info.get("failover_timeout", 0.0)),
        "checkpoint": bool(info.get("checkpoint", False)),
    }


def executor_info(info: JsonObject, framework_id: str, role: str) -> JsonObject:
    """A v1 ExecutorInfo as an agent shows it: of its framework, its resources allocated to a role."""
    result = {**info, "framework_id": {"value": framework_id}}
    if "command" in info:
        result["command"] = command_info(info["command"])
    if "resources" in info:
        result["resources"] = allocated(info["resources"], role)
    return result


def command_info(command: JsonObject) -> JsonObject:
    """A v1 CommandInfo whose variables name their type."""
    environment = command.get("environment")
    variables = environment.get("variables") if isinstance(environment, dict) else None
    if not isinstance(variables, list):
        return command  # what is malformed fails its launch
    typed = [{**v, "type": v.get("type", "VALUE")} if isinstance(v, dict) else v for v in variables]
    return {**command, "environment": {**command["environment"], "variables": typed}}


def allocated(resources: list[JsonObject], role: str) -> list[JsonObject]:
    """v1 resources that are allocated to a role; what is reserved for nobody does not say so."""
    shown = []
    for resource in Resources.from_json(resources).to_json(allocation_role=role):
        reserved = resource.pop("role")
        if reserved != ANY_ROLE:
            resource["reservations"] = [{"type": "STATIC", "role": reserved}]
        shown.append(resource)
    return shown


def agent_info(options: AgentOptions, agent_id: str) -> JsonObject:
    """The v1 AgentInfo of an agent."""
    resources = []
    for resource in Resources.parse(options.resources).to_json():
        reserved = resource.pop("role")
        if reserved != ANY_ROLE:
            resource["reservations"] = [{"type": "STATIC", "role": reserved}]
        resources.append(resource)
    return {
        "hostname": options.hostname,
        "port": options.port,
        "resources": resources,
        "attributes": attributes_json(parse_attributes(options.attributes)),
        "id": {"value": agent_id},
    }
