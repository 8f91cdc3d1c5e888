"""What is said about dispatchers and the drivers that wait there."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.dispatcher.messages import DriverStatus
from sparkmesos_core.dispatcher.readiness import Readiness
from sparkmesos_core.verify.checks.dispatcher import judge_queue, judge_version

PLACE = "mesos://dispatcher:7077"


@pytest.mark.parametrize("severity", [Severity.ERROR, Severity.WARNING])
def test_sparks_own_that_can_run_nothing(severity: Severity) -> None:
    verdict = judge_version(PLACE, Readiness(False, "3.5.9"), "3.5.9", severity)
    (problem,) = verdict.problems
    assert (verdict.seen, problem.severity) == ("Spark's own, 3.5.9", severity)
    assert "whose drivers end at once" in problem.message
    assert "sparkmesos start-dispatcher" in problem.hint


@pytest.mark.parametrize("version", ["2.4.8", "3.1.3", ""])
def test_sparks_own_that_works_more_or_less(version: str) -> None:
    (problem,) = judge_version(PLACE, Readiness(False, version), None, Severity.ERROR).problems
    assert problem.severity is Severity.NOTE


def test_ours() -> None:
    assert judge_version(PLACE, Readiness(True, "3.5.9"), "3.5.1", Severity.ERROR).problems == ()
    assert judge_version(PLACE, Readiness(True, "3.5.9"), None, Severity.ERROR).problems == ()
    (problem,) = judge_version(PLACE, Readiness(True, "3.5.9"), "3.3.4", Severity.ERROR).problems
    assert problem.severity is Severity.NOTE
    assert "spark.executor.uri" in problem.hint


def driver(number: int, **obstacle: Any) -> DriverStatus:
    return DriverStatus(f"driver-{number}", "QUEUED", fields={"waitsFor": obstacle} if obstacle else {})


def test_nobody_waits() -> None:
    assert judge_queue((), 0).problems == ()


def test_drivers_wait_for_different_things() -> None:
    cores = {"cause": "cores", "message": "wants 8 cores, the most offered is 2", "hint": "ask for fewer"}
    verdict = judge_queue([driver(3, **cores), driver(2), driver(1, **cores)], 250)
    assert verdict.seen == "250 drivers wait"
    first, second = verdict.problems
    assert first.severity is Severity.WARNING
    assert first.message == "2 drivers wait for cores: driver-1 wants 8 cores, the most offered is 2"
    assert first.hint == "Ask for fewer. `sparkmesos kill ID` gives a driver up."
    assert first.details == ("driver-3", "driver-1")
    assert (second.severity, second.details) == (Severity.NOTE, ("driver-2",))
