"""What the page of a sandbox shows, and what it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sparkmesos_core.html_pages import html_page
from sparkmesos_core.localcluster.agent import sandbox_page
from sparkmesos_core.localcluster.agent.sandbox_page import page_content
from sparkmesos_core.localcluster.served_files import LONGEST_PIECE, FilesRefused

RUN = "/frameworks/F/executors/t/runs/r"


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    folder = tmp_path / RUN[1:]
    (folder / "spill" / "deep").mkdir(parents=True)
    (folder / "stdout").write_text("hello\n")
    return folder


def shown(root: Path, path: str | None) -> str:
    return bytes(
        html_page("sparkmesos_core.localcluster", "sandbox.html", page_content(root, path, "h:1")).body
    ).decode()


def test_a_folder(sandbox: Path, tmp_path: Path) -> None:
    (sandbox / "a b&c").write_text("x" * 1536)
    os.mkfifo(sandbox / "pipe")
    content = page_content(tmp_path, RUN, "h:1")
    rows = {entry["name"]: entry for entry in content["entries"]}
    assert list(rows) == ["a b&c", "pipe", "spill/", "stdout"]
    assert rows["spill/"]["url"] == f"/sandbox?path={RUN}/spill"
    assert rows["spill/"]["download"] == ""
    assert rows["a b&c"]["download"] == f"/files/download?path={RUN}/a%20b%26c"
    assert rows["a b&c"]["size"] == "1.5 KB"
    assert rows["pipe"]["url"] == rows["pipe"]["download"] == ""
    assert "a b&amp;c" in shown(tmp_path, RUN)


def test_the_way_back_ends_at_the_sandbox(sandbox: Path, tmp_path: Path) -> None:
    trail = page_content(tmp_path, f"{RUN}/spill/deep/", "h:1")["trail"]
    assert [(step["name"], step["url"]) for step in trail] == [
        (RUN, f"/sandbox?path={RUN}"),
        ("spill", f"/sandbox?path={RUN}/spill"),
        ("deep", ""),
    ]
    assert [step["url"] for step in page_content(tmp_path, RUN, "h:1")["trail"]] == [""]
    absolute = page_content(tmp_path, str(sandbox / "spill"), "h:1")["trail"]
    assert [step["name"] for step in absolute] == [str(sandbox), "spill"]


def test_the_end_of_a_file_as_text_and_never_as_markup(sandbox: Path, tmp_path: Path) -> None:
    (sandbox / "log").write_bytes(b"a" * LONGEST_PIECE + b"<script>\xff</script>")
    content = page_content(tmp_path, f"{RUN}/log", "h:1")
    assert content["cut"]
    assert len(content["text"]) == LONGEST_PIECE
    html = shown(tmp_path, f"{RUN}/log")
    assert "&lt;script&gt;\ufffd&lt;/script&gt;</pre>" in html
    assert "<script" not in html
    assert "Its last 64.0 KB follow" in html
    assert f'href="/files/download?path={RUN}/log"' in html
    assert "hello" in shown(tmp_path, f"{RUN}/stdout")


def test_names_that_are_no_text(sandbox: Path, tmp_path: Path) -> None:
    (sandbox / os.fsdecode(b"\xff<i>")).write_text("x")
    assert "\ufffd&lt;i&gt;</a>" in shown(tmp_path, RUN)


def test_more_files_than_a_page_can_hold(
    sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_page, "SHOWN_ENTRIES", 1)
    assert f'1 more not shown; all are in <a href="/files/browse?path={RUN}">' in shown(tmp_path, RUN)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (None, 400),
        ("", 400),
        ("/", 404),
        ("/etc/passwd", 404),
        ("/frameworks/F", 404),
        (f"{RUN}/../../../../../../../etc", 404),
        (f"{RUN}/out", 404),
        (f"{RUN}/nothing", 404),
        (f"{RUN}/pipe", 400),
        (RUN[1:], 404),
    ],
)
def test_what_is_refused_elsewhere_is_refused_here(
    path: str | None, status: int, sandbox: Path, tmp_path: Path
) -> None:
    (sandbox / "out").symlink_to("/etc")
    os.mkfifo(sandbox / "pipe")
    with pytest.raises(FilesRefused) as refused:
        page_content(tmp_path, path, "h:1")
    assert refused.value.status == status
    assert refused.value.text
