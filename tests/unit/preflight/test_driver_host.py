from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts
from sparkmesos_core.preflight.driver_host import (
    SeenHere,
    advertised,
    check_driver_host,
    judge,
    listening_host,
)
from sparkmesos_core.preflight.name_lookup import Lookup
from sparkmesos_core.preflight.this_machine import ThisMachine
from tests.unit.preflight.clusters import agent, cluster

FAR = 60.0
OWN = "203.0.113.5"
MACHINE = ThisMachine((OWN, "172.17.0.1", "2001:db8::5"))
NAMED, LOOPBACK, UNKNOWN, LATER = (
    Lookup((OWN,)),
    Lookup(("127.0.1.1",)),
    Lookup(()),
    Lookup((), lasting=False),
)

ELSEWHERE = cluster(agent(hostname="agent1"), agent(hostname="agent2"))
HERE = cluster(replace(agent(), host=OWN))
BOTH = cluster(agent(hostname="agent1"), replace(agent(hostname="agent2"), host=OWN))


def findings(
    facts: ClusterFacts | None = ELSEWHERE,
    environment: Mapping[str, str] | None = None,
    *,
    own: Lookup = NAMED,
    way: str | None = OWN,
    names: Mapping[str, Lookup] | None = None,
    **properties: str,
) -> list[Finding]:
    """What is found on the machine `client`, which is at OWN; `way` is where it speaks to agents from."""
    configuration = {f"spark.driver.{name}": value for name, value in properties.items()}

    def addresses_towards(agents: object) -> set[str]:
        return {way} if way is not None else set()

    seen = SeenHere(
        "client",
        {"client": own, "localhost": Lookup(("127.0.0.1", "::1")), **(names or {})},
        MACHINE,
        can_bind=lambda address: MACHINE.owns(address) or address == "0.0.0.0",
        addresses_towards=addresses_towards,
    )
    return judge(configuration, facts, environment or {}, seen)


def only(*arguments: object, **given: object) -> Finding:
    (finding,) = findings(*arguments, **given)  # type: ignore[arg-type]
    return finding


def test_a_machine_with_a_name_and_an_address() -> None:
    for facts in (ELSEWHERE, HERE, BOTH, None):
        assert findings(facts) == []


def test_loopback_is_fine_for_agents_of_this_machine() -> None:
    assert findings(HERE, {"SPARK_LOCAL_IP": "127.0.0.1"}) == []
    assert findings(HERE, host="localhost") == []
    assert findings(None, host="localhost") == []
    assert findings(cluster(), host="localhost") == []


@pytest.mark.parametrize(
    ("environment", "properties", "said"),
    [
        ({}, {"host": "localhost"}, "spark.driver.host is 'localhost', which is loopback"),
        ({}, {"host": "[::1]"}, "spark.driver.host is '::1', which is loopback"),
        ({"SPARK_LOCAL_IP": "127.0.0.1"}, {}, "SPARK_LOCAL_IP is '127.0.0.1', which is loopback"),
        ({"SPARK_LOCAL_HOSTNAME": "client"}, {}, "SPARK_LOCAL_HOSTNAME is 'client', which is loopback"),
        # Listening everywhere does not help who is told to look at their own loopback.
        ({}, {"host": "localhost", "bindAddress": "0.0.0.0"}, "spark.driver.host is 'localhost'"),
        # The property comes first.
        ({"SPARK_LOCAL_IP": OWN}, {"host": "127.0.0.1"}, "spark.driver.host is '127.0.0.1'"),
    ],
)
def test_loopback_and_agents_elsewhere(
    environment: dict[str, str], properties: dict[str, str], said: str
) -> None:
    finding = only(ELSEWHERE, environment, own=LOOPBACK, **properties)
    assert (finding.id, finding.severity) == ("driver-host-on-loopback", Severity.ERROR)
    assert finding.message.startswith(said)
    assert finding.message.endswith("executors of all 2 agents ('agent1', 'agent2') do not find the driver")
    assert "spark.driver.host" in finding.hint
    assert finding.key == ("spark.driver.host" if properties else "")


def test_some_executors_may_find_it() -> None:
    finding = only(BOTH, host="localhost")
    assert finding.severity is Severity.WARNING
    assert finding.message.endswith("executors of the agent 'agent1' do not find the driver")


