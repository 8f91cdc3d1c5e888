"""`sparkmesos serve-dist` as a process, and the clients that agents are."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from tests.fetching import fetch, make_sandbox
from tests.integration.commands import Commands

NAME = "spark-3.5.9-bin-hadoop3.tgz"
MB = 1_000_000


@pytest.fixture
def dist(commands: Commands) -> Path:
    """A folder with what is as long as an archive of Spark, but quickly made."""
    folder = commands.folder / "dist"
    folder.mkdir()
    (folder / NAME).write_bytes(os.urandom(30 * MB))
    return folder


@pytest.fixture
def serve(commands: Commands) -> Callable[..., tuple[subprocess.Popen[str], str]]:
    def start(*arguments: str, before: tuple[str, ...] = ()) -> tuple[subprocess.Popen[str], str]:
        process = commands.start(*before, "serve-dist", "--port", "0", *arguments)
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, process.communicate()
        return process, url

    return start


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return out, err


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_folder_until_a_signal(serve, dist: Path, number: int) -> None:
    process, url = serve(str(dist))
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
    assert requests.get(url + NAME, timeout=20).content == (dist / NAME).read_bytes()
    out, err = end(process, number)
    assert out == ""  # the URL was all
    assert re.search(rf"spark\.executor\.uri +{re.escape(url + NAME)}\n", err)
    assert f"export SPARK_EXECUTOR_URI={url}{NAME}\n" in err
    assert "to this machine alone" in err
    assert "GET" not in err
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=20)


def test_in_a_script_it_is_left_alone_by_ctrl_c(serve, dist: Path) -> None:
    """There shells start `… &` with SIGINT ignored; SIGTERM ends it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which children inherit
    try:
        process, url = serve(str(dist))
    finally:
        signal.signal(signal.SIGINT, before)
    process.send_signal(signal.SIGINT)
    assert requests.head(url + NAME, timeout=20).status_code == 200
    _, err = end(process)
    assert f"SIGTERM ends it: kill {process.pid}\n" in err


def test_an_archive_as_json_and_the_log(serve, dist: Path, commands: Commands) -> None:
    process = commands.start("-v", "serve-dist", "--port", "0", "--output", "json", str(dist / NAME))
    assert process.stdout is not None
    text = ""
    while not text.endswith("}\n") or text.count("{") != text.count("}"):
        text += process.stdout.readline()
    content = json.loads(text)
    assert content["version"] == 1
    server = content["server"]
    assert server["url"] == f"http://127.0.0.1:{server['port']}/{NAME}"
    assert (server["host"], server["uris"]) == ("127.0.0.1", [server["url"]])
    assert requests.head(server["url"], timeout=20).headers["Content-Length"] == str(30 * MB)
    assert requests.get(server["url"] + ".sha256", timeout=20).status_code == 404
    _, err = end(process)
    assert f"127.0.0.1 HEAD /{NAME}: 200, 0 bytes" in err
    assert f"GET /{NAME}.sha256: 404" in err


def test_fifty_agents_at_once_in_little_memory(serve, dist: Path) -> None:
    process, url = serve(str(dist))
    wanted = digest(dist / NAME)
    server = psutil.Process(process.pid)
    requests.get(url, timeout=20)
    before = server.memory_info().rss
    slow = [socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=20) for _ in range(10)]
    for connection in slow:  # they begin to read, and then do not
        connection.sendall(f"GET /{NAME} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"

    def fetch(_: int) -> tuple[str, int]:
        content = hashlib.sha256()
        with requests.get(url + NAME, stream=True, timeout=60) as answer:
            for piece in answer.iter_content(1 << 20):
                content.update(piece)
        return content.hexdigest(), server.memory_info().rss

    with ThreadPoolExecutor(50) as pool:
        fetched = list(pool.map(fetch, range(50)))
    assert {digest for digest, _ in fetched} == {wanted}
    # 60 downloads of 30 MB: 1.8 GB if they were held. Each has two pieces of 256 KiB at most, copies included a
    # few more for a moment.
    assert max(used for _, used in fetched) - before < 120 * MB
    for connection in slow:
        connection.close()
    end(process)


def test_clients_that_are_killed_leave_nothing(serve, dist: Path) -> None:
    process, url = serve(str(dist))
    server = psutil.Process(process.pid)
    requests.get(url, timeout=20)
    before = server.num_fds()
    for _ in range(20):
        client = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=20)
        client.request("GET", f"/{NAME}")
        assert client.getresponse().read(1000)
        client.close()
    assert requests.get(url + NAME, timeout=20, headers={"Connection": "close"}).content[-1:]
    _wait_until(lambda: server.num_fds() <= before)
    end(process)


