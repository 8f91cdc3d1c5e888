"""Our dispatcher with real Spark on both sides: the JVM's spark-submit as a client, real drivers that it launches."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sparkmesos_core.bridge.compile import ensure_bridge
from sparkmesos_core.cluster_mode_tour import Tour
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, cluster_in_thread
from sparkmesos_core.quickstart import DriverFailedError
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.servers.dispatcher import COMMAND, DispatcherServer, our_dispatcher, running

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow

PATIENCE = 120.0
SPARK = find_spark(None, {})
JAVA = find_java(SPARK, {"PATH": ""})
# Spark's own spark-submit tells what it was answered at this level only; of --status and --kill if the level of
# this logger, which it takes for that of an interpreter, is the same.
LOG4J = """\
rootLogger.level = info
rootLogger.appenderRef.stderr.ref = console
logger.submit.name = org.apache.spark.deploy
logger.submit.level = info
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %m%n
"""
SMALL = (
    *("--driver-memory", "512m", "--executor-memory", "512m", "--total-executor-cores", "1"),
    *("--conf", "spark.ui.enabled=false"),
)
SUM = """
from pyspark.sql import SparkSession
with SparkSession.builder.getOrCreate() as spark:
    print("the sum is", spark.sparkContext.parallelize(range(100), 2).sum())
"""
ENDLESS = "import threading\nthreading.Event().wait()\n"
ARGUMENTS = ("a b", "it's", '"quoted"', "two\nlines; touch not-a-command", "$HOME `id`", "", "*", "café")


@dataclass(frozen=True)
class Place:
    """Where everything is: a cluster, our dispatcher on it, and the real client."""

    server: DispatcherServer
    conf: Path
    folder: Path
    mesos: str
    """The master's HTTP URL."""

    def application(self, name: str, program: str) -> str:
        """A Python program as agents see it."""
        path = self.folder / name
        path.write_text(program, encoding="utf-8")
        return path.as_uri()

    def spark_submit(self, *arguments: str) -> str:
        """What the real one writes to stderr; it exits with 0."""
        done = subprocess.run(
            [str(SPARK.program("spark-submit")), "--master", self.server.url, *arguments],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "LC_ALL": "C.UTF-8",
                "JAVA_HOME": str(JAVA.home),
                "SPARK_CONF_DIR": str(self.conf),
            },
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def status(self, submission_id: str) -> dict[str, Any]:
        """The dispatcher's own words."""
        return self.server.ask("GET", f"/status/{submission_id}")[1]

    def status_when(self, submission_id: str, key: str, value: str) -> dict[str, Any]:
        """As soon as they have this in them; the dispatcher tells by being asked."""
        deadline = time.monotonic() + PATIENCE
        while (status := self.status(submission_id)).get(key) != value:
            assert time.monotonic() < deadline, (status, self.server.log[-3000:])
            time.sleep(0.1)
        return status


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    conf = folder / "conf"
    conf.mkdir()
    (conf / "log4j2.properties").write_text(LOG4J)
    (conf / "spark-defaults.conf").write_text("spark.master.rest.enabled true\n")
    bridge = ensure_bridge(SPARK.jars, JAVA.executable, cache_dir / "bridge", lambda text: None)
    spec = ClusterSpec(
        work_dir=folder / "cluster",
        agents=(AgentSpec(cpus=4, mem=6000),),
        executor_environment=default_executor_environment(JAVA),
        allocation_interval=0.2,
        executor_registration_timeout=300.0,  # unpacking a Spark may take its time
    )
    options = (
        *("--conf", f"spark.home={SPARK.path}", "--bridge-uri", bridge.as_uri()),
        *("--conf", "spark.mesos.cluster.retry.wait.max=1"),
    )
    with (
        cluster_in_thread(spec) as cluster,
        running(our_dispatcher(cluster.url, folder / "dispatcher", options)) as server,
    ):
        yield Place(server, conf, folder, cluster.http_url)


def submitted(stderr: str) -> str:
    """The id that the real client was told."""
    (answer,) = [json.loads(text) for text in _json_texts(stderr) if "CreateSubmissionResponse" in text]
    assert answer["success"] is True
    return str(answer["submissionId"])


