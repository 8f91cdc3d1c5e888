from __future__ import annotations

import gzip
import io
import lzma
import os
import stat
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.agent.fetcher import FetchCancelled, FetchError
from tests.fetching import fetch, files, make_sandbox, make_tar


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    return make_sandbox(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


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
    log = fetch(sandbox, make_tar(source / f"a{suffix}", mode))
    assert files(sandbox) == {f"a{suffix}", "top/bin/run"}
    assert os.access(sandbox / "top/bin/run", os.X_OK)
    assert "xtract" not in log.split("Fetching URI")[1], "of which Mesos says nothing"


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
    log = fetch(sandbox, source / "data.txt.gz")
    assert (sandbox / "data.txt").read_bytes() == b"text"
    assert f"Extracted '{sandbox}/data.txt.gz' into '{sandbox}'" in log


def test_not_unpacked_when_told_so_or_executable(source: Path, sandbox: Path) -> None:
    archive = make_tar(source / "a.tgz")
    fetch(
        sandbox,
        {"value": f"file://{archive}", "extract": False},
        {"value": str(archive), "executable": True, "output_file": "tools/run.tgz"},
    )
    assert files(sandbox) == {"a.tgz", "tools/run.tgz"}
    assert (sandbox / "tools/run.tgz").stat().st_mode & 0o777 == 0o755
    assert not os.access(sandbox / "a.tgz", os.X_OK)


def test_broken_archives_fail(source: Path, sandbox: Path) -> None:
    for name in ("a.tgz", "a.zip", "a.gz", "a.tar.xz"):
        (source / name).write_bytes(b"no archive")
        with pytest.raises(FetchError, match=f"Failed to extract archive '.*/{name}' to '"):
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


@pytest.mark.parametrize("name", ["a.tgz", "a.zip", "a.gz"])
def test_unpacking_can_be_given_up(name: str, source: Path, sandbox: Path) -> None:
    from sparkmesos_core.localcluster.agent.fetcher.unpack import unpack

    cancelled = threading.Event()
    cancelled.set()
    archive = source / name
    if name == "a.tgz":
        make_tar(archive)
    elif name == "a.zip":
        with zipfile.ZipFile(archive, "w") as bundle:
            bundle.writestr("x", "x")
    else:
        archive.write_bytes(gzip.compress(b"x"))
    with pytest.raises(FetchCancelled):
        unpack(archive, sandbox, cancelled)
