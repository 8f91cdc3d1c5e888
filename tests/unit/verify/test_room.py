from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.verify.room import (
    falls_short,
    room,
    room_text,
    size_text,
    too_small,
    why_none_fits,
)
from tests.unit.preflight.clusters import cluster
from tests.unit.verify.agent_states import application, state


@pytest.mark.parametrize(
    ("properties", "resources", "executors", "cores"),
    [
        # Without executor cores one executor takes all of the whole ones.
        ({}, "cpus:8.5;mem:9000", 1, 8000),
        ({}, "cpus:0.9;mem:9000", 0, 0),
        ({}, "cpus:8;mem:1407", 0, 0),
        ({"executor_cores": "2"}, "cpus:8.5;mem:9000", 4, 8000),
        # Memory is for three of 1408 MiB.
        ({"executor_cores": "2"}, "cpus:8;mem:4300", 3, 6000),
        ({"executor_cores": "2"}, "cpus:1;mem:9000", 0, 0),
        # A fixed port is there once.
        ({"executor_cores": "2", "blockManager_port": "7001"}, "cpus:8;mem:9000;ports:[7000-7002]", 1, 2000),
        ({"blockManager_port": "7001"}, "cpus:8;mem:9000;ports:[8000-8002]", 0, 0),
        ({"mesos_coarse": "false"}, "cpus:8;mem:9000", 1, 2000),
    ],
)
def test_executors_on_an_agent(
    properties: dict[str, str], resources: str, executors: int, cores: int
) -> None:
    asked, available = application(**properties), Resources.parse(resources)
    assert asked.executors_on(available) == executors
    assert asked.cores_on(available) == cores


def by_spark(cpus: list[int], mem: list[int], each: int | None, most: int | None, memory: int) -> list[int]:
    """The cores of the executors that Spark starts on offers of such agents, by its own procedure.

    In passes over all offers, one executor of each per pass (`buildMesosTasks` and `canLaunchTask` of
    `MesosCoarseGrainedSchedulerBackend`). `cpus` are thousandths.
    """
    limit = 10**9 if most is None else most - most % (each or 1)
    launched: list[int] = []
    going_on = True
    while going_on:
        going_on = False
        for offer in range(len(cpus)):
            whole = cpus[offer] // 1000
            cores = min(whole, limit - sum(launched)) if each is None else each
            if 0 < cores <= whole and cores + sum(launched) <= limit and memory <= mem[offer]:
                cpus[offer] -= cores * 1000
                mem[offer] -= memory
                launched.append(cores)
                going_on = True
    return launched


@given(
    agents=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 9_000)), max_size=5),
    each=st.none() | st.integers(1, 5),
    most=st.none() | st.integers(1, 40),
)
def test_it_is_as_many_as_spark_would_start(
    agents: list[tuple[int, int]], each: int | None, most: int | None
) -> None:
    cpus, mem = [one for one, _ in agents], [one for _, one in agents]
    settings = {} if each is None else {"executor_cores": str(each)}
    asked = application(**settings, **({} if most is None else {"cores_max": str(most)}))
    resources = [Resources.parse(f"cpus:{one / 1000};mem:{other}") for one, other in agents]
    found = room(asked, [replace(state(), free=one) for one in resources], lambda agent: agent.free)
    launched = by_spark(cpus, mem, each, most, asked.need.memory)
    if most is None:
        assert (found.executors, found.cores) == (len(launched), sum(launched) * 1000)
    else:
        assert sum(launched) * 1000 == min(found.cores, asked.wanted_cores or 0)


def test_what_all_agents_have_room_for() -> None:
    agents = [
        state("cpus:8;mem:9000", hostname="large"),
        state("cpus:8;mem:9000", hostname="busy", free="cpus:1;mem:9000"),
        state("cpus:1;mem:9000", hostname="small"),
        state("cpus(etl):4;mem(etl):9000", hostname="of others"),
    ]
    asked = application(executor_cores="2")
    idle = room(asked, agents, lambda agent: agent.facts.resources)
    assert (idle.executors, idle.cores, names(idle.agents)) == (8, 16000, ["large", "busy"])
    now = room(asked, agents, lambda agent: agent.free)
    assert (now.executors, names(now.agents)) == (4, ["large"])
    assert names(list(chain.from_iterable(too_small(asked, agents).values()))) == ["small", "of others"]
    assert list(too_small(asked, agents)) == [("cpus",), ("cpus", "mem")]
    in_role = application(executor_cores="2", mesos_role="etl")
    assert room(in_role, agents, lambda agent: agent.free).executors == 6


def test_cores_max() -> None:
    agents = [state("cpus:8;mem:9000", hostname=name) for name in "abc"]
    some = application(executor_cores="2", cores_max="5")
    fits = room(some, agents, lambda agent: agent.free)
    assert room_text(some, fits) == "room for 12 executors, of which spark.cores.max allows 2"
    assert falls_short(some, fits) == ""
    # Each takes what it is offered, so how many there may be is open.
    greedy = application(cores_max="12")
    assert room_text(greedy, room(greedy, agents, lambda agent: agent.free)) == "room for 3 executors"
    many = application(executor_cores="3", cores_max="24")
    assert falls_short(many, room(many, agents, lambda agent: agent.free)) == (
        "spark.cores.max is 24, and there is room for executors with 18 cores"
    )


def test_the_rest_of_cores_max_that_makes_no_executor_is_not_missing() -> None:
    asked = application(executor_cores="2", cores_max="5")
    agents = [state("cpus:4;mem:9000")]
    assert falls_short(asked, room(asked, agents, lambda agent: agent.free)) == ""
    greedy = application(cores_max="5")
    assert falls_short(greedy, room(greedy, agents, lambda agent: agent.free)) != ""


def test_why_none_fits_now() -> None:
    agents = [state(free="cpus:0.5;mem:4096"), state(free="cpus:3;mem:1000", hostname="nearest")]
    facts = cluster(*(agent.facts for agent in agents))
    assert why_none_fits(application(), agents, facts) == (
        "One executor needs 1 core and 1408 MiB of memory (384 of it overhead), and none of 2 agents has that: "
        "the nearest, nearest, has 1000 MiB"
    )


def test_sizes() -> None:
    assert size_text(application()) == "1 or more cores and 1408 MiB"
    assert size_text(application(executor_cores="1")) == "1 core and 1408 MiB"
    assert size_text(application(executor_cores="4", blockManager_port="7001")) == (
        "4 cores and 1408 MiB, with port 7001"
    )


def names(agents: tuple[AgentFacts, ...] | list[AgentFacts]) -> list[str]:
    return [agent.hostname for agent in agents]
