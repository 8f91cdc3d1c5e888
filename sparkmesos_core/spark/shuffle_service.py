"""Asking what listens at the port of an external shuffle service, in its protocol, and changing nothing.

Spark's network library frames messages as `length (8 bytes, its own included), type (1), message`
(`MessageEncoder`), and an RPC as `request id (8), length of the body (4), body` (`RpcRequest`, `RpcFailure`).

Services write into their logs what they cannot do, most of it with a stack trace. So each is asked what it is
expected to answer. Without authentication that is where no executors at all have their files, which is in the
protocol since Spark 3.0 (`BlockTransferMessage`); with it, a challenge (`SaslMessage`, whose first one of a
client is empty). Which of Spark's services it is cannot be had for nothing: the one for Mesos alone takes
heartbeats of applications, and where it does not know one it says so (`MesosExternalBlockHandler`).
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

T = TypeVar("T")

_APPLICATION = b"sparkmesos-check"
"""What an answer of Spark's, and its log, calls who asks."""
_RPC_REQUEST, _RPC_RESPONSE, _RPC_FAILURE = 3, 4, 5
_HEARTBEAT, _GET_LOCAL_DIRS, _SASL = 5, 10, 0xEA
_BEAT, _QUESTION = 1, 2
"""The ids of requests."""
_LARGEST_FRAME = 64 * 1024
_WANTS_SASL = b"SaslMessage"
_WANTS_CHALLENGE = b"challenge"


class ServiceKind(Enum):
    """What listens."""

    MESOS = "Spark's shuffle service for Mesos"
    OTHER_SPARK = "a shuffle service of Spark, but not the one for Mesos"
    SPARK = "a shuffle service of Spark"
    AUTHENTICATING = "a shuffle service of Spark that wants authentication"
    FOREIGN = "something that is no shuffle service"
    SILENT = "something that does not answer"


@dataclass(frozen=True)
class ShuffleAnswer:
    """What an RPC was answered with."""

    request_id: int
    failure: bytes | None
    """Why it failed; None if it did not."""


class NoSparkError(Exception):
    """What came is no message of Spark's network library."""


def question(*, authenticates: bool) -> bytes:
    """What is sent to learn whether it is a shuffle service, and one that `authenticates` as is expected."""
    if authenticates:
        return _request(_QUESTION, bytes([_SASL]) + _name() + struct.pack(">i", 0))
    return _request(_QUESTION, bytes([_GET_LOCAL_DIRS]) + _name() + struct.pack(">i", 0))


def heartbeat() -> bytes:
    """What is sent to learn whether it is the one for Mesos, which answers what follows on it alone."""
    return _request(_BEAT, bytes([_HEARTBEAT]) + _name()) + question(authenticates=False)


def answers(content: bytes) -> Iterator[ShuffleAnswer]:
    """The whole answers at the beginning of what came. Raises NoSparkError."""
    while len(content) >= 9:
        length, kind = struct.unpack_from(">qb", content)
        if not 9 <= length <= _LARGEST_FRAME or kind not in (_RPC_RESPONSE, _RPC_FAILURE):
            raise NoSparkError
        if len(content) < length:
            return
        frame, content = content[9:length], content[length:]
        if len(frame) < 12:
            raise NoSparkError
        request_id, _ = struct.unpack_from(">qi", frame)
        yield ShuffleAnswer(request_id, frame[12:] if kind == _RPC_FAILURE else None)


def kind_of(content: bytes, *, authenticates: bool) -> ServiceKind | None:
    """What answered the question so; None while more has to come. Raises NoSparkError."""
    for answer in answers(content):
        if answer.request_id != _QUESTION:
            raise NoSparkError
        if answer.failure is None:
            return ServiceKind.AUTHENTICATING if authenticates else ServiceKind.SPARK
        wants = _WANTS_SASL in answer.failure or _WANTS_CHALLENGE in answer.failure
        return ServiceKind.AUTHENTICATING if wants else ServiceKind.SPARK
    return None


def takes_heartbeats(content: bytes) -> bool | None:
    """Whether that is the answer of one for Mesos to a heartbeat; None while more has to come."""
    ids = [answer.request_id for answer in answers(content)]
    return _BEAT not in ids if _QUESTION in ids else None


def ask_shuffle_service(host: str, port: int, deadline: float, *, authenticates: bool) -> ServiceKind:
    """What listens there, by the `deadline`, a time of `time.monotonic`. OSError if nobody is there.

    One without authentication is SPARK: whether it is the one for Mesos is for `is_for_mesos` to ask. Whoever
    hangs up is FOREIGN.
    """
    asked = question(authenticates=authenticates)
    with socket.create_connection((host, port), _left(deadline)) as connection:
        try:
            return _answer(
                connection, asked, lambda came: kind_of(came, authenticates=authenticates), deadline
            )
        except TimeoutError:
            return ServiceKind.SILENT
        except (OSError, NoSparkError):
            return ServiceKind.FOREIGN


def is_for_mesos(host: str, port: int, deadline: float) -> bool:
    """Whether a shuffle service without authentication is the one for Mesos, by the `deadline`.

    OSError if it does not answer, or another one does. It leaves a warning in the log of that one, and a
    stack trace in those of Spark's others.
    """
    with socket.create_connection((host, port), _left(deadline)) as connection:
        try:
            return _answer(connection, heartbeat(), takes_heartbeats, deadline)
        except NoSparkError:
            raise ConnectionAbortedError("another one has answered") from None


def _answer(
    connection: socket.socket, asked: bytes, understood: Callable[[bytes], T | None], deadline: float
) -> T:
    connection.settimeout(_left(deadline))
    connection.sendall(asked)
    content = b""
    while (answer := understood(content)) is None:
        connection.settimeout(_left(deadline))
        piece = connection.recv(4096)
        if not piece:
            raise ConnectionResetError("closed without an answer")
        content += piece
    return answer


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def _name() -> bytes:
    return struct.pack(">i", len(_APPLICATION)) + _APPLICATION


def _request(request_id: int, body: bytes) -> bytes:
    return struct.pack(">qbqi", 21 + len(body), _RPC_REQUEST, request_id, len(body)) + body
