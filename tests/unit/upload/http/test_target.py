"""Uploads by http against a server that does what a test tells it to."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from sparkmesos_core.errors import SparkMesosError, UnreachableError, UploadError, UsageError
from sparkmesos_core.progress import SILENT
from sparkmesos_core.upload.destination import parse_destination
from sparkmesos_core.upload.http import target as http_target
from sparkmesos_core.upload.http.target import HttpTarget
from sparkmesos_core.upload.local_file import LocalFile, read_local_file
from sparkmesos_core.upload.target import HttpOptions, TransientFailureError, UploadOptions
from sparkmesos_core.upload.transfer import Uploader
from tests.http_stub import Answer
from tests.servers.put_stub import Asked, Rule, put_stub

CONTENT = b"a Spark, more or less\n" * 100
LARGE = 24 << 20


@pytest.fixture
def file(tmp_path: Path) -> LocalFile:
    path = tmp_path / "spark.tgz"
    path.write_bytes(CONTENT)
    return read_local_file(path)


@pytest.fixture
def large(tmp_path: Path) -> LocalFile:
    path = tmp_path / "spark.tgz"
    with path.open("wb") as opened:
        opened.truncate(LARGE)
    return read_local_file(path)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stub does at once what it does; servers that do it later are among the integration tests."""
    monkeypatch.setattr(http_target, "_SETTLING_SECONDS", (0.0, 0.0))


@contextlib.contextmanager
def target(where: str, stall_seconds: float = 20, **http: Any) -> Iterator[HttpTarget]:
    options = UploadOptions({}, http=HttpOptions(**http), stall_seconds=stall_seconds)
    opened = HttpTarget(parse_destination(where, "spark.tgz"), options)
    try:
        yield opened
    finally:
        opened.close()


def upload(file: LocalFile, where: str, **options: Any) -> list[str]:
    """Upload without waiting between attempts; the announced failures."""
    said: list[str] = []
    with target(where, **options) as opened:
        Uploader(announce=said.append, wait=lambda seconds: None).put(opened, file)
    return said


def always(method: str, answer: Answer, path: str = "") -> Rule:
    return lambda asked: answer if asked.method == method and path in asked.path else None


def once(method: str, answer: Answer, path: str = "", number: int = 0) -> Rule:
    return lambda asked: (
        answer if asked.method == method and path in asked.path and asked.number == number else None
    )


class Counting:
    """Progress that knows the sum."""

    def __init__(self) -> None:
        self.sum = 0

    def begin(self, step: str, total: int | None) -> None:
        raise AssertionError("a target begins no step")

    end = already = None

    def advance(self, count: int) -> None:
        self.sum += count


def send_until_answered(opened: HttpTarget, file: LocalFile, progress: Counting) -> None:
    """Send to a server that answers early and resets the connection, which may overtake its answer."""
    while True:
        try:
            return opened.send(file, progress)  # type: ignore[arg-type]
        except TransientFailureError as failure:
            if not isinstance(failure.error, UnreachableError):
                raise


def test_a_file_is_sent_aside_and_moved(file: LocalFile) -> None:
    with put_stub() as stub:
        assert upload(file, f"http://{stub.address}/dist/") == []
        record = f"{file.sha256}  spark.tgz\n".encode()
        assert stub.files == {"/dist/spark.tgz": CONTENT, "/dist/spark.tgz.sha256": record}
        assert stub.methods("/spark.tgz").count("PUT") == 0
        moves = [asked for asked in stub.requests if asked.method == "MOVE"]
        assert {asked.headers["Overwrite"] for asked in moves} == {"T"}
        final = f"http://{stub.address}/dist/spark.tgz"
        assert [asked.headers["Destination"] for asked in moves[1:]] == [final, f"{final}.sha256"]
        assert all(asked.headers["Accept-Encoding"] == "identity" for asked in stub.requests)


def test_what_is_there_is_not_sent_again(file: LocalFile) -> None:
    with put_stub() as stub:
        stub.files["/spark.tgz"] = CONTENT
        with target(f"http://{stub.address}/") as opened:
            uploaded = Uploader().put(opened, file)
        assert not uploaded.sent
        assert set(stub.files) == {"/spark.tgz", "/spark.tgz.sha256"}
        assert CONTENT not in stub.bodies


