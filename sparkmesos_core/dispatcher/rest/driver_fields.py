"""What is told of a driver besides what Spark tells: fields that programs can read, and no secret."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from sparkmesos_core.dispatcher.drivers.driver import Driver, Launch, Outcome, State
from sparkmesos_core.dispatcher.drivers.obstacle import Obstacle
from sparkmesos_core.dispatcher.rest.status_text import ending_text, status_text
from sparkmesos_core.durable_framework.task_status import TaskStatus
from sparkmesos_core.redaction import redact_text

_EXITED = re.compile(r"exited with status (\d{1,3})\b")
_SIGNALLED = re.compile(r"terminated with signal (\w[\w ]*)")
_TASK_STATE_OF = {
    Outcome.SUCCEEDED: "TASK_FINISHED",
    Outcome.FAILED: "TASK_FAILED",
    Outcome.KILLED: "TASK_KILLED",
    Outcome.LOST: "TASK_LOST",
}


def driver_message(driver: Driver) -> str | None:
    """The message of a driver's status: as in Spark, the text form of what Mesos said last of its task.

    A driver that ended without any such word says so in the same form, for clients that know no other.
    """
    if driver.status is not None and _is_of_now(driver, driver.status):
        return status_text(replace(driver.status, message=redact_text(driver.status.message)))
    if driver.outcome is not None:
        return ending_text(_TASK_STATE_OF[driver.outcome], redact_text(driver.detail))
    return None


def _is_of_now(driver: Driver, status: TaskStatus) -> bool:
    """Whether a status is about the driver's present task, and not about one before it was launched again."""
    if driver.state is State.LAUNCHED:
        return driver.launch is None or status.task_id == driver.launch.task_id
    return driver.state is not State.QUEUED


def driver_fields(
    driver: Driver, queue_position: int | None = None, obstacle: Obstacle | None = None
) -> dict[str, Any]:
    """The fields of a driver; those that do not apply are None. Times are ISO 8601 in UTC, memory is MiB."""
    submission = driver.submission
    fields: dict[str, Any] = {
        "name": redact_text(submission.name),
        "appResource": redact_text(submission.app_resource),
        "mainClass": submission.main_class or None,
        "cores": submission.cores,
        "heap": submission.heap,
        "memory": submission.memory,
        "queue": submission.queue,
        "priority": submission.priority,
        "queuePosition": queue_position,
        "waitsFor": None if obstacle is None else _obstacle_fields(obstacle),
        "supervise": submission.supervise,
        "maxRetries": submission.max_retries,
        "retries": driver.retries,
        "launches": driver.launches,
        "outcome": None if driver.outcome is None else driver.outcome.value,
        "detail": redact_text(driver.detail) or None,
        "killRequested": driver.kill_requested,
        "submittedAt": _time(driver.submitted_at),
        "nextRetryAt": _time(driver.next_retry_at) if driver.state is State.RETRYING else None,
        "finishedAt": _time(driver.finished_at),
    }
    if driver.launch is not None:
        fields.update(_launch_fields(driver.launch))
    if driver.status is not None:
        fields.update(_status_fields(driver.status))
        if _is_of_now(driver, driver.status):
            fields.update(_end_fields(driver.status))
    return fields


def _obstacle_fields(obstacle: Obstacle) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "cause": obstacle.cause.value,
        "message": redact_text(obstacle.message),
        "hint": redact_text(obstacle.hint) or None,
        "agents": obstacle.agents,
        "largestCores": obstacle.largest_cores,
        "largestMemory": obstacle.largest_memory,
        "unmetConstraints": [
            {"constraint": redact_text(one.constraint), "offered": list(one.offered)}
            for one in obstacle.unmet
        ]
        or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def sandbox_url(launch: Launch) -> str | None:
    """Where the agent of a launch shows the files in its sandbox; None if the offer did not tell its address.

    A driver is a command task: its executor's id is that of the task. `runs/latest` is what agents call the
    sandbox of the executor's last container.
    """
    if not launch.agent_url:
        return None
    framework = launch.framework_id.removesuffix(f"-{launch.task_id}")
    path = f"/frameworks/{framework}/executors/{launch.task_id}/runs/latest"
    return f"{launch.agent_url}/files/browse?path={quote(path)}"


def _launch_fields(launch: Launch) -> dict[str, Any]:
    return {
        "taskId": launch.task_id,
        "agentId": launch.agent_id,
        "agentHost": launch.agent_host,
        "agentUrl": launch.agent_url or None,
        "driverFrameworkId": launch.framework_id,
        "launchedAt": _time(launch.at),
        "sandboxUrl": sandbox_url(launch),
        # The protocol has these two, and Spark's own client shows them; its dispatcher never sets them.
        "workerId": launch.agent_id,
        "workerHostPort": launch.agent_url.partition("://")[2] or launch.agent_host,
    }


def _status_fields(status: TaskStatus) -> dict[str, Any]:
    return {
        "mesosState": status.state,
        "mesosMessage": redact_text(status.message) or None,
        "mesosReason": status.reason or None,
        "mesosSource": status.source or None,
        "statusTaskId": status.task_id,
        "statusAt": _time(status.timestamp or None),
    }


def _end_fields(status: TaskStatus) -> dict[str, Any]:
    exited = _EXITED.search(status.message)
    signalled = _SIGNALLED.search(status.message)
    return {
        "exitStatus": int(exited[1]) if exited else None,
        "exitSignal": signalled[1].strip() if signalled else None,
    }


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, OSError, ValueError):  # an agent's clock may say anything
        return None
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
