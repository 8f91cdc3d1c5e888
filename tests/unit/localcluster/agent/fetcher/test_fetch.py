from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.agent.fetcher import FetchCancelled, FetchError, InvalidUriError, fetch_all
from tests.fetching import fetch, files, hide_hadoop, last_error, make_sandbox, make_tar
from tests.http_stub import Answer, http_stub


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    return make_sandbox(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server for one connection, which is handed over when a whole request head has come; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            connection = server.accept()[0]
            with connection:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            thread.join()


def test_without_uris_there_is_no_log(sandbox: Path) -> None:
    fetch_all([], sandbox, threading.Event())
    assert list(sandbox.iterdir()) == []


def test_http_as_it_is_sent(sandbox: Path, source: Path) -> None:
    body = make_tar(source / "a.tgz").read_bytes()
    # A server may call the archive itself an encoding: the file has to stay what its name says.
    headers = {"Content-Type": "application/x-tar", "Content-Encoding": "gzip"}
    with http_stub({"/a.tgz": Answer(200, body, headers)}) as stub:
        fetch(sandbox, f"  http://{stub.address}/a.tgz")
    assert (sandbox / "a.tgz").read_bytes() == body
    assert "top/bin/run" in files(sandbox)


def test_redirects_are_followed(sandbox: Path) -> None:
    answers = {"/a": Answer(302, b"gone", {"Location": "/b"}), "/b": Answer(200, b"here")}
    with http_stub(answers) as stub:
        fetch(sandbox, f"http://{stub.address}/a")
    assert (sandbox / "a").read_bytes() == b"here"


def test_a_copy_has_the_mode_of_its_source(sandbox: Path, source: Path) -> None:
    for name, mode in (("plain", 0o644), ("program", 0o755)):
        (source / name).touch()
        (source / name).chmod(mode)
    fetch(sandbox, source / "plain", source / "program")
    assert not os.access(sandbox / "plain", os.X_OK)
    assert os.access(sandbox / "program", os.X_OK)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("a.tgz", "A relative path was passed"),
        ("file://other/etc/hosts", "File URI only supports absolute paths"),
        ("/nope/a.tgz", "cp failed with status: 256"),
        ("http://127.0.0.1:9/a", "Error downloading resource: Couldn't connect to server"),
        ("ftp://127.0.0.1:9/a", "Error downloading resource: Couldn't connect to server"),
        ("http://127.0.0.1:9/a/", "it names no file"),
        ("http://nope.invalid/a", "the host name of 'nope.invalid' cannot be resolved"),
        ("ftp://nope.invalid/a", "the host name of 'nope.invalid' cannot be resolved"),
        ("http://127.0.0.1:99999999/a", "malformed"),
        ("ftp://127.0.0.1:99999999/a", "malformed"),
        ("ftp://127.0.0.1:9/a%0D%0ADELE b", "Error downloading resource"),
        ("/etc/", "`source` was a directory"),
        ("/etc/..", "it names no file"),
        ("/etc", "`source` was a directory"),
        ("gs://bucket/a", "no hadoop is on the PATH"),
        ("s3://bucket", "BUCKET/KEY"),
    ],
)
def test_why_it_failed(uri: Any, why: str, sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_hadoop(monkeypatch)
    if uri == "s3://bucket":
        with pytest.raises(InvalidUriError):
            fetch(sandbox, uri)
        return
    with pytest.raises(FetchError) as caught:
        fetch(sandbox, uri)
    assert why in last_error(sandbox)
    assert str(caught.value) == f"Failed to fetch '{uri}': {last_error(sandbox)}"
    assert list(sandbox.parent.iterdir()) == [sandbox]
    assert files(sandbox) == set()


def test_what_is_refused_at_once_leaves_no_log(sandbox: Path) -> None:
    with pytest.raises(InvalidUriError):
        fetch(sandbox, "/etc/hosts", {"value": "/etc/hosts", "output_file": "/x"})
    assert list(sandbox.iterdir()) == []


def test_http_errors_are_told_and_their_pages_not_kept(sandbox: Path) -> None:
    with http_stub({}) as stub, pytest.raises(FetchError):
        fetch(sandbox, f"http://{stub.address}/nope.tgz")
    assert last_error(sandbox) == "Error downloading resource, received HTTP return code 404"
    assert files(sandbox) == set()


@pytest.mark.parametrize("location", ["file:///etc/hosts", "http://[", "/loop"])
def test_redirects_that_lead_nowhere(location: str, sandbox: Path) -> None:
    with http_stub(lambda path: Answer(302, b"", {"Location": location})) as stub, pytest.raises(FetchError):
        fetch(sandbox, f"http://{stub.address}/a")
    assert last_error(sandbox).startswith("Error downloading resource: ")
    assert files(sandbox) == set()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "ended"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nshort", "ended"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "cannot be understood"),
        (b"", "closed the connection"),
    ],
)
def test_answers_that_are_none_or_half_fail(answer: bytes, why: str, sandbox: Path) -> None:
    with raw_server(lambda connection: connection.sendall(answer)) as url, pytest.raises(FetchError):
        fetch(sandbox, f"{url}/x.bin")
    assert why in last_error(sandbox)
    assert files(sandbox) == set()


