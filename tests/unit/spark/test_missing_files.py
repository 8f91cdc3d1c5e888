from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.spark.missing_files import missing_files


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name in ("here.py", "a b.txt", "é#1.txt"):
        (tmp_path / name).touch()
    return tmp_path


def found(
    here: Path, *arguments: str, file: dict[str, str] | None = None, starts_here: bool = True
) -> list[Finding]:
    parsed = SubmitArguments.parse(arguments)
    origin = Origin(Source.FILE, "app.conf", line=3)
    settings = [Setting(key, value, origin) for key, value in (file or {}).items()]
    configuration = Configuration((*parsed.settings(), settings))
    return list(missing_files(parsed, configuration, here, starts_here=starts_here))


@pytest.mark.parametrize(
    ("application", "there"),
    [
        ("nope.py", False),
        ("/nowhere/app.jar", False),
        ("here.py", True),
        ("hdfs://h/app.jar", True),
        ("local:/app.jar", True),
        ("spark-internal", True),
    ],
)
def test_the_application(here: Path, application: str, there: bool) -> None:
    findings = found(here, application)
    assert [one.message for one in findings] == (
        [] if there else [f"The application {application} does not exist"]
    )
    assert all(one.severity is Severity.ERROR for one in findings)


def test_a_folder_is_no_application(here: Path) -> None:
    """Spark takes it for a JAR, and fails as it looks for its main class; with --class it may hold classes."""
    (here / "classes").mkdir()
    (finding,) = found(here, "classes")
    assert (finding.severity, finding.message) == (Severity.ERROR, "The application classes is a folder")
    assert found(here, "--class", "Main", "classes") == []


@pytest.mark.parametrize(
    "files",
    [
        "a b.txt",
        " a b.txt , here.py,,",
        "here.py#other.py",
        "*.nope,n?pe.txt,{a,b}.txt",  # Spark goes on without what no pattern finds
        "http://h/nope.txt,hdfs:///nope,local:/nope",
        "",
        "\0",
    ],
)
@pytest.mark.parametrize("option", ["--files", "--jars", "--py-files", "--archives"])
def test_nothing_is_missing(here: Path, option: str, files: str) -> None:
    assert found(here, option, files, "here.py") == []


def test_a_path_and_a_url_of_the_same_file(here: Path) -> None:
    assert found(here, "--files", f"{here}/a b.txt,file://{here}/a%20b.txt,file:{here}/a%20b.txt") == []


@pytest.mark.parametrize(
    "text", ["nope.txt", "/nope/x", "file:/nope/x", "file:///nope/x#y", "nope.txt#here.py", "here.py/x"]
)
def test_what_is_missing(here: Path, text: str) -> None:
    (finding,) = found(here, "--files", f"here.py,{text}")
    assert finding.message == f"The file {text} does not exist"
    assert (finding.severity, finding.key, str(finding.origin)) == (Severity.ERROR, "spark.files", "--files")


def test_spark_goes_on_without_jars(here: Path) -> None:
    (finding,) = found(here, "--jars", "nope.jar")
    assert finding.severity is Severity.WARNING
    assert "go on without it" in finding.message


def test_what_a_file_lists_may_be_on_the_machine_that_submits(here: Path) -> None:
    listed = {"spark.files": "nope.txt"}
    (finding,) = found(here, file=listed)
    assert (finding.severity, str(finding.origin)) == (Severity.ERROR, "app.conf:3")
    (finding,) = found(here, file=listed, starts_here=False)
    assert finding.severity is Severity.WARNING
    (finding,) = found(here, "--files", "nope.txt", file=listed, starts_here=False)
    assert finding.severity is Severity.ERROR


def test_secrets_are_not_shown(here: Path) -> None:
    (finding,) = found(here, "--files", "spark.x.password=hunter2")
    assert "hunter2" not in finding.message
