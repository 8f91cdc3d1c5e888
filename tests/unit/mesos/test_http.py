"""The operator client: answers, refusals, and every way of not getting an answer."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import trustme

from sparkmesos_core.errors import MesosError, SparkMesosError, UnreachableError, UsageError
from sparkmesos_core.mesos.http import MesosHttp, proxy_for
from tests.http_stub import Answer, http_stub

JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "requests_ca_bundle",
        "curl_ca_bundle",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def server_context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@contextmanager
def listener(*, answers: bool = False) -> Iterator[int]:
    """A port that takes connections and says nothing, or closes them at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close_at_once() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        if answers:
            thread = threading.Thread(target=close_at_once)
            thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            if answers:
                server.shutdown(socket.SHUT_RDWR)
                thread.join()


def failure(url: str, ca_file: str | None = None, timeout: float = 5.0) -> SparkMesosError:
    with MesosHttp(url, timeout=timeout, ca_file=ca_file) as client:
        with pytest.raises(SparkMesosError) as caught:
            client.get_json("/state")
        return caught.value


def test_answers_are_decoded_and_parameters_quoted() -> None:
    with http_stub(lambda path: Answer(200, b'{"asked": "%b"}' % path.encode(), JSON)) as stub:
        with MesosHttp(f"http://{stub.address}/") as client:
            answer = client.get_json("/files/read", path="/a b&c", offset=-1)
        assert answer == {"asked": "/files/read?path=%2Fa+b%26c&offset=-1"}
        assert "Authorization" not in stub.requests[0][2]


def credentials_in(headers: Mapping[str, str]) -> str:
    return base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_are_sent_to_who_asks_for_them(status: int) -> None:
    def answer(_path: str) -> Answer:
        headers = stub.requests[-1][2]
        known = "Authorization" in headers and credentials_in(headers) == "spärk:ключ"
        return Answer(200, b"{}", JSON) if known else Answer(status)

    with http_stub(answer) as stub:
        with MesosHttp(f"http://{stub.address}", principal="spärk", secret="ключ") as client:
            assert client.get_json("/state") == client.get_json("/flags") == {}
        asked = [(path, "Authorization" in headers) for _, path, headers in stub.requests]
    assert asked == [("/state", False), ("/state", True), ("/flags", True)]


def test_who_does_not_ask_for_credentials_does_not_see_them() -> None:
    with http_stub({"/state": Answer(200, b"{}", JSON), "/gone": Answer(404)}) as stub:
        with MesosHttp(f"http://{stub.address}", principal="spark", secret="s3cret") as client:
            client.get_json("/state")
            assert client.get("/gone").status_code == 404
        assert not any("Authorization" in headers for _, _, headers in stub.requests)


def test_refused_credentials_are_not_tried_without_end() -> None:
    with http_stub({"/state": Answer(401)}) as stub:
        with MesosHttp(f"http://{stub.address}", principal="spark", secret="wrong") as client:
            assert client.get("/state").status_code == 401
            assert client.get("/state").status_code == 401
        assert len(stub.requests) == 3


@pytest.mark.parametrize(
    ("status", "said"),
    # What only repeats the status is said once.
    [(401, "401 Unauthorized"), (403, "403 Forbidden: 401 Unauthorized.")],
)
def test_refused_credentials_say_where_to_set_them(status: int, said: str) -> None:
    with http_stub({"/state": Answer(status, b"401 Unauthorized.", {"Content-Type": "text/plain"})}) as stub:
        error = failure(f"http://{stub.address}")
    assert isinstance(error, MesosError)
    assert error.message == f"GET http://{stub.address}/state answered {said}"
    assert "spark.mesos.principal" in error.hint


def test_other_refusals_are_quoted_within_reason() -> None:
    with http_stub({"/state": Answer(503, b"Master has\nnot finished recovery" + b"!" * 999)}) as stub:
        error = failure(f"http://{stub.address}")
    assert isinstance(error, MesosError)
    assert "503 Service Unavailable: Master has not finished recovery!!!" in error.message
    assert len(error.message) < 450


@pytest.mark.parametrize(
    ("status", "hint"), [(404, "the address is that of"), (500, "the log of that server")]
)
def test_every_refusal_says_what_to_do(status: int, hint: str) -> None:
    with http_stub({"/state": Answer(status)}) as stub:
        assert hint in failure(f"http://{stub.address}").hint


