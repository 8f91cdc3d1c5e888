"""Tasks that fail, are lost or do not begin, on the embedded cluster: what is said of them, and that it helps."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.cluster import RunningCluster
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.sandbox_files import NoSuchFileError, SandboxFiles
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.small_framework import SmallFramework
from tests.integration.verify.verifying import SOUND, Report, verify

OF_TASKS = (
    "--only",
    "master-leader,master-authentication,master-state,tasks-failing,tasks-lost,tasks-staging",
)

TRACEBACK = """python3 - <<'END'
def count(line):
    return int(line)
count("a hundred")
END
"""


@pytest.fixture
def framework(cluster: RunningCluster) -> Iterator[SmallFramework]:
    # In letters: names that differ in numbers only count as those of one application.
    name = "".join(chr(ord("a") + int(digit)) for digit in str(time.monotonic_ns()))
    with SmallFramework(cluster, name) as running:
        yield running


def agent_number(cluster: RunningCluster, agent_id: str) -> int:
    living = [node.agent.agent_id if node.agent else None for node in cluster.nodes.agents]
    return living.index(agent_id)


def verified(cluster: RunningCluster) -> Report:
    return verify("--master", cluster.url, *SOUND)


@pytest.mark.breaks("tasks-failing")
def test_a_task_that_fails_with_a_traceback(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    with SmallFramework(cluster, "word count") as framework:
        ended = framework.ran(TRACEBACK, task_id="0", name="word count 0")
        assert ended["state"] == "TASK_FAILED"
        report = verified(cluster)
        assert report.failing() == {"tasks-failing"}, report
        problem = report.problem("tasks-failing")
        assert "ValueError: invalid literal for int() with base 10: 'a hundred'" in problem["message"]
        assert "word count 0, TASK_FAILED" in problem["message"]
        assert "Correct the application" in problem["hint"]
        details = "\n".join(problem["details"])
        assert "Command exited with status 1" in details
        assert "Traceback (most recent call last):" in details
        assert 'File "<stdin>", line 3, in <module>' in details

        # What the hint says: it is corrected, and run again.
        framework.ran("python3 -c 'print(int(\"100\"))'", task_id="1", name="word count 1")
        assert verified(cluster).failing() == set()


@pytest.mark.parametrize(
    ("command", "meaning", "hint"),
    [
        ("echo 'JAVA_HOME is not set' >&2; exit 1", "there is no Java", "spark.executorEnv.JAVA_HOME"),
        ("./spark-3.5.9/bin/spark-class x", "there is no Spark", "spark.executor.uri"),
        ("no-such-interpreter-3 app.py", "does not exist on the agent", "Install"),
        ("kill -KILL $$", "SIGKILL", "memoryOverhead"),
        ("echo 'java.net.UnknownHostException: driver.example' >&2; exit 1", "resolve", "spark.driver.host"),
        ("head -c 300000 /dev/zero | tr '\\0' x; exit 3", "Command exited with status 3", "run it again"),
    ],
)
def test_what_explains_it_is_recognised(
    cluster: RunningCluster, framework: SmallFramework, command: str, meaning: str, hint: str
) -> None:
    for number in ("0", "1"):
        assert (
            framework.ran(command, task_id=number, name=f"{framework.name} {number}")["state"]
            == "TASK_FAILED"
        )
    report = verify("--master", cluster.url, *SOUND, *OF_TASKS)
    mine = [one for one in report.problems("tasks-failing") if framework.name in one["message"]]
    assert len(mine) == 1, report
    assert "2 tasks" in mine[0]["message"]
    assert meaning in mine[0]["message"]
    assert hint in mine[0]["hint"]
    assert all(len(line) <= 400 for line in mine[0]["details"])
    framework.ran("true", task_id="2", name=f"{framework.name} 2")
    assert framework.name not in str(verify("--master", cluster.url, *OF_TASKS).problems("tasks-failing"))


def test_a_failed_fetch_is_told_with_its_uri(cluster: RunningCluster, framework: SmallFramework) -> None:
    for number in ("0", "1"):
        framework.ran(
            "true", task_id=number, name=f"{framework.name} {number}", uris=["http://127.0.0.1:1/spark.tgz"]
        )
    report = verify("--master", cluster.url, *SOUND, *OF_TASKS)
    mine = [one for one in report.problems("tasks-failing") if framework.name in one["message"]]
    assert len(mine) == 1, report
    assert "the agent cannot fetch a file" in mine[0]["message"]
    assert "http://127.0.0.1:1/spark.tgz" in mine[0]["message"]
    framework.ran("true", task_id="2", name=f"{framework.name} 2")


def test_secrets_in_what_a_task_wrote_are_not_shown(
    cluster: RunningCluster, framework: SmallFramework
) -> None:
    """The fetcher writes down each URI as it is."""
    uri = "http://reader:opensesame@127.0.0.1:1/spark.tgz?X-Amz-Signature=0badc0de"
    framework.ran("true", task_id="0", name=f"{framework.name} 0", uris=[uri])
    report = verify("--master", cluster.url, *SOUND, *OF_TASKS)
    (mine,) = (one for one in report.problems("tasks-failing") if framework.name in one["message"])
    assert "127.0.0.1:1/spark.tgz" in mine["message"]
    assert "opensesame" not in str(mine)
    assert "0badc0de" not in str(mine)
    framework.ran("true", task_id="1", name=f"{framework.name} 1")


def test_what_is_not_of_spark_is_a_note(cluster: RunningCluster, framework: SmallFramework) -> None:
    """A batch system may have jobs that fail every night."""
    for number in range(2):
        framework.ran("exit 1", task_id=f"of-a-service.{number}", name="service")
    report = verify("--master", cluster.url, *SOUND, *OF_TASKS)
    assert report.failing() == set(), report
    assert report.status("tasks-failing") == "note"
    assert "no executor or driver of Spark" in report.hint("tasks-failing")
    framework.ran("true", task_id="again", name="service")


def test_a_task_that_runs_again_is_well_once_it_has_run_for_longer(
    cluster: RunningCluster, framework: SmallFramework
) -> None:
    for number in ("0", "1"):
        framework.ran("exit 1", task_id=number, name=f"{framework.name} {number}")
    framework.launch("sleep 600", task_id="2", name=f"{framework.name} 2")
    framework.reached("2", "TASK_RUNNING")
    deadline = time.monotonic() + 60
    while verify("--master", cluster.url, *OF_TASKS).failing():
        assert time.monotonic() < deadline


def test_an_agent_that_is_gone_takes_the_output_along(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    with SmallFramework(cluster, "word count") as framework:
        ended = framework.ran("echo lost; exit 7", task_id="0", name="word count 0")
        agent = ended["agent_id"]["value"]
        number = agent_number(cluster, agent)
        cluster.control.kill_agent(number)
        report = verify("--master", cluster.url, *SOUND, *OF_TASKS)
        assert report.failing() == {"tasks-failing"}, report
        assert "its output is not known" in "\n".join(report.problem("tasks-failing")["details"])


@pytest.mark.breaks("tasks-lost")
def test_tasks_that_an_agent_loses(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    with SmallFramework(cluster, "word count") as framework:
        framework.launch("sleep 600", task_id="0", name="word count 0")
        agent = framework.reached("0", "TASK_RUNNING")["agent_id"]["value"]
        number = agent_number(cluster, agent)
        cluster.control.kill_agent(number)
        framework.ended("0")
        away = verify("--master", cluster.url, *SOUND)
        assert "tasks-lost" not in away.failing(), away  # that the agent is away is told already

        cluster.control.start_agent(number)
        await_active(cluster, 2)
        report = verified(cluster)
        assert report.failing() == {"tasks-lost"}, report
        where = cluster.agent_urls[number].removeprefix("http://")
        assert report.message("tasks-lost") == (
            f"A task of 'word count' was lost in the last day, lately on {where}"
        )
        assert "run the application again" in report.hint("tasks-lost")

        framework.ran("true", task_id="1", name="word count 1")
        assert verified(cluster).failing() == set()


@pytest.mark.breaks("tasks-staging")
def test_a_task_that_hangs_in_staging(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    with SmallFramework(cluster, "word count") as framework, silent_server() as silent:
        framework.launch("true", task_id="0", name="word count 0", uris=[f"{silent}/spark-3.5.9.tgz"])
        sandbox, host = awaited_sandbox(cluster, framework.id, "0")
        assert verified(cluster).failing() == set()  # it has only just been launched

        ten_minutes_ago = time.time() - 600
        os.utime(sandbox / "stdout", (ten_minutes_ago, ten_minutes_ago))
        report = verified(cluster)
        assert report.failing() == {"tasks-staging"}, report
        problem = report.problem("tasks-staging")
        assert (
            f"word count 0 of 'word count' has been in TASK_STAGING on {host} for 10 min"
            in problem["message"]
        )
        assert f"{silent}/spark-3.5.9.tgz" in problem["message"]
        assert "kill the task" in problem["hint"]

        framework.kill("0")
        framework.ended("0")
        assert verified(cluster).failing() == set()


def await_active(cluster: RunningCluster, number: int) -> None:
    deadline = time.monotonic() + 60
    with MesosHttp(cluster.http_url) as http:
        while sum(one["active"] for one in http.get_json("/slaves")["slaves"]) != number:
            assert time.monotonic() < deadline


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """A server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def awaited_sandbox(cluster: RunningCluster, framework: str, task: str) -> tuple[Path, str]:
    """The folder of a task that is being launched, once its agent fetches for it; and the agent's address."""
    deadline = time.monotonic() + 60
    while True:
        for url in cluster.agent_urls:
            with MesosHttp(url) as http, contextlib.suppress(NoSuchFileError):
                sandbox = Path(SandboxFiles(http).directory(framework, task))
                if (sandbox / "stderr").exists() and (sandbox / "stderr").stat().st_size:
                    return sandbox, url.removeprefix("http://")
        assert time.monotonic() < deadline
