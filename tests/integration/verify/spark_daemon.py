"""Daemons of Spark that start from its own distribution: shuffle services, and the history server."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.integration.short_lived_jvm import JVM

MESOS_SHUFFLE_SERVICE = "org.apache.spark.deploy.mesos.MesosExternalShuffleService"
STANDALONE_SHUFFLE_SERVICE = "org.apache.spark.deploy.ExternalShuffleService"
HISTORY_SERVER = "org.apache.spark.deploy.history.HistoryServer"

_PATIENCE = 60.0


def free_port() -> int:
    """One that nobody listens at, on no address of this machine."""
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def spark_daemon(main: str, ready: str, properties: Mapping[str, str], folder: Path) -> Iterator[list[str]]:
    """`spark-class MAIN` until the block ends, which begins when a line of its log holds `ready`.

    Gives the lines of its log, to which more come while it runs.
    """
    spark = find_spark(None, {})
    java = find_java(spark, {"PATH": ""})
    options = " ".join([JVM, *(f"-D{key}={value}" for key, value in properties.items())])
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "JAVA_HOME": str(java.home),
        "SPARK_HOME": str(spark.path),
        "SPARK_DAEMON_JAVA_OPTS": options,
    }
    lines: list[str] = []
    told = threading.Event()
    with subprocess.Popen(
        [str(spark.program("spark-class")), main],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, errors="replace",
    ) as process:  # fmt: skip

        def read() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                lines.append(line)
                if ready in line:
                    told.set()
            told.set()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            told.wait(_PATIENCE)
            assert any(ready in line for line in lines), f"{main} has not started:\n" + "".join(lines[-40:])
            yield lines
        finally:
            process.kill()
            process.wait()
            reader.join()


@contextlib.contextmanager
def shuffle_service(
    port: int, folder: Path, main: str = MESOS_SHUFFLE_SERVICE, **properties: str
) -> Iterator[list[str]]:
    """A shuffle service of Spark at a port of all addresses, and its log.

    `__` in names of properties stands for a dot.
    """
    given = {name.replace("__", "."): value for name, value in properties.items()}
    settings = {"spark.shuffle.service.enabled": "true", "spark.shuffle.service.port": str(port), **given}
    # It says so before it listens.
    with spark_daemon(main, f"Starting shuffle service on port {port}", settings, folder) as log:
        _await_listener(port)
        yield log


def _await_listener(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), _PATIENCE).close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"nobody listens at port {port}"
            time.sleep(0.05)


@contextlib.contextmanager
def history_server(port: int, folder: Path) -> Iterator[None]:
    """Spark's history server, of logs in `folder`/events."""
    (folder / "events").mkdir(exist_ok=True)
    settings = {
        "spark.history.ui.port": str(port),
        "spark.history.fs.logDirectory": (folder / "events").as_uri(),
    }
    with spark_daemon(HISTORY_SERVER, "Bound HistoryServer to", settings, folder):
        yield
