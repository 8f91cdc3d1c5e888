"""The command of a driver, run by the real shells that are somebody's /bin/sh."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.launch.command_line import command_line
from sparkmesos_core.errors import UsageError
from tests.driver_shell import CLUSTER, launched, run, submission, task_info, write_spark

ODD = [
    "", "a b", "$HOME", "it's", '"quoted"', "'x y'", "back\\slash", "--flag=1", "a;b", "*.txt", "~", "~root",
    "{a,b}", "[x]", "line1\nline2", "\n", "`id`", "naïve 日本 🙂", "!bang", "#hash", "a&b|c>d<e", "(p)", "%s\\n",
    "-n", "--", "tab\there", "$(touch broken)", "\\", "'", "$MESOS_SANDBOX/x",
]  # fmt: skip
ARCHIVE = "http://repo.mesos.example/spark-3.5.9-bin-hadoop3.tgz"
TOP = "spark-3.5.9-bin-hadoop3"


def properties(home: Path, **more: str) -> dict[str, str]:
    """Properties of a submission; keys are written with underscores for dots."""
    return {"spark.mesos.executor.home": str(home), **{key.replace("_", "."): more[key] for key in more}}


def from_archive(**more: str) -> dict[str, str]:
    return {"spark.executor.uri": ARCHIVE, **more}


def unpacked(sandbox: Path, top: str = TOP, archive: str = f"{TOP}.tgz") -> Path:
    """What a sandbox holds after fetching without the cache: the archive, its folder, and similar names."""
    (sandbox / archive).write_bytes(b"")
    (sandbox / "spark-3-app.jar").write_bytes(b"")
    (sandbox / "spark-3-0-notes").mkdir()
    return write_spark(sandbox / top)


def test_odd_arguments_arrive_as_they_are(shell: str, sandbox: Path, tmp_path: Path) -> None:
    home = write_spark(tmp_path / "a home's $x")
    task = task_info(
        submission(properties=properties(home), app_args=tuple(ODD), name="naïve $HOME \"q\"\n'app'")
    )
    got = launched(task, sandbox, shell)
    assert got.arguments[-len(ODD) :] == ODD
    assert got.option("--name") == "naïve $HOME \"q\"\n'app'"
    assert not (sandbox / "broken").exists()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=6))
def test_any_text_is_one_argument(tmp_path_factory: pytest.TempPathFactory, arguments: list[str]) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "sandbox").mkdir()
    task = task_info(
        submission(properties=properties(write_spark(folder / "home")), app_args=tuple(arguments))
    )
    got = launched(task, folder / "sandbox")
    assert got.arguments[len(got.arguments) - len(arguments) :] == arguments


def test_properties_arrive_as_they_are(shell: str, sandbox: Path, tmp_path: Path) -> None:
    wanted = {f"spark.x{number}": text for number, text in enumerate(ODD)}
    task = task_info(submission(properties=properties(write_spark(tmp_path / "home")) | wanted))
    got = launched(task, sandbox, shell).configuration()
    assert {key: got[key] for key in wanted} == wanted


def test_the_options_have_sparks_order(sandbox: Path, tmp_path: Path) -> None:
    home = write_spark(tmp_path / "home")
    wanted = submission(
        properties={
            "spark.mesos.executor.home": str(home),
            "spark.executor.memory": "2g",
            "spark.cores.max": "4",
            "spark.submit.pyFiles": "http://h/a.py",
            "spark.jars": "http://h/x.jar,http://repo.mesos.example/jars/app.jar",
            "spark.master": "mesos://h:7077",
            "spark.submit.deployMode": "cluster",
            "spark.mesos.dispatcher.token": "abc",
            "spark.b": "2",
            "spark.a": "1",
        },
        app_args=("1",),
        cores=0.5,
        heap=512,
    )
    assert launched(task_info(wanted), sandbox).arguments == [
        "--name", "app", "--master", "mesos://127.0.0.1:5050", "--driver-cores", "1", "--driver-memory", "512M",
        "--class", "com.example.Main", "--executor-memory", "2g", "--total-executor-cores", "4",
        "--py-files", "./a.py",
        "--conf", "spark.a=1", "--conf", "spark.b=2", "--conf", "spark.cores.max=4",
        "--conf", "spark.executor.memory=2g", "--conf", "spark.jars=http://h/x.jar",
        "--conf", f"spark.mesos.executor.home={home}", "--conf", "spark.submit.pyFiles=http://h/a.py",
        "./app.jar", "1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cores", "text"), [(1.0, "1"), (2.0, "2"), (1.5, "2"), (0.1, "1"), (3.0000001, "4"), (64.0, "64")]
)
def test_driver_cores_are_whole(cores: float, text: str, sandbox: Path, tmp_path: Path) -> None:
    home = write_spark(tmp_path / "home")
    task = task_info(submission(properties=properties(home), cores=cores))
    assert launched(task, sandbox).option("--driver-cores") == text


@pytest.mark.parametrize(
    ("application", "jars", "passed_on"),
    [
        (
            "http://h/app.jar",
            "http://h/a.jar, http://h/b.jar,http://h/app.jar",
            "http://h/a.jar,http://h/b.jar",
        ),
        ("file:/srv/app.jar", "file:///srv/a.jar,file:///srv/app.jar", "file:///srv/a.jar"),
        ("/srv/my app.jar", "file:/srv/my%20app.jar,/srv/app.jar", "/srv/app.jar"),
        ("http://h/app.jar", "http://h/app.jar", None),
        ("http://h/app.py", " ,", None),
    ],
)
def test_jars_but_for_the_application(
    application: str, jars: str, passed_on: str | None, sandbox: Path, tmp_path: Path
) -> None:
    """Spark's dispatcher drops them all."""
    home = write_spark(tmp_path / "home")
    wanted = submission(app_resource=application, properties=properties(home, spark_jars=jars))
    assert launched(task_info(wanted), sandbox).configuration().get("spark.jars") == passed_on


