"""How much of a cluster something is."""

from __future__ import annotations

import pytest

from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.verify.facts.cluster_state import AgentsState, AgentState, FrameworkState
from sparkmesos_core.verify.facts.held_offers import share, suspicious, whole_of
from sparkmesos_core.verify.probe.names import FRAMEWORK


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
