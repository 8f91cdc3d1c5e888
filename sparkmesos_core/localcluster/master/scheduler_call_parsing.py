"""Calls of the v1 scheduler API: from JSON to typed values, with Mesos' own answers to malformed ones."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.master.scheduler_call import (
    Accept,
    Acknowledge,
    AnswerInverse,
    Call,
    Decline,
    JsonObject,
    Kill,
    Message,
    Reconcile,
    Revive,
    Shutdown,
    Subscribe,
    Suppress,
    Teardown,
    WithoutEffect,
)
from sparkmesos_core.localcluster.v1_info import grace_seconds

DEFAULT_REFUSE_SECONDS = 5.0
_LONGEST_REFUSE_SECONDS = 365 * 24 * 3600.0

# The fields that protobuf requires within a call, by type; what has no entry has none.
_REQUIRED = {
    "SUBSCRIBE": ("framework_info.user", "framework_info.name"),
    "KILL": ("task_id.value",),
    "ACKNOWLEDGE": ("agent_id.value", "task_id.value", "uuid"),
    "MESSAGE": ("agent_id.value", "executor_id.value", "data"),
    "SHUTDOWN": ("executor_id.value", "agent_id.value"),
}
_WITHOUT_BODY = {"TEARDOWN", "REVIVE", "SUPPRESS"}
_WITHOUT_EFFECT = {"REQUEST"}
_UNSUPPORTED = {
    "ACKNOWLEDGE_OPERATION_STATUS",
    "RECONCILE_OPERATIONS",
    "UPDATE_FRAMEWORK",
}
_SUPPORTED = {
    "SUBSCRIBE",
    "ACCEPT",
    "ACCEPT_INVERSE_OFFERS",
    "DECLINE",
    "DECLINE_INVERSE_OFFERS",
    "KILL",
    "ACKNOWLEDGE",
    "RECONCILE",
    "MESSAGE",
    "SHUTDOWN",
} | _WITHOUT_BODY


def parse_call(message: JsonObject) -> Call:
    """A typed call; CallRefused in Mesos' words if it is malformed (400) or not implemented here (501)."""
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in _SUPPORTED | _WITHOUT_EFFECT | _UNSUPPORTED:
        raise _invalid("Expecting 'type' to be present")
    field = kind.lower()
    if kind not in _WITHOUT_BODY and field not in message:
        raise _invalid(f"Expecting '{field}' to be present")
    try:
        return _typed_call(kind, message, _object(message.get(field, {}), field))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise _not_a_call(str(error)) from None


def _typed_call(kind: str, message: JsonObject, body: JsonObject) -> Call:
    missing = [path for path in _REQUIRED.get(kind, ()) if _at(body, path) is None]
    if missing:
        raise _not_a_call(
            "Missing required fields: " + ", ".join(f"{kind.lower()}.{path}" for path in missing)
        )
    framework_id = _id(message.get("framework_id"), "framework_id")
    if kind == "SUBSCRIBE":
        return _subscribe(framework_id, body)
    if framework_id is None:
        raise _invalid("Expecting 'framework_id' to be present")
    if kind in _UNSUPPORTED:
        raise CallRefused(501, f"The embedded cluster does not implement {kind} calls")
    if kind in _WITHOUT_EFFECT:
        return WithoutEffect(framework_id)
    if kind == "ACCEPT":
        operations = tuple(_object(o, "accept.operations") for o in _list(body, "operations"))
        return Accept(framework_id, _ids(body, "offer_ids"), operations, _refuse_seconds(body))
    if kind == "DECLINE":
        return Decline(framework_id, _ids(body, "offer_ids"), _refuse_seconds(body))
    if kind in ("ACCEPT_INVERSE_OFFERS", "DECLINE_INVERSE_OFFERS"):
        accepts = kind == "ACCEPT_INVERSE_OFFERS"
        return AnswerInverse(framework_id, _ids(body, "inverse_offer_ids"), accepts, _refuse_seconds(body))
    if kind == "REVIVE":
        return Revive(framework_id, _strings(body, "roles"))
    if kind == "SUPPRESS":
        return Suppress(framework_id, _strings(body, "roles"))
    if kind == "KILL":
        return Kill(
            framework_id,
            _required_id(body, "task_id"),
            _id(body.get("agent_id"), "kill.agent_id"),
            _not_negative(grace_seconds(body.get("kill_policy"))),
        )
    if kind == "ACKNOWLEDGE":
        uuid = _string(body, "uuid")
        return Acknowledge(framework_id, _required_id(body, "agent_id"), _required_id(body, "task_id"), uuid)
    if kind in ("MESSAGE", "SHUTDOWN"):
        agent_id, executor_id = _required_id(body, "agent_id"), _required_id(body, "executor_id")
        if kind == "SHUTDOWN":
            return Shutdown(framework_id, agent_id, executor_id)
        return Message(framework_id, agent_id, executor_id, _base64(_string(body, "data")))
    if kind == "RECONCILE":
        tasks = [_object(task, "reconcile.tasks") for task in _list(body, "tasks")]
        return Reconcile(
            framework_id,
            tuple((_required_id(task, "task_id"), _id(task.get("agent_id"), "agent_id")) for task in tasks),
        )
    return Teardown(framework_id)


