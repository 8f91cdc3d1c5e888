"""Which options of `start-shuffle-service` go together; that it starts one is an integration test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from sparkmesos_cli.main import cli, run
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.shuffle_service.on_this_machine import background


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "conf").mkdir()
    return {
        "SPARKMESOS_STATE_DIR": str(tmp_path / "state"),
        "SPARK_CONF_DIR": str(tmp_path / "conf"),
        "PATH": "/usr/bin:/bin",
        "USER": "ops",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stop"], "--stop is for the services on agents, and needs --on-mesos"),
        (["--on-mesos", "--status", "--stop"], "--status and --stop do not go together"),
        (["--status", "--systemd"], "--status and --systemd do not go together"),
        (["--systemd", "--marathon"], "--systemd and --marathon do not go together"),
        (["--foreground", "--status"], "--foreground and --status do not go together"),
        (["--foreground", "--systemd"], "--foreground and --systemd do not go together"),
        (["--marathon-url", "http://m:8080"], "--marathon-url needs --marathon"),
        (["--zk", "z:2181"], "--zk needs --on-mesos"),
        (["--master", "mesos://m:5050"], "--master needs --on-mesos"),
        (["--port", "0"], "--port needs --on-mesos"),
        (["--status", "--wait", "5"], "--wait needs --on-mesos"),
        (["--on-mesos", "--stop", "--wait"], "--wait and --stop do not go together"),
        (["--on-mesos", "--foreground", "--wait=3"], "--wait and --foreground do not go together"),
        (["--on-mesos", "--systemd", "--wait"], "--wait and --systemd do not go together"),
        (["--on-mesos", "--at", "http://h:1"], "--at needs --status or --stop"),
        (["--conf", "spark.x"], "--conf has to be PROP=VALUE"),
    ],
)
def test_what_does_not_go_together(
    options: list[str], message: str, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["start-shuffle-service", *options], Terminal(environment=environment)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {message}")


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        (["spark.shuffle.service.port=99999"], "'99999' is not between 0 and 65535"),
        (["spark.shuffle.service.port=many"], "The value of spark.shuffle.service.port cannot be used"),
        (["spark.authenticate=perhaps"], "'perhaps' is neither true nor false"),
        (["spark.authenticate=true"], "spark.authenticate is on, but there is no spark.authenticate.secret"),
    ],
)
def test_properties_that_cannot_be(
    conf: list[str],
    message: str,
    environment: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = [word for one in conf for word in ("--conf", one)]
    assert run(["start-shuffle-service", *options], Terminal(environment=environment)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_variable_of_no_use_here_is_passed_over(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SPARKMESOS_MASTER is set for other commands."""
    monkeypatch.setenv("SPARKMESOS_MASTER", "mesos://m:5050")
    assert run(["start-shuffle-service", "--status"], Terminal(environment=environment)) == 1
    assert capsys.readouterr().out == "Shuffle service 1 does not run\n"


def test_there_is_nothing_to_stop(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment["SPARK_PID_DIR"] = str(tmp_path / "pids")
    stop = ["stop-shuffle-service", "--instance", "3"]
    assert run(stop, Terminal(environment=environment)) == 0
    pid_file = tmp_path / "pids" / f"spark-ops-{background.SHUFFLE_SERVICE.spark_class}-3.pid"
    assert capsys.readouterr().err == (
        f"No shuffle service 3 runs in the background ({pid_file} names none).\n"
    )
    assert run([*stop, "--output", "json"], Terminal(environment=environment)) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "stopped": None}


def test_completion_of_properties() -> None:
    completion = BashComplete(cli, {}, "sparkmesos", "_SPARKMESOS_COMPLETE")
    found = completion.get_completions(["start-shuffle-service", "--conf"], "spark.shuffle.service.p")
    assert [item.value for item in found] == ["spark.shuffle.service.port="]