def test_folders_are_made(file: LocalFile) -> None:
    with put_stub(folders={""}) as stub:
        upload(file, f"http://{stub.address}/a/b/c/")
        assert stub.folders == {"", "/a", "/a/b", "/a/b/c"}
        assert stub.files["/a/b/c/spark.tgz"] == CONTENT


def test_a_folder_that_cannot_be_made(file: LocalFile) -> None:
    with put_stub(always("MKCOL", Answer(403)), folders={""}) as stub:
        with pytest.raises(UploadError, match=r"/a/.*part answered PUT with 409 Conflict") as raised:
            upload(file, f"http://{stub.address}/a/b/")
        assert "a folder of it is missing" in raised.value.hint
        assert stub.files == {}


def test_hidden_names_that_are_refused(file: LocalFile) -> None:
    with put_stub(lambda asked: Answer(403) if "/." in asked.path else None) as stub:
        upload(file, f"http://{stub.address}/")
        assert set(stub.files) == {"/spark.tgz", "/spark.tgz.sha256"}


class TestInPlace:
    def test_a_server_that_cannot_move(self, file: LocalFile) -> None:
        with put_stub(moves=False) as stub, target(f"http://{stub.address}/") as opened:
            uploaded = Uploader().put(opened, file)
            assert set(stub.files) == {"/spark.tgz", "/spark.tgz.sha256"}
            assert stub.files["/spark.tgz"] == CONTENT
            (remark,) = uploaded.remarks
            assert "cannot move files" in remark

    @pytest.mark.parametrize("first", [500, 502])
    def test_a_server_in_trouble_may_be_able_to_move(self, first: int, file: LocalFile) -> None:
        def rule(asked: Asked) -> Answer | None:
            if asked.method != "MOVE":
                return None
            return Answer(400 if asked.headers["Destination"].startswith("/") else first)

        with put_stub(rule) as stub:
            with pytest.raises(UploadError, match=rf"answered MOVE with {first} .*\(tried 5 times\)"):
                upload(file, f"http://{stub.address}/")
            assert "/spark.tgz" not in {asked.path for asked in stub.requests}
            assert stub.files == {}

    def test_a_server_that_does_not_know_its_own_address(self, file: LocalFile) -> None:
        def rule(asked: Asked) -> Answer | None:
            known = asked.headers.get("Destination", "/").startswith("/")
            return None if known else Answer(502)

        with put_stub(rule) as stub:
            assert upload(file, f"http://{stub.address}/") == []
            assert stub.files["/spark.tgz"] == CONTENT
            assert "PUT" not in stub.methods("/spark.tgz")

    def test_a_probe_that_may_not_be_removed_is_told_of(self, file: LocalFile) -> None:
        with (
            put_stub(always("DELETE", Answer(403)), moves=False) as stub,
            target(f"http://{stub.address}/") as opened,
        ):
            said: list[str] = []
            uploaded = Uploader(announce=said.append).put(opened, file)
            assert len(uploaded.remarks) == 1
            (probe,) = set(stub.files) - {"/spark.tgz", "/spark.tgz.sha256"}
            assert said == [f"http://{stub.address}{probe} may be left over: it could not be removed"]

    @pytest.mark.parametrize("before", [None, b"older"])
    def test_what_arrives_in_part_is_removed(self, before: bytes | None, file: LocalFile) -> None:
        def rule(asked: Asked) -> Answer | None:
            if asked.method == "PUT" and asked.path == "/spark.tgz":
                stub.files[asked.path] = CONTENT[:10]
                return Answer(500)
            return None

        with put_stub(rule, moves=False) as stub:
            if before:
                stub.files["/spark.tgz"] = before
            with target(f"http://{stub.address}/") as opened, pytest.raises(UploadError, match="500"):
                Uploader(wait=lambda seconds: None).put(opened, file, force=True)
            assert stub.files == {}

    def test_what_the_server_has_kept_stays(self, file: LocalFile) -> None:
        rule = always("PUT", Answer(507), "/spark.tgz")
        with put_stub(lambda asked: rule(asked) if "/." not in asked.path else None, moves=False) as stub:
            stub.files["/spark.tgz"] = b"older"
            with target(f"http://{stub.address}/") as opened, pytest.raises(UploadError, match="507"):
                Uploader().put(opened, file, force=True)
            assert stub.files == {"/spark.tgz": b"older"}

    def test_what_is_not_what_was_sent_is_removed(self, file: LocalFile) -> None:
        def rule(asked: Asked) -> Answer | None:
            return Answer(200, b"else") if asked.method == "GET" and asked.path == "/spark.tgz" else None

        with put_stub(rule, moves=False) as stub:
            with (
                target(f"http://{stub.address}/") as opened,
                pytest.raises(UploadError, match="SHA-256 differs"),
            ):
                Uploader(wait=lambda seconds: None).put(opened, file)
            assert stub.files == {}