def test_redirects_are_reported_not_followed() -> None:
    location = {"Location": "//master1.mesos.example:5050/master/state"}
    with http_stub({"/state": Answer(307, b"", location)}) as stub:
        error = failure(f"http://{stub.address}")
    assert isinstance(error, MesosError)
    assert "points to //master1.mesos.example:5050/master/state" in error.message
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("body", "kind", "shown"),
    [(b"<html>hello</html>", "text/html", "200 OK (a web page)"), (b"pong", "text/plain", "200 OK: pong")],
)
def test_answers_that_are_no_json(body: bytes, kind: str, shown: str) -> None:
    with http_stub({"/state": Answer(200, body, {"Content-Type": kind})}) as stub:
        error = failure(f"http://{stub.address}")
    assert isinstance(error, MesosError)
    assert error.message.endswith(f"answered something else than JSON: {shown}")


def test_refused_connection() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: nobody else takes it, and it refuses
        port = bound.getsockname()[1]
        error = failure(f"http://127.0.0.1:{port}")
    assert isinstance(error, UnreachableError)
    assert error.message == f"http://127.0.0.1:{port} refuses the connection"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
def test_unknown_name(host: str) -> None:
    error = failure(f"http://{host}:5050")
    assert isinstance(error, UnreachableError)
    assert f"the name '{host}' cannot be resolved" in error.message


def test_silence() -> None:
    with listener() as port:
        error = failure(f"http://127.0.0.1:{port}", timeout=0.1)
    assert isinstance(error, UnreachableError)
    assert error.message == f"http://127.0.0.1:{port} takes connections, but did not answer within 0.1 s"
    assert "hangs" in error.hint


