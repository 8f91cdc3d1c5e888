from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.preflight import agent_names
from sparkmesos_core.preflight.agent_names import check_agent_names, judge, names_of, spread
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.name_lookup import Lookup
from sparkmesos_core.preflight.this_machine import ThisMachine
from tests.unit.preflight.clusters import agent, cluster

FAR = 60.0
MACHINE = ThisMachine(("203.0.113.5",))
KNOWN = Lookup(("192.0.2.11",))
LOOPBACK = Lookup(("127.0.1.1",))
IMPOSSIBLE = "x" * 64 + ".example"


def test_names_that_are_known() -> None:
    assert judge(cluster(agent()), {"agent1": KNOWN}, 1, MACHINE) == []


def test_a_name_that_is_unknown() -> None:
    (finding,) = judge(cluster(agent()), {"agent1": Lookup(())}, 1, MACHINE)
    assert (finding.id, finding.severity) == ("agent-name-unknown", Severity.WARNING)
    assert finding.message.startswith("The host name of an agent cannot be resolved here: 'agent1';")
    assert "--hostname=" in finding.hint


def test_all_are_in_one_line() -> None:
    lookups = {f"agent{number}": Lookup(()) for number in range(5)} | {"other": KNOWN}
    (finding,) = judge(cluster(), lookups, 6, MACHINE)
    assert "'agent0', 'agent1', 'agent2' and 2 more, 5 of 6;" in finding.message


def test_a_resolver_without_name_servers() -> None:
    (finding,) = judge(cluster(), {"agent1": Lookup((), lasting=False)}, 1, MACHINE)
    assert "cannot be resolved here, since no name server answers: 'agent1'" in finding.message


def test_another_machine_that_is_taken_for_this_one() -> None:
    (finding,) = judge(cluster(agent()), {"agent1": LOOPBACK}, 1, MACHINE)
    assert (finding.id, finding.severity) == ("agent-name-on-loopback", Severity.WARNING)
    assert finding.message.startswith(
        "'agent1' is the host name of an agent at 192.0.2.11, but here loopback"
    )


def test_the_agent_of_this_machine_may_have_its_name() -> None:
    # As Debian has it: the machine's own name is 127.0.1.1.
    facts = cluster(replace(agent(), host="203.0.113.5"))
    assert judge(facts, {"agent1": LOOPBACK}, 1, MACHINE) == []


def test_which_names_are_looked_up() -> None:
    facts = cluster(
        agent(hostname="a"),
        agent(hostname="192.0.2.1"),
        agent(hostname="b", active=False),
        agent(hostname="a"),
    )
    assert names_of(facts) == ["a"]


def test_of_many_names_some() -> None:
    assert spread("abc", 3) == ["a", "b", "c"]
    chosen = spread(range(5000), 256)
    assert (len(chosen), chosen[0]) == (256, 0)
    assert {second - first for first, second in pairwise(chosen)} <= {19, 20}


def test_with_the_resolver_of_this_system() -> None:
    facts = cluster(agent(hostname=IMPOSSIBLE), replace(agent(hostname="localhost"), host="127.0.0.1"))
    facts = replace(facts, master=replace(facts.master, host="127.0.0.1"))
    (finding,) = check_agent_names({}, facts, {}, deadline=time.monotonic() + FAR)
    assert finding.id == "agent-name-unknown"
    assert "1 of 2" in finding.message


@pytest.mark.parametrize(
    ("facts", "properties"),
    [
        (None, {}),
        (cluster(), {}),
        (cluster(agent(hostname="192.0.2.11")), {}),
        (cluster(agent(hostname=IMPOSSIBLE)), {"spark.mesos.network.name": "overlay"}),
    ],
    ids=["unknown", "no agents", "addresses", "containers with addresses of their own"],
)
def test_nothing_to_look_up(
    monkeypatch: pytest.MonkeyPatch, facts: ClusterFacts | None, properties: dict[str, str]
) -> None:
    monkeypatch.setattr(agent_names, "look_up", lambda names, deadline: dict.fromkeys(names, Lookup(())))
    assert check_agent_names(properties, facts, {}, deadline=time.monotonic() + FAR) == []
