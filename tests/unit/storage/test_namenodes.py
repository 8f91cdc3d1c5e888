from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.storage.namenodes import (
    DatanodeError,
    NameNodes,
    NoNamenodeError,
    RefusedError,
    WebHdfsAccess,
)
from tests.http_stub import Answer, HttpStub, http_stub
from tests.servers.put_stub import put_stub


def as_json(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def refusal(status: int, exception: str, message: str) -> Answer:
    return as_json(
        status, {"RemoteException": {"exception": exception, "javaClassName": "x", "message": message}}
    )


ACTIVE = as_json(200, {"FileStatus": {"type": "FILE", "length": 3}})
STANDBY = refusal(403, "StandbyException", "Operation category READ is not supported in state standby")


@contextmanager
def namenodes(
    *answers: Answer | Callable[[str], Answer], token: str | None = None
) -> Iterator[tuple[NameNodes, list[HttpStub]]]:
    with ExitStack() as stack:
        stubs = [
            stack.enter_context(http_stub(each if callable(each) else lambda path, each=each: each))  # type: ignore[misc]
            for each in answers
        ]
        asked = NameNodes(
            [f"http://{stub.address}" for stub in stubs],
            WebHdfsAccess("alice", token, stall_seconds=10),
            lambda error, host: f"broken {host}",
        )
        stack.callback(asked.close)
        yield asked, stubs


@pytest.fixture
def refused() -> Iterator[str]:
    """An address that refuses every connection."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def status(client: Any) -> Any:
    return client.status("/a")


def test_the_active_one_is_remembered() -> None:
    with namenodes(STANDBY, ACTIVE) as (asked, (standby, active)):
        for _ in range(3):
            assert asked.ask(status)["length"] == 3
        assert asked.address == f"http://{active.address}"
        assert (len(standby.requests), len(active.requests)) == (1, 3)
        assert "user.name=alice" in active.requests[0][1]


def test_none_is_active() -> None:
    later = refusal(403, "RetriableException", "NameNode still not started")
    with namenodes(STANDBY, later, Answer(502, b"Bad Gateway")) as (asked, (a, b, c)):
        with pytest.raises(NoNamenodeError) as raised:
            asked.ask(status)
        assert str(raised.value) == (
            f"no namenode answers over WebHDFS; tried http://{a.address} (a standby), "
            f"http://{b.address} (not ready: NameNode still not started), http://{c.address} (no WebHDFS: b'Bad Gateway')"
        )
        assert not raised.value.lasting


def test_what_is_no_namenode_stays_none() -> None:
    with namenodes(as_json(200, {"hello": "world"})) as (asked, _):
        with pytest.raises(NoNamenodeError, match=r"\(no WebHDFS\)") as raised:
            asked.ask(status)
        assert raised.value.lasting


def test_refusals_are_not_asked_of_the_next_one() -> None:
    said = "Permission denied\nsecond line\n\tat org.apache.hadoop.X.y(X.java:1)\n"
    with namenodes(refusal(403, "AccessControlException", said), ACTIVE) as (asked, (first, other)):
        with pytest.raises(RefusedError) as raised:
            asked.ask(status)
        assert (raised.value.name, raised.value.reason) == (
            "AccessControlException",
            "Permission denied second line",
        )
        assert raised.value.address == f"http://{first.address}"
        assert not other.requests


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (Answer(401, b"<html>", {"WWW-Authenticate": "Negotiate"}), None),
        (refusal(401, "SecurityException", "x"), "SecurityException"),
    ],
)
def test_who_asks_has_to_be_known(answer: Answer, name: str | None, caplog: pytest.LogCaptureFixture) -> None:
    with namenodes(answer, token="hush") as (asked, (stub,)), caplog.at_level(logging.DEBUG):
        with pytest.raises(RefusedError) as raised:
            asked.ask(status)
        assert (raised.value.status, raised.value.name) == (401, name)
        assert "delegation=hush" in stub.requests[0][1]
        assert "user.name" not in stub.requests[0][1]
    assert "hush" not in caplog.text


def test_a_datanode_that_does_not_answer(refused: str) -> None:
    there = Answer(307, b"", {"Location": f"http://{refused}/webhdfs/v1/a?op=OPEN&delegation=hush"})
    with namenodes(there) as (asked, _):
        with pytest.raises(DatanodeError) as raised:
            b"".join(asked.read("/a", 1 << 16))
        assert raised.value.host == refused
        with pytest.raises(DatanodeError):
            asked.send(f"http://{refused}/a", b"")


def test_what_a_datanode_refuses() -> None:
    said = refusal(403, "IOException", "no room\n\tat org.apache.hadoop.X")
    with namenodes(ACTIVE) as (asked, _), put_stub(lambda request: said) as datanode:
        with pytest.raises(RefusedError) as raised:
            asked.send(f"http://{datanode.address}/a?op=CREATE", b"body")
        assert (raised.value.name, raised.value.reason) == ("IOException", "no room")
        assert raised.value.address == f"http://{datanode.address}"
        assert datanode.bodies == [b"body"]
        assert "user.name" not in datanode.requests[0].path


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no")
    with pytest.raises(UsageError, match="holds no certificate"):
        NameNodes([], WebHdfsAccess("a", ca_file=tmp_path / "ca.pem"), lambda error, host: "")


def test_a_token_is_not_shown() -> None:
    assert "hush" not in repr(WebHdfsAccess("alice", token="hush"))
