"""The scheduler API of the embedded master over HTTP: subscriptions and calls (`/api/v1/scheduler`)."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sparkmesos_core.localcluster.authentication import PRINCIPAL
from sparkmesos_core.localcluster.call_body import CallRefused, parse_body
from sparkmesos_core.localcluster.http_answers import accepts_json, content_problem, text_answer
from sparkmesos_core.localcluster.master.master import EventStream, Master
from sparkmesos_core.localcluster.master.scheduler_call import Subscribe
from sparkmesos_core.localcluster.master.scheduler_call_parsing import parse_call


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


async def scheduler_answer(master: Master, request: Request) -> Response:
    """The answer of a leading master to a call; a subscription lasts as long as both sides want it to."""
    if (problem := content_problem(request)) is not None:
        return problem
    principal: str | None = request.scope.get(PRINCIPAL)
    stream_id = request.headers.get("mesos-stream-id")
    try:
        call = parse_call(parse_body(await request.body()))
        if not isinstance(call, Subscribe):
            framework = master.state.frameworks.get(call.framework_id)
            if framework is not None:
                _check_principal(principal, framework.info, subscribing=False)
            master.call(call, stream_id)
            return Response(status_code=202)
        _check_principal(principal, call.info, subscribing=True)
        if not accepts_json(request):
            text = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'"
            return text_answer(406, text)
        if stream_id is not None:
            return text_answer(400, "Subscribe calls should not include the 'Mesos-Stream-Id' header")
        if (
            principal is not None
        ):  # the master takes a framework's word that is not given from its credentials
            call = dataclasses.replace(call, info={"principal": principal, **call.info})
        return SubscriptionAnswer(master, master.subscribe(call))
    except CallRefused as refused:
        return text_answer(refused.status, refused.text)


def _check_principal(principal: str | None, info: dict[str, Any], *, subscribing: bool) -> None:
    """Raises CallRefused if who is authenticated is not who the FrameworkInfo names."""
    named = info.get("principal", principal if subscribing else "")
    if principal is None or named == principal:
        return
    text = f"Authenticated principal '{principal}' does not match principal '{named}' set in `FrameworkInfo`"
    raise CallRefused(400, f"Failed to validate scheduler::Call: {text}" if subscribing else text)
