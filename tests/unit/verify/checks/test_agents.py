from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.errors import MesosError, UnreachableError
from sparkmesos_core.mesos.http import HANGS, NO_ANSWER
from sparkmesos_core.preflight.name_lookup import Lookup
from sparkmesos_core.verify.agent_requirements import requirements_of
from sparkmesos_core.verify.checks.agents import (
    judge_expected,
    judge_lookups,
    judge_reached,
    judge_versions,
    severity_of_absence,
)
from sparkmesos_core.verify.facts.cluster_state import AgentsState
from sparkmesos_core.verify.facts.registered_agents import ExpectedHosts, Reached
from tests.unit.preflight.clusters import agent, cluster
from tests.unit.verify.agent_states import state
from tests.verified import subject

NO_HOSTS = ExpectedHosts({})


@pytest.mark.parametrize(
    ("expected_agents", "expected_hosts", "out", "severity"),
    [
        (None, (), 1, Severity.WARNING),
        (None, (), 3, Severity.ERROR),
        (2, (), 1, Severity.WARNING),
        (3, (), 1, Severity.ERROR),
        # That there are fewer than expected anyway is said elsewhere.
        (4, (), 1, Severity.WARNING),
        (None, ("n0",), 1, Severity.ERROR),
        (None, ("n2",), 1, Severity.WARNING),
    ],
)
def test_how_bad_it_is_that_agents_do_not_take_part(
    expected_agents: int | None, expected_hosts: tuple[str, ...], out: int, severity: Severity
) -> None:
    agents = tuple(state(hostname=f"n{number}", active=number >= out) for number in range(3))
    gone = [one.facts for one in agents if not one.facts.active]
    wanted = subject(expected_agents=expected_agents, expected_hosts=expected_hosts)
    assert severity_of_absence(AgentsState(agents), gone, wanted, NO_HOSTS) is severity


def test_expected_agents_that_are_there() -> None:
    cluster = AgentsState((state(hostname="a"), state(hostname="b", active=False)))
    found = judge_expected(cluster, subject(expected_agents=2, expected_hosts=("a", "b")), NO_HOSTS)
    assert found.seen == "2 agents registered, 2 expected, on both expected hosts"
    assert found.problems == ()


def test_many_expected_hosts_are_missing() -> None:
    hosts = tuple(f"n{number}" for number in range(100))
    found = judge_expected(AgentsState((state(),)), subject(expected_hosts=hosts), ExpectedHosts({}, hosts))
    (problem,) = found.problems
    assert problem.message == "100 of 100 expected hosts have no agent: n0, n1, n2 and 97 more"
    assert len(problem.details) == 21
    assert found.seen == "1 agent registered, on 0 of 100 expected hosts"


def test_agents_that_do_not_answer() -> None:
    agents = tuple(agent(hostname=name) for name in ("a", "b", "c"))
    failures = {
        agents[1].id: UnreachableError("http://b:5051 refuses the connection", hint="See to it"),
        agents[2].id: MesosError("no answer within 2.5 s"),
    }
    found = judge_reached(Reached(agents, 500, failures), cluster_mode=False)
    assert found.seen == "1 of 3 agents answered (of 500 in all)"
    (problem,) = found.problems
    assert problem.message == (
        "2 of 3 agents (of 500 in all) cannot be asked from here: b, c; http://b:5051 refuses the connection"
    )
    assert problem.hint.startswith("See to it. Agents have to be reachable at the address")
    assert problem.details == (
        "b: http://b:5051 refuses the connection",
        "c: no answer within 2.5 s",
    )
    assert problem.severity is Severity.WARNING
    # A driver on an agent may reach them all the same.
    (note,) = judge_reached(Reached(agents, 500, failures), cluster_mode=True).problems
    assert note.severity is Severity.NOTE
    assert not judge_reached(Reached((), 0, {}), cluster_mode=False).applies
    assert judge_reached(Reached(agents, 3, {}), cluster_mode=False).seen == "all 3 agents answered"


def test_agents_that_hang_have_no_wrong_address() -> None:
    agents = tuple(agent(hostname=name) for name in ("a", "b"))
    hangs = UnreachableError(f"http://a:5051 {HANGS} 2 s", hint="See whether it hangs")
    far = UnreachableError(f"http://b:5051 {NO_ANSWER} 2 s", hint="Check the network")
    (problem,) = judge_reached(Reached(agents, 2, {agents[0].id: hangs}), cluster_mode=False).problems
    assert problem.hint == "See whether it hangs."
    both = Reached(agents, 2, {agents[0].id: hangs, agents[1].id: far})
    (problem,) = judge_reached(both, cluster_mode=False).problems
    assert problem.hint == (
        "Check the network. Agents have to be reachable at the address that they tell the master (--ip, "
        "--advertise_ip). See whether it hangs."
    )


def test_names_that_are_unknown_here() -> None:
    facts = cluster(agent(hostname="a"), agent(hostname="b"))
    lookups = {"a": Lookup(("192.0.2.11",)), "b": Lookup(())}
    found = judge_lookups(facts, lookups, 2, cluster_mode=False)
    assert found.seen == "1 of 2 names resolved"
    assert [one.severity for one in found.problems] == [Severity.WARNING]
    (note,) = judge_lookups(facts, lookups, 2, cluster_mode=True).problems
    assert note.severity is Severity.NOTE
    sample = judge_lookups(facts, {"a": lookups["a"]}, 500, cluster_mode=False)
    assert sample.seen == "1 of 256 names resolved (of 500 in all); no answer in time for 255"
    assert sample.problems == ()


def test_a_resolver_that_does_not_answer() -> None:
    found = judge_lookups(cluster(agent()), {}, 1, cluster_mode=False)
    assert found.seen == "0 of 1 name resolved; no answer in time for 1"
    (problem,) = found.problems
    assert problem.severity is Severity.WARNING
    assert problem.message == "Looking up the names of agents (1) has had no answer in time"


def test_versions() -> None:
    agents = [state(version=version).facts for version in ("1.12.0", "1.12.0", "1.9.0", "0.28.2")]
    found = judge_versions(agents, agents, ())
    assert found.seen == "Mesos 1.12.0 (2), 1.9.0 (1), 0.28.2 (1)"
    assert [one.severity for one in found.problems] == [Severity.NOTE]
    assert judge_versions(agents[:2], agents[:2], ()).problems == ()
    requirements = requirements_of(subject({"spark.mesos.gpus.max": "1"}))
    (problem,) = judge_versions(agents, agents, requirements).problems
    assert problem.severity is Severity.WARNING
    assert problem.message == "A GPU needs Mesos 1.0.0 or newer, and 1 of 4 agents is older: agent1"
    assert problem.hint == "Upgrade this agent, or unset spark.mesos.gpus.max."
    # What constraints leave out need not be new enough; but those that they leave.
    (note,) = judge_versions(agents, agents[:3], requirements).problems
    assert note.severity is Severity.NOTE
    (error,) = judge_versions(agents, agents[3:], requirements).problems
    assert error.severity is Severity.ERROR
