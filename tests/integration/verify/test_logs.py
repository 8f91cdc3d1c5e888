"""What is said of the logs that masters and agents serve."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from sparkmesos_core.localcluster.credentials import Authentication
from tests.integration.verify.conftest import Alter, NewCluster
from tests.integration.verify.small_framework import SmallFramework
from tests.integration.verify.verifying import SOUND, verify

FETCH = (
    "Container '7c7a2a1e-1f0a-4d5e-9b65-0a3f5a0c{:04}' for executor '{}' of framework "
    "eedcf4e8-43d2-4379-8e3f-c3f958078fba-0003 failed to start: Failed to fetch all URIs for container "
    "'7c7a2a1e-1f0a-4d5e-9b65-0a3f5a0c{:04}': exited with status 1"
)
ROLE = (
    "Refusing subscription of framework 'Spark Pi': Roles {{ etl }} are not present in the master's --roles"
)


def write(log: Path, level: str, *texts: str, ago: timedelta = timedelta()) -> None:
    """Add records in the form of glog, as Mesos 1.12.0 has it."""
    at = datetime.now() - ago
    with log.open("a") as file:
        for text in texts:
            file.write(f"{level}{at:%Y%m%d %H:%M:%S.%f} 26728 slave.cpp:6991] {text}\n")


@pytest.fixture
def master_log(tmp_path: Path) -> Path:
    log = tmp_path / "mesos-master.INFO"
    log.touch()
    return log


def agent_log(cluster: RunningCluster, agent: int) -> Path:
    return cluster.nodes.spec.work_dir / f"agent{agent + 1}" / "agent.log"


def fill_logs(cluster: RunningCluster, *, lines: int) -> None:
    """What agents write while all is well."""
    for agent in range(len(cluster.agent_urls)):
        write(agent_log(cluster, agent), "I", *(["Got registered"] * lines))


@pytest.mark.breaks("logs-master")
def test_complaints_of_the_master(new_cluster: NewCluster, master_log: Path) -> None:
    cluster = new_cluster(log=master_log)
    write(master_log, "I", "Elected as the leading master!")
    arguments = ("--master", cluster.url, *SOUND)
    report = verify(*arguments)
    assert report.failing() == set(), report
    assert report.status("logs-master") == "ok"
    write(master_log, "I", ROLE.format())
    report = verify(*arguments)
    assert report.failing() == {"logs-master"}, report
    assert report.message("logs-master").startswith(
        "A framework asks for a role that the master does not allow"
    )
    assert "Set spark.mesos.role to a role of the master's --roles" in report.hint("logs-master")
    # Mended, and a few lines later.
    write(master_log, "I", *(["Sending offers"] * 5))
    assert verify(*arguments, "--log-lines", "5").failing() == set()
    assert verify(*arguments).failing() == {"logs-master"}


@pytest.mark.breaks("logs-agents")
def test_complaints_of_agents(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agent_logs=True)
    arguments = ("--master", cluster.url, *SOUND)
    report = verify(*arguments)
    assert report.failing() == set(), report
    assert report.status("logs-agents") == "ok"
    for agent in range(2):
        write(agent_log(cluster, agent), "E", *(FETCH.format(n, n, n) for n in range(3)))
    report = verify(*arguments)
    assert report.failing() == {"logs-agents"}, report
    message = report.message("logs-agents")
    assert message.startswith("An agent cannot fetch a URI of a task: «Container '")
    assert " 6 times, the latest at " in message
    for url in cluster.agent_urls:
        assert url.partition("://")[2] in message
    assert "stderr of the task's sandbox" in report.hint("logs-agents")
    # An hour later, by what stands in the logs.
    for agent in range(2):
        write(agent_log(cluster, agent), "I", "Got registered", ago=-timedelta(minutes=61))
    report = verify(*arguments)
    assert report.failing() == set(), report
    assert report.status("logs-agents") == "note"


@pytest.mark.breaks("logs-agents")
def test_what_fails_with_tasks_is_told_with_them(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agent_logs=True)
    with SmallFramework(cluster, "fetches") as framework:
        for number in ("0", "1"):
            framework.ran(
                "true", task_id=number, name=f"fetches {number}", uris=["http://127.0.0.1:1/spark.tgz"]
            )
        report = verify("--master", cluster.url, *SOUND)
        assert report.failing() == {"tasks-failing"}, report
        assert report.seen("logs-agents").endswith("about tasks that failed: see tasks-failing")
        # What the embedded agent wrote; nobody else has told it now.
        report = verify("--master", cluster.url, *SOUND, "--only", "logs")
        assert report.failing() == {"logs-agents"}, report
        assert report.message("logs-agents").startswith("An agent cannot fetch a URI of a task: «Container ")
        assert "See which in the stderr of the task's sandbox" in report.hint("logs-agents")
        assert "fewer --log-lines leave out what is older" in report.hint("logs-agents")
        framework.ran("true", task_id="2", name="fetches 2")
        healed = verify("--master", cluster.url, *SOUND)
        assert healed.failing() == set(), healed
        fill_logs(cluster, lines=5)
        healed = verify("--master", cluster.url, *SOUND, "--only", "logs", "--log-lines", "5")
        assert healed.failing() == set(), healed


@pytest.mark.breaks("logs-agents")
def test_errors_that_nobody_knows(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agent_logs=True)
    write(
        agent_log(cluster, 1),
        "E",
        "The flux capacitor 7 is out of order",
        "The flux capacitor 9 is out of order",
    )
    write(agent_log(cluster, 1), "W", "This may not be good")
    report = verify("--master", cluster.url, *SOUND)
    assert report.failing() == {"logs-agents"}, report
    error, warning = report.problems("logs-agents")
    assert (error["severity"], warning["severity"]) == ("warning", "note")
    assert "«The flux capacitor 9 is out of order» 2 times" in error["message"]
    assert f", in the log of {cluster.agent_urls[1].removeprefix('http://')}" in error["message"]
    assert error["hint"].startswith("Read what stands around it in the log")
    assert "leave it out with --skip" in error["hint"]
    assert "«This may not be good» once" in warning["message"]
    assert verify("--master", cluster.url, *SOUND, "--skip", "logs-agents").failing() == set()
    # Or it is mended, and a few lines later.
    fill_logs(cluster, lines=5)
    healed = verify("--master", cluster.url, *SOUND, "--log-lines", "5")
    assert healed.failing() == set(), healed
    assert healed.status("logs-agents") == "ok"


def test_no_log(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agent_logs=False)
    report = verify("--master", cluster.url, *SOUND)
    assert report.failing() == set(), report
    assert report.status("logs-master") == report.status("logs-agents") == "skipped"
    assert "journalctl -u mesos-master" in report.seen("logs-master")
    assert "journalctl -u mesos-slave" in report.seen("logs-agents")


def test_an_agent_that_does_not_answer_is_told_elsewhere(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agent_logs=True, agent_ping_timeout=60)
    cluster.control.pause_agent(1)
    try:
        report = verify("--master", cluster.url, *SOUND, "--only", "logs", "--check-timeout", "2")
    finally:
        cluster.control.resume_agent(1)
    assert report.failing() == set(), report
    assert report.seen("logs-agents").endswith("1 without an answer: no errors or warnings")


def test_no_agent_answers(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(),), agent_logs=True, agent_ping_timeout=60)
    cluster.control.pause_agent(0)
    try:
        report = verify("--master", cluster.url, *SOUND, "--only", "logs-agents", "--check-timeout", "2")
    finally:
        cluster.control.resume_agent(0)
    assert report.status("logs-agents") == "skipped"
    assert report.seen("logs-agents").startswith("no log could be read of 1 agent: ")


def test_a_log_that_only_some_may_read(new_cluster: NewCluster, alter: Alter, master_log: Path) -> None:
    # As Mesos answers where the ACL access_mesos_logs leaves the principal out (`src/master/master.cpp`).
    master = alter(new_cluster(log=master_log))
    master.status("/files/read", 403)
    report = verify("--master", master.url, *SOUND)
    assert report.failing() == set(), report
    assert report.status("logs-master") == "note"
    assert "access_mesos_logs" in report.hint("logs-master")


def test_credentials_that_are_refused_are_told_once(new_cluster: NewCluster, master_log: Path) -> None:
    authentication = Authentication({"spark": "tale-of-two-cities"}, readonly=True)
    cluster = new_cluster(log=master_log, authentication=authentication)
    report = verify("--master", cluster.url, *SOUND)
    assert not report.failing() & {"logs-master", "logs-agents"}, report
    assert {"logs-master", "logs-agents"} <= report.follows().keys(), report


def test_what_reading_leaves_in_the_logs_is_no_trouble(
    new_cluster: NewCluster, master_log: Path, tmp_path: Path
) -> None:
    # Who reads asks without credentials first, and may have had none or wrong ones before.
    known = Authentication({"spark": "tale-of-two-cities"}, frameworks=True, readonly=True, readwrite=True)
    cluster = new_cluster(log=master_log, agent_logs=True, authentication=known)
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    arguments = ("--master", cluster.url, *SOUND)
    given = ("--conf", "spark.mesos.principal=spark", "--conf", f"spark.mesos.secret.file={secret}")
    assert "master-authentication" in verify(*arguments).failing()
    secret.write_text("wrong")
    assert "master-authentication" in verify(*arguments, *given).failing()
    secret.write_text("tale-of-two-cities")
    for _ in range(2):
        report = verify(*arguments, *given)
        assert report.failing() == set(), report
        assert report.status("logs-master") == report.status("logs-agents") == "ok", report


def test_few_agents_are_asked(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(),) * 10, agent_logs=True)
    report = verify("--master", cluster.url, *SOUND, "--only", "logs-agents")
    assert "of the logs of 8 agents (8 of 10 asked)" in report.seen("logs-agents"), report