def _wait_until(holds: Callable[[], bool]) -> None:
    """Another process comes to it by itself; there is no event to be had of it."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_curl_takes_up_a_download(serve, dist: Path, tmp_path: Path) -> None:
    process, url = serve(str(dist / NAME))
    part = tmp_path / "part"
    part.write_bytes((dist / NAME).read_bytes()[: 10 * MB])
    run = subprocess.run(
        ["curl", "-sS", "--fail", "-C", "-", "-o", str(part), "-w", "%{http_code} %{size_download}", url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.stdout == f"206 {20 * MB}", run.stderr
    assert digest(part) == digest(dist / NAME)
    end(process)


def test_the_fetcher_of_an_agent(serve, dist: Path, tmp_path: Path) -> None:
    process, url = serve(str(dist / NAME))
    sandbox = make_sandbox(tmp_path)
    fetch(sandbox, {"value": url, "extract": False})
    assert digest(sandbox / NAME) == digest(dist / NAME)
    end(process)


@pytest.fixture
def idle(serve, dist: Path) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    process, url = serve(str(dist))
    with socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=20) as connection:
        yield process, connection


@pytest.mark.parametrize(
    "request_", [b"", b"GET /spark", f"GET /{NAME} HTTP/1.1\r\nHost: x\r\n\r\n".encode()]
)
def test_it_ends_at_once_whatever_clients_do(idle, request_: bytes) -> None:
    process, connection = idle
    connection.sendall(request_)
    if request_.endswith(b"\r\n\r\n"):
        connection.recv(1)
    end(process)


def test_to_others_with_a_warning(serve, dist: Path) -> None:
    process, url = serve("--host", "0.0.0.0", str(dist))
    host = urlsplit(url).hostname
    assert host not in ("0.0.0.0", "127.0.0.1")
    assert requests.get(url + NAME, timeout=20).status_code == 200
    _, err = end(process)
    assert f"warning: everybody who can reach {urlsplit(url).netloc} may read" in err


def test_a_second_one_at_the_same_port(serve, dist: Path, commands: Commands) -> None:
    process, url = serve(str(dist))
    port = str(urlsplit(url).port)
    second = commands.run("serve-dist", "--port", port, str(dist))
    assert (second.returncode, second.stdout) == (1, "")
    assert f"Port {port} of 127.0.0.1 is in use" in second.stderr
    end(process)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["none"], "none cannot be served: No such file or directory"),
        (["--host", "192.0.2.1", "dist"], "192.0.2.1 is no address of this machine"),
        (["--port", "99999", "dist"], "--port"),
        ([], "DIR|TARBALL"),
    ],
)
def test_mistakes(commands: Commands, dist: Path, arguments: list[str], problem: str) -> None:
    run = commands.run("serve-dist", *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert problem in run.stderr
    assert "Traceback" not in run.stderr


def test_several_archives(serve, dist: Path) -> None:
    for number in range(6):
        (dist / f"a{number}.tgz").touch()
    (dist / "notes.txt").touch()
    process, url = serve(str(dist))
    _, err = end(process)
    assert [line.strip() for line in err.splitlines()[1:7]] == [
        *(f"{url}a{number}.tgz" for number in range(5)),
        "… and 2 more",
    ]


def test_a_name_that_agents_do_not_unpack(serve, dist: Path) -> None:
    (dist / "spark").touch()
    process, _ = serve(str(dist / "spark"))
    _, err = end(process)
    assert "warning: the Mesos fetcher does not unpack 'spark'" in err


def test_stdout_that_is_closed(commands: Commands, dist: Path) -> None:
    script = '"$0" serve-dist --port 0 dist >&-'
    run = subprocess.run(
        ["bash", "-c", script, str(Path(sys.executable).parent / "sparkmesos")],
        env=commands.environment,
        cwd=commands.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "cannot be written to stdout" in run.stderr
