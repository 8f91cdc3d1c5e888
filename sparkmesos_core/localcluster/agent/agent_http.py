"""An embedded agent's HTTP server: its state, the sandboxes of its tasks, and the executor API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sparkmesos_core.html_pages import html_page
from sparkmesos_core.localcluster import operator_json
from sparkmesos_core.localcluster.agent import agent_json, sandbox_files, sandbox_page
from sparkmesos_core.localcluster.agent.agent import Agent
from sparkmesos_core.localcluster.agent.agent_operator_api import agent_answer
from sparkmesos_core.localcluster.agent.executor_api import executor_api
from sparkmesos_core.localcluster.authentication import Authenticated
from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.localcluster.http_answers import (
    authority,
    json_answer,
    json_bytes,
    not_found,
    text_answer,
    wrong_method,
)
from sparkmesos_core.localcluster.served_files import FilesRefused, download_file, read_file


class AgentApp:
    """The ASGI application; paths work with and without the prefix `/slave(1)`, as with Mesos."""

    def __init__(self, agent: Agent, authentication: Authentication) -> None:
        self._agent = agent
        self._authentication = authentication
        self._answers: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/state": self._state,
            "/state.json": self._state,
            "/version": self._version,
            "/flags": self._flags,
            "/containers": self._containers,
            "/monitor/statistics": self._statistics,
            "/monitor/statistics.json": self._statistics,
            "/metrics/snapshot": self._metrics,
            "/health": self._health,
            "/files/browse": self._browse,
            "/files/read": self._read,
            "/files/debug": self._debug,
            "/files/download": self._download,
            "/sandbox": self._sandbox,
        }

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
        path: str = request.scope["path"]  # as credentials were asked for; `request.url` can differ
        for prefix in ("/slave(1)/", "/slave%281%29/"):
            if path.startswith(prefix):
                path = path[len(prefix) - 1 :]
        if not self._agent.answers:
            return text_answer(503, "Agent is shutting down")
        if path == "/api/v1/executor":
            return await executor_api(self._agent, request)
        if path == "/api/v1":
            return await agent_answer(self._agent, request, self._all_flags())
        if path not in self._answers:
            return not_found()
        if request.method not in ("GET", "HEAD"):
            return wrong_method("GET", request.method)
        return await self._answers[path](request)

    async def _health(self, _: Request) -> Response:
        return Response()

    async def _state(self, request: Request) -> Response:
        return json_answer(request, {**agent_json.agent_state(self._agent), "flags": self._all_flags()})

    async def _version(self, request: Request) -> Response:
        return json_answer(request, operator_json.version())

    async def _flags(self, request: Request) -> Response:
        return json_answer(request, {"flags": self._all_flags()})

    def _all_flags(self) -> dict[str, str]:
        return {**agent_json.agent_flags(self._agent), **self._authentication.agent_flags()}

    async def _metrics(self, request: Request) -> Response:
        return json_answer(request, agent_json.agent_metrics(self._agent))

    async def _containers(self, request: Request) -> Response:
        return json_answer(request, await agent_json.containers(self._agent))

    async def _statistics(self, request: Request) -> Response:
        return json_answer(request, await agent_json.monitor_statistics(self._agent))

    async def _browse(self, request: Request) -> Response:
        path = request.query_params.get("path")
        return json_answer(request, await asyncio.to_thread(sandbox_files.browse, self._agent.root, path))

    async def _read(self, request: Request) -> Response:
        query = request.query_params
        path, offset, length = query.get("path"), query.get("offset"), query.get("length")
        if (log := self._log_asked_for(path)) is not None:
            body = await asyncio.to_thread(read_file, log, offset, length)
        else:
            body = await asyncio.to_thread(sandbox_files.read, self._agent.root, path, offset, length)
        return json_bytes(request, body)

    async def _debug(self, request: Request) -> Response:
        log = self._agent.options.log
        return json_answer(request, {sandbox_files.LOG_PATH: str(log)} if log is not None else {})

    def _log_asked_for(self, path: str | None) -> Path | None:
        return self._agent.options.log if path == sandbox_files.LOG_PATH else None

    async def _download(self, request: Request) -> Response:
        path = request.query_params.get("path")
        if (log := self._log_asked_for(path)) is not None:
            name, size, pieces = await asyncio.to_thread(download_file, log)
        else:
            name, size, pieces = await asyncio.to_thread(sandbox_files.download, self._agent.root, path)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename={quote(name)}",
            "Content-Length": str(size),
        }
        return StreamingResponse(pieces, headers=headers)

    async def _sandbox(self, request: Request) -> Response:
        where = authority(self._agent.options.hostname, self._agent.options.port)
        path = request.query_params.get("path")
        content = await asyncio.to_thread(sandbox_page.page_content, self._agent.root, path, where)
        return html_page("sparkmesos_core.localcluster", "sandbox.html", content)


def agent_app(agent: Agent, authentication: Authentication) -> ASGIApp:
    """The ASGI application of an agent, which wants to know who asks if it is told so."""
    return Authenticated(AgentApp(agent, authentication), authentication, "agent", "/slave(1)")