def test_a_name_that_is_loopback_only_here() -> None:
    # The driver listens everywhere, and agents may have the name from elsewhere.
    assert findings(ELSEWHERE, host="client", own=LOOPBACK, bindAddress="0.0.0.0") == []


def test_spark_looks_for_an_address_if_its_own_name_is_loopback() -> None:
    assert findings(ELSEWHERE, own=LOOPBACK) == []
    finding = only(ELSEWHERE, own=LOOPBACK, way="198.51.100.9")
    assert (finding.id, finding.severity) == ("driver-host-off-the-way", Severity.WARNING)
    assert finding.message.startswith(
        f"Executors will look for the driver at {OWN}, but this machine speaks to the 2 agents "
        "('agent1', 'agent2') elsewhere from 198.51.100.9"
    )
    assert finding.hint.startswith("Set SPARK_LOCAL_IP=198.51.100.9")


def test_a_second_address_of_the_same_network_will_do() -> None:
    def towards(agents: object) -> set[str]:
        return {"203.0.113.9"}

    machine = ThisMachine((OWN, "203.0.113.9"), (IPv4Network("203.0.113.0/24"),))
    seen = SeenHere("client", {"client": NAMED}, machine, lambda address: True, towards)
    assert judge({}, ELSEWHERE, {}, seen) == []
    (finding,) = judge({}, ELSEWHERE, {}, replace(seen, machine=replace(machine, networks=())))
    assert finding.id == "driver-host-off-the-way"


def test_a_machine_that_has_nothing_but_loopback() -> None:
    seen = SeenHere("client", {"client": LOOPBACK}, ThisMachine(()))
    (finding,) = judge({}, ELSEWHERE, {}, seen)
    assert finding.message.startswith("This machine is 127.0.1.1, which is loopback")


@pytest.mark.parametrize(
    ("environment", "properties"),
    [
        ({}, {"host": "172.17.0.1"}),
        ({"SPARK_LOCAL_IP": "172.17.0.1"}, {}),
        ({}, {"bindAddress": "0.0.0.0"}),
    ],
)
def test_who_has_chosen_an_address_is_not_told_of_another(
    environment: dict[str, str], properties: dict[str, str]
) -> None:
    assert findings(ELSEWHERE, environment, way="198.51.100.9", **properties) == []  # type: ignore[arg-type]


def test_no_way_to_agents_tells_nothing() -> None:
    assert findings(ELSEWHERE, way=None) == []


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"host": "198.51.100.7"}, "spark.driver.host is '198.51.100.7', no address of this machine"),
        ({"host": "old"}, "spark.driver.host is 'old' (198.51.100.8, 2001:db8::8), no address"),
        ({"host": OWN, "bindAddress": "198.51.100.7"}, "spark.driver.bindAddress is '198.51.100.7', no"),
    ],
)
@pytest.mark.parametrize("facts", [ELSEWHERE, HERE, None])
def test_an_address_of_another_machine(
    facts: ClusterFacts | None, properties: dict[str, str], said: str
) -> None:
    finding = only(facts, names={"old": Lookup(("198.51.100.8", "2001:db8::8"))}, **properties)
    assert (finding.id, finding.severity) == ("driver-host-not-here", Severity.ERROR)
    assert finding.message.startswith(said)
    assert finding.message.endswith("of this machine: the driver cannot listen there")
    assert finding.key in said


def test_an_address_of_another_machine_in_a_variable() -> None:
    finding = only(ELSEWHERE, {"SPARK_LOCAL_IP": "198.51.100.7"})
    assert finding.message.startswith("SPARK_LOCAL_IP is '198.51.100.7', no address of this machine")
    assert finding.key == ""


def test_an_own_name_with_the_address_of_another_machine() -> None:
    finding = only(None, own=Lookup(("198.51.100.7",)))
    assert (finding.id, finding.severity) == ("driver-host-not-here", Severity.ERROR)
    assert finding.message.startswith("This machine's own name means 198.51.100.7, no address of this")


def test_agents_reach_it_through_another_machine() -> None:
    assert findings(ELSEWHERE, host="198.51.100.7", bindAddress="0.0.0.0") == []


def test_a_name_with_one_address_of_this_machine_among_others() -> None:
    assert findings(ELSEWHERE, host="both", names={"both": Lookup(("198.51.100.8", OWN))}) == []


