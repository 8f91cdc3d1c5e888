from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from sparkmesos_core.client_configuration import ClientConfiguration, read_client_configuration
from sparkmesos_core.dispatcher.messages import CreateSubmissionRequest
from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.submit.cluster_mode import request_for
from sparkmesos_core.submit.staging import staged_destination, with_staged_files


@pytest.fixture(autouse=True)
def no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkmesos_core.spark.home.importlib_util.find_spec", lambda name: None)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("app.py", "a.jar", "b.jar", "data.zip", "my dep.py"):
        (tmp_path / name).touch()
    with zipfile.ZipFile(tmp_path / "app.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nMain-Class: org.example.Main\r\n")
    return tmp_path


def staged(project: Path, *arguments: str) -> tuple[ClientConfiguration, list[str]]:
    line = ["--master", "mesos://h:7077", "--deploy-mode", "cluster", *arguments]
    client = read_client_configuration(SubmitArguments.parse(line), spark_home=None, environment={})
    paths: list[str] = []

    def uri_of(path: Path) -> str:
        assert path.is_absolute()
        paths.append(path.name)
        return f"http://stage/{path.name.replace(' ', '%20')}"

    return with_staged_files(client, project, uri_of), paths


def request(project: Path, *arguments: str) -> CreateSubmissionRequest:
    return request_for(staged(project, *arguments)[0], project, 0)


def test_the_application(project: Path) -> None:
    for given in ("app.py", "./app.py", str(project / "app.py")):
        made = request(project, given, "app.py")
        assert made.app_resource == "http://stage/app.py"
        assert made.app_args == ("app.py",), "whose arguments are its own affair"
        assert made.spark_properties["spark.app.name"] == "app.py"


def test_a_jar_tells_its_class_here(project: Path) -> None:
    made = request(project, "app.jar")
    assert (made.app_resource, made.main_class) == ("http://stage/app.jar", "org.example.Main")
    assert made.spark_properties["spark.jars"] == "http://stage/app.jar"
    assert request(project, "--class", "x.Y", "app.jar").main_class == "x.Y"


def test_lists(project: Path) -> None:
    made = request(
        project,
        *("--jars", "a.jar,http://h/c.jar, b.jar", "--py-files", "my dep.py", "--archives", "data.zip#d"),
        *("--conf", "spark.files=hdfs:///x,data.zip", "http://h/app.py"),
    )
    properties = made.spark_properties
    assert properties["spark.jars"] == "http://stage/a.jar,http://h/c.jar,http://stage/b.jar"
    assert properties["spark.submit.pyFiles"] == "http://stage/my%20dep.py"
    assert properties["spark.archives"] == "http://stage/data.zip#d"
    assert properties["spark.files"] == "hdfs:///x,http://stage/data.zip"
    assert made.app_resource == "http://h/app.py"


def test_patterns_stand_for_files_of_this_machine(project: Path) -> None:
    made = request(project, "--jars", "*.jar", "http://h/app.py")
    names = ("a.jar", "app.jar", "b.jar")
    assert made.spark_properties["spark.jars"] == ",".join(f"http://stage/{name}" for name in names)


def test_urls_are_what_agents_see(project: Path) -> None:
    _, paths = staged(project, "--files", f"file://{project}/data.zip,local:/x", f"file://{project}/app.py")
    assert paths == []


@pytest.mark.parametrize(
    "line", [["nope.py"], ["--files", "nope.txt", "http://h/a.py"], ["--jars", ".", "http://h/a.py"]]
)
def test_what_is_not_there(project: Path, line: list[str]) -> None:
    with pytest.raises(UsageError, match=r"no file 'nope|is a folder") as caught:
        staged(project, *line)
    assert caught.value.hint


def test_where_a_file_goes() -> None:
    one = staged_destination("https://repo/stage", "app.py", "ab" * 32)
    assert one.uri == f"https://repo/stage/{'ab' * 16}/app.py"
    assert staged_destination("https://repo/stage/", "app.py", "ab" * 32) == one
    assert staged_destination("s3a://bucket", "app.py", "cd" * 32).uri == f"s3a://bucket/{'cd' * 16}/app.py"
