"""What executors in client mode find: files that their agent has fetched, variables, options of their JVM, a Python."""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.http_stub import Answer, HttpStub, http_stub
from tests.integration.run_modes.applications import Applications, Ended
from tests.integration.short_lived_jvm import JVM
from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

JsonObject = dict[str, Any]

# Two executors, each of which runs one of two tasks that wait for each other.
LOOK = """
def look(folder):
    meet(2, folder)
    import psutil
    executor = next(p for p in psutil.Process().parents() if "CoarseGrainedExecutorBackend" in " ".join(p.cmdline()))
    words = executor.cmdline()
    return {
        "id": words[words.index("--executor-id") + 1],
        "options": [word for word in words if word.startswith("-D") and "=" in word],
        "class_path": words[words.index("-cp") + 1].split(":"),
        "library_path": executor.environ()["LD_LIBRARY_PATH"],
        "greeting": os.environ["GREETING"],
        "python": os.environ["PYTHON_OF"],
        "files": [open(os.path.join(os.environ["MESOS_SANDBOX"], name)).read() for name in ("words/a.txt", "notes.txt")],
    }
import json
seen = sc.parallelize([sys.argv[1]] * 2, 2).map(look).collect()
print(json.dumps({"driver": os.environ["PYTHON_OF"], "application": sc.applicationId, "executors": seen}))
"""


@dataclass(frozen=True)
class Looked:
    """The application, what its executors found, and what was asked of the server of their files."""

    ended: Ended
    driver: str
    executors: list[JsonObject]
    asked: list[tuple[str, str]]

    def each(self, key: str) -> list[Any]:
        """What both executors found under a key, which has to be the same."""
        first, second = (executor[key] for executor in self.executors)
        assert first == second
        return [first]


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """One for both executors, whose cache they share."""
    return (AgentSpec(cpus=2, mem=2048),)


@pytest.fixture(scope="module")
def server(spark_under_test: SparkUnderTest) -> Iterator[HttpStub]:
    """A server of an archive and a file, for the executors of this Spark alone: what it was asked for is counted."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as writer:
        member = tarfile.TarInfo("words/a.txt")
        member.size = len(b"ahab")
        writer.addfile(member, io.BytesIO(b"ahab"))
    with http_stub(
        {"/words.tgz": Answer(200, archive.getvalue()), "/notes.txt": Answer(200, b"call me")}
    ) as stub:
        yield stub


@pytest.fixture(scope="module")
def looked(applications: Applications, server: HttpStub) -> Looked:
    folder = applications.commands.folder
    (folder / "met").mkdir()
    url = f"http://{server.address}"
    ended = applications.run(
        LOOK,
        {
            "spark.cores.max": "2",
            "spark.mesos.uris": f"{url}/words.tgz, {url}/notes.txt",
            "spark.mesos.fetcherCache.enable": "true",
            "spark.mesos.task.labels": r"team:data,note:a\:b\,c",
            "spark.executorEnv.GREETING": "a  b",
            "spark.executor.extraJavaOptions": f"{JVM} -Dk='v w' -Did={{{{EXECUTOR_ID}}}} -Dapp={{{{APP_ID}}}}",
            "spark.executor.extraClassPath": "/opt/x.jar",
            "spark.executor.extraLibraryPath": "/opt/lib",
            "spark.pyspark.python": python_of(folder, "executors"),
            "spark.pyspark.driver.python": python_of(folder, "driver"),
        },
        str(folder / "met"),
    )
    said = json.loads(ended.out)
    assert said["application"] == ended.mesos.framework["id"]
    executors = sorted(said["executors"], key=lambda executor: str(executor["id"]))
    assert [executor["id"] for executor in executors] == ["0", "1"]
    return Looked(ended, said["driver"], executors, [(method, path) for method, path, _ in server.requests])


def python_of(folder: Path, whose: str) -> str:
    """A Python like ours that can be told from others."""
    path = folder / f"python-of-{whose}"
    path.write_text(f'#!/bin/sh\nPYTHON_OF={whose} exec "{sys.executable}" "$@"\n')
    path.chmod(0o755)
    return str(path)


def sandboxes(looked: Looked, cluster_url: str) -> list[Path]:
    """Those of the executors, by their ids."""
    state = requests.get(f"{cluster_url}/state", timeout=10).json()
    frameworks = {one["id"]: one for one in (*state["frameworks"], *state["completed_frameworks"])}
    executors = frameworks[looked.ended.mesos.framework["id"]]["completed_executors"]
    return [Path(executor["directory"]) for executor in sorted(executors, key=lambda one: str(one["id"]))]


@pytest.mark.proves("spark.mesos.uris")
def test_files(looked: Looked, server: HttpStub) -> None:
    """Archives are unpacked into the sandbox, everything else lies there as it is."""
    uris = [
        {"value": f"http://{server.address}/{name}", "cache": True} for name in ("words.tgz", "notes.txt")
    ]
    assert [info["command"]["uris"] for info in looked.ended.mesos.task_infos] == [uris, uris]
    assert looked.each("files") == [["ahab", "call me"]]


@pytest.mark.proves("spark.mesos.fetcherCache.enable")
def test_the_cache(looked: Looked, applications: Applications) -> None:
    """Whichever executor comes second has its files from the agent's cache: the server is asked for each once."""
    downloads = Counter(path for method, path in looked.asked if method == "GET")
    assert downloads == {"/words.tgz": 1, "/notes.txt": 1}
    (agent,) = applications.cluster.agent_urls
    actions = []
    for sandbox in sandboxes(looked, agent):
        found = re.search(r"Fetcher Info: (\{.*\})", (sandbox / "stderr").read_text())
        assert found is not None
        actions.append([item["action"] for item in json.loads(found[1])["items"]])
    assert sorted(actions) == [["DOWNLOAD_AND_CACHE"] * 2, ["RETRIEVE_FROM_CACHE"] * 2]
    metrics = requests.get(f"{agent}/metrics/snapshot", timeout=10).json()
    assert metrics["containerizer/fetcher/cache_size_used_bytes"] > 0


