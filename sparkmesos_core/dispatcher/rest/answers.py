"""The messages that a dispatcher answers with, as bytes.

They are written as Spark writes them: keys in alphabetical order, one to a line, ` : ` behind each, nothing
that is null. There are clients (Airflow's) that read them with a regular expression.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.dispatcher.dispatcher import Condition, Created, KillAnswer
from sparkmesos_core.dispatcher.drivers.driver import Driver, State
from sparkmesos_core.dispatcher.messages import PROTOCOL_VERSION
from sparkmesos_core.dispatcher.rest.driver_fields import driver_fields, driver_message
from sparkmesos_core.dispatcher.rest.paths import Refusal
from sparkmesos_core.dispatcher.rest.problems import RequestError

SPARK_VERSION = "3.5.9"
"""The Spark whose dispatcher this speaks like; clients want one, and do nothing with it."""

_NOT_FOUND = "NOT_FOUND"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(", ", " : ")).encode


@dataclass(frozen=True)
class Answer:
    """An answer, but for the headers that all have."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def created(answer: Created, unknown_fields: Sequence[str] = ()) -> Answer:
    """To a submission, whether it was accepted or not."""
    fields: dict[str, Any] = {"unknownFields": list(unknown_fields) or None}
    if answer.driver is None:
        fields.update(success=False, message=answer.refusal)
    else:
        fields.update(success=True, submissionId=answer.driver.id, repeated=answer.repeated or None)
    return _answer("CreateSubmissionResponse", fields)


def killed(answer: KillAnswer) -> Answer:
    """To a kill."""
    return _answer(
        "KillSubmissionResponse",
        {"submissionId": answer.driver_id, "success": answer.success, "message": answer.message},
    )


def killed_all(answers: Sequence[KillAnswer]) -> Answer:
    """To a kill of all: Spark 4 says how it went, here also for which drivers."""
    return _answer(
        "KillAllSubmissionResponse",
        {
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
        "frameworkId": condition.framework_id,
        "master": condition.master,
        "subscribed": condition.subscribed,
        "message": condition.reason or None,
    }
    if condition.ready:
        return _answer("ReadyzResponse", {**fields, "success": True})
    return unavailable(condition.reason or "The dispatcher is not ready to take requests")


def status(driver: Driver, queue_position: int | None) -> Answer:
    """Of a driver."""
    return _answer(
        "SubmissionStatusResponse",
        {
            **driver_fields(driver, queue_position),
            "submissionId": driver.id,
            "success": True,
            "driverState": driver.state.value,
            "message": driver_message(driver),
        },
    )


def not_found(submission_id: str) -> Answer:
    """To the question for the status of a driver that is not known."""
    return _answer(
        "SubmissionStatusResponse",
        {"submissionId": submission_id, "success": False, "driverState": _NOT_FOUND},
    )


def listed(
    drivers: Iterable[tuple[Driver, int | None]],
    total: int,
    counts: Mapping[State, int],
    following: int | None,
) -> Answer:
    """A list of drivers with their positions in the queue; see `rest/listing.py` for the other arguments."""
    submissions = [
        {
            key: value
            for key, value in sorted(
                {
                    **driver_fields(driver, position),
                    "submissionId": driver.id,
                    "driverState": driver.state.value,
                }.items()
            )
            if value is not None
        }
        for driver, position in drivers
    ]
    return _answer(
        "ListSubmissionsResponse",
        {
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
        return Answer(refusal.status, b"", refusal.headers)
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


def broken() -> Answer:
    """To a request whose handling failed for a reason that is in the log."""
    return _answer(
        "ErrorResponse", {"message": "Internal server error: the dispatcher's log says more"}, status=500
    )


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
        for key, value in {**fields, "action": action, "serverSparkVersion": SPARK_VERSION}.items()
        if value is not None
    }
    if rows is not None:
        name, objects = rows
        lines[name] = "[ ]" if not objects else "[\n    " + ",\n    ".join(map(_encode, objects)) + "\n  ]"
    text = ",\n".join(f'  "{key}" : {lines[key]}' for key in sorted(lines))
    return Answer(status, f"{{\n{text}\n}}".encode("utf-8", "replace"), headers)
