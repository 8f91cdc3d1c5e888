"""What Spark asks Mesos to run, for each way that a task can be described, is what it was recorded to ask.

One application makes a SparkContext after the other, each with the properties of a recording. None of their executors
can run: there is no Spark where the tasks look for one, and the cluster has neither docker nor networks. That they run
where there is, and what they find there, is for the other modules.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.http_stub import HttpStub, http_stub
from tests.integration.run_modes.applications import PATIENCE, SMALL, Applications, Seen
from tests.integration.run_modes.conversation import Conversation
from tests.integration.run_modes.recorded_tasks import RECORDINGS, essence, recorded_tasks

if TYPE_CHECKING:
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

JsonObject = dict[str, Any]

NO_SPARK = "/opt/no-spark-here"
RECORDED_SPARK = "/opt/spark"
RECORDED_SERVER = "http://repo.mesos.example"
FINE_GRAINED = ("fine-grained", "fine-grained-uri")
COARSE_GRAINED = (
    "executor-docker",
    "executor-labels",
    "executor-mesos-containerizer-image",
    "executor-network",
    "executor-options-environment",
    "executor-secrets",
    "executor-secrets-references",
    "executor-uris-cache",
)

APPLICATION = """
import contextlib, http.client, json, sys, threading, time
from pyspark import SparkConf, SparkContext

master, cases = json.loads(sys.argv[1])

def over(framework):
    connection = http.client.HTTPConnection(master)
    connection.request("GET", "/state")
    state = json.load(connection.getresponse())
    connection.close()
    mine = [one for one in state["frameworks"] if one["id"] == framework]
    return bool(mine and mine[0]["completed_tasks"])

def job(sc):
    with contextlib.suppress(Exception):  # it ends with the context
        sc.parallelize(range(4), 4).count()

for name, properties in cases.items():
    conf = SparkConf().setAppName(name).setAll(properties.items())
    with SparkContext(conf=conf) as sc:
        if properties.get("spark.mesos.coarse") == "false":  # which launches nothing without a job
            threading.Thread(target=job, args=(sc,), daemon=True).start()
        while not over(sc.applicationId):
            time.sleep(0.05)
        executors = sc._jsc.sc().getExecutorMemoryStatus().size() - 1
        print(json.dumps([name, executors]), flush=True)
