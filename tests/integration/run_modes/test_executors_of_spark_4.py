"""What executors of Spark 4 find that those of 3.5 do not: a secret that all of the application share, a link to their logs.

And what Spark 4 does not do by itself any more: they keep their files in the sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import psutil
import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.integration.run_modes.applications import Applications, Running, Seen
from tests.integration.spark_releases import SPARK_4

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("spark_under_test", [SPARK_4], indirect=True, scope="module"),
]

SECRET = "guess me if you can"
LOOK = """
import json, urllib.request

def look(number):
    folders = [one for one in os.listdir(os.environ["MESOS_SANDBOX"]) if one.startswith("blockmgr-")]
    return number % 2, folders

found = sc.parallelize(range(4), 2).map(look).reduceByKey(lambda one, other: one).collect()
api = f"{sc.uiWebUrl}/api/v1/applications/{sc.applicationId}/executors"
with urllib.request.urlopen(api) as answer:
    logs = {one["id"]: one["executorLogs"] for one in json.load(answer)}
print(json.dumps([dict(found)[0], logs["0"]]))
pause()
"""


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    return (AgentSpec(cpus=1, mem=2048),)


@pytest.fixture(scope="module")
def running(applications: Applications) -> Iterator[Running]:
    # Where secrets belong: a file that nobody else can read.
    secrets = applications.commands.folder / "secret.properties"
    secrets.touch(mode=0o600)
    secrets.write_text(f"spark.authenticate.secret {SECRET}\n", encoding="utf-8")
    conf = {
        "spark.authenticate": "true",
        "spark.network.crypto.enabled": "true",
        "spark.io.encryption.enabled": "true",
        "spark.ui.enabled": "true",
        "spark.ui.port": "0",
    }
    with applications.running(LOOK, conf, options=("--properties-file", str(secrets))) as started:
        yield started


@pytest.fixture(scope="module")
def seen(running: Running) -> Seen:
    """What Mesos sees while the executor lives."""
    return running.wait_until_paused()


@pytest.fixture(scope="module")
def said(running: Running, seen: Seen) -> tuple[list[str], dict[str, str]]:
    """The folders that a task found, and the links to the executor's logs."""
    folders, logs = json.loads(running.out[-1])
    return folders, logs


def test_files_are_in_the_sandbox(said: tuple[list[str], dict[str, str]]) -> None:
    folders, _ = said
    assert len(folders) == 1


def test_links_to_logs(said: tuple[list[str], dict[str, str]]) -> None:
    _, logs = said
    assert sorted(logs) == ["stderr", "stdout"]
    answer = requests.get(logs["stderr"], timeout=10)
    assert answer.status_code == 200
    assert "CoarseGrainedExecutorBackend" in answer.text
    assert requests.get(logs["stdout"], timeout=10).status_code == 200


def test_the_secret_reaches_nobody_else(seen: Seen, applications: Applications) -> None:
    """Executors have it, or they would not be there: who asks the cluster, or looks at processes, does not see it."""
    (variable,) = [
        one
        for one in seen.task_infos[0]["command"]["environment"]["variables"]
        if one["name"] == "_SPARK_AUTH_SECRET"
    ]
    assert variable["type"] == "SECRET"
    (agent,) = applications.cluster.agent_urls
    states = [applications.state(), requests.get(f"{agent}/state", timeout=10).json()]
    assert SECRET not in json.dumps(states)
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if "--executor-id 0" in line and seen.framework["id"] in line]
    assert not [line for line in lines if SECRET in line]


def test_it_ends(running: Running) -> None:
    running.go()
    running.end()
