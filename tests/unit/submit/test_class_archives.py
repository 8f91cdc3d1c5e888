"""Which archive of classes a submission has, when one is made, and what happens if it cannot be."""

from __future__ import annotations

import fcntl
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.bridge import class_archive_making
from sparkmesos_core.bridge.class_archive import (
    ArchiveRecord,
    ClassArchive,
    archive_in,
    jars_in_order,
    record_text,
)
from sparkmesos_core.client_configuration import read_client_configuration
from sparkmesos_core.errors import BridgeError, UsageError
from sparkmesos_core.program_answer import Answer
from sparkmesos_core.settings import OwnMasters
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.submit import class_archives, client_mode
from sparkmesos_core.submit.class_archives import (
    made_archive,
    make_usable_archive,
    note_use,
    require_archives,
    usable_archive,
    written_archive,
)
from sparkmesos_core.submit.client_mode import Submission
from sparkmesos_core.submit.launch import Program
from sparkmesos_core.submit.mesos_driver import ClientModeOptions


class Stage:
    """A Spark 4 of two jars, a Java and a bridge, all of them small."""

    def __init__(self, folder: Path, spark: Path, java: Path) -> None:
        self.spark, self.java = spark, java
        self.bridge = folder / "cache" / "bridge-1.jar"
        self.bridge.parent.mkdir()
        for jar in (self.bridge, *spark.glob("jars/*.jar")):
            with zipfile.ZipFile(jar, "w") as opened:
                opened.writestr("org/sparkmesos/A.class", "")
                opened.writestr("core-default.xml", "")
        (java / "lib" / "server").mkdir(parents=True, exist_ok=True)
        (java / "lib" / "server" / "classes.jsa").write_text("what this one builds on")
        (java / "lib" / "modules").write_text("all of Java")

    def submission(self, *arguments: str, **fields: Any) -> Submission:
        client = read_client_configuration(
            SubmitArguments.parse(["--master", "mesos://127.0.0.1:5050", *arguments, "app.py"]),
            spark_home=self.spark,
            environment={"SPARK_HOME": str(self.spark), "JAVA_HOME": str(self.java), "HOME": "/nonexistent"},
            own=OwnMasters(None),
        )
        return client_mode.plan(client, ClientModeOptions(**fields))

    @property
    def archive(self) -> ClassArchive:
        found = archive_in(self.bridge.parent, self.bridge, jars_in_order(self.spark / "jars"), self.java)
        assert found is not None
        return found

    def fill(self, **fields: Any) -> ClassArchive:
        archive = self.archive
        archive.classes.write_bytes(b"abc")
        archive.class_path.touch()
        given = {"bytes": 3, "names": frozenset({"core-default.xml", "org"}), **fields}
        archive.record.write_text(record_text(ArchiveRecord("jars", "java", **given)))
        return archive


@pytest.fixture
def stage(tmp_path: Path, make_spark: Any, make_java: Any) -> Stage:
    spark = make_spark("4.3.0", "2.13", mesos=False, name="four")
    return Stage(tmp_path, spark, make_java())


