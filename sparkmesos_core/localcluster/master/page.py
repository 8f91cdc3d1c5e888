"""The embedded master's page: agents, frameworks and tasks, with links to their logs."""

from __future__ import annotations

import heapq
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, Template, select_autoescape
from starlette.responses import HTMLResponse, Response

from sparkmesos_core.localcluster.http_answers import authority
from sparkmesos_core.localcluster.master.master import Master
from sparkmesos_core.localcluster.master.master_elements import offered_of, used_of
from sparkmesos_core.localcluster.master.master_records import Agent, Framework, Task
from sparkmesos_core.localcluster.master.master_state import MasterState
from sparkmesos_core.localcluster.messages import AgentDescription

SHOWN_ENDED_TASKS = 100
SHOWN_FRAMEWORKS = 50
_YEAR_9999 = 253370764800  # in seconds; no date can be later

# No scripts at all, styles only of our own, and nobody may put the page into a frame.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("sparkmesos_core.localcluster.master"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = lambda seconds: datetime.fromtimestamp(seconds).strftime("%H:%M:%S")
    environment.filters["amount"] = lambda number: f"{number:g}"
    return environment.get_template("master.html")


def render_page(master: Master) -> Response:
    """The page as it is now."""
    html = _template().render(page_content(master.state))
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(html, headers=headers)


def page_content(state: MasterState) -> dict[str, Any]:
    """What the template shows: of what grows without end only the latest, and how much more there is."""
    options = state.options
    ended = [task for task in state.all_tasks() if task.ended]
    latest = heapq.nlargest(SHOWN_ENDED_TASKS, ended, key=_changed)
    frameworks = sorted(state.frameworks.values(), key=lambda f: f.registered_time, reverse=True)
    gone = list(reversed(state.completed_frameworks))
    return {
        "master_url": f"mesos://{authority(options.hostname, options.port)}",
        "master_id": state.master_id,
        "start_time": state.start_time,
        "agents": _agent_rows(state),
        "agents_count": len(state.agents),
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
    """Those that are here, then those that an earlier master knew, then those that do not answer."""
    rows = [_agent_row(agent) for agent in state.agents.values()]
    for agent_id, where in state.recovered.items():
        rows.append({**_agent_head(agent_id, where), "state": "awaited", "amounts": []})
    for agent_id, time in state.registry.unreachable.items():
        rows.append({"id": agent_id, "state": "unreachable", "since": time, "amounts": []})
    return rows


def _agent_head(agent_id: str, description: AgentDescription) -> dict[str, Any]:
    where = authority(description.hostname, description.port)
    return {
        "id": agent_id,
        "url": f"http://{where}/state",
        "where": where,
        "attributes": description.attributes,
    }


def _agent_row(agent: Agent) -> dict[str, Any]:
    offered, used = offered_of(agent), used_of(agent)
    return {
        **_agent_head(agent.agent_id, agent.description),
        "state": "" if agent.connected else "disconnected",
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


def is_web_link(url: str) -> bool:
    """Whether a framework's web UI may become a link: anything but http and https could be a script."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


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
    """Links to what a task has written; none if nobody knows where its agent is."""
    agent = state.agents.get(task.agent_id)
    if agent is None:
        return {}
    runs = f"/frameworks/{task.framework_id}/executors/{task.executor_id or task.task_id}/runs"
    container = next((s["container_status"] for s in task.statuses if "container_status" in s), None)
    run = container["container_id"]["value"] if container else "latest"
    where = authority(agent.description.hostname, agent.description.port)
    base = f"http://{where}/files/download?path="
    return {name: base + quote(f"{runs}/{run}/{name}", safe="/") for name in ("stdout", "stderr")}
