"""The JSON of the operator endpoints of the embedded master and agents, in the shapes of Mesos 1.12."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sparkmesos_core.localcluster.agent import Agent, FrameworkOnAgent, Run
from sparkmesos_core.localcluster.launch_validation import capabilities
from sparkmesos_core.localcluster.master_state import (
    MAX_COMPLETED_FRAMEWORKS,
    MAX_COMPLETED_TASKS,
    MESOS_VERSION,
    Framework,
    MasterState,
    Offer,
    Task,
)
from sparkmesos_core.localcluster.master_state import Agent as RegisteredAgent
from sparkmesos_core.mesos.attributes import attributes_state, parse_attributes
from sparkmesos_core.mesos.resources import ANY_ROLE, Resources

JsonObject = dict[str, Any]

AGENT_CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE")
_COUNTED_STATES = (
    "TASK_STAGING",
    "TASK_STARTING",
    "TASK_RUNNING",
    "TASK_KILLING",
    "TASK_FINISHED",
    "TASK_KILLED",
    "TASK_FAILED",
    "TASK_LOST",
    "TASK_ERROR",
    "TASK_UNREACHABLE",
)
_EXECUTOR_OVERHEAD = Resources.parse("cpus:0.1;mem:32")
"""What a command executor takes on top of its task, on the agent's books only."""


def version() -> JsonObject:
    """`/version`: the release that is followed, and that this is not it."""
    return {
        "build_date": "",
        "build_time": 0.0,
        "build_user": "sparkmesos embedded cluster",
        "version": MESOS_VERSION,
    }


def master_flags(state: MasterState) -> JsonObject:
    """`/flags`: those of a real master which are true here."""
    o = state.options
    return {
        "allocation_interval": _duration(o.allocation_interval),
        "allocator": "hierarchical",
        "authenticate_agents": "false",
        "authenticate_frameworks": "false",
        "authenticate_http_frameworks": "false",
        "authenticate_http_readonly": "false",
        "authenticate_http_readwrite": "false",
        "filter_gpu_resources": "true",
        "framework_sorter": "drf",
        "hostname": o.hostname,
        "ip": o.ip,
        "max_completed_frameworks": str(MAX_COMPLETED_FRAMEWORKS),
        "max_completed_tasks_per_framework": str(MAX_COMPLETED_TASKS),
        "min_allocatable_resources": "cpus:0.01|mem:32",
        "port": str(o.port),
        "role_sorter": "drf",
        "version": "false",
    }


def master_state(state: MasterState) -> JsonObject:
    """`/state` of the master."""
    o = state.options
    pid = f"master@{o.ip}:{o.port}"
    return {
        **version(),
        "start_time": state.start_time,
        "elected_time": state.start_time,
        "id": state.master_id,
        "pid": pid,
        "hostname": o.hostname,
        "capabilities": ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"],
        "activated_slaves": float(len(state.agents)),
        "deactivated_slaves": 0.0,
        "unreachable_slaves": 0.0,
        "leader": pid,
        "leader_info": {"id": state.master_id, "pid": pid, "port": o.port, "hostname": o.hostname},
        "flags": master_flags(state),
        "slaves": [_slave(state, agent) for agent in state.agents.values()],
        "recovered_slaves": [],
        **frameworks(state),
        "orphan_tasks": [],
    }


def frameworks(state: MasterState) -> JsonObject:
    """`/frameworks`."""
    return {
        "frameworks": [_framework(state, f) for f in state.frameworks.values()],
        "completed_frameworks": [_framework(state, f) for f in state.completed_frameworks],
        "unregistered_frameworks": [],
    }


def slaves(state: MasterState) -> JsonObject:
    """`/slaves`."""
    return {
        "slaves": [_slave_in_full(state, agent) for agent in state.agents.values()],
        "recovered_slaves": [],
    }


