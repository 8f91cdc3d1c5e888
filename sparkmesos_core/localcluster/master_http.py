"""The embedded master's HTTP server: the scheduler API and the operator endpoints."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sparkmesos_core.localcluster import operator_json
from sparkmesos_core.localcluster.http_answers import (
    authority,
    json_answer,
    not_found,
    text_answer,
    wrong_method,
)
from sparkmesos_core.localcluster.master import EventStream, Master
from sparkmesos_core.localcluster.page import render_page
from sparkmesos_core.localcluster.scheduler_call import CallRefused, Subscribe, parse_body, parse_call

Handler = Callable[[Request], Awaitable[Response]]


class SubscriptionAnswer(Response):
    """A subscription: RecordIO records until either side ends it.

    The master learns when the client has gone.
    """

    def __init__(self, master: Master, stream: EventStream) -> None:
        super().__init__()
        self._master = master
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream."""
        gone = asyncio.create_task(_disconnect(receive))
        try:
            headers = [
                (b"content-type", b"application/json"),
                (b"mesos-stream-id", self._stream.stream_id.encode()),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while True:
                event = asyncio.create_task(self._stream.next())
                await asyncio.wait({event, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not event.done():
                    event.cancel()
                    return
                if (value := event.result()) is None:
                    break
                await send({"type": "http.response.body", "body": record(value), "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._master.disconnected(self._stream)


def record(event: Any) -> bytes:
    """One RecordIO record: the length in decimal, a line feed, and that many bytes of JSON."""
    body = json.dumps(event, separators=(",", ":")).encode()
    return b"%d\n%s" % (len(body), body)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class MasterApp:
    """The ASGI application; paths work with and without the prefix `/master`, as with Mesos."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._get: dict[str, Callable[[Request], Response]] = {
            "/state": lambda r: json_answer(r, operator_json.master_state(master.state)),
            "/state.json": lambda r: json_answer(r, operator_json.master_state(master.state)),
            "/state-summary": lambda r: json_answer(r, operator_json.state_summary(master.state)),
            "/slaves": lambda r: json_answer(r, operator_json.slaves(master.state)),
            "/frameworks": lambda r: json_answer(r, operator_json.frameworks(master.state)),
            "/tasks": lambda r: json_answer(r, operator_json.tasks(master.state, dict(r.query_params))),
            "/roles": lambda r: json_answer(r, operator_json.roles(master.state)),
            "/version": lambda r: json_answer(r, operator_json.version()),
            "/flags": lambda r: json_answer(r, {"flags": operator_json.master_flags(master.state)}),
            "/health": lambda _: Response(),
            "/redirect": lambda _: self._redirect(),
            "/metrics/snapshot": lambda r: json_answer(
                r, operator_json.master_metrics(master.state, master.clock())
            ),
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
        path = request.url.path
        if path in ("/", "/master", "/master/"):
            if request.method not in ("GET", "HEAD"):
                return wrong_method("GET", request.method)
            return render_page(self._master)
        path = path.removeprefix("/master") if path.startswith("/master/") else path
        if path in self._post:
            if request.method != "POST":
                return wrong_method("POST", request.method)
            return await self._post[path](request)
        if path in self._get:
            if request.method not in ("GET", "HEAD"):
                return wrong_method("GET", request.method)
            return self._get[path](request)
        return not_found()

    async def _scheduler(self, request: Request) -> Response:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type == "application/x-protobuf":
            return text_answer(415, "The embedded cluster understands application/json only, not protobuf")
        if content_type != "application/json":
            return text_answer(415, "Expecting 'Content-Type' of application/json or application/x-protobuf")
        stream_id = request.headers.get("mesos-stream-id")
        try:
            call = parse_call(parse_body(await request.body()))
            if not isinstance(call, Subscribe):
                self._master.call(call, stream_id)
                return Response(status_code=202)
            if stream_id is not None:
                text = "Subscribe calls should not include the 'Mesos-Stream-Id' header"
                return text_answer(400, text)
            if not _accepts_json(request.headers.get("accept", "*/*")):
                text = (
                    "Expecting 'Accept' to allow application/json, which is all the embedded cluster speaks"
                )
                return text_answer(406, text)
            return SubscriptionAnswer(self._master, self._master.subscribe(call))
        except CallRefused as refused:
            return text_answer(refused.status, refused.text)

    async def _teardown(self, request: Request) -> Response:
        fields = parse_qs((await request.body()).decode("utf-8", errors="replace"))
        if not fields.get("frameworkId"):
            return text_answer(400, "Missing 'frameworkId' query parameter in the request body")
        try:
            self._master.teardown(fields["frameworkId"][0])
        except KeyError:
            return text_answer(400, "No framework found with specified ID")
        return Response()

    async def _operator_api(self, _: Request) -> Response:
        return text_answer(
            501, "The embedded cluster does not implement the operator API; use /state and the like"
        )

    def _redirect(self) -> Response:
        options = self._master.state.options
        return Response(
            status_code=307, headers={"Location": f"//{authority(options.hostname, options.port)}"}
        )


def _accepts_json(accept: str) -> bool:
    kinds = {kind.partition(";")[0].strip().lower() for kind in accept.split(",")}
    return bool(kinds & {"application/json", "application/*", "*/*"})


def master_app(master: Master) -> ASGIApp:
    """The ASGI application of a master."""
    return MasterApp(master)
