from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.file_replacement import Replacement, replace_files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def _umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_new_files_and_folders(tmp_path: Path) -> None:
    one, two = tmp_path / "a" / "b" / "one", tmp_path / "a" / "two"
    replace_files([Replacement(one, None, b"1", 0o666), Replacement(two, None, b"2", 0o777)])
    assert files(tmp_path) == {"a/b/one": b"1", "a/two": b"2"}
    assert (mode(one), mode(two)) == (0o644, 0o755)


def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.write_bytes(b"old")
    one.chmod(0o640)
    replace_files([Replacement(one, b"old", b"new", 0o600)])
    assert files(tmp_path) == {"one": b"new"}
    assert mode(one) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("new")
    replace_files(
        [
            Replacement(tmp_path / "link", b"old", b"new", 0o666),
            Replacement(tmp_path / "dangling", None, b"1", 0o666),
        ]
    )
    assert (tmp_path / "link").readlink() == Path("real")
    assert (tmp_path / "dangling").readlink() == Path("new")
    assert (tmp_path / "real").read_bytes() == b"new"
    assert (tmp_path / "new").read_bytes() == b"1"


@pytest.mark.parametrize("present", [b"other", None])
def test_a_file_that_changed_in_the_meantime(tmp_path: Path, present: bytes | None) -> None:
    one, two = tmp_path / "new" / "one", tmp_path / "two"
    if present is not None:
        two.write_bytes(present)
    before = files(tmp_path)
    with pytest.raises(SparkMesosError, match="two was changed by somebody else"):
        replace_files([Replacement(one, None, b"1", 0o666), Replacement(two, b"old", b"2", 0o666)])
    assert files(tmp_path) == before
    assert not one.parent.exists()


def test_a_file_that_appeared_in_the_meantime(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"other")
    with pytest.raises(SparkMesosError, match="one was changed by somebody else"):
        replace_files([Replacement(tmp_path / "one", None, b"1", 0o666)])
    assert files(tmp_path) == {"one": b"other"}


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_all_files_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    one, two = tmp_path / "one", tmp_path / "new" / "two"
    three = tmp_path / "three"
    one.write_bytes(b"old")
    real = Path.replace

    def fail_at_the_last(self: Path, target: Path) -> Path:
        if target.name == "three":
            raise failure
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fail_at_the_last)
    with pytest.raises(SparkMesosError if isinstance(failure, OSError) else KeyboardInterrupt):
        replace_files(
            [
                Replacement(one, b"old", b"new", 0o666),
                Replacement(two, None, b"2", 0o666),
                Replacement(three, None, b"3", 0o666),
            ]
        )
    assert files(tmp_path) == {"one": b"old"}
    assert not two.parent.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SparkMesosError, match=r"file/one cannot be written: Not a directory") as caught:
        replace_files([Replacement(tmp_path / "file" / "one", None, b"1", 0o666)])
    assert "Nothing was changed" in caught.value.hint


def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("one")
    with pytest.raises(SparkMesosError, match="one cannot be written"):
        replace_files([Replacement(tmp_path / "one", None, b"1", 0o666)])
