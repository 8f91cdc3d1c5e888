"""What making an archive leaves of those that were there before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sparkmesos_core.bridge import class_archive_making
from sparkmesos_core.bridge.class_archive import ArchiveRecord, ClassArchive, record_text
from sparkmesos_core.bridge.class_archive_making import Ingredients, make_archive


def made(folder: Path, name: str, spark: Path, age: float) -> ClassArchive:
    """One that was made `age` seconds ago."""
    archive = ClassArchive(folder / f"classes-{name}")
    for path in (archive.classes, archive.class_path, archive.lock):
        path.touch()
    archive.record.write_text(record_text(ArchiveRecord(str(spark / "jars"), "/java")))
    at = archive.record.stat().st_mtime - age
    os.utime(archive.record, (at, at))
    return archive


def test_of_those_of_the_same_spark_the_newest_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two versions of sparkmesos that are used in turn must not remove each other's for ever."""
    monkeypatch.setattr(class_archive_making, "write_archive", lambda *_, **__: None)
    spark = tmp_path / "spark"
    oldest, older, old = (made(tmp_path, name, spark, age) for name, age in (("b", 30), ("c", 20), ("a", 10)))
    of_another = made(tmp_path, "d", tmp_path / "other", 40)
    (tmp_path / "classes-e.json").write_text("no record")
    announced: list[str] = []
    of = Ingredients(spark, [], None, Path("/java"), {})
    assert make_archive(ClassArchive(tmp_path / "classes-new"), of, announced.append)
    assert len(announced) == 1
    for gone in (oldest, older):
        assert not any(path.exists() for path in (gone.record, gone.classes, gone.class_path, gone.lock))
    for kept in (old, of_another):
        assert all(path.exists() for path in (kept.record, kept.classes, kept.class_path))
    assert (tmp_path / "classes-e.json").exists()


def test_who_was_killed_leaves_no_folder_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_archive_making, "write_archive", lambda *_, **__: None)
    abandoned, worked_on = tmp_path / ".classes-1", tmp_path / ".classes-2"
    for folder in (abandoned, worked_on):
        folder.mkdir()
    os.utime(abandoned, (0, 0))
    of = Ingredients(tmp_path, [], None, Path("/java"), {})
    assert make_archive(ClassArchive(tmp_path / "classes-new"), of, lambda _: None)
    assert (abandoned.exists(), worked_on.exists()) == (False, True)
