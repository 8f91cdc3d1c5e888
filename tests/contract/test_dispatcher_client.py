"""What a dispatcher of Spark 3.5.9 was recorded to answer, and how our client takes it."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme

from sparkmesos_core.dispatcher.client import DispatcherClient
from sparkmesos_core.dispatcher.messages import TOKEN_PROPERTY, CreateSubmissionRequest, DriverStatus, Outcome
from sparkmesos_core.errors import DispatcherError, UnreachableError, UsageError
from sparkmesos_core.master import Dispatcher, HostPort
from tests.http_stub import Answer, HttpStub, http_stub

RECORDINGS = Path(__file__).parent / "recordings" / "spark-3.5.9-rest"
DRIVER = "driver-20261122072800-0001"
REQUEST = CreateSubmissionRequest(
    app_resource="http://repo.mesos.example/app.py",
    main_class="",
    app_args=("", "a b", "$HOME", "café", "1\n2"),
    spark_properties={"spark.app.name": "app"},
    environment_variables={},
    client_spark_version="3.5.9",
)


def exchanges(name: str) -> list[dict[str, Any]]:
    content: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return list(content["exchanges"])


def recorded_answer(exchange: dict[str, Any]) -> Answer:
    response = exchange["response"]
    body = response.get("raw_body", response.get("body"))
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {k: v for k, v in response["headers"].items() if k not in ("Content-Length", "Connection")}
    return Answer(response["status"], text.encode(), headers)


def client(stub: HttpStub, timeout: float = 10) -> DispatcherClient:
    return DispatcherClient(Dispatcher(stub.address), timeout=timeout, patience=0)


def answers(name: str, number: int = 0) -> dict[str, Answer]:
    exchange = exchanges(name)[number]
    return {exchange["request"]["path"]: recorded_answer(exchange)}


def test_an_accepted_submission():
    with http_stub(answers("client-local-python")) as stub:
        submitted = client(stub).create(REQUEST)
    assert submitted.submission_id == DRIVER
    ((method, path, headers),) = stub.requests
    assert (method, path, headers["Content-Type"]) == ("POST", "/v1/submissions/create", "application/json")
    sent = json.loads(stub.bodies[0])
    token = sent["sparkProperties"].pop(TOKEN_PROPERTY)
    assert re.fullmatch("[0-9a-f]{32}", token), "by which ours knows it again"
    assert sent == REQUEST.to_json()
    assert stub.bodies[0].isascii(), "which Spark's dispatcher understands in any locale"


def test_unknown_fields_are_told():
    with http_stub(answers("client-unknown-fields")) as stub:
        assert client(stub).create(REQUEST).unknown_fields == ("foo",)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("client-create-refused", "Already reached maximum submission size"),
        ("client-create-400", "Malformed request: something"),
        ("client-create-468", "does not speak version v1 of the protocol, but v2"),
        ("client-create-500-html", "500 Internal Server Error with a web page"),
        ("client-create-malformed", "no message of its protocol"),
    ],
)
def test_refused_submissions(name: str, said: str):
    """Spark's own client says nothing about the first, and exits 0 after the first three."""
    with http_stub(answers(name)) as stub, pytest.raises(DispatcherError, match=said):
        client(stub).create(REQUEST)


@pytest.mark.parametrize(
    ("name", "number", "said"),
    [
        ("server-unknown-queue", 2, "java.util.NoSuchElementException: NOPE"),
        ("server-create-missing-fields", 0, "is missing|are missing|failed!"),
        ("server-max-drivers", 2, "Already reached maximum submission size"),
    ],
)
def test_what_the_real_server_refuses(name: str, number: int, said: str):
    exchange = exchanges(name)[number]
    with (
        http_stub({"/v1/submissions/create": recorded_answer(exchange)}) as stub,
        pytest.raises(DispatcherError, match=said) as error,
    ):
        client(stub).create(REQUEST)
    assert ".scala:" not in error.value.message
    assert len(error.value.message) < 400


def test_a_dispatcher_that_hangs_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        dispatcher = DispatcherClient(Dispatcher(HostPort("127.0.0.1", port)), timeout=0.3, patience=0)
        with pytest.raises(UnreachableError, match=r"did not answer within 0\.3 s") as error:
            dispatcher.create(REQUEST)
        assert "may have been carried out" in error.value.hint
        with pytest.raises(UnreachableError, match=r"did not answer within 0\.3 s") as error:
            dispatcher.status("driver-1")
    assert "Try it again" in error.value.hint


def test_a_dispatcher_that_drips_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                try:
                    while not over.wait(0.02):
                        connection.sendall(b"X-Drop: 1\r\n")
                except OSError:
                    pass

        over = threading.Event()
        thread = threading.Thread(target=drip)
        thread.start()
        port = server.getsockname()[1]
        try:
            with pytest.raises(UnreachableError, match="did not answer"):
                DispatcherClient(Dispatcher(HostPort("127.0.0.1", port)), timeout=0.5).status(DRIVER)
        finally:
            over.set()
            thread.join()


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UnreachableError, match="refuses the connection") as error:
        DispatcherClient(Dispatcher(HostPort("127.0.0.1", port))).create(REQUEST)
    assert "7077" in error.value.hint


def test_https(tmp_path: Path):
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with http_stub(answers("client-local-python"), tls) as stub:
        dispatcher = Dispatcher(stub.address, "https")
        assert DispatcherClient(dispatcher, ca_file=str(ca_file)).create(REQUEST).submission_id == DRIVER
        with pytest.raises(UnreachableError, match="a certificate that is not trusted") as error:
            DispatcherClient(dispatcher).create(REQUEST)
    assert "--ca-file" in error.value.hint


