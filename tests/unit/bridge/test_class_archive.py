"""Which archive of classes belongs to a bridge, Spark's jars and a Java, and when there is none."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sparkmesos_core.bridge.class_archive import (
    ArchiveRecord,
    ClassArchive,
    archive_in,
    jars_in_order,
    manifest_with_class_path,
    named_archive,
    read_record,
    record_text,
    top_names,
)
from sparkmesos_core.errors import UsageError


class Stage:
    """A bridge, jars and a Java, as far as the key looks at them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cache"
        self.bridge = self.folder / "bridge-1.jar"
        self.jars_dir = folder / "spark" / "jars"
        self.java = folder / "java"
        for path in (self.folder, self.jars_dir, self.java / "lib" / "server"):
            path.mkdir(parents=True)
        for path in (
            self.bridge,
            self.jars_dir / "spark-core_2.13-4.3.0.jar",
            self.jars_dir / "slf4j-api-2.0.jar",
            self.java / "release",
            self.java / "lib" / "modules",
            self.java / "lib" / "server" / "classes.jsa",
        ):
            path.write_text("x")

    def archive(self) -> ClassArchive:
        found = archive_in(self.folder, self.bridge, jars_in_order(self.jars_dir), self.java)
        assert found is not None
        return found


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


class TestKey:
    def test_it_stays_while_nothing_changes(self, stage: Stage) -> None:
        assert stage.archive() == stage.archive()
        assert stage.archive().base.parent == stage.folder

    @pytest.mark.parametrize(
        "change",
        [
            lambda stage: stage.bridge.write_text("longer"),
            lambda stage: (stage.java / "lib" / "modules").write_text("another Java"),
            lambda stage: (stage.java / "release").write_text("another Java"),
            lambda stage: (stage.java / "lib" / "server" / "classes.jsa").write_text("made again"),
            lambda stage: (stage.jars_dir / "new.jar").write_text("x"),
            lambda stage: (stage.jars_dir / "slf4j-api-2.0.jar").unlink(),
            lambda stage: os.utime(stage.jars_dir / "slf4j-api-2.0.jar", (1, 1)),
            lambda stage: stage.jars_dir.parent.rename(stage.jars_dir.parent.with_name("moved")),
        ],
    )
    def test_it_changes_with_everything_that_java_looks_at(
        self, stage: Stage, change: Callable[[Stage], object]
    ) -> None:
        before = stage.archive()
        change(stage)
        if not stage.jars_dir.is_dir():
            stage.jars_dir = stage.jars_dir.parent.with_name("moved") / "jars"
        assert stage.archive() != before

    def test_a_link_is_what_it_leads_to(self, stage: Stage) -> None:
        before = stage.archive()
        link = stage.java.with_name("current")
        link.symlink_to(stage.java)
        stage.java = link
        assert stage.archive() == before

    def test_none_for_a_java_that_was_cut_down(self, stage: Stage) -> None:
        (stage.java / "lib" / "server" / "classes.jsa").unlink()
        assert archive_in(stage.folder, stage.bridge, jars_in_order(stage.jars_dir), stage.java) is None

    @pytest.mark.parametrize("name", ["a blank", "per%cent", "ä"])
    def test_none_where_java_and_hotspot_would_read_a_path_differently(
        self, tmp_path: Path, name: str
    ) -> None:
        stage = Stage(tmp_path / name)
        assert archive_in(stage.folder, stage.bridge, jars_in_order(stage.jars_dir), stage.java) is None


def test_jars_are_in_the_order_of_the_class_path(tmp_path: Path) -> None:
    for name in ("b.jar", "slf4j-api-2.0.17.jar", "a.jar", "c.txt"):
        (tmp_path / name).touch()
    with os.scandir(tmp_path) as entries:
        others = [entry.name for entry in entries if entry.name in ("a.jar", "b.jar")]
    assert [jar.name for jar in jars_in_order(tmp_path)] == ["slf4j-api-2.0.17.jar", *others]
    assert jars_in_order(tmp_path / "missing") == []


class TestRecord:
    WHOLE = ArchiveRecord("/spark/jars", "/java", bytes=3, names=frozenset({"org", "a.xml"}))

    @pytest.fixture
    def archive(self, tmp_path: Path) -> ClassArchive:
        made = ClassArchive(tmp_path / "classes-1")
        made.classes.write_bytes(b"abc")
        made.class_path.touch()
        made.record.write_text(record_text(self.WHOLE))
        return made

    def test_what_is_written_is_read(self, archive: ClassArchive) -> None:
        assert read_record(archive) == self.WHOLE

    @pytest.mark.parametrize("end", ["classes", "class_path", "record"])
    def test_without_one_of_its_files_it_is_none(self, archive: ClassArchive, end: str) -> None:
        getattr(archive, end).unlink()
        assert read_record(archive) is None

    def test_a_cut_off_one_is_none(self, archive: ClassArchive) -> None:
        archive.classes.write_bytes(b"ab")  # a JVM would crash on it
        assert read_record(archive) is None

    @pytest.mark.parametrize("text", ["", "[]", "{}", '"x"', '{"jars": 1, "java": 2, "bytes": "many"}'])
    def test_what_is_no_record_is_none(self, archive: ClassArchive, text: str) -> None:
        archive.record.write_text(text)
        assert read_record(archive) is None

    def test_a_failure_is_remembered_without_files(self, archive: ClassArchive) -> None:
        failed = ArchiveRecord("/spark/jars", "/java", failure="no Python")
        archive.record.write_text(record_text(failed))
        archive.classes.unlink()
        assert read_record(archive) == failed
        assert json.loads(archive.record.read_text())["failure"] == "no Python"


def test_the_manifest_has_short_lines_and_relative_paths(tmp_path: Path) -> None:
    paths = [tmp_path / "spark" / "jars" / f"{number:030}.jar" for number in range(9)]
    text = manifest_with_class_path(paths, tmp_path / "cache")
    assert all(len(line) <= 72 for line in text.split(b"\r\n"))
    jar = tmp_path / "x.jar"
    with zipfile.ZipFile(jar, "w") as opened:
        opened.writestr("META-INF/MANIFEST.MF", text)
    whole = text.replace(b"\r\n ", b"").decode()
    assert whole.split("Class-Path: ")[1].split() == [f"../spark/jars/{path.name}" for path in paths]


def test_names_at_the_top_of_jars(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.jar", "w") as opened:
        for name in ("META-INF/MANIFEST.MF", "core-default.xml", "org/apache/A.class"):
            opened.writestr(name, "")
    assert top_names([tmp_path / "a.jar"]) == {"META-INF", "core-default.xml", "org"}


def test_options_name_the_archive_and_keep_stdout_clean() -> None:
    assert ClassArchive(Path("/c/classes-1")).java_options == (
        "-XX:SharedArchiveFile=/c/classes-1.jsa",
        "-Xshare:auto",
        "-Xlog:cds*=off",
    )


def test_an_archive_by_its_name(tmp_path: Path) -> None:
    folder = Path(os.path.realpath(tmp_path))
    assert named_archive(tmp_path / "spark-4.3.0.jsa") == ClassArchive(folder / "spark-4.3.0")
    for wrong in ("spark.jar", "with blank.jsa"):
        with pytest.raises(UsageError, match="no name for an archive"):
            named_archive(tmp_path / wrong)
