"""What the status says of each agent, made of what the book, the master and listeners say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sparkmesos_core.conf.values.constraints import parse_constraints
from sparkmesos_core.mesos.attributes import parse_attributes
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.shuffle_service.cleaner_script import DIED
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
    found = reports([service("a")], [], registered(facts("a")), NONE)
    words = LastWords(("x",), "a cause")
    (whole,) = completed(found, {"a": Listener(True, "a service")}, {"a-S0": words}, {"a-S0": ""})
    assert (whole.answers, whole.found, whole.cause, whole.last_lines) == (
        True,
        "a service",
        "a cause",
        ("x",),
    )
    assert whole.is_fine
    (silent,) = completed(found, {}, {}, {"a-S0": "alive"})
    assert not silent.answers
    assert not silent.settling


def asked(*services: AgentService, settled: set[str]) -> list[tuple[str, bool, bool, bool]]:
    """How those are on whose hosts a shuffle service answers: whether that is theirs, `settling`, `taken`."""
    there = registered(*(facts(one.host) for one in services))
    listeners = {one.host: Listener(True, "a service") for one in services}
    verdicts = dict.fromkeys(settled, "alive")
    found = completed(reports(services, [], there, NONE), listeners, {}, verdicts)
    return [(one.host, one.answers, one.settling, one.taken) for one in found]


def test_what_answers_is_not_ours_before_our_own_has_settled() -> None:
    assert asked(service("a"), service("b"), settled={"b-S0"}) == [
        ("a", False, True, False),
        ("b", True, False, False),
    ]


def test_what_answers_where_none_of_ours_runs_is_somebody_elses() -> None:
    resting = service("a", Phase.WAITING, failures=3, not_before=99.0)
    assert asked(resting, settled=set()) == [("a", False, False, True)]
    assert asked(service("a", Phase.LAUNCHED), settled=set()) == [("a", False, False, False)]
    # It runs on where its agent is out of reach.
    assert asked(service("a", Phase.UNREACHABLE), settled=set()) == [("a", True, False, False)]


def test_why_it_does_not_count() -> None:
    listeners = {"a": Listener(True, "a service")}
    there = registered(facts("a"))
    for one, why in (
        (service("a"), "Spark's cleaner is being looked at"),
        (
            service("a", failures=2),
            "Spark's cleaner is being looked at; what answers at its port may be somebody else's",
        ),
    ):
        (report,) = completed(reports([one], [], there, NONE), listeners, {}, {})
        assert not report.is_fine
        assert report.why == why
    resting = service("a", Phase.WAITING, failures=3, not_before=99.0)
    lacks = [lack("a", Cause.BACK_OFF, "it ended")]
    (report,) = completed(reports([resting], lacks, there, NONE), listeners, {}, {})
    assert report.why == "it ended; somebody else's shuffle service answers at its port"


def test_one_whose_cleaner_died_works_and_deletes_nothing() -> None:
    listeners = {"a": Listener(True, "a service")}
    found = reports([service("a")], [], registered(facts("a")), NONE)
    for verdict, cleans in (("alive", True), ("unknown", True), ("", True), (DIED, False)):
        (report,) = completed(found, listeners, {}, {"a-S0": verdict})
        assert (report.cleans, report.is_fine) == (cleans, True)


def test_agents_that_share_a_host_share_what_has_settled_there() -> None:
    neighbour = replace(facts("a"), id="other-S1")
    there = registered(facts("a"), neighbour)
    shared = Uncovered("other-S1", "a", "http://a:5052", Cause.HOST, "agent a-S0 of the same host has one")
    found = reports([service("a")], [shared], there, NONE)
    listeners = {"a": Listener(True, "a service")}
    assert {one.state: one.answers for one in completed(found, listeners, {}, {"a-S0": "alive"})} == {
        "running": True,
        "shared": True,
    }
    assert not any(one.answers for one in completed(found, listeners, {}, {}))
