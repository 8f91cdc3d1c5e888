"""Passing requests on to the dispatcher that leads, so that any address of several dispatchers will do.

`standby.py` makes the two servers of a standby of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from sparkmesos_core.dispatcher.rest.application import LARGEST_BODY
from sparkmesos_core.http_service.leader_connections import (
    LeaderAnswer,
    LeaderConnections,
    LeaderRequest,
    MalformedError,
    NoAnswerError,
    NotReachedError,
)
from sparkmesos_core.http_service.passed_on import PASSED_ON, has_passed_on

logger = logging.getLogger(__name__)

FAILURE = "sparkmesos.failure"
"""The key, in the scope of a request that was not answered by the leader, of the `Failure`."""

_MOST_AT_ONCE = 64
_MOST_DISCARDED = 256 * LARGEST_BODY
_PLACE_SECONDS = 2.0
"""For how long a request waits until there is place for it."""
_ANSWER_SECONDS = 7.0
"""With the time for a place and a connection. It is less than clients wait: Spark's gives up after 10."""
_CHECK_SECONDS = 4.0
"""After how long without an answer it is looked whether the leader answers at all."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# RFC 9110, section 7.6.1; and what each of the two connections has of its own.
_OF_ONE_CONNECTION = frozenset(
    {
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_OF_OUR_SERVER = frozenset({b"date", b"server"})


@dataclass(frozen=True)
class Failure:
    """Why the leader has not answered a request."""

    status: int
    """What to answer: 503 if nothing was done; 502 if that is unknown; 400 or 413 if it is the request."""
    reason: str
    """For people."""


class Forwarding:
    """ASGI application that passes all requests on to the leader.

    `leader` gives its base URL, None as long as it is unknown. `unavailable` answers where the leader does
    not; it finds a `Failure` in the scope, under `FAILURE`. Requests are held back until they are complete,
    and answers are handed on as they come. `seconds` is for how long the leader may think. `answers`, if
    given, tells of the server with a URL whether it answers anything; one that does not is not waited for.
    """

    def __init__(
        self,
        leader: Callable[[], str | None],
        unavailable: ASGIApp,
        *,
        connections: LeaderConnections,
        seconds: float = _ANSWER_SECONDS,
        answers: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        self._leader = leader
        self._unavailable = unavailable
        self._connections = connections
        self._seconds = seconds
        self._answers = answers
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)
        self._said = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        if scope["type"] != "http":
            await self._unavailable(scope, receive, send)
            return
        body = await _whole_body(receive)
        if body is None:
            return  # the client has gone
        failure = await self._pass_on(scope, body, receive, send)
        if failure is not None:
            await self._unavailable({**scope, FAILURE: failure}, receive, send)

    async def _pass_on(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> Failure | None:
        """Pass it on; why not, if nothing was answered."""
        if len(body) > LARGEST_BODY:
            return Failure(413, f"The request is larger than {LARGEST_BODY} bytes")
        if has_passed_on(scope):
            return Failure(503, "This dispatcher does not lead any more")
        if scope["method"] == "CONNECT":
            return Failure(400, "There is nothing to connect to here")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        try:
            await asyncio.wait_for(self._places.acquire(), min(_PLACE_SECONDS, self._seconds))
        except asyncio.TimeoutError:
            return Failure(503, "This dispatcher is passing on as many requests as it can")
        try:
            return await self._exchange(scope, body, receive, send, deadline - loop.time())
        finally:
            self._places.release()

    async def _exchange(
        self, scope: Scope, body: bytes, receive: Receive, send: Send, seconds: float
    ) -> Failure | None:
        url = self._leader()
        if url is None:
            return Failure(503, "No dispatcher leads at the moment")
        try:
            with self._worth_waiting(url) as still:
                answer = await self._connections.ask(url, _leader_request(scope, body, url), seconds, still)
        except MalformedError as error:
            return Failure(400, f"The request is malformed: {error}")
        except NotReachedError as error:
            return self._failed(503, f"The dispatcher that leads, {url}, cannot be reached: {error}")
        except NoAnswerError as error:
            status = 503 if scope["method"] in _SAFE_METHODS else 502
            return self._failed(status, f"The dispatcher that leads, {url}, gave no answer: {error}")
        self._said = ""
        try:
            await _hand_back(answer, receive, send)
        finally:
            answer.close()
        return None

    @contextlib.contextmanager
    def _worth_waiting(self, url: str) -> Iterator[Callable[[], bool]]:
        """Whether the leader may still answer: it leads, as far as is known, and is not silent altogether."""
        watch = None if self._answers is None else asyncio.create_task(self._silence(url, self._answers))
        try:
            yield lambda: self._leader() == url and (watch is None or not watch.done())
        finally:
            if watch is not None:
                watch.cancel()

    async def _silence(self, url: str, answers: Callable[[str], Awaitable[bool]]) -> None:
        """Return when the leader answers nothing any more."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            if not await answers(url):
                return

    def _failed(self, status: int, reason: str) -> Failure:
        if reason != self._said:  # else clients that try again would fill the log
            logger.warning("%s", reason)
            self._said = reason
        return Failure(status, reason)


async def _whole_body(receive: Receive) -> bytes | None:
    """The body, or the beginning of one that is too large; None if the client has gone.

    Most of what is too large is read all the same: a client that still sends would lose the answer.
    """
    body = bytearray()
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        piece = message.get("body", b"")
        size += len(piece)
        if len(body) <= LARGEST_BODY:
            body += piece
        if not message.get("more_body", False) or size > _MOST_DISCARDED:
            return bytes(body)


def _leader_request(scope: Scope, body: bytes, url: str) -> LeaderRequest:
    target = scope.get("raw_path") or b"/"
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    headers = _end_to_end(scope["headers"], {b"content-length"})
    if not any(name.lower() == b"host" for name, _ in headers):
        headers.append((b"host", url.partition("://")[2].encode("ascii", "replace")))
    headers.append((PASSED_ON, b"1"))
    if body or scope["method"] not in _SAFE_METHODS:
        headers.append((b"content-length", str(len(body)).encode()))
    return LeaderRequest(scope["method"].encode(), target, headers, body)


def _end_to_end(
    headers: Iterable[tuple[bytes, bytes]], besides: Iterable[bytes]
) -> list[tuple[bytes, bytes]]:
    """Without those that are for one connection only."""
    headers = list(headers)
    dropped = {*_OF_ONE_CONNECTION, *besides}
    for name, value in headers:
        if name.lower() == b"connection":
            dropped.update(token.strip().lower() for token in value.split(b","))
    return [(name, value) for name, value in headers if name.lower() not in dropped]


async def _hand_back(answer: LeaderAnswer, receive: Receive, send: Send) -> None:
    """Hand the answer on as it comes, until the client goes.

    One that breaks off is left incomplete: the server then closes the connection, which tells the client.
    """
    headers = _end_to_end(answer.headers, _OF_OUR_SERVER)
    handing = asyncio.ensure_future(_hand_over(answer, headers, send))
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({handing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if handing.done():
            handing.result()
    finally:
        for task in (handing, gone):
            task.cancel()
        await asyncio.gather(handing, gone, return_exceptions=True)


async def _hand_over(answer: LeaderAnswer, headers: list[tuple[bytes, bytes]], send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    try:
        async for piece in answer.body():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except NoAnswerError as error:
        logger.warning("an answer of the leader broke off: %s", error)
        return
    await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
