"""`sparkmesos config check`: what it reads, prints and exits with. The rules have tests of their own."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
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
def conf(tmp_path: Path) -> Path:
    folder = tmp_path / "conf"
    folder.mkdir()
    return folder


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


def test_nothing_to_find(check: Check) -> None:
    said = check()
    assert (said.code, said.out, said.err) == (0, "", "no problems\n")


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
    assert json.loads(check("--output", "json").out)["findings"] == []


def test_the_arguments_are_those_of_submit(check: Check, tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text("spark.mesos.rol x\n")
    said = check(
        "--properties-file", str(other), "--deploy-mode", "cluster", "--supervise", "app.py", "--rol"
    )
    assert (said.code, said.rules) == (1, ["unknown-property"])
    assert check("--driver-cores", "2", "--master", "embedded").rules == ["ignored-option"]
    assert check("--driver-cores", "2", "--deploy-mode", "cluster").rules == []


def test_cluster_mode_is_judged_as_such(check: Check) -> None:
    arguments = ("--conf", "spark.mesos.driverEnv.A=b", "--total-executor-cores", "2")
    assert check(*arguments).rules == ["no-effect-here"]
    assert check(*arguments, "--deploy-mode", "cluster").rules == []


def test_spark_env_counts(check: Check, conf: Path) -> None:
    script = conf / "spark-env.sh"
    script.write_text("export SPARK_EXECUTOR_URI=file:/spark.tgz SPARK_MESOS_SECRET=topsecret\n")
    script.chmod(0o644)
    said = check()
    assert said.code == 1
    assert sorted(said.rules) == ["secret-readable", "secret-without-principal", "uri-file-slash"]
    assert "topsecret" not in said.out
    places = {row[1]: row[2] for row in said.rows}
    assert places["uri-file-slash"] == f"SPARK_EXECUTOR_URI (set by {script})"


def test_the_files_of_secrets_are_looked_at(check: Check, conf: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("topsecret\n")
    secret.chmod(0o604)
    (conf / "spark-defaults.conf").write_text(f"spark.mesos.principal p\nspark.mesos.secret.file {secret}\n")
    assert check().rules == ["credential-file-newline", "secret-readable"]
    secret.unlink()
    assert check().rules == ["credential-file"]


def test_a_dispatcher(check: Check, conf: Path) -> None:
    (conf / "spark-defaults.conf").write_text("spark.cores.max 8\nspark.mesos.maxDrivers 10\n")
    (conf / "spark-env.sh").write_text('SPARK_DAEMON_JAVA_OPTS="-Dspark.deploy.recoveryMode=ZOOKEEPER"\n')
    said = check("--for", "dispatcher")
    assert (said.code, said.rules) == (1, ["recovery-without-zookeeper", "no-effect-here"])
    assert "driverDefault.spark.cores.max" in said.rows[1][4]
    assert check("--for", "dispatcher", "--conf", "spark.deploy.zookeeper.url=h:2181").code == 0


def test_a_shuffle_service(check: Check) -> None:
    assert (
        check("--for", "shuffle-service", SPARK_SHUFFLE_OPTS="-Dspark.shuffle.service.port=7338").rules == []
    )
    said = check("--for", "shuffle-service", SPARK_SHUFFLE_OPTS="-Dspark.shuffle.service.port=many")
    assert (said.code, said.rules) == (1, ["wrong-value"])
    assert said.rows[0][2] == "SPARK_SHUFFLE_OPTS"


def test_what_spark_submit_refuses_is_a_finding(check: Check) -> None:
    said = check("--deploy-mode", "cluster", "--driver-cores", "0")
    assert (said.code, said.rules) == (1, ["refused-by-spark"])
    said = check("--total-executor-cores", "many")
    assert (said.code, said.rules) == (1, ["wrong-value"])


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--properties-file", "/does/not/exist"), "/does/not/exist"),
        (("--conf", "nonsense"), "nonsense"),
        (("--for", "nobody"), "nobody"),
        (("--strikt",), "--strict"),
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
    said = check("--conf", "spark.mesos.role\x1b[31m=a", "--conf", "spark.cores.max=7", NO_COLOR="1")
    lines = Terminal().stdout.getvalue().splitlines()
    assert lines[0] == "Errors"
    assert lines[1].startswith("  --conf: No Spark knows a property spark.mesos.role\\x1b[31m")
    assert lines[1].endswith("[unknown-property]")
    assert lines[2] == "    Did you mean spark.mesos.role?"
    assert (said.code, said.err) == (1, "1 error\n")


def test_a_control_character_does_not_break_the_lines(check: Check) -> None:
    said = check("--conf", "spark.mesos.constraints=a\tb\nc")
    assert said.code == 1
    assert len(said.rows) == 1
    assert len(said.rows[0]) == 5
