from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from sparkmesos_core.client_configuration import read_client_configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import (
    InterpreterNotFoundError,
    JavaNotFoundError,
    MasterUrlError,
    MesosError,
    SparkNotFoundError,
    UnreachableError,
    UsageError,
)
from sparkmesos_core.master import EmbeddedMaster, HostPort
from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.settings import OwnMasters
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.submit import client_mode
from sparkmesos_core.submit.client_mode import (
    Submission,
    bridge_for,
    find_leader,
    http_credentials,
    launch,
    leader_url,
)
from sparkmesos_core.submit.launch import Launch
from sparkmesos_core.submit.mesos_driver import ClientModeOptions, MesosDriver

MASTER = "mesos://10.0.0.1:5050"


@pytest.fixture
def spark_home(make_spark) -> Path:
    return make_spark("3.5.9")


@pytest.fixture
def environment(make_java, spark_home: Path) -> dict[str, str]:
    return {"SPARK_HOME": str(spark_home), "JAVA_HOME": str(make_java()), "HOME": "/nonexistent"}


@pytest.fixture
def bridges(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Stands in for the compiler: the calls, each answered with the same path."""
    calls: list[tuple[Any, ...]] = []

    def ensure(*arguments: Any) -> Path:
        calls.append(arguments)
        return Path("/cache/bridge.jar")

    monkeypatch.setattr(client_mode, "ensure_bridge", ensure)
    monkeypatch.setattr("sparkmesos_core.spark.native_library._FOLDERS", ())
    return calls


def planned(
    environment: dict[str, str],
    *arguments: str,
    master: str | None = MASTER,
    default_master: str | None = None,
    spark_home: Path | None = None,
    **fields: Any,
) -> Submission:
    own = Origin(Source.SPARKMESOS, "SPARKMESOS_MASTER")
    client = read_client_configuration(
        SubmitArguments.parse([*(["--master", master] if master else []), *arguments]),
        spark_home=spark_home,
        environment=environment,
        own=OwnMasters(Setting("spark.master", default_master, own) if default_master else None),
    )
    return client_mode.plan(client, ClientModeOptions(**fields))


def url_of_leader(submission: Submission) -> str:
    return leader_url(submission, find_leader(submission))


def launched(environment: dict[str, str], *arguments: str, url: str = MASTER, **fields: Any) -> Launch:
    submission = planned(environment, *arguments, **fields)
    return launch(submission, url, bridge_for(submission, print), environment)


@pytest.mark.usefixtures("bridges")
class TestWhereSparkLooksForTheLeader:
    """There must be a leader when the application starts; later it may be another."""

    @pytest.fixture
    def leader(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Leader], None]:
        def leads(leader: Leader) -> None:
            monkeypatch.setattr(client_mode, "resolve_leader", lambda master, ca_file: leader)

        return leads

    @pytest.mark.parametrize(
        ("master", "leading", "url"),
        [
            ("mesos://h1", Leader(HostPort("h1", 5050)), "mesos://h1:5050"),
            ("mesos://h1,h2,h3", Leader(HostPort("h2", 5050)), "mesos://h2:5050,h1:5050,h3:5050"),
            ("mesos://h1", Leader(HostPort("10.0.0.9", 5050)), "mesos://10.0.0.9:5050,h1:5050"),
            ("https://h1,h2", Leader(HostPort("h2", 5050), "https"), "mesos://https://h2:5050,h1:5050"),
            ("http://h1", Leader(HostPort("h2", 5050), "https"), "mesos://https://h2:5050"),
            (
                "zk://u:p@z1,z2/mesos",
                Leader(HostPort("10.0.0.9", 5050)),
                "mesos://zk://u:p@z1:2181,z2:2181/mesos",
            ),
        ],
    )
    def test_the_bridge_finds_the_next_one(
        self, environment, leader, master: str, leading: Leader, url: str
    ) -> None:
        leader(leading)
        assert url_of_leader(planned(environment, "app.py", master=master)) == url

    @pytest.mark.parametrize(
        ("master", "url"),
        [("mesos://h1,h2", "mesos://h2:5050"), ("zk://z1/mesos", "mesos://zk://z1:2181/mesos")],
    )
    def test_libmesos_watches_zookeeper_only(
        self, environment, leader, tmp_path: Path, master: str, url: str
    ) -> None:
        leader(Leader(HostPort("h2", 5050)))
        environment["MESOS_NATIVE_JAVA_LIBRARY"] = str(tmp_path / "libmesos.so")
        (tmp_path / "libmesos.so").touch()
        assert url_of_leader(planned(environment, "app.py", master=master)) == url

    @pytest.mark.parametrize("master", ["mesos://h1", "zk://z1/mesos"])
    def test_a_master_too_old_for_the_bridge(self, environment, leader, master: str) -> None:
        leader(Leader(HostPort("h1", 5050), version="0.28.3"))
        with pytest.raises(
            MesosError, match=r"needs Mesos 1\.0 or newer; the master at http://h1:5050 is 0\.28\.3"
        ):
            url_of_leader(planned(environment, "app.py", master=master))

    @pytest.mark.parametrize("version", [None, "", "1.0.0", "1.12.0-dev", "odd"])
    def test_versions_that_are_new_enough_or_unknown(self, environment, leader, version: str | None) -> None:
        leader(Leader(HostPort("h1", 5050), version=version))
        assert url_of_leader(planned(environment, "app.py", master="mesos://h1"))

    def test_no_leader_is_an_error_before_anything_starts(self, environment, monkeypatch) -> None:
        def nobody(master: object, ca_file: str | None) -> Leader:
            raise UnreachableError("no Mesos master is elected")

        monkeypatch.setattr(client_mode, "resolve_leader", nobody)
        with pytest.raises(UnreachableError, match="no Mesos master is elected"):
            url_of_leader(planned(environment, "app.py", master="zk://z1/mesos"))


@pytest.mark.usefixtures("bridges")
class TestSpark4:
    """Its spark-submit refuses mesos://; what begins with `spark` it leaves to whoever takes it."""

    @pytest.fixture
    def spark_home(self, make_spark) -> Path:
        return make_spark("4.3.0", "2.13", mesos=False, name="four")

    @staticmethod
    def values(command: Launch, option: str) -> list[str]:
        """What the option is given, the last one counts."""
        pairs = zip(command.arguments, command.arguments[1:], strict=False)
        return [value for word, value in pairs if word == option]

    @pytest.mark.parametrize(
        "url",
        [
            "mesos://10.0.0.1:5050",
            "mesos://h2:5050,h1:5050",
            "mesos://https://h1:5050",
            "mesos://zk://u:hunter2@z1:2181,z2:2181/mesos",
        ],
    )
    def test_the_master(self, environment, url: str) -> None:
        command = launched(environment, "app.py", url=url)
        assert self.values(command, "--master") == [MASTER, f"spark+{url}"]
        assert "hunter2" not in shlex.join(command.printable())

    def test_the_bridge_is_on_the_class_path(self, environment) -> None:
        command = launched(environment, "--conf", "spark.driver.extraClassPath=/a.jar", "app.py")
        assert self.values(command, "--driver-class-path") == ["/cache/bridge.jar:/a.jar"]

    def test_libmesos_is_left_alone(self, environment, tmp_path: Path) -> None:
        library = tmp_path / "libmesos.so"
        library.touch()
        environment["MESOS_NATIVE_JAVA_LIBRARY"] = str(library)
        assert planned(environment, "app.py").libmesos is None
        assert self.values(launched(environment, "app.py"), "--master")[-1] == f"spark+{MASTER}"

    def test_a_local_master_is_known_as_one(self, environment) -> None:
        command = launched(environment, "app.py", master="mesos://127.0.0.1", url="mesos://127.0.0.1:5050")
        assert command.environment["SPARK_LOCAL_IP"] == "127.0.0.1"

    def test_without_a_master_to_ask(self, environment) -> None:
        submission = planned(environment, "app.py", master="embedded")
        command = launch(submission, client_mode.future_url(submission), None, environment)
        assert self.values(command, "--master") == ["embedded", "spark+mesos://EMBEDDED"]

    def test_a_java_that_is_too_old(self, environment, make_java) -> None:
        environment["JAVA_HOME"] = str(make_java("11.0.2", name="eleven"))
        with pytest.raises(JavaNotFoundError, match=r"Spark 4\.3\.0 needs Java 17"):
            planned(environment, "app.py")


@pytest.mark.usefixtures("bridges")
class TestCredentialsForTheMaster:
    KNOWN = ("--conf", "spark.mesos.principal=spark", "--conf", "spark.mesos.secret=hunter2", "app.py")

    def test_the_bridge_sends_them_anyway(self, environment) -> None:
        submission = planned(environment, *self.KNOWN)
        assert http_credentials(submission, "http://h:5050") == ("spark", "hunter2")

    def test_libmesos_never_sends_the_secret_as_it_is(self, environment, tmp_path: Path) -> None:
        environment["MESOS_NATIVE_JAVA_LIBRARY"] = str(tmp_path / "libmesos.so")
        (tmp_path / "libmesos.so").touch()
        submission = planned(environment, *self.KNOWN)
        assert http_credentials(submission, "http://h:5050") == (None, None)
        assert http_credentials(submission, "https://h:5050") == ("spark", "hunter2")

    def test_what_cannot_be_read_is_for_spark_to_complain_about(self, environment) -> None:
        submission = planned(environment, "--conf", "spark.mesos.principal.file=/nowhere", "app.py")
        assert http_credentials(submission, "http://h:5050") == (None, None)


@pytest.mark.usefixtures("bridges")
class TestCommand:
    def test_the_users_arguments_stay_as_they_are_and_ours_win(self, environment, spark_home) -> None:
        arguments = launched(
            environment, "--name", "a b", "--conf", "x='y'", "app.py", "--flag", ""
        ).arguments
        assert list(arguments) == [
            f"{spark_home}/bin/spark-submit",
            "--master", MASTER, "--name", "a b", "--conf", "x='y'",
            "--master", MASTER, "--driver-class-path", "/cache/bridge.jar",
            "app.py", "--flag", "",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "theirs",
        [
            ["--driver-class-path", "mine.jar"],
            ["--conf", "spark.driver.extraClassPath=mine.jar"],
            ["--conf", "spark.driver.extraClassPath=no.jar", "--driver-class-path=mine.jar"],
        ],
    )
    def test_the_bridge_stands_before_the_users_class_path(self, environment, theirs: list[str]) -> None:
        arguments = launched(environment, *theirs, "app.py").arguments
        assert arguments[-3:] == ("--driver-class-path", "/cache/bridge.jar:mine.jar", "app.py")

    def test_the_class_path_of_the_defaults_file_is_kept(self, environment, spark_home: Path) -> None:
        (spark_home / "conf").mkdir()
        (spark_home / "conf" / "spark-defaults.conf").write_text("spark.driver.extraClassPath a.jar:b.jar\n")
        assert launched(environment, "app.py").arguments[-2] == "/cache/bridge.jar:a.jar:b.jar"

    def test_executors_of_fine_grained_mode_get_the_bridge_too(self, environment, spark_home: Path) -> None:
        fine = ("--conf", "spark.mesos.coarse= FALSE")
        conf = "spark.executor.extraClassPath=/cache/bridge.jar"
        assert launched(environment, *fine, "app.py").arguments[-3:-1] == ("--conf", conf)
        theirs = ("--conf", "spark.executor.extraClassPath=mine.jar")
        assert launched(environment, *fine, *theirs, "app.py").arguments[-2] == f"{conf}:mine.jar"
        (spark_home / "conf").mkdir()
        (spark_home / "conf" / "spark-defaults.conf").write_text("spark.executor.extraClassPath a.jar\n")
        assert launched(environment, *fine, "app.py").arguments[-2] == f"{conf}:a.jar"
        coarse = launched(environment, "--conf", "spark.mesos.coarse=true", "app.py").arguments
        assert not any("spark.executor" in argument for argument in coarse)

    def test_a_properties_file_replaces_the_defaults(
        self, environment, spark_home: Path, tmp_path: Path
    ) -> None:
        (spark_home / "conf").mkdir()
        (spark_home / "conf" / "spark-defaults.conf").write_text("spark.driver.extraClassPath a.jar\n")
        (tmp_path / "my.conf").write_text("spark.driver.extraClassPath c.jar\n")
        arguments = launched(environment, "--properties-file", str(tmp_path / "my.conf"), "app.py").arguments
        assert arguments[-2] == "/cache/bridge.jar:c.jar"

    def test_spark_conf_dir(self, environment, tmp_path: Path) -> None:
        (tmp_path / "spark-defaults.conf").write_text(f"spark.master {MASTER}\n")
        environment["SPARK_CONF_DIR"] = str(tmp_path)
        assert planned(environment, "app.py", master=None).master.spark_url == MASTER

    def test_options_that_spark_ignores_on_mesos_become_properties(self, environment) -> None:
        options = ["--executor-cores", "2", "--num-executors", "3"]
        arguments = launched(environment, *options, "app.py").arguments
        assert arguments[3:7] == tuple(options)
        assert arguments[9:13] == ("--conf", "spark.executor.cores=2", "--conf", "spark.cores.max=6")

    def test_what_spark_env_sets_reaches_the_driver_and_is_set_once(
        self, environment, spark_home: Path, make_java
    ) -> None:
        java = make_java("11.0.2", name="java11")
        (spark_home / "conf").mkdir()
        (spark_home / "conf" / "spark-env.sh").write_text(
            f"JAVA_HOME='{java}'\nMARK=\"a b\"\nunset GONE\nMASTER=mesos://of-the-script\n"
        )
        environment.update(GONE="1", PATH=os.environ["PATH"])
        submission = planned(environment, "app.py", master=None)
        assert submission.master.spark_url == "mesos://of-the-script:5050"
        assert submission.java.home == java
        made = launch(submission, MASTER, Path("/cache/bridge.jar"), environment)
        assert (made.environment["MARK"], made.environment["SPARK_ENV_LOADED"]) == ("a b", "1")
        assert "GONE" not in made.environment
        # What is printed sources the script again when it is run.
        assert made.set_variables == {"JAVA_HOME": str(java)}

    def test_a_locale_for_arguments_that_are_not_ascii(self, environment) -> None:
        made = launched(environment, "app.py", "é")
        assert made.environment["LC_ALL"].lower().replace("-", "").endswith("utf8")
        assert "LC_ALL" not in launched(environment, "app.py", "e").environment

    def test_programs_get_the_spark_and_the_java_that_were_found(self, environment) -> None:
        found = launched(environment, "app.py").environment
        assert (found["SPARK_HOME"], found["JAVA_HOME"]) == (
            environment["SPARK_HOME"],
            environment["JAVA_HOME"],
        )

    def test_a_driver_of_a_master_on_loopback_binds_there(self, environment) -> None:
        url = "mesos://127.0.0.1:5050"
        for local in (url, "mesos://[::1]", "mesos://localhost", "embedded", "mesos://zk://localhost/mesos"):
            made = launched(
                environment, "app.py", master=local, url="mesos://H" if local == "embedded" else local
            )
            assert made.environment["SPARK_LOCAL_IP"] == "127.0.0.1"
        assert "SPARK_LOCAL_IP" not in launched(environment, "app.py").environment
        decided = launched(environment, "--conf", "spark.driver.host=h", "app.py", url=url)
        assert "SPARK_LOCAL_IP" not in decided.environment
        environment["SPARK_LOCAL_IP"] = "10.0.0.7"
        assert launched(environment, "app.py", url=url).environment["SPARK_LOCAL_IP"] == "10.0.0.7"

    def test_the_timeout_and_the_ca_file_reach_the_bridge(self, environment, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_bytes(trustme.CA().cert_pem.bytes())
        found = launched(environment, "app.py", start_timeout=90.0, ca_file=tmp_path / "ca.pem").environment
        assert found["SPARKMESOS_START_TIMEOUT"] == "90"
        assert found["SPARKMESOS_CA_FILE"] == str(tmp_path / "ca.pem")

    def test_printing_shows_what_changed_and_no_secret(self, environment) -> None:
        made = launched(environment, "--conf", "spark.mesos.secret=hunter2", "app.py", start_timeout=1.5)
        shown = shlex.join(made.printable())
        assert shown.startswith("env SPARKMESOS_START_TIMEOUT=1.5 ")
        assert "JAVA_HOME" not in shown
        assert "'spark.mesos.secret=***'" in shown
        assert made.hides_secrets()
        assert not launched(environment, "app.py").hides_secrets()


class TestMesosDriver:
    def test_libmesos_is_used_where_there_is_one(self, environment, bridges, tmp_path: Path) -> None:
        environment["MESOS_NATIVE_JAVA_LIBRARY"] = str(tmp_path / "libmesos.so")
        (tmp_path / "libmesos.so").touch()
        made = launched(environment, "app.py")
        assert "--driver-class-path" not in made.arguments
        assert made.environment["MESOS_NATIVE_JAVA_LIBRARY"] == str(tmp_path / "libmesos.so")
        assert bridges == []

    @pytest.mark.parametrize(
        "fields", [{"start_timeout": 9.0}, {"master": "mesos://https://h"}, {"master": "embedded"}]
    )
    def test_the_bridge_is_used_for_what_libmesos_cannot_do(
        self, environment, bridges, tmp_path: Path, fields: dict[str, Any]
    ) -> None:
        environment["MESOS_NATIVE_JAVA_LIBRARY"] = str(tmp_path / "libmesos.so")
        (tmp_path / "libmesos.so").touch()
        launched(environment, "app.py", **fields)
        assert len(bridges) == 1
        with pytest.raises(UsageError, match="--mesos-driver native was asked for, but"):
            planned(environment, "app.py", mesos_driver=MesosDriver.NATIVE, **{"master": MASTER, **fields})

    def test_http_is_used_when_asked_for(self, environment, bridges, tmp_path: Path) -> None:
        environment["MESOS_NATIVE_JAVA_LIBRARY"] = str(tmp_path / "libmesos.so")
        (tmp_path / "libmesos.so").touch()
        launched(environment, "app.py", mesos_driver=MesosDriver.HTTP)
        assert len(bridges) == 1

    @pytest.mark.usefixtures("bridges")
    def test_native_without_libmesos(self, environment) -> None:
        with pytest.raises(SparkNotFoundError, match="no libmesos"):
            planned(environment, "app.py", mesos_driver=MesosDriver.NATIVE)


@pytest.mark.usefixtures("bridges")
class TestRefusals:
    def test_no_master(self, environment) -> None:
        with pytest.raises(UsageError, match="No Mesos master given") as caught:
            planned(environment, "app.py", master=None)
        assert "embedded" in caught.value.hint

    def test_the_master_may_stand_among_sparks_own_options(self, environment) -> None:
        submission = planned(environment, "--class", "X", "--master", "embedded[3]", "a.jar", master=None)
        assert submission.master == EmbeddedMaster(3)

    def test_which_master_wins(self, environment, spark_home: Path) -> None:
        (spark_home / "conf").mkdir()
        (spark_home / "conf" / "spark-defaults.conf").write_text("spark.master mesos://properties\n")
        environment["MASTER"] = "mesos://spark-variable"

        def master(*arguments: str, **fields: Any) -> str:
            return planned(environment, *arguments, "app.py", **fields).master.spark_url

        default = "mesos://variable"
        typed = ["--conf", "spark.master=mesos://property", "--master", "mesos://option"]
        assert master(*typed, master=None, default_master=default) == "mesos://option:5050"
        assert master(*typed[:2], master=None, default_master=default) == "mesos://property:5050"
        assert master(master=None, default_master=default) == "mesos://variable:5050"
        assert master(master=None) == "mesos://properties:5050"
        (spark_home / "conf" / "spark-defaults.conf").unlink()
        assert master(master=None) == "mesos://spark-variable:5050"

    def test_a_wrong_master(self, environment) -> None:
        with pytest.raises(MasterUrlError):
            planned(environment, "app.py", master="spark://h:7077")

    @pytest.mark.parametrize("argument", ["a\r", "\udcff"])
    def test_arguments_that_the_jvm_would_spoil(self, environment, argument: str) -> None:
        with pytest.raises(UsageError, match="The argument"):
            planned(environment, "app.py", argument)

    def test_a_spark_without_mesos(self, environment, make_spark) -> None:
        spark = make_spark("3.5.9", mesos=False, name="without")
        with pytest.raises(SparkNotFoundError, match="was built without Mesos"):
            planned(environment, "app.py", spark_home=spark)

    def test_libmesos_for_spark_4(self, environment, make_spark) -> None:
        spark = make_spark("4.3.0", "2.13", mesos=False, name="four")
        with pytest.raises(UsageError, match=r"--mesos-driver native .* Spark 4\.3\.0 has no"):
            planned(environment, "app.py", spark_home=spark, mesos_driver=MesosDriver.NATIVE)

    def test_a_python_that_is_not_there(self, environment) -> None:
        environment["PYSPARK_PYTHON"] = "/nonexistent/python"
        with pytest.raises(InterpreterNotFoundError, match="The Python of the driver, '/nonexistent/python'"):
            planned(environment, "app.py")
        for other in (["--class", "X", "a.jar"], ["app.R"]):
            assert planned(environment, *other)

    def test_a_java_that_this_spark_cannot_use(self, environment, make_java) -> None:
        environment["JAVA_HOME"] = str(make_java("25", name="java25"))
        with pytest.raises(JavaNotFoundError, match="is Java 25"):
            planned(environment, "app.py")
