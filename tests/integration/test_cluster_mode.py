"""`sparkmesos submit --deploy-mode cluster`, --status and --kill, with Spark's own dispatcher on the other side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkmesos_core.dispatcher.client import DispatcherClient
from sparkmesos_core.dispatcher.messages import DriverStatus
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, cluster_in_thread
from sparkmesos_core.master import parse_dispatcher
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.integration.spark_dispatcher import SparkDispatcher, spark_dispatcher

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow

PATIENCE = 120.0
# What the dispatcher of 3.5.9 does to arguments is its business; these it leaves alone.
ARGUMENTS = ("a b", "it's", "café", "x=1", "--flag")


@pytest.fixture(scope="module")
def cluster_and_dispatcher(
    tmp_path_factory: pytest.TempPathFactory, cache_dir: Path
) -> Iterator[tuple[str, SparkDispatcher]]:
    folder = tmp_path_factory.mktemp("dispatcher")
    java = find_java(find_spark(None, {}), {"PATH": ""})
    spec = ClusterSpec(
        work_dir=folder / "cluster",
        agents=(AgentSpec(cpus=2, mem=3000),),
        executor_environment={**default_executor_environment(java), "LC_ALL": "C.UTF-8"},
        allocation_interval=0.2,
    )
    with cluster_in_thread(spec) as cluster, spark_dispatcher(cluster.url, folder, cache_dir) as running:
        yield cluster.url, running


@pytest.fixture
def dispatcher(cluster_and_dispatcher: tuple[str, SparkDispatcher]) -> SparkDispatcher:
    return cluster_and_dispatcher[1]


@pytest.fixture
def servers(cluster_and_dispatcher: tuple[str, SparkDispatcher]) -> tuple[str, ...]:
    """Both, for commands that need the Mesos master beside a dispatcher that does not tell where drivers are."""
    mesos, dispatcher = cluster_and_dispatcher
    return ("--dispatcher", dispatcher.url, "--master", mesos)


def submitting(
    commands: Commands, dispatcher: SparkDispatcher, program: str, *options: str
) -> tuple[str, ...]:
    """The command that submits a Python program, but for its arguments."""
    path = commands.folder / "driver.py"
    path.write_text(program, encoding="utf-8")
    return (
        *("submit", "--master", dispatcher.url, "--deploy-mode", "cluster", "--name", "a driver"),
        *("--driver-memory", "512m", "--conf", f"spark.mesos.executor.home={dispatcher.executor_home}"),
        *options,
        f"file://{path}",
    )


def submit(commands: Commands, dispatcher: SparkDispatcher, program: str, *arguments: str) -> str:
    """Submits a Python program and returns the submission id."""
    done = commands.run(*submitting(commands, dispatcher, program), *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("driver-")
    return done.stdout.strip()


def status_when(dispatcher: SparkDispatcher, submission_id: str, state: str) -> DriverStatus:
    """The status as soon as the dispatcher says a state, or that of the driver's task; it tells by being asked."""
    client = DispatcherClient(parse_dispatcher(dispatcher.url))
    deadline = time.monotonic() + PATIENCE
    while True:
        status = client.status(submission_id)
        if state in (status.driver_state, status.task_state):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.1)


def test_a_driver_that_succeeds(commands: Commands, dispatcher: SparkDispatcher) -> None:
    written = commands.folder / "arguments"
    program = f"import sys\nopen({str(written)!r}, 'w', encoding='utf-8').write('\\0'.join(sys.argv[1:]))\n"
    waited = commands.run(*submitting(commands, dispatcher, program, "--wait"), *ARGUMENTS)
    assert waited.returncode == 0, waited.stderr
    submission_id = waited.stdout.strip()
    done = commands.run("submit", "--master", dispatcher.url, "--status", submission_id)
    assert (done.returncode, done.stdout) == (0, "succeeded\n")
    assert "TASK_FINISHED" in done.stderr
    assert tuple(written.read_text(encoding="utf-8").split("\0")) == ARGUMENTS


def test_a_driver_that_fails(commands: Commands, dispatcher: SparkDispatcher) -> None:
    """Spark's own client prints an empty line and exits 0."""
    waited = commands.run(*submitting(commands, dispatcher, "import sys\nsys.exit(7)\n", "--wait"))
    assert waited.returncode == 3, waited.stderr
    for asking in (
        ("submit", "--master", dispatcher.url, "--status"),
        ("status", "--master", dispatcher.url),
    ):
        done = commands.run(*asking, waited.stdout.strip())
        assert (done.returncode, done.stdout) == (3, "failed\n")
        assert "exited with status 7" in done.stderr


def test_it_is_said_that_drivers_of_spark_3_5_cannot_run(
    commands: Commands, dispatcher: SparkDispatcher
) -> None:
    """As they are without the spark-submit that the other tests put in the place of Spark's."""
    home = f"spark.mesos.executor.home={find_spark(None, {}).path}"
    done = commands.run(*submitting(commands, dispatcher, "print('runs')\n", "--wait", "--conf", home))
    assert done.returncode == 3, done.stderr
    assert "The dispatcher is that of Spark 3.5.9, whose drivers end at once" in done.stderr
    assert "`sparkmesos start-dispatcher` takes its place" in done.stderr