class TestFolders:
    def test_a_folder_is_not_replaced(self, file: LocalFile) -> None:
        answer = Answer(
            207, b'<d:prop xmlns:d="DAV:"><d:resourcetype>\n <d:collection/></d:resourcetype></d:prop>'
        )
        with put_stub(always("PROPFIND", answer)) as stub:
            with (
                target(f"http://{stub.address}/dist") as opened,
                pytest.raises(UploadError, match="is a folder"),
            ):
                Uploader().put(opened, file, force=True)
            assert stub.files == {}

    @pytest.mark.parametrize("listing", [200, 403])
    @pytest.mark.parametrize("force", [False, True])
    def test_a_redirect_to_its_slash_tells_it(self, force: bool, listing: int, file: LocalFile) -> None:
        def rule(asked: Asked) -> Answer | None:
            if asked.method in ("HEAD", "GET"):
                return Answer(301, b"", {"Location": "/dist/"}) if asked.path == "/dist" else Answer(listing)
            return None

        with put_stub(rule) as stub, target(f"http://{stub.address}/dist") as opened:
            with pytest.raises(UploadError, match="/dist is a folder"):
                Uploader().put(opened, file, force=force)
            assert stub.files == {}


class TestAuthentication:
    BASIC = "Basic " + base64.b64encode("Zoë:pass wörd".encode()).decode()

    def challenge(self, header: str) -> Rule:
        def rule(asked: Asked) -> Answer | None:
            if asked.headers.get("Authorization") == self.BASIC:
                return None
            return Answer(401, b"", {"WWW-Authenticate": header} if header else {})

        return rule

    @pytest.mark.parametrize("header", ['Basic realm="x"', "Negotiate, Basic realm=x", ""])
    def test_basic_once_it_is_asked_for(self, header: str, file: LocalFile) -> None:
        with put_stub(self.challenge(header)) as stub:
            upload(file, f"http://Zo%C3%AB:pass%20w%C3%B6rd@{stub.address}/")
            assert stub.files["/spark.tgz"] == CONTENT
            assert [asked.headers.get("Authorization") for asked in stub.requests[:2]] == [None, self.BASIC]
            assert {asked.headers.get("Authorization") for asked in stub.requests[2:]} == {self.BASIC}

    def test_options_count_less_than_the_url(self, file: LocalFile) -> None:
        with put_stub(self.challenge("Basic")) as stub:
            upload(file, f"http://{stub.address}/a/", user="Zoë", password="pass wörd")
            upload(file, f"http://Zo%C3%AB@{stub.address}/b/", user="Zoë", password="pass wörd")
            with pytest.raises(UploadError, match="401"):
                upload(file, f"http://other:secret@{stub.address}/c/", user="Zoë", password="pass wörd")
            assert {path for path in stub.files if path.endswith("tgz")} == {"/a/spark.tgz", "/b/spark.tgz"}

    def test_a_token(self, file: LocalFile) -> None:
        with put_stub() as stub:
            upload(file, f"http://{stub.address}/", token="t0ken")
            assert {asked.headers.get("Authorization") for asked in stub.requests} == {"Bearer t0ken"}

    @pytest.mark.parametrize("status", [401, 403])
    def test_no_secret_in_what_is_said(self, status: int, file: LocalFile) -> None:
        for where, options in (("user:hush@", {}), ("", {"token": "hush"})):
            with put_stub(lambda asked: Answer(status, b"no")) as stub:
                with pytest.raises(UploadError) as raised:
                    upload(file, f"http://{where}{stub.address}/", **options)
                assert f"{status}" in raised.value.message
                assert "may write there" in raised.value.hint
                assert "hush" not in f"{raised.value.message} {raised.value.hint} {raised.value!r}"
                assert stub.files == {}

    @pytest.mark.parametrize("token", ["", "a b", "a\n", "ä"])
    def test_tokens_that_no_header_can_hold(self, token: str) -> None:
        with pytest.raises(UsageError, match="the token is"), target("http://h/", token=token):
            pass

    def test_a_colon_in_the_user(self) -> None:
        with pytest.raises(UsageError, match="colon"), target("http://h/", user="a:b", password="c"):
            pass