@pytest.mark.parametrize(("timeout", "told"), [(4.99999, "5 s"), (0.25, "0.25 s"), (120.0, "120 s")])
def test_no_connection_in_time_is_told_in_round_numbers(
    timeout: float, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_connection(*_arguments: object, **_options: object) -> None:
        raise requests.ConnectTimeout

    monkeypatch.setattr(requests.Session, "request", no_connection)
    error = failure("http://192.0.2.1:5050", timeout=timeout)
    assert error.message == f"http://192.0.2.1:5050 did not answer within {told}"
    assert "firewalls" in error.hint


def test_closed_connection() -> None:
    with listener(answers=True) as port:
        error = failure(f"http://127.0.0.1:{port}")
    assert isinstance(error, UnreachableError)
    assert "closed the connection without an answer" in error.message


def test_https_with_the_right_authority(authority: trustme.CA, ca_file: str) -> None:
    with (
        http_stub({"/state": Answer(200, b"[]", JSON)}, server_context(authority, "127.0.0.1")) as stub,
        MesosHttp(f"https://{stub.address}", ca_file=ca_file) as client,
    ):
        assert client.get_json("/state") == []


def test_the_given_authority_counts_more_than_the_environments(
    authority: trustme.CA, ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with http_stub({"/state": Answer(200, b"[]", JSON)}, server_context(authority, "127.0.0.1")) as stub:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
        with MesosHttp(f"https://{stub.address}", ca_file=ca_file) as client:
            assert client.get_json("/state") == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)
        with MesosHttp(f"https://{stub.address}") as client:
            assert client.get_json("/state") == []


def test_unknown_authority(authority: trustme.CA) -> None:
    with http_stub({}, server_context(authority, "127.0.0.1")) as stub:
        error = failure(f"https://{stub.address}")
    assert isinstance(error, UnreachableError)
    assert "has a certificate that is not trusted" in error.message
    assert "--ca-file" in error.hint


def test_certificate_of_another_name(authority: trustme.CA, ca_file: str) -> None:
    with http_stub({}, server_context(authority, "other.example")) as stub:
        error = failure(f"https://{stub.address}", ca_file)
    assert isinstance(error, UnreachableError)
    assert "has a certificate for another name than '127.0.0.1'" in error.message


def test_plain_server_asked_by_tls(ca_file: str) -> None:
    with http_stub({}) as stub:
        error = failure(f"https://{stub.address}", ca_file)
    assert isinstance(error, UnreachableError)
    assert "speaks plain HTTP, not TLS" in error.message
    assert f"mesos://{stub.address}" in error.hint


def test_tls_server_asked_plainly(authority: trustme.CA) -> None:
    with http_stub({}, server_context(authority, "127.0.0.1")) as stub:
        error = failure(f"http://{stub.address}")
    assert isinstance(error, UnreachableError)
    assert "speaks TLS, not plain HTTP" in error.message
    assert f"https://{stub.address}" in error.hint


def test_unusable_ca_files(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate\n")
    with pytest.raises(UsageError, match="holds no certificate"):
        MesosHttp("https://h", ca_file=str(empty))
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        MesosHttp("https://h", ca_file=str(tmp_path / "missing.pem"))


def test_proxies_of_the_environment_are_used_but_not_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        http_stub({"/state": Answer(200, b'"direct"', JSON)}) as direct,
        http_stub(lambda path: Answer(200, b'"by proxy"', JSON)) as proxy,
    ):
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        with MesosHttp(f"http://{direct.address}") as client:
            assert client.get_json("/state") == "direct"
        with MesosHttp(f"http://localhost:{direct.address.port}") as client:
            assert client.get_json("/state") == "direct"
        with MesosHttp("http://master.invalid:5050") as client:
            assert client.get_json("/state") == "by proxy"
        monkeypatch.setenv("no_proxy", ".invalid")
        assert "cannot be resolved" in failure("http://master.invalid:5050").message


def test_through_which_proxy_a_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for("https://master.example:5050") == "http://proxy.example:3128"
    for direct in ("http://master.example:5050", "https://a.inside.example:5050", "https://[::1]:5050"):
        assert proxy_for(direct) is None


def test_a_dead_proxy_is_named_as_the_culprit(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{bound.getsockname()[1]}")
        error = failure("http://master.invalid:5050")
    assert isinstance(error, UnreachableError)
    assert "through the proxy of the environment" in error.message


def test_netrc_does_not_leak_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with http_stub({"/state": Answer(200, b"{}", JSON)}) as stub:
        with MesosHttp(f"http://{stub.address}") as client:
            client.get_json("/state")
        assert "Authorization" not in stub.requests[0][2]


def test_calls_of_the_operator_api() -> None:
    with (
        http_stub({"/api/v1": Answer(200, b'{"type": "GET_TASKS"}', JSON)}) as stub,
        MesosHttp(f"http://{stub.address}") as client,
    ):
        assert client.call({"type": "GET_TASKS"}) == {"type": "GET_TASKS"}
    method, path, headers = stub.requests[0]
    assert (method, path, headers["Content-Type"]) == ("POST", "/api/v1", "application/json")
    assert json.loads(stub.bodies[0]) == {"type": "GET_TASKS"}


def test_large_answers_come_in_pieces() -> None:
    body = b"x" * 1_000_000
    packed = gzip.compress(body)
    answers = {
        "/state": Answer(200, body, JSON),
        "/packed?framework_id=F1": Answer(200, packed, {**JSON, "Content-Encoding": "gzip", "Date": "now"}),
    }
    with http_stub(answers) as stub, MesosHttp(f"http://{stub.address}") as client:
        with client.streamed("/state") as (_headers, pieces):
            received = list(pieces)
        assert len(received) > 1
        assert b"".join(received) == body
        with client.streamed("/packed", framework_id="F1") as (headers, pieces):
            assert b"".join(pieces) == body
        assert "now" in headers["Date"]


def test_refusals_of_large_answers_and_ends_before_their_time() -> None:
    answers = {
        "/state": Answer(503, b"Master has not finished recovery", {"Content-Type": "text/plain"}),
        "/moved": Answer(307, b"", {"Location": "//192.0.2.1:5050/master/state"}),
    }
    with http_stub(answers) as stub, MesosHttp(f"http://{stub.address}") as client:
        for path, expected in (("/state", "has not finished recovery"), ("/moved", "does not lead")):
            with pytest.raises(MesosError, match=expected), client.streamed(path):
                pass
    with (
        cut_off_server() as url,
        MesosHttp(url) as client,
        client.streamed("/state") as (_headers, pieces),
        pytest.raises(UnreachableError) as error,
    ):
        list(pieces)
    assert error.value.message == f"{url} closed the connection in the middle of its answer"


@contextmanager
def cut_off_server() -> Iterator[str]:
    """Promises more than it sends, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 10)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()
