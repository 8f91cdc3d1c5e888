"""The TaskInfos of drivers with real Sparks: launched by a bare framework on the embedded cluster, run to the end."""

from __future__ import annotations

import base64
import getpass
import json
import queue
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyspark
import pytest
import requests

from sparkmesos_core.bridge.compile import ensure_bridge
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.master import MesosMaster, parse_master
from sparkmesos_core.mesos.framework import Framework
from sparkmesos_core.mesos.leader import resolve_leader
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.driver_shell import Json, submission, task_info
from tests.integration import short_lived_jvm

pytestmark = pytest.mark.slow

PATIENCE = 180.0
SPARK_HOME = Path(pyspark.__file__).parent
SMALL = {**short_lived_jvm.SMALL, "spark.cores.max": "1"}
ODD = (
    "", "a b", "$HOME", "it's", '"quoted"', "'x y'", "back\\slash", "--flag=1", "a;b", "*", "~", "{a,b}", "[x]",
    "line1\nline2", "`id`", "naïve 日本 🙂", "!bang", "#hash", "a&b|c>d<e", "(p)", "%s", "tab\there",
)  # fmt: skip
# The driver's own view: where it runs, what it got, and that its executors work.
APPLICATION = """
import json, os, sys
import dependency
from pyspark.sql import SparkSession

with SparkSession.builder.getOrCreate() as spark:
    sc = spark.sparkContext
    parent = os.getppid()
    command = open(f"/proc/{parent}/cmdline", "rb").read().decode().split("\\0")
    print(json.dumps({
        "sum": sc.parallelize(range(1000), 2).map(lambda n: n * n).sum(),
        "arguments": sys.argv[1:],
        "id": sc.applicationId,
        "name": sc.appName,
        "secret": sc.getConf().get("spark.test.password"),
        "cores": sc.getConf().get("spark.driver.cores"),
        "heap": int(sc._jvm.java.lang.Runtime.getRuntime().maxMemory()) >> 20,
        "folder": os.getcwd(),
        "class_path": sc._jvm.System.getProperty("java.class.path").split(":")[0],
        "dependency": dependency.__file__,
        "command": command,
        "variables": sorted(os.environ),
        "jvm_variables": sorted(name for name in sc._jvm.System.getenv()),
    }))
"""


@dataclass
class Ended:
    """What has become of a driver."""

    status: Json
    sandbox: Path

    @property
    def said(self) -> Json:
        """What the Python application printed."""
        [line] = [line for line in self.stdout.splitlines() if line.startswith('{"sum"')]
        said: Json = json.loads(line)
        return said

    @property
    def stdout(self) -> str:
        return (self.sandbox / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self.sandbox / "stderr").read_text()

    def check(self) -> Ended:
        """Itself, if it has succeeded."""
        assert self.status["state"] == "TASK_FINISHED", f"{self.status}\n{self.stderr[-4000:]}"
        return self


@dataclass
class Stage:
    """An embedded cluster, and a framework in the place of a dispatcher."""

    cluster: RunningCluster
    framework: Framework
    work_dir: Path
    bridge: Path
    folder: Path
    events: queue.SimpleQueue[Json]
    count: int = 0

    @property
    def settings(self) -> Cluster:
        """Those of a dispatcher whose agents find Spark in the installed pyspark, and no bridge inside."""
        return Cluster(
            self.cluster.url.removeprefix("mesos://"),
            {},
            spark_home=str(SPARK_HOME),
            bridge_uri=f"file://{self.bridge}",
        )

    def run(self, wanted: Submission, settings: Cluster | None = None) -> Ended:
        """Launches a driver and waits for its end."""
        self.count += 1
        task_id = f"driver-20261122000000-{self.count:04}"
        self.framework.revive()
        offer = self.next("OFFERS")["offers"]["offers"][0]
        resources = [
            {**resource, "scalar": {"value": amount}}
            for resource in offer["resources"]
            for name, amount in (("cpus", wanted.cores), ("mem", wanted.memory))
            if resource["name"] == name
        ]
        task = task_info(wanted, settings or self.settings, Offer.from_mesos(offer), resources, task_id)
        launch = {"type": "LAUNCH", "launch": {"task_infos": [task]}}
        self.framework.accept([offer["id"]], [launch], {"refuse_seconds": 600.0})
        while True:
            status: Json = self.next("UPDATE")["update"]["status"]
            if status["state"] not in ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING"):
                assert status["task_id"]["value"] == task_id
                pattern = f"agent*/slaves/*/frameworks/*/executors/{task_id}/runs/latest"
                [sandbox] = self.work_dir.glob(pattern)
                return Ended(status, sandbox)

    def next(self, kind: str) -> Json:
        """The next event of a kind; older offers are void once there is a newer one."""
        while True:
            event = self.events.get(timeout=PATIENCE)
            assert event["type"] not in ("ERROR", "FAILURE"), event
            if event["type"] == kind:
                return event


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("driver task")
    spark = find_spark(None, {})
    java = find_java(spark, {"PATH": ""})
    spec = ClusterSpec(
        work_dir=folder / "cluster",
        agents=(AgentSpec(cpus=3, mem=4000),),
        executor_environment=default_executor_environment(java),
        allocation_interval=0.2,
    )
    bridge = ensure_bridge(spark.jars, java.executable, cache_dir / "bridge", lambda text: None)
    events: queue.SimpleQueue[Json] = queue.SimpleQueue()
    info = {"user": getpass.getuser(), "name": "a dispatcher", "failover_timeout": 600}
    with cluster_in_thread(spec) as cluster:
        master = parse_master(cluster.url)
        assert isinstance(master, MesosMaster)
        with Framework(info, resolve_leader(master), events.put) as framework:
            stage = Stage(cluster, framework, folder / "cluster", bridge, folder, events)
            stage.next("SUBSCRIBED")
            yield stage
            framework.stop(teardown=True)
            framework.join(PATIENCE)


