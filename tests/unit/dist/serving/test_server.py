"""The server of serve-dist, on a thread, and what it answers."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from sparkmesos_core.dist.serving import file_answers
from sparkmesos_core.dist.serving.server import FileServer, served
from sparkmesos_core.errors import SparkMesosError, UsageError

# Larger than what sockets hold, so that a reader that stops stops the server, too.
LARGE = 20_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "dist"
    (root / "3.5").mkdir(parents=True)
    (root / "spark.tgz").write_bytes(bytes(range(256)) * 10)
    (root / "3.5" / "a.tgz").write_bytes(b"inner")
    (root / "empty").touch()
    (root / ".part").write_bytes(b"secret")
    (tmp_path / "secret").write_bytes(b"secret")
    return root


@pytest.fixture
def large(folder: Path) -> Path:
    path = folder / "large.tgz"
    path.write_bytes(os.urandom(LARGE))
    return path


@pytest.fixture
def server(folder: Path) -> Iterator[FileServer]:
    with served(folder) as running:
        yield running


class Ask:
    def __init__(self, server: FileServer) -> None:
        self.server = server

    def __call__(
        self, path: str, method: str = "GET", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.address.port, timeout=20)
        try:
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=fields)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


@pytest.fixture
def ask(server: FileServer) -> Ask:
    return Ask(server)


def raw(server: FileServer, request: bytes) -> socket.socket:
    """A connection that has sent this, and receives little at once."""
    connection = socket.socket()
    connection.settimeout(20)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", server.address.port))
    connection.sendall(request)
    return connection


def wait_for_log(caplog: pytest.LogCaptureFixture, pattern: str) -> str:
    """The first line of the log that this is in, once it is there."""
    found: list[str] = []
    there = threading.Event()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            look(record)

    def look(record: logging.LogRecord) -> None:
        if re.search(pattern, record.getMessage()):
            found.append(record.getMessage())
            there.set()

    watch = Watch()
    logger = logging.getLogger(file_answers.__name__)
    logger.addHandler(watch)
    try:
        for record in list(caplog.records):
            look(record)
        assert there.wait(20), caplog.text
    finally:
        logger.removeHandler(watch)
    return found[0]


def test_a_file(ask: Ask, folder: Path) -> None:
    answer, body = ask("/spark.tgz")
    assert answer.status == 200
    assert body == (folder / "spark.tgz").read_bytes()
    assert answer.headers["Content-Length"] == "2560"
    assert answer.headers["Accept-Ranges"] == "bytes"
    # A client that sees this would unpack what is to stay an archive.
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Content-Type"] == "application/octet-stream"
    modified = parsedate_to_datetime(answer.headers["Last-Modified"])
    assert modified.timestamp() == int((folder / "spark.tgz").stat().st_mtime)


def test_head(ask: Ask) -> None:
    got, _ = ask("/spark.tgz")
    answer, body = ask("/spark.tgz", "HEAD")
    assert (answer.status, body) == (200, b"")
    for name in ("Content-Length", "ETag", "Last-Modified", "Content-Type", "Accept-Ranges"):
        assert answer.headers[name] == got.headers[name]


def test_an_empty_file(ask: Ask) -> None:
    answer, body = ask("/empty")
    assert (answer.status, answer.headers["Content-Length"], body) == (200, "0", b"")


def test_a_range(ask: Ask) -> None:
    answer, body = ask("/spark.tgz", Range="bytes=10-19")
    assert (answer.status, body) == (206, bytes(range(10, 20)))
    assert answer.headers["Content-Range"] == "bytes 10-19/2560"
    assert answer.headers["Content-Length"] == "10"
    answer, body = ask("/spark.tgz", Range="bytes=-6")
    assert (answer.status, body) == (206, bytes(range(250, 256)))


def test_a_range_that_nothing_is_in(ask: Ask) -> None:
    answer, body = ask("/spark.tgz", Range="bytes=2560-")
    assert (answer.status, answer.headers["Content-Range"], body) == (416, "bytes */2560", b"")


def test_a_download_that_is_taken_up_is_of_the_same_version_or_whole(ask: Ask, folder: Path) -> None:
    first, _ = ask("/spark.tgz", Range="bytes=0-9")
    tag = first.headers["ETag"]
    assert ask("/spark.tgz", Range="bytes=10-", If_Range=tag)[0].status == 206
    (folder / "new").write_bytes(bytes(2560))
    os.utime(folder / "new", ns=(0, (folder / "spark.tgz").stat().st_mtime_ns))  # of the same size and age
    (folder / "new").replace(folder / "spark.tgz")
    answer, body = ask("/spark.tgz", Range="bytes=10-", If_Range=tag)
    assert (answer.status, body) == (200, bytes(2560))


def test_what_the_client_has_already(ask: Ask) -> None:
    answer, _ = ask("/spark.tgz")
    for name in ("ETag", "Last-Modified"):
        condition = "If-None-Match" if name == "ETag" else "If-Modified-Since"
        again, body = ask("/spark.tgz", **{condition: answer.headers[name]})
        assert (again.status, body) == (304, b"")
        assert again.headers["ETag"] == answer.headers["ETag"]
    assert ask("/spark.tgz", If_Match='"another"')[0].status == 412


@pytest.mark.parametrize(
    "path",
    [
        "/none",
        "/spark.tgz/",
        "/.part",
        "/%2epart",
        "/../secret",
        "/%2e%2e/secret",
        "/3.5/../../secret",
        "/..%2fsecret",
        "/3.5%2fa.tgz",
        "/%00",
        "/" + "x" * 3000,
        "/%ff",
        "//etc/passwd",
    ],
)
def test_what_is_not_there(ask: Ask, path: str) -> None:
    answer, body = ask(path)
    assert answer.status == 404
    assert b"secret" not in body


def test_paths_of_clients_that_write_two_slashes(ask: Ask) -> None:
    assert ask("//3.5//a.tgz")[1] == b"inner"
    assert ask("/%33.5/a%2etgz?query=1")[1] == b"inner"


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS", "MKCOL", "PATCH"])
def test_it_only_reads(ask: Ask, folder: Path, method: str) -> None:
    answer, _ = ask("/spark.tgz", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert (folder / "spark.tgz").stat().st_size == 2560


def test_a_listing(ask: Ask, folder: Path) -> None:
    odd = '<script>alert("x") & ü'
    (folder / odd).mkdir()
    (folder / "a:b").touch()
    (folder / "3.5" / odd).touch()
    answer, body = ask("/")
    text = body.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<script>" not in text
    links = re.findall(r'href="([^"]*)"', text)
    assert links[0] == "./3.5/"
    assert {"./spark.tgz", "./a%3Ab", "./empty"} <= set(links)
    assert all(ask("/" + link.removeprefix("./"))[0].status == 200 for link in links)
    _, below = ask("/3.5/")
    assert re.findall(r'href="([^"]*)"', below.decode())[0] == "../"
    assert ask("/", "HEAD")[1] == b""


def test_a_name_that_is_no_text(ask: Ask, folder: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff.tgz")).write_bytes(b"odd")
    except OSError:
        pytest.skip("this file system wants names in UTF-8")
    assert b'href="./%FF.tgz"' in ask("/")[1]
    assert ask("/%FF.tgz")[1] == b"odd"


@pytest.mark.parametrize("path", ["/3.5", "//3.5", "/3.5?query"])
def test_a_folder_without_its_slash(ask: Ask, path: str) -> None:
    answer, _ = ask(path)
    assert (answer.status, answer.headers["Location"]) == (301, "/3.5/")


def test_an_archive_alone(folder: Path) -> None:
    archive = folder / "spark 3.tgz"
    (folder / "spark.tgz").rename(archive)
    with served(archive) as server:
        ask = Ask(server)
        path = urlsplit(server.url).path
        assert path == "/spark%203.tgz"
        assert ask(path)[1] == archive.read_bytes()
        assert ask(path + ".sha256")[0].status == 404
        archive.with_name("spark 3.tgz.sha256").write_bytes(b"0")
        assert ask(path + ".sha256")[1] == b"0"
        assert ask("/empty")[0].status == 404
        assert re.findall(r'href="([^"]*)"', ask("/")[1].decode()) == [
            "./spark%203.tgz",
            "./spark%203.tgz.sha256",
        ]


def test_pages_of_elsewhere_are_refused(ask: Ask) -> None:
    answer, body = ask("/spark.tgz", Host="evil.example")
    assert answer.status == 403
    assert b"serve-dist answers only" in body


def test_where_it_listens(server: FileServer) -> None:
    assert server.on_loopback
    assert server.url == f"http://127.0.0.1:{server.address.port}/"
    [listening] = [
        connection.laddr
        for connection in psutil.Process().net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == server.address.port
    ]
    assert listening.ip == "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_all_addresses_have_one_that_agents_can_use(folder: Path, host: str) -> None:
    if host == "::" and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    with served(folder, host=host) as server:
        assert not server.on_loopback
        assert server.address.host not in (host, "127.0.0.1")
        connection = http.client.HTTPConnection(server.address.host, server.address.port, timeout=20)
        connection.request("GET", "/3.5/a.tgz", headers={"Host": "some.name.of.this.machine"})
        assert connection.getresponse().read() == b"inner"
        connection.close()


def test_a_name_of_this_machine(folder: Path) -> None:
    with served(folder, host="localhost") as server:
        assert server.url.startswith("http://localhost:")
        assert Ask(server)("/3.5/a.tgz")[1] == b"inner"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_address(folder: Path) -> None:
    try:
        with served(folder, host="::1") as server:
            assert re.fullmatch(r"http://\[::1\]:\d+/", server.url)
            assert server.on_loopback
    except UsageError:
        pytest.skip("no IPv6 here")


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a..b", "x" * 300])
def test_a_host_that_is_not_this_machine(folder: Path, host: str) -> None:
    with pytest.raises(UsageError, match="no address of this machine"), served(folder, host=host):
        pass


def test_a_port_that_is_taken(folder: Path, server: FileServer) -> None:
    taken = server.address.port
    with (
        pytest.raises(SparkMesosError, match=f"Port {taken} of 127.0.0.1 is in use"),
        served(folder, port=taken),
    ):
        pass


def test_the_port_is_free_again_afterwards(folder: Path) -> None:
    with served(folder) as first:
        idle = raw(first, b"GET /empty HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(12) == b"HTTP/1.1 200"
    with idle, served(folder, port=first.address.port) as second:
        assert Ask(second)("/3.5/a.tgz")[1] == b"inner"


def test_the_end_cuts_off_what_is_under_way(large: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=file_answers.__name__)
    before = psutil.Process().num_fds()
    with served(large) as server:
        slow = raw(server, b"GET /large.tgz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert slow.recv(12) == b"HTTP/1.1 200"
        silent = raw(server, b"GET /large")
    assert re.search(r"large.tgz: 200, \d+ bytes in [\d.]+ s, cut off", caplog.text)
    slow.close()
    silent.close()
    assert psutil.Process().num_fds() == before


def test_many_at_once_and_one_that_reads_nothing(large: Path) -> None:
    digest = hashlib.sha256(large.read_bytes()).hexdigest()

    with served(large) as server, raw(server, b"GET /large.tgz HTTP/1.1\r\nHost: localhost\r\n\r\n") as slow:
        assert slow.recv(12) == b"HTTP/1.1 200"

        def download(_: int) -> str:
            return hashlib.sha256(Ask(server)("/large.tgz")[1]).hexdigest()

        with ThreadPoolExecutor(12) as pool:
            assert set(pool.map(download, range(24))) == {digest}
        assert server.downloads == 24


def test_what_counts_as_a_download(folder: Path) -> None:
    with served(folder) as server:
        ask = Ask(server)
        tag = ask("/spark.tgz")[0].headers["ETag"]
        ask("/spark.tgz", "HEAD")
        ask("/spark.tgz", Range="bytes=0-1")
        ask("/spark.tgz", If_None_Match=tag)
        ask("/")
        ask("/none")
        ask("/3.5/a.tgz")
    assert server.downloads == 2


def test_a_client_that_goes_away(large: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=file_answers.__name__)
    with served(large) as server:
        with raw(server, b"GET /large.tgz HTTP/1.1\r\nHost: localhost\r\n\r\n") as client:
            assert client.recv(12) == b"HTTP/1.1 200"
        line = wait_for_log(caplog, "large.tgz")
        assert line.endswith("cut off")
        sent = re.search(r"(\d+) bytes", line)
        assert sent is not None
        assert int(sent[1]) < LARGE
        assert server.downloads == 0


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system ends it when it likes")
def test_a_client_that_reads_nothing_for_too_long(large: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=file_answers.__name__)
    with (
        served(large, stall_seconds=0.5) as server,
        raw(server, b"GET /large.tgz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ):
        assert wait_for_log(caplog, "large.tgz").endswith("cut off")


@pytest.mark.parametrize("change", ["shorter", "written over"])
def test_a_file_that_changes_meanwhile_is_cut_off(large: Path, change: str) -> None:
    with served(large) as server:
        client = raw(server, b"GET /large.tgz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with client:
            assert client.recv(12) == b"HTTP/1.1 200"
            if change == "shorter":
                os.truncate(large, LARGE // 2)
            else:
                with large.open("r+b") as file:
                    file.write(b"another")
                os.utime(large, (1, 1))
            received = 0
            while piece := client.recv(1 << 20):
                received += len(piece)
        assert received < LARGE
        assert server.downloads == 0


def test_requests_are_logged(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=file_answers.__name__)
    ask("/spark.tgz", Range="bytes=0-4")
    assert re.match(r"127\.0\.0\.1 GET /spark\.tgz: 206, 5 bytes in \d+\.\d s$", wait_for_log(caplog, "tgz"))
    ask("/%1b[31m")
    assert r"/\x1b[31m: 404" in wait_for_log(caplog, r"31m")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PermissionError(13, "no"), 403),
        (OSError(24, "Too many open files"), 503),
        (OSError(5, "Input/output error"), 500),
        (OSError(40, "Too many levels"), 404),
    ],
)
def test_what_cannot_be_opened(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, error: OSError, status: int
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr("sparkmesos_core.dist.serving.served_files._regular", fail)
    assert ask("/spark.tgz")[0].status == status


def test_a_disk_that_fails_under_way(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Callable[[int, int, int], bytes] = os.pread

    def fail(descriptor: int, count: int, offset: int) -> bytes:
        if offset > LARGE // 2:
            raise OSError(5, "Input/output error")
        return read(descriptor, count, offset)

    monkeypatch.setattr(os, "pread", fail)
    with served(large) as server:
        with pytest.raises(http.client.IncompleteRead):
            Ask(server)("/large.tgz")
        assert server.downloads == 0
