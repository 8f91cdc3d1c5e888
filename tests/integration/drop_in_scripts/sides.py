"""Two ways to start and stop a daemon on this machine: Spark's spark-daemon.sh, and our drop-ins."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import psutil

from sparkmesos_core.process_end import wait_for_end
from tests.integration.short_lived_jvm import JVM

SCRIPTS = Path(__file__).parents[3] / "scripts"
MARK = "DROP_IN_TEST_MARK"
PATIENCE = 120.0
_SCRIPT_SECONDS = 120.0

_ENVIRONMENT = '. "$SPARK_HOME/sbin/spark-config.sh"\n'
_VARIABLES = '. "$SPARK_HOME/bin/load-spark-env.sh"\n'
_CALL = 'exec "$SPARK_HOME/sbin/spark-daemon.sh" '


class Daemon(Enum):
    """Which one, by the class of Spark."""

    DISPATCHER = "org.apache.spark.deploy.mesos.MesosClusterDispatcher"
    SHUFFLE_SERVICE = "org.apache.spark.deploy.mesos.MesosExternalShuffleService"

    @property
    def script(self) -> str:
        """What its scripts are called for."""
        return "mesos-dispatcher.sh" if self is Daemon.DISPATCHER else "mesos-shuffle-service.sh"

    @property
    def starts(self) -> str:
        """How Spark 3.5's start script, which pip does not bring, calls spark-daemon.sh."""
        arguments = " 1"
        if self is Daemon.DISPATCHER:
            arguments = (
                ' "${SPARK_MESOS_DISPATCHER_NUM:-1}" --host "${SPARK_MESOS_DISPATCHER_HOST:-$(hostname -f)}"'
                ' --port "${SPARK_MESOS_DISPATCHER_PORT:-7077}" "$@"'
            )
        return _ENVIRONMENT + _VARIABLES + _CALL + "start " + self.value + arguments

    @property
    def stops(self) -> str:
        """How its stop script does. It does not read spark-env.sh before."""
        number = '"${SPARK_MESOS_DISPATCHER_NUM:-1}"' if self is Daemon.DISPATCHER else "1"
        return _ENVIRONMENT + _CALL + f"stop {self.value} {number}"


@dataclass(frozen=True)
class Ran:
    """A script that has come to its end."""

    code: int
    out: str
    err: str


