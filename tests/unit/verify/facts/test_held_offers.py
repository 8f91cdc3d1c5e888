"""How much of a cluster something is, and which offers of it are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.verify.facts import held_offers
from sparkmesos_core.verify.facts.cluster import AGENTS, STATE
from sparkmesos_core.verify.facts.cluster_state import (
    AgentsState,
    AgentState,
    ClusterState,
    FrameworkState,
)
from sparkmesos_core.verify.facts.held_offers import KEPT_OFFERS, share, suspicious, whole_of
from sparkmesos_core.verify.facts.master import FLAGS, LEADER
from sparkmesos_core.verify.known import Fact
from sparkmesos_core.verify.probe.names import FRAMEWORK
from tests.http_stub import Answer, http_stub
from tests.unit.verify.told_facts import Told


def agents(*totals: str) -> AgentsState:
    found = [
        AgentFacts(f"S{number}", "agent", "192.0.2.1", 5051, Resources.parse(total), (), "1.12.0", True)
        for number, total in enumerate(totals)
    ]
    return AgentsState(tuple(AgentState(facts, Resources(), Resources()) for facts in found))


def framework(name: str, offered: str) -> FrameworkState:
    nothing = Resources()
    return FrameworkState(
        "F1", name, ("*",), "", "root", "", "", True, True, 0.0, nothing, Resources.parse(offered)
    )


@pytest.mark.parametrize(
    ("part", "totals", "expected"),
    [
        ("cpus:1;mem:512", ("cpus:2;mem:1024", "cpus:2;mem:1024"), 0.25),
        ("cpus:1;mem:1024", ("cpus:2;mem:1024", "cpus:2;mem:1024"), 0.5),
        ("cpus:3;mem:10", ("cpus:2;mem:1024", "cpus(etl):2;mem:1024"), 0.75),
        ("cpus:9", ("cpus:2",), 1.0),
        ("", ("cpus:2",), 0.0),
        ("cpus:1", (), 0.0),
    ],
)
def test_share(part: str, totals: tuple[str, ...], expected: float) -> None:
    assert share(Resources.parse(part), whole_of(agents(*totals))) == expected


def test_who_is_looked_at_again() -> None:
    cluster = whole_of(agents("cpus:2;mem:1024", "cpus:2;mem:1024"))
    assert suspicious(framework("app", "cpus:2"), cluster)
    assert not suspicious(framework("app", "cpus:1.9"), cluster)
    assert not suspicious(framework(FRAMEWORK, "cpus:4"), cluster)


def offered(*offer_ids: str) -> Answer:
    """What a master tells of a framework which has these offers, each of half the cluster."""
    offers = [
        {"id": offer_id, "framework_id": "F1", "slave_id": "S0", "resources": {"cpus": 2, "mem": 1024}}
        for offer_id in offer_ids
    ]
    given = {"cpus": 2 * len(offers), "mem": 1024 * len(offers)}
    one = {"id": "F1", "name": "app", "active": True, "connected": True, "offers": offers}
    told = {"frameworks": [{**one, "offered_resources": given}], "completed_frameworks": []}
    return Answer(200, json.dumps(told).encode(), {"Content-Type": "application/json"})


def looks(*answers: Answer) -> tuple[Sequence[str], int]:
    """Who keeps offers, of a framework that had O1 at first, and how often it was looked at again.

    The last answer is given for ever.
    """
    left = list(answers)
    before = replace(framework("app", "cpus:2;mem:1024"), offers=frozenset({"O1"}))
    whole = agents("cpus:2;mem:1024", "cpus:2;mem:1024")
    with http_stub(lambda _: left.pop(0) if len(left) > 1 else left[0]) as master:
        facts: dict[Fact[Any], Any] = {
            STATE: ClusterState(whole, (before,)),
            AGENTS: whole,
            LEADER: Leader(master.address),
            FLAGS: {},
        }
        with Told(facts) as known:
            kept = known[KEPT_OFFERS]
            return sorted(kept), len(master.requests)


def test_who_is_slow_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A JVM that has just begun answers its first offers late: it is looked at until it has."""
    monkeypatch.setattr(held_offers, "BETWEEN", 0.001)
    assert looks(offered("O1"), offered("O1"), offered("O1", "O2"), offered("O2")) == ([], 4)
    assert looks(offered()) == ([], 1)


def test_who_never_answers_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_offers, "BETWEEN", 0.01)
    monkeypatch.setattr(held_offers, "LONG", 0.1)
    found, number = looks(offered("O1"))
    assert found == ["F1"]
    assert number > 1
