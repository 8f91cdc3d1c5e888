"""Checks of a probe, given what there is to know without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.dist.entry import EntryKind
from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.preflight.archive_contents import Contents, SeenProgram
from sparkmesos_core.preflight.executor_uri import ExecutorArchive
from sparkmesos_core.verify.check import Check, Result, Status, Verdict
from sparkmesos_core.verify.checks.probe import CHECKS
from sparkmesos_core.verify.checks.probe_spark import CHECKS as PROBE_SPARK
from sparkmesos_core.verify.facts.client import JAVA, LIBMESOS
from sparkmesos_core.verify.facts.cluster import AGENTS, AgentsState, AgentState
from sparkmesos_core.verify.facts.distribution import ARCHIVE, CONTENTS, ArchiveLook, UriLook
from sparkmesos_core.verify.facts.fitting_agents import MATCHING
from sparkmesos_core.verify.facts.master import LEADER
from sparkmesos_core.verify.facts.probe import ACCEPTED, PLAN, PROBE, TAKEN_ROLE
from sparkmesos_core.verify.known import Fact
from sparkmesos_core.verify.probe.result import ProbeResult
from sparkmesos_core.verify.run import run_checks
from tests.unit.verify.agent_states import state
from tests.unit.verify.probe.example_results import agent, failed, plan, result
from tests.unit.verify.told_facts import Told
from tests.verified import check


def results(
    facts: dict[Fact[Any], Any], chosen: Sequence[Check] = CHECKS, *options: str
) -> dict[str, Result]:
    checks = [one for one in chosen if one.id != "probe-python"]
    with Told(facts, *options, runs_spark=True) as known:
        return {found.check.id: found for found in run_checks(checks, known)}


def failing(found: dict[str, Result]) -> set[str]:
    return {name for name, one in found.items() if one.status in (Status.WARNING, Status.ERROR)}


@pytest.mark.parametrize(
    ("leader", "words"),
    [
        (Leader(HostPort("192.0.2.1", 5050), scheme="https"), "does not speak https"),
        (Leader(HostPort("2001:db8::1", 5050)), "does not speak IPv6"),
    ],
)
def test_masters_that_no_probe_can_speak_to(leader: Leader, words: str) -> None:
    """That says nothing of applications, which can."""
    found = results({LEADER: leader, PLAN: plan()})
    assert failing(found) == {"probe-framework"}
    (problem,) = found["probe-framework"].problems
    assert problem.severity is Severity.WARNING
    assert words in problem.message
    assert "--skip probe" in problem.hint
    assert found["probe-java"].follows == "probe-framework"


def test_nobody_offers_anything() -> None:
    found = results({PROBE: ProbeResult(plan(), without_offers=("agent1", "agent2"))})
    assert failing(found) == {"probe-agents"}
    assert found["probe-agents"].status is Status.ERROR
    assert found["probe-framework"].status is Status.OK
    others = {name for name in found if name not in ("probe-agents", "probe-framework")}
    assert {found[name].follows for name in others} == {"probe-agents"}


KNOWN: dict[Fact[Any], Any] = {
    **{LEADER: Leader(HostPort("192.0.2.1", 5050)), PLAN: plan(), ACCEPTED: None, TAKEN_ROLE: "*"},
    **{JAVA: None, LIBMESOS: None},
}


@pytest.mark.parametrize(
    ("agents", "root", "words"),
    [
        ((), "agents-registered", "No agent is registered with the master at 192.0.2.1:5050"),
        ((state(active=False),), "agents-inactive", "agent1 is disconnected from the master"),
        (
            (state(active=False, deactivated=True),),
            "agents-deactivated",
            "agent1 is deactivated by an operator",
        ),
        (
            (state(active=False, deactivated=True, draining="DRAINING"),),
            "agents-draining",
            "agent1 is drained by an operator",
        ),
    ],
)
@pytest.mark.parametrize("chosen", [CHECKS, PROBE_SPARK])
def test_nobody_to_try(agents: tuple[AgentState, ...], root: str, words: str, chosen: list[Check]) -> None:
    """Of the probe's checks one tells it, if nothing else that is looked at does."""
    facts = {**KNOWN, AGENTS: AgentsState(agents)}
    alone = results(facts, chosen)
    (told,) = [one for one in alone.values() if one.status is Status.ERROR]
    assert words in told.seen
    assert told.problems[0].hint
    assert {one.follows for one in alone.values() if one is not told} <= {told.check.id}
    teller = check(root, lambda known: Verdict("told there"))
    assert {one.follows for one in results(facts, [teller, *chosen]).values()} == {"", root}


