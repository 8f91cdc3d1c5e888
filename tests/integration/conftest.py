"""Running the real command, and finding what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests

from tests.integration.packed_spark import ARCHIVE, EXCLUDES
from tests.integration.spark_under_test import BOTH, INSTALLED, SparkUnderTest, runs_with_both, spark_of
from tests.servers.hdfs import Hdfs, real_hdfs

if TYPE_CHECKING:
    from tests.conftest import MadeOnce

MARK = "SPARKMESOS_TEST_MARK"
_FAILURES = ("TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST")


@dataclass
class Commands:
    """Runs `sparkmesos` as a shell would, in an environment of its own."""

    folder: Path
    environment: dict[str, str]
    prefix: Sequence[str] = ()
    """What stands in front of each command: `nsenter`, for one, with its options."""
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def marked_environment(self) -> dict[str, str]:
        """The environment by which `processes` knows who descends from a command."""
        return {**self.environment, MARK: self.mark}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*self.prefix, str(Path(sys.executable).parent / "sparkmesos"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**self.marked_environment, **environment},
        )
        self.started.append(process)
        return process

    def run(
        self, *arguments: str, timeout: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def processes(self) -> list[psutil.Process]:
        """Every process that descends from a command, and every task in a sandbox below our folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                environment = process.environ()
                if environment.get(MARK) == self.mark or environment.get("MESOS_SANDBOX", "").startswith(
                    str(self.folder)
                ):
                    found.append(process)
        return found

    def wait_for_no_process(self, timeout: float = 20) -> list[str]:
        """Waits until there are none, those forked meanwhile included; returns the command lines of those left."""
        deadline = time.monotonic() + timeout
        while (found := self.processes()) and (left := deadline - time.monotonic()) > 0:
            psutil.wait_procs(found, timeout=left)
        lines = []
        for process in found:
            with contextlib.suppress(psutil.Error):
                lines.append(" ".join(process.cmdline()))
        return lines

    def clean_up(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        for started in self.started:
            with started:
                started.kill()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that run with both Sparks, a module's with the one and then with the other."""
    if "spark_under_test" in metafunc.fixturenames and runs_with_both(metafunc.definition.nodeid):
        only = metafunc.definition.get_closest_marker("only_spark")
        versions = [one for one in BOTH if only is None or one.startswith(f"{only.args[0]}.")]
        metafunc.parametrize("spark_under_test", versions, indirect=True, scope="module")


@pytest.fixture(scope="module")
def spark_under_test(request: pytest.FixtureRequest) -> SparkUnderTest:
    """The Spark that the test's commands find: which tests run with both is in spark_under_test.py."""
    return spark_of(getattr(request, "param", INSTALLED))


@pytest.fixture
def commands(tmp_path: Path, cache_dir: Path, spark_under_test: SparkUnderTest) -> Iterator[Commands]:
    (tmp_path / "app.py").touch()  # for tests in which it never comes to running it
    with _commands_in(tmp_path, cache_dir, spark_under_test) as made:
        yield made


@pytest.fixture(scope="module")
def module_commands(
    tmp_path_factory: pytest.TempPathFactory, cache_dir: Path, spark_under_test: SparkUnderTest
) -> Iterator[Commands]:
    """As `commands`, for what a module's tests share."""
    with _commands_in(tmp_path_factory.mktemp("module"), cache_dir, spark_under_test) as made:
        yield made


@contextlib.contextmanager
def _commands_in(folder: Path, cache_dir: Path, spark: SparkUnderTest) -> Iterator[Commands]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SPARK", "MESOS", "PYSPARK", "JAVA"))
    }
    environment.update(
        HOME=str(folder / "home"),
        SPARKMESOS_STATE_DIR=str(folder / "state"),
        SPARKMESOS_CACHE_DIR=str(cache_dir),
        SPARKMESOS_PREFLIGHT_TIMEOUT="60",  # a busy machine is slow to answer
        **spark.environment,
    )
    made = Commands(folder, environment)
    try:
        yield made
    finally:
        made.clean_up()


@pytest.fixture(scope="session")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    """A real HDFS, one for all tests: each keeps to a folder of its own, and leaves it as it was."""
    with real_hdfs(tmp_path_factory.mktemp("hdfs") / "hdfs") as running:
        yield running


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A port that is taken and not listened on: nobody else gets it, and it refuses every connection."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def application(tmp_path: Path) -> Callable[[str], str]:
    """Writes a PySpark application and returns its path. It finds a SparkContext named `sc`."""

    def write(body: str, name: str = "app.py") -> str:
        lines = "\n".join("    " + line for line in body.strip().splitlines())
        path = tmp_path / name
        path.write_text(
            "from pyspark.sql import SparkSession\n"
            "with SparkSession.builder.getOrCreate() as spark:\n"
            "    sc = spark.sparkContext\n"
            f"{lines}\n"
        )
        return str(path)

    return write


@pytest.fixture
def run_task() -> Callable[..., Path]:
    """Runs one command task as a framework of its own until a state is reached; returns its sandbox."""
    return _run_task