def test_no_class_for_python(sandbox: Path, tmp_path: Path) -> None:
    home = write_spark(tmp_path / "home")
    task = task_info(
        submission(properties=properties(home), main_class="", app_resource="http://h/my app.py")
    )
    got = launched(task, sandbox)
    assert "--class" not in got.arguments
    assert got.arguments[-1] == "./my app.py"


def test_the_folder_of_the_archive_is_entered(shell: str, sandbox: Path) -> None:
    home = unpacked(sandbox)
    got = launched(task_info(submission(properties=from_archive())), sandbox, shell)
    assert got.folder == home
    assert got.arguments[-1] == "../app.jar"
    assert got.environment["SPARK_HOME"] == str(home)


@pytest.mark.parametrize("top", ["spark-3.5.9", "my spark", "-dash", "build"])
def test_the_folder_may_have_any_name(shell: str, top: str, sandbox: Path) -> None:
    home = unpacked(sandbox, top=top)
    assert launched(task_info(submission(properties=from_archive())), sandbox, shell).folder == home


def test_the_folder_that_executors_go_to_comes_first(shell: str, sandbox: Path) -> None:
    write_spark(sandbox / "a-spark")
    home = unpacked(sandbox)
    assert launched(task_info(submission(properties=from_archive())), sandbox, shell).folder == home


@pytest.mark.parametrize(
    "uri",
    [
        "http://h/my spark*[a].tgz?X-Amz-Signature=a/b.c&x=1",
        "https://h/$(touch broken).tgz",
        "file:///srv/.tgz",
        "hdfs://h/dist/~.tgz",
    ],
)
def test_archives_of_odd_names(shell: str, uri: str, sandbox: Path) -> None:
    home = write_spark(sandbox / "top")
    assert (
        launched(task_info(submission(properties={"spark.executor.uri": uri})), sandbox, shell).folder == home
    )
    assert not (sandbox / "broken").exists()


def test_an_archive_without_spark(shell: str, sandbox: Path) -> None:
    (sandbox / "spark-3.5.9").mkdir()
    process = run(task_info(submission(properties=from_archive())), sandbox, shell)
    assert process.returncode == 127
    assert (
        process.stderr == b"sparkmesos: there is no bin/spark-submit in the archive of spark.executor.uri\n"
    )


def test_a_home_without_spark(shell: str, sandbox: Path, tmp_path: Path) -> None:
    process = run(task_info(submission(properties=properties(tmp_path / "it's"))), sandbox, shell)
    assert process.returncode == 127
    assert process.stderr.decode() == f"sparkmesos: there is no bin/spark-submit in {tmp_path}/it's\n"


def test_the_exit_status_is_that_of_spark_submit(shell: str, sandbox: Path, tmp_path: Path) -> None:
    home = write_spark(tmp_path / "home")
    (home / "bin" / "spark-submit").write_text("#!/bin/sh\nexit 3\n")
    assert run(task_info(submission(properties=properties(home))), sandbox, shell).returncode == 3


def test_the_variable_names_the_archive_if_the_property_does_not(sandbox: Path) -> None:
    home = unpacked(sandbox)
    task = task_info(submission(properties={}, environment={"SPARK_EXECUTOR_URI": ARCHIVE}))
    assert launched(task, sandbox).folder == home