def _subscribe(framework_id: str | None, body: JsonObject) -> Subscribe:
    info = _object(body["framework_info"], "subscribe.framework_info")
    for name in ("user", "name", "role", "principal", "webui_url", "hostname"):
        if not isinstance(info.get(name, ""), str):
            raise TypeError(f"subscribe.framework_info.{name} is not a string")
    if not math.isfinite(float(info.get("failover_timeout", 0))):
        raise ValueError("subscribe.framework_info.failover_timeout is not finite")
    _strings(info, "roles")
    for capability in _list(info, "capabilities"):
        _object(capability, "capabilities")
    if (_id(info.get("id"), "subscribe.framework_info.id") or None) != framework_id:
        raise _invalid("'framework_id' differs from 'subscribe.framework_info.id'")
    return Subscribe(framework_id, info, _strings(body, "suppressed_roles"))


def _not_negative(seconds: float | None) -> float | None:
    return None if seconds is None else max(0.0, seconds)


def _refuse_seconds(body: JsonObject) -> float:
    seconds = float(_object(body.get("filters", {}), "filters").get("refuse_seconds", DEFAULT_REFUSE_SECONDS))
    # As Mesos does: nonsense counts as the default, and a year is the most.
    if math.isnan(seconds) or seconds < 0:
        return DEFAULT_REFUSE_SECONDS
    return min(seconds, _LONGEST_REFUSE_SECONDS)


def _object(value: Any, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"{where} is not an object")
    return value


def _list(body: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = body.get(name, [])
    if not isinstance(value, list):
        raise TypeError(f"{name} is not an array")
    return value


def _strings(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = _list(body, name)
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"{name} does not hold strings only")
    return tuple(values)


def _string(body: Mapping[str, Any], name: str) -> str:
    value = body[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a string")
    return value


def _base64(text: str) -> str:
    """The text, if it is base64; ValueError if not."""
    base64.b64decode(text, validate=True)
    return text


def _id(value: Any, where: str) -> str | None:
    if value is None:
        return None
    text = _object(value, where).get("value")
    if not isinstance(text, str):
        raise _not_a_call(f"Missing required fields: {where}.value")
    return text


def _required_id(body: Mapping[str, Any], name: str) -> str:
    value = _id(body.get(name), name)
    if value is None:
        raise _not_a_call(f"Missing required fields: {name}")
    return value


def _ids(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(_required_id({name: value}, name) for value in _list(body, name))


def _at(body: Any, path: str) -> Any:
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _invalid(text: str) -> CallRefused:
    return CallRefused(400, f"Failed to validate scheduler::Call: {text}")


def _not_a_call(text: str) -> CallRefused:
    return CallRefused(400, f"Failed to convert JSON into Call protobuf: {text}")
