"""Checks of a probe, given what there is to know without one."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest

from sparkmesos_core.client_configuration import read_client_configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.master import HostPort, MesosMaster
from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.preflight.executor_uri import ExecutorArchive
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.verify.check import Result, Status
from sparkmesos_core.verify.checks.probe import CHECKS
from sparkmesos_core.verify.facts.distribution import ARCHIVE, CONTENTS, ArchiveLook, UriLook
from sparkmesos_core.verify.facts.master import LEADER
from sparkmesos_core.verify.facts.probe import PLAN, PROBE
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.verify.probe.result import ProbeResult
from sparkmesos_core.verify.run import run_checks
from sparkmesos_core.verify.subject import ProbeOptions, Subject
from tests.unit.verify.probe.example_results import agent, failed, plan, result

T = TypeVar("T")


class Told(Known):
    """What is known is said by the test."""

    def __init__(self, facts: dict[Fact[Any], Any]) -> None:
        master = HostPort("192.0.2.1", 5050)
        client = read_client_configuration(
            SubmitArguments.parse(["--master", f"mesos://{master}", "app.py"]),
            spark_home=None,
            environment={},
        )
        subject = Subject(MesosMaster((master,)), client, probe=ProbeOptions())
        super().__init__(subject, timeout=60)
        self.facts = facts

    def __getitem__(self, fact: Fact[T]) -> T:
        if fact in self.facts:
            value: T = self.facts[fact]
            return value
        return super().__getitem__(fact)


def results(facts: dict[Fact[Any], Any]) -> dict[str, Result]:
    checks = [check for check in CHECKS if check.id not in ("probe-python", "probe-spark")]
    with Told(facts) as known:
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


def test_nobody_to_try() -> None:
    found = results({PROBE: ProbeResult(plan(), unfit=3)})
    assert {one.status for one in found.values()} == {Status.SKIPPED}
    assert {one.follows for one in found.values()} == {""}


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
