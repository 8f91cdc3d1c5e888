"""What shuffle services answer is told apart; what Spark's own answer was taken from Spark 3.5.9."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sparkmesos_core.spark.shuffle_service import (
    NoSparkError,
    ServiceKind,
    ShuffleAnswer,
    answers,
    ask_shuffle_service,
    heartbeat,
    is_for_mesos,
    kind_of,
    question,
    takes_heartbeats,
)

LOCAL_DIRS = bytes.fromhex("0000000000000022 04 0000000000000002 0000000d 0b000000000000000000000000")
REFUSED = b"\tjava.lang.UnsupportedOperationException: Unexpected message: \n\tat org.apache.spark"
NO_SASL = b"8java.lang.IllegalStateException: Expected SaslMessage, received something else"
CHALLENGE = bytes.fromhex("0000000000000023 04 0000000000000002 0000000e") + b'nonce="LmFXBg="'[:14]
UNKNOWN_TYPE = b"java.lang.IllegalArgumentException: Unknown message type: 10"
NO_CHALLENGE = b"java.lang.IllegalArgumentException: Unknown challenge message."


def failure(request_id: int, reason: bytes) -> bytes:
    return struct.pack(">qbqi", 21 + len(reason), 5, request_id, len(reason)) + reason


def test_the_requests_are_those_of_spark() -> None:
    content = question(authenticates=False)
    length, kind, request_id, size = struct.unpack_from(">qbqi", content)
    assert (kind, request_id, size, length) == (3, 2, length - 21, len(content))
    assert content[21 : 21 + 5] == b"\x0a\x00\x00\x00\x10"
    assert content[-4:] == b"\0\0\0\0"
    content = question(authenticates=True)
    assert content[21 : 21 + 5] == b"\xea\x00\x00\x00\x10"
    assert content[-4:] == b"\0\0\0\0"
    content = heartbeat()
    length, kind, request_id, size = struct.unpack_from(">qbqi", content)
    assert (kind, request_id, size) == (3, 1, length - 21)
    assert content[21 : 21 + 5] == b"\x05\x00\x00\x00\x10"
    assert content[length:] == question(authenticates=False)


def test_answers() -> None:
    assert list(answers(failure(1, REFUSED) + LOCAL_DIRS)) == [
        ShuffleAnswer(1, REFUSED),
        ShuffleAnswer(2, None),
    ]


@pytest.mark.parametrize(
    ("content", "authenticates", "kind"),
    [
        (LOCAL_DIRS, False, ServiceKind.SPARK),
        (failure(2, UNKNOWN_TYPE), False, ServiceKind.SPARK),  # before 3.0
        (failure(2, NO_SASL), False, ServiceKind.AUTHENTICATING),
        (failure(2, NO_CHALLENGE), False, ServiceKind.AUTHENTICATING),
        (CHALLENGE, True, ServiceKind.AUTHENTICATING),
        (failure(2, NO_CHALLENGE), True, ServiceKind.AUTHENTICATING),
        (failure(2, UNKNOWN_TYPE), True, ServiceKind.SPARK),
    ],
)
def test_kinds(content: bytes, authenticates: bool, kind: ServiceKind) -> None:
    assert kind_of(content, authenticates=authenticates) is kind


@pytest.mark.parametrize(
    "content",
    [
        failure(1, REFUSED),  # nobody had asked that
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
        b"\0" * 9,
        struct.pack(">qb", 1 << 40, 4),
        struct.pack(">qb", 12, 4) + b"abc",
    ],
)
def test_no_answer_of_a_service(content: bytes) -> None:
    with pytest.raises(NoSparkError):
        kind_of(content, authenticates=False)


def test_heartbeats() -> None:
    assert takes_heartbeats(LOCAL_DIRS) is True
    assert takes_heartbeats(failure(1, REFUSED) + LOCAL_DIRS) is False


@pytest.mark.parametrize("cut", range(0, len(failure(1, REFUSED) + LOCAL_DIRS), 7))
def test_more_has_to_come(cut: int) -> None:
    assert takes_heartbeats((failure(1, REFUSED) + LOCAL_DIRS)[:cut]) is None
    assert kind_of(LOCAL_DIRS[: min(cut, len(LOCAL_DIRS) - 1)], authenticates=False) is None


def test_no_message_of_spark() -> None:
    with pytest.raises(NoSparkError):
        list(answers(b"220 mail.example ESMTP"))


@contextlib.contextmanager
def served(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """The port of a server for one connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            connection, _ = server.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join()


def ask(serve: Callable[[socket.socket], object], seconds: float = 30) -> ServiceKind:
    with served(serve) as port:
        return ask_shuffle_service("127.0.0.1", port, time.monotonic() + seconds, authenticates=False)


def in_pieces(content: bytes) -> Callable[[socket.socket], object]:
    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        connection.recv(4096)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # who knows enough hangs up
            for byte in content:
                connection.sendall(bytes([byte]))

    return serve


def test_an_answer_in_pieces() -> None:
    assert ask(in_pieces(LOCAL_DIRS)) is ServiceKind.SPARK


@pytest.mark.parametrize(
    ("content", "expected"), [(LOCAL_DIRS, True), (failure(1, REFUSED) + LOCAL_DIRS, False)]
)
def test_which_of_sparks_services(content: bytes, expected: bool) -> None:
    with served(in_pieces(content)) as port:
        assert is_for_mesos("127.0.0.1", port, time.monotonic() + 30) is expected


def test_another_one_than_before() -> None:
    with served(in_pieces(b"HTTP/1.1 400 Bad Request")) as port, pytest.raises(OSError, match="another one"):
        is_for_mesos("127.0.0.1", port, time.monotonic() + 30)


def test_who_hangs_up() -> None:
    assert ask(lambda connection: connection.recv(10)) is ServiceKind.FOREIGN


def test_who_speaks_something_else() -> None:
    assert ask(in_pieces(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")) is ServiceKind.FOREIGN


def test_who_says_nothing() -> None:
    def wait(connection: socket.socket) -> None:
        while connection.recv(4096):
            pass

    assert ask(wait, 0.2) is ServiceKind.SILENT


def test_nobody() -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            ask_shuffle_service(
                "127.0.0.1", bound.getsockname()[1], time.monotonic() + 30, authenticates=False
            )
