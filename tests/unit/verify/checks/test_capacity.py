from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.values.constraints import parse_constraints
from sparkmesos_core.preflight.need import ExecutorNeed
from sparkmesos_core.verify.check import Verdict
from sparkmesos_core.verify.checks.capacity import (
    judge_division,
    judge_gpus,
    judge_ports,
    judge_size,
    role_text,
)
from sparkmesos_core.verify.excluded_agents import divide
from sparkmesos_core.verify.facts.application import Application
from sparkmesos_core.verify.facts.cluster_state import AgentState
from sparkmesos_core.verify.room import room
from tests.unit.preflight.clusters import agent, cluster
from tests.unit.verify.agent_states import application, state


def test_constraints() -> None:
    agents = [agent(attributes="zone:a"), agent(attributes="zone:b", hostname="other")]
    need = ExecutorNeed(1000, 1408, 384, constraints=parse_constraints("zone:a"))
    found = judge_division(divide(agents, need), 2, need)
    assert found.seen == "1 of 2 agents meets zone:a"
    (note,) = found.problems
    assert (note.severity, note.message) == (Severity.NOTE, "1 agent left out by spark.mesos.constraints")
    assert judge_division(divide(agents[:1], need), 1, need).problems == ()
    everywhere = ExecutorNeed(1000, 1408, 384, constraints=parse_constraints("zone:"))
    assert judge_division(divide(agents, everywhere), 2, everywhere).seen == "both agents meet zone:"


@pytest.mark.parametrize(
    ("role", "text"),
    [
        ("*", "role *: 5 cores; 6.5 more reserved for others"),
        ("etl", "role etl: 9 cores, 4 of them reserved for it; 2.5 more reserved for others"),
        ("etl/nightly", "role etl/nightly: 11.5 cores, 6.5 of them reserved for it"),
        ("none", "role none: 5 cores; 6.5 more reserved for others"),
    ],
)
def test_what_is_there_for_a_role(role: str, text: str) -> None:
    facts = cluster(agent("cpus:4;cpus(etl):4"), agent("cpus:1;cpus(etl/nightly):2.5"))
    assert role_text(ExecutorNeed(1000, 1408, 384, role=role), facts) == text


def test_ports() -> None:
    agents = [
        state("cpus:1;ports:[31000-32000]"),
        state("cpus:1;ports:[7000-8000]", hostname="other"),
        state("cpus:1", hostname="none"),
    ]
    assert not judge_ports(application(), agents).applies
    fixed = judge_ports(application(blockManager_port="7001"), agents)
    assert fixed.seen == "port 7001 is offered by 1 of 3 agents"
    (note,) = fixed.problems
    assert note.severity is Severity.NOTE
    assert note.details == ("agent1", "none")
    service = judge_ports(application(shuffle_service_enabled="true"), agents)
    (problem,) = service.problems
    assert problem.severity is Severity.WARNING
    assert "1 of 3 agents may give port 7337" in problem.message
    assert problem.key == "spark.shuffle.service.port"


def test_the_port_of_a_shuffle_service_that_is_a_task_itself() -> None:
    asked = application(shuffle_service_enabled="true")
    ports = "cpus:1;ports:[7000-8000]"
    has_it = state(ports, free="cpus:1;ports:[7000-7336,7338-8000]")
    assert judge_ports(asked, [has_it]).problems == ()
    reserved = state("cpus:1;ports(shuffle):[7337-7337]")
    assert judge_ports(asked, [reserved]).problems == ()
    offered = state(ports, free="cpus:1", offered="ports:[7000-8000]")
    assert len(judge_ports(asked, [offered]).problems) == 1


def test_gpus() -> None:
    agents = [agent("cpus:1;gpus:2"), agent("cpus:1;gpus(ml):4")]
    facts = cluster(*agents)
    assert not judge_gpus(application(), agents, facts).applies
    asked = application(mesos_gpus_max="8")
    assert judge_gpus(asked, agents, facts).problems == ()
    assert judge_gpus(asked, agents, facts).seen == "2 there, at most 8 asked for"
    in_role = application(mesos_gpus_max="8", mesos_role="ml")
    assert judge_gpus(in_role, agents, facts).seen.startswith("6 there")
    (problem,) = judge_gpus(asked, agents[1:], facts).problems
    assert problem.severity is Severity.WARNING


def test_agents_that_are_kept_for_who_asks_for_gpus() -> None:
    agents = [agent(), agent("cpus:1;gpus:2", hostname="large")]
    facts = cluster(*agents, withholds_gpu_agents=True)
    found = judge_gpus(application(), agents, facts)
    (note,) = found.problems
    assert note.severity is Severity.NOTE
    assert note.message == (
        "1 of 2 agents is offered only to applications that ask for GPUs, which is what spark.mesos.gpus.max "
        "does: large"
    )
    assert judge_gpus(application(mesos_gpus_max="1"), agents, facts).problems == ()


def size(asked: Application, *agents: AgentState) -> Verdict:
    return judge_size(asked, agents, room(asked, agents, lambda one: one.facts.resources))


def test_some_agents_are_too_small() -> None:
    small = [state("cpus:0.5;mem:9000", hostname=f"small{number}") for number in range(3)]
    found = size(application(), state(), state("cpus:4;mem:100", hostname="poor"), *small)
    assert (
        found.seen
        == "1 of 5 agents large enough for an executor of 1 or more cores and 1408 MiB: room for 1 executor"
    )
    (note,) = found.problems
    assert note.severity is Severity.NOTE
    assert note.message == "4 of 5 agents are too small for one executor"
    assert note.details == (
        "too little of mem: 1 agent: poor",
        "too little of cpus: 3 agents: small0, small1, small2",
    )


def test_fewer_executors_than_there_are_to_be() -> None:
    asked = application(
        executor_cores="2", dynamicAllocation_enabled="true", dynamicAllocation_minExecutors="9"
    )
    found = size(asked, state())
    (problem,) = found.problems
    assert problem.severity is Severity.WARNING
    assert (
        problem.message == "spark.dynamicAllocation.minExecutors is 9, and there is room for 2 executors only"
    )
    assert problem.hint == "Lower spark.dynamicAllocation.minExecutors, or add agents."