def _json_texts(stderr: str) -> Iterator[str]:
    """The answers that the real client logs, each as it came."""
    lines: list[str] = []
    for line in stderr.splitlines():
        if line == "{" or lines:
            lines.append(line)
        if line == "}":
            yield "\n".join(lines)
            lines = []


def ours(place: Place, commands: Commands, *arguments: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Our own `submit --wait`: how it ended, and the submission id that it printed."""
    master = ("--master", place.server.url, "--deploy-mode", "cluster", "--wait")
    done = commands.run("submit", *master, *SMALL, *arguments, timeout=300)
    return done, done.stdout.strip()


def output(place: Place, commands: Commands, submission_id: str, *options: str) -> str:
    done = commands.run("logs", "--dispatcher", place.server.url, *options, submission_id)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_real_client_submits_a_driver_that_runs_to_the_end(place: Place, commands: Commands) -> None:
    """With executors, and with its arguments as they were given."""
    program = f"{SUM}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n"
    stderr = place.spark_submit(
        *("--deploy-mode", "cluster", "--name", "from the JVM", *SMALL),
        place.application("sum_and_arguments.py", program),
        *ARGUMENTS,
    )
    submission_id = submitted(stderr)
    status = place.status_when(submission_id, "driverState", "FINISHED")
    assert (status["success"], status["outcome"]) == (True, "succeeded"), status
    assert "state: TASK_FINISHED" in status["message"]
    total, arguments = output(place, commands, submission_id).splitlines()
    assert total == "the sum is 4950"
    assert json.loads(arguments) == list(ARGUMENTS)
    said = place.spark_submit("--status", submission_id)
    assert "FINISHED" in said
    assert "Malformed" not in said


def test_the_real_client_kills_and_asks(place: Place) -> None:
    program = place.application("endless.py", ENDLESS)
    submission_id = submitted(place.spark_submit("--deploy-mode", "cluster", *SMALL, program))
    place.status_when(submission_id, "mesosState", "TASK_RUNNING")
    assert "RUNNING" in place.spark_submit("--status", submission_id)
    assert '"success" : true' in place.spark_submit("--kill", submission_id)
    place.status_when(submission_id, "outcome", "killed")
    again = place.spark_submit("--kill", submission_id)
    assert '"success" : false' in again
    assert "Driver already terminated" in again


def test_the_real_client_is_told_why_it_is_refused(place: Place) -> None:
    """Spark's own dispatcher accepts the constraint, and then launches nothing any more."""
    program = place.application("endless.py", ENDLESS)
    wrong = (
        *("--conf", "spark.mesos.driver.constraints=os;zone:a"),
        *("--conf", "spark.mesos.dispatcher.queue=nobody-knows-it"),
    )
    stderr = place.spark_submit("--deploy-mode", "cluster", *SMALL, *wrong, program)
    assert "spark.mesos.driver.constraints" in stderr
    assert "nobody-knows-it" in stderr


def test_a_scala_application_with_executors(
    place: Place, commands: Commands, scala_application: Path
) -> None:
    jar = scala_application.as_uri()
    done, submission_id = ours(place, commands, "--class", "Sum", jar, "1000", *ARGUMENTS)
    assert done.returncode == 0, done.stderr
    assert output(place, commands, submission_id) == f"499500 {' '.join(ARGUMENTS)}\n"


@pytest.mark.proves("spark.driver.supervise", mode="cluster")
def test_a_supervised_driver_that_fails_twice(place: Place, commands: Commands) -> None:
    marks = place.folder / "marks"
    program = (
        "import pathlib, sys\n"
        f"marks = pathlib.Path({str(marks)!r})\n"
        "marks.write_text((marks.read_text() if marks.exists() else '') + 'x')\n"
        "sys.exit(len(marks.read_text()) < 3)\n"
    )
    done, submission_id = ours(place, commands, "--supervise", place.application("third_time.py", program))
    assert done.returncode == 0, done.stderr
    assert marks.read_text() == "xxx"
    status = place.status(submission_id)
    assert (status["outcome"], status["retries"]) == ("succeeded", 2)


@pytest.mark.proves("spark.mesos.driver.supervise.maxRetries", mode="cluster")
def test_a_supervised_driver_that_fails_once_too_often(place: Place, commands: Commands) -> None:
    once = ("--supervise", "--conf", "spark.mesos.driver.supervise.maxRetries=1")
    done, submission_id = ours(
        place, commands, *once, place.application("never.py", "import sys\nsys.exit(9)\n")
    )
    assert done.returncode == 3, done.stderr
    status = place.status(submission_id)
    assert (status["outcome"], status["retries"], status["exitStatus"]) == ("failed", 1, 9)


def test_what_quickstart_says_of_a_driver_that_fails(place: Place, commands: Commands) -> None:
    said: list[str] = []
    tour = Tour((COMMAND,), commands.environment, said.append)
    program = place.application("broken.py", "raise SystemError('on purpose')\n")
    with pytest.raises(DriverFailedError, match="did not succeed") as raised:
        tour.submit(place.server.url, Path(program.removeprefix("file://")))
    assert raised.value.exit_code == 3
    assert "on purpose" in raised.value.hint
    assert any(line.startswith("$ sparkmesos submit --master mesos://") for line in said)


def test_the_exit_code_of_one_that_is_killed(place: Place, commands: Commands) -> None:
    master = ("--master", place.server.url, "--deploy-mode", "cluster", "--wait")
    waiting = commands.start("submit", *master, *SMALL, place.application("endless.py", ENDLESS))
    assert waiting.stdout is not None
    submission_id = waiting.stdout.readline().strip()  # it is there before the end
    place.status_when(submission_id, "mesosState", "TASK_RUNNING")
    assert commands.run("kill", "--dispatcher", place.server.url, submission_id).returncode == 0
    _, said = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 4, said


@pytest.mark.proves("spark.executor.uri", mode="cluster")
def test_from_an_archive_that_has_the_bridge_inside(
    place: Place, commands: Commands, packed_spark: Path
) -> None:
    """Driver and executor run from what their agent fetched, whatever else there is."""
    program = SUM + (
        "    import os\n"
        "    where = 'SPARK_HOME'\n"
        "    print(os.path.abspath(spark.conf.get('spark.driver.extraClassPath').split(':')[0]))\n"
        "    print(os.environ[where])\n"
        "    print(spark.sparkContext.parallelize([0], 1).map(lambda _: os.environ[where]).first())\n"
    )
    conf = ("--conf", f"spark.executor.uri={packed_spark.as_uri()}")
    done, submission_id = ours(place, commands, *conf, place.application("where.py", program))
    assert done.returncode == 0, done.stderr
    total, bridge, *homes = output(place, commands, submission_id).splitlines()
    assert total == "the sum is 4950"
    sandboxes = (place.folder / "cluster").resolve()
    assert all(Path(home).resolve().is_relative_to(sandboxes) for home in homes), homes
    assert bridge == f"{homes[0]}/sparkmesos/bridge.jar"


def test_nothing_secret_is_seen(place: Place, commands: Commands) -> None:
    """Not of a driver either: neither in its command line, nor in those of the processes that it comes from."""
    secret, name = "hunter2-hunter2", "spark.hadoop.fs.s3a.secret.key"
    program = (
        "import os, pathlib\n"
        "from pyspark.sql import SparkSession\n"
        "pid = os.getpid()\n"
        "while b'MESOS_SANDBOX=' in pathlib.Path(f'/proc/{pid}/environ').read_bytes():\n"
        "    print(pathlib.Path(f'/proc/{pid}/cmdline').read_bytes())\n"
        "    pid = int(pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[1])\n"
        "with SparkSession.builder.getOrCreate() as spark:\n"
        f"    value = spark.sparkContext.getConf().get({name!r})\n"
        "    print(len(value), value.startswith('hunter2'))\n"
    )
    done, submission_id = ours(
        place, commands, "--conf", f"{name}={secret}", place.application("secret.py", program)
    )
    assert done.returncode == 0, done.stderr
    said = output(place, commands, submission_id)
    assert "org.apache.spark.deploy.SparkSubmit" in said
    assert said.endswith(f"\n{len(secret)} True\n")
    assert secret not in said
    assert secret not in done.stderr
    assert secret not in json.dumps(place.status(submission_id))
    assert secret not in json.dumps(place.server.ask("GET", "")[1])
    assert secret not in place.server.log
    for url in (
        place.server.webui_url,
        f"{place.server.webui_url}/driver/{submission_id}",
        f"{place.mesos}/state",
    ):
        answer = requests.get(url, timeout=30)
        assert answer.status_code == 200, url
        assert submission_id in answer.text
        assert secret not in answer.text
