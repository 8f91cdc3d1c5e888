"""The page about the rules is what the rules say."""

from __future__ import annotations

from pathlib import Path

from sparkmesos_core.conf.checks import RULES
from sparkmesos_core.conf.checks.reference_page import page

ROOT = Path(__file__).parents[4]


def test_the_page_is_up_to_date() -> None:
    written = (ROOT / "docs/reference/configuration-checks.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m sparkmesos_core.conf.checks.reference_page > docs/reference/…"


def test_the_page_has_each_rule_once() -> None:
    assert all(page().count(f"| `{rule.id}` |") == 1 for rule in RULES)
