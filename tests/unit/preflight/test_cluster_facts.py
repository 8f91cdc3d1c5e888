"""What is read out of a master's answers; those of a real one are in tests/contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sparkmesos_core.mesos.attributes import Attribute
from sparkmesos_core.mesos.resources import Ranges, Resources
from sparkmesos_core.preflight.cluster_facts import (
    agents_of,
    recovering_names,
    recovering_of,
    roles_whitelist_of,
    withholds_gpu_agents,
)


def slave(**more: Any) -> dict[str, Any]:
    return {
        "id": "m-S0",
        "hostname": "agent1.example",
        "pid": "slave(1)@192.0.2.11:5051",
        "attributes": {},
        "resources": {"cpus": 2.0, "mem": 1024.0, "ports": "[31000-32000]"},
        "unreserved_resources": {"cpus": 2.0, "mem": 1024.0},
        "reserved_resources": {},
        "active": True,
        "version": "1.12.0",
        **more,
    }


def only(**more: Any) -> Any:
    (agent,) = agents_of({"slaves": [slave(**more)]})
    return agent


def test_the_address_is_that_of_the_pid() -> None:
    assert (only().host, only().port, only().hostname) == ("192.0.2.11", 5051, "agent1.example")
    six = only(pid="slave(1)@[2001:db8::1]:5051")
    assert (six.host, six.port) == ("2001:db8::1", 5051)


def names(*slaves: dict[str, Any], recovering: Sequence[dict[str, Any]] = ()) -> list[str]:
    return [agent.name for agent in agents_of({"slaves": slaves, "recovered_slaves": recovering})]


def test_agents_are_told_apart_by_no_more_than_it_takes() -> None:
    alone = slave(hostname="b")
    there = [slave(hostname="a", pid=f"slave(1)@192.0.2.11:{port}") for port in (5051, 5052)]
    assert names(alone, *there) == ["b", "a:5051", "a:5052"]
    assert names(alone, slave(hostname="a")) == ["b", "a"]
    six = [slave(hostname="2001:db8::1", pid=f"slave(1)@[2001:db8::1]:{port}") for port in (5051, 5052)]
    assert names(*six) == ["[2001:db8::1]:5051", "[2001:db8::1]:5052"]


def test_machines_that_call_themselves_the_same_are_told_apart_by_their_addresses() -> None:
    places = ("192.0.2.1:5051", "192.0.2.2:5051", "192.0.2.2:5052")
    assert names(*(slave(hostname="localhost", pid=f"slave(1)@{place}") for place in places)) == [
        "localhost (192.0.2.1:5051)",
        "localhost (192.0.2.2:5051)",
        "localhost:5052",
    ]


def test_agents_are_told_apart_from_those_that_are_to_come_back() -> None:
    gone = [{"id": "m-S1", "hostname": "a", "port": 5052}, {"id": "m-S2", "hostname": "c", "port": 5051}]
    answer = {"slaves": [slave(hostname="a"), slave(hostname="b")], "recovered_slaves": gone}
    assert names(*answer["slaves"], recovering=gone) == ["a:5051", "b"]
    assert recovering_names(gone, agents_of(answer)) == ("a:5052", "c")
    assert recovering_names([{"id": "m-S3"}], ()) == ("m-S3",)


def test_types_of_attributes() -> None:
    attributes = {"os": "centos7", "rack": 3.5, "port": "[1-2, 5-9]", "tags": "{a, b}", "odd": "[x", "n": -1}
    assert only(attributes=attributes).attributes == (
        Attribute("os", "centos7"),
        Attribute("rack", 3500),
        Attribute("port", Ranges.of([(1, 2), (5, 9)])),
        Attribute("tags", frozenset("ab")),
        Attribute("odd", "[x"),
        Attribute("n", -1000),
    )


def test_reservations_are_kept_apart_and_what_may_be_revoked_is_left_out() -> None:
    agent = only(
        resources={"cpus": 2.0, "cpus_revocable": 8.0, "mem": 1024.0},
        reserved_resources={"spark": {"cpus": 1.0, "mem": 0}},
        unreserved_resources={"cpus": 1.0, "cpus_revocable": 8.0, "mem": 1024.0},
    )
    assert agent.resources == Resources.parse("cpus:1;cpus(spark):1;mem:1024")


def test_what_the_master_hides_counts_as_anybodys() -> None:
    """Who may not view a role does not see what is reserved for it, but the sum of all."""
    agent = only(unreserved_resources={"cpus": 0.5, "mem": 1024.0})
    assert agent.resources == Resources.parse("cpus:2;mem:1024")


def test_resources_of_several_types() -> None:
    agent = only(
        unreserved_resources={"cpus": 1.0, "mem": 512.0, "ports": "[31000-31999]"},
        reserved_resources={"spark": {"cpus": 1.0, "mem": 512.0, "ports": "[32000-32000]"}},
    )
    assert agent.resources == Resources.parse(
        "cpus(spark):1;mem(spark):512;ports(spark):[32000-32000];cpus:1;mem:512;ports:[31000-31999]"
    )
    older = {name: value for name, value in slave().items() if not name.endswith("reserved_resources")}
    (agent,) = agents_of({"slaves": [older]})
    assert agent.resources == Resources.parse("cpus:2;mem:1024;ports:[31000-32000]")


@pytest.mark.parametrize(
    ("fields", "active"),
    [
        ({"active": True, "deactivated": False}, True),
        ({"active": True}, True),
        ({"active": False}, False),
        ({"active": True, "deactivated": True}, False),
    ],
)
def test_who_takes_part(fields: dict[str, bool], active: bool) -> None:
    assert only(**fields).active == active


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "text",
        {},
        {"slaves": 1},
        {"slaves": [1]},
        {"slaves": [{}]},
        {"slaves": [slave(pid="nowhere")]},
        {"slaves": [slave(unreserved_resources=[{"name": "cpus"}])]},
        {"slaves": [slave(unreserved_resources={"cpus": float("inf")})]},
        {"slaves": [slave(attributes={"a": float("inf")})]},
        {"slaves": [slave(attributes=[])]},
    ],
)
def test_what_is_no_list_of_agents(answer: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        agents_of(answer)


def test_agents_of_the_masters_predecessor() -> None:
    assert recovering_of({"slaves": [], "recovered_slaves": [{"id": "a"}, {"id": "b"}]}) == 2
    assert recovering_of({"slaves": []}) == 0


def test_roles_in_flags() -> None:
    assert roles_whitelist_of({"flags": {"roles": "spark,etl,"}}) == frozenset({"spark", "etl"})
    assert roles_whitelist_of({"flags": {"port": "5050"}}) is None
    wrongs: tuple[Any, ...] = (None, [], {}, {"flags": []})
    for wrong in wrongs:
        with pytest.raises(ValueError, match="no flags"):
            roles_whitelist_of(wrong)


def test_agents_with_gpus() -> None:
    assert withholds_gpu_agents({"flags": {"filter_gpu_resources": "true"}})
    assert not withholds_gpu_agents({"flags": {"filter_gpu_resources": "false"}})
    assert not withholds_gpu_agents({"flags": {}})