class TestRedirects:
    # A server that reads all of a file before it answers is waited for in vain, for a second.
    @pytest.mark.parametrize(("status", "early"), [(301, True), (302, True), (307, True), (308, False)])
    def test_the_file_goes_where_they_lead(self, status: int, early: bool, file: LocalFile) -> None:
        with put_stub() as second:

            def rule(asked: Asked) -> Answer | None:
                return Answer(status, b"", {"Location": f"http://{second.address}/real{asked.path}?signed=1"})

            with put_stub(rule, early=early) as first:
                upload(file, f"http://user:hush@{first.address}/dist/")
                assert first.files == {}
            assert second.files["/real/dist/spark.tgz"] == CONTENT
            assert set(second.files) == {"/real/dist/spark.tgz", "/real/dist/spark.tgz.sha256"}
            assert all("Authorization" not in asked.headers for asked in second.requests)

    def test_most_of_a_large_file_is_not_sent_to_the_first(self, large: LocalFile) -> None:
        with put_stub() as second:

            def rule(asked: Asked) -> Answer | None:
                return Answer(307, b"", {"Location": f"http://{second.address}{asked.path}"})

            progress = Counting()
            with put_stub(rule, early=True) as first, target(f"http://{first.address}/") as opened:
                opened.prepare()
                send_until_answered(opened, large, progress)
                opened.publish()
            assert progress.sum == LARGE
            assert len(second.files["/spark.tgz"]) == LARGE

    def test_circles(self, file: LocalFile) -> None:
        def rule(asked: Asked) -> Answer | None:
            return Answer(307, b"", {"Location": "/b" if asked.path.startswith("/a") else "/a"})

        with put_stub(rule) as stub, pytest.raises(UploadError, match="redirects in circles"):
            upload(file, f"http://{stub.address}/")

    def test_endless_ones(self, file: LocalFile) -> None:
        with put_stub(lambda asked: Answer(302, b"", {"Location": f"{asked.path}x"})) as stub:
            with pytest.raises(UploadError, match="redirects in circles"):
                upload(file, f"http://{stub.address}/")
            assert stub.methods().count("PUT") == 11

    def test_the_other_server_wants_credentials(self, file: LocalFile) -> None:
        with put_stub(lambda asked: Answer(401, b"", {"WWW-Authenticate": "Basic"})) as second:

            def rule(asked: Asked) -> Answer | None:
                return Answer(307, b"", {"Location": f"http://{second.address}{asked.path}"})

            with put_stub(rule) as first, pytest.raises(UploadError, match="401") as raised:
                upload(file, f"http://user:hush@{first.address}/")
            assert "not sent to another address" in raised.value.hint
            assert all("Authorization" not in asked.headers for asked in second.requests)


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "hint"),
        [
            (401, "user and password"),
            (403, "may write there"),
            (404, "Check the path"),
            (405, "takes no uploads"),
            (409, "a folder of it is missing"),
            (413, "client_max_body_size"),
            (423, "locked"),
            (501, "takes no uploads"),
            (507, "Make room"),
        ],
    )
    def test_they_are_found_before_anything_is_sent(self, status: int, hint: str, file: LocalFile) -> None:
        with put_stub(always("PUT", Answer(status, b"since  it\nmust"))) as stub:
            with pytest.raises(UploadError, match=rf"answered PUT with {status} .*since it must") as raised:
                upload(file, f"http://{stub.address}/")
            assert hint in raised.value.hint
            assert CONTENT not in stub.bodies

    @pytest.mark.parametrize("status", [401, 403, 413, 507])
    @pytest.mark.parametrize("tls", [False, True])
    def test_an_answer_while_the_file_is_sent(
        self, status: int, tls: bool, large: LocalFile, authority: trustme.CA, ca_file: Path
    ) -> None:
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(context)

        def rule(asked: Asked) -> Answer | None:
            if asked.method == "PUT" and asked.headers["Content-Length"] != "0":
                return Answer(status, b"enough")
            return None

        progress = Counting()
        with put_stub(rule, early=True, tls=context) as stub:
            where = f"http{'s' * tls}://localhost:{stub.address.port}/"
            with target(where, ca_file=ca_file if tls else None) as opened:
                opened.prepare()
                with pytest.raises(UploadError, match=f"answered PUT with {status} .*enough"):
                    send_until_answered(opened, large, progress)
                opened.discard()
            assert stub.files == {}
        assert progress.sum == 0

    def test_an_early_answer_of_success_is_none(self, large: LocalFile) -> None:
        def rule(asked: Asked) -> Answer | None:
            return Answer(201) if asked.headers.get("Content-Length") == str(LARGE) else None

        with put_stub(rule, early=True) as stub, target(f"http://{stub.address}/") as opened:
            opened.prepare()
            with pytest.raises(TransientFailureError, match="before it had all"):
                send_until_answered(opened, large, Counting())

    def test_pages_are_not_quoted(self, file: LocalFile) -> None:
        answer = Answer(403, b"<html>no</html>", {"Content-Type": "text/html"})
        with (
            put_stub(always("PUT", answer)) as stub,
            pytest.raises(UploadError, match="PUT with 403 Forbidden"),
        ):
            upload(file, f"http://{stub.address}/")