def tasks(state: MasterState, query: dict[str, str]) -> JsonObject:
    """`/tasks`, with its parameters framework_id, task_id, limit, offset and order (`asc` or `des`)."""
    found = [
        task
        for task in state.all_tasks()
        if query.get("framework_id") in (None, "", task.framework_id)
        and query.get("task_id") in (None, "", task.task_id)
    ]
    # Mesos sorts by the time of the first status; tasks without one come first in descending order.
    found.sort(
        key=lambda task: task.statuses[0]["timestamp"] if task.statuses else float("inf"),
        reverse=query.get("order") != "asc",
    )
    offset, limit = _whole(query.get("offset"), 0), _whole(query.get("limit"), 100)
    return {"tasks": [_task(task) for task in found[offset : offset + limit]]}


def state_summary(state: MasterState) -> JsonObject:
    """`/state-summary`."""
    everything = [task for f in state.frameworks.values() for task in (*f.tasks.values(), *f.completed_tasks)]
    summarised_slaves = []
    for agent in state.agents.values():
        own = [task for task in everything if task.agent_id == agent.agent_id]
        framework_ids = list(dict.fromkeys(task.framework_id for task in own))
        summarised_slaves.append({**_slave(state, agent), **_counts(own), "framework_ids": framework_ids})
    summarised_frameworks = []
    for framework in state.frameworks.values():
        own = [*framework.tasks.values(), *framework.completed_tasks]
        summarised_frameworks.append(
            {
                **_framework_head(state, framework),
                **_counts(own),
                "slave_ids": list(dict.fromkeys(task.agent_id for task in own)),
            }
        )
    return {
        "hostname": state.options.hostname,
        "slaves": summarised_slaves,
        "frameworks": summarised_frameworks,
    }


def roles(state: MasterState) -> JsonObject:
    """`/roles`: those with frameworks or reservations."""
    total = sum_of(agent.total for agent in state.agents.values())
    names = {role for framework in state.frameworks.values() for role in framework.roles}
    names |= set(total.reserved())
    result = []
    for name in sorted(names):
        offered = sum_of(offer.resources for offer in state.offers.values() if offer.role == name)
        used = sum_of(task.resources for task in state.all_tasks() if task.role == name and not task.ended)
        reserved = total.of_role(name) if name != ANY_ROLE else Resources()
        result.append(
            {
                "name": name,
                "weight": 1.0,
                "quota": {
                    "role": name,
                    "guarantee": {},
                    "limit": {},
                    "consumed": _quantities(reserved + used.of_role(ANY_ROLE)),
                },
                "resources": _quantities(used + offered),
                "allocated": _quantities(used),
                "offered": _quantities(offered),
                "reserved": _quantities(reserved),
                "frameworks": [f.framework_id for f in state.frameworks.values() if name in f.roles],
            }
        )
    return {"roles": result}


def master_metrics(state: MasterState, now: float) -> JsonObject:
    """`/metrics/snapshot`: the gauges of a real master which mean something here."""
    total = sum_of(agent.total for agent in state.agents.values())
    everything = list(state.all_tasks())
    used = sum_of(task.resources for task in everything if not task.ended)
    connected = sum(framework.connected for framework in state.frameworks.values())
    metrics: dict[str, float] = {
        "master/elected": 1.0,
        "master/uptime_secs": now - state.start_time,
        "master/slaves_active": float(len(state.agents)),
        "master/slaves_connected": float(len(state.agents)),
        "master/slaves_disconnected": 0.0,
        "master/slaves_inactive": 0.0,
        "master/slaves_unreachable": 0.0,
        "master/frameworks_active": float(connected),
        "master/frameworks_connected": float(connected),
        "master/frameworks_disconnected": float(len(state.frameworks) - connected),
        "master/frameworks_inactive": float(len(state.frameworks) - connected),
        "master/outstanding_offers": float(len(state.offers)),
    }
    for name in ("cpus", "mem", "disk", "gpus"):
        whole, part = total.scalar(name), used.scalar(name)
        metrics[f"master/{name}_total"] = whole
        metrics[f"master/{name}_used"] = part
        metrics[f"master/{name}_percent"] = part / whole if whole else 0.0
    for counted in _COUNTED_STATES:
        name = counted.removeprefix("TASK_").lower()
        metrics[f"master/tasks_{name}"] = float(sum(task.state == counted for task in everything))
    return dict(sorted(metrics.items()))