def test_a_driver_that_is_killed(commands: Commands, dispatcher: SparkDispatcher) -> None:
    submission_id = submit(commands, dispatcher, "import threading\nthreading.Event().wait()\n")
    status_when(dispatcher, submission_id, "TASK_RUNNING")
    assert commands.run("submit", "--master", dispatcher.url, "--kill", submission_id).returncode == 0
    status_when(dispatcher, submission_id, "FINISHED")
    done = commands.run("submit", "--master", dispatcher.url, "--status", submission_id)
    assert done.returncode == 4, done.stderr
    again = commands.run("submit", "--master", dispatcher.url, "--kill", submission_id)
    assert again.returncode == 1
    assert "already terminated" in again.stderr


def test_a_driver_that_is_killed_while_somebody_waits(
    commands: Commands, dispatcher: SparkDispatcher
) -> None:
    program = "import threading\nthreading.Event().wait()\n"
    process = commands.start(*submitting(commands, dispatcher, program, "--wait"))
    assert process.stdout is not None
    submission_id = process.stdout.readline().strip()
    status_when(dispatcher, submission_id, "TASK_RUNNING")
    assert commands.run("kill", "--dispatcher", dispatcher.url, submission_id).returncode == 0
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4, err


def test_output_through_the_master(
    commands: Commands, dispatcher: SparkDispatcher, servers: tuple[str, ...]
) -> None:
    # What Python writes to stderr Spark writes to stdout; its own log is on stderr.
    program = "print('first')\nprint('second')\n"
    mesos = servers[-1]
    done = commands.run(*submitting(commands, dispatcher, program, "--follow"), SPARKMESOS_MASTER=mesos)
    assert done.returncode == 0, done.stderr
    submission_id, *lines = done.stdout.splitlines()
    assert lines[:2] == ["first", "second"]
    assert "ShutdownHookManager" in done.stderr
    logs = ("logs", submission_id)
    assert commands.run(*logs, *servers).stdout.startswith("first\nsecond\n")
    assert "ShutdownHookManager" in commands.run(*logs, "--stderr", *servers).stdout
    refused = commands.run(*logs, "--dispatcher", dispatcher.url)
    assert refused.returncode == 1
    assert "--master" in refused.stderr


def test_it_cannot_list_drivers(commands: Commands, dispatcher: SparkDispatcher) -> None:
    done = commands.run("list", "--dispatcher", dispatcher.url)
    assert done.returncode == 1
    assert "is Spark's own, which cannot list drivers" in done.stderr


def test_an_application_with_a_context(
    commands: Commands, dispatcher: SparkDispatcher, servers: tuple[str, ...]
) -> None:
    """The driver in the cluster speaks to Mesos through the bridge, and so needs no libmesos either."""
    written = commands.folder / "sum"
    program = (
        "from pyspark.sql import SparkSession\n"
        "with SparkSession.builder.getOrCreate() as spark:\n"
        "    total = spark.sparkContext.parallelize(range(100), 2).sum()\n"
        f"open({str(written)!r}, 'w').write(str(total))\n"
    )
    path = commands.folder / "context.py"
    path.write_text(program)
    done = commands.run(
        *("submit", "--master", dispatcher.url, "--deploy-mode", "cluster"),
        *("--driver-memory", "512m", "--executor-memory", "512m", "--total-executor-cores", "1"),
        *("--driver-class-path", str(dispatcher.bridge), "--conf", "spark.ui.enabled=false"),
        *("--conf", f"spark.mesos.executor.home={dispatcher.executor_home}"),
        *("--conf", "spark.mesos.driverEnv.SPARK_LOCAL_IP=127.0.0.1"),
        f"file://{path}",
    )
    assert done.returncode == 0, done.stderr
    submission_id = done.stdout.strip()
    status = status_when(dispatcher, submission_id, "FINISHED")
    assert status.task_state == "TASK_FINISHED", status
    assert written.read_text() == "4950"
    executor = commands.run("logs", "--stderr", "--executor", "0", *servers, submission_id)
    assert executor.returncode == 0, executor.stderr
    assert "CoarseGrainedExecutorBackend" in executor.stdout
    missing = commands.run("logs", "--executor", "77", *servers, submission_id)
    assert missing.returncode == 1
    assert "It has 0" in missing.stderr


def test_a_driver_that_nobody_knows(commands: Commands, dispatcher: SparkDispatcher) -> None:
    """Spark's own client exits 0."""
    for option in ("--status", "--kill"):
        done = commands.run("submit", "--master", dispatcher.url, option, "driver-20200101000000-9999")
        assert done.returncode == 1
        assert "driver-20200101000000-9999" in done.stderr


def test_no_dispatcher_there(commands: Commands, refusing_port: int) -> None:
    master = f"mesos://127.0.0.1:{refusing_port}"
    for arguments in (("--status", "driver-1"), ("--deploy-mode", "cluster", "file:///x.py")):
        done = commands.run("submit", "--master", master, *arguments)
        assert done.returncode == 5
        assert "refuses the connection" in done.stderr
        assert "Traceback" not in done.stderr
