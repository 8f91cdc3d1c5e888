"""Containers in cluster mode: drivers and their executors in images, and what reaches Mesos of what cannot run here.

What they run in is a stand-in for docker that starts them on the host.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkmesos_core.bridge.compile import ensure_bridge
from sparkmesos_core.localcluster.cluster import AgentSpec
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.integration.docker_command import StandInDocker, option_values
from tests.integration.run_modes.cluster_mode_applications import Drivers, EndedDriver
from tests.integration.run_modes.recorded_tasks import RECORDINGS

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow

IMAGE = "spark:3.5.9"
LOOK = """
import json
def look(_):
    return os.environ["MESOS_CONTAINER_NAME"]
print(json.dumps({
    "sum": sc.parallelize(range(100), 2).sum(),
    "driver": os.environ["MESOS_CONTAINER_NAME"],
    "executors": sorted(set(sc.parallelize(range(4), 4).map(look).collect())),
    "file": sys.argv[0],
    "bridge": sc._jvm.System.getProperty("java.class.path").split(":")[0],
}))
"""


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    return (AgentSpec(cpus=2, mem=3000),)


@pytest.fixture(scope="module")
def cluster_options(docker: StandInDocker) -> dict[str, Any]:
    return {"docker": str(docker.path)}


@pytest.fixture(scope="module")
def home(module_commands: Commands, cache_dir: Path) -> Path:
    """Spark as an image of our archive has it: with the bridge inside."""
    spark = find_spark(None, {})
    java = find_java(spark, {"PATH": ""})
    bridge = ensure_bridge(spark.jars, java.executable, cache_dir / "bridge", lambda text: None)
    home = module_commands.folder / "image" / "opt" / "spark"
    home.mkdir(parents=True)
    for path in spark.path.iterdir():
        (home / path.name).symlink_to(path)
    (home / "sparkmesos").mkdir()
    (home / "sparkmesos" / "bridge.jar").symlink_to(bridge)
    return home


@pytest.fixture(scope="module")
def ended(drivers: Drivers, docker: StandInDocker, home: Path) -> EndedDriver:
    (docker.folder / "images").write_text(IMAGE)  # it is there, and pulled nevertheless
    java = str(find_java(find_spark(None, {}), {"PATH": ""}).home)
    local = str(home.parents[2])  # there is no sandbox at its path in a container
    return drivers.run_body(
        LOOK,
        {
            "spark.mesos.executor.docker.image": IMAGE,
            "spark.mesos.executor.docker.forcePullImage": "true",
            "spark.mesos.executor.docker.volumes": "/data:/mnt/data:ro",
            "spark.mesos.executor.docker.parameters": "label=team=data",
            "spark.mesos.network.name": "overlay",
            "spark.mesos.network.labels": "plugin:weave",
            "spark.mesos.appJar.local.resolution.mode": "container",
            "spark.mesos.executor.home": str(home),
            "spark.mesos.driverEnv.SPARK_HOME": str(home),
            "spark.mesos.driverEnv.JAVA_HOME": java,
            "spark.mesos.driverEnv.SPARK_LOCAL_DIRS": local,
            "spark.executorEnv.JAVA_HOME": java,
            "spark.executorEnv.SPARK_LOCAL_DIRS": local,
            # The name of the host is not theirs: with a network Spark leaves it to executors who they are.
            "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
            "spark.pyspark.python": sys.executable,
        },
        scheme="local",
    )


@pytest.fixture(scope="module")
def calls(ended: EndedDriver, docker: StandInDocker) -> list[list[str]]:
    """The `docker run` of the driver and that of the executor."""
    first, second = (call["arguments"] for call in docker.calls("run"))
    return [first, second]


class TestInAnImage:
    """One application, whose file is in the image, too."""

    @pytest.mark.proves(
        "spark.mesos.executor.docker.image", "spark.mesos.containerizer", "spark.mesos.executor.home"
    )
    def test_the_application_runs(
        self, ended: EndedDriver, calls: list[list[str]], docker: StandInDocker, home: Path
    ) -> None:
        said = json.loads(ended.out)
        assert said["sum"] == 4950
        names = [option_values(call, "--name") for call in calls]
        assert names == [[said["driver"]], said["executors"]]
        assert [IMAGE in call for call in calls] == [True, True]
        assert [task["state"] for task in (ended.task, *ended.mesos.tasks)] == ["TASK_FINISHED"] * 2
        assert said["bridge"] == f"{home}/sparkmesos/bridge.jar"
        assert docker.running() == []

    @pytest.mark.proves("spark.mesos.executor.docker.forcePullImage")
    def test_forced_pulls(self, calls: list[list[str]], docker: StandInDocker) -> None:
        assert [pull["arguments"] for pull in docker.calls("pull")] == [["pull", IMAGE]] * 2

    @pytest.mark.proves("spark.mesos.executor.docker.volumes", "spark.mesos.executor.docker.parameters")
    def test_volumes_and_parameters(self, calls: list[list[str]]) -> None:
        assert [option_values(call, "-v")[:-1] for call in calls] == [["/data:/mnt/data:ro"]] * 2
        assert ["--label=team=data" in call for call in calls] == [True, True]

    @pytest.mark.proves("spark.mesos.network.name", "spark.mesos.network.labels")
    def test_the_network(self, calls: list[list[str]], ended: EndedDriver) -> None:
        assert [option_values(call, "--net") for call in calls] == [["overlay"], ["overlay"]]
        labels = {"labels": [{"key": "plugin", "value": "weave"}]}
        for info in (ended.info, *ended.mesos.task_infos):
            assert info["container"]["network_infos"] == [{"name": "overlay", "labels": labels}]

    @pytest.mark.proves("spark.mesos.appJar.local.resolution.mode")
    def test_the_application_is_in_the_image(self, ended: EndedDriver) -> None:
        file = json.loads(ended.out)["file"]
        assert Path(file).is_absolute()
        (fetched,) = [Path(uri["value"]).name for uri in ended.info["command"]["uris"]]
        assert fetched.startswith("bridge-"), "which an image without one would need"


# Containers of Mesos' own, which the embedded cluster does not have, and others, as Spark's dispatcher launches them.
RECORDED = (
    "driver-labels",
    "driver-mesos-containerizer-image",
    "driver-mesos-containerizer-image-cached",
    "driver-network",
    "driver-network-docker",
    "driver-secrets-references",
    "driver-secrets-values",
)


@pytest.mark.proves(
    "spark.mesos.containerizer",
    "spark.mesos.executor.docker.image",
    "spark.mesos.executor.docker.forcePullImage",
    "spark.mesos.executor.docker.volumes",
    "spark.mesos.executor.docker.portmaps",
    "spark.mesos.network.name",
    "spark.mesos.network.labels",
    "spark.mesos.driver.secret.names",
    "spark.mesos.driver.secret.values",
    "spark.mesos.driver.secret.envkeys",
    "spark.mesos.driver.secret.filenames",
    "spark.mesos.driver.labels",
)
@pytest.mark.parametrize("name", RECORDED)
def test_what_reaches_mesos(name: str, drivers: Drivers, refusing_port: int) -> None:
    """The container, its secrets and labels are those that Mesos was recorded to get from Spark's dispatcher."""
    text = (RECORDINGS / f"{name}.json").read_text(encoding="utf-8")
    recording = json.loads(text.replace("http://repo.mesos.example", f"http://127.0.0.1:{refusing_port}"))
    code, answer = drivers.server.ask("POST", "/create", recording["submission"])
    assert (code, answer["success"]) == (200, True), answer
    drivers.status_when(answer["submissionId"], "FINISHED")
    task, info = drivers.driver(answer["submissionId"])
    (recorded,) = recording["launched"]
    assert task["state"] == "TASK_FAILED", "there is nothing at the URL of the application"
    assert info["container"] == recorded["container"]
    assert info["labels"] == recorded["labels"]
    for variable in recorded["command"]["environment"]["variables"]:
        if variable.get("type") == "SECRET":
            assert variable in info["command"]["environment"]["variables"]
