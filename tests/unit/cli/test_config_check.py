"""`sparkmesos config check`: what it reads, prints and exits with. The rules have tests of their own."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sparkmesos_cli.main import run
from sparkmesos_cli.terminal import Terminal


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def rules(self) -> list[str]:
        return [row[1] for row in self.rows]


Check = Callable[..., Said]


class InTerminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def conf() -> Iterator[Path]:
    """The folder of configuration files, which everybody may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def check(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> Check:
    """Runs the command with the files of `conf`, where no Spark is installed."""
    monkeypatch.setattr("sparkmesos_core.spark.home.importlib_util.find_spec", lambda name: None)
    monkeypatch.delenv("SPARKMESOS_MASTER", raising=False)

    def call(*arguments: str, **environment: str) -> Said:
        basic = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "SPARK_CONF_DIR": str(conf)}
        code = run(["config", "check", *arguments], Terminal(environment={**basic, **environment}))
        return Said(code, *capfd.readouterr())

    return call


def test_nothing_to_find(check: Check, conf: Path) -> None:
    said = check("--master", "embedded")
    assert (said.code, said.out, said.err) == (0, "", "no problems; there is no file to read\n")
    script, defaults = conf / "spark-env.sh", conf / "spark-defaults.conf"
    script.touch()
    defaults.touch()
    assert check("--master", "embedded").err == f"no problems in {script} and {defaults}\n"
    assert check("--for", "shuffle-service").err == f"no problems in {script} and {defaults}\n"


def test_a_folder_of_settings_that_does_not_exist(check: Check) -> None:
    said = check("--master", "embedded", SPARK_CONF_DIR="/does/not/exist")
    assert (said.code, said.rules) == (0, ["conf-dir-missing"])
    assert said.rows[0][2] == "SPARK_CONF_DIR"