class TestTransientFailures:
    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    @pytest.mark.parametrize("method", ["PUT", "MOVE", "GET", "HEAD"])
    def test_tried_again(self, method: str, status: int, file: LocalFile) -> None:
        with put_stub(once(method, Answer(status), number=1)) as stub:
            upload(file, f"http://{stub.address}/")
            assert stub.files["/spark.tgz"] == CONTENT
            assert set(stub.files) == {"/spark.tgz", "/spark.tgz.sha256"}

    def test_when_to_come_back(self, file: LocalFile) -> None:
        with put_stub(always("PUT", Answer(429, b"", {"Retry-After": "7"}))) as stub:
            with target(f"http://{stub.address}/") as opened, pytest.raises(TransientFailureError) as raised:
                opened.prepare()
            assert raised.value.retry_after == 7
            assert isinstance(raised.value.error, UploadError)

    def test_no_attempt_can_spoil_a_later_one(self, file: LocalFile) -> None:
        def rule(asked: Asked) -> Answer | None:
            return Answer(503) if asked.method == "PUT" and asked.number in (0, 2, 4) else None

        with put_stub(rule) as stub:
            with target(f"http://{stub.address}/") as opened:
                assert Uploader(wait=lambda seconds: None).put(opened, file).remarks == ()
            names = [asked.path for asked in stub.requests if asked.method == "PUT"]
            assert len(names) == len(set(names)) == 6
            assert set(stub.files) == {"/spark.tgz", "/spark.tgz.sha256"}

    def test_an_answer_of_a_move_that_is_lost(self, file: LocalFile) -> None:
        def rule(asked: Asked) -> Answer | None:
            if asked.method == "MOVE" and asked.number == 1:
                stub.act(asked, b"")
                return Answer(503)
            return None

        with put_stub(rule) as stub:
            upload(file, f"http://{stub.address}/")
            assert stub.files["/spark.tgz"] == CONTENT

    def test_silence(self, file: LocalFile) -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            target(f"http://127.0.0.1:{server.getsockname()[1]}/", stall_seconds=0.1) as opened,
        ):
            with pytest.raises(TransientFailureError, match=r"was silent for 0\.1 s") as raised:
                opened.prepare()
            assert isinstance(raised.value.error, UnreachableError)
            opened.discard()

    def test_a_server_that_stops_reading(self, large: LocalFile) -> None:
        progress = Counting()
        done = threading.Event()

        def rule(asked: Asked) -> Answer | None:
            if asked.method == "PUT" and asked.headers["Content-Length"] != "0":
                done.wait(30)
                return Answer(500)
            return None

        with put_stub(rule, early=True) as stub:
            with target(f"http://{stub.address}/", stall_seconds=0.3) as opened:
                opened.prepare()
                with pytest.raises(TransientFailureError, match="was silent"):
                    opened.send(large, progress)  # type: ignore[arg-type]
            done.set()
        assert progress.sum == 0

    def test_nobody_listens(self, file: LocalFile) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        said: list[str] = []
        with target(f"http://127.0.0.1:{port}/") as opened, pytest.raises(UnreachableError, match="refuses"):
            Uploader(announce=said.append, wait=lambda seconds: None).put(opened, file)
        assert len(said) == 4

    def test_a_name_that_nobody_knows(self, file: LocalFile) -> None:
        with (
            target("http://nowhere.invalid/") as opened,
            pytest.raises(UnreachableError, match=r"name 'nowhere\.invalid' cannot be resolved"),
        ):
            Uploader(wait=lambda seconds: None).put(opened, file)

    def test_a_server_that_speaks_tls(self) -> None:
        with (
            put_stub(tls=server_context(trustme.CA())) as stub,
            target(f"http://{stub.address}/a/") as opened,
            pytest.raises(UnreachableError, match="speaks TLS, not plain HTTP") as raised,
        ):
            opened.prepare()
        assert f"https://{stub.address}" in raised.value.hint

    def test_a_server_that_speaks_no_tls(self) -> None:
        with (
            put_stub() as stub,
            target(f"https://{stub.address}/") as opened,
            pytest.raises(UnreachableError, match="speaks plain HTTP, not TLS"),
        ):
            opened.prepare()