def test_a_name_that_is_unknown() -> None:
    finding = only(None, host="nobody", names={"nobody": UNKNOWN})
    assert (finding.id, finding.severity) == ("driver-host-unknown", Severity.ERROR)
    assert finding.message == (
        "spark.driver.host is 'nobody', a name that cannot be resolved here: the driver cannot listen there"
    )
    assert only(None, host="nobody", names={"nobody": LATER}).severity is Severity.WARNING


def test_a_name_that_is_unknown_where_the_driver_listens_elsewhere() -> None:
    finding = only(None, host="nobody", bindAddress="0.0.0.0", names={"nobody": UNKNOWN})
    assert finding.severity is Severity.WARNING
    assert finding.message.endswith("agents most likely do not know it either")
    finding = only(None, host=OWN, bindAddress="nobody", names={"nobody": UNKNOWN})
    assert (finding.severity, finding.key) == (Severity.ERROR, "spark.driver.bindAddress")


def test_a_machine_whose_own_name_is_unknown() -> None:
    for properties in ({}, {"host": OWN}):
        finding = only(None, own=UNKNOWN, **properties)
        assert (finding.id, finding.severity) == ("driver-host-unknown", Severity.ERROR)
        assert finding.message.startswith("This machine's own name, 'client', cannot be resolved")
        assert "SPARK_LOCAL_IP" in finding.hint
    for variable, value in (("SPARK_LOCAL_IP", OWN), ("SPARK_LOCAL_HOSTNAME", OWN)):
        assert findings(None, {variable: value}, own=UNKNOWN) == []
    assert only(None, own=LATER).severity is Severity.WARNING


def test_a_resolver_that_has_not_answered() -> None:
    seen = SeenHere("client", {}, MACHINE)
    assert judge({}, ELSEWHERE, {}, seen) == []
    assert judge({"spark.driver.host": "slow"}, ELSEWHERE, {}, seen) == []


def test_only_some_agents_are_asked_for_the_way() -> None:
    asked: list[AgentFacts] = []

    def addresses_towards(agents: Sequence[AgentFacts]) -> set[str]:
        asked.extend(agents)
        return {OWN}

    many = cluster(*(agent(hostname=f"agent{number}") for number in range(5000)))
    seen = SeenHere("client", {"client": NAMED}, MACHINE, MACHINE.owns, addresses_towards)
    assert judge({}, many, {}, seen) == []
    assert 1 < len(asked) <= 16


def test_with_what_this_system_tells() -> None:
    deadline = time.monotonic() + FAR
    (finding,) = check_driver_host({"spark.driver.host": "198.51.100.7"}, None, {}, deadline=deadline)
    assert finding.id == "driver-host-not-here"
    environment = {"SPARK_LOCAL_IP": "127.0.0.1"}
    (finding,) = check_driver_host({}, ELSEWHERE, environment, deadline=deadline)
    assert finding.id == "driver-host-on-loopback"
    assert check_driver_host({}, None, environment, deadline=deadline) == []


@pytest.mark.parametrize(
    ("configuration", "environment", "own", "told", "said_by", "listens_at"),
    [
        ({}, {}, NAMED, OWN, "", OWN),
        ({}, {}, LOOPBACK, OWN, "", OWN),
        ({}, {"SPARK_LOCAL_IP": "10.0.0.7"}, NAMED, "10.0.0.7", "SPARK_LOCAL_IP", "10.0.0.7"),
        (
            {"spark.driver.host": "gate", "spark.driver.bindAddress": "[::]"},
            {"SPARK_LOCAL_IP": "10.0.0.7"},
            NAMED,
            *("gate", "spark.driver.host", "::"),
        ),
        ({"spark.driver.bindAddress": "0.0.0.0"}, {}, UNKNOWN, None, None, "0.0.0.0"),
        ({}, {}, UNKNOWN, None, None, ""),
    ],
)
def test_where_executors_look_and_the_driver_listens(
    configuration: dict[str, str],
    environment: dict[str, str],
    own: Lookup,
    told: str | None,
    said_by: str | None,
    listens_at: str,
) -> None:
    seen = SeenHere("client", {"client": own}, MACHINE)
    place = advertised(configuration, environment, seen)
    assert (place.host if place else None, place.said_by if place else None) == (told, said_by)
    assert listening_host(configuration, environment, seen) == listens_at