def agent_state(agent: Agent) -> JsonObject:
    """`/state` of an agent."""
    o = agent.options
    total = Resources.parse(o.resources)
    allocated = sum_of(
        _executor_resources(run) for framework in agent.frameworks.values() for run in framework.runs.values()
    )
    return {
        **version(),
        "start_time": agent.start_time,
        "id": o.agent_id,
        "pid": f"slave(1)@{o.ip}:{o.port}",
        "hostname": o.hostname,
        "capabilities": list(AGENT_CAPABILITIES),
        "resources": total.summary(),
        **_reservations(total),
        **_reservations_in_full(total),
        "reserved_resources_allocated": {
            role: resources.summary() for role, resources in allocated.reserved().items()
        },
        "unreserved_resources_allocated": allocated.of_role(ANY_ROLE).summary(),
        "resource_providers": [],
        "attributes": attributes_state(parse_attributes(o.attributes)),
        "flags": agent_flags(agent),
        "frameworks": [_framework_on_agent(agent, f) for f in agent.frameworks.values() if f.runs],
        "completed_frameworks": [
            _framework_on_agent(agent, f) for f in agent.frameworks.values() if not f.runs
        ],
    }


def agent_flags(agent: Agent) -> JsonObject:
    """`/flags` of an agent: those which are true here."""
    o = agent.options
    flags = {
        "containerizers": "mesos",
        "default_role": ANY_ROLE,
        "executor_shutdown_grace_period": "5secs",
        "fetcher_stall_timeout": "1mins",
        "hostname": o.hostname,
        "http_command_executor": "false",
        "ip": o.ip,
        "launcher": "posix",
        "port": str(o.port),
        "resources": o.resources,
        "switch_user": "false",
        "version": "false",
        "work_dir": str(o.work_dir),
    }
    if o.attributes:
        flags["attributes"] = o.attributes
    return flags


def containers(agent: Agent) -> list[JsonObject]:
    """`/containers` of an agent, without statistics, which nobody collects here."""
    return [
        {
            "container_id": run.container_id,
            "executor_id": run.task_id,
            "executor_name": executor_name(run),
            "framework_id": run.framework_id,
            "source": run.task_id,
            "status": {"container_id": {"value": run.container_id}, "executor_pid": run.pid},
        }
        for framework in agent.frameworks.values()
        for run in framework.runs.values()
        if run.pid is not None
    ]


def executor_name(run: Run) -> str:
    """How Mesos names a command executor: its task and the beginning of its command."""
    command = run.task["command"]
    text = str(command.get("value", ""))
    if not command.get("shell", True):
        text = ", ".join([text, *(str(argument) for argument in command.get("arguments") or [])])
    text = text if len(text) <= 15 else text[:12] + "..."
    text = f"sh -c '{text}'" if command.get("shell", True) else f"[{text}]"
    return f"Command Executor (Task: {run.task_id}) (Command: {text})"


# --- parts


def _slave(state: MasterState, agent: RegisteredAgent) -> JsonObject:
    where = agent.registration
    return {
        "id": agent.agent_id,
        "hostname": where.hostname,
        "port": where.port,
        "attributes": attributes_state(agent.attributes),
        "pid": f"slave(1)@{where.ip}:{where.port}",
        "registered_time": agent.registered_time,
        "resources": agent.total.summary(),
        "used_resources": sum_of(t.resources for t in running_on(state, agent)).summary(),
        "offered_resources": sum_of(o.resources for o in offered_of(state, agent)).summary(),
        **_reservations(agent.total),
        "active": True,
        "deactivated": False,
        "version": MESOS_VERSION,
        "capabilities": list(AGENT_CAPABILITIES),
    }


