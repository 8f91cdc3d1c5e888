"""What the status says of each agent, made of what the book, the master and listeners say."""

from __future__ import annotations

from typing import Any

from sparkmesos_core.conf.values.constraints import parse_constraints
from sparkmesos_core.mesos.attributes import parse_attributes
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.shuffle_service.on_agents.last_words import LastWords
from sparkmesos_core.shuffle_service.on_agents.listeners import Listener
from sparkmesos_core.shuffle_service.on_agents.placement import Cause
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Phase
from sparkmesos_core.shuffle_service.on_agents.status_reading import completed, reports
from sparkmesos_core.shuffle_service.on_agents.uncovered import Uncovered

NONE = parse_constraints("")


def facts(name: str, attributes: str = "", active: bool = True) -> AgentFacts:
    return AgentFacts(
        id=f"{name}-S0",
        hostname=name,
        host="192.0.2.1",
        port=5051,
        resources=Resources(),
        attributes=parse_attributes(attributes),
        version="1.12.0",
        active=active,
    )


def service(name: str, phase: Phase = Phase.RUNNING, **fields: Any) -> AgentService:
    return AgentService(
        id=f"{name}-S0",
        number=1,
        host=name,
        agent_url=f"http://{name}:5051",
        task_id=f"task-{name}",
        launches=1,
        phase=phase,
        framework_id="F",
        launched_at=10.0,
        running_since=11.0,
        changed_at=12.0,
        **fields,
    )


def lack(name: str, cause: Cause, message: str) -> Uncovered:
    return Uncovered(f"{name}-S0", name, f"http://{name}:5051", cause, message)


def registered(*agents: AgentFacts) -> dict[str, AgentFacts]:
    return {agent.id: agent for agent in agents}


def states(*arguments: Any) -> dict[str, tuple[str, bool, str]]:
    return {one.host: (one.state, one.registered, one.message) for one in reports(*arguments)}


def test_agents_that_are_registered_and_meet_the_constraints() -> None:
    there = registered(
        facts("b", "rack:x"),
        facts("a", "rack:x"),
        facts("c", "rack:y"),
        facts("d", "rack:x"),
        facts("e", "rack:x"),
    )
    found = reports(
        [service("a"), service("b", Phase.LAUNCHED, message="fetching")],
        [
            lack("c", Cause.CONSTRAINTS, "it does not meet rack:x"),
            lack("d", Cause.RESOURCES, "it offered only 0.1 of 0.5 cores"),
        ],
        there,
        parse_constraints("rack:x"),
    )
    assert [(one.host, one.state, one.message) for one in found] == [
        ("a", "running", ""),
        ("b", "starting", "fetching"),
        ("d", "waiting", "it offered only 0.1 of 0.5 cores"),
        ("e", "waiting", "it has made no offer yet: others may use all of it"),
    ]
    assert (found[0].since, found[1].since) == (11.0, 12.0)
    assert all(one.registered for one in found)


def test_an_agent_of_which_no_more_is_known_than_that_it_is_gone_is_left_out() -> None:
    found = states(
        [service("a", Phase.UNREACHABLE, message="agent lost"), service("b", Phase.WAITING)],
        [lack("b", Cause.OFFERS, "it is launched with the next offer")],
        registered(),
        NONE,
    )
    assert found == {"a": ("unreachable", False, "agent lost")}


def test_an_agent_that_is_not_active_takes_no_part() -> None:
    assert states([service("a")], [], registered(facts("a", active=False)), NONE) == {
        "a": ("running", False, "")
    }


def test_back_offs_and_agents_that_share_a_host() -> None:
    waiting = service("a", Phase.WAITING, failures=3, not_before=99.0)
    found = reports(
        [waiting],
        [lack("a", Cause.BACK_OFF, "it ended"), lack("b", Cause.HOST, "agent x of the same host has one")],
        registered(facts("a"), facts("b")),
        NONE,
    )
    assert [(one.state, one.failures, one.next_try) for one in found] == [
        ("backing off", 3, 99.0),
        ("shared", 0, None),
    ]


def test_without_the_masters_list_what_is_known_counts() -> None:
    found = states(
        [service("a"), service("b", Phase.UNREACHABLE)],
        [lack("c", Cause.PORT, "port 7337 is not in its offer"), lack("d", Cause.CONSTRAINTS, "no")],
        None,
        NONE,
    )
    assert found == {
        "a": ("running", True, ""),
        "b": ("unreachable", False, ""),
        "c": ("waiting", True, "port 7337 is not in its offer"),
    }


def test_what_is_found_by_asking() -> None:
    (report,) = reports([service("a")], [], registered(facts("a")), NONE)
    words = LastWords(("x",), "a cause")
    whole = completed(report, {"a": Listener(True, "a service")}, {"a-S0": words})
    assert (whole.answers, whole.found, whole.cause, whole.last_lines) == (
        True,
        "a service",
        "a cause",
        ("x",),
    )
    assert completed(report, {}, {}).answers is False
