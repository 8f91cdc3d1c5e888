"""What the drop-ins for Spark's scripts call; that it comes to what Spark's do is an integration test."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.spark.home import find_spark
from tests.drop_in_scripts import DIFFERENCES, page

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "scripts"
PAGE = ROOT / "docs" / "reference" / "drop-in-scripts.md"
DROP_INS = tuple(
    f"{what}-mesos-{daemon}.sh" for what in ("start", "stop") for daemon in ("dispatcher", "shuffle-service")
)
STOP = [name for name in DROP_INS if name.startswith("stop")]
SOURCED = ("sparkmesos-command.sh", "spark-environment.sh")
MASTER = ("-m", "mesos://m:5050")

# Says how it was called; `config show` knows of a Spark if there is a file that says so.
PROGRAM = f"""\
#!{sys.executable}
import json, os, pathlib, sys
if sys.argv[1:] == ["--version"]:
    print("sparkmesos 1.0")
elif sys.argv[1:3] == ["config", "show"]:
    home = pathlib.Path(__file__).with_name("home")
    print(json.dumps({{"a": {{"spark_home": home.read_text() if home.exists() else None, "z": 1}}}}, indent=2))
else:
    print(json.dumps({{
        "arguments": sys.argv[1:],
        "variables": {{name: value for name, value in os.environ.items() if "SPARK" in name or name == "HOSTNAME"}},
    }}))
    sys.exit(int(os.environ.get("EXIT_CODE", 0)))
"""


class Checkout:
    """One whose sparkmesos only says how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "scripts").mkdir(parents=True)
        for name in (*DROP_INS, *SOURCED):
            shutil.copy(SCRIPTS / name, folder / "scripts")
        self.program = folder / ".venv" / "bin" / "sparkmesos"
        self.program.parent.mkdir(parents=True)
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)
        self.spark = folder.parent / "Spark home"
        for part in ("bin", "sbin", "conf"):
            (self.spark / part).mkdir(parents=True)
        (self.spark / "bin" / "spark-class").touch()

    def run(
        self, script: str | Path, *arguments: str, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "scripts" / script, *arguments],
            capture_output=True,
            text=True,
            cwd=cwd or self.folder.parent,
            env={"PATH": "/usr/bin:/bin", "USER": "ops", **variables},
        )

    def called(self, script: str | Path, *arguments: str, **options: Any) -> dict[str, Any]:
        ran = self.run(script, *arguments, **options)
        assert ran.returncode == 0, ran.stderr
        said: dict[str, Any] = json.loads(ran.stdout)
        return said


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a checkout")


def test_arguments(checkout: Checkout) -> None:
    script = "start-mesos-dispatcher.sh"
    assert checkout.called(script)["arguments"] == ["start-dispatcher"]
    given = ["-h", "d1", "-p", "7077", *MASTER, "--name", "-h", "--verbose", "--foreground"]
    assert checkout.called(script, *given, "--conf", "a=b c", "--port=1", "--help", "")["arguments"] == [
        *("--verbose", "start-dispatcher", "--host", "d1", "-p", "7077", "-m", "mesos://m:5050"),
        *("--name", "-h", "--foreground", "--conf", "a=b c", "--port=1", "--help", ""),
    ]
    assert checkout.called(script, "--systemd", "-h", "d1")["arguments"][1:] == ["--systemd", "--host", "d1"]
    assert checkout.called(script, "-m")["arguments"] == ["start-dispatcher", "-m"]
    assert checkout.called("start-mesos-shuffle-service.sh", "--conf", "a=b c")["arguments"] == [
        *("start-shuffle-service", "--conf", "a=b c"),
    ]


def test_variables_without_a_spark(checkout: Checkout) -> None:
    variables = checkout.called("start-mesos-dispatcher.sh")["variables"]
    assert (
        variables.pop("SPARK_MESOS_DISPATCHER_HOST")
        == subprocess.check_output(["hostname", "-f"], text=True).strip()
    )
    assert variables.pop("HOSTNAME") == socket.gethostname()
    assert variables == {
        "SPARK_PID_DIR": "/tmp",
        "SPARK_ENV_LOADED": "1",
        "SPARKMESOS_DISPATCHER_SUBSCRIBE_TIMEOUT": "0",
        "_SPARKMESOS_IN_PLACE_OF_SPARK": "1",
    }


def test_the_spark_that_sparkmesos_finds_is_not_that_of_agents(checkout: Checkout) -> None:
    checkout.program.with_name("home").write_text(str(checkout.spark))
    (checkout.spark / "conf" / "spark-env.sh").write_text("SEEN_SPARK_HOME=$SPARK_HOME\n")
    variables = checkout.called("start-mesos-shuffle-service.sh")["variables"]
    assert "SPARK_HOME" not in variables
    assert variables["SEEN_SPARK_HOME"] == str(checkout.spark)
    assert variables["SPARK_CONF_DIR"] == str(checkout.spark / "conf")
    assert variables["SPARK_LOG_DIR"] == str(checkout.spark / "logs")
    assert (checkout.spark / "logs").is_dir()
    shutil.rmtree(checkout.spark / "conf")  # as pip has it: there is nothing to warn of
    variables = checkout.called("start-mesos-shuffle-service.sh")["variables"]
    assert "SPARK_CONF_DIR" not in variables
    assert variables["SPARK_LOG_DIR"] == str(checkout.spark / "logs")


