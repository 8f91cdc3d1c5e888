from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil
import pytest

from sparkmesos_core.dist.serving.served_files import ServedFiles, served_files
from sparkmesos_core.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("secret")
    root = tmp_path / "dist"
    (root / "3.5" / ".git").mkdir(parents=True)
    (root / "spark.tgz").write_text("spark")
    (root / "3.5" / "spark.tgz").write_text("inner")
    (root / "3.5" / ".git" / "config").write_text("secret")
    (root / ".spark.tgz.x.part").write_text("secret")
    (root / "latest.tgz").symlink_to("3.5/spark.tgz")
    (root / "newest").symlink_to(root / "3.5")
    (root / "secret").symlink_to(tmp_path / "secret")
    (root / "elsewhere").symlink_to(tmp_path / "outside")
    (root / "hidden").symlink_to(".spark.tgz.x.part")
    (root / "loop").symlink_to("loop")
    (root / "nowhere").symlink_to("none")
    os.mkfifo(root / "fifo")
    return root


def content(files: ServedFiles, *names: str) -> str:
    found = files.find(names)
    assert isinstance(found, int)
    with os.fdopen(found) as file:
        return file.read()


def names(files: ServedFiles, *path: str) -> list[str]:
    found = files.find(path)
    assert not isinstance(found, int)
    return [line.name + "/" * line.is_folder for line in found]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("spark.tgz", "spark"),
        ("3.5/spark.tgz", "inner"),
        ("latest.tgz", "inner"),
        ("newest/spark.tgz", "inner"),
    ],
)
def test_files_below_the_folder(folder: Path, path: str, text: str) -> None:
    assert content(served_files(folder), *path.split("/")) == text


@pytest.mark.parametrize(
    "path",
    [
        ("none",),
        ("spark.tgz", "more"),
        ("..", "secret"),
        ("3.5", "..", "..", "secret"),
        ("../secret",),
        ("/etc/passwd",),
        ("secret",),
        ("elsewhere",),
        ("elsewhere", "file"),
        (".spark.tgz.x.part",),
        ("hidden",),
        ("3.5", ".git"),
        ("3.5", ".git", "config"),
        ("loop",),
        ("nowhere",),
        ("fifo",),
        ("spark.tgz\0",),
        ("x" * 5000,),
        (".",),
        ("3.5/spark.tgz",),
    ],
)
def test_nothing_else(folder: Path, path: tuple[str, ...]) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
        served_files(folder).find(path)


def test_what_is_not_given_out_is_not_listed(folder: Path) -> None:
    files = served_files(folder)
    assert names(files) == ["3.5/", "newest/", "latest.tgz", "spark.tgz"]
    assert names(files, "3.5") == ["spark.tgz"]
    assert names(files, "newest") == ["spark.tgz"]


def test_the_lines_of_a_listing(folder: Path) -> None:
    os.utime(folder / "spark.tgz", (1, 1234.5))
    *_, line = served_files(folder).find(())  # type: ignore[misc]
    assert (line.name, line.size, line.modified) == ("spark.tgz", 5, 1234.5)


def test_no_descriptor_is_left_open(folder: Path) -> None:
    files = served_files(folder)
    before = psutil.Process().num_fds()
    for path in [(), ("3.5",), ("none",), ("fifo",), ("spark.tgz", "x"), ("3.5", "none")]:
        with contextlib.suppress(OSError):
            assert not isinstance(files.find(path), int)
    assert psutil.Process().num_fds() == before


def test_a_folder_that_is_itself_a_link_or_hidden(folder: Path, tmp_path: Path) -> None:
    (tmp_path / ".hidden").symlink_to(folder)
    assert content(served_files(tmp_path / ".hidden"), "spark.tgz") == "spark"


def test_a_file_that_is_replaced_by_a_link_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = served_files(folder)
    real = os.path.realpath

    def and_then_replaced(*arguments: object, **options: object) -> str:
        found = real(*arguments, **options)  # type: ignore[call-overload]
        (folder / "spark.tgz").unlink()
        (folder / "spark.tgz").symlink_to("../secret")
        return str(found)

    monkeypatch.setattr(os.path, "realpath", and_then_replaced)
    with pytest.raises(OSError):  # noqa: PT011
        files.find(("spark.tgz",))


def test_an_archive_alone(folder: Path) -> None:
    files = served_files(folder / "spark.tgz")
    assert content(files, "spark.tgz") == "spark"
    assert names(files) == ["spark.tgz"]
    for path in [("latest.tgz",), ("spark.tgz.sha256",), ("3.5",), ("3.5", "spark.tgz"), ("..",)]:
        with pytest.raises(FileNotFoundError):
            files.find(path)


def test_an_archive_and_its_record(folder: Path) -> None:
    files = served_files(folder / "spark.tgz")
    (folder / "spark.tgz.sha256").write_text("0  spark.tgz")
    assert content(files, "spark.tgz.sha256") == "0  spark.tgz"
    assert names(files) == ["spark.tgz", "spark.tgz.sha256"]


def test_an_archive_behind_a_link_has_the_name_of_the_link(folder: Path, tmp_path: Path) -> None:
    (folder / "mine.tgz").symlink_to(tmp_path / "secret")
    assert content(served_files(folder / "mine.tgz"), "mine.tgz") == "secret"


def test_an_archive_that_is_replaced_is_served_anew(folder: Path) -> None:
    files = served_files(folder / "spark.tgz")
    (folder / "new").write_text("newer")
    (folder / "new").replace(folder / "spark.tgz")
    assert content(files, "spark.tgz") == "newer"
    (folder / "spark.tgz").unlink()
    with pytest.raises(FileNotFoundError):
        files.find(("spark.tgz",))


@pytest.mark.parametrize(
    ("name", "reason"), [("none", "No such file"), ("fifo", "neither a file nor a folder"), ("a\0b", "null")]
)
def test_nothing_to_serve(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        served_files(folder / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read(folder: Path) -> None:
    (folder / "spark.tgz").chmod(0)
    with pytest.raises(UsageError, match="Permission denied"):
        served_files(folder / "spark.tgz")
    with pytest.raises(PermissionError):
        served_files(folder).find(("spark.tgz",))
