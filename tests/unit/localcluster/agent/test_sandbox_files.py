"""What the recordings of `/files` do not show: sandboxes can hold more than files and folders."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.agent.sandbox_files import browse, download, read
from sparkmesos_core.localcluster.served_files import FilesRefused


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    folder = tmp_path / "frameworks" / "F" / "executors" / "t" / "runs" / "r"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("kind", ["fifo", "socket", "link"])
def test_only_regular_files_are_read(kind: str, sandbox: Path, tmp_path: Path) -> None:
    path = sandbox / "odd"
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            folder = os.open(sandbox, os.O_RDONLY)
            server.bind(f"/proc/self/fd/{folder}/odd")
            os.close(folder)
    else:
        os.mkfifo(sandbox / "pipe" if kind == "link" else path)
        if kind == "link":
            path.symlink_to("pipe")
    for ask in (
        lambda: read(tmp_path, str(path), "0", "10"),
        lambda: download(tmp_path, str(path)),
    ):
        with pytest.raises(FilesRefused, match="not a regular file") as refused:
            ask()
        assert refused.value.status == 400
    assert "odd" in {Path(str(entry["path"])).name for entry in browse(tmp_path, str(sandbox))}


def test_a_link_to_a_regular_file_is_read(sandbox: Path, tmp_path: Path) -> None:
    (sandbox / "file").write_text("text")
    (sandbox / "link").symlink_to("file")
    assert read(tmp_path, str(sandbox / "link"), "1", "2") == b'{"data":"ex","offset":1}'
    assert b"".join(download(tmp_path, str(sandbox / "link"))[2]) == b"text"


@pytest.mark.parametrize("name", ["offset", "length"])
@pytest.mark.parametrize("number", [str(1 << 63), str(-(1 << 63) - 1), "9" * 5000, "1.5", "x"])
def test_numbers_that_are_none_to_mesos(name: str, number: str, sandbox: Path, tmp_path: Path) -> None:
    (sandbox / "log").write_text("text")
    given = {"offset": "0", "length": None, name: number}
    with pytest.raises(FilesRefused) as refused:
        read(tmp_path, str(sandbox / "log"), given["offset"], given["length"])
    assert refused.value.status == 400
    assert refused.value.text == f"Failed to parse {name}: Failed to convert '{number}' to number.\n"
