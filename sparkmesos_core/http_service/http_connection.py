"""A client's connection to a server of the dispatcher: how long it is waited for, and how many there are."""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

logger = logging.getLogger(__name__)

_REQUEST_SECONDS = 30.0
"""In which a request has to arrive, from the connection, or its first byte, to its last one."""
_LARGEST_HEAD = 64 * 1024
"""Bytes of a request line and its headers, besides those of the packet that it began in."""
_MOST_CONNECTIONS = 2000
_FEWEST_CONNECTIONS = 32
_SILENCE_SECONDS = 60.0
"""Between two complaints about too many clients."""


def most_connections() -> int:
    """How many connections one server may have: of the files that may be open, two servers leave half."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(_FEWEST_CONNECTIONS, min(_MOST_CONNECTIONS, allowed // 4))


class Crowd:
    """The connections of one server. When there are too many, the one that has been idle longest goes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: set[Connection] = set()
        self._complained_at = -_SILENCE_SECONDS

    def enter(self, connection: Connection) -> None:
        """Let a new one in, in place of an idle one if need be; without an idle one it is cut off."""
        self._all.add(connection)
        if len(self._all) <= self._most:
            return
        # The new one has not said anything yet either, and so is the last to go.
        longest = min(
            (one for one in self._all if one.is_idle and one is not connection),
            key=lambda one: one.idle_since,
            default=connection,
        )
        now = connection.loop.time()
        if now - self._complained_at >= _SILENCE_SECONDS:
            self._complained_at = now
            logger.warning("more than %d clients are connected: some are cut off", self._most)
        self._all.discard(longest)
        longest.transport.abort()

    def leave(self, connection: Connection) -> None:
        """One is no more."""
        self._all.discard(connection)


class Connection(HttpToolsProtocol):
    """uvicorn's, which waits for a slow client without end, and keeps a header of any length."""

    def __init__(self, crowd: Crowd, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._crowd = crowd
        self.idle_since = self.loop.time()
        """In the loop's time, while `is_idle`."""
        self._heads = 0
        self._in_head = False
        self._head_size = 0
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered, nor one that has arrived waits for that."""
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As asyncio wants it."""
        super().connection_made(transport)
        self._set_deadline()
        self._crowd.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio wants it."""
        self._crowd.leave(self)
        self._drop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As asyncio wants it."""
        if self._deadline is None:
            self._set_deadline()
        in_head, heads = self._in_head, self._heads
        super().data_received(data)
        if in_head and self._in_head and heads == self._heads:
            self._head_size += len(data)
            if self._head_size > _LARGEST_HEAD:
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """As httptools wants it."""
        self._heads += 1
        self._in_head = True
        self._head_size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """As httptools wants it."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """As httptools wants it."""
        self._drop_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """As uvicorn wants it, when an answer is on its way."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def shutdown(self) -> None:
        """As uvicorn wants it, at the end of the server."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.scheme == "https" and not self.transport.get_write_buffer_size():
            self.transport.abort()  # TLS would wait for a word of the client, which does not listen
        else:
            super().shutdown()

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(_REQUEST_SECONDS, self._give_up)

    def _drop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        cycle = self.cycle
        answering = cycle is not None and not cycle.more_body and not cycle.response_complete
        if answering or self.pipeline:
            self._set_deadline()  # it waits for us, whatever it has sent besides
        else:
            self.transport.abort()
