"""The REST server of a dispatcher as an ASGI application, without a framework: it is asked often."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sparkmesos_core.dispatcher.dispatcher import Dispatcher
from sparkmesos_core.dispatcher.rest import answers
from sparkmesos_core.dispatcher.rest.answers import Answer
from sparkmesos_core.dispatcher.rest.listing import parse_query, select
from sparkmesos_core.dispatcher.rest.paths import Action, Refusal, find_route
from sparkmesos_core.dispatcher.rest.problems import RequestError
from sparkmesos_core.dispatcher.rest.requests import read_create_request
from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.durable_framework.condition import InDoubtError
from sparkmesos_core.errors import FrameworkError

LARGEST_BODY = 256 * 1024
"""Bytes of a request: twice the longest command (`command_limits.LONGEST_COMMAND`), as JSON escapes some
of it. A larger driver might not fit into a node of ZooKeeper."""

_MOST_DISCARDED = 256 * LARGEST_BODY
_JSON = (b"content-type", b"application/json;charset=utf-8")
_LOG = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class RestApplication:
    """Answers what docs/reference/rest.md describes, in the event loop of the dispatcher."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        rules: Rules,
        *,
        spark_version: str = answers.SPARK_VERSION,
        largest_body: int = LARGEST_BODY,
    ) -> None:
        """`spark_version` is what answers tell clients of the server."""
        self._dispatcher = dispatcher
        self._rules = rules
        self._spark_version = spark_version
        self._largest_body = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        try:
            answer = await self._answer(scope, receive)
        except RequestError as error:
            answer = answers.refused(error)
        except InDoubtError as error:
            answer = answers.in_doubt(error.message)
        except FrameworkError as error:
            answer = answers.unavailable(error.message)
        except Exception:  # noqa: BLE001 - a client waits for an answer, and the dispatcher has others
            _LOG.exception("A request of %s %s failed", scope["method"], scope["path"])
            answer = answers.broken()
        if answer is not None:
            await self._send(answer, send, with_body=scope["method"] != "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """The answer; None if the client has gone."""
        route = find_route(scope["method"], scope["path"])
        if isinstance(route, Refusal):
            return answers.refused_path(route)
        dispatcher = self._dispatcher
        if route.action is Action.CREATE:
            return await self._create(scope, receive)
        if route.action in (Action.STATUS, Action.LIST):
            told = (
                self._status(route.submission_id)
                if route.action is Action.STATUS
                else self._list(scope["query_string"])
            )
            await dispatcher.settled()  # or a client might be told of a driver that is lost with the store
            return told
        if route.action is Action.KILL:
            return answers.killed(await dispatcher.kill(route.submission_id), dispatcher.condition)
        if route.action is Action.KILL_ALL:
            return answers.killed_all(await dispatcher.kill_all(), dispatcher.condition)
        if route.action is Action.CLEAR:
            return answers.cleared(await dispatcher.clear())
        return answers.ready(dispatcher.condition)

    def _status(self, driver_id: str) -> Answer:
        dispatcher = self._dispatcher
        driver = dispatcher.driver(driver_id)
        if driver is None:
            return answers.not_found(driver_id, dispatcher.condition)
        return answers.status(
            driver,
            dispatcher.queue_position(driver.id),
            dispatcher.obstacle(driver.id),
            dispatcher.condition,
        )

    def _list(self, query: bytes) -> Answer:
        dispatcher = self._dispatcher
        page = select(dispatcher.drivers(), parse_query(query))
        rows = [
            (driver, dispatcher.queue_position(driver.id), dispatcher.obstacle(driver.id))
            for driver in page.drivers
        ]
        return answers.listed(rows, page.total, page.counts, page.following, dispatcher.condition)

    async def _create(self, scope: Scope, receive: Receive) -> Answer | None:
        pieces: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            piece = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(piece)
            if size <= self._largest_body:
                pieces.append(piece)
            elif size > _MOST_DISCARDED:
                break
        if size > self._largest_body:
            # Most of what is too large is read all the same: a client that still sends would lose the answer.
            return answers.too_large(self._largest_body)
        request = read_create_request(b"".join(pieces), self._rules)
        result = await self._dispatcher.create(request.submission, request.token)
        return answers.created(result, self._dispatcher.condition, request.unknown_fields)

    async def _send(self, answer: Answer, send: Send, *, with_body: bool) -> None:
        body = answer.body(self._spark_version)
        headers = [(b"content-length", str(len(body)).encode())]
        if body:
            headers.append(_JSON)
        headers.extend((name.lower().encode(), value.encode()) for name, value in answer.headers)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body if with_body else b""})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
