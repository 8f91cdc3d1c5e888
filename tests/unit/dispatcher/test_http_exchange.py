from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sparkmesos_core.dispatcher.http_exchange import Answer, NoAnswerError, NotHttpError, exchange
from sparkmesos_core.master import HostPort


@contextmanager
def raw_server(reply: bytes) -> Iterator[tuple[HostPort, list[bytes]]]:
    """Answers one connection with these bytes, and hangs up; gives what it was sent."""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                got.append(connection.recv(65536))
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield HostPort("127.0.0.1", server.getsockname()[1]), got
        thread.join()


def answer_to(reply: bytes, method: str = "GET", body: bytes = b"") -> Answer:
    with raw_server(reply) as (address, _):
        return exchange(address, method, "/x", headers={"Accept": "text/plain"}, body=body, timeout=10)


def test_what_is_sent() -> None:
    with raw_server(b"HTTP/1.1 204 No Content\r\n\r\n") as (address, got):
        answer = exchange(address, "POST", "/a?b=c", headers={"X-Y": "z"}, body=b"{}", timeout=10)
    head, _, body = got[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /a?b=c HTTP/1.1",
        f"Host: {address}".encode(),
        b"Connection: close",
        b"X-Y: z",
        b"Content-Length: 2",
    ]
    assert body == b"{}"
    assert (answer.status, answer.reason, answer.body) == (204, "No Content", b"")


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", b"abc"),
        (b"HTTP/1.0 200 OK\n\nabc", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", b"a"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n",
            b"abcde",
        ),
        (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", b""),
    ],
)
def test_the_ways_to_end_a_body(reply: bytes, body: bytes) -> None:
    answer = answer_to(reply)
    assert (answer.status, answer.body) == (200, body)


def test_headers_are_found_by_their_names_in_lower_case() -> None:
    answer = answer_to(b"HTTP/1.1 200 OK\r\nX-Name:  a: b \r\nContent-Length: 0\r\n\r\n")
    assert answer.headers["x-name"] == "a: b"


def test_the_answer_to_head_has_no_body() -> None:
    assert answer_to(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD").body == b""


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
    ],
    ids=lambda reply: repr(reply[:48]),
)
def test_what_is_no_http(reply: bytes) -> None:
    with pytest.raises(NoAnswerError) as caught:
        answer_to(reply)
    assert isinstance(caught.value.reason, NotHttpError | ConnectionError)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTT",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ],
)
def test_a_connection_that_ends_early(reply: bytes) -> None:
    with pytest.raises(NoAnswerError) as caught:
        answer_to(reply)
    assert isinstance(caught.value.reason, ConnectionError)
    assert caught.value.connected


def test_who_was_never_reached_did_not_get_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = HostPort("127.0.0.1", server.getsockname()[1])
    with pytest.raises(NoAnswerError) as caught:
        exchange(address, "GET", "/", headers={}, timeout=5)
    assert isinstance(caught.value.reason, ConnectionRefusedError)
    assert not caught.value.connected


def test_an_answer_that_comes_before_all_was_read_is_read() -> None:
    """As of a server that refuses what is too large for it."""
    assert (
        answer_to(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", "POST", b"x" * 100).status == 413
    )
