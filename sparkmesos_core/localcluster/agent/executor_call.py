"""Calls of the v1 executor API: from JSON to typed values, with Mesos' own answers to malformed ones.

The rules are those of Mesos' validateExecutorCall and of `/api/v1/executor` of its agent.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES

JsonObject = dict[str, Any]

_KINDS = ("SUBSCRIBE", "UPDATE", "MESSAGE", "HEARTBEAT")
_STATES = TERMINAL_STATES | {
    "TASK_STAGING",
    "TASK_STARTING",
    "TASK_RUNNING",
    "TASK_KILLING",
    "TASK_UNREACHABLE",
    "TASK_UNKNOWN",
}

_TYPES: dict[str, type | tuple[type, ...]] = {
    "agent_id": dict,
    "check_status": dict,
    "container_status": dict,
    "data": str,
    "executor_id": dict,
    "healthy": bool,
    "labels": dict,
    "limitation": dict,
    "message": str,
    "reason": str,
    "timestamp": (int, float),
    "unreachable_time": dict,
}
"""Of the optional fields of a TaskStatus."""
_JSON_NAMES = {bool: "boolean", dict: "object", float: "number", int: "number", list: "array", str: "string"}


@dataclass(frozen=True)
class ExecutorCall:
    """What all calls have."""

    framework_id: str
    executor_id: str


@dataclass(frozen=True)
class Subscribe(ExecutorCall):
    """SUBSCRIBE, with the ids of tasks and the statuses that no ACKNOWLEDGED has come for yet."""

    unacknowledged_tasks: tuple[str, ...] = ()
    unacknowledged_updates: tuple[JsonObject, ...] = ()


@dataclass(frozen=True)
class Update(ExecutorCall):
    """UPDATE: the status of a task."""

    status: JsonObject


@dataclass(frozen=True)
class Message(ExecutorCall):
    """MESSAGE to the scheduler; `data` in base64."""

    data: str


@dataclass(frozen=True)
class Heartbeat(ExecutorCall):
    """HEARTBEAT: accepted whatever it names."""


Call = Subscribe | Update | Message | Heartbeat


def parse_executor_call(message: JsonObject) -> Call:
    """A typed call; CallRefused (400) in Mesos' words if it is malformed."""
    missing = [name for name in ("executor_id", "framework_id") if name not in message]
    if missing:
        raise _not_a_call("Missing required fields: " + ", ".join(missing))
    framework_id, executor_id = _id(message, "framework_id"), _id(message, "executor_id")
    kind = message.get("type")
    if kind not in _KINDS:
        raise _invalid("Expecting 'type' to be present")
    field = str(kind).lower()
    if kind == "HEARTBEAT":
        return Heartbeat(framework_id, executor_id)
    if field not in message:
        raise _invalid(f"Expecting '{field}' to be present")
    body = message[field]
    if not isinstance(body, dict):
        raise _unexpected(body, field)
    try:
        if kind == "SUBSCRIBE":
            return Subscribe(
                framework_id,
                executor_id,
                tuple(str(task["task_id"]["value"]) for task in body.get("unacknowledged_tasks") or []),
                tuple(
                    _status(update["status"], executor_id, framework_id)
                    for update in body.get("unacknowledged_updates") or []
                ),
            )
        if kind == "UPDATE":
            return Update(framework_id, executor_id, _status(body["status"], executor_id, framework_id))
        return Message(framework_id, executor_id, _base64(body["data"], "message.data"))
    except KeyError as error:
        raise _not_a_call(f"Missing required fields: {field}.{error.args[0]}") from None
    except (TypeError, AttributeError) as error:
        raise _not_a_call(str(error)) from None


def _status(given: Any, executor_id: str, framework_id: str) -> JsonObject:
    status = _fields(given)
    task_id = status["task_id"]["value"]
    if not isinstance(task_id, str):
        raise TypeError("task_id.value is not a string")
    state = status["state"]
    if state not in _STATES:
        raise _not_a_call(f"Failed to find enum for '{state}'")
    if "uuid" not in status:
        raise _invalid("Expecting 'uuid' to be present")
    if len(base64.b64decode(_base64(status["uuid"], "uuid"))) != 16:
        raise _invalid("Not a valid UUID")
    named = (status.get("executor_id") or {}).get("value")
    if named is not None and named != executor_id:
        raise _invalid(f"ExecutorID in Call: {executor_id} does not match ExecutorID in TaskStatus: {named}")
    who = f"executor {executor_id} of framework {framework_id}"
    if status.get("source") != "SOURCE_EXECUTOR":
        raise _invalid(f"Received Call from {who} with invalid source, expecting 'SOURCE_EXECUTOR'")
    if state == "TASK_STAGING":
        raise _invalid(f"Received TASK_STAGING from {who} which is not allowed")
    return status


def _fields(status: Any) -> JsonObject:
    """Those of a TaskStatus that are set, each of the type that it has to be."""
    if not isinstance(status, dict):
        raise TypeError("a status is not an object")
    fields: JsonObject = {name: value for name, value in status.items() if value is not None}
    for name, kind in _TYPES.items():
        value = fields.get(name)
        if value is not None and (
            not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)
        ):
            raise _unexpected(value, name)
    if "data" in fields:
        _base64(fields["data"], "data")
    return fields


def _id(message: JsonObject, name: str) -> str:
    value = message[name]
    if not isinstance(value, dict) or "value" not in value:
        raise _not_a_call(f"Missing required fields: {name}.value")
    if not isinstance(value["value"], str):
        raise _unexpected(value["value"], "value")
    return value["value"]


def _base64(value: Any, name: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise _not_a_call(f"Failed to base64 decode bytes field '{name}'") from None
    return str(value)


def _unexpected(value: Any, field: str) -> CallRefused:
    name = _JSON_NAMES.get(type(value), "null")
    return _not_a_call(f"Not expecting a JSON {name} for field '{field}'")


def _invalid(text: str) -> CallRefused:
    return CallRefused(400, f"Failed to validate Executor::Call: {text}")


def _not_a_call(text: str) -> CallRefused:
    return CallRefused(400, f"Failed to convert JSON into Call protobuf: {text}")
