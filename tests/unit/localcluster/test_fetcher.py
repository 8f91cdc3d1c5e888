from __future__ import annotations

import gzip
import io
import lzma
import os
import socket
import stat
import tarfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.fetcher import FetchCancelled, FetchError, fetch_all, file_name
from tests.http_stub import Answer, http_stub


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "sandbox"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def fetch(sandbox: Path, *uris: Any) -> str:
    fetch_all(
        [uri if isinstance(uri, dict) else {"value": str(uri)} for uri in uris], sandbox, threading.Event()
    )
    return (sandbox / "stderr").read_text()


def files(sandbox: Path) -> set[str]:
    return {str(p.relative_to(sandbox)) for p in sandbox.rglob("*") if p.is_file()} - {"stderr"}


def make_tar(path: Path, mode: Any, content: bytes = b"#!/bin/sh\n") -> Path:
    with tarfile.open(path, mode) as archive:
        info = tarfile.TarInfo("top/bin/run")
        info.size, info.mode = len(content), 0o755
        archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        (".tar", "w"),
        (".tar.gz", "w:gz"),
        (".tgz", "w:gz"),
        (".tar.bz2", "w:bz2"),
        (".tbz2", "w:bz2"),
        (".tar.xz", "w:xz"),
        (".txz", "w:xz"),
    ],
)
def test_archives_are_unpacked_beside_themselves(suffix: str, mode: str, source: Path, sandbox: Path) -> None:
    fetch(sandbox, make_tar(source / f"a{suffix}", mode))
    assert files(sandbox) == {f"a{suffix}", "top/bin/run"}
    assert os.access(sandbox / "top/bin/run", os.X_OK)


def test_zip_keeps_modes(source: Path, sandbox: Path) -> None:
    with zipfile.ZipFile(source / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("bin/run")
        info.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(info, "x")
    fetch(sandbox, source / "a.zip")
    assert files(sandbox) == {"a.zip", "bin/run"}
    assert os.access(sandbox / "bin/run", os.X_OK)


def test_gz_alone(source: Path, sandbox: Path) -> None:
    (source / "data.txt.gz").write_bytes(gzip.compress(b"text"))
    fetch(sandbox, source / "data.txt.gz")
    assert (sandbox / "data.txt").read_bytes() == b"text"


def test_not_unpacked_when_told_so_or_executable(source: Path, sandbox: Path) -> None:
    archive = make_tar(source / "a.tgz", "w:gz")
    fetch(
        sandbox,
        {"value": f"file://{archive}", "extract": False},
        {"value": str(archive), "executable": True, "output_file": "tools/run.tgz"},
    )
    assert files(sandbox) == {"a.tgz", "tools/run.tgz"}
    assert os.access(sandbox / "tools/run.tgz", os.X_OK)
    assert not os.access(sandbox / "a.tgz", os.X_OK)


def test_a_cached_archive_is_not_in_the_sandbox(source: Path, sandbox: Path) -> None:
    fetch(sandbox, {"value": str(make_tar(source / "a.tgz", "w:gz")), "cache": True})
    assert files(sandbox) == {"top/bin/run"}
    assert list(sandbox.parent.iterdir()) == [sandbox], "nor is anything left beside it"


def test_http_as_it_is_sent(sandbox: Path, source: Path) -> None:
    body = make_tar(source / "a.tgz", "w:gz").read_bytes()
    # A server may call the archive itself an encoding: the file has to stay what its name says.
    headers = {"Content-Type": "application/x-tar", "Content-Encoding": "gzip"}
    with http_stub({"/a.tgz": Answer(200, body, headers)}) as stub:
        fetch(sandbox, f"http://{stub.address}/a.tgz")
    assert (sandbox / "a.tgz").read_bytes() == body
    assert "top/bin/run" in files(sandbox)


def test_http_errors_are_told(sandbox: Path) -> None:
    with http_stub({}) as stub, pytest.raises(FetchError, match="HTTP return code 404"):
        fetch(sandbox, f"http://{stub.address}/nope.tgz")
    assert "EXIT with status 1: Failed to fetch" in (sandbox / "stderr").read_text()


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("hdfs://nn/a.tgz", "not 'hdfs'"),
        ("a.tgz", "relative path"),
        ("file:/etc/hosts", "relative path"),
        ("file://other/etc/hosts", "another host"),
        ("/nope/a.tgz", "No such file"),
        ("http://127.0.0.1:9/a", "Error downloading resource"),
        ("http://127.0.0.1", "names no file"),
        ("/etc/", "names no file"),
        ("/etc/..", "names no file"),
        ("/etc", "is a directory"),
        ("", "no value"),
        ({"value": "/etc/hosts", "output_file": "../x"}, "not within the sandbox"),
        ({"value": "/etc/hosts", "output_file": "/tmp/x"}, "not within the sandbox"),
        ({}, "no value"),
    ],
)
def test_why_it_failed(uri: Any, why: str, sandbox: Path) -> None:
    with pytest.raises(FetchError, match=why):
        fetch(sandbox, uri)
    assert why in (sandbox / "stderr").read_text()
    assert list(sandbox.parent.iterdir()) == [sandbox]


