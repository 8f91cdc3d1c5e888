from __future__ import annotations

from sparkmesos_core.preflight.need import executor_need
from sparkmesos_core.verify.excluded_agents import divide
from tests.unit.preflight.clusters import agent


def test_each_agent_is_with_what_leaves_it_out() -> None:
    agents = [
        agent(attributes="zone:a;os:linux", hostname="good"),
        agent(attributes="zone:b;os:linux", hostname="b1"),
        agent(attributes="zone:b;os:linux", hostname="b2"),
        agent(attributes="zone:c", hostname="both"),
        agent(hostname="bare"),
    ]
    division = divide(agents, executor_need({"spark.mesos.constraints": "zone:a;os:"}))
    assert division.meeting == (agents[0],)
    assert division.lines() == [
        "1 agent will do: good",
        "zone:a leaves out 2 agents, where zone is 'b': b1, b2",
        "zone:a leaves out 1 agent, where zone is 'c': both",
        "zone:a leaves out 1 agent, which has no zone: bare",
        "os: leaves out 2 agents, which have no os: both, bare",
    ]


def test_nothing_is_left_out_without_constraints() -> None:
    agents = [agent(), agent(attributes="zone:a")]
    division = divide(agents, executor_need({}))
    assert division.meeting == tuple(agents)
    assert division.lines() == []


def test_thousands_of_agents_take_a_few_lines() -> None:
    agents = [agent(attributes=f"zone:{'abc'[n % 3]}", hostname=f"n{n}") for n in range(3000)]
    division = divide(agents, executor_need({"spark.mesos.constraints": "zone:a"}))
    assert len(division.meeting) == 1000
    met, *rest = division.lines()
    assert met.startswith("1000 agents will do: n0, n3, ")
    assert [line.partition(": ")[0] for line in rest] == [
        "zone:a leaves out 1000 agents, where zone is 'b'",
        "zone:a leaves out 1000 agents, where zone is 'c'",
    ]
    assert all(line.endswith(" and 980 more") and line.count(", n") == 19 for line in [met, *rest])


def test_what_spark_makes_of_ranges() -> None:
    division = divide(
        [agent(attributes="ports:[1-9]")], executor_need({"spark.mesos.constraints": "ports:5"})
    )
    assert division.lines() == ["ports:5 leaves out 1 agent, where ports is '[1-9]': agent1"]
