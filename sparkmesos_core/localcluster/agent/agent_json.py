"""The JSON of an agent's operator endpoints, in the shapes of Mesos 1.12."""

from __future__ import annotations

import json
import os
from typing import Any

import psutil

from sparkmesos_core.localcluster.agent.agent import Agent
from sparkmesos_core.localcluster.agent.docker_container import SANDBOX_IN_CONTAINER
from sparkmesos_core.localcluster.agent.executor import Executor, ExecutorState, FrameworkOnAgent, Task
from sparkmesos_core.localcluster.agent.statistics import statistics
from sparkmesos_core.localcluster.durations import duration_text
from sparkmesos_core.localcluster.operator_json import (
    drain_config,
    labels_json,
    reservations,
    reservations_in_full,
    role_or_roles,
    sum_of,
    task_json,
    version,
)
from sparkmesos_core.mesos.attributes import attributes_state, parse_attributes
from sparkmesos_core.mesos.resources import ANY_ROLE, Resources
from sparkmesos_core.redaction import REDACTED, is_secret_name

JsonObject = dict[str, Any]

AGENT_CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT")


def agent_state(agent: Agent) -> JsonObject:
    """`/state` of an agent."""
    o = agent.options
    total = Resources.parse(o.resources)
    allocated = sum_of(executor.resources() for executor in _executors(agent))
    return {
        **version(),
        "start_time": agent.start_time,
        "id": agent.agent_id or "",
        "pid": f"slave(1)@{o.ip}:{o.port}",
        "hostname": o.hostname,
        "capabilities": list(AGENT_CAPABILITIES),
        **draining(agent),
        "resources": total.summary(),
        **reservations(total),
        **reservations_in_full(total),
        "reserved_resources_allocated": {
            role: resources.summary() for role, resources in allocated.reserved().items()
        },
        "unreserved_resources_allocated": allocated.of_role(ANY_ROLE).summary(),
        "resource_providers": [],
        "attributes": attributes_state(parse_attributes(o.attributes)),
        "flags": agent_flags(agent),
        **({"log_dir": str(o.log.parent)} if o.log is not None else {}),
        "frameworks": [_framework_on_agent(agent, f) for f in agent.frameworks.values() if f.executors],
        "completed_frameworks": [
            _framework_on_agent(agent, f) for f in agent.frameworks.values() if not f.executors
        ],
    }


def draining(agent: Agent) -> JsonObject:
    """What `/state` says of an agent that is drained; nothing of others."""
    how = agent.executors.draining
    if how is None:
        return {}
    shown: JsonObject = {"drain_config": drain_config(how.max_grace_seconds, mark_gone=how.mark_gone)}
    if (since := agent.executors.drain_start) is not None:
        shown["estimated_drain_start_time_seconds"] = int(since)
    return shown


def agent_flags(agent: Agent) -> JsonObject:
    """`/flags` of an agent: those which are true here."""
    o = agent.options
    flags = {
        "containerizers": "docker,mesos" if o.docker else "mesos",
        "default_role": ANY_ROLE,
        "executor_registration_timeout": duration_text(o.executor_registration_timeout),
        "executor_reregistration_timeout": duration_text(o.executor_reregistration_timeout),
        "executor_shutdown_grace_period": duration_text(o.executor_shutdown_grace_period),
        "fetcher_stall_timeout": duration_text(o.fetching.stall_seconds),
        "hostname": o.hostname,
        "http_command_executor": "false",
        "ip": o.ip,
        "isolation": "posix/cpu,posix/mem",
        "launcher": "posix",
        "port": str(o.port),
        "reconfiguration_policy": "equal",
        "recover": o.recover,
        "recovery_timeout": duration_text(o.recovery_timeout),
        "registration_backoff_factor": duration_text(o.registration_backoff),
        "resources": o.resources,
        "sandbox_directory": SANDBOX_IN_CONTAINER,
        "switch_user": "false",
        "version": "false",
        "work_dir": str(o.work_dir),
    }
    if (cache := o.fetching.cache) is not None:
        flags["fetcher_cache_dir"] = str(cache.folder)
        flags["fetcher_cache_size"] = bytes_text(cache.size)
    if o.docker:
        flags["docker"] = o.docker
        flags["docker_stop_timeout"] = duration_text(o.docker_stop_timeout)
    if o.log is not None:
        flags["log_dir"] = str(o.log.parent)
    if o.attributes:
        flags["attributes"] = o.attributes
    if o.executor_environment:
        shown = {
            name: REDACTED if is_secret_name(name) else value
            for name, value in o.executor_environment.items()
        }
        flags["executor_environment_variables"] = json.dumps(shown)
    return flags