@pytest.mark.parametrize("how", ["variable", "link in its sbin", "spark-env.sh"])
def test_a_spark_that_was_named_is_that_of_agents_too(checkout: Checkout, how: str) -> None:
    script: str | Path = "start-mesos-shuffle-service.sh"
    given = {}
    if how == "variable":
        given = {"SPARK_HOME": str(checkout.spark)}
    elif how == "spark-env.sh":
        conf = checkout.folder / "conf"
        conf.mkdir()
        (conf / "spark-env.sh").write_text(f"SPARK_HOME='{checkout.spark}'\n")
        given = {"SPARK_CONF_DIR": str(conf)}
    else:
        link = checkout.spark / "sbin" / "start-mesos-shuffle-service.sh"
        link.symlink_to(os.path.relpath(checkout.folder / "scripts" / script, link.parent))
        script = link
    variables = checkout.called(script, **given)["variables"]
    assert variables["SPARK_HOME"] == str(checkout.spark)
    assert variables["SPARK_LOG_DIR"] == str(checkout.spark / "logs")


def test_spark_env_is_sourced_once_as_spark_does_it(checkout: Checkout) -> None:
    (checkout.spark / "conf" / "spark-env.sh").write_text(
        # What it may do in Spark's scripts: fail, use what is not set, read its arguments, change limits.
        "false\nSPARK_SAW=\"$NOT_SET$*\"\numask 027\nSPARK_LOG_DIR=${SPARK_LOG_DIR:-'/nowhere/from script'}\n"
        "SPARK_MESOS_DISPATCHER_HOST=d2\nSPARK_PID_DIR=$HERE/pids\nSPARK_NO_DAEMONIZE=\nhere=/elsewhere\n"
    )
    given = {"SPARK_HOME": str(checkout.spark), "HERE": str(checkout.folder)}
    variables = checkout.called("start-mesos-dispatcher.sh", *MASTER, **given)["variables"]
    assert variables["SPARK_SAW"] == "-m mesos://m:5050"
    assert variables["SPARK_LOG_DIR"] == "/nowhere/from script"
    assert variables["SPARK_MESOS_DISPATCHER_HOST"] == "d2"
    assert variables["SPARK_NO_DAEMONIZE"] == ""  # which is set, for Spark as for us
    assert (checkout.folder / "pids").stat().st_mode & 0o777 == 0o750
    again = checkout.called("start-mesos-dispatcher.sh", **given, SPARK_ENV_LOADED="1")["variables"]
    assert "SPARK_SAW" not in again


@pytest.mark.parametrize(
    ("given", "arguments", "host"),
    [
        ({"SPARK_MESOS_DISPATCHER_HOST": "d3"}, (), "d3"),
        ({"SPARKMESOS_DISPATCHER_HOST": "d3"}, (), None),
        ({}, ("--host", "d3"), None),
        ({}, ("--host=d3",), None),
        ({}, ("-h", "d3"), None),
    ],
)
def test_a_host_that_was_named_stays(
    checkout: Checkout, given: dict[str, str], arguments: tuple[str, ...], host: str | None
) -> None:
    variables = checkout.called("start-mesos-dispatcher.sh", *arguments, **given)["variables"]
    assert variables.get("SPARK_MESOS_DISPATCHER_HOST") == host


def test_a_machine_without_a_full_name(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "hostname").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "hostname").chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    ran = checkout.run("start-mesos-dispatcher.sh", *MASTER, PATH=path)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "no full name" in ran.stderr
    assert "hint: " in ran.stderr
    assert checkout.called("start-mesos-dispatcher.sh", "-h", "d1", PATH=path)["arguments"][-1] == "d1"


@pytest.mark.parametrize("script", STOP)
def test_what_would_only_keep_one_running_is_not_passed_on_to_stop(checkout: Checkout, script: str) -> None:
    called = checkout.called(script, "--instance", "2", SPARK_LOG_MAX_FILES="x", SPARK_NICENESS="x")
    assert called["arguments"][1:] == ["--instance", "2"]
    assert not {"SPARK_LOG_MAX_FILES", "SPARK_NICENESS"} & set(called["variables"])
    assert checkout.run(script, EXIT_CODE="6").returncode == 6


