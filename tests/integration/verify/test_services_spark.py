"""What is said of shuffle services, the history server and event logs, with those of the installed Spark."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from tests.http_stub import Answer, http_stub
from tests.integration.test_dispatcher import until
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.spark_daemon import (
    STANDALONE_SHUFFLE_SERVICE,
    free_port,
    history_server,
    shuffle_service,
)
from tests.integration.verify.verifying import SOUND, Report, verify

SHUFFLE_CHECKS = {"shuffle-service-ports", "shuffle-service-kind", "shuffle-service-authentication"}


@pytest.fixture(scope="module")
def service_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where Spark's shuffle service for Mesos listens, as it should."""
    port = free_port()
    with shuffle_service(port, tmp_path_factory.mktemp("shuffle")):
        yield port


def complaints(log: list[str]) -> list[str]:
    """The lines of a log of Spark that are more than information."""
    return [line for line in log if " INFO " not in line]


def with_shuffle(cluster: RunningCluster, port: int, *more: str) -> Report:
    return verify(
        "--master", cluster.url, *SOUND,
        "--conf", "spark.dynamicAllocation.enabled=true",
        "--conf", "spark.executor.cores=1",
        "--conf", "spark.shuffle.service.enabled=true",
        "--conf", f"spark.shuffle.service.port={port}",
        *more,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.breaks("shuffle-service-ports")
def test_no_shuffle_service(cluster: RunningCluster, service_port: int) -> None:
    port = free_port()
    report = with_shuffle(cluster, port)
    assert report.failing() == report.errors() == {"shuffle-service-ports"}, report
    assert f"at port {port} of 127.0.0.1" in report.message("shuffle-service-ports")
    assert "`sparkmesos start-shuffle-service` on each" in report.hint("shuffle-service-ports")
    assert "Or set spark.shuffle.service.port to the port that it has" in report.hint("shuffle-service-ports")
    assert report.problem("shuffle-service-ports")["details"] == [f"127.0.0.1:{port} refuses the connection"]
    report = with_shuffle(cluster, service_port)
    assert report.failing() == set(), report
    assert report.seen("shuffle-service-ports") == f"port {service_port} is open on 1 of 1 host"
    assert report.seen("shuffle-service-kind") == "Spark's shuffle service for Mesos on 1 host"
    # Without dynamic allocation nobody needs it.
    report = verify("--master", cluster.url, *SOUND)
    assert {report.status(name) for name in SHUFFLE_CHECKS} == {"skipped"}


@pytest.mark.slow
@pytest.mark.breaks("shuffle-service-ports")
def test_no_shuffle_service_on_one_of_the_agents(new_cluster: NewCluster, service_port: int) -> None:
    agents = (AgentSpec(hostname="127.0.0.1"), AgentSpec(hostname="127.0.0.2", attributes="zone:b"))
    cluster = new_cluster(agents=agents)
    port = free_port()
    with socket.create_server(("127.0.0.2", port)):
        # It listens, but says nothing; and nobody listens at the other address.
        report = with_shuffle(cluster, port, "--check-timeout", "2")
        assert report.failing() == {"shuffle-service-ports", "shuffle-service-kind"}, report
        assert report.seen("shuffle-service-ports") == f"port {port} is open on 1 of 2 hosts"
        details = report.problem("shuffle-service-ports")["details"]
        assert details == [f"127.0.0.1:{port} refuses the connection"]
        assert report.hint("shuffle-service-ports").startswith("Start Spark's shuffle service there")
        assert report.message("shuffle-service-kind") == (
            f"What listens at port {port} of 127.0.0.2 takes the connection, but does not answer"
        )
        # Executors run on agents alone that meet the constraints.
        report = with_shuffle(
            cluster, port, "--conf", "spark.mesos.constraints=zone:b",
            "--only", "shuffle-service-ports", "--check-timeout", "2",
        )  # fmt: skip
        assert report.failing() == set(), report
        assert report.seen("shuffle-service-ports") == f"port {port} is open on 1 of 1 host"
    report = with_shuffle(cluster, service_port)
    assert report.failing() == set(), report
    assert report.seen("shuffle-service-ports") == f"port {service_port} is open on 2 of 2 hosts"


@pytest.mark.slow
def test_services_that_are_as_they_should_be_get_one_line(new_cluster: NewCluster, tmp_path: Path) -> None:
    cluster = new_cluster(agents=(AgentSpec(hostname="127.0.0.1"), AgentSpec(hostname="127.0.0.2")))
    port = free_port()
    with shuffle_service(port, tmp_path) as log:
        before = len(complaints(log))
        report = with_shuffle(cluster, port, "--only", "services")
        assert report.failing() == set(), report
        assert report.seen("shuffle-service-kind").startswith(
            "Spark's shuffle service for Mesos on 1 host; a shuffle service of Spark on 1 host"
        )
        until(lambda: len(complaints(log)) > before, "it has said so")
        (line,) = complaints(log)[before:]
        assert "WARN" in line
        assert "sparkmesos-check" in line


@pytest.mark.slow
@pytest.mark.breaks("shuffle-service-kind")
def test_another_shuffle_service(cluster: RunningCluster, tmp_path: Path, service_port: int) -> None:
    port = free_port()
    with shuffle_service(port, tmp_path, STANDALONE_SHUFFLE_SERVICE):
        report = with_shuffle(cluster, port)
        assert report.failing() == {"shuffle-service-kind"}, report
        assert report.errors() == set()
        assert "is not the one for Mesos" in report.message("shuffle-service-kind")
        assert "`sparkmesos start-shuffle-service`" in report.hint("shuffle-service-kind")
    assert with_shuffle(cluster, service_port).failing() == set()


@pytest.mark.breaks("shuffle-service-kind")
@pytest.mark.slow
def test_something_else_listens(cluster: RunningCluster, service_port: int) -> None:
    with http_stub({}) as web:
        report = with_shuffle(cluster, web.address.port)
        assert report.failing() == report.errors() == {"shuffle-service-kind"}, report
        assert "is no shuffle service of Spark" in report.message("shuffle-service-kind")
        assert "Set spark.shuffle.service.port to the port of" in report.hint("shuffle-service-kind")
    assert with_shuffle(cluster, service_port).failing() == set()


@pytest.mark.slow
@pytest.mark.breaks("shuffle-service-authentication")
def test_shuffle_service_with_authentication(
    cluster: RunningCluster, tmp_path: Path, service_port: int
) -> None:
    port, check = free_port(), "shuffle-service-authentication"
    secret = ("--conf", "spark.authenticate=true", "--conf", "spark.authenticate.secret=tale-of-two-cities")
    demanding = {"spark__authenticate": "true", "spark__authenticate__secret": "tale-of-two-cities"}
    with shuffle_service(port, tmp_path, **demanding) as log:
        # Who agrees with the services leaves nothing in their logs.
        before = len(complaints(log))
        report = with_shuffle(cluster, port, *secret)
        assert check not in report.failing(), report
        assert report.seen(check) == "1 host with it, 0 hosts without it"
        assert len(complaints(log)) == before, log
        report = with_shuffle(cluster, port)
        assert report.failing() == report.errors() == {check}, report
        assert "wants authentication" in report.message(check)
        assert report.hint(check).startswith("Set spark.authenticate=true and spark.authenticate.secret")
    report = with_shuffle(cluster, service_port, *secret)
    assert check in report.errors(), report
    assert "knows nothing of it" in report.message(check)
    assert "or set spark.authenticate=false" in report.hint(check)
    assert with_shuffle(cluster, service_port).failing() == set()
    assert "tale-of-two-cities" not in str(report)


@pytest.mark.slow
@pytest.mark.breaks("history-server-reachable")
def test_history_server(cluster: RunningCluster, tmp_path: Path) -> None:
    port = free_port()
    named = ("--conf", f"spark.mesos.dispatcher.historyServer.url=http://127.0.0.1:{port}")
    quiet = ("--skip", "configuration")  # which says that only the dispatcher reads this property
    report = verify("--master", cluster.url, *SOUND, *named, *quiet)
    assert report.failing() == {"history-server-reachable"}, report
    assert report.errors() == set()
    report = verify("--master", cluster.url, *SOUND, "--history-server", f"127.0.0.1:{port}")
    assert report.failing() == report.errors() == {"history-server-reachable"}, report
    assert "refuses the connection" in report.message("history-server-reachable")
    assert "18080" in report.hint("history-server-reachable")
    assert report.follows() == {"history-server-version": "history-server-reachable"}
    with history_server(port, tmp_path):
        report = verify("--master", cluster.url, *SOUND, *named, *quiet)
        assert report.failing() == set(), report
        assert report.seen("history-server-reachable") == f"http://127.0.0.1:{port}, of Spark 3.5.9"
        report = verify("--master", cluster.url, *SOUND, "--history-server", f"127.0.0.1:{port}")
        assert report.failing() == set(), report
        assert report.status("event-log") == "note"  # nothing is written for it


@pytest.mark.breaks("history-server-version", "history-server-reachable")
def test_history_servers_of_other_releases(cluster: RunningCluster) -> None:
    told = {"spark": "2.4.8"}
    with http_stub(lambda path: Answer(200, json.dumps(told).encode())) as server:
        arguments = ("--master", cluster.url, *SOUND, "--history-server", str(server.address))
        report = verify(*arguments)
        assert report.failing() == {"history-server-version"}, report
        assert report.message("history-server-version").startswith(
            "The history server is of Spark 2.4.8, older"
        )
        assert "Run the history server of Spark 3.5.9" in report.hint("history-server-version")
        told["spark"] = "4.0.0"
        assert verify(*arguments).failing() == set()
        told.clear()
        report = verify(*arguments)
        assert report.failing() == {"history-server-reachable"}, report
        assert "is no history server of Spark" in report.message("history-server-reachable")


@pytest.mark.breaks("event-log")
def test_event_log(cluster: RunningCluster, tmp_path: Path) -> None:
    folder = tmp_path / "spark events"
    arguments = (
        "--master", cluster.url, *SOUND,
        "--conf", "spark.eventLog.enabled=true", "--conf", f"spark.eventLog.dir={folder.as_uri()}",
    )  # fmt: skip
    report = verify(*arguments)
    assert report.failing() == report.errors() == {"event-log"}, report
    assert f"'{folder}', does not exist" in report.message("event-log")
    assert report.hint("event-log").startswith("mkdir -p ")
    folder.write_text("")
    assert "is no folder" in verify(*arguments, "--only", "event-log").message("event-log")
    folder.unlink()
    folder.mkdir()
    report = verify(*arguments)
    assert report.failing() == set(), report
    assert report.seen("event-log") == f"it goes to {folder}"
