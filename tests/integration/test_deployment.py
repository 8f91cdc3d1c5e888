"""What `--systemd` and `--marathon` print, judged by systemd itself, and run as Marathon has it run."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from sparkmesos_core.spark.shuffle_service import ServiceKind, ask_shuffle_service
from tests.contract.marathon.rules import violations
from tests.integration.commands import Commands
from tests.servers.marathon import marathon
from tests.unit.deployment.unit_reader import values

_MANAGER = Path("/lib/systemd/systemd")
_ODD = [
    'spark.a=it\'s "quoted" \\ and 100% of $HOME ${x} $$ %h',
    "spark.b=;",
    "spark.c=ünïcode",
    "spark.d= two  blanks ",
]
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")


@pytest.fixture(scope="module")
def cluster(module_commands: Commands) -> Iterator[str]:
    """The URL of a master with two agents."""
    started = module_commands.run("start-local-cluster", "--port", "0", "--agents", "2")
    assert started.returncode == 0, started.stderr
    yield started.stdout.strip()
    assert module_commands.run("stop-local-cluster").returncode == 0


@pytest.fixture
def systemd() -> None:
    """That there is one to ask, of whatever process."""
    if shutil.which("systemd-analyze") is None or not _MANAGER.exists():
        if os.environ.get("CI"):
            pytest.fail("systemd is not here: apt-get install systemd", pytrace=False)
        pytest.skip("systemd is not here")


@pytest.fixture
def units(systemd: None, commands: Commands) -> dict[str, str]:
    """All units that there are, by their names, with odd arguments."""
    odd = [word for one in _ODD for word in ("--conf", one)]
    place = ("--conf", "spark.mesos.executor.home=/opt/spark")
    found = {}
    for arguments in (
        ("start-dispatcher", "--master", "mesos://m:5050", "--zk", "ops:hunter2@z1:2181", *odd),
        ("start-shuffle-service", "--conf", "spark.local.dir=/usr/my files,/tmp", *odd),
        ("start-shuffle-service", "--on-mesos", "--master", "mesos://m:5050", *place, *odd),
    ):
        printed = commands.run(*arguments, "--systemd", "--output", "json", SPARK_USER="daemon")
        assert printed.returncode == 0, printed.stderr
        unit = json.loads(printed.stdout)["unit"]
        found[unit["name"]] = unit["text"]
    assert len(found) == 3
    return found


@pytest.fixture
def folder(units: dict[str, str]) -> Iterator[Path]:
    """Where the units are, for everybody to read."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        for unit, text in units.items():
            (Path(name) / unit).write_text(text, encoding="utf-8")
            (Path(name) / unit).chmod(0o644)
        yield Path(name)


def test_systemd_finds_nothing_wrong(units: dict[str, str], folder: Path) -> None:
    for unit in units:
        verified = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(folder / unit)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (verified.returncode, _about(folder, verified.stderr)) == (0, [])


def test_systemd_would_find_something(units: dict[str, str], folder: Path) -> None:
    name, text = next(iter(units.items()))
    (folder / name).write_text(
        text.replace("KillMode=mixed", "KillMode=never").replace("/bin/sparkmesos", "/bin/none")
    )
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(folder / name)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert verified.returncode != 0
    assert any("kill mode" in line for line in _about(folder, verified.stderr))


def _about(folder: Path, said: str) -> list[str]:
    """What of it is about our units: there may be something to say of those of the machine."""
    return [line for line in said.splitlines() if str(folder) in line or "sparkmesos" in line]


def test_systemd_reads_what_was_meant(units: dict[str, str], folder: Path) -> None:
    for name, text in units.items():
        dump = subprocess.run(
            [*_as_nobody(), str(_MANAGER), "--test", "--system", f"--unit={name}"],
            capture_output=True,
            timeout=60,
            env={
                "SYSTEMD_UNIT_PATH": f"{folder}:",
                "SYSTEMD_LOG_TARGET": "console",
                "LANG": "C.UTF-8",
                "HOME": "/",
                "PATH": os.environ["PATH"],
            },
        )
        shown = dump.stdout.decode() + dump.stderr.decode()
        unit = shown.partition(f"-> Unit {name}:")[2].partition("-> Unit ")[0]
        (line,) = re.findall(r"^\s*Command Line: (.*)$", unit, re.MULTILINE)[:1]
        read = [word.replace("$$", "$") for word in _read_back(line)]
        assert [one for before, one in pairwise(read) if before == "--conf"][-len(_ODD) :] == _ODD
        assert re.findall(r"^\s*User: (.*)$", unit, re.MULTILINE) == values(text, "User")


