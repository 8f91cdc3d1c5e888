from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.agent.agent_options import AgentOptions
from sparkmesos_core.localcluster.cluster_spec import AgentSpec, ClusterSpec, resources_text
from sparkmesos_core.localcluster.master.master_records import MasterOptions
from sparkmesos_core.localcluster.network.namespaces import AgentNamespace, ClusterNetwork
from sparkmesos_core.mesos.resources import Ranges, Resources

SPEC = ClusterSpec(work_dir=Path("/w"))


def ports(number: int, agents: int) -> Ranges:
    value = Resources.parse(resources_text(AgentSpec(), number, agents)).total("ports")
    assert isinstance(value, Ranges)
    return value


def test_a_few_agents_have_a_thousand_ports_each() -> None:
    assert ports(0, 3) == Ranges(((31000, 31999),))
    assert ports(2, 3) == Ranges(((33000, 33999),))


@pytest.mark.parametrize("agents", [1, 30, 31, 36, 100, 1000])
def test_every_agent_has_ports_of_its_own_that_exist(agents: int) -> None:
    taken = [ports(number, agents).pairs[0] for number in range(agents)]
    assert len({end - begin for begin, end in taken}) == 1
    assert all(end < begin for (_, end), (begin, _) in pairwise(taken))
    assert taken[0][0] == 31000
    assert taken[-1][1] < 61000


def test_what_is_given_is_left_as_it_is() -> None:
    assert "ports:[1-5]" in resources_text(AgentSpec(ports="[1-5]"), 50, 100)
    assert resources_text(AgentSpec(resources="cpus:1"), 50, 100) == "cpus:1"


def test_by_default_masters_and_agents_are_as_those_of_mesos() -> None:
    master = SPEC.master_options("127.0.0.1", 5050, None)
    assert master == MasterOptions()
    agent = SPEC.agent_options(0, "127.0.0.1", 5051)
    assert agent.work_dir == Path("/w/agent1")
    assert agent == AgentOptions("127.0.0.1", "127.0.0.1", 5051, agent.work_dir, agent.resources)


def test_everything_that_can_be_set_is_passed_on() -> None:
    """A field of the options that the spec does not know, or forgets, would have its default here."""
    changed: dict[str, object] = {
        "host": "h",
        "agents": (AgentSpec(attributes="a:b"),),
        "roles": ("r",),
        "executor_environment": {"A": "b"},
        "recover": "cleanup",
        "docker": "/d",
        "offer_timeout": 7.0,
        "fetcher": "f",
    }
    for field in fields(SPEC):
        if isinstance(value := getattr(SPEC, field.name), int | float):
            changed[field.name] = value + 7
    known = {field.name for field in fields(SPEC)}
    spec = replace(SPEC, **{name: value for name, value in changed.items() if name in known})  # type: ignore[arg-type]
    for options, plain in (
        (spec.master_options("i", 1, "u"), SPEC.master_options("j", 2, None)),
        (spec.agent_options(0, "i", 1), SPEC.agent_options(0, "j", 2)),
    ):
        same = {f.name for f in fields(options) if getattr(options, f.name) == getattr(plain, f.name)}
        assert same <= {"work_dir", "resources", "recover", "within"}


def test_what_one_agent_has_of_its_own() -> None:
    own = AgentSpec(hostname="agent7.example", executor_environment={"A": "own", "B": "own"})
    spec = replace(SPEC, agents=(AgentSpec(), own), executor_environment={"A": "all", "C": "all"})
    first, second = (spec.agent_options(number, "127.0.0.1", 5051) for number in (0, 1))
    assert (first.hostname, first.executor_environment) == ("127.0.0.1", {"A": "all", "C": "all"})
    assert second.hostname == "agent7.example"
    assert second.executor_environment == {"A": "own", "B": "own", "C": "all"}


def test_agents_with_networks_of_their_own() -> None:
    """Each has all ports; Spark's executors and drivers listen at the address of theirs, unless told otherwise."""
    told = AgentSpec(hostname="agent2.example", executor_environment={"SPARK_LOCAL_IP": "192.0.2.109"})
    spec = replace(SPEC, network=ClusterNetwork(), host=ClusterNetwork.address, agents=(AgentSpec(), told))
    spec.check()
    namespaces = [AgentNamespace(f"192.0.2.10{number}", -1) for number in (1, 2)]
    first, second = (spec.agent_options(n, namespaces[n].address, 5051, namespaces[n]) for n in (0, 1))
    assert (first.hostname, first.ip, first.executor_environment) == (
        "192.0.2.101",
        "192.0.2.101",
        {"SPARK_LOCAL_IP": "192.0.2.101"},
    )
    assert (second.hostname, second.ip, second.executor_environment) == (
        "agent2.example",
        "192.0.2.102",
        {"SPARK_LOCAL_IP": "192.0.2.109"},
    )
    assert "ports:[31000-31999]" in first.resources
    assert first.resources == second.resources
    assert (first.within, second.within) == (namespaces[0].entered, namespaces[1].entered)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (replace(SPEC, masters=0), "0 is no number of masters"),
        (replace(SPEC, masters=10), "10 is no number of masters"),
        (replace(SPEC, masters=2), "2 masters need a ZooKeeper"),
        (replace(SPEC, zookeeper="localhost:2181"), "does not begin with zk://"),
        (replace(SPEC, zookeeper="zk://localhost"), "has no path"),
        (replace(SPEC, network=ClusterNetwork(), agents=(AgentSpec(),) * 101), "101 agents are too many"),
        (replace(SPEC, agents=(AgentSpec(attributes="rack"),)), "rack"),
        (replace(SPEC, agents=(AgentSpec(resources="cpus"),)), "cpus"),
        (replace(SPEC, agents=(AgentSpec(), AgentSpec(ports="[5-1]"))), "5-1"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(spec: ClusterSpec, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        spec.check()


def test_passwords_are_not_shown() -> None:
    spec = replace(SPEC, zookeeper="zk://me:hush@localhost/mesos")
    assert "hush" not in repr(spec)
    with pytest.raises(UsageError) as caught:
        replace(SPEC, zookeeper="zk://me:hush@localhost").check()
    assert "hush" not in caught.value.message
    zookeeper = spec.check()
    assert zookeeper is not None
    assert zookeeper.path == "/mesos"
