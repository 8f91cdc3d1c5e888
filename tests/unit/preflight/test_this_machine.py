from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from sparkmesos_core.master import HostPort
from sparkmesos_core.preflight.this_machine import (
    ThisMachine,
    addresses_towards,
    can_bind,
    is_loopback_name,
    this_machine,
)
from tests.unit.preflight.clusters import agent, cluster

MACHINE = ThisMachine(("203.0.113.5", "2001:db8::5"))
NOWHERE = "198.51.100.7"
"""Of a network that only examples have (RFC 5737)."""


@pytest.mark.parametrize(
    ("master", "at", "here"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "127.0.0.1", True),
        ("203.0.113.5", "127.0.0.1", True),
        ("203.0.113.5", "203.0.113.5", True),
        ("192.0.2.1", "203.0.113.5", True),
        ("192.0.2.1", "2001:db8::5", True),
        ("192.0.2.1", "192.0.2.1", False),
        ("127.0.0.1", "192.0.2.11", False),
        # On loopback, but of the master's machine.
        ("192.0.2.1", "127.0.0.1", False),
        ("master.example", "127.0.0.1", False),
        ("192.0.2.1", "agent.example", False),
    ],
)
def test_which_agents_are_here(master: str, at: str, here: bool) -> None:
    facts = replace(cluster(replace(agent(), host=at)), master=HostPort(master, 5050))
    assert MACHINE.divide(facts) == ((list(facts.agents), []) if here else ([], list(facts.agents)))


def test_addresses_of_one_network() -> None:
    networks = (IPv4Network("203.0.113.0/28"), IPv4Network("198.51.100.0/24"))
    machine = ThisMachine(("203.0.113.5", "203.0.113.6", "198.51.100.9"), networks)
    assert machine.are_neighbours("203.0.113.5", "203.0.113.6")
    assert not machine.are_neighbours("203.0.113.5", "198.51.100.9")
    assert not machine.are_neighbours("2001:db8::5", "203.0.113.5")


def test_agents_that_take_no_part_do_not_count() -> None:
    assert MACHINE.divide(cluster(agent(active=False))) == ([], [])


def test_of_this_system() -> None:
    machine = this_machine()
    assert machine.owns("127.0.0.1")
    assert machine.owns("::1")
    assert not machine.owns(NOWHERE)
    assert all(can_bind(address) for address in machine.outer)
    for address in machine.outer:
        assert ":" in address or any(IPv4Address(address) in network for network in machine.networks)
    assert can_bind("127.0.0.1")
    assert not can_bind(NOWHERE)


def test_the_way_to_agents() -> None:
    assert addresses_towards([replace(agent(), host="127.0.0.1")]) == {"127.0.0.1"}
    assert addresses_towards([replace(agent(), host="no.address")]) == set()
    machine = this_machine()
    assert addresses_towards([replace(agent(), host=NOWHERE)]) <= set(machine.outer)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("agent.localhost", True),
        ("127.0.1.1", True),
        ("::1", True),
        ("[::1]", True),
        ("192.0.2.1", False),
        ("localhost.example", False),
    ],
)
def test_what_is_loopback_everywhere(host: str, expected: bool) -> None:
    assert is_loopback_name(host) is expected
