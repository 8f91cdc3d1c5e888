"""Cluster mode as it is meant for a cluster: agents have no Spark, and fetch it from where `upload-dist` has put it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.integration.packed_spark import TOP
from tests.integration.run_modes.applications import Applications
from tests.integration.run_modes.cluster_mode_applications import Drivers, EndedDriver, drivers_on
from tests.integration.run_modes.conversation import JsonObject

pytestmark = pytest.mark.slow

LOOK = """
import json, pyspark

def look(_):
    import pyspark
    return os.path.dirname(pyspark.__file__), os.environ["MESOS_SANDBOX"]

print(json.dumps({
    "sum": sc.parallelize(range(100), 2).sum(),
    "folder": os.getcwd(),
    "class_path": sc._jvm.System.getProperty("java.class.path").split(":")[:2],
    "executor": sc.parallelize([0], 1).map(look).first(),
}))
"""


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """One for both, whose cache they share."""
    return (AgentSpec(cpus=2, mem=2048),)


@pytest.fixture(scope="module")
def uri(applications: Applications, packed_spark: Path) -> Iterator[str]:
    """Where `serve-dist` serves the installed Spark, as `upload-dist` packs it."""
    server = applications.commands.start("serve-dist", "--port", "0", str(packed_spark))
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    assert re.fullmatch(rf"http://127\.0\.0\.1:\d+/{re.escape(TOP)}\.tgz", url), url
    yield url
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)


@pytest.fixture(scope="module")
def drivers(applications: Applications, uri: str) -> Iterator[Drivers]:
    prefix = "spark.mesos.dispatcher.driverDefault."
    defaults = {"spark.executor.uri": uri, "spark.mesos.fetcherCache.enable": "true"}
    options = [word for key, value in defaults.items() for word in ("--conf", f"{prefix}{key}={value}")]
    with drivers_on(applications, *options) as made:
        yield made


@pytest.fixture(scope="module")
def ended(drivers: Drivers) -> EndedDriver:
    return drivers.run_body(LOOK)


@pytest.fixture(scope="module")
def said(ended: EndedDriver) -> JsonObject:
    found: JsonObject = json.loads(ended.out)
    return found


@pytest.mark.proves("spark.executor.uri", "spark.mesos.dispatcher.driverDefault.PROP")
def test_the_driver_runs_from_the_archive(ended: EndedDriver, said: JsonObject, uri: str) -> None:
    assert said["sum"] == 4950
    home = ended.sandbox.resolve() / TOP
    assert said["folder"] == str(home)
    class_path = [part.rstrip("/") for part in said["class_path"]]
    assert class_path == ["./sparkmesos/bridge.jar", f"{home}/conf"]
    assert {"value": uri, "cache": True} in ended.info["command"]["uris"]


@pytest.mark.proves("spark.executor.uri")
def test_its_executors_run_from_the_archive(ended: EndedDriver, said: JsonObject, uri: str) -> None:
    (info,) = ended.mesos.task_infos
    assert info["command"]["value"].startswith("cd spark-3*;")
    assert [one["value"] for one in info["command"]["uris"]] == [uri]
    pyspark_folder, sandbox = said["executor"]
    assert pyspark_folder == f"{sandbox}/{TOP}/python/lib/pyspark.zip/pyspark"
    assert [path.resolve() for path in ended.executor_sandboxes] == [Path(sandbox).resolve()]


@pytest.mark.proves("spark.mesos.fetcherCache.enable")
def test_it_is_fetched_once(ended: EndedDriver, applications: Applications) -> None:
    """Of what is cached only the contents are in a sandbox."""
    folder = applications.cluster.nodes.spec.work_dir
    assert len(list(folder.glob("agent*/fetch/**/*.tgz"))) == 1
    for sandbox in (ended.sandbox, *ended.executor_sandboxes):
        assert (sandbox / TOP).is_dir()
        assert not (sandbox / f"{TOP}.tgz").exists()