def _slave_in_full(state: MasterState, agent: RegisteredAgent) -> JsonObject:
    used: list[JsonObject] = []
    for role in dict.fromkeys(task.role for task in running_on(state, agent)):
        total = sum_of(task.resources for task in running_on(state, agent) if task.role == role)
        used += _in_full(total, role)
    offered = [r for o in offered_of(state, agent) for r in _in_full(o.resources, o.role)]
    return {
        **_slave(state, agent),
        **_reservations_in_full(agent.total),
        "used_resources_full": used,
        "offered_resources_full": offered,
    }


def _reservations(total: Resources) -> JsonObject:
    return {
        "reserved_resources": {role: resources.summary() for role, resources in total.reserved().items()},
        "unreserved_resources": total.of_role(ANY_ROLE).summary(),
    }


def _reservations_in_full(total: Resources) -> JsonObject:
    return {
        "reserved_resources_full": {
            role: _in_full(resources) for role, resources in total.reserved().items()
        },
        "unreserved_resources_full": _in_full(total.of_role(ANY_ROLE)),
    }


def _in_full(resources: Resources, allocation_role: str | None = None) -> list[JsonObject]:
    """Resources with both formats of their reservations, as operator endpoints show them."""
    return [
        {**r, "reservations": [{"type": "STATIC", "role": r["role"]}]} if r["role"] != ANY_ROLE else r
        for r in resources.to_json(allocation_role=allocation_role)
    ]


def _framework_head(state: MasterState, framework: Framework) -> JsonObject:
    offered = [o for o in state.offers.values() if o.framework_id == framework.framework_id]
    return {
        "id": framework.framework_id,
        "name": framework.info["name"],
        "used_resources": _used(framework).summary(),
        "offered_resources": sum_of(o.resources for o in offered).summary(),
        "capabilities": sorted(capabilities(framework.info)),
        "hostname": framework.info.get("hostname", ""),
        "webui_url": framework.info.get("webui_url", ""),
        "active": framework.connected,
        "connected": framework.connected,
        "recovered": False,
    }


def _framework(state: MasterState, framework: Framework) -> JsonObject:
    info = framework.info
    offers = [o for o in state.offers.values() if o.framework_id == framework.framework_id]
    result = {
        **_framework_head(state, framework),
        "user": info["user"],
        "failover_timeout": float(info.get("failover_timeout", 0)),
        "checkpoint": bool(info.get("checkpoint", False)),
        "registered_time": framework.registered_time,
        "unregistered_time": framework.unregistered_time,
        "resources": (_used(framework) + sum_of(o.resources for o in offers)).summary(),
        **_role_or_roles(info),
        "tasks": [_task(task) for task in framework.tasks.values()],
        "unreachable_tasks": [],
        "completed_tasks": [_task(task) for task in framework.completed_tasks],
        "offers": [_offer(offer) for offer in offers],
        "executors": [],
        "offer_constraints": {},
    }
    if "principal" in info:
        result["principal"] = info["principal"]
    if framework.reregistered_time is not None:
        result["reregistered_time"] = framework.reregistered_time
    return {**result, **_labels(info)}


def _offer(offer: Offer) -> JsonObject:
    return {
        "id": offer.offer_id,
        "framework_id": offer.framework_id,
        "allocation_info": {"role": offer.role},
        "slave_id": offer.agent_id,
        "resources": offer.resources.summary(),
    }


def _role_or_roles(info: JsonObject) -> JsonObject:
    if "MULTI_ROLE" in capabilities(info):
        return {"roles": info.get("roles", [])}
    return {"role": info.get("role", ANY_ROLE)}


def _task(task: Task) -> JsonObject:
    return task_json(
        task.info, task.framework_id, task.agent_id, task.role, task.resources, task.state, task.statuses
    )


def task_json(
    info: JsonObject,
    framework_id: str,
    agent_id: str,
    role: str,
    resources: Resources,
    state: str,
    statuses: Iterable[JsonObject],
) -> JsonObject:
    """A task as `/state` and `/tasks` show it."""
    return {
        "id": info["task_id"]["value"],
        "name": info["name"],
        "framework_id": framework_id,
        "executor_id": "",
        "slave_id": agent_id,
        "state": state,
        "resources": resources.summary(),
        "role": role,
        "statuses": [_shown_status(status) for status in statuses],
        **_labels(info),
    }


