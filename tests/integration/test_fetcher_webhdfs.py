"""Fetching from HDFS over WebHDFS, by our own client and by a real Hadoop client, from a real HDFS.

For faults, and for namenodes that answer as a test wants, there is a stand-in for a namenode and a datanode, which
know the two operations that reading a file needs.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from sparkmesos_core.localcluster.agent.fetcher import FetcherCache, FetchError
from tests.fetching import fetch, files, hide_hadoop, last_error, make_sandbox, make_tar
from tests.http_stub import Answer, HttpStub, http_stub
from tests.servers.hdfs import Hdfs


@contextmanager
def stand_in(folder: Path, cut: int = 0) -> Iterator[tuple[HttpStub, HttpStub]]:
    """A namenode and a datanode for the files in a folder, of which the last `cut` bytes do not come."""

    def datanode(path: str) -> Answer:
        body = (folder / name_of(path)).read_bytes()
        return Answer(200, body[: len(body) - cut], {"Content-Type": "application/octet-stream"})

    def namenode(path: str) -> Answer:
        asked = urlsplit(path)
        operation = parse_qs(asked.query)["op"][0].upper()
        file = folder / name_of(path)
        if not file.exists():
            return refusal(404, "FileNotFoundException", f"File does not exist: /{file.name}")
        if operation == "OPEN":
            return Answer(307, b"", {"Location": f"http://{data.address}{path}&namenoderpcaddress=nn:8020"})
        assert operation == "GETFILESTATUS"
        status = {
            **{"accessTime": 0, "blockSize": 134217728, "childrenNum": 0, "fileId": 16386, "group": "g"},
            **{"length": file.stat().st_size, "modificationTime": 0, "owner": "o", "pathSuffix": ""},
            **{"permission": "644", "replication": 1, "storagePolicy": 0},
            "type": "DIRECTORY" if file.is_dir() else "FILE",
        }
        return as_json(200, {"FileStatus": status})

    with http_stub(datanode) as data, http_stub(namenode) as name:
        yield name, data


def name_of(path: str) -> str:
    return unquote(urlsplit(path).path.removeprefix("/webhdfs/v1/"))


def as_json(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def refusal(status: int, exception: str, message: str) -> Answer:
    remote = {
        "exception": exception,
        "javaClassName": f"org.apache.hadoop.ipc.{exception}",
        "message": message,
    }
    return as_json(status, {"RemoteException": remote})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "hdfs"
    (folder / "dir").mkdir(parents=True)
    make_tar(folder / "dir" / "spark 1.tgz", content=os.urandom(300_000))
    return folder


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    hide_hadoop(monkeypatch)
    monkeypatch.setenv("HADOOP_USER_NAME", "alice")
    return make_sandbox(tmp_path)


def site(folder: Path, **properties: str) -> Path:
    folder.mkdir()
    entries = "".join(
        f"<property><name>{k}</name><value>{v}</value></property>" for k, v in properties.items()
    )
    (folder / "hdfs-site.xml").write_text(f"<configuration>{entries}</configuration>")
    return folder


@pytest.fixture(scope="module")
def stored(hdfs: Hdfs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An archive, of which HDFS has a copy, /fetcher/dir/spark.tgz."""
    archive = make_tar(tmp_path_factory.mktemp("stored") / "spark.tgz", content=os.urandom(300_000))
    hdfs.fs("-mkdir", "-p", "/fetcher/dir")
    hdfs.fs("-put", str(archive), "/fetcher/dir/spark.tgz")
    yield archive
    hdfs.fs("-rm", "-r", "-skipTrash", "/fetcher")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["hdfs, configured", "webhdfs", "no authority"])
