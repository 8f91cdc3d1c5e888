"""What the preflight reads out of the answers of a real Mesos 1.12.0."""

from __future__ import annotations

import time

import pytest

from sparkmesos_core.conf.finding import Finding
from sparkmesos_core.errors import MesosError
from sparkmesos_core.mesos.attributes import parse_attributes
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts
from sparkmesos_core.preflight.cluster_reading import MasterAccess, read_cluster_facts
from sparkmesos_core.preflight.fitting_agent import check_fitting_agent
from sparkmesos_core.preflight.need import executor_need
from sparkmesos_core.preflight.role import check_role
from tests.contract.recorded import load
from tests.contract.recorded_master import body_of
from tests.http_stub import Answer, http_stub


def recorded(name: str) -> Answer:
    """The answer of the only exchange in a recording."""
    (exchange,) = load(name)["exchanges"]
    answer = exchange["response"]
    return Answer(
        answer["status"], body_of(answer), {"Content-Type": answer["headers"].get("Content-Type", "")}
    )


@pytest.fixture(scope="module")
def facts() -> ClusterFacts:
    """Those of the cluster with two agents, of which one has reservations."""
    answers = {"/slaves": recorded("master-GET_slaves"), "/flags": recorded("master-GET_flags")}
    with http_stub(answers) as master:
        return read_cluster_facts(MasterAccess(f"http://{master.address}"), deadline=time.monotonic() + 60)


def findings(facts: ClusterFacts, **properties: str) -> list[Finding]:
    need = executor_need({f"spark.{name.replace('_', '.')}": value for name, value in properties.items()})
    return [*check_role(need, facts), *check_fitting_agent(need, facts)]


def test_the_agents(facts: ClusterFacts) -> None:
    assert facts.agents == (
        AgentFacts(
            "eedcf4e8-43d2-4379-8e3f-c3f958078fba-S1",
            "agent2.mesos.example",
            "127.0.0.1",
            5052,
            Resources.parse(
                "cpus(spark):1;mem(spark):512;ports(spark):[33001-33010];"
                "cpus:2;mem:2048;disk:5000;ports:[32001-33000]"
            ),
            parse_attributes("os:debian12;zone:us-east-1b"),
            "1.12.0",
            True,
        ),
        AgentFacts(
            "afe27b06-8881-4737-a812-a4e59b194121-S0",
            "agent1.mesos.example",
            "127.0.0.1",
            5051,
            Resources.parse("cpus:4;mem:4096;disk:10000;ports:[31000-32000]"),
            parse_attributes("os:centos7;zone:us-east-1a;rackid:3;port_range:[7000-8000]"),
            "1.12.0",
            True,
        ),
    )


def test_the_master(facts: ClusterFacts) -> None:
    assert (facts.recovering, facts.roles_whitelist, facts.withholds_gpu_agents) == (0, None, True)


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"executor_cores": "4", "executor_memory": "3712m"},
        {"mesos_role": "spark", "mesos_constraints": "zone:us-east-1b", "executor_cores": "3", "executor_memory": "2g"},
        {"mesos_role": "free-form"},
        {"mesos_constraints": "rackid:2;port_range:"},
        {"blockManager_port": "33005", "mesos_role": "spark"},
    ],
)  # fmt: skip
def test_what_fits_this_cluster(facts: ClusterFacts, properties: dict[str, str]) -> None:
    assert findings(facts, **properties) == []


@pytest.mark.parametrize(
    ("properties", "rule", "said"),
    [
        ({"executor_cores": "5"}, "no-fitting-agent", "the nearest, agent1.mesos.example, has 4 cores"),
        # The reserved core of the agent in that zone is not for the role *.
        (
            {"mesos_constraints": "zone:us-east-1b", "executor_cores": "3"},
            "no-fitting-agent",
            "agent2.mesos.example, has 2 cores, without what is reserved for 'spark'",
        ),
        ({"blockManager_port": "33005"}, "no-fitting-agent", "port 33005"),
        ({"mesos_constraints": "rackid:4"}, "constraints-unmet", "rackid:4 (rackid is 3.0)"),
        ({"mesos_constraints": "port_range:7500"}, "constraint-on-ranges", "port_range:7500"),
        ({"mesos_role": "SPARK"}, "role-without-reservations", "Nothing is reserved for the role SPARK"),
    ],
)
def test_what_does_not(facts: ClusterFacts, properties: dict[str, str], rule: str, said: str) -> None:
    (found,) = findings(facts, **properties)
    assert found.id == rule
    assert said in found.message


def test_a_master_that_wants_to_know_who_asks() -> None:
    refusals = {
        exchange["request"]["path"]: exchange["response"]
        for exchange in load("authentication")["exchanges"]
        if exchange["response"]["status"] == 401 and exchange["request"]["path"] in ("/slaves", "/flags")
    }
    answers = {path: Answer(one["status"], body_of(one), one["headers"]) for path, one in refusals.items()}
    assert set(answers) == {"/slaves", "/flags"}
    with http_stub(answers) as master, pytest.raises(MesosError, match="401"):
        read_cluster_facts(MasterAccess(f"http://{master.address}"), deadline=time.monotonic() + 60)
    assert len(master.requests) == 2