@pytest.mark.proves("spark.mesos.task.labels")
def test_labels(looked: Looked) -> None:
    """On every task, to be seen in `/state`."""
    labels = [{"key": "team", "value": "data"}, {"key": "note", "value": "a:b,c"}]
    assert [task["labels"] for task in looked.ended.mesos.tasks] == [labels, labels]
    assert [info["labels"] for info in looked.ended.mesos.task_infos] == [{"labels": labels}] * 2


@pytest.mark.proves("spark.executorEnv.NAME")
def test_variables(looked: Looked) -> None:
    assert looked.each("greeting") == ["a  b"]
    for info in looked.ended.mesos.task_infos:
        assert {"name": "GREETING", "value": "a  b"} in info["command"]["environment"]["variables"]


@pytest.mark.proves("spark.executor.extraJavaOptions")
def test_java_options(looked: Looked) -> None:
    """With the ids of the application and of the executor where they are asked for."""
    framework = looked.ended.mesos.framework["id"]
    infos = {info["task_id"]["value"]: info for info in looked.ended.mesos.task_infos}
    for executor in looked.executors:
        number = executor["id"]
        assert {"-Dk=v w", f"-Did={number}", f"-Dapp={framework}"} <= set(executor["options"])
        variables = {
            one["name"]: one["value"] for one in infos[number]["command"]["environment"]["variables"]
        }
        assert variables["SPARK_EXECUTOR_OPTS"].endswith(f" {JVM} -Dk='v w' -Did={number} -Dapp={framework}")


@pytest.mark.proves("spark.executor.extraClassPath", "spark.executor.extraLibraryPath")
def test_paths(looked: Looked) -> None:
    """Before Spark's own."""
    (class_path,) = looked.each("class_path")
    assert class_path[0] == "/opt/x.jar"
    assert any(part.rstrip("*").endswith("/jars/") for part in class_path[1:])
    (library_path,) = looked.each("library_path")
    assert library_path.split(":")[0] == "/opt/lib"
    for info in looked.ended.mesos.task_infos:
        assert {"name": "SPARK_EXECUTOR_CLASSPATH", "value": "/opt/x.jar"} in info["command"]["environment"][
            "variables"
        ]
        assert info["command"]["value"].startswith('LD_LIBRARY_PATH="/opt/lib:$LD_LIBRARY_PATH" ')


@pytest.mark.proves("spark.pyspark.python", "spark.pyspark.driver.python")
def test_pythons(looked: Looked) -> None:
    """That of the executors is nothing that Mesos is told: Spark's executor starts it."""
    assert looked.driver == "driver"
    assert looked.each("python") == ["executors"]
    assert "python-of" not in json.dumps(looked.ended.mesos.task_infos)
