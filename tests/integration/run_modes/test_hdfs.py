"""Applications that read and write a real HDFS, in client and in cluster mode; in the latter they come from it, too."""

from __future__ import annotations

import getpass
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.integration.run_modes.applications import Applications
from tests.integration.run_modes.cluster_mode_applications import Drivers

if TYPE_CHECKING:
    from tests.servers.hdfs import Hdfs

pytestmark = pytest.mark.slow

TEXT = "call me ishmael\nsome years ago\nnever mind how long\nsome time ago\n"
COUNTS = {
    "ago": 2,
    "call": 1,
    "how": 1,
    "ishmael": 1,
    "long": 1,
    "mind": 1,
    "never": 1,
    "time": 1,
    "years": 1,
}
# Counts the words of one file, but for those that stand in another one, into a folder.
APPLICATION = """
import sys
from pyspark import SparkContext, SparkFiles
from splitting import words

source, target = sys.argv[1:]
with SparkContext() as sc:
    unwanted = set(words(open(SparkFiles.get("unwanted.txt")).read()))
    counted = sc.textFile(source, 2).flatMap(words).filter(lambda word: word not in unwanted)
    sums = counted.map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b, 2)
    sums.map(lambda pair: "%s %d" % pair).saveAsTextFile(target)
    print(sc.textFile(target).count())
"""
SPLITTING = "def words(text):\n    return text.split()\n"


@dataclass(frozen=True)
class Folder:
    """A folder in HDFS, reached by its HTTP interface."""

    hdfs: Hdfs
    path: str

    def put(self, name: str, text: str) -> None:
        """Writes a file."""
        created = requests.put(self._url(name, "CREATE"), text.encode(), timeout=30)
        created.raise_for_status()

    def read(self, name: str) -> str:
        """What a file holds."""
        answer = requests.get(self._url(name, "OPEN"), timeout=30)
        answer.raise_for_status()
        return answer.text

    def names(self, name: str) -> list[str]:
        """What is in a folder."""
        answer = requests.get(self._url(name, "LISTSTATUS"), timeout=30)
        answer.raise_for_status()
        return [status["pathSuffix"] for status in answer.json()["FileStatuses"]["FileStatus"]]

    def counts(self, name: str) -> dict[str, int]:
        """The counts that the application has written to a folder; they are complete."""
        names = self.names(name)
        assert "_SUCCESS" in names
        parts = [part for part in sorted(names) if part.startswith("part-")]
        assert parts == ["part-00000", "part-00001"]
        lines = [line for part in parts for line in self.read(f"{name}/{part}").splitlines()]
        return {word: int(count) for word, count in (line.split() for line in lines)}

    def remove(self) -> None:
        """Removes it with all that is in it."""
        requests.delete(self._url("", "DELETE", recursive="true"), timeout=30).raise_for_status()

    def uri(self, name: str) -> str:
        """The hdfs:// URI of a file, with the address of the namenode."""
        return self.hdfs.uri(f"{self.path}/{name}")

    def _url(self, name: str, operation: str, **more: str) -> str:
        # As the user of the servers, who may do everything.
        query = {"op": operation, "user.name": getpass.getuser(), **more}
        pairs = "&".join(f"{key}={value}" for key, value in query.items())
        return f"http://{self.hdfs.namenodes[0].http}/webhdfs/v1{self.path}/{name}?{pairs}"


@pytest.fixture(scope="module")
def folder(hdfs: Hdfs) -> Iterator[Folder]:
    made = Folder(hdfs, f"/run-modes-{uuid.uuid4().hex}")
    made.put("in.txt", TEXT)
    yield made
    made.remove()


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    return (AgentSpec(cpus=2, mem=2048),)


@pytest.fixture(scope="module", autouse=True)
def conf_of_agents(applications: Applications, hdfs: Hdfs) -> Iterator[None]:
    """The agents' fetcher knows this HDFS; commands, whose environment is there already, do not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HADOOP_CONF_DIR", str(hdfs.conf_dir))
        for name in ("HADOOP_HOME", "HADOOP_USER_NAME"):
            patch.delenv(name, raising=False)
        yield


@pytest.mark.proves("spark.files", mode="client")
def test_in_client_mode(applications: Applications, folder: Folder) -> None:
    """One path with the namenode in it, one without, for which HADOOP_CONF_DIR of the client says which it is."""
    here = applications.commands.folder
    (here / "splitting.py").write_text(SPLITTING)
    (here / "unwanted.txt").write_text("some me")
    path = here / "counts.py"
    path.write_text(APPLICATION)
    ended = applications.run_file(
        str(path),
        {},
        *(folder.uri("in.txt"), f"hdfs://{folder.path}/client"),
        options=("--py-files", str(here / "splitting.py"), "--files", str(here / "unwanted.txt")),
        HADOOP_CONF_DIR=str(folder.hdfs.conf_dir),
    )
    assert ended.out == f"{len(COUNTS)}\n"
    assert folder.counts("client") == COUNTS
    assert [task["state"] for task in ended.mesos.tasks] == ["TASK_FINISHED"]


@pytest.mark.proves("spark.files", "spark.submit.pyFiles", "spark.mesos.driverEnv.NAME", mode="cluster")
def test_in_cluster_mode(drivers: Drivers, folder: Folder, hdfs: Hdfs) -> None:
    """The application and its Python file are fetched by the agent, its file by Spark, all of them from HDFS."""
    for name, text in (
        ("counts.py", APPLICATION),
        ("splitting.py", SPLITTING),
        ("unwanted.txt", "some me"),
    ):
        folder.put(name, text)
    ended = drivers.run(
        folder.uri("counts.py"),
        {"spark.mesos.driverEnv.HADOOP_CONF_DIR": str(hdfs.conf_dir)},
        *(folder.uri("in.txt"), f"hdfs://{folder.path}/cluster"),
        options=("--py-files", folder.uri("splitting.py"), "--files", folder.uri("unwanted.txt")),
    )
    assert ended.out == f"{len(COUNTS)}\n"
    assert folder.counts("cluster") == COUNTS
    uris = [uri["value"] for uri in ended.info["command"]["uris"]][:2]
    assert uris == [folder.uri("counts.py"), folder.uri("splitting.py")]
    fetched = {name: (ended.sandbox / name).read_text() for name in ("counts.py", "splitting.py")}
    assert fetched == {"counts.py": APPLICATION, "splitting.py": SPLITTING}
    assert [task["state"] for task in (ended.task, *ended.mesos.tasks)] == ["TASK_FINISHED"] * 2
    (sandbox,) = ended.executor_sandboxes
    assert (sandbox / "unwanted.txt").read_text() == "some me"


def test_no_such_file(drivers: Drivers, folder: Folder) -> None:
    """An application that is not there: the driver fails before it begins, and its sandbox tells why."""
    missing = folder.uri("missing.py")
    ended = drivers.run(missing, expect=3)
    assert ended.seen is None
    assert ended.task["state"] == "TASK_FAILED"
    assert f"File does not exist: {folder.path}/missing.py" in (ended.sandbox / "stderr").read_text()
    assert json.dumps(missing) in json.dumps(ended.info["command"]["uris"])