def test_our_own_client(
    way: str, hdfs: Hdfs, stored: Path, sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/fetcher/dir/spark.tgz"
    uri = {
        "hdfs, configured": hdfs.uri(path),
        "webhdfs": hdfs.webhdfs_uri(path),
        "no authority": f"hdfs://{path}",
    }[way]
    if way != "webhdfs":
        monkeypatch.setenv("HADOOP_CONF_DIR", str(hdfs.conf_dir))
    log = fetch(sandbox, uri)
    assert (sandbox / "spark.tgz").read_bytes() == stored.read_bytes()
    assert files(sandbox) == {"spark.tgz", "top/bin/run"}
    assert f"Downloading resource with WebHDFS client from '{uri}' to '{sandbox}/spark.tgz'" in log


@pytest.mark.slow
def test_what_hdfs_refuses(hdfs: Hdfs, stored: Path, sandbox: Path) -> None:
    with pytest.raises(FetchError):
        fetch(sandbox, hdfs.webhdfs_uri("/fetcher/nope"))
    namenode = f"http://{hdfs.namenodes[0].http}"
    assert last_error(sandbox) == f"the namenode at {namenode} says: File does not exist: /fetcher/nope"
    with pytest.raises(FetchError):
        fetch(sandbox, hdfs.webhdfs_uri("/fetcher/dir"))
    assert last_error(sandbox) == "'/fetcher/dir' is a directory"
    hdfs.fs("-chmod", "600", "/fetcher/dir/spark.tgz")
    try:
        with pytest.raises(FetchError):
            fetch(sandbox, hdfs.webhdfs_uri("/fetcher/dir/spark.tgz"))
        assert "Permission denied: user=alice, access=READ" in last_error(sandbox)
    finally:
        hdfs.fs("-chmod", "644", "/fetcher/dir/spark.tgz")


def test_an_odd_name(source: Path, sandbox: Path) -> None:
    with stand_in(source) as (namenode, datanode):
        uri = f"hdfs://{namenode.address}/dir/spark 1.tgz"
        fetch(sandbox, uri)
    assert (sandbox / "spark 1.tgz").read_bytes() == (source / "dir" / "spark 1.tgz").read_bytes()
    assert files(sandbox) == {"spark 1.tgz", "top/bin/run"}
    assert all("user.name=alice" in path for _, path, _ in namenode.requests)
    assert len(datanode.requests) == 1


def test_through_the_cache(source: Path, sandbox: Path, tmp_path: Path) -> None:
    cache = FetcherCache(tmp_path / "cache")
    with stand_in(source) as (namenode, datanode):
        uri = {"value": f"hdfs://{namenode.address}/dir/spark 1.tgz", "cache": True}
        fetch(sandbox, uri, cache=cache)
        log = fetch(sandbox, uri, cache=cache)
        assert len(datanode.requests) == 1
    assert "RETRIEVE_FROM_CACHE" in log


def test_a_datanode_that_is_gone(sandbox: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        datanode = f"127.0.0.1:{bound.getsockname()[1]}"
        status = as_json(200, {"FileStatus": {"type": "FILE", "length": 3}})
        there = Answer(307, b"", {"Location": f"http://{datanode}/webhdfs/v1/a?op=OPEN"})
        with (
            http_stub(lambda path: status if "GETFILESTATUS" in path else there) as namenode,
            pytest.raises(FetchError),
        ):
            fetch(sandbox, f"webhdfs://{namenode.address}/a")
    assert last_error(sandbox) == f"the datanode at {datanode}: Couldn't connect to server"


def test_of_two_namenodes_the_active_one(
    source: Path, sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standby = refusal(403, "StandbyException", "Operation category READ is not supported in state standby")
    with stand_in(source) as (active, _), http_stub(lambda path: standby) as passive:
        conf = site(
            tmp_path / "conf",
            **{
                "dfs.nameservices": "prod",
                "dfs.ha.namenodes.prod": "nn1,nn2,nn3",
                "dfs.namenode.http-address.prod.nn1": "127.0.0.1:9",
                "dfs.namenode.http-address.prod.nn2": str(passive.address),
                "dfs.namenode.http-address.prod.nn3": str(active.address),
            },
        )
        monkeypatch.setenv("HADOOP_CONF_DIR", str(conf))
        fetch(sandbox, "hdfs://prod/dir/spark 1.tgz")
        assert len(passive.requests) == 1
        namenodes = f"http://{passive.address} (a standby)"
    assert "spark 1.tgz" in files(sandbox)
    with pytest.raises(FetchError):
        fetch(sandbox, {"value": "hdfs://prod/dir/spark 1.tgz", "output_file": "again"})
    assert (
        f"tried http://127.0.0.1:9 (Couldn't connect to server), {namenodes.split(' ')[0]} ("
        in last_error(sandbox)
    )


def test_an_rpc_port_is_not_taken_for_webhdfs(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What Hadoop's RPC server says to HTTP.
    said = Answer(404, b"It looks like you are making an HTTP request to a Hadoop IPC port.\r\n")
    with http_stub(lambda path: said) as rpc, pytest.raises(FetchError):
        fetch(sandbox, f"hdfs://{rpc.address}/a")
    for tried in (
        f"http://{rpc.address} (no WebHDFS: ",
        "http://127.0.0.1:9870 (",
        "http://127.0.0.1:50070 (",
    ):
        assert tried in last_error(sandbox)
    assert "HADOOP_CONF_DIR" in last_error(sandbox)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("hdfs://{}/nope", "the namenode at http://{} says: File does not exist: /nope"),
        ("hdfs://{}/dir", "'/dir' is a directory"),
        ("hdfs://u:hunter2@{}/dir", "WebHDFS takes no user name or password in a URI"),
        ("hdfs:///dir", "the URI names no namenode"),
    ],
    ids=["no file", "folder", "password", "no namenode"],
)
def test_why_it_failed(uri: str, why: str, source: Path, sandbox: Path) -> None:
    with stand_in(source) as (namenode, _), pytest.raises(FetchError):
        fetch(sandbox, uri.format(namenode.address))
    assert last_error(sandbox).startswith(why.format(namenode.address))
    assert "hunter2" not in (sandbox / "stderr").read_text()
    assert files(sandbox) == set()


def test_a_file_that_is_cut_short_fails(source: Path, sandbox: Path) -> None:
    with stand_in(source, cut=1000) as (namenode, _), pytest.raises(FetchError):
        fetch(sandbox, f"hdfs://{namenode.address}/dir/spark 1.tgz")
    assert "the download ended after " in last_error(sandbox)
    assert files(sandbox) == set()


def test_a_silent_namenode(sandbox: Path) -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0]:
                over.wait(60)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(FetchError):
                fetch(sandbox, f"webhdfs://127.0.0.1:{server.getsockname()[1]}/a", stall_seconds=0.3)
        finally:
            over.set()
            thread.join()
    assert "nothing came for 0.3 s" in last_error(sandbox)


@pytest.mark.slow
def test_a_real_hadoop_client(hdfs: Hdfs, stored: Path, sandbox: Path, tmp_path: Path) -> None:
    home = hdfs.write_hadoop_home(tmp_path / "hadoop")
    uri = hdfs.uri("/fetcher/dir/spark.tgz")
    log = fetch(sandbox, uri, hadoop_home=home)
    with pytest.raises(FetchError):
        fetch(sandbox, hdfs.webhdfs_uri("/fetcher/nope"), hadoop_home=home)
    assert (sandbox / "spark.tgz").read_bytes() == stored.read_bytes()
    assert files(sandbox) == {"spark.tgz", "top/bin/run"}
    assert f"Downloading resource with Hadoop client from '{uri}" in log
    assert (sandbox / "stdout").read_text().startswith("Hadoop 3.")
    assert last_error(sandbox).startswith(
        "HDFS copyToLocal failed: hadoop ended with status 256: copyToLocal: "
    )
    assert last_error(sandbox).endswith("/fetcher/nope': No such file or directory")
