"""Calls of the v1 operator API, of masters and agents alike: from a request to a type and its fields."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sparkmesos_core.localcluster.call_body import CallRefused, parse_body
from sparkmesos_core.localcluster.http_answers import accepts_json, content_problem, text_answer

JsonObject = dict[str, Any]


async def read_call(
    request: Request, kinds: dict[str, str | None], owner: str
) -> tuple[str, JsonObject] | Response:
    """The type of a call and the fields that are named for it; or Mesos' refusal of the request.

    `kinds` are the types that are understood, each with the name of the fields that it needs, or None.
    `owner` is `master` or `agent`.
    """
    if (problem := content_problem(request)) is not None:
        return problem
    try:
        body = parse_body(await request.body())
    except CallRefused as refused:
        return text_answer(refused.status, refused.text)
    kind = body.get("type") if isinstance(body, dict) else None
    if not isinstance(kind, str) or not (kind in kinds or kind in NOT_HERE[owner]):
        # Mesos' JSON reader drops what its enumeration does not know.
        return text_answer(400, f"Failed to validate {owner}::Call: Expecting 'type' to be present")
    needed = kinds.get(kind)
    if needed is not None and not isinstance(body.get(needed), dict):
        return text_answer(400, f"Failed to validate {owner}::Call: Expecting '{needed}' to be present")
    if not accepts_json(request):
        return text_answer(406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'")
    if kind not in kinds:
        return text_answer(501, f"The embedded cluster does not implement {kind}")
    return kind, body.get(needed) or {} if needed is not None else {}


def identity(fields: JsonObject, name: str) -> str | None:
    """The text of an id such as `framework_id`; None if it is not there."""
    value = fields.get(name)
    text = value.get("value") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


NOT_HERE = {
    "master": frozenset(
        {
            "CREATE_VOLUMES",
            "DESTROY_VOLUMES",
            "GET_LOGGING_LEVEL",
            "GET_OPERATIONS",
            "GET_QUOTA",
            "GET_WEIGHTS",
            "GROW_VOLUME",
            "LIST_FILES",
            "READ_FILE",
            "REMOVE_QUOTA",
            "RESERVE_RESOURCES",
            "SET_LOGGING_LEVEL",
            "SET_QUOTA",
            "SHRINK_VOLUME",
            "SUBSCRIBE",
            "UNRESERVE_RESOURCES",
            "UPDATE_QUOTA",
            "UPDATE_WEIGHTS",
        }
    ),
    "agent": frozenset(
        {
            "ADD_RESOURCE_PROVIDER_CONFIG",
            "ATTACH_CONTAINER_INPUT",
            "ATTACH_CONTAINER_OUTPUT",
            "GET_LOGGING_LEVEL",
            "GET_OPERATIONS",
            "GET_RESOURCE_PROVIDERS",
            "KILL_CONTAINER",
            "KILL_NESTED_CONTAINER",
            "LAUNCH_CONTAINER",
            "LAUNCH_NESTED_CONTAINER",
            "LAUNCH_NESTED_CONTAINER_SESSION",
            "LIST_FILES",
            "MARK_RESOURCE_PROVIDER_GONE",
            "PRUNE_IMAGES",
            "READ_FILE",
            "REMOVE_CONTAINER",
            "REMOVE_NESTED_CONTAINER",
            "REMOVE_RESOURCE_PROVIDER_CONFIG",
            "SET_LOGGING_LEVEL",
            "UPDATE_RESOURCE_PROVIDER_CONFIG",
            "WAIT_CONTAINER",
            "WAIT_NESTED_CONTAINER",
        }
    ),
}
"""Calls that a real one understands; they are about what the embedded cluster does not have."""
