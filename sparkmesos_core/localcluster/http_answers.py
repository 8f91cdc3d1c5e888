"""Answers that the embedded master's and agents' HTTP servers share."""

from __future__ import annotations

import gzip
import ipaddress
import json
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

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


class OnlyForLoopbackNames:
    """ASGI middleware that refuses requests whose `Host` is a name of elsewhere.

    A server on loopback runs commands for whoever can reach it. A web page in the user's browser cannot,
    unless its own host name is made to point to 127.0.0.1; such requests carry that name.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = {name.lower() for name in names} | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http" and not self._fine(Headers(scope=scope).get("host", "")):
            answer = text_answer(
                403, "The embedded cluster answers only to the names of this machine's loopback"
            )
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _fine(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        name = name.strip("[]").lower()
        if not name or name in self._names or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