def really(script: Path | str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the real one, with no more of an environment than cron gives."""
    environment = {"PATH": "/usr/bin:/bin", **variables}
    return subprocess.run([script, *arguments], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("script", STOP)
def test_stop_says_what_sparks_says(script: str, tmp_path: Path) -> None:
    given = {"SPARK_PID_DIR": str(tmp_path), "SPARKMESOS_STATE_DIR": str(tmp_path)}
    name = "MesosClusterDispatcher" if "dispatcher" in script else "MesosExternalShuffleService"
    ran = really(SCRIPTS / script, **given)
    assert (ran.returncode, ran.stdout) == (0, f"no org.apache.spark.deploy.mesos.{name} to stop\n")
    ran = really(SCRIPTS / script, "--output", "json", **given)
    assert json.loads(ran.stdout) == {"version": 1, "stopped": None}


def test_the_installed_spark_is_found(tmp_path: Path) -> None:
    """Whatever is wrong with the configuration, and if SPARK_HOME is empty."""
    (tmp_path / "spark-env.sh").write_text(f'echo "$SPARK_HOME" >"{tmp_path}/seen"\n')
    (tmp_path / "spark-defaults.conf").write_bytes(b"spark.a \xff\\u12\n")
    for home in ({}, {"SPARK_HOME": ""}):
        given = {"SPARK_CONF_DIR": str(tmp_path), "SPARKMESOS_STATE_DIR": str(tmp_path), **home}
        assert (
            really(SCRIPTS / "stop-mesos-dispatcher.sh", SPARK_PID_DIR=str(tmp_path), **given).returncode == 0
        )
        assert (tmp_path / "seen").read_text() == f"{find_spark(None, {}).path}\n"
        (tmp_path / "seen").unlink()


@pytest.mark.parametrize("shell", [["sh"], ["dash"], ["bash", "-eu"], ["bash", "--posix"]], ids=" ".join)
def test_called_with_another_shell(checkout: Checkout, shell: list[str]) -> None:
    """As crontabs do it; dash is not what they are written for."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"there is no {shell[0]}")
    for script in DROP_INS:
        ran = really(shell[0], *shell[1:], str(checkout.folder / "scripts" / script), "--name", "a b")
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["arguments"][1:] == ["--name", "a b"]


def test_a_checkout_that_was_moved(checkout: Checkout, tmp_path: Path) -> None:
    """Its sparkmesos is there, and names a Python that is not."""
    elsewhere = tmp_path / "bin"
    elsewhere.mkdir()
    shutil.copy(checkout.program, elsewhere)
    checkout.program.write_text("#!/nowhere/bin/python\n")
    for script in DROP_INS:
        ran = checkout.run(script)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert "sparkmesos is not installed" in ran.stderr
        assert "was moved" in ran.stderr
    assert checkout.called(DROP_INS[0], PATH=f"{elsewhere}:/usr/bin:/bin")["arguments"]


def test_a_copy_without_what_it_shares(tmp_path: Path) -> None:
    for script in DROP_INS:
        ran = really(shutil.copy(SCRIPTS / script, tmp_path))
        assert (ran.returncode, ran.stdout) == (1, "")
        assert "sparkmesos-command.sh" in ran.stderr
        assert len(ran.stderr.splitlines()) == 1


def test_a_copy_beside_what_it_shares(checkout: Checkout, tmp_path: Path) -> None:
    """In the place of Spark's own, in its sbin."""
    for name in (DROP_INS[0], *SOURCED):
        shutil.copy(SCRIPTS / name, checkout.spark / "sbin")
    path = f"{checkout.program.parent}:/usr/bin:/bin"
    variables = checkout.called(checkout.spark / "sbin" / DROP_INS[0], PATH=path)["variables"]
    assert variables["SPARK_HOME"] == str(checkout.spark)


def test_from_any_folder_and_through_links(checkout: Checkout, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    (elsewhere / "link.sh").symlink_to(checkout.folder / "scripts" / "start-mesos-shuffle-service.sh")
    (elsewhere / "again.sh").symlink_to("link.sh")
    for command in ("./link.sh", "./again.sh", "../else where/again.sh"):
        ran = subprocess.run(
            [command], capture_output=True, text=True, cwd=elsewhere,
            env={"PATH": "/usr/bin:/bin", "CDPATH": str(tmp_path)},
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["arguments"] == ["start-shuffle-service"]


@pytest.mark.parametrize("script", DROP_INS)
def test_the_command_on_the_path_or_none(checkout: Checkout, script: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "bin"
    elsewhere.mkdir()
    checkout.program.rename(elsewhere / "sparkmesos")
    assert checkout.called(script, PATH=f"{elsewhere}:/usr/bin:/bin")["arguments"]
    ran = checkout.run(script)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "sparkmesos is not installed" in ran.stderr
    assert "hint: " in ran.stderr


def test_a_wrong_command_line_ends_with_1_as_sparks_does(tmp_path: Path) -> None:
    for script in DROP_INS:
        ran = subprocess.run(
            [SCRIPTS / script, "--nonsense"],
            capture_output=True,
            text=True,
            env={**os.environ, "SPARK_CONF_DIR": "/nowhere", "SPARK_LOG_DIR": str(tmp_path)},
        )
        assert ran.returncode == 1, script
        assert "--nonsense" in ran.stderr


def test_the_page_is_what_the_table_of_differences_makes() -> None:
    made = page()
    for difference in DIFFERENCES:
        assert f"| {difference.what} |" in made
    assert PAGE.read_text(encoding="utf-8") == made, (
        "run: python -m tests.drop_in_scripts > docs/reference/drop-in-scripts.md"
    )
    assert len({difference.id for difference in DIFFERENCES}) == len(DIFFERENCES)
