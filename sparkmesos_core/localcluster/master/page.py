"""The embedded master's page: agents, frameworks and tasks, with links to their logs."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from sparkmesos_core.html_pages import html_page, is_web_link
from sparkmesos_core.localcluster.http_answers import authority
from sparkmesos_core.localcluster.master.master import Master
from sparkmesos_core.localcluster.master.master_elements import offered_of, used_of
from sparkmesos_core.localcluster.master.master_records import Agent, Framework, Task
from sparkmesos_core.localcluster.master.master_state import MasterState
from sparkmesos_core.localcluster.master.registry import Departed
from sparkmesos_core.localcluster.messages import AgentDescription

SHOWN_ENDED_TASKS = 100
SHOWN_FRAMEWORKS = 50
SHOWN_AWAY_AGENTS = 50
_YEAR_9999 = 253370764800  # in seconds; no date can be later


def render_page(master: Master) -> Response:
    """The page as it is now."""
    return html_page("sparkmesos_core.localcluster", "master.html", page_content(master.state))


def page_content(state: MasterState) -> dict[str, Any]:
    """What the template shows: of what grows without end only the latest, and how much more there is."""
    options = state.options
    address = authority(options.hostname, options.port)
    ended = [task for task in state.all_tasks() if task.ended]
    latest = heapq.nlargest(SHOWN_ENDED_TASKS, ended, key=_changed)
    frameworks = sorted(state.frameworks.values(), key=lambda f: f.registered_time, reverse=True)
    gone = list(reversed(state.completed_frameworks))
    agents = _agent_rows(state)
    away = len(state.registry.unreachable) + len(state.registry.gone)
    ids = [row["id"] for row in agents]
    return {
        "cluster_url": options.cluster_url or f"mesos://{address}",
        "leader": address,
        "master_id": state.master_id,
        "start_time": state.start_time,
        "agents": agents,
        "agent_ids": frozenset(ids),
        "agent_names": short_names([*ids, *(task.agent_id for task in state.all_tasks())]),
        "agents_count": len(state.agents),
        "agents_not_shown": away - sum(row["state"] in ("unreachable", "gone") for row in agents),
        "frameworks": [_framework_row(framework) for framework in frameworks[:SHOWN_FRAMEWORKS]],
        "frameworks_count": len(frameworks),
        "completed_frameworks": [_framework_row(framework) for framework in gone[:SHOWN_FRAMEWORKS]],
        "completed_frameworks_count": len(gone),
        "active_tasks": [_task_row(state, t) for t in state.all_tasks() if not t.ended],
        "completed_tasks": [_task_row(state, task) for task in latest],
        "completed_tasks_count": len(ended),
    }


def _changed(task: Task) -> float:
    """When it last changed, in seconds since the epoch; 0 if unknown. Executors say what they like."""
    reported = task.statuses[-1].get("timestamp", 0.0) if task.statuses else 0.0
    return float(reported) if 0 <= reported < _YEAR_9999 else 0.0


def _agent_rows(state: MasterState) -> list[dict[str, Any]]:
    """Those that are here, that an earlier master knew, that do not answer, and that never come back."""
    rows = [_agent_row(agent, state) for agent in state.agents.values()]
    for agent_id, where in state.recovered.items():
        rows.append({**_agent_head(agent_id, where), "state": "awaited", "amounts": []})
    return rows + _away("unreachable", state.registry.unreachable) + _away("gone", state.registry.gone)


def _away(shown: str, departed: dict[str, Departed]) -> list[dict[str, Any]]:
    """Agents that went away, the latest ones first; there is no end to them."""
    latest = list(reversed(departed.items()))[:SHOWN_AWAY_AGENTS]
    rows = []
    for agent_id, agent in latest:
        known = _agent_head(agent_id, agent.description) if agent.description is not None else {}
        # Nobody answers there, or somebody else.
        rows.append({**known, "id": agent_id, "url": "", "state": shown, "since": agent.since, "amounts": []})
    return rows


def short_names(agent_ids: Iterable[str]) -> dict[str, str]:
    """Names of agents that fit into a table: `S0`, with as much of the master's id as tells two apart.

    Agent ids are made of the id of the master that has admitted them and a number, which begins
    at 0 with each.
    """
    ids = set(agent_ids)
    by_number: dict[str, list[str]] = {}
    for agent_id in ids:
        by_number.setdefault(agent_id.rpartition("-")[2], []).append(agent_id)
    names: dict[str, str] = {}
    for number, alike in by_number.items():
        masters = {agent_id: agent_id.rpartition("-")[0] for agent_id in alike}
        length = 0 if len(alike) == 1 else 4
        while len({master[-length:] for master in masters.values()}) < len(alike) and len(alike) > 1:
            length += 4
        for agent_id, master in masters.items():
            end = master[-length:] if length else ""
            cut = "…" if length and len(end) < len(master) else ""
            names[agent_id] = f"{cut}{end}-{number}" if end else number
    return names


def _agent_head(agent_id: str, description: AgentDescription) -> dict[str, Any]:
    where = authority(description.hostname, description.port)
    return {
        "id": agent_id,
        "url": f"http://{where}/state",
        "where": where,
        "attributes": description.attributes,
    }


def _service(agent: Agent, state: MasterState) -> str:
    if not agent.connected:
        return "disconnected"
    if agent.agent_id not in state.registry.deactivated:
        return ""
    draining = state.registry.deactivated[agent.agent_id]
    return "deactivated" if draining is None else "drained" if draining.done else "draining"


def _agent_row(agent: Agent, state: MasterState) -> dict[str, Any]:
    offered, used = offered_of(agent), used_of(agent)
    return {
        **_agent_head(agent.agent_id, agent.description),
        "state": _service(agent, state),
        "amounts": [
            {
                "name": name,
                "total": agent.total.scalar(name),
                "used": used.scalar(name),
                "offered": offered.scalar(name),
            }
            for name in ("cpus", "mem", "gpus")
            if agent.total.scalar(name) > 0
        ],
    }


def _framework_row(framework: Framework) -> dict[str, Any]:
    webui = str(framework.info.get("webui_url", ""))
    shown = "connected" if framework.connected else "disconnected"
    if framework.recovered:
        shown = "recovered"
    if framework.unregistered_time:
        shown = "ended"
    return {
        "id": framework.framework_id,
        "name": framework.info["name"],
        "user": framework.info["user"],
        "webui": webui if is_web_link(webui) else "",
        "state": shown,
        "active": sum(not task.ended for task in framework.tasks.values()),
        "completed": sum(task.ended for task in framework.all_tasks()),
        "since": framework.registered_time,
    }


def _task_row(state: MasterState, task: Task) -> dict[str, Any]:
    last: dict[str, Any] = task.statuses[-1] if task.statuses else {}
    return {
        "id": task.task_id,
        "name": task.info["name"],
        "framework": task.framework_id,
        "state": task.state.removeprefix("TASK_"),
        "message": last.get("message", ""),
        "changed": _changed(task),
        "agent": task.agent_id,
        "cpus": task.resources.scalar("cpus"),
        "mem": task.resources.scalar("mem"),
        **_logs(state, task),
    }


def _logs(state: MasterState, task: Task) -> dict[str, str]:
    """Links to what a task has written and its sandbox; none if nobody knows where its agent is."""
    agent = state.agents.get(task.agent_id)
    if agent is None:
        return {}
    runs = f"/frameworks/{task.framework_id}/executors/{task.executor_id or task.task_id}/runs"
    container = next((s["container_status"] for s in task.statuses if "container_status" in s), None)
    run = container["container_id"]["value"] if container else "latest"
    where = authority(agent.description.hostname, agent.description.port)
    sandbox = quote(f"{runs}/{run}", safe="/")
    return {
        "sandbox": f"http://{where}/sandbox?path={sandbox}",
        **{name: f"http://{where}/sandbox?path={sandbox}/{name}" for name in ("stdout", "stderr")},
    }