def test_the_dispatchers_home(sandbox: Path, tmp_path: Path) -> None:
    home = write_spark(tmp_path / "home")
    task = task_info(submission(properties={}), Cluster("h:5050", {}, spark_home=str(home)))
    assert launched(task, sandbox).option("--master") == "mesos://h:5050"


def test_the_submissions_home_wins(sandbox: Path, tmp_path: Path) -> None:
    home = write_spark(tmp_path / "home")
    cluster = Cluster("h:5050", {}, spark_home="/nowhere")
    assert launched(task_info(submission(properties=properties(home)), cluster), sandbox).folder == sandbox


def test_no_spark_at_all() -> None:
    with pytest.raises(UsageError, match="Nobody says where agents have Spark"):
        command_line(submission(properties={}), CLUSTER)


def test_executors_fetch_what_mesos_understands(sandbox: Path) -> None:
    unpacked(sandbox)
    uris = {
        "spark.executor.uri": "file:///srv/my%20dist/spark-3.5.9.tgz",
        "spark.mesos.uris": "http://h/a, file:/b%20c",
    }
    got = launched(task_info(submission(properties=uris)), sandbox).configuration()
    assert got["spark.executor.uri"] == "/srv/my dist/spark-3.5.9.tgz"
    assert got["spark.mesos.uris"] == "http://h/a,/b c"
    of_a_variable = {"SPARK_EXECUTOR_URI": "local:/srv/spark-3.5.9.tgz"}
    got = launched(task_info(submission(properties={}, environment=of_a_variable)), sandbox).configuration()
    assert got["spark.executor.uri"] == "/srv/spark-3.5.9.tgz"


@pytest.mark.parametrize(
    "uri", [ARCHIVE, "file:///srv/spark-3.5.9.tgz", "/srv/spark-3.5.9.tgz", f"{ARCHIVE}?a=b#c"]
)
def test_other_uris_are_passed_on_as_they_are(uri: str, sandbox: Path) -> None:
    unpacked(sandbox)
    uris = {"spark.executor.uri": uri, "spark.mesos.uris": "http://h/a, hdfs:///b,file:///c%2Cd"}
    got = launched(task_info(submission(properties=uris)), sandbox).configuration()
    assert {key: got[key] for key in uris} == uris


class TestImage:
    """With an image, Spark is where the image begins."""

    IMAGE: ClassVar = {"spark.mesos.executor.docker.image": "spark:3.5.9"}

    def launched(self, sandbox: Path, shell: str, folder: Path, **how: Any) -> Any:
        found = {**self.IMAGE, "spark.submit.pyFiles": "http://h/a b.py,http://h/c.py", **how.pop("more", {})}
        task = task_info(submission(properties=found))
        return launched(task, sandbox, shell, folder=folder, **how)

    def test_the_sandbox_is_expanded(self, shell: str, tmp_path: Path) -> None:
        sandbox = tmp_path / "a sand'box"
        sandbox.mkdir()
        home = write_spark(tmp_path / "image")
        got = self.launched(sandbox, shell, home)
        assert got.folder == home
        assert got.option("--py-files") == f"{sandbox}/a b.py,{sandbox}/c.py"
        assert got.arguments[-1] == f"{sandbox}/app.jar"

    def test_an_image_that_begins_elsewhere(self, shell: str, sandbox: Path, tmp_path: Path) -> None:
        home = write_spark(tmp_path / "spark")
        more = {"spark.mesos.executor.home": str(home)}
        assert self.launched(sandbox, shell, tmp_path, more=more).folder == tmp_path
        assert (
            self.launched(sandbox, shell, tmp_path, environment={"SPARK_HOME": str(home)}).folder == tmp_path
        )
        unpacked(sandbox)
        assert self.launched(sandbox, shell, tmp_path, more=from_archive()).folder == tmp_path

    def test_an_image_without_spark(self, shell: str, sandbox: Path, tmp_path: Path) -> None:
        process = run(task_info(submission(properties=self.IMAGE)), sandbox, shell, folder=tmp_path)
        assert process.returncode == 127
        assert b"no bin/spark-submit in the image" in process.stderr


class TestLibraryPath:
    """Where the driver finds native libraries, such as libmesos."""

    def path(self, sandbox: Path, shell: str, cluster: Cluster, **how: Any) -> str | None:
        task = task_info(
            submission(properties=from_archive(**{"spark.driver.extraLibraryPath": "/my libs"})), cluster
        )
        found: str | None = launched(task, sandbox, shell, **how).environment.get("LD_LIBRARY_PATH")
        return found

    def test_both_and_the_agents(self, shell: str, sandbox: Path) -> None:
        unpacked(sandbox)
        cluster = Cluster("h:5050", {"spark.executor.extraLibraryPath": "/usr/lib:/opt/x"})
        assert self.path(sandbox, shell, cluster) == "/usr/lib:/opt/x:/my libs"
        theirs = {"LD_LIBRARY_PATH": "/agent"}
        assert self.path(sandbox, shell, cluster, environment=theirs) == "/usr/lib:/opt/x:/my libs:/agent"
        assert self.path(sandbox, shell, CLUSTER) == "/my libs"


