"""The stand-in for http-parser: the interface that pymesos uses, however the bytes arrive."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import http_parser
from http_parser.http import (
    HPE_CLOSED_CONNECTION,
    HPE_HEADER_OVERFLOW,
    HPE_INVALID_EOF_STATE,
    HPE_INVALID_STATUS,
    HPE_OK,
    HPE_UNKNOWN,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    MAX_HEADER_SIZE,
    Headers,
    HttpParser,
)

CHUNKED_HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 09:00:00 GMT\r\nX-Empty:\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    b"Mesos-Stream-Id: 83a0b7ab-0040-4622-a5e5-6d2b9eabb988\r\n\r\n"
)
EVENTS: list[dict[str, object]] = [
    {"type": "SUBSCRIBED", "subscribed": {"framework_id": {"value": "f-1"}}},
    {"type": "HEARTBEAT"},
    {"type": "MESSAGE", "message": {"data": "ä" * 40 + "\n\r\n0\r\n\r\n"}},
]


def record_io(events: Iterable[object]) -> bytes:
    records = [json.dumps(event, ensure_ascii=False).encode() for event in events]
    return b"".join(b"%d\n%b" % (len(record), record) for record in records)


def chunked(body: bytes, sizes: Sequence[int], trailers: bytes = b"") -> bytes:
    """The body in chunks of these sizes, the last of them repeated for the rest."""
    encoded, position, index = b"", 0, 0
    while position < len(body):
        chunk = body[position : position + sizes[min(index, len(sizes) - 1)]]
        encoded += b"%x\r\n%b\r\n" % (len(chunk), chunk)
        position, index = position + len(chunk), index + 1
    return encoded + b"0\r\n" + trailers + b"\r\n"


@dataclass
class Outcome:
    parser: HttpParser
    body: bytes
    parsed: int
    """How many bytes of all that was fed were parsed."""
    refused: bool


def feed(pieces: Iterable[bytes]) -> Outcome:
    """Feed as pymesos does: stop when less is parsed than was given, fetch the body after every piece."""
    parser = HttpParser()
    body, parsed = b"", 0
    for piece in pieces:
        count = parser.execute(piece, len(piece))
        assert 0 <= count <= len(piece)
        parsed += count
        if parser.is_partial_body():
            body += parser.recv_body()
        if count != len(piece):
            return Outcome(parser, body, parsed, refused=True)
    return Outcome(parser, body, parsed, refused=False)


def bytewise(stream: bytes) -> list[bytes]:
    return [stream[i : i + 1] for i in range(len(stream))]


def cut(stream: bytes, points: Iterable[int]) -> list[bytes]:
    borders = [0, *sorted(points), len(stream)]
    return [stream[a:b] for a, b in pairwise(borders) if a != b]


BODY = record_io(EVENTS)
SUBSCRIPTION = CHUNKED_HEAD + chunked(BODY, [1, 7, 64])


def test_is_recognised_as_the_native_parser() -> None:
    # pymesos asks for this attribute and, if it is there, imports a module that we do not have.
    assert not hasattr(HttpParser(), "errno")
    assert http_parser.__version__ == "0.9.0"
    assert http_parser.version_info == (0, 9, 0)


def test_knows_nothing_before_the_first_byte() -> None:
    parser = HttpParser(kind=HTTP_RESPONSE)
    assert not parser.is_headers_complete()
    assert not parser.is_message_complete()
    assert not parser.is_partial_body()
    assert not parser.is_chunked()
    assert parser.get_status_code() == 0
    assert parser.get_errno() == HPE_OK
    assert dict(parser.get_headers()) == {}
    assert parser.recv_body() == b""


def test_parses_a_subscription_in_one_piece() -> None:
    outcome = feed([SUBSCRIPTION])
    assert outcome.body == BODY
    assert not outcome.refused
    assert outcome.parser.get_status_code() == 200
    assert outcome.parser.is_chunked()
    assert outcome.parser.is_headers_complete()
    assert outcome.parser.is_message_complete()
    headers = outcome.parser.get_headers()
    assert headers["MESOS-STREAM-ID"] == "83a0b7ab-0040-4622-a5e5-6d2b9eabb988"
    assert headers["x-empty"] == ""
    # pymesos builds its own dictionary in this way.
    assert {k.upper(): v for k, v in list(headers.items())}["CONTENT-TYPE"] == "application/json"


def test_parses_a_subscription_byte_by_byte() -> None:
    outcome = feed(bytewise(SUBSCRIPTION))
    assert (outcome.body, outcome.refused, outcome.parsed) == (BODY, False, len(SUBSCRIPTION))
    assert outcome.parser.is_message_complete()
    assert dict(outcome.parser.get_headers()) == dict(feed([SUBSCRIPTION]).parser.get_headers())


def test_parses_a_subscription_cut_in_two_anywhere() -> None:
    for point in range(1, len(SUBSCRIPTION)):
        outcome = feed(cut(SUBSCRIPTION, [point]))
        assert (outcome.body, outcome.refused) == (BODY, False), point
        assert outcome.parser.is_message_complete(), point


def test_tells_each_stage_as_soon_as_it_is_reached() -> None:
    head, first = len(CHUNKED_HEAD), len(b"5\r\n")
    stream = CHUNKED_HEAD + b"5\r\nhello\r\n0\r\n\r\n"
    parser = HttpParser()
    for position, byte in enumerate(bytewise(stream), start=1):
        assert parser.execute(byte, 1) == 1
        assert parser.is_headers_complete() == (position >= head)
        assert (parser.get_status_code() == 200) == (position >= head)
        assert parser.is_partial_body() == (head + first < position <= head + first + 5)
        assert parser.recv_body() == stream[position - 1 : position] * (
            head + first < position <= head + first + 5
        )
        assert parser.is_message_complete() == (position == len(stream))


@given(
    bodies=st.lists(st.binary(max_size=200), max_size=5),
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    data=st.data(),
)
def test_chunks_and_pieces_may_be_cut_anywhere(
    bodies: list[bytes], sizes: list[int], data: st.DataObject
) -> None:
    body = b"".join(bodies)
    stream = CHUNKED_HEAD + chunked(body, sizes)
    points = data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=20, unique=True))
    outcome = feed(cut(stream, points))
    assert (outcome.body, outcome.refused) == (body, False)
    assert outcome.parser.is_message_complete()


@given(
    body=st.binary(max_size=200),
    leftover=st.binary(max_size=40),
    framing=st.sampled_from(["chunked", "length"]),
    data=st.data(),
)
def test_ends_exactly_where_the_message_does(
    body: bytes, leftover: bytes, framing: str, data: st.DataObject
) -> None:
    if framing == "chunked":
        message = CHUNKED_HEAD + chunked(body, [16])
    else:
        message = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    stream = message + leftover
    points = data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=10, unique=True))
    outcome = feed(cut(stream, points))
    assert outcome.body == body
    assert outcome.parsed == len(message)
    assert outcome.parser.is_message_complete()
    assert outcome.refused == bool(leftover)
    assert outcome.parser.get_errno() == (HPE_CLOSED_CONNECTION if leftover else HPE_OK)


def test_a_second_response_is_left_alone() -> None:
    first = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    outcome = feed([first + b"HTTP/1.1 500 Other\r\nContent-Length: 0\r\n\r\n"])
    assert outcome.parsed == len(first)
    assert outcome.parser.get_status_code() == 202
    assert outcome.parser.execute(b"more", 4) == 0
    assert outcome.parser.get_errno() == HPE_CLOSED_CONNECTION


def test_a_body_of_known_length_is_complete_without_the_connection_closing() -> None:
    text = b"Failed to validate call: expecting 'type' to be present"
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(text)
    parser = HttpParser()
    parser.execute(head + text[:10], len(head) + 10)
    assert parser.get_status_code() == 400
    assert not parser.is_chunked()
    assert parser.is_partial_body()
    assert parser.recv_body() == text[:10]
    assert not parser.is_partial_body()
    assert parser.recv_body() == b""
    assert not parser.is_message_complete()
    parser.execute(text[10:], len(text) - 10)
    assert parser.recv_body() == text[10:]
    assert parser.is_message_complete()


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body_whatever_the_headers_say(status: int) -> None:
    outcome = feed([b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status])
    assert outcome.parser.is_message_complete()
    assert outcome.body == b""
    assert outcome.parser.get_status_code() == status


def test_redirect_of_a_non_leading_master() -> None:
    outcome = feed(
        bytewise(
            b"HTTP/1.1 307 Temporary Redirect\r\n"
            b"Location: //master1.mesos.example:5050/master/api/v1/scheduler\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
    )
    assert outcome.parser.is_message_complete()
    assert outcome.parser.get_status_code() == 307
    assert outcome.parser.get_headers()["location"] == "//master1.mesos.example:5050/master/api/v1/scheduler"


@pytest.mark.parametrize("pieces", ["whole", "bytewise"])
def test_interim_responses_are_passed_over(pieces: str) -> None:
    interim = b"HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    parser = HttpParser()
    assert parser.execute(interim, len(interim)) == len(interim)
    assert not parser.is_headers_complete()
    assert not parser.is_message_complete()
    outcome = feed([interim + SUBSCRIPTION] if pieces == "whole" else bytewise(interim + SUBSCRIPTION))
    assert outcome.parser.get_status_code() == 200
    assert outcome.body == BODY
    assert "X-Interim" not in outcome.parser.get_headers()


def test_switching_protocols_ends_the_message() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    outcome = feed([head + b"other protocol"])
    assert outcome.parser.get_status_code() == 101
    assert outcome.parser.is_message_complete()
    assert outcome.parsed == len(head)


def test_trailers_are_dropped_and_do_not_change_the_framing() -> None:
    trailers = b"X-Checksum: 1\r\nTransfer-Encoding: identity\r\nX-Empty:\r\n"
    for pieces in ([CHUNKED_HEAD + chunked(b"abc", [2], trailers)], None):
        stream = CHUNKED_HEAD + chunked(b"abc", [2], trailers)
        outcome = feed(pieces if pieces is not None else bytewise(stream))
        assert outcome.body == b"abc"
        assert outcome.parser.is_message_complete()
        assert outcome.parser.is_chunked()
        assert "X-Checksum" not in outcome.parser.get_headers()


def test_chunk_extensions_are_ignored() -> None:
    outcome = feed(bytewise(CHUNKED_HEAD + b'3;a=b;c="d"\r\nabc\r\n0;last\r\n\r\n'))
    assert outcome.body == b"abc"
    assert outcome.parser.is_message_complete()


def test_a_body_without_length_ends_with_the_connection() -> None:
    parser = HttpParser()
    stream = b"HTTP/1.0 200 OK\r\n\r\nuntil\nclose"
    assert parser.execute(stream, len(stream)) == len(stream)
    assert parser.recv_body() == b"until\nclose"
    assert not parser.is_message_complete()
    assert parser.execute(b"", 0) == 0
    assert parser.is_message_complete()
    assert parser.get_errno() == HPE_OK


@pytest.mark.parametrize(
    "stream",
    [b"HTTP/1.1", CHUNKED_HEAD[:-1], CHUNKED_HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"],
)
def test_an_early_end_is_an_error(stream: bytes) -> None:
    parser = HttpParser()
    assert parser.execute(stream, len(stream)) == len(stream)
    assert parser.execute(b"", 0) != 0
    assert parser.get_errno() == HPE_INVALID_EOF_STATE
    assert not parser.is_message_complete()
    assert parser.execute(b"x", 1) == 0


def test_an_end_before_or_after_the_message_is_none() -> None:
    parser = HttpParser()
    assert parser.execute(b"", 0) == 0
    assert parser.execute(SUBSCRIPTION, len(SUBSCRIPTION)) == len(SUBSCRIPTION)
    assert parser.execute(b"", 0) == 0
    assert parser.get_errno() == HPE_OK


def test_only_length_bytes_of_the_data_count() -> None:
    parser = HttpParser()
    buffer = bytearray(SUBSCRIPTION + b"stale bytes of a longer message before")
    assert parser.execute(buffer, len(SUBSCRIPTION)) == len(SUBSCRIPTION)
    assert parser.is_message_complete()
    assert HttpParser().execute(memoryview(buffer)[:20], 20) == 20


def test_repeated_headers_are_joined() -> None:
    head = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: c\r\nX-A: 3\r\nContent-Length: 0\r\n\r\n"
    for pieces in ([head], bytewise(head)):
        headers = feed(pieces).parser.get_headers()
        assert headers["X-a"] == "1, 2, 3"
        assert list(headers) == ["X-A", "Set-Cookie", "Content-Length"]


def test_headers_are_a_mapping_without_regard_to_case() -> None:
    headers = Headers()
    headers["Location"] = "a"
    headers["LOCATION"] = "b"
    assert dict(headers) == {"Location": "b"}
    assert "location" in headers
    assert repr(headers) == "Headers({'Location': 'b'})"
    del headers["LocatioN"]
    assert len(headers) == 0
    with pytest.raises(KeyError):
        headers["Location"]


def test_header_bytes_beyond_ascii_survive() -> None:
    headers = feed([b"HTTP/1.1 200 OK\r\nX-N: \xe4\r\n\r\n"]).parser.get_headers()
    assert headers["X-N"] == "\xe4"


@pytest.mark.parametrize(
    ("stream", "parsed", "errno"),
    [
        (b"220 ftp.example ready\r\n", 0, HPE_UNKNOWN),
        (b"GET / HTTP/1.1\r\n\r\n", 0, HPE_UNKNOWN),
        (b"\x15\x03\x01\x00\x02\x02\x16", 0, HPE_UNKNOWN),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", 0, HPE_INVALID_STATUS),
        (CHUNKED_HEAD + b"zz\r\nabc", len(CHUNKED_HEAD), HPE_UNKNOWN),
        (CHUNKED_HEAD + b"3\r\nabcd\r\n", len(CHUNKED_HEAD) + 3, HPE_UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 17, HPE_UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 17 + 19, HPE_UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", 17, HPE_UNKNOWN),
    ],
)
def test_errors_stop_before_the_offending_line_and_stay(stream: bytes, parsed: int, errno: int) -> None:
    parser = HttpParser()
    assert parser.execute(stream, len(stream)) == parsed
    assert parser.get_errno() == errno
    assert parser.execute(SUBSCRIPTION, len(SUBSCRIPTION)) == 0
    assert parser.execute(b"", 0) == 0
    assert parser.get_errno() == errno
    assert not parser.is_message_complete()
    refused_bytewise = feed(bytewise(stream))
    assert refused_bytewise.refused
    assert refused_bytewise.parser.get_errno() == errno


@pytest.mark.parametrize(
    "endless",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * MAX_HEADER_SIZE,
        b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * (MAX_HEADER_SIZE // 8),
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_HEADER_SIZE // 25 + 1),
        CHUNKED_HEAD + b"1;" + b"x" * MAX_HEADER_SIZE,
        CHUNKED_HEAD + b"1\r\na\r\n0\r\n" + b"X-A: 1\r\n" * (MAX_HEADER_SIZE // 8 + 1),
    ],
    ids=["header", "headers", "interim", "extension", "trailers"],
)
def test_a_peer_cannot_make_us_collect_memory(endless: bytes) -> None:
    outcome = feed(endless[i : i + 4096] for i in range(0, len(endless), 4096))
    assert outcome.refused
    assert outcome.parser.get_errno() == HPE_HEADER_OVERFLOW


def test_a_large_body_is_no_overflow() -> None:
    body = random.Random(1).randbytes(4 * MAX_HEADER_SIZE)
    stream = CHUNKED_HEAD + chunked(body, [MAX_HEADER_SIZE + 1, 999])
    for pieces in ([stream], cut(stream, range(4096, len(stream), 4096))):
        outcome = feed(pieces)
        assert outcome.body == body
        assert outcome.parser.is_message_complete()


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=12), st.sampled_from([b"", CHUNKED_HEAD]))
def test_garbage_never_raises(pieces: list[bytes], before: bytes) -> None:
    check_garbage([before, *pieces] if before else pieces)


@given(data=st.data())
def test_damaged_streams_never_raise(data: st.DataObject) -> None:
    stream = bytearray(SUBSCRIPTION)
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    points = data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=10, unique=True))
    check_garbage(cut(bytes(stream), points))


def check_garbage(pieces: Sequence[bytes]) -> None:
    """Either everything is parsed, or an error (or the end of the message) is told and stays."""
    outcome = feed(pieces)
    parser = outcome.parser
    whole = feed([b"".join(pieces)]) if pieces else outcome
    assert (whole.body, whole.parser.get_errno()) == (outcome.body, parser.get_errno())
    if outcome.refused:
        errno = parser.get_errno()
        assert errno != HPE_OK
        assert (errno == HPE_CLOSED_CONNECTION) == parser.is_message_complete()
        assert parser.execute(b"HTTP/1.1 200 OK\r\n", 17) == 0
        assert parser.get_errno() == errno
    else:
        assert parser.get_errno() == HPE_OK
    assert isinstance(parser.get_status_code(), int)
    assert all(isinstance(value, str) for value in parser.get_headers().values())


def test_requests_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="responses only"):
        HttpParser(kind=HTTP_REQUEST)