class TestLooking:
    def test_nothing_there(self) -> None:
        with put_stub() as stub, target(f"http://{stub.address}/") as opened:
            assert opened.stat() is None
            assert opened.read_record() is None

    def test_size_and_time(self) -> None:
        answer = Answer(200, b"12345", {"Last-Modified": "Thu, 01 Jan 1970 00:01:00 GMT"})
        with put_stub(always("HEAD", answer)) as stub, target(f"http://{stub.address}/") as opened:
            stored = opened.stat()
            assert stored is not None
            assert (stored.size, stored.modified, stored.sha256) == (5, 60, None)

    @pytest.mark.parametrize("status", [403, 405, 501])
    @pytest.mark.parametrize(
        ("answer", "size"),
        [
            (Answer(206, b"x", {"Content-Range": "bytes 0-0/123"}), 123),
            (Answer(200, b"12345"), 5),
            (Answer(416, b"", {"Content-Range": "bytes */0"}), 0),
            (Answer(206, b"x", {"Content-Range": "bytes 0-0/*"}), None),
        ],
    )
    def test_without_head(self, status: int, answer: Answer, size: int | None) -> None:
        def rule(asked: Asked) -> Answer | None:
            return Answer(status) if asked.method == "HEAD" else answer

        with put_stub(rule) as stub, target(f"http://{stub.address}/") as opened:
            stored = opened.stat()
            assert stored is not None
            assert stored.size == size
            assert stub.requests[-1].headers["Range"] == "bytes=0-0"

    def test_what_may_not_be_read(self) -> None:
        with (
            put_stub(lambda asked: Answer(403)) as stub,
            target(f"http://{stub.address}/") as opened,
            pytest.raises(UploadError, match="403"),
        ):
            opened.stat()

    def test_a_long_record_is_not_read_to_its_end(self) -> None:
        answer = Answer(200, b"x" * (8 << 20))
        with put_stub(always("GET", answer)) as stub, target(f"http://{stub.address}/") as opened:
            record = opened.read_record()
        assert record is not None
        assert len(record[0]) == 4096

    def test_content_is_not_decoded(self) -> None:
        answer = Answer(200, b"\x1f\x8b no gzip", {"Content-Encoding": "gzip"})
        with put_stub(always("GET", answer)) as stub, target(f"http://{stub.address}/") as opened:
            assert b"".join(opened.content()) == b"\x1f\x8b no gzip"


def test_a_file_that_shrinks(file: LocalFile) -> None:
    with put_stub() as stub, target(f"http://{stub.address}/", stall_seconds=5) as opened:
        opened.prepare()
        os.truncate(file.path, 10)
        with pytest.raises(SparkMesosError, match="has become shorter"):
            opened.send(file, SILENT)
        opened.discard()
        assert stub.files == {}


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "spark.tgz"
    path.touch()
    with put_stub() as stub:
        upload(read_local_file(path), f"http://{stub.address}/")
        assert stub.files["/spark.tgz"] == b""