def _as_nobody() -> list[str]:
    """systemd does not let root try it."""
    return ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []


def _read_back(line: str) -> list[str]:
    """The words of a command as systemd shows it (`quote_command_line`)."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line)
    return [_ESCAPE.sub(_unescaped, quoted) if quoted or not bare else bare for quoted, bare in found]


def _unescaped(match: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(match[1]) or (chr(int(match[1], 8)) if match[1].isdigit() else match[1])


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _app(commands: Commands, *arguments: str) -> dict[str, Any]:
    """The app that Marathon got."""
    with marathon() as server:
        posted = commands.run(*arguments, "--marathon", "--marathon-url", server.url)
        assert posted.returncode == 0, posted.stderr
        app: dict[str, Any] = server.apps[posted.stdout.strip()]
    assert violations(app) == []
    return app


class Tasks:
    """Runs apps as Marathon's executor does: by /bin/sh, in a sandbox, with the ports that it chose."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._stack = ExitStack()

    def __enter__(self) -> Tasks:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, app: dict[str, Any], **ports: int) -> subprocess.Popen[bytes]:
        sandbox = self._commands.folder / f"sandbox-{len(ports)}"
        sandbox.mkdir()
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        environment = {
            **self._commands.marked_environment,
            "PATH": path,
            "HOST": "localhost",
            **app.get("env", {}),
        }
        environment |= {name: str(port) for name, port in ports.items()}
        with (self._commands.folder / f"{sandbox.name}.log").open("wb") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", app["cmd"]], cwd=sandbox, env=environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self._stack.callback(process.wait, 60)
        self._stack.callback(process.terminate)
        return process


def test_the_app_of_the_service_is_the_service(commands: Commands, cluster: str) -> None:
    port = _free_port()
    app = _app(
        commands, "start-shuffle-service", "--master", cluster, "--conf", f"spark.shuffle.service.port={port}",
        "--memory", "448m",
    )  # fmt: skip
    assert app["instances"] == 1  # both agents are on this host
    with Tasks(commands) as tasks:
        process = tasks.run(app)
        assert _kind(port, process) is ServiceKind.SPARK
    assert process.returncode == 143  # as a JVM ends that is asked to


def _kind(port: int, process: subprocess.Popen[bytes]) -> ServiceKind:
    """What answers there, as soon as somebody does."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return ask_shuffle_service("127.0.0.1", port, deadline, authenticates=False)
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_the_app_of_the_dispatcher_is_a_dispatcher(commands: Commands, cluster: str) -> None:
    app = _app(
        commands, "start-dispatcher", "--master", cluster, "--marathon-host", "localhost", "--name", "it's $mine",
        "--port", "0", "--webui-port", "0",
    )  # fmt: skip
    ports = {"PORT0": _free_port(), "PORT1": _free_port()}
    (check,) = app["healthChecks"]
    assert (check["protocol"], check["portIndex"]) == ("MESOS_HTTP", 1)
    with Tasks(commands) as tasks:
        process = tasks.run(app, **ports)
        health = _health(f"http://127.0.0.1:{ports['PORT1']}{check['path']}", process)
        assert health["ready"]
        # By the name that Marathon tells of the agent.
        assert health["address"] == f"mesos://localhost:{ports['PORT0']}"
        names = [
            one["name"]
            for one in requests.get(_http(cluster) + "/frameworks", timeout=30).json()["frameworks"]
        ]
        assert "it's $mine" in names
    assert process.returncode == 0


def test_the_app_of_the_framework_cares_for_services(commands: Commands, cluster: str) -> None:
    app = _app(
        commands, "start-shuffle-service", "--on-mesos", "--master", cluster, "--marathon-host", "localhost",
        "--constraints", "none:has this", "--name", "it's $mine", "--port", "0",
    )  # fmt: skip
    ports = {"PORT0": _free_port()}
    (check,) = app["healthChecks"]
    with Tasks(commands) as tasks:
        process = tasks.run(app, **ports)
        _health(f"http://127.0.0.1:{ports['PORT0']}{check['path']}", process)
    assert process.returncode == 0


def _health(url: str, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = requests.get(url, timeout=30)
            if answer.status_code == 200:
                return dict(answer.json())
        except requests.ConnectionError:
            pass
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _http(master: str) -> str:
    return master.replace("mesos://", "http://")
