"""The messages that a dispatcher answers with, as bytes.

They are written as Spark writes them: keys in alphabetical order, one to a line, ` : ` behind each, nothing
that is null. There are clients (Airflow's) that read them with a regular expression.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.dispatcher.dispatcher import Created, KillAnswer
from sparkmesos_core.dispatcher.drivers.driver import Driver, State
from sparkmesos_core.dispatcher.drivers.obstacle import Obstacle
from sparkmesos_core.dispatcher.messages import PROTOCOL_VERSION
from sparkmesos_core.dispatcher.rest.driver_fields import driver_fields, driver_message
from sparkmesos_core.dispatcher.rest.paths import Refusal
from sparkmesos_core.dispatcher.rest.problems import RequestError
from sparkmesos_core.durable_framework.condition import Condition
from sparkmesos_core.redaction import redact_text

SPARK_VERSION = "3.5.9"
"""The Spark whose dispatcher this speaks like: what is told where no other one is known here."""

_NOT_FOUND = "NOT_FOUND"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(", ", " : ")).encode


@dataclass(frozen=True)
class Answer:
    """An answer, but for the headers that all have, and the version that all tell."""

    status: int
    fields: Mapping[str, str] = field(default_factory=dict)
    """Of the message, as JSON by their names; none: there is no body."""
    headers: tuple[tuple[str, str], ...] = ()

    def body(self, spark_version: str = SPARK_VERSION) -> bytes:
        """The message, as from a dispatcher of this Spark."""
        if not self.fields:
            return b""
        lines = {**self.fields, "serverSparkVersion": _encode(spark_version)}
        text = ",\n".join(f'  "{key}" : {lines[key]}' for key in sorted(lines))
        return f"{{\n{text}\n}}".encode("utf-8", "replace")


def created(answer: Created, condition: Condition, unknown_fields: Sequence[str] = ()) -> Answer:
    """To a submission, whether it was accepted or not."""
    fields: dict[str, Any] = {**_mesos_fields(condition), "unknownFields": list(unknown_fields) or None}
    if answer.driver is None:
        fields.update(success=False, message=answer.refusal)
    else:
        fields.update(success=True, submissionId=answer.driver.id, repeated=answer.repeated or None)
    return _answer("CreateSubmissionResponse", fields)


def killed(answer: KillAnswer, condition: Condition) -> Answer:
    """To a kill."""
    return _answer(
        "KillSubmissionResponse",
        {
            **_mesos_fields(condition),
            "submissionId": answer.driver_id,
            "success": answer.success,
            "message": answer.message,
        },
    )


def killed_all(answers: Sequence[KillAnswer], condition: Condition) -> Answer:
    """To a kill of all: Spark 4 says how it went, here also for which drivers."""
    return _answer(
        "KillAllSubmissionResponse",
        {
            **_mesos_fields(condition),
            "success": all(answer.success for answer in answers),
            "message": f"Killed {len(answers)} {'driver' if len(answers) == 1 else 'drivers'}",
            "submissionIds": [answer.driver_id for answer in answers],
        },
    )


def cleared(count: int) -> Answer:
    """To a clear."""
    drivers = "driver" if count == 1 else "drivers"
    return _answer("ClearResponse", {"success": True, "message": f"Forgot {count} ended {drivers}"})


def ready(condition: Condition) -> Answer:
    """To the question whether submissions are taken: 503 if they are not."""
    fields = {
        "subscribed": condition.subscribed,
        "frameworkId": condition.framework_id,
        "master": condition.master,
        "message": redact_text(condition.reason) or None,
    }
    if condition.ready:
        return _answer("ReadyzResponse", {**fields, "success": True})
    return unavailable(redact_text(condition.reason) or "The dispatcher is not ready to take requests")


def status(
    driver: Driver, queue_position: int | None, obstacle: Obstacle | None, condition: Condition
) -> Answer:
    """Of a driver, with its place in the queue and what keeps it from being launched."""
    return _answer(
        "SubmissionStatusResponse",
        {
            **driver_fields(driver, queue_position, obstacle),
            **_mesos_fields(condition),
            "submissionId": driver.id,
            "success": True,
            "driverState": driver.state.value,
            "message": driver_message(driver),
        },
    )


def not_found(submission_id: str, condition: Condition) -> Answer:
    """To the question for the status of a driver that is not known."""
    return _answer(
        "SubmissionStatusResponse",
        {
            **_mesos_fields(condition),
            "submissionId": submission_id,
            "success": False,
            "driverState": _NOT_FOUND,
        },
    )


def listed(
    drivers: Iterable[tuple[Driver, int | None, Obstacle | None]],
    total: int,
    counts: Mapping[State, int],
    following: int | None,
    condition: Condition,
) -> Answer:
    """A list of drivers, with what `status` gets of each; see `rest/listing.py` for the other arguments."""
    submissions = [
        {
            key: value
            for key, value in sorted(
                {
                    **driver_fields(driver, position, obstacle),
                    "submissionId": driver.id,
                    "driverState": driver.state.value,
                }.items()
            )
            if value is not None
        }
        for driver, position, obstacle in drivers
    ]
    return _answer(
        "ListSubmissionsResponse",
        {
            **_mesos_fields(condition),
            "success": True,
            "total": total,
            "counts": {state.value: counts.get(state, 0) for state in State},
            "next": None if following is None else str(following),
        },
        rows=("submissions", submissions),
    )


def refused(error: RequestError) -> Answer:
    """To a request that cannot be understood, with all that is wrong with it."""
    problems = [
        {"key": problem.key, "message": problem.message, "hint": problem.hint} for problem in error.problems
    ]
    return _answer("ErrorResponse", {"message": error.message, "problems": problems or None}, status=400)


def refused_path(refusal: Refusal) -> Answer:
    """To a method or path that means nothing."""
    if not refusal.message:
        return Answer(refusal.status, headers=refusal.headers)
    return _answer(
        "ErrorResponse",
        {
            "message": refusal.message,
            "highestProtocolVersion": PROTOCOL_VERSION if refusal.version_unknown else None,
        },
        status=refusal.status,
        headers=refusal.headers,
    )


def too_large(limit: int) -> Answer:
    """To a body of more than `limit` bytes."""
    return _answer(
        "ErrorResponse",
        {"message": f"The request is larger than the {limit} bytes that a submission may have"},
        status=413,
        headers=(("Connection", "close"),),
    )


def unavailable(reason: str) -> Answer:
    """While a request cannot be served."""
    return _answer("ErrorResponse", {"message": reason}, status=503, headers=(("Retry-After", "1"),))


def in_doubt(reason: str) -> Answer:
    """To a request of which nobody knows whether it was carried out."""
    return _answer("ErrorResponse", {"message": reason}, status=502)


def broken() -> Answer:
    """To a request whose handling failed for a reason that is in the log."""
    return _answer(
        "ErrorResponse", {"message": "Internal server error: the dispatcher's log says more"}, status=500
    )


def _mesos_fields(condition: Condition) -> dict[str, Any]:
    """Why what is said of drivers is old, and what is wanted of them has to wait, if that is so."""
    return {
        "mesosProblem": None if condition.subscribed else redact_text(condition.reason) or "it is not told"
    }


def _answer(
    action: str,
    fields: Mapping[str, Any],
    *,
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = (),
    rows: tuple[str, Sequence[Mapping[str, Any]]] | None = None,
) -> Answer:
    """A message; `rows` is a field with many objects, each on a line of its own."""
    lines = {
        key: f"[ {_encode(value)[1:-1]} ]" if isinstance(value, list) else _encode(value)
        for key, value in {**fields, "action": action}.items()
        if value is not None
    }
    if rows is not None:
        name, objects = rows
        lines[name] = "[ ]" if not objects else "[\n    " + ",\n    ".join(map(_encode, objects)) + "\n  ]"
    return Answer(status, lines, headers)