@pytest.mark.parametrize("moves", [True, False])
def test_a_server_that_dies_is_not_waited_for(
    moves: bool, file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_target, "_CLEANING_SECONDS", 0.5)
    over = threading.Event()

    def rule(asked: Asked) -> Answer | None:
        if asked.headers.get("Content-Length") == str(len(CONTENT)):
            return Answer(503)
        if dead and asked.method in ("DELETE", "HEAD"):
            over.wait(60)
        return None

    dead = False
    with put_stub(rule, moves=moves) as stub, target(f"http://{stub.address}/") as opened:
        opened.prepare()
        for _ in range(3):
            with pytest.raises(TransientFailureError, match="503"):
                opened.send(file, SILENT)
        stub.requests.clear()
        dead = True
        before = time.monotonic()
        opened.discard()
        # Much less than the 20 seconds that it may be silent for otherwise.
        assert time.monotonic() - before < 10
        asked = {asked.path for asked in stub.requests}
        said = list(opened.remarks)
        over.set()
    assert len(asked) == (3 if moves else 1)
    assert all(any(path in line for line in said) for path in asked)


def test_an_interrupt(large: LocalFile) -> None:
    class Interrupting:
        def begin(self, *args: object) -> None:
            pass

        end = already = begin

        def advance(self, count: int) -> None:
            if count > 0:
                raise KeyboardInterrupt

    with put_stub() as stub:
        with target(f"http://{stub.address}/") as opened, pytest.raises(KeyboardInterrupt):
            Uploader(progress=Interrupting()).put(opened, large)
        assert stub.files == {}


class TestTls:
    def test_over_a_connection_of_its_own(
        self, large: LocalFile, authority: trustme.CA, ca_file: Path
    ) -> None:
        # With TLS 1.3 the server's session tickets are there to be read when the file begins to be sent.
        with put_stub(tls=server_context(authority)) as stub:
            with target(f"https://localhost:{stub.address.port}/", ca_file=ca_file) as opened:
                opened.prepare()
                opened.close()
                opened.send(large, SILENT)
                opened.publish()
            assert hashlib.sha256(stub.files["/spark.tgz"]).hexdigest() == large.sha256

    def test_the_authority_of_the_environment(
        self, file: LocalFile, authority: trustme.CA, ca_file: Path
    ) -> None:
        with put_stub(tls=server_context(authority)) as stub:
            options = UploadOptions({"REQUESTS_CA_BUNDLE": str(ca_file)})
            destination = parse_destination(f"https://localhost:{stub.address.port}/x", "")
            opened = HttpTarget(destination, options)
            opened.prepare()
            opened.discard()
            opened.close()

    def test_an_unknown_authority(self, file: LocalFile, ca_file: Path) -> None:
        with put_stub(tls=server_context(trustme.CA())) as stub:
            where = f"https://localhost:{stub.address.port}/"
            with target(where, ca_file=ca_file) as opened, pytest.raises(UnreachableError) as raised:
                opened.prepare()
            assert "not trusted" in raised.value.message
            assert "--ca-file" in raised.value.hint

    def test_a_password_goes_with_the_first_request(
        self, file: LocalFile, authority: trustme.CA, ca_file: Path
    ) -> None:
        with put_stub(tls=server_context(authority)) as stub:
            upload(file, f"https://u:p@localhost:{stub.address.port}/", ca_file=ca_file)
            assert {asked.headers["Authorization"] for asked in stub.requests} == {"Basic dTpw"}

    def test_a_file_without_certificates(self, file: LocalFile) -> None:
        with pytest.raises(UsageError, match="holds no certificate"), target("https://h/", ca_file=file.path):
            pass


def test_proxies_of_the_environment(file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    with put_stub() as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        upload(file, "http://dist.example/a/")
        assert proxy.files["/a/spark.tgz"] == CONTENT
        assert all(asked.path.startswith("http://dist.example/a/") for asked in proxy.requests)
        with put_stub() as direct:
            upload(file, f"http://{direct.address}/")
            assert direct.files["/spark.tgz"] == CONTENT


@pytest.mark.parametrize("where", ["http://h:x/", "http://[::1/", "http://:80/", "http://h:99999/"])
def test_addresses_that_are_none(where: str) -> None:
    with pytest.raises(UsageError), target(where):
        pass


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context