def test_nobody_to_try_that_meets_the_constraints_and_takes_part() -> None:
    absent = state(attributes="rack:east", active=False)
    agents = AgentsState((absent, state(attributes="rack:west", hostname="agent2")))
    facts = {**KNOWN, AGENTS: agents, MATCHING: (absent,)}
    found = results(facts, CHECKS, "--conf", "spark.mesos.constraints=rack:east")
    assert failing(found) == {"probe-agents"}
    assert (
        "of those that meet spark.mesos.constraints none takes part now (agent1)"
        in found["probe-agents"].seen
    )


@pytest.mark.parametrize(
    ("severity", "fails"), [(Severity.ERROR, "uri-reachable"), (Severity.WARNING, "probe-fetch")]
)
def test_archive_that_agents_cannot_fetch(severity: Severity, fails: str) -> None:
    """What is wrong for sure is told from here; that agents may fare better is no more true."""
    archive = plan().archive
    finding = Finding("executor-uri-unfetchable", severity, f"{archive} cannot be read", "Correct it.")
    executor_archive = ExecutorArchive(archive, cached=False, alone=True)
    look = ArchiveLook(executor_archive, UriLook(archive, unknown="it cannot be read"), finding)
    tried = failed(1, "Failed to fetch all URIs for container 'x': exited with status 1")
    found = results({PROBE: result(tried), ARCHIVE: look, CONTENTS: None})
    if fails == "uri-reachable":
        assert found["probe-fetch"].problems[0].message == finding.message
    else:
        assert found["probe-fetch"].problems[0].severity is Severity.ERROR
        assert "Failed to fetch all URIs" in found["probe-fetch"].problems[0].message


@pytest.mark.parametrize(
    ("tried", "root", "following"),
    [
        (
            failed(1, "Failed to launch: No such user 'spark'"),
            "probe-user",
            ["probe-start", "probe-java", "probe-disk"],
        ),
        (
            failed(1, "Memory limit exceeded"),
            "probe-start",
            ["probe-layout", "probe-java", "probe-driver-port"],
        ),
        (agent(1, java=""), "probe-java", ["probe-spark-class"]),
        (agent(1, name=""), "probe-driver-name", ["probe-driver-port", "probe-block-manager-port"]),
    ],
)
def test_what_follows_is_told_once(tried: Any, root: str, following: list[str]) -> None:
    found = results({PROBE: result(tried, plan=plan(archive="", uris=(), home="/opt/spark"))})
    assert failing(found) == {root}
    assert [found[name].follows for name in following] == [root] * len(following)


def test_program_of_the_archive_that_is_told_of_from_here() -> None:
    """The same script that is seen to be empty from here, and run by agents."""
    broken = Contents({"spark-class": SeenProgram(EntryKind.FILE, 0o755, 0)})
    sound = Contents({"spark-class": SeenProgram(EntryKind.FILE, 0o755, 3000)})
    told = {PROBE: result(agent(1, **{"class": "0"}))}
    teller = check("uri-programs", lambda known: Verdict("told there"))
    found = results({**told, CONTENTS: broken}, [teller, *CHECKS])
    assert (failing(found), found["probe-spark-class"].follows) == (set(), "uri-programs")
    assert failing(results({**told, CONTENTS: sound}, [teller, *CHECKS])) == {"probe-spark-class"}