def _run_task(
    http_url: str,
    command: str,
    until: str = "TASK_FINISHED",
    *,
    uris: Sequence[str] = (),
    cpus: float = 0.1,
    mem: float = 32,
) -> Path:
    api = f"{http_url}/api/v1/scheduler"
    info = {"user": "test", "name": "test", "failover_timeout": 600}
    subscribe = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}
    with requests.post(api, json=subscribe, stream=True, timeout=30) as stream:
        headers = {"Mesos-Stream-Id": stream.headers["Mesos-Stream-Id"]}
        events = _events(stream)
        framework_id = next(events)["subscribed"]["framework_id"]

        def call(kind: str, **fields: Any) -> None:
            body = {"framework_id": framework_id, "type": kind, **fields}
            requests.post(api, json=body, headers=headers, timeout=30).raise_for_status()

        offer = next(event["offers"]["offers"][0] for event in events if event["type"] == "OFFERS")
        resources = [
            {"name": name, "type": "SCALAR", "scalar": {"value": value}}
            for name, value in (("cpus", cpus), ("mem", mem))
        ]
        task = {
            "name": "test",
            "task_id": {"value": uuid.uuid4().hex},
            "agent_id": offer["agent_id"],
            "resources": resources,
            "command": {"shell": True, "value": command, "uris": [{"value": uri} for uri in uris]},
        }
        launch = {"type": "LAUNCH", "launch": {"task_infos": [task]}}
        # What is left is for others: a framework that sits on offers keeps them from all.
        refused = {"refuse_seconds": 3600}
        call("ACCEPT", accept={"offer_ids": [offer["id"]], "operations": [launch], "filters": refused})
        for event in events:
            if event["type"] == "OFFERS":
                offers = [offer["id"] for offer in event["offers"]["offers"]]
                call("DECLINE", decline={"offer_ids": offers, "filters": refused})
            if event["type"] != "UPDATE":
                continue
            status = event["update"]["status"]
            call("ACKNOWLEDGE", acknowledge={key: status[key] for key in ("agent_id", "task_id", "uuid")})
            if status["state"] in _FAILURES and status["state"] != until:
                raise AssertionError(f"instead of reaching {until} the task ended: {status}")
            if status["state"] == until:
                address = offer["url"]["address"]
                state = requests.get(f"http://{address['ip']}:{address['port']}/state", timeout=10).json()
                frameworks = [*state["frameworks"], *state["completed_frameworks"]]
                executors = [
                    executor
                    for framework in frameworks
                    if framework["id"] == framework_id["value"]
                    for executor in (*framework["executors"], *framework["completed_executors"])
                ]
                return Path(executors[0]["directory"])
    raise AssertionError(f"the task never reached {until}")


def _events(stream: requests.Response) -> Iterator[dict[str, Any]]:
    while size := stream.raw.readline():
        yield json.loads(stream.raw.read(int(size)))


@pytest.fixture(scope="session")
def built_bridge(made_once: MadeOnce, cache_dir: Path) -> Path:
    """The JAR that `sparkmesos bridge build` makes for the installed Spark."""

    def build(folder: Path) -> None:
        with _commands_in(folder, cache_dir, spark_of(INSTALLED)) as commands:
            built = commands.run("bridge", "build", "--output", "bridge.jar")
            assert built.returncode == 0, built.stderr

    return made_once("built-bridge", build) / "bridge.jar"


@pytest.fixture(scope="session")
def packed_spark(made_once: MadeOnce, cache_dir: Path) -> Path:
    """The archive that `sparkmesos upload-dist` makes of the installed Spark, with the bridge inside."""

    def pack(folder: Path) -> None:
        spark = spark_of(INSTALLED)
        with _commands_in(folder, cache_dir, spark) as commands:
            packed = commands.run("upload-dist", str(spark.home.path), f"{folder}/", *EXCLUDES, timeout=300)
            assert packed.returncode == 0, packed.stderr

    return made_once("packed-spark", pack) / ARCHIVE


@pytest.fixture(scope="module")
def scala_application(made_once: MadeOnce, spark_under_test: SparkUnderTest) -> Path:
    """A JAR with the class `Sum`, compiled by Spark's own compiler: prints the sum of 0..N-1 and its other arguments."""
    name = f"scala-application-{spark_under_test.version}"
    return made_once(name, lambda folder: _make_scala_application(folder, spark_under_test)) / "sum.jar"


def _make_scala_application(folder: Path, spark: SparkUnderTest) -> None:
    source = folder / "Sum.scala"
    source.write_text(
        "object Sum {\n"
        "  def main(args: Array[String]): Unit = {\n"
        '    val context = new org.apache.spark.SparkContext(new org.apache.spark.SparkConf().setAppName("Sum"))\n'
        "    val sum = context.parallelize(0 until args(0).toInt, 4).map(_.toLong).reduce(_ + _)\n"
        "    context.stop()\n"
        '    println(s"$sum ${args.drop(1).mkString(" ")}")\n'
        "  }\n"
        "}\n"
    )
    classes = folder / "classes"
    classes.mkdir()
    compiler = [
        str(spark.java.executable),
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        f"{spark.home.jars}/*",
        "scala.tools.nsc.Main",
        "-usejavacp",
        "-nowarn",
    ]
    subprocess.run([*compiler, "-d", str(classes), str(source)], check=True, timeout=120)
    with zipfile.ZipFile(folder / "sum.jar", "w") as archive:
        for path in sorted(classes.rglob("*.class")):
            archive.write(path, path.relative_to(classes))
