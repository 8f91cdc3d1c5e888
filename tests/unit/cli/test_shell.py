from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from sparkmesos_cli.main import cli, run
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.errors import ExitCode
from sparkmesos_core.submit.shells import SHELL_OF

BRIDGE = ["--driver-class-path", "/cache/bridge.jar"]
EMBEDDED = ["--master", "mesos://EMBEDDED"]


@dataclass
class Said:
    code: int
    out: str
    err: str

    def command(self) -> list[str]:
        """The command of a dry run, without the variables in front."""
        assert self.code == 0, self.err
        words = shlex.split(self.out)
        return words[next(index for index, word in enumerate(words) if word.startswith("/")) :]


@pytest.fixture
def spark_home(make_spark) -> Path:
    home: Path = make_spark()
    for jar in ("spark-repl_2.12-3.5.9", "spark-hive-thriftserver_2.12-3.5.9"):
        (home / "jars" / f"{jar}.jar").touch()
    for name in ("pyspark", "spark-sql", "sparkR"):
        (home / "bin" / name).touch(mode=0o755)
    (home / "conf").mkdir()
    return home


@pytest.fixture
def shell(
    spark_home: Path, make_java, tmp_path: Path, capfd, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """`sparkmesos shell` as far as the moment when it would become another program."""
    java = make_java()
    for name in ("ensure_bridge", "bridge_path"):
        monkeypatch.setattr(
            f"sparkmesos_core.submit.client_mode.{name}", lambda *arguments: Path("/cache/bridge.jar")
        )
    monkeypatch.setattr("sparkmesos_core.spark.native_library._FOLDERS", ())
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, defaults: str = "", settings: str = "", **environment: str) -> Said:
        (spark_home / "conf" / "spark-defaults.conf").write_text(defaults)
        (tmp_path / "settings.toml").write_text(settings)
        places = {"SPARK_HOME": str(spark_home), "JAVA_HOME": str(java), "HOME": str(tmp_path)}
        own = {"SPARKMESOS_CONFIG": str(tmp_path / "settings.toml")}
        terminal = Terminal(environment={**places, **own, "PATH": os.environ["PATH"], **environment})
        code = run(["shell", *arguments], terminal)
        return Said(code, *capfd.readouterr())

    return call


class TestDryRun:
    def test_scala_is_the_default(self, shell, spark_home: Path) -> None:
        said = shell("--master", "embedded", "--dry-run")
        assert said.command() == [
            f"{spark_home}/bin/spark-submit",
            *("--class", "org.apache.spark.repl.Main", "--name", "Spark shell"),
            *("--master", "embedded", *EMBEDDED, *BRIDGE),
        ]
        assert "SPARK_SUBMIT_OPTS=-Dscala.usejavacp=true" in shlex.split(said.out)
        assert "SPARK_LOCAL_IP=127.0.0.1" in shlex.split(said.out)

    @pytest.mark.parametrize(("language", "program"), [("python", "pyspark"), ("SQL", "spark-sql")])
    def test_other_languages(self, shell, spark_home: Path, language: str, program: str) -> None:
        said = shell("--lang", language, "--master", "embedded", "--dry-run")
        assert said.command()[0] == f"{spark_home}/bin/{program}"
        assert "SPARK_SUBMIT_OPTS" not in said.out

    def test_own_options_among_all_others(self, shell) -> None:
        line = [
            "-e",
            "SELECT 1",
            "--dry-run",
            "--conf",
            "spark.cores.max=2",
            "--lang",
            "sql",
            "--hivevar=a=b",
        ]
        command = shell(*line, "--master", "embedded", "-v", "--", "-i", "/dev/null").command()
        assert command[1:] == [
            *("--conf", "spark.cores.max=2", "--master", "embedded", *EMBEDDED, *BRIDGE),
            *("-e", "SELECT 1", "--hivevar", "a=b", "-i", "/dev/null"),
        ]

    def test_all_long_options_of_the_sql_shell(self, shell) -> None:
        for option in SHELL_OF["sql"].long_options:
            command = shell("--lang", "sql", "--master", "embedded", "--dry-run", option, "x=1").command()
            assert command[-2:] == [option, "x=1"]

    def test_behind_the_separator_nothing_is_ours(self, shell) -> None:
        command = shell("--master", "embedded", "--dry-run", "--", "-e", "1", "--lang").command()
        assert command[-3:] == ["-e", "1", "--lang"]

    def test_options_that_spark_ignores_and_the_configuration(self, shell) -> None:
        said = shell(
            "--dry-run", "--num-executors", "2", "-v",
            defaults="spark.master embedded\nspark.executor.cores 2\n",
        )  # fmt: skip
        assert "spark.cores.max=4" in said.command()
        assert "spark.executor.cores=2  (" in said.err
        assert "application: spark-shell" in said.err

    def test_the_variable_that_counts_is_told(self, shell) -> None:
        line = ["--master", "embedded", "--dry-run", "-v", "--conf", "spark.executor.uri=http://h/a.tgz"]
        said = shell(*line, SPARK_EXECUTOR_URI="http://h/b.tgz")
        assert said.code == 0
        assert "spark.executor.uri=http://h/b.tgz  (SPARK_EXECUTOR_URI)" in said.err
        assert said.err.count("warning: ") == 1
        assert "in spark-shell the variable counts" in said.err

    def test_a_server_of_spark_connect_as_a_package(self, shell, spark_home: Path) -> None:
        package = ("--packages", "org.apache.spark:spark-connect_2.12:3.5.9")
        said = shell("--lang", "connect", *package, "--master", "embedded", "--dry-run")
        assert said.command() == [
            f"{spark_home}/bin/spark-submit",
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
            *("--name", "Spark Connect server", *package),
            *("--master", "embedded", *EMBEDDED, *BRIDGE),
        ]
        assert "warning: the server listens at all addresses of this machine" in said.err
        assert "warning: the server of Spark Connect was not tried on Mesos with Spark 3.5.9" in said.err

    def test_what_is_worth_knowing_of_a_server(self, shell) -> None:
        package = ("--packages", "org.apache.spark:spark-connect_2.12:3.5.9")
        interceptor = ("--conf", "spark.connect.grpc.interceptor.classes=a.B")
        said = shell("--lang", "connect", *package, *interceptor, "--master", "embedded", "--dry-run")
        assert said.code == 0
        assert "note: whether 'a.B' lets only those in who may, sparkmesos cannot tell" in said.err

    def test_secrets(self, shell) -> None:
        line = ["--lang", "sql", "--", "--hiveconf", "javax.jdo.option.ConnectionPassword=hunter2"]
        said = shell("--master", "embedded", "--dry-run", "-v", *line)
        assert said.code == 0
        assert "hunter2" not in said.out + said.err


