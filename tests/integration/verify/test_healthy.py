"""Nothing is said against clusters that are as they should be, and nothing is started on them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from sparkmesos_core.localcluster.credentials import Authentication
from tests.integration.verify.altered_master import AlteredServer
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.verifying import SOUND, Report, verify
from tests.integration.zookeeper import ZooKeeperServer

SECRET = "tale-of-two-cities"


def assert_healthy(report: Report) -> None:
    assert report.failing() == set(), report
    assert report.follows() == {}, report
    assert report.exit_code == 0, report
    assert report.checks


def test_two_agents(cluster: RunningCluster) -> None:
    report = verify("--master", cluster.url, *SOUND)
    assert_healthy(report)
    assert all(check["seen"] for check in report.checks.values()), report
    assert all(check["status"] in ("ok", "note", "skipped") for check in report.checks.values()), report


def test_warnings_would_count(cluster: RunningCluster) -> None:
    assert_healthy(verify("--master", cluster.url, *SOUND, "--strict"))


def test_expected_agents(cluster: RunningCluster) -> None:
    assert_healthy(verify("--master", cluster.url, *SOUND, "--expect-agents", "2"))


def test_credentials(new_cluster: NewCluster, tmp_path: Path) -> None:
    authentication = Authentication({"spark": SECRET}, frameworks=True, readonly=True, readwrite=True)
    secured = new_cluster(authentication=authentication)
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    report = verify(
        "--master", secured.url, *SOUND,
        "--conf", "spark.mesos.principal=spark", "--conf", f"spark.mesos.secret.file={secret}",
    )  # fmt: skip
    assert_healthy(report)
    assert SECRET not in json.dumps(dict(report.checks)) + report.stderr


@pytest.mark.slow
def test_zookeeper(new_cluster: NewCluster, zookeeper: ZooKeeperServer) -> None:
    elected = new_cluster(masters=3, zookeeper=f"zk://{zookeeper.hosts}/mesos")
    assert_healthy(verify("--master", elected.url, *SOUND))


def test_a_role_with_resources_of_its_own(new_cluster: NewCluster) -> None:
    agent = AgentSpec(resources="cpus:1;mem:512;cpus(etl):2;mem(etl):4096;ports:[31000-31100]")
    reserved = new_cluster(agents=(agent, agent), roles=("etl",))
    assert_healthy(verify("--master", reserved.url, *SOUND, "--conf", "spark.mesos.role=etl"))


def test_constraints_that_some_agent_matches(new_cluster: NewCluster) -> None:
    zones = new_cluster(agents=(AgentSpec(attributes="zone:a"), AgentSpec(attributes="zone:b")))
    assert_healthy(verify("--master", zones.url, *SOUND, "--conf", "spark.mesos.constraints=zone:b"))


def test_it_only_reads(cluster: RunningCluster, altered: AlteredServer) -> None:
    """Nothing changes by a request that is no GET, or a call of the operator API that only asks."""
    assert_healthy(verify("--master", altered.url, *SOUND))
    changing = [
        (method, path)
        for method, path, _ in altered.received
        if method not in ("GET", "HEAD", "OPTIONS") and path != "/api/v1"
    ]
    assert changing == []
    assert [name for name in altered.requests if name.startswith("/api/v1 ") and "GET_" not in name] == []
    assert altered.requests["/state"] <= 1
