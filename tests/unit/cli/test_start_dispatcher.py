"""What `start-dispatcher` makes of its options; that it starts one is an integration test."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_cli.main import run
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core import daemon_files
from sparkmesos_core.bridge import compile as compile_module
from sparkmesos_core.daemon_files import DaemonFiles, Stopped
from sparkmesos_core.dispatcher import daemon
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.locations import database_path
from sparkmesos_core.dispatcher.settings import BRIDGE_URI, DispatcherSettings
from sparkmesos_core.durable_framework.store.sqlite import open_sqlite
from sparkmesos_core.errors import BridgeError
from tests.unit.conftest import JavaMaker, SparkMaker

MASTER = ("--master", "mesos://10.0.0.1:5050")
STATE = {
    "url": "mesos://127.0.0.1:7077",
    "webui_url": "http://127.0.0.1:8081",
    "framework_id": "f",
    "pid": 7,
    "leader": None,
    "problem": "",
}

TOKEN = "0123456789abcdef0123456789abcdef"


class Asked:
    """What was to be started; nothing is."""

    settings: DispatcherSettings
    files: DaemonFiles
    subscribe_timeout: float | None


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "SPARK_USER": "ops"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()

    def start(settings: DispatcherSettings, files: DaemonFiles, **options: Any) -> dict[str, object]:
        asked.settings, asked.files = settings, files
        asked.subscribe_timeout = options["subscribe_timeout"]
        return STATE

    monkeypatch.setattr(daemon, "start", start)
    for name in ("HOST", "PORT", "NUM"):
        monkeypatch.delenv(f"SPARK_MESOS_DISPATCHER_{name}", raising=False)
    return asked


def test_defaults(
    asked: Asked, environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["start-dispatcher", *MASTER], Terminal(environment=environment)) == 0
    assert capsys.readouterr().out == "mesos://127.0.0.1:7077\n"
    settings = asked.settings
    assert (settings.host, settings.port, settings.webui_port) == ("127.0.0.1", 7077, 8081)
    assert settings.database == str(tmp_path / "state" / "dispatcher-1" / "drivers.db")
    assert asked.files.log.parent == tmp_path / "state" / "dispatcher-1"
    assert asked.subscribe_timeout == 30
    assert BRIDGE_URI not in settings.properties  # agents are elsewhere


@pytest.mark.parametrize(
    ("option", "variable", "value"),
    [
        ("--zk", "SPARKMESOS_DISPATCHER_ZK", "u:hunter2@z1:2181"),
        ("--master", "SPARKMESOS_MASTER", "mesos://zk://u:hunter2@z1:2181/mesos"),
    ],
)
def test_passwords_that_everybody_can_see_are_warned_of(
    option: str,
    variable: str,
    value: str,
    asked: Asked,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    others = () if option == "--master" else MASTER
    assert run(["start-dispatcher", *others, option, value], Terminal(environment=environment)) == 0
    said = capsys.readouterr().err
    assert f"{option} holds a password, which everybody on this machine can see" in said
    assert f"Set {variable} instead" in said
    assert "hunter2" not in said
    monkeypatch.setenv(variable, value)
    assert run(["start-dispatcher", *others], Terminal(environment=environment)) == 0
    assert "holds a password" not in capsys.readouterr().err


def test_a_standby_says_who_leads(
    asked: Asked,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    standby = {**STATE, "framework_id": None, "leader": "http://d1.example:7077"}
    monkeypatch.setattr(daemon, "start", lambda *_, **__: standby)
    options = ("--zk", "z1:2181", "--conf", "spark.mesos.dispatcher.zookeeper.sessionTimeout=20s")
    assert run(["start-dispatcher", *MASTER, *options], Terminal(environment=environment)) == 0
    said = capsys.readouterr()
    assert said.out == "mesos://127.0.0.1:7077\n"
    assert "standby: http://d1.example:7077 leads" in said.err
    assert "does not know it" not in said.err


def test_a_standby_that_does_not_reach_who_leads_says_so(
    asked: Asked,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    standby = {**STATE, "framework_id": None, "problem": "http://d1:7077: it refuses connections"}
    monkeypatch.setattr(daemon, "start", lambda *_, **__: standby)
    assert run(["start-dispatcher", *MASTER, "--zk", "z1:2181"], Terminal(environment=environment)) == 0
    said = capsys.readouterr()
    assert said.out == "mesos://127.0.0.1:7077\n"
    assert "it takes no requests yet, and goes on trying: http://d1:7077: it refuses connections" in said.err
    assert "does not know it" not in said.err


def test_options_files_and_variables(
    asked: Asked, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf" / "spark-defaults.conf").write_text(
        "spark.mesos.maxDrivers 5\nspark.mesos.retainedDrivers 9\n"
    )
    (tmp_path / "conf" / "spark-env.sh").write_text("export SPARK_MESOS_DISPATCHER_NUM=4\n")
    monkeypatch.setenv("SPARKMESOS_DISPATCHER_PORT", "7177")
    monkeypatch.setenv("SPARKMESOS_PORT", "5051")  # of start-local-cluster
    options = ("--conf", "spark.mesos.maxDrivers=6", "--zk", "z1:2181,z2:2181", "--subscribe-timeout", "0")
    more = ("--bridge-uri", "http://repo/bridge.jar", "--name", "Ours", "-p", "7178")
    assert run(["start-dispatcher", *MASTER, *options], Terminal(environment=environment)) == 0
    assert asked.settings.port == 7177
    assert run(["start-dispatcher", *MASTER, *options, *more], Terminal(environment=environment)) == 0
    settings = asked.settings
    assert settings.port == 7178
    assert settings.name == "Ours"
    assert (settings.driver_limits.max_drivers, settings.driver_limits.retained) == (6, 9)
    assert settings.zookeeper == "z1:2181,z2:2181"
    assert settings.zookeeper_session == 10
    assert settings.properties[BRIDGE_URI] == "http://repo/bridge.jar"
    assert asked.files.instance == 4
    assert asked.files.pid_file.name.endswith("MesosClusterDispatcher-4.pid")
    assert asked.subscribe_timeout is None


def test_on_one_machine_nothing_has_to_be_set(
    asked: Asked,
    environment: dict[str, str],
    make_spark: SparkMaker,
    make_java: JavaMaker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spark = make_spark()
    environment.update(SPARK_HOME=str(spark), JAVA_HOME=str(make_java()))
    compiled: list[Path] = []

    def ensure_bridge(jars: Path, *_: object) -> Path:
        compiled.append(jars)
        return Path("/cache/bridge.jar")

    monkeypatch.setattr(compile_module, "ensure_bridge", ensure_bridge)
    local = ("--master", "mesos://127.0.0.1:5050")
    assert run(["start-dispatcher", *local], Terminal(environment=environment)) == 0
    assert asked.settings.properties[BRIDGE_URI] == "file:///cache/bridge.jar"
    assert asked.settings.spark_home == str(spark)
    assert compiled == [spark / "jars"]
    given = ("--bridge-uri", "http://repo/bridge.jar")
    assert run(["start-dispatcher", *local, *given], Terminal(environment=environment)) == 0
    assert asked.settings.properties[BRIDGE_URI] == "http://repo/bridge.jar"
    assert len(compiled) == 1

    def fail(*_: object) -> Path:
        raise BridgeError("no compiler")

    monkeypatch.setattr(compile_module, "ensure_bridge", fail)
    capsys.readouterr()
    assert run(["start-dispatcher", *local], Terminal(environment=environment)) == 0
    assert BRIDGE_URI not in asked.settings.properties
    assert "drivers will need libmesos" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "has to know its Mesos master"),
        (("--master", "embedded"), "before it and after it"),
        (("--master", "yarn"), "yarn"),
        ((*MASTER, "--conf", "spark.mesos.maxDrivers"), "--conf has to be PROP=VALUE"),
        ((*MASTER, "--conf", "spark.mesos.maxDrivers=x"), "spark.mesos.maxDrivers"),
        ((*MASTER, "--conf", "spark.authenticate.secret=hush-hush"), "spark.authenticate.secret"),
        ((*MASTER, "--conf", "spark.mesos.dispatcher.queue.a=high"), "spark.mesos.dispatcher.queue.a"),
        ((*MASTER, "--conf", "spark.deploy.recoveryMode=ZOOKEEPER"), "spark.deploy.recoveryMode"),
        ((*MASTER, "--properties-file", "/nowhere"), "/nowhere"),
        ((*MASTER, "--port", "65536"), "--port"),
        ((*MASTER, "--instance", "0"), "--instance"),
        ((*MASTER, "--subscribe-timeout", "nan"), "--subscribe-timeout"),
        ((*MASTER, "--tls-key", "key.pem"), "--tls-cert"),
        ((*MASTER, "application.py"), "application.py"),
    ],
)
def test_mistakes(
    asked: Asked,
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    said: str,
) -> None:
    assert run(["start-dispatcher", *options], Terminal(environment=environment)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "hint: " in err
    assert "hush-hush" not in err
    assert not hasattr(asked, "settings")


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ((), ""),
        (("--host", "localhost"), ""),
        (("--host", "0.0.0.0"), "can run commands on the cluster as ops"),
        (("--host", "0.0.0.0", "--tls-cert", "c.pem"), "https hides what is said, and keeps nobody out"),
        (("--host", "0.0.0.0", "--auth-token-file", "t"), "travel in clear"),
        (("--host", "0.0.0.0", "--auth-token-file", "t", "--tls-cert", "c.pem"), ""),
    ],
)
def test_an_open_dispatcher_is_warned_of(
    asked: Asked,
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    warning: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t").write_text(TOKEN)
    Path("t").chmod(0o600)
    assert run(["start-dispatcher", *MASTER, *options], Terminal(environment=environment)) == 0
    err = capsys.readouterr().err
    assert ("warning: " in err) == bool(warning)
    assert warning in err


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_a_token_that_others_can_read_is_warned_of(
    asked: Asked, environment: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path, mode: int
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(mode)
    options = ("--auth-token-file", str(token))
    assert run(["start-dispatcher", *MASTER, *options], Terminal(environment=environment)) == 0
    err = capsys.readouterr().err
    assert ("other users of this machine can read the token" in err) == (mode == 0o644)


def test_a_token_from_a_pipe_is_read_here_where_the_pipe_is(
    asked: Asked, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, TOKEN.encode())
        os.close(writing)
        options = ("--auth-token-file", f"/dev/fd/{reading}")
        assert run(["start-dispatcher", *MASTER, *options], Terminal(environment=environment)) == 0
    finally:
        os.close(reading)
    assert asked.settings.token == TOKEN
    out, err = capsys.readouterr()
    assert TOKEN not in out + err
    assert "warning: " not in err


# Stopping


def test_one_in_the_foreground_is_not_stopped_but_named(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    stop = ("stop-dispatcher", "--instance", "4")
    assert run(stop, Terminal(environment=environment)) == 0
    assert capsys.readouterr().err.startswith("No dispatcher 4 runs in the background")
    assert run((*stop, "--output", "json"), Terminal(environment=environment)) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "stopped": None}
    with closing(open_sqlite(database_path(environment, 4), DRIVERS)):
        assert run(stop, Terminal(environment=environment)) == 0
    named = f"Process {os.getpid()} is it, in the foreground or without a pid file: kill"
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("killed", [True, False])
def test_it_is_said_if_one_had_to_be_killed(
    killed: bool,
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(daemon_files, "stop", lambda files: Stopped(7, killed))
    assert run(("stop-dispatcher",), Terminal(environment=environment)) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert ("killed dispatcher 1 (process 7), which did not end within 30 s" in err) == killed
    assert "Its drivers run on" in err
    assert run(("stop-dispatcher", "--output", "json"), Terminal(environment=environment)) == 0
    stopped = {"pid": 7, "killed": killed}
    assert json.loads(capsys.readouterr().out) == {"version": 1, "stopped": stopped}
