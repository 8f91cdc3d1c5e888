from __future__ import annotations

from dataclasses import replace

from sparkmesos_core.verify.named_agents import lines, part_of, some_agents, some_names
from tests.unit.preflight.clusters import agent


def test_names() -> None:
    agents = [agent(hostname=f"n{number}") for number in range(5)]
    assert some_agents(agents[:2]) == "n0, n1"
    assert some_agents(agents) == "n0, n1, n2 and 2 more"
    assert some_agents([replace(agent(), name_apart="agent1:5051")]) == "agent1:5051"
    assert some_names(["a\x1b[2J"]) == "a\\x1b[2J"


def test_parts() -> None:
    assert [part_of(number, 3) for number in range(4)] == [
        "0 of 3 agents",
        "1 of 3 agents",
        "2 of 3 agents",
        "all 3 agents",
    ]
    assert part_of(1, 1) == "the only agent"
    assert part_of(2, 2, "host") == "both hosts"


def test_lines() -> None:
    assert lines(["a", "b"]) == ("a", "b")
    many = lines([str(number) for number in range(100)])
    assert many[-1] == "… and 80 more"
    assert len(many) == 21