class TestSecrets:
    """Secret properties get to spark-submit in a file that nobody else can read."""

    SECRETS: ClassVar = {
        "spark.authenticate.secret": "s3cr et",
        "spark.ssl.keyPassword": "a=b:c#d!\\e\n\tä",
        "spark.hadoop.fs.s3a.secret.key": "=x",
        "spark.mesos.uris": "http://h/x?X-Amz-Signature=abc",
        "spark.odd =:key#.password": "x",
    }

    def launched(self, sandbox: Path, home: Path, shell: str = "sh", **how: Any) -> Any:
        return launched(
            task_info(submission(properties=properties(home) | self.SECRETS)), sandbox, shell, **how
        )

    def test_the_file_holds_them_and_the_command_line_does_not(
        self, shell: str, sandbox: Path, tmp_path: Path
    ) -> None:
        from sparkmesos_core.conf.java_properties import parse_properties

        task = task_info(submission(properties=properties(write_spark(tmp_path / "home")) | self.SECRETS))
        got = launched(task, sandbox, shell)
        assert got.properties is not None
        read = {setting.key: setting.value for setting in parse_properties(got.properties, "x")}
        assert read == self.SECRETS
        for key, value in self.SECRETS.items():
            assert key not in got.configuration()
            assert value == "x" or value not in task["command"]["value"]
        assert "SPARKMESOS_SECRET_PROPERTIES" not in got.environment

    def test_no_file_stays_behind(self, shell: str, sandbox: Path, tmp_path: Path) -> None:
        (sandbox / ".spark-properties").write_text("of somebody else")
        self.launched(sandbox, write_spark(tmp_path / "home"), shell)
        names = sorted(path.name for path in sandbox.iterdir())
        assert names == ["arguments", "environment", "folder", "properties", "umask"]

    def test_from_an_archive(self, shell: str, sandbox: Path) -> None:
        home = unpacked(sandbox)
        (home / "conf").mkdir()
        (home / "conf" / "spark-defaults.conf").write_text("spark.agents own")
        got = launched(task_info(submission(properties=from_archive() | self.SECRETS)), sandbox, shell)
        assert got.properties is not None
        assert got.properties.startswith("spark.agents own\n")
        assert not (home / ".spark-properties").exists()
        assert not (sandbox / ".spark-properties").exists()

    def test_the_umask_is_the_agents(self, sandbox: Path, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            got = self.launched(sandbox, write_spark(tmp_path / "home"))
        finally:
            os.umask(before)
        assert int(got.umask, 8) == 0o027

    def test_the_agents_defaults_still_count(self, shell: str, sandbox: Path, tmp_path: Path) -> None:
        home = write_spark(tmp_path / "home")
        conf = tmp_path / "conf dir"
        conf.mkdir()
        (conf / "spark-defaults.conf").write_text("spark.a 1\nspark.authenticate.secret theirs")
        got = self.launched(sandbox, home, shell, environment={"SPARK_CONF_DIR": str(conf)})
        lines = got.properties.splitlines()
        assert lines[:2] == ["spark.a 1", "spark.authenticate.secret theirs"]
        assert lines[2].split() == ["spark.authenticate.secret", "s3cr", "et"]

    def test_without_secrets_there_is_no_file(self, sandbox: Path, tmp_path: Path) -> None:
        task = task_info(submission(properties=properties(write_spark(tmp_path / "home"))))
        got = launched(task, sandbox)
        assert got.properties is None
        assert "--properties-file" not in got.arguments

    def test_blanks_that_a_file_would_lose(self) -> None:
        secret = {"spark.mesos.executor.home": "/x", "spark.ui.password": " top secret"}
        with pytest.raises(UsageError, match=r"^spark\.ui\.password is a secret with blanks") as caught:
            command_line(submission(properties=secret), CLUSTER)
        assert "top" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"app_args": ("a\0b",)}, "has a NUL in it"),
        ({"app_args": ("\ud800",)}, "is not Unicode"),
        ({"name": "\0"}, "has a NUL in it"),
    ],
)
def test_what_no_command_line_holds(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        command_line(submission(**changed), CLUSTER)
