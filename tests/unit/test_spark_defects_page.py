"""docs/reference/spark-defects.md names tests and rules that there are, and every rule that is about Spark's faults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sparkmesos_cli.main import COMMANDS
from sparkmesos_core.conf.checks import RULES, constraints, drivers, executors

TESTS = Path(__file__).parent.parent
REFERENCE = TESTS.parent / "docs" / "reference"
PAGE = (REFERENCE / "spark-defects.md").read_text(encoding="utf-8")
NAMED_TESTS = sorted(set(re.findall(r"`([\w/]+\.py(?:::\w+)?)`", PAGE)))
WORDS = sorted(set(re.findall(r"`([a-z]+(?:-[a-z0-9]+)+)`", PAGE)))


@pytest.mark.parametrize("name", NAMED_TESTS)
def test_tests_that_are_named_exist(name: str) -> None:
    path, _, function = name.partition("::")
    text = (TESTS / path).read_text(encoding="utf-8")
    assert re.search(rf"^ *def {function or 'test_'}", text, re.MULTILINE)


def test_rules_that_are_named_exist() -> None:
    """Those of the check, and what a preflight finds."""
    preflight = re.findall(r"`([a-z-]+)`", (REFERENCE / "preflight.md").read_text(encoding="utf-8"))
    assert set(WORDS) <= {rule.id for rule in RULES} | set(preflight) | set(COMMANDS)


def test_rules_about_faults_of_spark_are_named() -> None:
    rules = {rule.id for module in (constraints, drivers, executors) for rule in module.RULES}
    assert rules <= set(WORDS)


def test_every_row_of_a_table_names_a_test_or_says_that_nothing_is_done() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| Spark")]
    assert len(rows) > 50
    for row in rows:
        assert ".py" in row or "not mended" in row, row
