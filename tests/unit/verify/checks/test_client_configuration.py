from __future__ import annotations

from sparkmesos_core.conf.checks import RULES
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.spark.missing_files import RULE
from sparkmesos_core.verify.all_checks import ALL_CHECKS
from sparkmesos_core.verify.checks.client_configuration import OTHER_CHECKS, hinted


def test_what_others_report_is_reported() -> None:
    rules = {rule.id for rule in RULES} | {RULE}
    assert set(OTHER_CHECKS) - rules == set()
    assert set(OTHER_CHECKS.values()) - {check.id for check in ALL_CHECKS} == set()


def test_there_is_always_a_hint() -> None:
    assert "sparkmesos config explain" in hinted(Finding("x", Severity.ERROR, "wrong")).hint
    assert hinted(Finding("x", Severity.ERROR, "wrong", "Do this.")).hint == "Do this."
    assert hinted(Finding("x", Severity.NOTE, "so it is")).hint == ""