@dataclass
class Side:
    """One of the two, with files of its own."""

    ours: bool
    folder: Path
    spark: Path
    """The Spark that is installed."""
    java: Path
    """Spark's scripts know those on the PATH and JAVA_HOME only."""
    cache: Path
    bridge: Path
    ident: str = field(default_factory=lambda: f"drop-in-{uuid.uuid4().hex}")
    """The name of the user, as the shell has it."""
    foreground: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = self.folder / "spark"
        for name in ("sbin", "conf"):
            (self.home / name).mkdir(parents=True)
        for name in ("bin", "jars"):
            (self.home / name).symlink_to(self.spark / name)
        for script in (self.spark / "sbin").glob("spark-*.sh"):
            (self.home / "sbin" / script.name).symlink_to(script)
        for script in SCRIPTS.glob("*-mesos-*.sh"):
            (self.home / "sbin" / script.name).symlink_to(script)
        self._said = self.folder / "foreground"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "USER": self.ident,
            "JAVA_HOME": str(self.java),
            "SPARK_HOME": str(self.home),
            "SPARK_LOG_DIR": str(self.folder / "logs"),
            "SPARK_PID_DIR": str(self.folder / "pids"),
            "SPARK_DAEMON_JAVA_OPTS": JVM,
            "SPARK_LAUNCHER_OPTS": JVM,
            "SPARK_DAEMON_CLASSPATH": str(self.bridge),  # in the place of libmesos
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARKMESOS_STATE_DIR": str(self.folder / "state"),
            "SPARKMESOS_CACHE_DIR": str(self.cache),
            MARK: self.ident,
        }

    # What is done with it.

    def start(self, daemon: Daemon, *arguments: str, **variables: str | None) -> Ran:
        return self._run(self._command("start", daemon, arguments), variables)

    def stop(self, daemon: Daemon, *arguments: str, **variables: str | None) -> Ran:
        return self._run(self._command("stop", daemon, arguments), variables)

    def start_in_foreground(
        self, daemon: Daemon, *arguments: str, **variables: str | None
    ) -> subprocess.Popen[bytes]:
        with self._said.open("wb") as said:
            process = subprocess.Popen(
                self._command("start", daemon, arguments),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=self.folder,
                env=self._with(variables),
            )
        self.foreground.append(process)
        return process

    def _command(self, verb: str, daemon: Daemon, arguments: tuple[str, ...]) -> list[str]:
        if self.ours:
            return [str(self.home / "sbin" / f"{verb}-{daemon.script}"), *arguments]
        return ["bash", "-c", daemon.starts if verb == "start" else daemon.stops, "bash", *arguments]

    def _with(self, variables: Mapping[str, str | None]) -> dict[str, str]:
        """The environment with these; None takes one away."""
        together = {**self.environment, **variables}
        return {name: value for name, value in together.items() if value is not None}

    def _run(self, command: list[str], variables: Mapping[str, str | None]) -> Ran:
        # Files, since a daemon of Spark's may keep what it inherited open.
        out, err = self.folder / "out", self.folder / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=self.folder,
                env=self._with(variables),
                timeout=_SCRIPT_SECONDS,
            )
        return Ran(process.returncode, out.read_text(), err.read_text())

    # What is seen of it.

    def pid_file(self, daemon: Daemon, number: int = 1, ident: str = "", folder: Path | None = None) -> Path:
        return (folder or self.folder / "pids") / f"spark-{ident or self.ident}-{daemon.value}-{number}.pid"

    def process(self, pid_file: Path) -> psutil.Process | None:
        """The daemon that the file names, if that is one and it runs."""
        try:
            process = psutil.Process(int(pid_file.read_text()))
            is_ours = process.environ().get(MARK) == self.ident and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, ValueError, psutil.Error):
            return None
        return process if is_ours else None

    def processes(self) -> list[psutil.Process]:
        """All that descend from what was started here."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == self.ident:
                    found.append(process)
        return found

    def files(self, *folders: Path) -> list[str]:
        """Names of logs and pid files, below our folder as they are, with USER for the user's name."""
        found = []
        for folder in folders or (self.folder,):
            for path in folder.rglob("spark-*.mesos.*"):
                found.append(self.anonymous(str(path)).removeprefix("FOLDER/"))
        return sorted(found)

    def anonymous(self, text: str) -> str:
        """The text with what is different on the two sides by its nature called the same."""
        return text.replace(str(self.folder), "FOLDER").replace(self.ident, "USER")

    def await_port(self, port: int) -> str:
        """The address that one of ours listens at, in time."""
        try:
            until(lambda: _is_listened_at(port), f"something listens at {port}")
        except AssertionError as error:
            running = [process.cmdline()[:2] for process in self.processes()]
            said = self._said.read_text() if self._said.exists() else ""
            raise AssertionError(f"{error}; {running} run; in the foreground was said: {said}") from None
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                for connection in process.net_connections("tcp"):
                    if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                        return connection.laddr.ip.removeprefix("::ffff:")
        raise AssertionError(f"somebody else listens at {port}")

    def clean_up(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
                wait_for_end(process.pid, PATIENCE)
        for started in self.foreground:
            with started:
                started.kill()
        for file in Path("/tmp").glob(f"spark-{self.ident}-*"):
            file.unlink()


def _is_listened_at(port: int) -> bool:
    """Whether anybody does. Cheap, unlike a look into all processes, which would slow down what we wait for."""
    return any(
        fields[1].endswith(f":{port:04X}") and fields[3] == "0A"  # TCP_LISTEN
        for table in ("tcp", "tcp6")
        for fields in (line.split() for line in Path("/proc/net", table).read_text().splitlines()[1:])
    )


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"in vain waited until {what}"
        time.sleep(0.05)