def bytes_text(size: int) -> str:
    """A size as Mesos prints it: `2GB`, `512MB`, `10B`."""
    for unit, name in ((1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size}B"


async def containers(agent: Agent) -> list[JsonObject]:
    """`/containers` of an agent, with what each uses at this moment."""
    found = [
        (executor, container)
        for executor in _executors(agent)
        if (container := agent.executors.container(executor)) is not None
    ]
    measurable = [(executor, container) for executor, container in found if container.is_measurable]
    measured = await statistics(
        [(container.pid, executor.resources()) for executor, container in measurable],
        agent.processes,
        agent.clock(),
    )
    used = {e.container_id: m for (e, _), m in zip(measurable, measured, strict=True)}
    return [
        {
            "container_id": executor.container_id,
            "executor_id": executor.executor_id,
            "executor_name": executor.info.get("name", ""),
            "framework_id": executor.framework_id,
            "source": executor.info.get("source", ""),
            **({"statistics": used[executor.container_id]} if executor.container_id in used else {}),
            "status": {
                "container_id": {"value": executor.container_id},
                "executor_pid": agent.executors.executor_pid(executor),
            },
        }
        for executor, _ in found
    ]


async def monitor_statistics(agent: Agent) -> list[JsonObject]:
    """`/monitor/statistics` of an agent, the older form of `/containers`."""
    names = ("executor_id", "executor_name", "framework_id", "source", "statistics")
    return [{name: c[name] for name in names if name in c} for c in await containers(agent)]


def agent_metrics(agent: Agent) -> JsonObject:
    """`/metrics/snapshot` of an agent: those of Mesos that mean something here."""
    executors = list(_executors(agent))
    tasks = [task for executor in executors for task in executor.live_tasks()]
    total = Resources.parse(agent.options.resources)
    used = sum_of(executor.resources() for executor in executors)
    memory = psutil.virtual_memory()
    cache = agent.options.fetching.cache
    result: JsonObject = {
        "containerizer/fetcher/cache_size_total_bytes": float(cache.size if cache is not None else 0),
        "containerizer/fetcher/cache_size_used_bytes": float(cache.used if cache is not None else 0),
        "slave/registered": float(agent.is_registered),
        "slave/uptime_secs": agent.clock() - agent.start_time,
        "slave/recovery_time_secs": agent.recovery_seconds,
        "slave/frameworks_active": float(sum(1 for f in agent.frameworks.values() if f.executors)),
        "system/cpus_total": float(os.cpu_count() or 1),
        "system/mem_total_bytes": float(memory.total),
        "system/mem_free_bytes": float(memory.free),
    }
    for minutes, load in zip((1, 5, 15), os.getloadavg(), strict=True):
        result[f"system/load_{minutes}min"] = load
    for name in ("cpus", "disk", "gpus", "mem"):
        has, takes = total.scalar(name), used.scalar(name)
        result[f"slave/{name}_total"] = has
        result[f"slave/{name}_used"] = takes
        result[f"slave/{name}_percent"] = takes / has if has else 0.0
    for state in (ExecutorState.REGISTERING, ExecutorState.RUNNING, ExecutorState.TERMINATING):
        result[f"slave/executors_{state.value}"] = float(sum(1 for e in executors if e.state is state))
    for name in ("staging", "starting", "running", "killing"):
        result[f"slave/tasks_{name}"] = float(sum(1 for t in tasks if t.state == f"TASK_{name.upper()}"))
    counted = (
        "container_launch_errors",
        "executors_terminated",
        "invalid_framework_messages",
        "invalid_status_updates",
        "tasks_failed",
        "tasks_finished",
        "tasks_gone",
        "tasks_killed",
        "tasks_lost",
        "valid_framework_messages",
        "valid_status_updates",
    )
    for name in counted:
        result[f"slave/{name}"] = float(agent.executors.counts[name])
    return dict(sorted(result.items()))


def _executors(agent: Agent) -> list[Executor]:
    return [e for framework in agent.frameworks.values() for e in framework.executors.values()]


def _framework_on_agent(agent: Agent, framework: FrameworkOnAgent) -> JsonObject:
    info = framework.info
    result = {
        "id": framework.framework_id,
        "name": info["name"],
        "user": info["user"],
        "failover_timeout": float(info.get("failover_timeout", 0)),
        "checkpoint": bool(info.get("checkpoint", False)),
        "hostname": info.get("hostname", ""),
        **role_or_roles(info),
        "executors": [_executor(agent, executor) for executor in framework.executors.values()],
        "completed_executors": [_executor(agent, executor) for executor in framework.completed],
    }
    if "principal" in info:
        result["principal"] = info["principal"]
    return result


def _executor(agent: Agent, executor: Executor) -> JsonObject:
    def shown(task: Task) -> JsonObject:
        result = task_json(
            task.info,
            task.framework_id,
            agent.agent_id or "",
            task.role,
            task.resources,
            task.state,
            task.statuses,
        )
        # A command executor is none of the framework's: Mesos leaves its id out.
        return {**result, "executor_id": "" if executor.is_command else executor.executor_id}

    ended = [*executor.terminated.values(), *executor.completed]
    return {
        "id": executor.executor_id,
        "name": executor.info.get("name", ""),
        "source": executor.info.get("source", ""),
        "container": executor.container_id,
        "directory": str(executor.sandbox),
        "resources": executor.resources().summary(),
        "role": executor.role,
        **labels_json(executor.info),
        "tasks": [shown(task) for task in executor.launched.values()],
        "queued_tasks": [shown(task) for task in executor.queued.values()],
        "completed_tasks": [shown(task) for task in ended],
    }
