from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.dist.entry import EntryKind
from sparkmesos_core.preflight.archive_contents import PROGRAMS, Contents, SeenProgram
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.verify.checks.archive import program_problems, version_problems

SOUND = {name: SeenProgram(EntryKind.FILE, 0o755, 10) for name in PROGRAMS}
DRIVER = SparkHome(Path("/opt/spark"), "3.5.9", "2.12", True, "SPARK_HOME")


def test_sound_programs() -> None:
    assert program_problems(Contents(SOUND, whole=True)) == ()
    assert program_problems(Contents({})) == ()
    link = {**SOUND, "spark-class": SeenProgram(EntryKind.LINK, 0o777, 0)}
    assert program_problems(Contents(link)) == ()
    sourced = {**SOUND, "find-spark-home": SeenProgram(EntryKind.FILE, 0o644, 10)}
    assert program_problems(Contents(sourced)) == ()


@pytest.mark.parametrize(
    ("program", "said", "hint"),
    [
        (SeenProgram(EntryKind.FILE, 0o644, 10), "is not executable (its mode is 644)", "chmod +x"),
        (SeenProgram(EntryKind.FILE, 0o755, 0), "is empty", "Restore it"),
        (SeenProgram(EntryKind.FOLDER, 0o755, 0), "is a folder", "Restore it"),
        (None, "is not there", "Restore it"),
    ],
)
def test_programs_that_cannot_be_run(program: SeenProgram | None, said: str, hint: str) -> None:
    programs = {name: seen for name, seen in SOUND.items() if name != "spark-class"}
    if program is not None:
        programs["spark-class"] = program
    (problem,) = program_problems(Contents(programs, whole=True))
    assert problem.severity is Severity.ERROR
    assert problem.message == f"bin/spark-class {said} in the executors' archive"
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("version", "scala", "severity"),
    [
        ("3.5.9", "2.12", None),
        ("3.5.9", "", None),
        ("3.5.9", "2.13", Severity.ERROR),
        ("3.5.1", "2.12", Severity.WARNING),
        ("3.4.4", "2.12", Severity.ERROR),
        ("4.0.0", "2.13", Severity.ERROR),
    ],
)
def test_versions(version: str, scala: str, severity: Severity | None) -> None:
    found = version_problems(Contents({}, version, "RELEASE", scala), DRIVER)
    assert [one.severity for one in found] == ([severity] if severity else [])
    assert all(one.hint for one in found)


@pytest.mark.parametrize(
    ("told_by", "version", "fits"),
    [
        ("spark-3.5.0-bin-hadoop3.tgz", "3.5.0", True),
        ("spark-3.5.1-bin-hadoop3.tgz", "3.5.1", False),
        ("RELEASE", "3.5.0", False),
        ("spark-core_2.12-3.5.0.jar", "3.5.0", False),
        ("spark-core_2.12-3.5.0-amzn-0.jar", "3.5.0-amzn-0", True),
    ],
)
def test_names_leave_out_what_vendors_add(told_by: str, version: str, fits: bool) -> None:
    driver = replace(DRIVER, version="3.5.0-amzn-0")
    found = version_problems(Contents({}, version, told_by), driver)
    assert [one.severity for one in found] == ([] if fits else [Severity.WARNING])


def test_versions_without_a_driver() -> None:
    contents = Contents({}, "3.4.4", "RELEASE")
    assert version_problems(contents, None) == ()
    assert version_problems(replace(contents, version="4.1.0"), None) == ()


@pytest.mark.parametrize(("driver", "told"), [("3.5.9", "4.3.0"), ("4.3.0", "3.5.9"), ("4.2.0", "4.3.0")])
def test_spark_4_and_another_do_not_go_together(driver: str, told: str) -> None:
    (problem,) = version_problems(Contents({}, told, "RELEASE"), replace(DRIVER, version=driver))
    assert problem.severity is Severity.ERROR
    assert f"holds Spark {told} (RELEASE), and the driver is {driver}" in problem.message