def test_the_lines_of_a_file_in_their_order(check: Check, conf: Path) -> None:
    defaults = conf / "spark-defaults.conf"
    defaults.write_text(
        "spark.task.cpus x\nspark.mesos.rol x\nspark.cores.max x\nspark.blockManager.port x\n"
    )
    said = check("--master", "embedded")
    assert [row[2] for row in said.rows] == [f"{defaults}:{line}" for line in range(1, 5)]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--deploy-mode", "cluster", "--master", "mesos://localhost:7077", "here.py"), "is a path on this"),
        (("--deploy-mode", "cluster", "here.py"), "The application is a path"),
        (("--deploy-mode", "cluster", "--jars", "a.jar", "https://x/a.py"), "--jars names is a path"),
        (("--deploy-mode", "cluster", "--jars", "a.jar"), "--jars names is a path"),
        (("--deploy-mode", "cluster", "https://x/a.jar"), "main class"),
        (("--deploy-mode", "cluster", "pyspark-shell"), "cannot run in cluster mode"),
        (("nope.py",), "nope.py does not exist"),
        (("--master", "embedded", "/nope.jar"), "/nope.jar does not exist"),
        (("here.py", "a\rb"), "carriage return"),
    ],
)
def test_what_submit_refuses_about_an_application(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], part: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here.py").touch()
    said = check(*arguments)
    assert said.code == 1
    assert [row[3] for row in said.rows if row[1] in ("refused-by-submit", "missing-file") and part in row[3]]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--master", "embedded", "here.py"),
        ("--master", "embedded", "https://x/a.jar"),
        ("--master", "mesos://localhost:7077", "--deploy-mode", "cluster", "https://x/a.py"),
        ("--master", "mesos://localhost:7077", "--deploy-mode", "cluster", "--jars", "https://x/a.jar"),
        ("--master", "mesos://localhost:7077", "--deploy-mode", "cluster", "--class", "A", "local:/a.jar"),
    ],
)
def test_what_submit_takes(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here.py").touch()
    assert check(*arguments).rules == []


def test_no_master(check: Check) -> None:
    assert [row[:2] for row in check().rows] == [["note", "no-master"]]
    assert [row[:2] for row in check("http://x/a.py").rows] == [["warning", "no-master"]]


def test_options_behind_the_application(check: Check) -> None:
    said = check("http://x/a.py", "--master", "mesos://h:5050")
    assert ["warning", "option-behind-application"] in [row[:2] for row in said.rows]
    said = check("--master", "embedded", "http://x/a.py", "--master=mesos://h:5050", "--conf", "spark.a=b")
    assert [row[:2] for row in said.rows] == [["note", "option-behind-application"]] * 2
    said = check(
        "--master", "embedded", "http://x/a.py", "--name", "a", "--conf", "b=c", "--master", "yes", "-v"
    )
    assert said.rules == []


def test_misspelt_variables_of_our_own(check: Check) -> None:
    said = check(
        "--master",
        "embedded",
        SPARKMESOS_MASTR="x",
        SPARKMESOS_ELSEWHERE="x",
        SPARKMESOS_CACHE_DIR="/c",
        SPARKMESOS_OUTPUT="json",
    )
    assert [row[1:3] for row in said.rows] == [["misspelt-variable", "SPARKMESOS_MASTR"]]
    assert "SPARKMESOS_MASTER" in said.rows[0][3]
    assert (
        check("--master", "embedded", SPARKMESOS_MASTER="embedded", SPARKMESOS_CONFIG="/dev/null").rules == []
    )


def test_of_a_property_that_is_given_twice_the_last_counts(check: Check) -> None:
    said = check("--master", "embedded", "--conf", "spark.cores.max=4", "--conf", "spark.cores.max=5")
    assert [row[:2] for row in said.rows] == [["note", "set-twice"]]
    assert check("--master", "embedded", *["--conf", "spark.cores.max=4"] * 2).rules == []


def test_a_line_for_each_finding_the_worst_first(check: Check, conf: Path) -> None:
    defaults = conf / "spark-defaults.conf"
    defaults.write_text("spark.blockManager.port 31000\nspark.mesos.rol x\n")
    said = check("--master", "mesos://master.example:5050")
    assert said.code == 1
    assert [row[:3] for row in said.rows] == [
        ["error", "unknown-property", f"{defaults}:2"],
        ["warning", "cores-max-unset", ""],
        ["note", "block-manager-port", f"{defaults}:1"],
    ]
    assert all(len(row) == 5 for row in said.rows)
    assert said.err == "1 error, 1 warning, 1 note\n"


def test_only_errors_fail_unless_it_is_strict(check: Check) -> None:
    arguments = ("--conf", "spark.cores.max=7", "--conf", "spark.executor.cores=2")
    assert check(*arguments).code == 0
    assert check("--strict", *arguments).code == 1
    assert check("--strict", "--conf", "spark.blockManager.port=31000").code == 0


def test_json(check: Check, conf: Path) -> None:
    defaults = conf / "spark-defaults.conf"
    defaults.write_text("\nspark.mesos.rol x\n")
    said = check("--output", "json", "--master", "mesos://master.example:5050")
    assert said.code == 1
    content = json.loads(said.out)
    assert content["version"] == 1
    error, warning = content["findings"]
    assert set(error) == {"id", "severity", "message", "hint", "key", "place"}
    assert (error["id"], error["severity"], error["key"]) == ("unknown-property", "error", "spark.mesos.rol")
    assert error["place"] == {"source": "file", "name": str(defaults), "line": 2, "script": None}
    assert warning["place"] is None
    defaults.write_text("")
    assert json.loads(check("--output", "json", "--master", "embedded").out)["findings"] == []


def test_the_arguments_are_those_of_submit(check: Check, tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text("spark.mesos.rol x\n")
    said = check(
        "--properties-file", str(other), "--deploy-mode", "cluster", "--supervise", "http://x/app.py", "--rol"
    )
    assert (said.code, said.rules) == (1, ["unknown-property", "no-master"])
    assert check("--driver-cores", "2", "--master", "embedded").rules == ["ignored-option"]
    assert check("--driver-cores", "2", "--deploy-mode", "cluster").rules == ["no-master"]


def test_cluster_mode_is_judged_as_such(check: Check) -> None:
    arguments = ("--conf", "spark.mesos.driverEnv.A=b", "--total-executor-cores", "2")
    assert check(*arguments).rules == ["no-effect-here", "no-master"]
    assert check(*arguments, "--deploy-mode", "cluster").rules == ["no-master"]


def test_spark_env_counts(check: Check, conf: Path) -> None:
    script = conf / "spark-env.sh"
    script.write_text("export SPARK_EXECUTOR_URI=file:/spark.tgz SPARK_MESOS_SECRET=topsecret\n")
    script.chmod(0o644)
    said = check("--master", "embedded")
    assert said.code == 1
    assert sorted(said.rules) == ["secret-readable", "secret-without-principal", "uri-file-slash"]
    assert "topsecret" not in said.out
    places = {row[1]: row[2] for row in said.rows}
    assert places["uri-file-slash"] == f"SPARK_EXECUTOR_URI (set by {script})"


def test_the_files_of_secrets_are_looked_at(check: Check, conf: Path) -> None:
    secret = conf / "secret"
    secret.write_text("topsecret\n")
    secret.chmod(0o604)
    (conf / "spark-defaults.conf").write_text(f"spark.mesos.principal p\nspark.mesos.secret.file {secret}\n")
    assert check("--master", "embedded").rules == ["secret-readable"]
    (conf / "libmesos.so").touch()
    arguments = ("--master", "mesos://127.0.0.1:5050", "--total-executor-cores", "4")
    said = check(*arguments, MESOS_NATIVE_JAVA_LIBRARY=str(conf / "libmesos.so"))
    assert said.rules == ["credential-file-newline", "secret-readable"]
    secret.unlink()
    said = check("--master", "embedded")
    # The machine that runs it may have the file.
    assert [row[:2] for row in said.rows] == [["warning", "credential-file"]]


def test_a_dispatcher(check: Check, conf: Path) -> None:
    (conf / "spark-defaults.conf").write_text("spark.cores.max 8\nspark.mesos.maxDrivers 10\n")
    (conf / "spark-env.sh").write_text('SPARK_DAEMON_JAVA_OPTS="-Dspark.deploy.recoveryMode=ZOOKEEPER"\n')
    said = check("--for", "dispatcher", "--master", "mesos://h:5050")
    assert (said.code, said.rules) == (1, ["recovery-without-zookeeper", "no-effect-here"])
    assert "driverDefault.spark.cores.max" in said.rows[1][4]
    assert check("--for", "dispatcher", "--conf", "spark.deploy.zookeeper.url=h:2181").code == 0
    said = check("--for", "dispatcher", "-z", "h:2181", "--host", "d", "-p", "7077", "--webui-port", "8081")
    assert (said.code, said.rules) == (0, ["no-master", "no-effect-here"])
    said = check("--for", "dispatcher", "--zk", "zk://h:2181/a")
    assert (said.code, said.rows[0][1:3]) == (1, ["zookeeper-url-scheme", "--zk"])


def test_what_only_applications_have(check: Check) -> None:
    said = check("--for", "shuffle-service", "--executor-memory", "4g", "--queue", "a", "app.py")
    assert [row[:3] for row in said.rows] == [
        ["warning", "ignored-option", "--executor-memory"],
        ["warning", "ignored-option", "--queue"],
        ["warning", "ignored-option", ""],
    ]
    assert check("--for", "dispatcher", "--master", "mesos://h:5050", "--name", "a").rules == []


def test_a_shuffle_service(check: Check) -> None:
    assert (
        check("--for", "shuffle-service", SPARK_SHUFFLE_OPTS="-Dspark.shuffle.service.port=7338").rules == []
    )
    said = check("--for", "shuffle-service", SPARK_SHUFFLE_OPTS="-Dspark.shuffle.service.port=many")
    assert (said.code, said.rules) == (1, ["wrong-value"])
    assert said.rows[0][2] == "SPARK_SHUFFLE_OPTS"


def test_what_spark_submit_refuses_is_a_finding(check: Check) -> None:
    said = check("--deploy-mode", "cluster", "--driver-cores", "0")
    assert (said.code, said.rules) == (1, ["refused-by-spark", "no-master"])
    said = check("--total-executor-cores", "many", "--master", "embedded")
    assert (said.code, said.rules) == (1, ["wrong-value"])


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--properties-file", "/does/not/exist"), "/does/not/exist"),
        (("--conf", "nonsense"), "nonsense"),
        (("--for", "nobody"), "nobody"),
        (("--strikt",), "--strict"),
        (("--version",), "nothing to check"),
        (("--kill", "a"), "nothing to check"),
        (("--zk", "h:2181"), "--for dispatcher"),
        (("--for", "dispatcher", "--port", "many"), "--port"),
    ],
)
def test_what_cannot_be_read_is_an_error_of_usage(
    check: Check, arguments: tuple[str, ...], part: str
) -> None:
    said = check(*arguments)
    assert (said.code, said.out) == (2, "")
    assert part in said.err


