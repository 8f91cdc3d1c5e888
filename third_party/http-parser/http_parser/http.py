"""An incremental parser of one HTTP/1 response, with the interface of http-parser 0.9.0 over httptools.

The class has no attribute `errno` on purpose: by that pymesos recognises the pure Python parser of the
original, whose errors it treats differently.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Final

import httptools

HTTP_BOTH: Final = 2
HTTP_RESPONSE: Final = 1
HTTP_REQUEST: Final = 0

# Values of get_errno(): those of the original for the same situations.
HPE_OK: Final = 0
HPE_INVALID_EOF_STATE: Final = 9
HPE_HEADER_OVERFLOW: Final = 10
HPE_CLOSED_CONNECTION: Final = 11
HPE_INVALID_STATUS: Final = 13
HPE_UNKNOWN: Final = 29

# As in the original. Beyond it a peer only makes us collect memory.
MAX_HEADER_SIZE: Final = 80 * 1024


class Headers(MutableMapping[str, str]):
    """Header fields by name, whose case does not matter; iteration gives the names as they were sent."""

    def __init__(self) -> None:
        self._fields: dict[str, tuple[str, str]] = {}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][1]

    def __setitem__(self, name: str, value: str) -> None:
        sent_as, _ = self._fields.get(name.lower(), (name, ""))
        self._fields[name.lower()] = (sent_as, value)

    def __delitem__(self, name: str) -> None:
        del self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return (sent_as for sent_as, _ in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"


class HttpParser:
    """Parses one HTTP/1 response, fed to `execute` in pieces of any size.

    Interim responses (status 1xx except 101) are passed over: what the methods tell is about the final one.
    Trailers are checked and dropped, since a field that comes after the body must not change its framing.

    `kind` may be HTTP_BOTH or HTTP_RESPONSE; ValueError for requests, which this stand-in cannot parse.
    """

    def __init__(self, kind: int = HTTP_BOTH) -> None:
        if kind not in (HTTP_BOTH, HTTP_RESPONSE):
            raise ValueError(f"this http-parser parses responses only (kind 1 or 2), not kind {kind!r}")
        self._errno = HPE_OK
        self._begin_response()

    def _begin_response(self) -> None:
        self._events = _Events()
        self._parser = httptools.HttpResponseParser(self._events)
        self._events.parser = self._parser

    def execute(self, data: bytes | bytearray | memoryview, length: int) -> int:
        """Parse the first `length` bytes of `data`; a length of 0 means that the peer closed the connection.

        Returns how many bytes were parsed. Less than `length` means that the rest was not: either
        `get_errno()` says what is wrong with it (counted to the beginning of the offending line), or the
        message was complete before (then the code is HPE_CLOSED_CONNECTION). After an error nothing
        more is parsed. For an early end, 1 is returned, which differs from 0 as in the original.
        """
        if length <= 0:
            return self._end_of_stream()
        pending = bytes(data[:length])
        position = 0
        while position < len(pending):
            if self._events.message_complete and self._errno == HPE_OK:
                self._errno = HPE_CLOSED_CONNECTION
            if self._errno != HPE_OK:
                break
            end = self._end_of_piece(pending, position)
            if not self._feed(pending[position:end]):
                break
            position = end
        return position

    def _end_of_piece(self, pending: bytes, position: int) -> int:
        """Where to stop feeding, so that the message never ends within a piece.

        httptools does not tell how far it came, so the end of the message has to be the end of a piece. Heads
        and chunked bodies end with a line feed; the length of other bodies is known, or they have no end.
        """
        events = self._events
        if events.headers_complete and events.remaining is not None:
            return min(len(pending), position + events.remaining)
        if events.headers_complete and events.until_close:
            return len(pending)
        line_feed = pending.find(b"\n", position)
        return len(pending) if line_feed < 0 else line_feed + 1

    def _feed(self, piece: bytes) -> bool:
        events = self._events
        events.overhead += len(piece)
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            pass  # status 101: the message is complete, and what follows is another protocol
        except httptools.HttpParserInvalidStatusError:
            self._errno = HPE_INVALID_STATUS
        except httptools.HttpParserError:
            self._errno = HPE_UNKNOWN
        if self._errno == HPE_OK and events.overhead > MAX_HEADER_SIZE:
            self._errno = HPE_HEADER_OVERFLOW
        if self._errno != HPE_OK:
            return False
        if events.message_complete and events.is_interim():
            spent = events.overhead
            self._begin_response()
            self._events.overhead = spent  # else a peer could send interim responses for ever
        return True

    def _end_of_stream(self) -> int:
        events = self._events
        if self._errno == HPE_OK and not events.message_complete:
            if events.headers_complete and events.until_close:
                events.message_complete = True
            elif events.message_begun:
                self._errno = HPE_INVALID_EOF_STATE
        return 1 if self._errno == HPE_INVALID_EOF_STATE else 0

    def get_errno(self) -> int:
        """0, or the HPE_ code of the error that ended the parsing."""
        return self._errno

    def get_status_code(self) -> int:
        """The status of the response; 0 until the headers are complete."""
        return self._events.status

    def get_headers(self) -> Headers:
        """The header fields so far; those sent repeatedly are joined by a comma and a blank."""
        return self._events.headers

    def recv_body(self) -> bytes:
        """The part of the body that was parsed since the last call."""
        body = b"".join(self._events.body)
        self._events.body.clear()
        return body

    def is_partial_body(self) -> bool:
        """Whether `recv_body` has something to give."""
        return bool(self._events.body)

    def is_headers_complete(self) -> bool:
        """Whether status and headers of the response are all there."""
        return self._events.headers_complete and not self._events.is_interim()

    def is_message_complete(self) -> bool:
        """Whether the response has been parsed to its end."""
        return self._events.message_complete

    def is_chunked(self) -> bool:
        """Whether the only transfer coding of the body is "chunked"."""
        return self._events.headers.get("transfer-encoding", "").lower() == "chunked"


class _Events:
    """What httptools reports about one response, interim or final."""

    parser: httptools.HttpResponseParser

    def __init__(self) -> None:
        self.headers = Headers()
        self.body: list[bytes] = []
        self.status = 0
        self.message_begun = False
        self.headers_complete = False
        self.message_complete = False
        self.remaining: int | None = None
        """Bytes of the body still to come, if the headers give its length."""
        self.until_close = False
        """Whether only the end of the connection ends the body."""
        self.overhead = 0
        """Bytes fed since the last ones that were of use: of the head, of chunk headers, of trailers."""

    def is_interim(self) -> bool:
        return 100 <= self.status < 200 and self.status != 101

    def on_message_begin(self) -> None:
        self.message_begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.headers_complete:
            return
        key, text = name.decode("latin-1"), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()
        self.headers_complete = True
        coding = self.headers.get("transfer-encoding")
        length = self.headers.get("content-length")
        if coding is not None:
            self.until_close = coding.rpartition(",")[2].strip().lower() != "chunked"
        elif length is not None:
            self.remaining = int(length)  # httptools has refused what is not a number
        else:
            self.until_close = True
        if not self.is_interim():
            self.overhead = 0

    def on_body(self, data: bytes) -> None:
        self.overhead = 0
        self.body.append(data)
        if self.remaining is not None:
            self.remaining -= len(data)

    def on_message_complete(self) -> None:
        self.message_complete = True