def test_a_stalled_download_fails(sandbox: Path) -> None:
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
        over.wait(60)

    with raw_server(serve) as url:
        try:
            with pytest.raises(FetchError):
                fetch(sandbox, f"{url}/x.bin", stall_seconds=0.3)
        finally:
            over.set()
    assert last_error(sandbox) == "Error downloading resource: the download stalled: nothing came for 0.3 s"
    assert '"stall_timeout":{"nanoseconds":300000000}' in (sandbox / "stderr").read_text()
    assert files(sandbox) == set()


def test_no_secret_is_logged(sandbox: Path) -> None:
    uri = "http://user:hunter2@{}/a.py?X-Amz-Signature=hunter2&sig=hunter2&x=1"
    with http_stub(lambda path: Answer(200 if "ok" not in path else 404)) as stub:
        fetch(sandbox, uri.format(stub.address))
        with pytest.raises(FetchError) as caught:
            fetch(sandbox, uri.format(stub.address).replace("a.py", "ok.py"))
        assert "Authorization" in stub.requests[0][2], "which the server does get"
        assert "X-Amz-Signature=hunter2&sig=hunter2" in stub.requests[0][1]
    for closed in ("http://u:hunter2@127.0.0.1:9/a?token=hunter2", "ftp://u:hunter2@127.0.0.1:9/a"):
        with pytest.raises(FetchError) as caught:
            fetch(sandbox, closed)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__suppress_context__, "a traceback would tell"
    assert "hunter2" not in (sandbox / "stderr").read_text()
    assert files(sandbox) == {"a.py?X-Amz-Signature=hunter2&sig=hunter2&x=1"}, "as Mesos names it"


def test_the_first_failure_ends_it(source: Path, sandbox: Path) -> None:
    (source / "a").write_text("a")
    with pytest.raises(FetchError):
        fetch(sandbox, source / "a", "/nope", source / "a")
    assert files(sandbox) == {"a"}


def test_a_failure_removes_nothing_that_was_there(source: Path, sandbox: Path) -> None:
    (source / "a").write_text("a")
    with pytest.raises(FetchError):
        fetch(sandbox, source / "a", {"value": "/nope", "output_file": "a"})
    assert (sandbox / "a").read_text() == "a"


def test_a_full_disk_is_not_taken_for_a_network(sandbox: Path) -> None:
    (sandbox / "a").symlink_to("/dev/full")
    with (
        http_stub({"/a": Answer(200, b"x")}) as stub,
        pytest.raises(FetchError, match=r"cannot write to '.*'"),
    ):
        fetch(sandbox, f"http://{stub.address}/a")


def test_a_fetch_can_be_given_up_before_it_begins(source: Path, sandbox: Path) -> None:
    (source / "b").write_text("b")
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(FetchCancelled):
        fetch(sandbox, source / "b", cancelled=cancelled)
    assert files(sandbox) == set()


def test_a_copy_that_hangs_can_be_given_up(source: Path, sandbox: Path) -> None:
    os.mkfifo(source / "never")
    cancelled = threading.Event()
    timer = threading.Timer(0.2, cancelled.set)
    timer.start()
    with pytest.raises(FetchCancelled):
        fetch(sandbox, source / "never", cancelled=cancelled)
    timer.join()
    assert files(sandbox) == set()


def test_a_download_can_be_given_up(sandbox: Path) -> None:
    cancelled = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        with suppress(OSError):  # the client goes
            while True:
                connection.sendall(bytes(1 << 20))
                cancelled.set()

    with raw_server(serve) as url, pytest.raises(FetchCancelled):
        fetch(sandbox, f"{url}/endless", cancelled=cancelled)
    assert files(sandbox) == set()


def test_a_server_that_fell_silent_before_the_task_was_killed_is_not_blamed(sandbox: Path) -> None:
    cancelled, over = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        cancelled.set()
        over.wait(60)

    with raw_server(serve) as url:
        try:
            with pytest.raises(FetchCancelled):
                fetch(sandbox, f"{url}/a", cancelled=cancelled, stall_seconds=0.3)
        finally:
            over.set()
    assert "EXIT" not in (sandbox / "stderr").read_text()
