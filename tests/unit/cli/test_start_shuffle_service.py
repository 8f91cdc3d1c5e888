"""Which options of `start-shuffle-service` go together; that it starts one is an integration test."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from sparkmesos_cli.main import cli, run
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.daemon_files import DaemonFiles, locked
from sparkmesos_core.shuffle_service.on_this_machine import background
from sparkmesos_core.shuffle_service.on_this_machine.run_folder import ServiceNote, make_run_folder


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
        (
            ["--marathon-url", "http://m:8080", "--master", "mesos://m:5050"],
            "--marathon-url needs --marathon",
        ),
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


@contextmanager
def a_service(files: DaemonFiles) -> Iterator[int]:
    """What is one as far as its files tell: a process that has its locks. Its pid."""
    files.pid_file.parent.mkdir(parents=True, exist_ok=True)
    folder = make_run_folder(files.number_file.parent)
    with locked(files) as locks:
        process = subprocess.Popen(["sleep", "600"], pass_fds=(*locks.values(), folder.lock))
        files.pid_file.write_text(f"{process.pid}\n")
    folder.write_note(ServiceNote("h", 1, process.pid, authenticates=False, log=str(files.log)))
    folder.release()
    with process:
        try:
            yield process.pid
        finally:
            process.kill()


OTHER_NAMES = [{}, {"USER": "b"}, {"SPARK_IDENT_STRING": "c"}, {"USER": "ops", "SPARK_PID_DIR": "/nowhere"}]


@pytest.mark.parametrize("names", OTHER_NAMES)
def test_it_is_found_whatever_its_files_are_called(
    names: dict[str, str], environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Cron has no USER, and a login shell has one."""
    folder = background.instance_directory(environment, 1)
    files = background.files_here(1, environment, folder)
    del environment["USER"]
    terminal = Terminal(environment={**environment, **names})
    with a_service(files) as pid:
        assert run(["start-shuffle-service", "--status"], terminal) == 0
        told = capsys.readouterr()
        log = f"log {files.log}"
        assert told.out == f"Shuffle service 1 runs as process {pid} at h:1 but does not answer, {log}\n"
        assert run(["stop-shuffle-service"], terminal) == 0
        assert (
            capsys.readouterr().err
            == f"Stopped shuffle service 1 (process {pid}).\nIts log is {files.log}.\n"
        )
    assert list(folder.iterdir()) == []


def test_completion_of_properties() -> None:
    completion = BashComplete(cli, {}, "sparkmesos", "_SPARKMESOS_COMPLETE")
    found = completion.get_completions(["start-shuffle-service", "--conf"], "spark.shuffle.service.p")
    assert [item.value for item in found] == ["spark.shuffle.service.port="]