class TestUse:
    def test_what_is_there_is_used(self, stage: Stage) -> None:
        assert usable_archive(stage.submission(), stage.bridge) is None
        archive = stage.fill()
        assert usable_archive(stage.submission(), stage.bridge) == archive
        assert usable_archive(stage.submission(), None) is None

    def test_off(self, stage: Stage) -> None:
        stage.fill()
        assert usable_archive(stage.submission(class_archive=False), stage.bridge) is None

    def test_not_where_the_user_has_a_class_path(self, stage: Stage) -> None:
        stage.fill()
        theirs = stage.submission("--driver-class-path", "/mine.jar")
        assert usable_archive(theirs, stage.bridge) is None

    def test_not_where_all_jvms_have_something_against_it(self, stage: Stage) -> None:
        archive = stage.fill()
        (stage.spark / "conf").mkdir()
        options = stage.spark / "conf" / "java-opts"
        options.write_text("-Xlog:gc:file=/var/log/gc.log\n")
        assert usable_archive(stage.submission(), stage.bridge) == archive
        options.write_text("-Da=b\n-javaagent:/agent.jar\n")
        assert usable_archive(stage.submission(), stage.bridge) is None

    def test_not_where_conf_would_be_hidden(self, stage: Stage) -> None:
        archive = stage.fill()
        (stage.spark / "conf").mkdir()
        (stage.spark / "conf" / "log4j2.properties").touch()
        assert usable_archive(stage.submission(), stage.bridge) == archive
        (stage.spark / "conf" / "core-default.xml").touch()
        assert usable_archive(stage.submission(), stage.bridge) is None

    def test_the_command(self, stage: Stage) -> None:
        archive = stage.fill()
        submission = stage.submission()
        made = client_mode.launch(submission, "mesos://127.0.0.1:5050", stage.bridge, {}, archive=archive)
        line = list(made.arguments)
        assert line[line.index("--driver-class-path") + 1] == f"{archive.class_path}:{stage.bridge}"
        assert f"spark.mesos.executor.classArchive={archive.classes}" in line
        assert made.environment["SPARK_SUBMIT_OPTS"] == " ".join(archive.java_options)

    def test_agents_elsewhere_are_not_told(self, stage: Stage) -> None:
        archive = stage.fill()
        made = client_mode.launch(
            stage.submission(), "mesos://10.0.0.9:5050", stage.bridge, {}, archive=archive
        )
        assert "SPARK_SUBMIT_OPTS" in made.set_variables
        assert not any("classArchive" in word for word in made.arguments)

    def test_a_shells_own_options_stay(self, stage: Stage) -> None:
        archive = stage.fill()
        program = Program("spark-submit", variables={"SPARK_SUBMIT_OPTS": "-Dscala.usejavacp=true"})
        made = client_mode.launch(
            stage.submission(), "mesos://127.0.0.1:5050", stage.bridge, {}, program, archive
        )
        assert made.environment["SPARK_SUBMIT_OPTS"].endswith(" -Dscala.usejavacp=true")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands in for Spark: the commands that were run; the second one writes the archive it is told."""
    commands: list[list[str]] = []

    def ask(command: list[str], **_: Any) -> Answer:
        commands.append(command)
        if "org.apache.spark.launcher.Main" in command:
            return Answer(0, "\0\n/java/bin/java\0-cp\0/conf:/jars/*\0Main\0app.py\0", "")
        (told,) = (word for word in command if word.startswith("-XX:ArchiveClassesAtExit="))
        Path(told.partition("=")[2]).write_bytes(b"classes")
        return Answer(0, "", "")

    monkeypatch.setattr(class_archive_making, "ask_program", ask)
    return commands


class TestMaking:
    def test_it_is_made_once(self, stage: Stage, runs: list[list[str]]) -> None:
        said: list[str] = []
        assert make_usable_archive(stage.submission(), stage.bridge, said.append) == ""
        assert usable_archive(stage.submission(), stage.bridge) == stage.archive
        assert len(said) == 1 and said[0].startswith("Making an archive of Spark's classes")  # noqa: PT018
        watched = runs[1]
        assert watched[watched.index("-cp") + 1] == str(stage.archive.class_path)
        assert make_usable_archive(stage.submission(), stage.bridge, said.append) == ""
        assert (len(said), len(runs)) == (1, 2)

    def test_nothing_is_left_beside_it(self, stage: Stage, runs: list[list[str]]) -> None:
        make_usable_archive(stage.submission(), stage.bridge, print)
        archive = stage.archive
        there = {path for path in stage.bridge.parent.iterdir() if path != stage.bridge}
        assert there == {archive.classes, archive.class_path, archive.record, archive.lock}
        assert runs

    def test_the_one_before_goes_when_nobody_has_used_it_for_long(
        self, stage: Stage, runs: list[list[str]]
    ) -> None:
        made = []
        for name in ("a.jar", "b.jar", "c.jar"):
            make_usable_archive(stage.submission(), stage.bridge, print)
            made.append(stage.archive)
            os.utime(stage.archive.record, (0, 0))
            if name == "b.jar":
                note_use(stage.archive)
            with zipfile.ZipFile(stage.spark / "jars" / name, "w") as opened:
                opened.writestr("b", "")
        make_usable_archive(stage.submission(), stage.bridge, print)
        files = [(one.classes, one.class_path, one.record) for one in (*made, stage.archive)]
        assert [[path.exists() for path in paths] for paths in files] == [
            [False] * 3,
            [True] * 3,
            [False] * 3,
            [True] * 3,
        ]
        assert len(runs) == 8

    def test_a_failure_is_told_once_and_remembered(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(class_archive_making, "ask_program", lambda *_, **__: Answer(1, "", "no memory"))
        said = make_usable_archive(stage.submission(), stage.bridge, print)
        assert said.startswith(
            "Spark starts without an archive of its classes, until `sparkmesos bridge archive`"
        )
        assert said.endswith("no memory")
        assert make_usable_archive(stage.submission(), stage.bridge, print) == ""
        assert usable_archive(stage.submission(), stage.bridge) is None
        assert not stage.archive.class_path.exists()

    def test_who_asks_for_it_tries_again(
        self, stage: Stage, runs: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        submission = stage.submission()
        stage.fill(failure="no memory")
        found = made_archive(stage.bridge, submission.spark, submission.java, submission.environment, print)
        assert usable_archive(submission, stage.bridge) == found
        monkeypatch.setattr(class_archive_making, "ask_program", lambda *_, **__: Answer(1, "", "no memory"))
        found.record.unlink()
        with pytest.raises(BridgeError, match="no memory"):
            made_archive(stage.bridge, submission.spark, submission.java, submission.environment, print)
        assert runs

    def test_who_asks_hears_that_another_process_has_failed(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any, **__: Any) -> bool:
            stage.fill(failure="no memory")
            return False

        submission = stage.submission()
        monkeypatch.setattr(class_archives, "make_archive", fail)
        with pytest.raises(BridgeError, match="no memory"):
            made_archive(stage.bridge, submission.spark, submission.java, submission.environment, print)

    def test_none_is_made_that_conf_would_not_let_be_used(self, stage: Stage, runs: list[list[str]]) -> None:
        (stage.spark / "conf").mkdir()
        (stage.spark / "conf" / "core-default.xml").touch()
        assert make_usable_archive(stage.submission(), stage.bridge, print) == ""
        assert runs == []

    def test_a_broken_bridge_costs_the_archive_alone(self, stage: Stage, runs: list[list[str]]) -> None:
        stage.bridge.write_text("no jar")
        said = make_usable_archive(stage.submission(), stage.bridge, print)
        assert "cannot be read" in said

    def test_one_with_a_name_needs_plain_paths(self, stage: Stage, make_spark: Any, tmp_path: Path) -> None:
        spark = make_spark("4.3.0", "2.13", mesos=False, name="with a blank")
        stage.spark = spark
        submission = stage.submission()
        with pytest.raises(BridgeError, match="with a blank"):
            written_archive(tmp_path / "x.jsa", submission.spark, submission.java, {}, print)

    def test_whoever_comes_meanwhile_does_not_wait(self, stage: Stage, runs: list[list[str]]) -> None:
        with stage.archive.lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert make_usable_archive(stage.submission(), stage.bridge, print) == ""
        assert runs == []

    def test_a_cache_that_cannot_be_written(self, stage: Stage, runs: list[list[str]]) -> None:
        stage.archive.lock.mkdir()
        assert make_usable_archive(stage.submission(), stage.bridge, print) == ""
        assert runs == []

    def test_nothing_of_the_user_takes_part(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[dict[str, str]] = []

        def ask(_command: list[str], *, environment: dict[str, str], **_: Any) -> Answer:
            seen.append(environment)
            return Answer(1, "", "")

        monkeypatch.setattr(class_archive_making, "ask_program", ask)
        submission = stage.submission()
        environment = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "hunter2", "SPARK_SUBMIT_OPTS": "-Dx=y"}
        with pytest.raises(BridgeError):
            made_archive(stage.bridge, submission.spark, submission.java, environment, print)
        assert seen[0]["PATH"] == "/bin"
        assert not {"AWS_SECRET_ACCESS_KEY", "SPARK_SUBMIT_OPTS"} & seen[0].keys()

    def test_spark_3_has_none(self, stage: Stage, make_spark: Any) -> None:
        stage.spark = make_spark("3.5.9")
        submission = stage.submission()
        assert usable_archive(submission, stage.bridge) is None
        assert make_usable_archive(submission, stage.bridge, print) == ""
        with pytest.raises(UsageError, match="for Spark 4"):
            require_archives(submission.spark)