"""


def properties(name: str, server: str) -> dict[str, str]:
    """Those of a recording, for this cluster."""
    words = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))["spark_submit_args"]
    pairs = [words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "--conf"]
    recorded = {key: value.replace(RECORDED_SERVER, server) for key, value in pairs}
    return {**recorded, "spark.mesos.executor.home": NO_SPARK}


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """One as the recorded offers were."""
    return (AgentSpec(cpus=4, mem=8192),)


@pytest.fixture(scope="module")
def server() -> Iterator[HttpStub]:
    """One that has nothing, in place of the recorded one."""
    with http_stub({}) as stub:
        yield stub


@pytest.fixture(scope="module")
def url(server: HttpStub) -> str:
    return f"http://{server.address}"


@pytest.fixture(scope="module")
def seen(applications: Applications, spark_under_test: SparkUnderTest, url: str) -> dict[str, Seen]:
    """What Mesos saw of each SparkContext, by the name of the recording."""
    program = applications.commands.folder / "contexts.py"
    program.write_text(APPLICATION)
    cluster = applications.cluster
    settings = {
        **SMALL,
        "spark.executor.memory": None,  # as recorded
        "spark.executor.cores": None,
        "spark.cores.max": None,
        "spark.executor.extraJavaOptions": None,
        "spark.scheduler.minRegisteredResourcesRatio": "0",
    }
    options = [f"--conf={key}={value}" for key, value in settings.items() if value is not None]
    names = COARSE_GRAINED if spark_under_test.is_4 else (*COARSE_GRAINED, *FINE_GRAINED)
    cases = {name: properties(name, url) for name in names}
    given = json.dumps([cluster.http_url.removeprefix("http://"), cases])
    run = applications.commands.run(
        *("submit", "--master", cluster.url, "--mesos-driver", "http", *options, str(program), given),
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    said = [json.loads(line) for line in run.stdout.splitlines()]
    assert said == [[name, 0] for name in names], "no executor can have come"
    return {name: applications.seen(name) for name in names}


def launched(seen: Seen, url: str) -> JsonObject:
    """The first TaskInfo, with the names of the recordings in place of those of this machine."""
    text = json.dumps(seen.task_infos[0])
    info: JsonObject = json.loads(text.replace(url, RECORDED_SERVER).replace(NO_SPARK, RECORDED_SPARK))
    return info


@pytest.mark.proves(
    "spark.mesos.containerizer",
    "spark.mesos.executor.docker.forcePullImage",
    "spark.mesos.executor.docker.image",
    "spark.mesos.executor.docker.parameters",
    "spark.mesos.executor.docker.portmaps",
    "spark.mesos.executor.docker.volumes",
    "spark.mesos.executor.secret.envkeys",
    "spark.mesos.executor.secret.filenames",
    "spark.mesos.executor.secret.names",
    "spark.mesos.executor.secret.values",
    "spark.mesos.fetcherCache.enable",
    "spark.mesos.network.labels",
    "spark.mesos.network.name",
    "spark.mesos.task.labels",
    "spark.mesos.uris",
)
@pytest.mark.parametrize("name", COARSE_GRAINED)
def test_coarse_grained(name: str, seen: dict[str, Seen], url: str, spark_under_test: SparkUnderTest) -> None:
    assert essence(launched(seen[name], url)) == recorded_tasks(name, is_4=spark_under_test.is_4)[0]


def test_java_options(seen: dict[str, Seen]) -> None:
    """Of which `essence` keeps nothing, since they begin with those of the Java."""
    framework = seen["executor-options-environment"]
    variables = framework.task_infos[0]["command"]["environment"]["variables"]
    options = next(one["value"] for one in variables if one["name"] == "SPARK_EXECUTOR_OPTS")
    assert options.endswith(f" -Dk=v -Did=0 -Dapp={framework.framework['id']}")


@pytest.mark.proves("spark.mesos.coarse", "spark.mesos.mesosExecutor.cores")
@pytest.mark.parametrize("name", FINE_GRAINED)
@pytest.mark.only_spark(3)
def test_fine_grained(name: str, seen: dict[str, Seen], url: str) -> None:
    """One Mesos executor, described in each of its tasks, one of which is a task of Spark; `data` is Spark's own."""
    recording = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    ours, theirs = [
        {**info["executor"], "name": info["name"]}
        for info in (launched(seen[name], url), recording["launched"][0])
    ]
    assert ours.pop("executor_id") == seen[name].task_infos[0]["agent_id"]
    del theirs["executor_id"]
    assert [bool(one.pop("data")) for one in (ours, theirs)] == [True, True]
    amounts = [
        [(one["name"], one["scalar"]["value"]) for one in info["resources"]] for info in (ours, theirs)
    ]
    assert amounts == [[("cpus", 1.0), ("mem", 1408.0)]] * 2
    assert essence(ours) == essence(theirs)
    task = seen[name].task_infos[0]
    assert [(one["name"], one["scalar"]["value"]) for one in task["resources"]] == [("cpus", 1.0)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("executor-docker", "unknown container (no docker command is configured on this agent)"),
        ("executor-labels", "Command exited with status 127"),
        ("executor-mesos-containerizer-image", "Unsupported container image type: DOCKER"),
        ("executor-network", "the embedded cluster has no network but the host's"),
        ("executor-secrets-references", "Default secret resolver cannot resolve references"),
        ("executor-uris-cache", "Failed to fetch all URIs"),
    ],
)
def test_what_became_of_it(name: str, reason: str, seen: dict[str, Seen], conversation: Conversation) -> None:
    """The driver is told why, and keeps it to itself."""
    tasks = seen[name].tasks
    assert tasks[0]["state"] == "TASK_FAILED"
    times = [status["timestamp"] for status in tasks[0]["statuses"]]
    messages = [one.get("message", "") for one in conversation.statuses if one["timestamp"] in times]
    assert reason in messages[-1]
