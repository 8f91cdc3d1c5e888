"""What the embedded master's state machine wants to be done, and the events and statuses in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparkmesos_core.localcluster.messages import ToAgent

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class SendEvent:
    """Send an event on a subscription."""

    stream_id: str
    event: JsonObject


@dataclass(frozen=True)
class CloseStream:
    """End a subscription, after what was sent on it before."""

    stream_id: str


@dataclass(frozen=True)
class TellAgent:
    """Pass a message to an agent."""

    agent_id: str
    message: ToAgent


@dataclass(frozen=True)
class Note:
    """Write to the log what nobody may be told of otherwise."""

    text: str


Action = SendEvent | CloseStream | TellAgent | Note


def error_event(stream_id: str, message: str) -> SendEvent:
    """A subscription is refused or taken away."""
    return SendEvent(stream_id, {"type": "ERROR", "error": {"message": message}})


def rescind_event(stream_id: str, offer_id: str) -> SendEvent:
    """An offer is no longer valid."""
    return SendEvent(stream_id, {"type": "RESCIND", "rescind": {"offer_id": {"value": offer_id}}})


def rescind_inverse_event(stream_id: str, offer_id: str) -> SendEvent:
    """An agent is not asked back any more, or no longer for the same time."""
    rescinded = {"inverse_offer_id": {"value": offer_id}}
    return SendEvent(stream_id, {"type": "RESCIND_INVERSE_OFFER", "rescind_inverse_offer": rescinded})


def update_event(stream_id: str, status: JsonObject) -> SendEvent:
    """A task has changed, or its state was asked for."""
    return SendEvent(stream_id, {"type": "UPDATE", "update": {"status": status}})


def failure_event(
    stream_id: str, agent_id: str, executor_id: str | None = None, status: int | None = None
) -> SendEvent:
    """An agent is lost; or, if one is named, an executor has ended (`status` as of wait(2))."""
    failure: JsonObject = {"agent_id": {"value": agent_id}}
    if executor_id is not None:
        failure |= {"executor_id": {"value": executor_id}, "status": status}
    return SendEvent(stream_id, {"type": "FAILURE", "failure": failure})


def master_status(
    task_id: str,
    state: str,
    now: float,
    *,
    message: str,
    reason: str,
    agent_id: str | None = None,
    executor_id: str | None = None,
    container_status: JsonObject | None = None,
    unreachable_since: float | None = None,
) -> JsonObject:
    """A TaskStatus of the master's own; it has no uuid, so nobody acknowledges it."""
    status: JsonObject = {
        "task_id": {"value": task_id},
        "state": state,
        "message": message,
        "source": "SOURCE_MASTER",
        "reason": reason,
    }
    if agent_id is not None:
        status["agent_id"] = {"value": agent_id}
    if executor_id is not None:
        status["executor_id"] = {"value": executor_id}
    status["timestamp"] = now
    if container_status is not None:
        status["container_status"] = container_status
    if unreachable_since is not None:
        status["unreachable_time"] = {"nanoseconds": int(unreachable_since * 1e9)}
    return status
