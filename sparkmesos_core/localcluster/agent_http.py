"""An embedded agent's HTTP server: its state, and the sandboxes of its tasks."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sparkmesos_core.localcluster import operator_json, sandbox_files
from sparkmesos_core.localcluster.agent import Agent
from sparkmesos_core.localcluster.http_answers import (
    json_answer,
    json_bytes,
    not_found,
    text_answer,
    wrong_method,
)
from sparkmesos_core.localcluster.sandbox_files import FilesRefused


class AgentApp:
    """The ASGI application; paths work with and without the prefix `/slave(1)`, as with Mesos."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except FilesRefused as refused:
            answer = text_answer(refused.status, refused.text)
        except PermissionError:
            answer = text_answer(403, "Not allowed to read this file")
        except OSError as error:
            answer = text_answer(500, f"Cannot read the file: {error.strerror}")
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        for prefix in ("/slave(1)/", "/slave%281%29/"):
            if path.startswith(prefix):
                path = path[len(prefix) - 1 :]
        answers = {
            "/state": lambda: json_answer(request, operator_json.agent_state(self._agent)),
            "/state.json": lambda: json_answer(request, operator_json.agent_state(self._agent)),
            "/version": lambda: json_answer(request, operator_json.version()),
            "/flags": lambda: json_answer(request, {"flags": operator_json.agent_flags(self._agent)}),
            "/containers": lambda: json_answer(request, operator_json.containers(self._agent)),
            "/health": lambda: Response(),
        }
        files = {"/files/browse": self._browse, "/files/read": self._read, "/files/download": self._download}
        if path not in answers and path not in files:
            return not_found()
        if request.method not in ("GET", "HEAD"):
            return wrong_method("GET", request.method)
        if path in answers:
            return answers[path]()
        return await files[path](request)

    async def _browse(self, request: Request) -> Response:
        path = request.query_params.get("path")
        return json_answer(request, await asyncio.to_thread(sandbox_files.browse, self._agent.root, path))

    async def _read(self, request: Request) -> Response:
        query = request.query_params
        body = await asyncio.to_thread(
            sandbox_files.read, self._agent.root, query.get("path"), query.get("offset"), query.get("length")
        )
        return json_bytes(request, body)

    async def _download(self, request: Request) -> Response:
        path = request.query_params.get("path")
        name, size, pieces = await asyncio.to_thread(sandbox_files.download, self._agent.root, path)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename={quote(name)}",
            "Content-Length": str(size),
        }
        return StreamingResponse(pieces, headers=headers)


def agent_app(agent: Agent) -> ASGIApp:
    """The ASGI application of an agent."""
    return AgentApp(agent)
