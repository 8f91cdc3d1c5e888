"""Answers that the embedded master's and agents' HTTP servers share."""

from __future__ import annotations

import gzip
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

_WORTH_PACKING = 1024


def json_answer(request: Request, value: Any) -> Response:
    """A JSON answer, packed if it is large and the client can unpack it."""
    return json_bytes(request, json.dumps(value, separators=(",", ":")).encode())


def json_bytes(request: Request, body: bytes) -> Response:
    """The same for JSON that is ready."""
    headers = {"Content-Type": "application/json"}
    if len(body) >= _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=4)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers)


def text_answer(status: int, text: str) -> Response:
    """A plain-text answer, as Mesos gives its errors."""
    return PlainTextResponse(text, status_code=status)


def not_found() -> Response:
    """Mesos' 404 for paths that no endpoint has."""
    return text_answer(404, "404 Not Found.")


def wrong_method(allowed: str, method: str) -> Response:
    """Mesos' 405."""
    text = f"405 Method Not Allowed. Expecting one of {{ '{allowed}' }}, but received '{method}'."
    return PlainTextResponse(text, status_code=405, headers={"Allow": allowed})


def content_problem(request: Request) -> Response | None:
    """Mesos' refusal of a POST whose body is not declared as exactly what it reads; None if it is."""
    match request.headers.get("content-type"):
        case None:
            return text_answer(400, "Expecting 'Content-Type' to be present")
        case "application/json":
            return None
        case "application/x-protobuf":
            return text_answer(415, "The embedded cluster understands application/json only, not protobuf")
        case _:
            return text_answer(415, "Expecting 'Content-Type' of application/json or application/x-protobuf")


def accepts_json(request: Request) -> bool:
    """Whether a client takes JSON as an answer."""
    accept = request.headers.get("accept", "*/*")
    kinds = {kind.partition(";")[0].strip().lower() for kind in accept.split(",")}
    return bool(kinds & {"application/json", "application/*", "*/*"})


def authority(host: str, port: int) -> str:
    """The host and port of a URL, with brackets around IPv6 addresses."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
