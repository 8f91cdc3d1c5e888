from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.preflight.executor_uri import ExecutorArchive
from sparkmesos_core.verify.checks.distribution import CHECKS, fetch_time_problems, size_problems
from sparkmesos_core.verify.facts.distribution import JUDGED, READABLE, ArchiveLook, UriLook
from sparkmesos_core.verify.known import Fact
from tests.unit.verify.agent_states import state
from tests.unit.verify.told_facts import Told

MB = 1 << 20


def test_a_size_that_fits() -> None:
    assert size_problems(300 * MB, []) == ()
    assert size_problems(300 * MB, [state("cpus:1;disk:600"), state("cpus:1")]) == ()
    assert size_problems(300 * MB, [state("cpus:1;disk:10", active=False)]) == ()


def test_agents_without_the_disk() -> None:
    agents = [state("disk:599", hostname="small"), state("disk:6000", hostname="large")]
    (problem,) = size_problems(300 * MB, agents)
    assert problem.severity is Severity.WARNING
    assert problem.message.endswith(
        "has 315 MB, and is unpacked besides: more than the disk that small offers"
    )
    assert "upload-dist --exclude" in problem.hint


def test_a_large_archive() -> None:
    (problem,) = size_problems(700_000_000, [state("disk:60000")])
    assert problem.severity is Severity.NOTE
    assert problem.message == "The executors' archive is large: 700 MB"


@pytest.mark.parametrize(("page", "told"), [(True, False), (False, True)])
def test_the_cache_is_not_spoken_of_where_there_is_no_archive(page: bool, told: bool) -> None:
    archive = ExecutorArchive("http://192.0.2.3/spark.tgz", cached=False, alone=True)
    finding = Finding("executor-uri-no-archive", Severity.ERROR, "is a web page", "Correct it.")
    facts: dict[Fact[Any], Any] = {
        READABLE: ArchiveLook(archive, UriLook(archive.uri, size=7)),
        JUDGED: (finding,) if page else (),
    }
    (check,) = (one for one in CHECKS if one.id == "uri-cache")
    with Told(facts) as known:
        verdict = check.run(known)
    assert verdict.applies is bool(verdict.problems) is told


def test_the_time_to_fetch() -> None:
    assert fetch_time_problems(300_000_000, 60) == ()
    (note,) = fetch_time_problems(300_000_000, 10)
    assert (note.severity, note.message) == (
        Severity.NOTE,
        "Agents give executors 10 s to start, in which they fetch 300 MB: that takes 30 MB a second",
    )
    (warning,) = fetch_time_problems(300_000_000, 1)
    assert warning.severity is Severity.WARNING
    assert "--executor_registration_timeout" in warning.hint
