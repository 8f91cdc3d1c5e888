from __future__ import annotations

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from sparkmesos_core.preflight import reading_time
from sparkmesos_core.preflight.http_reading import ask_size
from sparkmesos_core.preflight.opened_file import OpenedFile
from sparkmesos_core.preflight.reading_failures import NotKnownError, NotReadableError
from sparkmesos_core.preflight.uri_reading import open_beginning
from tests.http_stub import Answer, http_stub

FAR = 60.0
SIZE = 1000


def read(
    uri: str, *, environment: dict[str, str] | None = None, seconds: float = FAR, ca_file: Path | None = None
) -> bytes:
    deadline = time.monotonic() + seconds
    with open_beginning(uri, environment or {}, size=SIZE, deadline=deadline, ca_file=ca_file) as pieces:
        return b"".join(pieces)


def unreadable(uri: str, **given: object) -> NotReadableError:
    with pytest.raises(NotReadableError) as caught:
        read(uri, **given)  # type: ignore[arg-type]
    return caught.value


@pytest.fixture
def refused() -> Iterator[str]:
    """An address that refuses every connection."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_http_is_asked_for_the_beginning_only() -> None:
    with http_stub({"/a.tgz": Answer(206, b"part")}) as stub:
        assert read(f"http://{stub.address}/a.tgz") == b"part"
    ((method, path, headers),) = stub.requests
    assert (method, path) == ("GET", "/a.tgz")
    assert (headers["Range"], headers["Accept-Encoding"]) == ("bytes=0-999", "identity")
    assert "User-Agent" not in headers  # as the fetcher's: there are servers that refuse some by name


def test_a_server_without_ranges() -> None:
    with http_stub({"/a.tgz": Answer(200, b"all of it")}) as stub:
        assert read(f"http://{stub.address}/a.tgz") == b"all of it"


@pytest.mark.parametrize("status", [400, 403, 416, 501])
def test_an_empty_file_has_no_range_and_not_everybody_takes_one(status: int) -> None:
    answers = iter([Answer(status), Answer(200)])
    with http_stub(lambda path: next(answers)) as stub:
        assert read(f"http://{stub.address}/a.tgz") == b""
    assert "Range" not in stub.requests[1][2]


def test_redirects_are_followed() -> None:
    with http_stub({"/there.tgz": Answer(206, b"x")}) as target:
        location = {"Location": f"http://{target.address}/there.tgz"}
        with http_stub({"/a.tgz": Answer(302, b"", location)}) as stub:
            assert read(f"http://{stub.address}/a.tgz") == b"x"


def test_redirects_without_an_end() -> None:
    with http_stub({"/a.tgz": Answer(302, b"", {"Location": "/a.tgz"})}) as stub:
        error = unreadable(f"http://{stub.address}/a.tgz")
    assert (error.said, error.certain) == ("is redirected again and again", False)


def test_credentials_of_a_url_are_used() -> None:
    with http_stub({"/a.tgz": Answer(206, b"x")}) as stub:
        read(f"http://me:mine@{stub.address}/a.tgz")
    assert stub.requests[0][2]["Authorization"] == "Basic bWU6bWluZQ=="


@pytest.mark.parametrize(
    ("status", "certain"),
    [
        *((status, True) for status in (400, 401, 403, 404, 410)),
        *((status, False) for status in (408, 429, 500, 503)),
    ],
)
def test_a_server_that_refuses(status: int, certain: bool) -> None:
    with http_stub(lambda path: Answer(status)) as stub:
        error = unreadable(f"http://{stub.address}/a.tgz")
    assert error.said.startswith(f"answers {status} ")
    assert error.certain is certain
    assert error.hint


def test_nobody_listens(refused: str) -> None:
    error = unreadable(f"http://{refused}/a.tgz")
    assert (error.said, error.certain) == ("cannot be reached: the connection is refused", True)
    assert error.hint_with("--no-preflight").endswith("; if agents reach it, add --no-preflight.")


def test_a_host_that_is_unknown() -> None:
    error = unreadable("http://" + "x" * 64 + ".example/a.tgz")
    assert error.certain
    assert error.said.startswith(("cannot be reached: the name", "is malformed"))


def test_a_server_that_says_nothing(silent: str) -> None:
    error = unreadable(f"http://{silent}/a.tgz", seconds=0.3)
    assert (error.said, error.certain) == ("is of a server that does not answer", False)


def test_a_server_that_closes_at_once() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def close() -> None:
            listening.accept()[0].close()

        thread = threading.Thread(target=close)
        thread.start()
        error = unreadable(f"http://127.0.0.1:{listening.getsockname()[1]}/a.tgz")
        thread.join()
    assert not error.certain


def test_the_time_is_up_amid_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    deadline = time.monotonic() + FAR

    def read_too_late(uri: str) -> None:
        with open_beginning(uri, {}, size=SIZE, deadline=deadline) as pieces:
            monkeypatch.setattr(reading_time, "time", SimpleNamespace(monotonic=lambda: deadline + 1))
            list(pieces)

    with http_stub({"/a.tgz": Answer(206, b"x")}) as stub, pytest.raises(NotKnownError):
        read_too_late(f"http://{stub.address}/a.tgz")


def test_a_proxy_that_does_not_work(monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    # That of agents may.
    monkeypatch.setenv("http_proxy", f"http://{refused}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(NotKnownError):
        read("http://dist.example/a.tgz")


@pytest.mark.parametrize(
    "answer", [Answer(403), Answer(404), Answer(503), Answer(200, b"<html>", {"Content-Type": "text/html"})]
)
def test_a_proxy_that_answers_itself(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    """Whether it does cannot be seen: a proxy without a way there, or with a page to log in, says the same."""
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with http_stub(lambda path: answer) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        with pytest.raises(NotKnownError):
            read("http://dist.example/a.tgz")
        assert proxy.requests[0][1] == "http://dist.example/a.tgz"


def test_an_archive_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with http_stub(lambda path: Answer(206, b"x")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        assert read("http://dist.example/a.tgz") == b"x"


def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(NotKnownError):
        read("http://dist.example/a.tgz")


def test_a_redirect_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = socket.getaddrinfo

    def look_up(host: str, *more: object, **others: object) -> object:
        if host == "gone.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolver(host, *more, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with http_stub({"/a.tgz": Answer(302, b"", {"Location": "http://gone.example/a.tgz"})}) as stub:
        error = unreadable(f"http://{stub.address}/a.tgz")
    assert error.said == "cannot be reached: the name 'gone.example' cannot be resolved"
    assert error.by_name


def test_a_proxy_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    monkeypatch.setenv("http_proxy", f"http://{refused}")
    with http_stub({"/a.tgz": Answer(206, b"x")}) as stub:
        assert read(f"http://{stub.address}/a.tgz") == b"x"


def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificates = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(certificates))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with http_stub({"/a.tgz": Answer(206, b"x")}, context) as stub:
        uri = f"https://{stub.address}/a.tgz"
        assert read(uri, ca_file=certificates) == b"x"
        error = unreadable(uri)
        assert error.said.startswith("is of a server whose certificate is not trusted here")
        assert not error.certain
        other = trustme.CA()
        other.cert_pem.write_to_path(str(certificates))
        assert not unreadable(uri, ca_file=certificates).certain


def test_https_of_a_server_that_speaks_http() -> None:
    with http_stub({"/a.tgz": Answer(206, b"x")}) as stub:
        error = unreadable(f"https://{stub.address}/a.tgz")
    assert (error.said, error.certain) == ("is of a server that speaks plain HTTP", True)


@pytest.mark.parametrize(
    "uri", ["http://[::1/a.tgz", "http://h:99999/a.tgz", "http://h:x/a.tgz", "http:///a.tgz"]
)
def test_a_malformed_url(uri: str) -> None:
    error = unreadable(uri)
    assert (error.said, error.certain) == ("is malformed", True)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "a b%20.tgz"
    file.write_bytes(b"x" * 200_000)
    for uri in (f"{file}", f"file://{file}", f"file://localhost{file}"):
        assert read(uri) == b"x" * 200_000


@pytest.mark.parametrize(("name", "said"), [("no", "does not exist"), ("file/a", "does not exist")])
def test_files_that_are_not_there(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file").touch()
    error = unreadable(f"file://{tmp_path}/{name}")
    assert (error.said, error.certain) == (said, True)


def test_folders_and_pipes(tmp_path: Path) -> None:
    assert unreadable(str(tmp_path)).said == "is a folder"
    os.mkfifo(tmp_path / "pipe")
    assert read(str(tmp_path / "pipe")) == b""  # nobody waits for a writer


@pytest.mark.parametrize("uri", ["a.tgz", "file:/a.tgz", "ftp://h/a.tgz", "gs://bucket/a.tgz", "local:/a"])
def test_what_only_agents_can_read(uri: str) -> None:
    with pytest.raises(NotKnownError):
        read(uri)


def as_json(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def hdfs_refusal(status: int, name: str) -> Answer:
    return as_json(status, {"RemoteException": {"exception": name, "javaClassName": "x", "message": "m"}})


def test_hdfs() -> None:
    def answer(path: str) -> Answer:
        if "op=GETFILESTATUS" in path:
            return as_json(200, {"FileStatus": {"type": "FILE", "length": 4}})
        return Answer(200, b"part")

    with http_stub(answer) as stub:
        assert read(f"webhdfs://{stub.address}/a.tgz", environment={"HADOOP_USER_NAME": "alice"}) == b"part"
    assert "user.name=alice" in stub.requests[0][1]


@pytest.mark.parametrize(
    ("answer", "said", "certain"),
    [
        (hdfs_refusal(404, "FileNotFoundException"), "does not exist", True),
        (as_json(200, {"FileStatus": {"type": "DIRECTORY"}}), "is a folder", True),
        (hdfs_refusal(403, "AccessControlException"), "may not be read by the user 'alice'", False),
    ],
)
def test_hdfs_has_no_such_file(answer: Answer, said: str, certain: bool) -> None:
    with http_stub(lambda path: answer) as stub:
        environment = {"HADOOP_USER_NAME": "alice"}
        error = unreadable(f"webhdfs://{stub.address}/a.tgz", environment=environment)
    assert (error.said, error.certain) == (said, certain)


def test_hdfs_of_which_nothing_is_known(refused: str) -> None:
    for answer in (hdfs_refusal(403, "StandbyException"), hdfs_refusal(500, "IOException"), Answer(200)):
        with http_stub(lambda path, answer=answer: answer) as stub, pytest.raises(NotKnownError):  # type: ignore[misc]
            read(f"webhdfs://{stub.address}/a.tgz")
    # Agents may reach a namenode without WebHDFS, and know of nameservices.
    for uri in (f"webhdfs://{refused}/a.tgz", "hdfs:///a.tgz"):
        with pytest.raises(NotKnownError):
            read(uri)


def test_a_namenode_that_is_not_there(refused: str) -> None:
    error = unreadable(f"hdfs://{refused}/a.tgz", seconds=5)
    assert (error.said, error.certain) == ("cannot be reached: the connection is refused", True)


def test_a_namenode_without_webhdfs(silent: str) -> None:
    with pytest.raises(NotKnownError):
        read(f"hdfs://{silent}/a.tgz", seconds=0.5)


def test_what_a_server_tells_of_a_file() -> None:
    headers = {
        "Content-Range": "bytes 0-3/1000",
        "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT",
    }
    answers = {
        "/part": Answer(206, b"part", headers),
        "/whole": Answer(200, b"whole"),
        "/odd": Answer(206, b"x"),
    }
    with http_stub(answers) as stub:

        def opened(path: str) -> OpenedFile:
            deadline = time.monotonic() + FAR
            with open_beginning(f"http://{stub.address}{path}", {}, size=SIZE, deadline=deadline) as file:
                list(file)
            return file

        part, whole, odd = opened("/part"), opened("/whole"), opened("/odd")
    assert (part.size, part.changed_at) == (1000, 1445412480.0)
    assert (whole.size, whole.changed_at) == (5, None)
    assert odd.size is None


def test_what_is_known_of_a_path(tmp_path: Path) -> None:
    file = tmp_path / "a.tgz"
    file.write_bytes(b"12345")
    os.utime(file, (0, 1000))
    with open_beginning(str(file), {}, size=SIZE, deadline=time.monotonic() + FAR) as opened:
        assert (opened.size, opened.changed_at) == (5, 1000.0)
        assert next(opened) == b"12345"


def test_the_size_that_the_fetcher_asks_for(refused: str) -> None:
    deadline = time.monotonic() + FAR
    with http_stub({"/a": Answer(200, b"12345"), "/signed": Answer(403)}) as stub:
        assert ask_size(f"http://{stub.address}/a", deadline, None) == 5
        assert ask_size(f"http://{stub.address}/signed", deadline, None) is None
        assert [method for method, _, _ in stub.requests] == ["HEAD", "HEAD"]
    with pytest.raises(NotKnownError):
        ask_size(f"http://{refused}/a", deadline, None)