def python_driver(stage: Stage, properties: Mapping[str, str], **changed: Any) -> Submission:
    """A submission of the application above, from files whose names need care."""
    application = stage.folder / "my app.py"
    application.write_text(APPLICATION)
    dependency = stage.folder / "dependency.py"
    dependency.write_text("")
    return submission(
        app_resource=f"file:{application}".replace(" ", "%20"),
        main_class="",
        properties={**SMALL, "spark.submit.pyFiles": f"file:{dependency}".replace(" ", "%20"), **properties},
        **{"heap": 512, "memory": 896, "name": "naïve 'app'\n$HOME", **changed},
    )


@pytest.mark.proves("spark.driver.memory", mode="cluster")
def test_a_python_driver_from_a_home(stage: Stage) -> None:
    secret = "s3cret =\\ 日本"
    wanted = python_driver(
        stage, {"spark.test.password": secret, "spark.driver.cores": "0.5"}, app_args=ODD, cores=0.5
    )
    ended = stage.run(wanted).check()
    said = ended.said
    assert said["sum"] == 332833500
    assert tuple(said["arguments"]) == ODD
    assert said["name"] == wanted.name
    assert said["secret"] == secret
    assert said["folder"] == str(ended.sandbox.resolve())
    assert said["dependency"].startswith(said["folder"])
    assert Path(said["class_path"]).name == stage.bridge.name
    assert said["id"].endswith(f"driver-20261122000000-{stage.count:04}")
    assert said["heap"] <= 512
    # Neither the process list nor what the driver's children inherit tells it, nor does Mesos.
    for url in (f"{stage.cluster.http_url}/master/state", f"{stage.cluster.agent_urls[0]}/slave(1)/state"):
        state = requests.get(url, timeout=30).text
        assert f"driver-20261122000000-{stage.count:04}" in state
        assert "s3cret" not in state
        assert base64.b64encode(b"spark.test.password").decode()[:20] not in state
    assert not any("s3cret" in word for word in said["command"])
    assert not any("SECRET_PROPERTIES" in name for name in said["variables"] + said["jvm_variables"])
    assert not list(ended.sandbox.glob(".spark*"))
    assert "s3cret" not in ended.stderr


@pytest.mark.proves("spark.executor.uri", "spark.submit.pyFiles", mode="cluster")
def test_a_driver_from_an_archive_of_upload_dist(stage: Stage, packed_spark: Path) -> None:
    # Without the cache the archive lies beside its folder, and so does what is called alike. (Executors do not
    # fetch this one: Spark's own `cd` would fail on it.)
    similar = stage.folder / "spark-3-similar.py"
    similar.write_text("")
    wanted = python_driver(
        stage,
        {
            "spark.executor.uri": packed_spark.as_uri(),
            "spark.submit.pyFiles": f"{stage.folder}/dependency.py,{similar}",
            "spark.test.password": "x",
        },
        app_args=ODD,
    )
    ended = stage.run(wanted, replace(stage.settings, bridge_uri=None, spark_home=None)).check()
    said = ended.said
    assert said["sum"] == 332833500
    assert tuple(said["arguments"]) == ODD
    assert Path(said["folder"]).parent == ended.sandbox.resolve()
    assert said["class_path"] == "./sparkmesos/bridge.jar"
    assert (ended.sandbox / similar.name).exists()


def test_a_scala_driver(stage: Stage, scala_application: Path) -> None:
    wanted = submission(
        app_resource=f"file://{scala_application}",
        main_class="Sum",
        properties=SMALL,
        app_args=("100", *ODD[1:3]),
        heap=512,
        memory=896,
    )
    assert stage.run(wanted).check().stdout.splitlines()[-1] == "4950 a b $HOME"


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """Serves a folder for the length of the block."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_driver_from_a_signed_url(stage: Stage) -> None:
    """What follows the `?` is not of the name, neither for Mesos nor for Python."""
    python_driver(stage, {})
    (stage.folder / "said.py").write_text("import sys\nprint('said', sys.argv)\n")
    with file_server(stage.folder) as url:
        wanted = submission(
            app_resource=f"{url}/said.py?X-Amz-Signature=a/b.c&x=1",
            main_class="",
            properties=SMALL,
            heap=512,
            memory=896,
        )
        ended = stage.run(wanted).check()
    assert "said ['" in ended.stdout
    assert re.search(r"/said\.py'\]", ended.stdout)


def test_a_driver_that_fails_has_its_exit_status(stage: Stage) -> None:
    (stage.folder / "fails.py").write_text("raise SystemExit(7)\n")
    wanted = submission(
        app_resource=f"{stage.folder}/fails.py", main_class="", properties=SMALL, heap=512, memory=896
    )
    status = stage.run(wanted).status
    assert (status["state"], status["message"]) == ("TASK_FAILED", "Command exited with status 7")


def test_no_spark_where_it_should_be(stage: Stage) -> None:
    wanted = submission(app_resource=f"{stage.bridge}", properties={"spark.mesos.executor.home": "/nowhere"})
    ended = stage.run(wanted)
    assert ended.status["state"] == "TASK_FAILED"
    assert "sparkmesos: there is no bin/spark-submit in /nowhere" in ended.stderr
