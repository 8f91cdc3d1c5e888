from __future__ import annotations

from dataclasses import replace

import pytest

from sparkmesos_core.verify.expected_agents import missing_hosts, unexpected_agents
from tests.unit.preflight.clusters import agent


@pytest.mark.parametrize(
    ("entry", "hostname", "there"),
    [
        ("node1", "node1", True),
        ("NODE1", "node1", True),
        ("node1.example.com", "node1.example.com", True),
        # One of them knows the domain, the other does not.
        ("node1", "node1.example.com", True),
        ("node1.example.com", "node1", True),
        ("node1.example.com", "node1.example.org", False),
        ("node1", "node11", False),
        # Its address; that is what a name may stand for, too.
        ("192.0.2.11", "node1", True),
        ("192.0.2.12", "node1", False),
        ("alias", "node1", True),
        # With a port: another agent of that host is not meant.
        ("node1:5051", "node1", True),
        ("node1:5052", "node1", False),
        ("node1:5051", "node1.example.com", True),
        ("node1.example.com:5052", "node1", False),
        ("192.0.2.11:5051", "node1", True),
        ("192.0.2.11:5052", "node1", False),
        ("alias:5051", "node1", True),
        ("[2001:db8::1]:5051", "2001:db8::1", True),
        ("2001:db8::1", "2001:db8::1", True),
        ("2001:db8::2", "2001:db8::1", False),
        # Addresses have no domains.
        ("192", "192.0.2.11", False),
        ("10", "10.example.com", True),
    ],
)
def test_which_agent_is_meant(entry: str, hostname: str, there: bool) -> None:
    agents = [agent(hostname=hostname)]
    addresses = {"alias": ("192.0.2.10", "192.0.2.11")}
    assert missing_hosts([entry], agents, addresses) == ([] if there else [entry])
    assert unexpected_agents([entry], agents, addresses) == ([] if there else agents)


def test_several() -> None:
    one, other = agent(hostname="node1"), replace(agent(hostname="node2"), host="192.0.2.12", port=5052)
    assert missing_hosts(["node2", "node3", "node1"], [one, other], {}) == ["node3"]
    assert unexpected_agents(["node2:5052"], [one, other], {}) == [one]
    assert missing_hosts([], [one], {}) == []
    assert unexpected_agents([], [one], {}) == [one]
