from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.conf.checks import RULES
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.spark.missing_files import RULE
from sparkmesos_core.verify.all_checks import ALL_CHECKS
from sparkmesos_core.verify.check import Verdict
from sparkmesos_core.verify.checks.client_configuration import CREDENTIAL_RULES, OTHER_CHECKS, hinted
from sparkmesos_core.verify.facts.master import CREDENTIALS
from sparkmesos_core.verify.known import Known, UnknownFactError
from tests.verified import subject


def test_what_others_report_is_reported() -> None:
    rules = {rule.id for rule in RULES} | {RULE}
    assert (set(OTHER_CHECKS) | CREDENTIAL_RULES) - rules == set()
    assert set(OTHER_CHECKS.values()) - {check.id for check in ALL_CHECKS} == set()


def test_there_is_always_a_hint() -> None:
    assert "sparkmesos config explain" in hinted(Finding("x", Severity.ERROR, "wrong")).hint
    assert hinted(Finding("x", Severity.ERROR, "wrong", "Do this.")).hint == "Do this."
    assert hinted(Finding("x", Severity.NOTE, "so it is")).hint == ""


def configuration(settings: dict[str, str]) -> Verdict:
    (check,) = (one for one in ALL_CHECKS if one.id == "configuration")
    with Known(subject(settings), timeout=60) as known:
        return check.run(known)


MISSING = {"spark.mesos.principal": "spark", "spark.mesos.secret.file": "/nonexistent/secret"}


def test_credentials_that_a_driver_here_cannot_read_are_an_error_and_told_once() -> None:
    (problem,) = configuration(MISSING).problems
    assert problem.severity is Severity.ERROR
    assert problem.message == "The file /nonexistent/secret of spark.mesos.secret.file does not exist"
    assert problem.hint.startswith("Correct spark.mesos.secret.file, or put the file there")
    assert CREDENTIALS.reported_by == "configuration"
    with Known(subject(MISSING), timeout=60) as known, pytest.raises(UnknownFactError):
        known[CREDENTIALS]


def test_a_secret_without_a_principal() -> None:
    (problem,) = (
        one
        for one in configuration({"spark.mesos.secret.file": __file__}).problems
        if "principal" in one.message
    )
    assert problem.severity is Severity.ERROR


@pytest.mark.parametrize("name", ["\0", "x" * 5000, "/dev"])
def test_whatever_keeps_it_from_being_read(name: str) -> None:
    problems = configuration({"spark.mesos.principal": "spark", "spark.mesos.secret.file": name}).problems
    assert [one.severity for one in problems].count(Severity.ERROR) == 1


def test_in_cluster_mode_the_files_are_those_of_agents(tmp_path: Path) -> None:
    problems = configuration({**MISSING, "spark.submit.deployMode": "cluster"}).problems
    assert Severity.ERROR not in {one.severity for one in problems}
