"""How operators tell a master of maintenance: calls of the v1 operator API, and four older endpoints."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sparkmesos_core.localcluster.call_body import CallRefused, parse_body
from sparkmesos_core.localcluster.http_answers import json_answer, text_answer, wrong_method
from sparkmesos_core.localcluster.master.machines import schedule_json
from sparkmesos_core.localcluster.master.maintenance import status_json
from sparkmesos_core.localcluster.master.master import Master

JsonObject = dict[str, Any]

CALLS: dict[str, str | None] = {
    "GET_MAINTENANCE_SCHEDULE": None,
    "GET_MAINTENANCE_STATUS": None,
    "START_MAINTENANCE": "start_maintenance",
    "STOP_MAINTENANCE": "stop_maintenance",
    "UPDATE_MAINTENANCE_SCHEDULE": "update_maintenance_schedule",
}
"""Those of the operator API, each with the name of the fields that it needs."""

_OF_MACHINES = {"/machine/down": "START_MAINTENANCE", "/machine/up": "STOP_MAINTENANCE"}

PATHS = ("/maintenance/schedule", "/maintenance/status", *_OF_MACHINES)


def answer_call(master: Master, request: Request, kind: str, fields: JsonObject) -> Response:
    """The answer to one of the calls."""
    registry = master.state.registry
    match kind:
        case "GET_MAINTENANCE_SCHEDULE":
            told = {"schedule": schedule_json(registry.machines)}
            return json_answer(request, {"type": kind, "get_maintenance_schedule": told})
        case "GET_MAINTENANCE_STATUS":
            told = {"status": status_json(master.state)}
            return json_answer(request, {"type": kind, "get_maintenance_status": told})
        case "UPDATE_MAINTENANCE_SCHEDULE":
            return _changed(master, kind, fields.get("schedule"))
        case _:
            return _changed(master, kind, fields.get("machines"))


async def answer_request(master: Master, request: Request, path: str) -> Response:
    """The answer to a request for one of the paths."""
    if path == "/maintenance/status":
        if request.method not in ("GET", "HEAD"):
            return wrong_method("GET", request.method)
        return json_answer(request, status_json(master.state))
    if request.method in ("GET", "HEAD") and path not in _OF_MACHINES:
        return json_answer(request, schedule_json(master.state.registry.machines))
    if request.method != "POST":
        return wrong_method("POST", request.method)
    try:
        told = parse_body(await request.body(), list if path in _OF_MACHINES else dict)
    except CallRefused as refused:
        return text_answer(refused.status, refused.text)
    return _changed(master, _OF_MACHINES.get(path, "UPDATE_MAINTENANCE_SCHEDULE"), told)


def _changed(master: Master, kind: str, told: Any) -> Response:
    try:
        match kind:
            case "START_MAINTENANCE":
                master.start_maintenance(told)
            case "STOP_MAINTENANCE":
                master.stop_maintenance(told)
            case _:
                master.update_maintenance_schedule(told)
    except CallRefused as refused:
        return text_answer(refused.status, refused.text)
    return Response()
