"""Running the real command, and finding what it leaves behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration.commands import Commands, commands_in
from tests.integration.packed_spark import ARCHIVE, EXCLUDES
from tests.integration.scala_jar import make_scala_jar
from tests.integration.spark_releases import wants_older_sparks
from tests.integration.spark_under_test import INSTALLED, SparkUnderTest, spark_of, versions_for
from tests.servers.hdfs import Hdfs, real_hdfs

if TYPE_CHECKING:
    from tests.conftest import MadeOnce

_FAILURES = ("TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that run with both Sparks, a module's with the one and then with the other."""
    if "spark_under_test" not in metafunc.fixturenames:
        return
    if versions := versions_for(metafunc.definition.nodeid, older=wants_older_sparks()):
        only = metafunc.definition.get_closest_marker("only_spark")
        versions = tuple(one for one in versions if only is None or one.startswith(f"{only.args[0]}."))
        metafunc.parametrize("spark_under_test", versions, indirect=True, scope="module")


@pytest.fixture(scope="module")
def spark_under_test(request: pytest.FixtureRequest) -> SparkUnderTest:
    """The Spark that the test's commands find: which tests run with both is in spark_under_test.py."""
    return spark_of(getattr(request, "param", INSTALLED))


@pytest.fixture
def commands(tmp_path: Path, cache_dir: Path, spark_under_test: SparkUnderTest) -> Iterator[Commands]:
    (tmp_path / "app.py").touch()  # for tests in which it never comes to running it
    with commands_in(tmp_path, cache_dir, spark_under_test) as made:
        yield made


@pytest.fixture(scope="module")
def module_commands(
    tmp_path_factory: pytest.TempPathFactory, cache_dir: Path, spark_under_test: SparkUnderTest
) -> Iterator[Commands]:
    """As `commands`, for what a module's tests share."""
    with commands_in(tmp_path_factory.mktemp("module"), cache_dir, spark_under_test) as made:
        yield made


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


@pytest.fixture(scope="module")
def own_port(shared_folder: Path) -> Iterator[int]:
    """A port that nobody has, no connection of anybody is given, and no other module takes meanwhile."""
    with contextlib.ExitStack() as locks:
        for port in range(28000, 31000):  # below those that embedded agents offer
            lock = locks.enter_context((shared_folder / f"port-{port}.lock").open("w"))
            with contextlib.suppress(OSError), socket.socket() as trial:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                trial.bind(("", port))
                break
        else:
            raise AssertionError("every port is taken")
        yield port


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
        with commands_in(folder, cache_dir, spark_of(INSTALLED)) as commands:
            built = commands.run("bridge", "build", "--output", "bridge.jar")
            assert built.returncode == 0, built.stderr

    return made_once("built-bridge", build) / "bridge.jar"


@pytest.fixture(scope="session")
def packed_spark(made_once: MadeOnce, cache_dir: Path) -> Path:
    """The archive that `sparkmesos upload-dist` makes of the installed Spark, with the bridge inside."""

    def pack(folder: Path) -> None:
        spark = spark_of(INSTALLED)
        with commands_in(folder, cache_dir, spark) as commands:
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
    make_scala_jar(source, folder / "sum.jar", spark)