def test_https_where_plain_http_was_expected():
    """Nothing was carried out, so that is not what it says; and a submission is not tried for half a minute."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with (
        http_stub({}, tls) as stub,
        pytest.raises(DispatcherError, match="speaks TLS, not plain HTTP") as error,
    ):
        DispatcherClient(Dispatcher(stub.address)).create(REQUEST)
    assert f"mesos://https://{stub.address}" in error.value.hint


def test_plain_http_where_https_was_expected():
    with http_stub({}) as stub, pytest.raises(UnreachableError, match="does not speak TLS") as error:
        DispatcherClient(Dispatcher(stub.address, "https")).status(DRIVER)
    assert "mesos://HOST:7077" in error.value.hint


def test_what_answers_is_no_http_server():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        dispatcher = Dispatcher(HostPort("127.0.0.1", server.getsockname()[1]))
        with pytest.raises(DispatcherError, match="does not speak HTTP"):
            DispatcherClient(dispatcher).create(REQUEST)
        thread.join()


@pytest.mark.parametrize("body", [b"[1]", b"{}", b'{"action": 7}', b"\xff", b"[" * 100_000, b"", b"null"])
def test_odd_bodies(body: bytes):
    with (
        http_stub({f"/v1/submissions/status/{DRIVER}": Answer(200, body)}) as stub,
        pytest.raises(DispatcherError, match="no message of its protocol"),
    ):
        client(stub).status(DRIVER)


def test_text_that_json_cannot_carry():
    request = CreateSubmissionRequest("x.py", "", ("\udcff",), {}, {}, "3.5.9")
    with http_stub({}) as stub, pytest.raises(UsageError, match="not Unicode"):
        client(stub).create(request)
    assert stub.requests == []


@pytest.mark.parametrize(
    ("name", "number", "outcome", "task_state"),
    [
        ("client-status", 0, Outcome.RUNNING, ""),
        ("client-status-not-found", 0, Outcome.NOT_FOUND, ""),
        ("client-status-with-message", 0, Outcome.FAILED, "TASK_FAILED"),
        ("server-lifecycle-killed", 1, Outcome.RUNNING, "TASK_RUNNING"),
        ("server-lifecycle-killed", 3, Outcome.KILLED, "TASK_KILLED"),
        ("server-lifecycle-failed", 3, Outcome.FAILED, "TASK_FAILED"),
    ],
)
def test_status(name: str, number: int, outcome: Outcome, task_state: str):
    exchange = exchanges(name)[number]
    path = exchange["request"]["path"]
    with http_stub({path: recorded_answer(exchange)}) as stub:
        status = client(stub).status(path.rpartition("/")[2])
    assert (status.outcome, status.task_state) == (outcome, task_state)


def test_all_recorded_states_have_an_outcome():
    """Each status that the real server gave, in every recording of it."""
    seen = set()
    for path in RECORDINGS.glob("server-lifecycle-*.json"):
        for exchange in exchanges(path.stem):
            body = exchange["response"].get("body")
            if isinstance(body, dict) and body.get("action") == "SubmissionStatusResponse":
                seen.add(DriverStatus("x", body["driverState"], body.get("message", "")).outcome)
    assert seen == set(Outcome) - {Outcome.LOST}


def test_the_words_of_mesos():
    body = exchanges("server-lifecycle-failed")[3]["response"]["body"]
    status = DriverStatus("x", body["driverState"], body["message"])
    assert status.task_message == "Command exited with status 1"


def test_a_message_that_names_another_state():
    message = (
        'task_id { value: "state: TASK_FINISHED" } state: TASK_LOST message: "say \\"state: TASK_KILLED\\""'
    )
    status = DriverStatus("x", "FINISHED", message)
    assert (status.task_state, status.outcome) == ("TASK_LOST", Outcome.LOST)
    assert status.task_message == 'say "state: TASK_KILLED"'


def test_ended_without_a_task_has_failed():
    assert DriverStatus("x", "FINISHED").outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("name", "success", "message"),
    [("client-kill", True, "killed"), ("client-kill-refused", False, "Cannot find driver")],
)
def test_kill(name: str, success: bool, message: str):
    (exchange,) = exchanges(name)
    path = exchange["request"]["path"]
    with http_stub({path: recorded_answer(exchange)}) as stub:
        killed = client(stub).kill(path.rpartition("/")[2])
    assert (killed.success, killed.message) == (success, message)
    assert stub.requests[0][0] == "POST"


@pytest.mark.parametrize("wire", ["client-wire-kill", "client-wire-status"])
def test_the_requests_are_those_of_spark(wire: str):
    (exchange,) = exchanges(wire)
    recorded = exchange["request"]
    driver = recorded["path"].rpartition("/")[2]
    with http_stub({}) as stub, pytest.raises(DispatcherError):
        (client(stub).kill if "kill" in wire else client(stub).status)(driver)
    assert stub.requests[0][:2] == (recorded["method"], recorded["path"])


def test_an_id_cannot_become_another_path():
    with http_stub({}) as stub, pytest.raises(DispatcherError):
        client(stub).status("../kill/x?y")
    assert stub.requests[0][1] == "/v1/submissions/status/..%2Fkill%2Fx%3Fy"
    with pytest.raises(UsageError, match="empty"):
        client(stub).status("")