class TestMistakes:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (["--deploy-mode", "cluster"], "set by --deploy-mode: a shell has no cluster mode"),
            (["--wait"], "spark-shell has no option --wait"),
            (["--stage", "s3://b/"], "spark-shell has no option --stage"),
            (["--dry-rnu"], "No such option --dry-rnu. Did you mean --dry-run?"),
            (["--lang", "julia"], "--lang"),
            (["--lang"], "--lang"),
            (["--lang", "python", "--start-timeout", "9"], "--start-timeout cannot end pyspark"),
            (["--work-dir", "x"], "--work-dir is for an embedded master only"),
            (["-I", "."], "'.' of -I is a folder"),
            (["--lang", "sql", "-e"], "-e of spark-sql needs a value"),
            (["-I", "nope.scala"], "The file 'nope.scala' of -I does not exist"),
            (["--files", "nope.txt"], "The file nope.txt does not exist"),
            (["--executor-memory", "much"], "executor.memory"),
            (["--remote", "sc://h"], "set by --remote: the client of a server of Spark Connect"),
        ],
    )
    def test_stop_it(self, shell, line: list[str], message: str) -> None:
        said = shell("--master", "mesos://nowhere.invalid", *line)
        assert (said.code, said.out) == (ExitCode.USAGE, "")
        assert message in said.err

    def test_cluster_mode_in_the_file(self, shell, spark_home: Path) -> None:
        defaults = "spark.master mesos://h:7077\nspark.submit.deployMode cluster\n"
        said = shell(defaults=defaults)
        assert (said.code, said.out) == (ExitCode.USAGE, "")
        assert f"set in {spark_home}/conf/spark-defaults.conf:2: a shell has no cluster mode" in said.err
        assert "Add --deploy-mode client" in said.err
        # The dispatcher of the settings file is not in the way, either.
        there = shell(
            "--dry-run", "--deploy-mode", "client", "--master", "mesos://h:5050",
            defaults=defaults, settings='dispatcher = "mesos://h:7077"\n',
        )  # fmt: skip
        assert "mesos://h:5050" in there.command()

    def test_no_master(self, shell) -> None:
        said = shell()
        assert (said.code, said.out) == (ExitCode.USAGE, "")
        assert "No Mesos master given" in said.err

    def test_a_remote_instead_of_a_master(self, shell) -> None:
        said = shell("--lang", "python", SPARK_REMOTE="sc://h")
        assert (said.code, said.out) == (ExitCode.USAGE, "")
        assert "SPARK_REMOTE" in said.err
        assert "`pyspark --remote sc://HOST:PORT`" in said.err

    @pytest.mark.parametrize("more", [[], ["--dry-run"]])
    def test_no_spark_connect(self, shell, more: list[str]) -> None:
        said = shell("--lang", "connect", "--master", "embedded", *more)
        assert (said.code, said.out) == (ExitCode.FAILED, "")
        assert "Add --packages org.apache.spark:spark-connect_2.12:3.5.9" in said.err

    @pytest.mark.parametrize("master", [[], ["--master", "mesos://127.0.0.1:1"]])
    def test_a_port_is_looked_at_when_the_rest_is_known(self, shell, master: list[str]) -> None:
        """And before anybody is asked over the network."""
        with socket.socket() as other:
            other.bind(("", 0))
            other.listen()
            port = f"spark.connect.grpc.binding.port={other.getsockname()[1]}"
            line = ["--jars", "/spark-connect_2.12-3.5.9.jar", *master]
            said = shell("--lang", "connect", "--conf", port, *line)
        assert (said.code, said.out) == (ExitCode.FAILED if master else ExitCode.USAGE, "")
        assert ("is in use, where the server would listen" if master else "No Mesos master given") in said.err

    @pytest.mark.parametrize("language", ["scala", "python", "connect"])
    def test_a_client_in_its_own_driver(self, shell, make_spark, language: str) -> None:
        four = make_spark("4.3.0", "2.13", mesos=False, name="four")
        conf = ["--conf", "spark.api.mode=connect", "--spark-home", str(four)]
        said = shell("--lang", language, "--master", "embedded", *conf)
        assert (said.code, said.out) == (ExitCode.USAGE, "")
        assert "spark.api.mode" in said.err
        assert "hint: Set spark.api.mode=classic" in said.err

    @pytest.mark.parametrize("more", [[], ["--dry-run"]])
    def test_no_r(self, shell, spark_home: Path, more: list[str]) -> None:
        said = shell("--lang", "r", "--master", "embedded", *more, PATH="/nonexistent")
        assert (said.code, said.out) == (ExitCode.FAILED, "")
        assert "error: sparkR cannot start: there is no R on this machine" in said.err
        assert f"and the Spark in {spark_home} (SPARK_HOME) has no R/lib/SparkR" in said.err
        assert said.err.count("hint: ") == 1