def _shown_status(status: JsonObject) -> JsonObject:
    shown = {"state": status["state"], "timestamp": status["timestamp"]}
    if "container_status" in status:
        container = status["container_status"]
        shown["container_status"] = {k: container[k] for k in ("container_id", "network_infos")}
    return shown


def _labels(info: JsonObject) -> JsonObject:
    labels = (info.get("labels") or {}).get("labels") if isinstance(info.get("labels"), dict) else None
    return {"labels": labels} if labels else {}


def _framework_on_agent(agent: Agent, framework: FrameworkOnAgent) -> JsonObject:
    info = framework.info
    result = {
        "id": framework.framework_id,
        "name": info["name"],
        "user": info["user"],
        "failover_timeout": float(info.get("failover_timeout", 0)),
        "checkpoint": bool(info.get("checkpoint", False)),
        "hostname": info.get("hostname", ""),
        **_role_or_roles(info),
        "executors": [_executor(agent, run) for run in framework.runs.values()],
        "completed_executors": [_executor(agent, run) for run in framework.completed],
    }
    if "principal" in info:
        result["principal"] = info["principal"]
    return result


def _executor(agent: Agent, run: Run) -> JsonObject:
    task = task_json(
        run.task,
        run.framework_id,
        agent.options.agent_id,
        run.role,
        Resources.from_json(run.task.get("resources") or []),
        run.state,
        run.statuses,
    )
    return {
        "id": run.task_id,
        "name": executor_name(run),
        "source": run.task_id,
        "container": run.container_id,
        "directory": str(run.sandbox),
        "resources": _executor_resources(run).summary(),
        "role": run.role,
        **_labels(run.task),
        "tasks": [] if run.ended else [task],
        "queued_tasks": [],
        "completed_tasks": [task] if run.ended else [],
    }


def _executor_resources(run: Run) -> Resources:
    if run.ended:
        return _EXECUTOR_OVERHEAD
    return Resources.from_json(run.task.get("resources") or []) + _EXECUTOR_OVERHEAD


def running_on(state: MasterState, agent: RegisteredAgent) -> list[Task]:
    """The tasks that use an agent's resources."""
    return [
        task
        for framework in state.frameworks.values()
        for task in framework.tasks.values()
        if task.agent_id == agent.agent_id and not task.ended
    ]


def offered_of(state: MasterState, agent: RegisteredAgent) -> list[Offer]:
    """The offers of an agent's resources that have no answer yet."""
    return [offer for offer in state.offers.values() if offer.agent_id == agent.agent_id]


def _used(framework: Framework) -> Resources:
    return sum_of(task.resources for task in framework.tasks.values() if not task.ended)


def sum_of(several: Iterable[Resources]) -> Resources:
    """All of these together."""
    total = Resources()
    for resources in several:
        total = total + resources
    return total


def _quantities(resources: Resources) -> JsonObject:
    """Amounts by name, in which ranges count their numbers, as Mesos' quotas do."""
    result: JsonObject = {}
    for name in dict.fromkeys(key.name for key, _ in resources):
        value = resources.total(name)
        if isinstance(value, int):
            result[name] = value / 1000
        elif isinstance(value, frozenset):
            result[name] = float(len(value))
        else:
            result[name] = float(sum(end - begin + 1 for begin, end in value.pairs))
    return result


def _counts(counted: Iterable[Task]) -> dict[str, int]:
    counts = dict.fromkeys(_COUNTED_STATES, 0)
    for task in counted:
        if task.state in counts:
            counts[task.state] += 1
    return counts


def _duration(seconds: float) -> str:
    return f"{seconds:g}secs"


def _whole(text: str | None, default: int) -> int:
    try:
        return max(0, int(text)) if text else default
    except ValueError:
        return default
