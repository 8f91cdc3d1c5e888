"""The JSON of the master's operator endpoints, in the shapes of Mesos 1.12."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sparkmesos_core.localcluster.durations import duration_text
from sparkmesos_core.localcluster.master.master_elements import (
    address_json,
    framework_head_json,
    framework_json,
    slave_in_full_json,
    slave_json,
    task_of_master_json,
    users_of,
)
from sparkmesos_core.localcluster.master.master_records import (
    MAX_COMPLETED_FRAMEWORKS,
    MAX_COMPLETED_TASKS,
    MAX_UNREACHABLE_TASKS,
    Task,
)
from sparkmesos_core.localcluster.master.master_state import CAPABILITIES, MasterState
from sparkmesos_core.localcluster.operator_json import sum_of, version
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES
from sparkmesos_core.mesos.attributes import attributes_state, parse_attributes
from sparkmesos_core.mesos.resources import ANY_ROLE, Resources

JsonObject = dict[str, Any]

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

_COUNTERS = (
    "messages_decline_offers",
    "messages_executor_to_framework",
    "messages_exited_executor",
    "messages_framework_to_executor",
    "messages_kill_task",
    "messages_launch_tasks",
    "messages_reconcile_tasks",
    "messages_register_framework",
    "messages_register_slave",
    "messages_reregister_framework",
    "messages_reregister_slave",
    "messages_revive_offers",
    "messages_status_update",
    "messages_status_update_acknowledgement",
    "messages_suppress_offers",
    "messages_unregister_framework",
    "messages_unregister_slave",
    "invalid_status_updates",
    "recovery_slave_removals",
    "slave_registrations",
    "slave_removals",
    "slave_removals/reason_unhealthy",
    "slave_reregistrations",
    "slave_unreachable_completed",
    "valid_status_updates",
)


def master_flags(state: MasterState) -> JsonObject:
    """`/flags`: those of a real master which are true here."""
    o = state.options
    flags: JsonObject = {
        "agent_ping_timeout": duration_text(o.agent_ping_timeout),
        "agent_reregister_timeout": duration_text(o.agent_reregister_timeout),
        "allocation_interval": duration_text(o.allocation_interval),
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
        "max_agent_ping_timeouts": str(o.max_agent_ping_timeouts),
        "max_completed_frameworks": str(MAX_COMPLETED_FRAMEWORKS),
        "max_completed_tasks_per_framework": str(MAX_COMPLETED_TASKS),
        "max_unreachable_tasks_per_framework": str(MAX_UNREACHABLE_TASKS),
        "min_allocatable_resources": "cpus:0.01|mem:32",
        "port": str(o.port),
        "role_sorter": "drf",
        "version": "false",
    }
    if o.offer_timeout is not None:
        flags["offer_timeout"] = duration_text(o.offer_timeout)
    if o.roles is not None:
        flags["roles"] = ",".join(o.roles)
    return flags


def master_state(state: MasterState) -> JsonObject:
    """`/state` of the master."""
    o = state.options
    pid = f"master@{o.ip}:{o.port}"
    return {
        **version(),
        "start_time": state.start_time,
        "elected_time": state.start_time if state.elected_time is None else state.elected_time,
        "id": state.master_id,
        "pid": pid,
        "hostname": o.hostname,
        "capabilities": list(CAPABILITIES),
        "activated_slaves": float(_active_agents(state)),
        "deactivated_slaves": float(len(state.agents) - _active_agents(state)),
        "unreachable_slaves": float(len(state.registry.unreachable)),
        "leader": pid,
        "leader_info": {"id": state.master_id, "pid": pid, "port": o.port, "hostname": o.hostname},
        "flags": master_flags(state),
        "slaves": [slave_json(agent, state.registry) for agent in state.agents.values()],
        "recovered_slaves": _recovered_slaves(state),
        **frameworks(state),
        "orphan_tasks": [],
    }


def frameworks(state: MasterState) -> JsonObject:
    """`/frameworks`."""
    return {
        "frameworks": [framework_json(f) for f in state.frameworks.values()],
        "completed_frameworks": [framework_json(f) for f in state.completed_frameworks],
        "unregistered_frameworks": [],
    }


def slaves(state: MasterState) -> JsonObject:
    """`/slaves`."""
    return {
        "slaves": [slave_in_full_json(agent, state.registry) for agent in state.agents.values()],
        "recovered_slaves": _recovered_slaves(state),
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
    return {"tasks": [task_of_master_json(task) for task in found[offset : offset + limit]]}


def state_summary(state: MasterState) -> JsonObject:
    """`/state-summary`."""
    by_agent: dict[str, list[Task]] = {}
    summarised_frameworks = []
    for framework in state.frameworks.values():
        own = framework.all_tasks()
        for task in own:
            by_agent.setdefault(task.agent_id, []).append(task)
        summarised_frameworks.append(
            {
                **framework_head_json(framework),
                **_counts(own),
                "slave_ids": list(dict.fromkeys(task.agent_id for task in own)),
            }
        )
    return {
        "hostname": state.options.hostname,
        "slaves": [
            {
                **slave_json(agent, state.registry),
                **_counts(by_agent.get(agent.agent_id, [])),
                "framework_ids": list(
                    dict.fromkeys(task.framework_id for task in by_agent.get(agent.agent_id, []))
                ),
            }
            for agent in state.agents.values()
        ],
        "frameworks": summarised_frameworks,
    }


def roles(state: MasterState) -> JsonObject:
    """`/roles`: those with frameworks or reservations."""
    total = sum_of(agent.total for agent in state.agents.values())
    names = {role for framework in state.frameworks.values() for role in framework.roles}
    names |= set(total.reserved())
    offered_to: dict[str, Resources] = {}
    used_by: dict[str, Resources] = {}
    for agent in state.agents.values():
        for offer in agent.offers.values():
            offered_to[offer.role] = offered_to.get(offer.role, Resources()) + offer.resources
        for user in users_of(agent):
            used_by[user.role] = used_by.get(user.role, Resources()) + user.resources
    result = []
    for name in sorted(names):
        offered = offered_to.get(name, Resources())
        used = used_by.get(name, Resources())
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
    """`/metrics/snapshot`: the gauges and counters of a real master which mean something here.

    Those of a master that does not lead are zero.
    """
    agents, frameworks_ = len(state.agents), len(state.frameworks)
    active, agents_connected = _active_agents(state), sum(a.connected for a in state.agents.values())
    connected = sum(framework.connected for framework in state.frameworks.values())
    metrics: dict[str, float] = {
        "master/elected": float(state.elected_time is not None),
        "master/uptime_secs": now - state.start_time,
        "master/slaves_active": float(active),
        "master/slaves_connected": float(agents_connected),
        "master/slaves_disconnected": float(agents - agents_connected),
        "master/slaves_inactive": float(agents - active),
        "master/slaves_unreachable": float(
            len(state.registry.unreachable) if state.elected_time is not None else 0
        ),
        "master/frameworks_active": float(connected),
        "master/frameworks_connected": float(connected),
        "master/frameworks_disconnected": float(frameworks_ - connected),
        "master/frameworks_inactive": float(frameworks_ - connected),
        "master/outstanding_offers": float(len(state.offers)),
    }
    for name in _COUNTERS:
        metrics[f"master/{name}"] = float(state.counters[name])
    total = sum_of(agent.total.scalars() for agent in state.agents.values())
    used = sum_of(user.resources.scalars() for agent in state.agents.values() for user in users_of(agent))
    for name in ("cpus", "mem", "disk", "gpus"):
        whole, part = total.scalar(name), used.scalar(name)
        metrics[f"master/{name}_total"] = whole
        metrics[f"master/{name}_used"] = part
        metrics[f"master/{name}_percent"] = part / whole if whole else 0.0
    states = Counter(
        task.state for framework in state.frameworks.values() for task in framework.tasks.values()
    )
    for counted in ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"):
        metrics[f"master/{_gauge(counted)}"] = float(states[counted])
    metrics["master/tasks_unreachable"] = float(
        sum(len(framework.unreachable_tasks) for framework in state.frameworks.values())
    )
    for ended in TERMINAL_STATES:
        metrics[f"master/{_gauge(ended)}"] = float(state.counters[_gauge(ended)])
    return dict(sorted(metrics.items()))


def _gauge(task_state: str) -> str:
    return "tasks_" + task_state.removeprefix("TASK_").lower()


def _active_agents(state: MasterState) -> int:
    return sum(map(state.is_active, state.agents.values()))


def _recovered_slaves(state: MasterState) -> list[JsonObject]:
    """Agents of an earlier master that have not come back yet."""
    return [
        {**address_json(agent_id, where), "attributes": attributes_state(parse_attributes(where.attributes))}
        for agent_id, where in state.recovered.items()
    ]


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


def _whole(text: str | None, default: int) -> int:
    try:
        return max(0, int(text)) if text else default
    except ValueError:
        return default
