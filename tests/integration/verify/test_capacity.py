"""Executors that fit on no agent, for each of the reasons that there are; the printed advice makes them fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from tests.contract.scheduler_client import Subscription, subscribe
from tests.integration.verify.altered_master import AlteredServer
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.verifying import SOUND, Report, verify

ZONES = (
    AgentSpec(attributes="zone:a;rack:3", ports="[31000-31100]"),
    AgentSpec(attributes="zone:b", ports="[31200-31300]"),
)


def check(cluster: RunningCluster | AlteredServer, *conf: str) -> Report:
    return verify("--master", cluster.url, *SOUND, *[part for one in conf for part in ("--conf", one)])


def assert_only(report: Report, name: str, message: str, hint: str) -> None:
    """That an error of this check is all that is wrong."""
    assert report.failing() == report.errors() == {name}, report
    assert report.message(name) == message
    assert report.hint(name) == hint


def addresses(cluster: RunningCluster) -> list[str]:
    """What agents on one machine are called."""
    return [url.removeprefix("http://") for url in cluster.agent_urls]


@contextmanager
def running_task(cluster: RunningCluster, **amounts: float) -> Iterator[Subscription]:
    """A framework with one task, which takes this much of an agent, and otherwise wants nothing."""
    subscription = subscribe(cluster.http_url, name="batch", user="nobody-in-particular")
    try:
        offer = subscription.await_type("OFFERS")["offers"]["offers"][0]
        resources = [
            {"name": name, "type": "SCALAR", "scalar": {"value": value}} for name, value in amounts.items()
        ]
        task = {
            "task_id": {"value": "hog"},
            "command": {"value": "exec sleep 3600", "shell": True},
            "resources": resources,
        }
        subscription.call("SUPPRESS")
        subscription.launch(offer, task, refuse_seconds=3600)
        subscription.await_state("TASK_RUNNING")
        yield subscription
    finally:
        subscription.call("TEARDOWN")
        subscription.close()


@pytest.mark.breaks("agents-constraints")
def test_no_agent_meets_the_constraints(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=ZONES)
    report = check(cluster, "spark.mesos.constraints=zone:c")
    assert_only(
        report,
        "agents-constraints",
        "None of 2 agents meets the constraint zone:c (zone is a or b)",
        "Correct spark.mesos.constraints, or add agents with these attributes.",
    )
    problem = report.problem("agents-constraints")
    assert problem["key"] == "spark.mesos.constraints"
    assert "--conf" in str(problem["place"])
    one, other = addresses(cluster)
    assert problem["details"] == [
        f"zone:c leaves out 1 agent, where zone is 'a': {one}",
        f"zone:c leaves out 1 agent, where zone is 'b': {other}",
    ]
    assert {"agents-role", "agents-executor-size", "agents-free-now"} <= {
        name for name, root in report.follows().items() if root == "agents-constraints"
    }
    healed = check(cluster, "spark.mesos.constraints=zone:a;rack:")
    assert healed.failing() == set(), healed
    # Which rule leaves out which of the others is said all the same.
    assert healed.status("agents-constraints") == "note"
    assert healed.seen("agents-constraints") == "1 of 2 agents meets zone:a;rack:"
    assert healed.problem("agents-constraints")["details"] == [
        f"1 agent will do: {one}",
        f"zone:a leaves out 1 agent, where zone is 'b': {other}",
        f"rack: leaves out 1 agent, which has no rack: {other}",
    ]


@pytest.mark.breaks("agents-role")
def test_all_is_reserved_for_another_role(new_cluster: NewCluster) -> None:
    agent = AgentSpec(resources="cpus:0.5;mem:256;cpus(etl):2;mem(etl):4096;ports:[31000-31100]")
    cluster = new_cluster(agents=(agent,))
    report = check(cluster)
    assert_only(
        report,
        "agents-role",
        "One executor needs 1 core and 1408 MiB of memory (384 of it overhead), and the only agent, 127.0.0.1, "
        "has 0.5 cores and 256 MiB, without what is reserved for 'etl'",
        "Set spark.mesos.role to etl, or add a larger agent.",
    )
    assert report.seen("agents-role") == "role *: 0.5 cores; 2 more reserved for others"
    assert report.follows()["agents-executor-size"] == "agents-role"
    assert report.follows()["agents-free-now"] == "agents-role"
    healed = check(cluster, "spark.mesos.role=etl")
    assert healed.failing() == set(), healed
    assert healed.seen("agents-role") == "role etl: 2.5 cores, 2 of them reserved for it"


def test_a_role_that_differs_in_case(new_cluster: NewCluster) -> None:
    agent = AgentSpec(resources="cpus:2;mem:2048;cpus(ETL):2;mem(ETL):2048;ports:[31000-31100]")
    cluster = new_cluster(agents=(agent,))
    report = check(cluster, "spark.mesos.role=etl")
    assert report.failing() == {"agents-role"}, report
    assert report.hint("agents-role") == "Did you mean ETL? Else nothing is wrong."
    assert check(cluster, "spark.mesos.role=ETL").failing() == set()


@pytest.mark.breaks("agents-ports")
def test_a_port_that_no_agent_offers(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=ZONES)
    report = check(cluster, "spark.blockManager.port=9999")
    assert report.failing() == report.errors() == {"agents-ports"}, report
    assert "port 9999" in report.message("agents-ports")
    assert report.hint("agents-ports") == (
        "Set spark.blockManager.port to a port that agents offer, or add a larger agent."
    )
    assert report.follows()["agents-executor-size"] == "agents-ports"
    healed = check(cluster, "spark.blockManager.port=31007")
    assert healed.failing() == set(), healed
    assert healed.seen("agents-ports") == "port 31007 is offered by 1 of 2 agents"


def test_the_port_of_the_shuffle_service_is_given_to_tasks(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=ZONES)
    shuffle = ("spark.shuffle.service.enabled=true", "spark.shuffle.service.port=31205")
    report = check(cluster, *shuffle)
    assert "agents-ports" in report.failing(), report
    assert report.message("agents-ports").startswith(
        "1 of 2 agents may give port 31205, which the shuffle service listens on, to any task: "
    )
    healed = check(cluster, "spark.shuffle.service.enabled=true", "spark.shuffle.service.port=7337")
    assert "agents-ports" not in healed.failing(), healed


@pytest.mark.breaks("agents-gpus")
def test_agents_with_gpus_are_not_offered(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(gpus=1), AgentSpec(cpus=0.5)))
    report = check(cluster)
    assert report.failing() == report.errors() == {"agents-gpus"}, report
    assert report.message("agents-gpus").startswith(
        "The master offers agents with GPUs only to applications that ask for some"
    )
    assert report.follows()["agents-executor-size"] == "agents-gpus"
    assert "Set spark.mesos.gpus.max to 1 or more" in report.hint("agents-gpus")
    assert check(cluster, "spark.mesos.gpus.max=1").failing() == set()


def test_agents_with_gpus_are_no_room_for_who_asks_for_none(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(gpus=1), AgentSpec()))
    report = check(cluster)
    assert report.failing() == set(), report
    assert report.status("agents-gpus") == "note"
    assert report.message("agents-gpus").startswith("1 of 2 agents is offered only to applications that ask")
    assert report.seen("agents-executor-size").endswith(": room for 1 executor")
    asking = check(cluster, "spark.mesos.gpus.max=1")
    assert asking.seen("agents-executor-size").endswith(": room for 2 executors")


def test_gpus_that_there_are_not(cluster: RunningCluster) -> None:
    report = check(cluster, "spark.mesos.gpus.max=4")
    assert report.failing() == {"agents-gpus"}, report
    assert report.problem("agents-gpus")["severity"] == "warning"
    assert "none of the agents has any" in report.message("agents-gpus")


@pytest.mark.breaks("agents-executor-size")
def test_no_agent_is_large_enough(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(cpus=2, mem=2048), AgentSpec(cpus=1, mem=3000)))
    report = check(cluster, "spark.executor.memory=3g")
    assert_only(
        report,
        "agents-executor-size",
        "One executor needs 1 core and 3456 MiB of memory (384 of it overhead), and none of 2 agents has that: "
        f"the nearest, {addresses(cluster)[1]}, has 3000 MiB",
        "Lower spark.executor.memory, or add a larger agent.",
    )
    assert report.follows()["agents-free-now"] == "agents-executor-size"
    healed = check(cluster, "spark.executor.memory=2g")
    assert healed.failing() == set(), healed
    assert healed.seen("agents-executor-size") == (
        "1 of 2 agents large enough for an executor of 1 or more cores and 2432 MiB: room for 1 executor"
    )


def test_how_many_executors_fit(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(cpus=8, mem=8192), AgentSpec(cpus=3, mem=8192)))
    report = check(cluster, "spark.executor.cores=2", "spark.cores.max=20")
    assert report.failing() == set(), report
    assert report.seen("agents-executor-size") == (
        "both agents large enough for an executor of 2 cores and 1408 MiB: room for 5 executors"
    )
    assert report.status("agents-executor-size") == "note"
    assert report.message("agents-executor-size") == (
        "spark.cores.max is 20, and there is room for executors with 10 cores"
    )
    # The last setting of a property wins.
    assert (
        check(cluster, "spark.executor.cores=2", "spark.cores.max=10").status("agents-executor-size") == "ok"
    )


@pytest.mark.breaks("agents-free-now")
def test_others_use_all_that_there_is(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(cpus=2, mem=2048),))
    with running_task(cluster, cpus=1.5, mem=1024):
        report = check(cluster)
        assert report.failing() == {"agents-free-now"}, report
        assert report.message("agents-free-now") == (
            "Beside what runs now there is no room: one executor needs 1 core and 1408 MiB of memory (384 of it "
            "overhead), and the only agent, 127.0.0.1, has 0.5 cores and 1024 MiB; 1.5 of 2 cores in use (most "
            "by batch: 1.5 cores and 1024 MiB)"
        )
        assert report.hint("agents-free-now").startswith(
            "Wait until others have ended, end what is not needed"
        )
        assert report.problem("agents-free-now")["details"] == ["batch: 1.5 cores and 1024 MiB"]
        assert report.status("agents-executor-size") == "ok"
    assert check(cluster).failing() == set()  # ended


def limit(altered: AlteredServer, role: str, **quota: Any) -> None:
    """Gives a role a quota, in the form of the recorded answer of `/roles` of Mesos 1.12.0."""

    def edit(answer: dict[str, Any]) -> None:
        full = {"role": role, "guarantee": {}, "limit": {}, "consumed": {}, **quota}
        answer["roles"] = [
            {
                "name": role,
                "weight": 1.0,
                "quota": full,
                "resources": {},
                "allocated": {},
                "offered": {},
                "reserved": {},
                "frameworks": [],
            }
        ]

    altered.edit("/roles", edit)


@pytest.mark.breaks("agents-quota")
def test_a_quota_too_small_for_one_executor(altered: AlteredServer) -> None:
    limit(altered, "*", limit={"cpus": 4.0, "mem": 1024.0})
    report = check(altered)
    assert_only(
        report,
        "agents-quota",
        "The quota of the role * is 4 cores and 1024 MiB, and one executor needs 1 core and 1408 MiB",
        "Have the quota raised (UPDATE_QUOTA), set spark.mesos.role to another role, or lower "
        "spark.executor.cores and spark.executor.memory.",
    )
    assert check(altered, "spark.mesos.role=etl").failing() == set()
    assert check(altered, "spark.executor.memory=600m").failing() == set()


def test_a_quota_that_is_used_up(altered: AlteredServer) -> None:
    limit(altered, "*", limit={"cpus": 4.0}, consumed={"cpus": 3.5, "mem": 1024.0})
    report = check(altered)
    assert report.failing() == {"agents-quota"}, report
    assert report.message("agents-quota") == (
        "The quota of the role *, 4 cores, is used but for 0.5 cores, and one executor needs 1 core and 1408 MiB"
    )
    altered.heal()
    assert check(altered).failing() == set()


def test_what_is_kept_for_the_quotas_of_others(altered: AlteredServer) -> None:
    limit(altered, "prod", guarantee={"cpus": 4.0, "mem": 512.0}, consumed={"cpus": 0.5})
    report = check(altered)
    assert report.failing() == {"agents-quota"}, report
    assert report.message("agents-quota") == (
        "Of what is free, 4 cores, Mesos keeps 3.5 cores for the quotas of other roles (prod): too little is "
        "left for one executor"
    )
    assert check(altered, "spark.mesos.role=prod").failing() == set()


@pytest.mark.breaks("agents-driver-size")
def test_a_driver_in_cluster_mode_that_fits_nowhere(cluster: RunningCluster) -> None:
    only = ("--only", "agents", "--deploy-mode", "cluster", "--master", cluster.url, *SOUND)
    report = verify(*only, "--driver-memory", "3g")
    assert report.failing() == report.errors() == {"agents-driver-size"}, report
    assert report.message("agents-driver-size") in {
        "The driver needs 1 core and 3456 MiB, with its overhead, and no agent has that: the one with the most "
        f"memory, {name}, has 2 cores and 2048 MiB"
        for name in addresses(cluster)
    }
    assert report.hint("agents-driver-size") == "Lower spark.driver.memory, or add a larger agent."
    assert verify(*only, "--driver-memory", "1g").failing() == set()
