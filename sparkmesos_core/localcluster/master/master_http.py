"""The embedded master's HTTP server: who answers what, and what a master says that does not lead."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sparkmesos_core.localcluster import operator_json
from sparkmesos_core.localcluster.authentication import PRINCIPAL, Authenticated, unauthorized
from sparkmesos_core.localcluster.credentials import Authentication, Realm
from sparkmesos_core.localcluster.http_answers import (
    authority,
    json_answer,
    not_found,
    text_answer,
    wrong_method,
)
from sparkmesos_core.localcluster.master import maintenance_http, master_json
from sparkmesos_core.localcluster.master.master import Master
from sparkmesos_core.localcluster.master.master_files import MasterFiles
from sparkmesos_core.localcluster.master.notice_page import credentials_wanted, standby
from sparkmesos_core.localcluster.master.operator_api import master_answer
from sparkmesos_core.localcluster.master.page import render_page
from sparkmesos_core.localcluster.master.scheduler_http import scheduler_answer

JsonObject = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]

_HOST = re.compile(r"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+")
_RECOVERS_FIRST = frozenset({"/api/v1", "/api/v1/scheduler"})
"""Only these wait until a new leader has recovered, as with Mesos."""

SIGN_IN = "sign-in"
"""The query of `/` that makes a browser ask for credentials."""


class MasterApp:
    """The ASGI application; paths work with and without the prefix `/master`, as with Mesos."""

    def __init__(self, master: Master, authentication: Authentication, log: Path | None) -> None:
        self._master = master
        self._authentication = authentication
        self._files = MasterFiles(log)
        self._local: dict[str, Callable[[Request], Response]] = {
            "/flags": lambda r: json_answer(r, {"flags": self._flags()}),
            "/health": lambda _: Response(),
            "/metrics/snapshot": lambda r: json_answer(r, self._metrics()),
            "/version": lambda r: json_answer(r, operator_json.version()),
        }
        self._get: dict[str, Callable[[Request], Response]] = {
            "/frameworks": lambda r: json_answer(r, master_json.frameworks(master.state)),
            "/roles": lambda r: json_answer(r, master_json.roles(master.state)),
            "/slaves": lambda r: json_answer(r, master_json.slaves(master.state)),
            "/state": lambda r: json_answer(r, self._state()),
            "/state-summary": lambda r: json_answer(r, master_json.state_summary(master.state)),
            "/state.json": lambda r: json_answer(r, self._state()),
            "/tasks": lambda r: json_answer(r, master_json.tasks(master.state, dict(r.query_params))),
        }
        self._post: dict[str, Handler] = {
            "/api/v1": self._operator_api,
            "/api/v1/scheduler": self._scheduler,
            "/teardown": self._teardown,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        answer = await self._answer(request)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        # Not `request.url`: older Starlettes cut a path at a `?` that was quoted in it, although whether
        # credentials are wanted is decided by the whole of it.
        path: str = request.scope["path"]
        if path in ("/", "/master", "/master/"):
            return _only("GET", request) or self._page(request)
        path = path.removeprefix("/master") if path.startswith("/master/") else path
        if path == "/redirect":
            return self._redirect("")
        if path in self._local:
            return _only("GET", request) or self._local[path](request)
        if path.startswith("/files/"):
            return _only("GET", request) or await self._files.answer(request, path)
        if not (path in self._get or path in self._post or path in maintenance_http.PATHS):
            return not_found()
        if not self._elected:
            query = _query(request)
            return self._redirect(f"/master{path}{f'?{query}' if query else ''}")
        if self._master.recovering and path in _RECOVERS_FIRST:
            return text_answer(503, "Master has not finished recovery")
        if path in maintenance_http.PATHS:
            return await maintenance_http.answer_request(self._master, request, path)
        if path in self._get:
            return _only("GET", request) or self._get[path](request)
        return _only("POST", request) or await self._post[path](request)

    @property
    def _elected(self) -> bool:
        return self._master.leading or self._master.recovering

    def _redirect(self, path: str) -> Response:
        """To the leader; a path that it does not have itself is added."""
        if self._master.leader is None:
            return text_answer(503, "No leader elected")
        where = leader_authority(self._master.leader)
        if where is None:
            return text_answer(503, "The leader's node in ZooKeeper does not say where it is")
        return Response(status_code=307, headers={"Location": f"//{where}{path}"})

    def _page(self, request: Request) -> Response:
        """The page is open in Mesos since it holds nothing: here it does, so it wants to know who looks."""
        if self._authentication.readonly and PRINCIPAL not in request.scope:
            if _query(request) == SIGN_IN:
                return unauthorized("master", Realm.READONLY)
            return credentials_wanted(f"/?{SIGN_IN}")
        if not self._elected:
            leader = self._master.leader
            return standby(leader_authority(leader) if leader is not None else None)
        return render_page(self._master)

    async def _scheduler(self, request: Request) -> Response:
        return await scheduler_answer(self._master, request)

    async def _operator_api(self, request: Request) -> Response:
        return await master_answer(self._master, request, self._flags(), self._metrics())

    async def _teardown(self, request: Request) -> Response:
        fields = parse_qs((await request.body()).decode("utf-8", errors="replace"))
        if not fields.get("frameworkId"):
            return text_answer(400, "Missing 'frameworkId' query parameter in the request body")
        try:
            self._master.teardown(fields["frameworkId"][0])
        except KeyError:
            return text_answer(400, "No framework found with specified ID")
        return Response()

    def _flags(self) -> dict[str, Any]:
        flags = {**master_json.master_flags(self._master.state), **self._authentication.master_flags()}
        if self._files.log is not None:
            flags["log_dir"] = str(self._files.log.parent)
        return dict(sorted(flags.items()))

    def _state(self) -> dict[str, Any]:
        return {**master_json.master_state(self._master.state), "flags": self._flags()}

    def _metrics(self) -> dict[str, float]:
        return master_json.master_metrics(self._master.state, self._master.clock())


def leader_authority(info: JsonObject) -> str | None:
    """The host and port of a leader by its MasterInfo, which anybody can have put into ZooKeeper.

    By the name that it gives itself, as Mesos redirects; None if it does not say, or nothing that fits a URL.
    """
    address = info.get("address")
    for given in (info, address if isinstance(address, dict) else {}):
        port = given.get("port")
        for host in (given.get("hostname"), given.get("ip")):
            if isinstance(host, str) and _HOST.fullmatch(host) and type(port) is int and 0 < port < 65536:
                return authority(host, port)
    return None


def _query(request: Request) -> str:
    return bytes(request.scope["query_string"]).decode("latin-1")


def _only(method: str, request: Request) -> Response | None:
    """Mesos' 405, unless the method is the one; HEAD will do for GET."""
    if request.method == method or (method, request.method) == ("GET", "HEAD"):
        return None
    return wrong_method(method, request.method)


def master_app(master: Master, authentication: Authentication, log: Path | None = None) -> ASGIApp:
    """The ASGI application of a master, which serves its log if it has one."""
    app = MasterApp(master, authentication, log)
    return Authenticated(app, authentication, "master", "/master")
