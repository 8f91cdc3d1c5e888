"""`/api/v1/executor` of an agent: calls of custom executors, and the events that they subscribe to."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sparkmesos_core.localcluster.agent.agent import Agent
from sparkmesos_core.localcluster.agent.executor import Executor
from sparkmesos_core.localcluster.agent.executor_call import Subscribe, parse_executor_call
from sparkmesos_core.localcluster.call_body import CallRefused, parse_body
from sparkmesos_core.localcluster.http_answers import text_answer, wrong_method

JsonObject = dict[str, Any]

HEARTBEAT_SECONDS = 1800.0
"""Mesos' DEFAULT_EXECUTOR_HEARTBEAT_INTERVAL."""
_BOTH = "application/json or application/x-protobuf"


class EventStream:
    """An executor's channel: events that wait to be written to its connection."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[JsonObject | None] = asyncio.Queue()

    def send(self, event: JsonObject) -> None:
        """Send an event."""
        self.events.put_nowait(event)

    def close(self) -> None:
        """End the stream after what was sent before."""
        self.events.put_nowait(None)


class EventsAnswer(Response):
    """Answers SUBSCRIBE with events until one of the two ends."""

    def __init__(self, agent: Agent, executor: Executor, call: Subscribe) -> None:
        super().__init__(media_type="application/json")
        self._agent = agent
        self._executor = executor
        self._call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the head and then records as they come."""
        stream = EventStream()
        gone = asyncio.create_task(_disconnect(receive))
        writing = asyncio.create_task(self._write(stream, send))
        try:
            self._agent.executors.subscribe(self._call, stream)
            await asyncio.wait({gone, writing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            writing.cancel()
            self._agent.executors.unsubscribed(self._executor, stream)

    async def _write(self, stream: EventStream, send: Send) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        while True:
            try:
                event = await asyncio.wait_for(stream.events.get(), HEARTBEAT_SECONDS)
            except asyncio.TimeoutError:
                event = {"type": "HEARTBEAT"}
            if event is None:
                break
            body = json.dumps(event, separators=(",", ":")).encode()
            await send(
                {"type": "http.response.body", "body": b"%d\n%s" % (len(body), body), "more_body": True}
            )
        if self._agent.answers:  # who crashes does not say goodbye: the answer stays incomplete
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def executor_api(agent: Agent, request: Request) -> Response:
    """The answer to a request, in Mesos' words if it is refused."""
    if not agent.has_recovered:  # or else an executor that comes back would hear that nobody knows it
        return text_answer(503, "Agent has not finished recovery")
    if request.method != "POST":
        return wrong_method("POST", request.method)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not content_type:
        return text_answer(400, "Expecting 'Content-Type' to be present")
    if content_type == "application/x-protobuf":
        return text_answer(415, "The embedded cluster understands application/json only, not protobuf")
    if content_type != "application/json":
        return text_answer(415, f"Expecting 'Content-Type' of {_BOTH}")
    try:
        call = parse_executor_call(parse_body(await request.body()))
        if not isinstance(call, Subscribe):
            agent.executor_call(call)
            return Response(status_code=202)
        if not _accepts_json(request.headers.get("accept", "*/*")):
            text = "Expecting 'Accept' to allow application/json, which is all the embedded cluster speaks"
            return text_answer(406, text)
        return EventsAnswer(agent, agent.executor_of_call(call), call)
    except CallRefused as refused:
        return text_answer(refused.status, refused.text)


def _accepts_json(accept: str) -> bool:
    kinds = {kind.partition(";")[0].strip().lower() for kind in accept.split(",")}
    return bool(kinds & {"application/json", "application/*", "*/*"})
