"""Spark's own shuffle service on this machine, as `start-shuffle-service` and `stop-shuffle-service` have it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sparkmesos_core.process_end import has_ended, wait_for_end
from sparkmesos_core.shuffle_service.spark_4 import CLASS as CLASS_FOR_SPARK_4
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.shuffle_service import ServiceKind, ask_shuffle_service, is_for_mesos
from tests.integration.short_lived_jvm import JVM
from tests.integration.spark_under_test import SparkUnderTest

COMMAND = Path(sys.executable).with_name("sparkmesos")
CLASS = "org.apache.spark.deploy.mesos.MesosExternalShuffleService"
_PATIENCE = 60.0
FREE = ("--conf", "spark.shuffle.service.port=0")
SECRET = "hush-4f1d"

pytestmark = pytest.mark.slow


class Machine:
    """Where services keep what they keep, and how commands are run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "conf"
        self.conf.mkdir()
        self.state = folder / "state" / "shuffle-service-1"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "USER": "ops",
            "SPARKMESOS_STATE_DIR": str(folder / "state"),
            "SPARK_CONF_DIR": str(self.conf),
            "SPARK_DAEMON_JAVA_OPTS": JVM,
            **{name: value for name, value in os.environ.items() if name == "JAVA_HOME"},
        }

    @property
    def pid_file(self) -> Path:
        return self.state / f"spark-ops-{CLASS}-1.pid"

    @property
    def log(self) -> Path:
        return self.state / f"spark-ops-{CLASS}-1-{socket.gethostname()}.out"

    @property
    def run_folders(self) -> list[Path]:
        return list((self.folder / "state").glob("*/run-*"))

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=2 * _PATIENCE,
            check=False,
        )

    def popen(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.folder,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(self, *options: str, **variables: str) -> dict[str, object]:
        started = self.run("start-shuffle-service", "--output", "json", *options, **variables)
        assert started.returncode == 0, started.stderr
        service: dict[str, object] = json.loads(started.stdout)["shuffle_service"]
        return service

    def status(self) -> dict[str, object]:
        told = self.run("start-shuffle-service", "--status", "--output", "json")
        status: dict[str, object] = json.loads(told.stdout)["shuffle_service"]
        assert told.returncode == (0 if status["running"] else 1)
        return status


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.run("stop-shuffle-service")
    assert machine.run_folders == []
    assert not machine.pid_file.exists()


def free_port() -> int:
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


def kind(port: object, *, authenticates: bool) -> ServiceKind:
    assert isinstance(port, int)
    return ask_shuffle_service("127.0.0.1", port, time.monotonic() + _PATIENCE, authenticates=authenticates)


def command_lines() -> Iterator[str]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            yield " ".join(process.cmdline())


def test_from_start_to_stop(machine: Machine, cache_dir: Path, spark_under_test: SparkUnderTest) -> None:
    """With a secret, which only its owner can see, and with what else the configuration folder holds."""
    machine.environment.update(spark_under_test.environment, SPARKMESOS_CACHE_DIR=str(cache_dir))
    java_class = CLASS_FOR_SPARK_4 if spark_under_test.is_4 else CLASS
    port = free_port()
    (machine.conf / "spark-defaults.conf").write_text(
        f"spark.shuffle.service.port {port}\nspark.authenticate true\nspark.authenticate.secret {SECRET}\n"
    )
    (machine.conf / "spark-env.sh").write_text(
        f"echo sourced >> {machine.folder}/sourced\nulimit -n 512\nexport SPARK_DAEMON_MEMORY=200m\n"
    )
    (machine.conf / "log4j2.properties").write_text(
        "rootLogger.level = info\nrootLogger.appenderRef.stderr.ref = console\n"
        "appender.console.type = Console\nappender.console.name = console\n"
        "appender.console.target = SYSTEM_ERR\nappender.console.layout.type = PatternLayout\n"
        "appender.console.layout.pattern = in words of our own: %m%n%ex\n"
    )
    started = machine.run("start-shuffle-service", SPARK_DAEMON_CLASSPATH="/extra/classes")
    assert started.returncode == 0, started.stderr
    assert started.stdout == f"{socket.gethostname()}:{port}\n"
    assert (machine.folder / "sourced").read_text() == "sourced\n"
    assert kind(port, authenticates=True) is ServiceKind.AUTHENTICATING

    status = machine.status()
    pid = int(machine.pid_file.read_text())
    assert status == {
        "running": True,
        "pid": pid,
        "host": socket.gethostname(),
        "port": port,
        "address": f"{socket.gethostname()}:{port}",
        "answers": True,
        "authenticates": True,
        "log": str(machine.log),
        "pid_file": str(machine.pid_file),
    }
    java = psutil.Process(pid)
    assert Path(java.exe()).name == "java"
    assert java.cmdline()[-1] == java_class
    assert "-Xmx200m" in java.cmdline()
    assert any("/extra/classes" in word for word in java.cmdline())
    assert java.rlimit(psutil.RLIMIT_NOFILE)[0] == 512
    assert "in words of our own" in machine.log.read_text()
    assert not any(SECRET in line for line in command_lines())
    [folder] = machine.run_folders
    assert (folder / "conf" / "spark-defaults.conf").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700

    again = machine.run("start-shuffle-service")
    assert again.returncode == 1
    assert f"Shuffle service 1 runs already as process {pid}" in again.stderr
    other = machine.run("start-shuffle-service", "--instance", "2")
    assert other.returncode == 1
    assert f"error: Port {port} is in use by process {pid} (" in other.stderr
    assert java_class in other.stderr

    stopped = machine.run("stop-shuffle-service")
    assert stopped.returncode == 0
    assert f"Stopped shuffle service 1 (process {pid})." in stopped.stderr
    assert has_ended(pid)
    assert machine.run_folders == []
    assert machine.status()["running"] is False


def test_options_beat_variables_and_the_next_start_cleans_up(machine: Machine) -> None:
    """With no more of Spark than its `bin` and `jars`: a pip-installed one has no script for this service."""
    installed = find_spark(None, {}).path
    assert not (installed / "sbin" / "start-mesos-shuffle-service.sh").exists()
    spark = machine.folder / "spark"
    spark.mkdir()
    for name in ("bin", "jars"):
        (spark / name).symlink_to(installed / name)
    port = free_port()
    options = ("--spark-home", str(spark), "--conf", f"spark.shuffle.service.port={port}")
    places = {"SPARK_SHUFFLE_OPTS": f"-Dspark.shuffle.service.port=1 -Dspark.authenticate.secret={SECRET}"}
    first = machine.start(*options, **places, SPARK_NICENESS="3", SPARK_LOG_MAX_FILES="1")
    assert (first["port"], first["authenticates"]) == (port, False)
    pid = first["pid"]
    assert isinstance(pid, int)
    assert not any(SECRET in line for line in command_lines())
    assert is_for_mesos("127.0.0.1", port, time.monotonic() + _PATIENCE)
    assert psutil.Process(pid).nice() == 3
    os.kill(pid, signal.SIGKILL)
    assert wait_for_end(pid, _PATIENCE)
    assert machine.status()["running"] is False
    [left] = machine.run_folders
    first_log = machine.log.read_text()

    second = machine.start(*options)
    assert not left.exists()
    assert len(machine.run_folders) == 1
    assert Path(f"{machine.log}.1").read_text() == first_log
    assert second["port"] == port
    assert machine.run("stop-shuffle-service").returncode == 0


def test_it_ends_at_once(machine: Machine) -> None:
    options = f"{JVM} -XX:+NoSuchOption"
    failed = machine.run("start-shuffle-service", *FREE, SPARK_DAEMON_JAVA_OPTS=options)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert (
        "error: The shuffle service ended while it started (exit status 1): "
        "Unrecognized VM option 'NoSuchOption'\n"
    ) in failed.stderr
    assert f"Its log is {machine.log}. It ends with:\n" in failed.stderr
    assert "Could not create the Java Virtual Machine" in failed.stderr
    assert not machine.pid_file.exists()
    assert machine.run_folders == []


def await_pid(machine: Machine, command: subprocess.Popen[str]) -> int:
    """The pid of a service that is just starting."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and command.poll() is None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(machine.pid_file.read_text())
        time.sleep(0.01)
    raise AssertionError(f"no pid: {command.communicate()}")


def test_a_port_that_is_taken_while_it_starts(machine: Machine) -> None:
    port = free_port()
    with machine.popen("start-shuffle-service", "--conf", f"spark.shuffle.service.port={port}") as starting:
        await_pid(machine, starting)  # the JVM takes a second to come to it
        with socket.create_server(("", port)):
            _, err = starting.communicate(timeout=_PATIENCE)
    assert starting.returncode == 1
    assert f"error: Port {port} is in use by process {os.getpid()} (" in err


def test_interrupted_while_it_starts(machine: Machine) -> None:
    with machine.popen("start-shuffle-service", *FREE) as starting:
        pid = await_pid(machine, starting)
        starting.send_signal(signal.SIGINT)
        assert starting.wait(_PATIENCE) == 130
    assert has_ended(pid)
    assert not machine.pid_file.exists()
    assert machine.run_folders == []


def test_in_the_foreground(machine: Machine) -> None:
    with machine.popen("start-shuffle-service", *FREE, "--foreground") as service:
        assert service.stdout is not None
        assert service.stderr is not None
        drained = threading.Thread(target=service.stderr.read)
        address = service.stdout.readline()
        drained.start()
        try:
            assert re.fullmatch(rf"{re.escape(socket.gethostname())}:\d+\n", address)
            status = machine.status()
            assert (status["running"], status["answers"], status["log"]) == (True, True, None)
            assert kind(status["port"], authenticates=False) is ServiceKind.SPARK
            pid = status["pid"]
            assert isinstance(pid, int)
            assert psutil.Process(pid).ppid() == service.pid
            nothing = machine.run("stop-shuffle-service")
            assert f"Process {pid} is it, in the foreground" in nothing.stderr
            service.send_signal(signal.SIGTERM)
            assert service.wait(_PATIENCE) == 0
            assert has_ended(pid)
        finally:
            service.kill()
            drained.join()
    assert not machine.state.exists()


def test_the_foreground_leaves_no_service_behind(machine: Machine) -> None:
    """Neither when java is killed, which is told, nor when we are."""
    for victim in ("java", "command"):
        with machine.popen("start-shuffle-service", *FREE, SPARK_NO_DAEMONIZE="1") as service:
            assert service.stdout is not None
            assert service.stderr is not None
            assert service.stdout.readline()
            pid = machine.status()["pid"]
            assert isinstance(pid, int)
            os.kill(pid if victim == "java" else service.pid, signal.SIGKILL)
            assert wait_for_end(pid, _PATIENCE)
            err = service.stderr.read()
            assert service.wait(_PATIENCE) == (1 if victim == "java" else -signal.SIGKILL)
            if victim == "java":
                assert "error: The shuffle service has ended (killed by signal 9)" in err
                assert machine.run_folders == []