def test_version(shell, spark_home: Path) -> None:
    said = shell("--version")
    assert (said.code, said.err) == (0, "")
    assert f"Spark version 3.5.9, Scala version 2.12 ({spark_home}, SPARK_HOME)" in said.out


def test_help(shell) -> None:
    said = shell("--help")
    assert said.code == 0
    assert "--packages COORDINATES" in said.out
    assert "--lang [scala|python|sql|r|connect]" in said.out
    for option in ("--class ", "--supervise", "--stage", "--wait", "--kill "):
        assert option not in said.out


class TestSettings:
    def test_its_table(self, shell) -> None:
        said = shell("--dry-run", settings='master = "embedded"\n[shell]\nlang = "python"\n')
        assert said.command()[0].endswith("/bin/pyspark")

    def test_that_of_submit_is_not_meant(self, shell) -> None:
        said = shell("--master", "mesos://h", "--dry-run", settings="[submit]\nstart-timeout = 9\n")
        assert "START_TIMEOUT" not in said.out
        own = shell("--master", "mesos://h", "--dry-run", settings="[shell]\nstart-timeout = 9\n")
        assert "SPARKMESOS_START_TIMEOUT=9" in own.out

    def test_a_time_for_scala_does_not_keep_python_from_starting(self, shell) -> None:
        settings = "[shell]\nstart-timeout = 9\n"
        said = shell("--lang", "python", "--master", "mesos://h", "--dry-run", settings=settings)
        assert (said.code, "START_TIMEOUT" in said.out) == (0, False)

    def test_an_option_that_it_has_not(self, shell) -> None:
        said = shell("--master", "mesos://h", settings="[shell]\nwait = true\n")
        assert (said.code, "`sparkmesos shell` has no option --wait" in said.err) == (ExitCode.USAGE, True)


@pytest.mark.parametrize(
    ("words", "incomplete", "there", "absent"),
    [
        (
            ["shell"],
            "--",
            {"--lang", "--packages", "--dry-run", "--mesos-driver"},
            {"--class", "--wait", "--kill"},
        ),
        (["shell", "--lang"], "", {"scala", "python", "sql", "r"}, set()),
        (["shell", "--conf"], "spark.mesos.coarse=", {"spark.mesos.coarse=true"}, set()),
        (["shell", "-I", "x", "--conf"], "spark.mesos.coarse=", {"spark.mesos.coarse=true"}, set()),
    ],
)
def test_completion(words: list[str], incomplete: str, there: set[str], absent: set[str]) -> None:
    found = {
        item.value for item in ShellComplete(cli, {}, "sparkmesos", "_X").get_completions(words, incomplete)
    }
    assert there <= found
    assert not absent & found
