"""Starts that fail, with a script in the place of Spark's; integration tests start real services."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.daemon_files import DaemonFiles
from sparkmesos_core.errors import DaemonError, SparkMesosError, TimedOutError
from sparkmesos_core.shuffle_service.on_this_machine import background, run_folder
from sparkmesos_core.shuffle_service.on_this_machine.settings import ServiceSettings


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def files(state: Path) -> DaemonFiles:
    return background.files_here(1, {"USER": "ops", "HOSTNAME": "here"}, state / "shuffle-service-1")


def settings(folder: Path, script: str, port: int = 0) -> ServiceSettings:
    program = folder / "spark-class"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return ServiceSettings(
        spark_class=program,
        properties={"spark.authenticate.secret": "hush"},
        variables={"PATH": "/usr/bin:/bin"},
        conf_dir=None,
        host="here",
        port=port,
        authenticates=False,
    )


def start(service: ServiceSettings, files: DaemonFiles, *, patience: float = 60.0) -> None:
    background.start(service, files, files.pid_file.parent, pytest.fail, patience=patience)


def in_order(state: Path, files: DaemonFiles) -> None:
    """Nothing of it is left but its log."""
    assert [path for path in state.rglob("*") if path.is_file()] == [files.log]
    assert not list(files.log.parent.glob("run-*"))


def test_a_port_in_use_leaves_no_folder(tmp_path: Path, state: Path, files: DaemonFiles) -> None:
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(DaemonError, match=f"Port {port} is in use"):
            start(settings(tmp_path, "exec sleep 600", port), files)
    assert not state.exists()


@pytest.mark.parametrize("port", [0, 1])
def test_another_port_in_use(tmp_path: Path, state: Path, files: DaemonFiles, port: int) -> None:
    """One that an option of the JVM names, as those of JMX do."""
    if port:
        with socket.socket() as free:
            free.bind(("", 0))
            port = free.getsockname()[1]
    script = "echo 'Caused by: java.net.BindException: Address already in use' >&2; exit 1"
    with pytest.raises(DaemonError, match=r"ended while it started \(exit status 1\): java.net.BindExcep"):
        start(settings(tmp_path, script, port), files)
    in_order(state, files)


def test_one_that_never_answers_is_ended(tmp_path: Path, state: Path, files: DaemonFiles) -> None:
    with pytest.raises(TimedOutError, match=r"does not answer after 0\.1 s"):
        start(settings(tmp_path, "exec sleep 600"), files, patience=0.1)
    in_order(state, files)


def test_one_that_is_stopped_while_it_starts(tmp_path: Path, state: Path, files: DaemonFiles) -> None:
    with pytest.raises(DaemonError, match="was stopped while it started"):
        start(settings(tmp_path, "kill $$"), files)
    in_order(state, files)


def test_no_program(tmp_path: Path, state: Path, files: DaemonFiles) -> None:
    service = settings(tmp_path, "")
    service.spark_class.unlink()
    with pytest.raises(DaemonError, match="spark-class cannot be started: No such file"):
        start(service, files)
    in_order(state, files)


def test_interrupted_before_anybody_knows_the_process(
    tmp_path: Path, state: Path, files: DaemonFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            made.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        start(settings(tmp_path, "exec sleep 600"), files)
    [process] = made
    try:
        assert process.poll() == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()
    in_order(state, files)


def test_a_configuration_that_cannot_be_written(
    tmp_path: Path, state: Path, files: DaemonFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "_PROPERTIES", "a" * 300)  # a name that no file system takes
    with pytest.raises(SparkMesosError, match=r"The folder .*/run-\w+ cannot be used: File name too long"):
        start(settings(tmp_path, "exec sleep 600"), files)
    assert not state.exists()
