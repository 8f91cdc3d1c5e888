"""What making an archive removes, replaces and leaves."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sparkmesos_core.bridge import class_archive_making
from sparkmesos_core.bridge.class_archive import (
    ArchiveRecord,
    ClassArchive,
    is_class_path_jar,
    read_record,
    record_text,
)
from sparkmesos_core.bridge.class_archive_making import Ingredients, make_archive, write_archive
from sparkmesos_core.errors import BridgeError, UsageError
from sparkmesos_core.program_answer import Answer

DAY = 24 * 3600.0


class Trainer:
    """Stands in for Spark and Java; `during` is called while Java would watch Spark."""

    def __init__(self) -> None:
        self.during: Callable[[], None] = lambda: None
        self.answer = Answer(0, "", "")

    def __call__(self, command: list[str], **_: object) -> Answer:
        if "org.apache.spark.launcher.Main" in command:
            return Answer(0, "\0\n/java/bin/java\0-cp\0/conf:/jars/*\0Main\0app.py\0", "")
        self.during()
        if self.answer.status == 0:
            (told,) = (word for word in command if word.startswith("-XX:ArchiveClassesAtExit="))
            Path(told.partition("=")[2]).write_bytes(b"classes")
        return self.answer


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    made = Trainer()
    monkeypatch.setattr(class_archive_making, "ask_program", made)
    return made


@pytest.fixture
def of(tmp_path: Path) -> Ingredients:
    for name in ("spark/jars", "java", "cache"):
        (tmp_path / name).mkdir(parents=True)
    jar = tmp_path / "spark" / "jars" / "spark-core_2.13-4.3.0.jar"
    with zipfile.ZipFile(jar, "w") as opened:
        opened.writestr("org/apache/spark/executor/Executor.class", "")
    return Ingredients(tmp_path / "spark", [jar], None, tmp_path / "java", {})


@pytest.fixture
def archive(tmp_path: Path) -> ClassArchive:
    return ClassArchive(tmp_path / "cache" / "classes-new")


def files(archive: ClassArchive) -> set[Path]:
    return {
        path for path in (archive.classes, archive.class_path, archive.record, archive.lock) if path.exists()
    }


def made_before(
    beside: ClassArchive, name: str, of: Ingredients, used: float, failure: str = ""
) -> ClassArchive:
    """One that was used last `used` seconds ago."""
    archive = ClassArchive(beside.base.with_name(f"classes-{name}"))
    for path in (archive.classes, archive.class_path, archive.lock):
        path.touch()
    made_for = str(of.spark_home / "jars"), str(of.java_home)
    archive.record.write_text(record_text(ArchiveRecord(*made_for, failure=failure)))
    at = time.time() - used
    os.utime(archive.record, (at, at))
    return archive


class TestRemoving:
    def test_what_is_used_stays(self, archive: ClassArchive, of: Ingredients, trainer: Trainer) -> None:
        """Two versions of sparkmesos that are used in turn must not remove each other's for ever."""
        others = [made_before(archive, str(number), of, number * DAY) for number in range(3)]
        assert make_archive(archive, of, print)
        assert all(len(files(other)) == 4 for other in others)

    def test_what_nobody_has_used_for_two_weeks_goes(
        self, archive: ClassArchive, of: Ingredients, trainer: Trainer
    ) -> None:
        unused = made_before(archive, "a", of, 15 * DAY)
        assert make_archive(archive, of, print)
        assert files(unused) == set()

    @pytest.mark.parametrize("missing", ["spark_home", "java_home"])
    def test_that_of_a_spark_or_java_that_is_gone_goes(
        self, archive: ClassArchive, of: Ingredients, trainer: Trainer, missing: str, tmp_path: Path
    ) -> None:
        gone = Ingredients(**{**vars(of), missing: tmp_path / "gone"})
        other = made_before(archive, "a", gone, 0)
        assert make_archive(archive, of, print)
        assert files(other) == set()

    def test_failures_of_before_go(self, archive: ClassArchive, of: Ingredients, trainer: Trainer) -> None:
        failed = made_before(archive, "a", of, 0, failure="no memory")
        assert make_archive(archive, of, print)
        assert files(failed) == set()

    def test_what_is_no_record_stays(self, archive: ClassArchive, of: Ingredients, trainer: Trainer) -> None:
        strange = archive.base.with_name("classes-e.json")
        strange.write_text("no record")
        assert make_archive(archive, of, print)
        assert strange.exists()

    def test_who_was_killed_leaves_no_folder_for_long(
        self, archive: ClassArchive, of: Ingredients, trainer: Trainer
    ) -> None:
        abandoned, worked_on = (archive.base.with_name(name) for name in (".classes-1", ".classes-2"))
        for folder in (abandoned, worked_on):
            folder.mkdir()
        os.utime(abandoned, (0, 0))
        assert make_archive(archive, of, print)
        assert (abandoned.exists(), worked_on.exists()) == (False, True)


class TestFailing:
    def test_what_java_says_is_told(self, archive: ClassArchive, of: Ingredients, trainer: Trainer) -> None:
        """Spark's own lines on stderr say nothing of the archive."""
        why = "[0.01s][warning][cds] ArchiveClassesAtExit is unsupported"
        trainer.answer = Answer(1, f"{why}\nsum 45\n", "INFO SparkContext: Running Spark")
        with pytest.raises(BridgeError) as caught:
            make_archive(archive, of, print)
        assert why in caught.value.message
        assert "INFO" not in caught.value.message
        assert files(archive) == {archive.record, archive.lock}

    def test_ctrl_c_leaves_nothing(self, archive: ClassArchive, of: Ingredients, trainer: Trainer) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        trainer.during = interrupt
        with pytest.raises(KeyboardInterrupt):
            make_archive(archive, of, print)
        assert list(archive.base.parent.iterdir()) == [archive.lock]

    def test_a_broken_jar(self, archive: ClassArchive, of: Ingredients, trainer: Trainer) -> None:
        of.jars[0].write_text("no jar")
        with pytest.raises(BridgeError, match="cannot be read"):
            make_archive(archive, of, print)


class TestNamed:
    def test_it_is_two_files(self, archive: ClassArchive, of: Ingredients, trainer: Trainer) -> None:
        record = archive.record
        record.write_text("the user's")
        write_archive(archive, of)
        assert files(archive) == {archive.classes, archive.class_path, record}
        assert record.read_text() == "the user's"
        assert is_class_path_jar(archive.class_path)
        write_archive(archive, of)

    def test_a_jar_of_the_users_stays(self, archive: ClassArchive, of: Ingredients, trainer: Trainer) -> None:
        archive.class_path.write_bytes(of.jars[0].read_bytes())
        with pytest.raises(UsageError, match="belongs to no archive"):
            write_archive(archive, of)
        assert archive.class_path.read_bytes() == of.jars[0].read_bytes()

    def test_one_that_was_there_stays_if_a_new_one_cannot_be_made(
        self, archive: ClassArchive, of: Ingredients, trainer: Trainer
    ) -> None:
        write_archive(archive, of)
        before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(files(archive))]
        trainer.answer = Answer(1, "", "no memory")
        with pytest.raises(BridgeError, match="no memory"):
            write_archive(archive, of)
        assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(files(archive))] == before
        assert read_record(archive) is None