def test_broken_archives_fail(source: Path, sandbox: Path) -> None:
    for name in ("a.tgz", "a.zip", "a.gz", "a.tar.xz"):
        (source / name).write_bytes(b"no archive")
        with pytest.raises(FetchError):
            fetch(sandbox, source / name)


def tar_with(path: Path, info: tarfile.TarInfo, content: bytes = b"") -> Path:
    with tarfile.open(path, "w") as archive:
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return path


def test_no_archive_writes_outside_the_sandbox(source: Path, sandbox: Path) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    for number, info in enumerate((tarfile.TarInfo("../evil"), link)):
        with pytest.raises(FetchError):
            fetch(sandbox, tar_with(source / f"{number}.tar", info))
    with zipfile.ZipFile(source / "evil.zip", "w") as archive:
        archive.writestr("../evil", "x")
    with pytest.raises(FetchError, match="not within"):
        fetch(sandbox, source / "evil.zip")
    linked = zipfile.ZipInfo("link")
    linked.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(source / "link.zip", "w") as archive:
        archive.writestr(linked, "/etc")
    with pytest.raises(FetchError, match="symbolic link"):
        fetch(sandbox, source / "link.zip")
    assert list(sandbox.parent.iterdir()) == [sandbox]


def test_the_first_failure_ends_it(source: Path, sandbox: Path) -> None:
    (source / "b").write_text("b")
    with pytest.raises(FetchError):
        fetch(sandbox, "/nope", source / "b")
    assert files(sandbox) == set()


def test_a_fetch_can_be_given_up(source: Path, sandbox: Path) -> None:
    (source / "b").write_text("b")
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(FetchCancelled):
        fetch_all([{"value": str(source / "b")}], sandbox, cancelled)


def test_names_in_the_sandbox() -> None:
    assert file_name("http://host/dir/app.py?sig=1&x=2") == "app.py?sig=1&x=2"
    assert file_name("/a/b.jar") == "b.jar"


def damaged(content: bytes) -> bytes:
    """The same with some bytes in its middle flipped."""
    middle = len(content) // 2
    return content[:middle] + bytes(b ^ 0xFF for b in content[middle : middle + 8]) + content[middle + 8 :]


@pytest.mark.parametrize(("name", "mode"), [("a.tgz", "w:gz"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")])
def test_a_damaged_archive_is_not_taken_for_whole(name: str, mode: str, source: Path, sandbox: Path) -> None:
    # What cannot be compressed is stored as it is: only the checksum at the end tells.
    archive = make_tar(source / name, mode, os.urandom(200_000))
    archive.write_bytes(damaged(archive.read_bytes()))
    with pytest.raises(FetchError):
        fetch(sandbox, archive)
    assert "EXIT with status 1" in (sandbox / "stderr").read_text()


def test_every_decompressors_errors_are_failures(source: Path, sandbox: Path) -> None:
    text = b" ".join(str(i * 7919 % 10007).encode() for i in range(60_000))
    tar = make_tar(source / "whole.tar", "w", text).read_bytes()
    (source / "a.gz").write_bytes(damaged(gzip.compress(text)))  # zlib.error
    (source / "a.tar.xz").write_bytes(damaged(lzma.compress(tar)))  # lzma.LZMAError
    with zipfile.ZipFile(source / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", text)
    unknown = bytearray((source / "a.zip").read_bytes())
    unknown[8:10] = b"\x63\x00"
    entry = unknown.index(b"PK\x01\x02")
    unknown[entry + 10 : entry + 12] = b"\x63\x00"
    (source / "method.zip").write_bytes(unknown)  # NotImplementedError
    for name in ("a.gz", "a.tar.xz", "method.zip"):
        with pytest.raises(FetchError):
            fetch(sandbox, source / name)


@pytest.mark.parametrize("how", ["chunked", "length"])
def test_a_download_that_is_cut_short_fails(how: str, sandbox: Path) -> None:
    heads = {
        "chunked": b"Transfer-Encoding: chunked\r\n\r\n100\r\nshort",
        "length": b"Content-Length: 9\r\n\r\nx",
    }
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection = server.accept()[0]
            with connection:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + heads[how])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(FetchError):
                fetch(sandbox, f"http://127.0.0.1:{server.getsockname()[1]}/x.bin")
        finally:
            thread.join()