@pytest.mark.parametrize(
    ("master", "rule"), [("mesos://master.example:5050", "cores-max-unset"), ("yarn", "master-url")]
)
def test_own_settings_count(check: Check, monkeypatch: pytest.MonkeyPatch, master: str, rule: str) -> None:
    monkeypatch.setenv("SPARKMESOS_MASTER", master)
    assert check(SPARKMESOS_MASTER=master).rules == [rule]


def test_groups_on_a_terminal(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkmesos_cli.terminal.Terminal.stdout", InTerminal())
    arguments = ("--conf", "spark.mesos.role\x1b[31m=a", "--conf", "spark.cores.max=7")
    said = check(*arguments, MASTER="embedded", NO_COLOR="1")
    lines = Terminal().stdout.getvalue().splitlines()
    assert lines[0] == "Errors"
    assert lines[1].startswith("  --conf: No Spark knows a property spark.mesos.role\\x1b[31m")
    assert lines[1].endswith("[unknown-property]")
    assert lines[2] == "    Did you mean spark.mesos.role?"
    assert (said.code, said.err) == (1, "1 error\n")


def test_a_control_character_does_not_break_the_lines(check: Check) -> None:
    said = check("--conf", "spark.mesos.constraints=a\tb\nc", "--master", "embedded")
    assert said.code == 1
    assert len(said.rows) == 1
    assert len(said.rows[0]) == 5


class TestMesosDriver:
    """Whether libmesos matters depends on what `submit` would use."""

    GONE = "/usr/lib/nowhere/libmesos.so"

    @pytest.mark.parametrize(
        ("arguments", "variables", "settings"),
        [
            (("--mesos-driver", "http"), {}, ""),
            ((), {"SPARKMESOS_MESOS_DRIVER": "http"}, ""),
            ((), {}, '[submit]\nmesos-driver = "http"\n'),
            (("--start-timeout", "9"), {}, ""),
            (("--master", "https://h"), {}, ""),
            (("--master", "embedded"), {}, ""),
        ],
    )
    def test_http_does_without_libmesos(
        self,
        check: Check,
        conf: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        arguments: tuple[str, ...],
        variables: dict[str, str],
        settings: str,
    ) -> None:
        for name, value in variables.items():  # click reads those of the process
            monkeypatch.setenv(name, value)
        (tmp_path / "own.toml").write_text(settings)
        (conf / "spark-env.sh").write_text(f"MESOS_NATIVE_JAVA_LIBRARY={self.GONE}\n")
        said = check("--total-executor-cores", "4", *arguments, SPARKMESOS_CONFIG=str(tmp_path / "own.toml"))
        assert "libmesos-missing" not in said.rules
        assert said.code == 0

    @pytest.mark.parametrize(
        "arguments", [(), ("--mesos-driver", "native"), ("--master", "mesos://h", "app.py")]
    )
    def test_else_it_has_to_be_there(self, check: Check, conf: Path, arguments: tuple[str, ...]) -> None:
        (conf / "spark-env.sh").write_text(f"MESOS_NATIVE_JAVA_LIBRARY={self.GONE}\n")
        said = check(*arguments)
        assert said.rules.count("libmesos-missing") == 1
        assert said.code == 1

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--work-dir", "w", "--master", "mesos://h"), "--work-dir is for an embedded master only"),
            (("--deploy-mode", "cluster", "--start-timeout", "9"), "--start-timeout is for client mode"),
        ],
    )
    def test_own_options_that_cannot_be_meant(
        self, check: Check, arguments: tuple[str, ...], said: str
    ) -> None:
        result = check(*arguments, "https://x/a.py")
        assert result.code == 1
        assert any(said in row[3] for row in result.rows if row[1] == "refused-by-submit")

    def test_native_that_cannot_be(self, check: Check) -> None:
        said = check("--mesos-driver", "native", "--master", "embedded", "https://x/a.py")
        assert [row[1] for row in said.rows if "--mesos-driver native was asked for, but" in row[3]] == [
            "refused-by-submit"
        ]


def test_files_that_are_missing(check: Check, conf: Path) -> None:
    """What is typed is meant for this machine; what a file lists may be on the one that submits."""
    (conf / "spark-defaults.conf").write_text("spark.files /nope/a.txt\n")
    said = check("--py-files", "/nope/b.py")
    assert [(row[0], row[3]) for row in said.rows if row[1] == "missing-file"] == [
        ("error", "The file /nope/b.py does not exist"),
        ("warning", "The file /nope/a.txt does not exist"),
    ]
