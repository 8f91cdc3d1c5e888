"""The guide's troubleshooting page and the table of checks are of one text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sparkmesos_core.verify.all_checks import ALL_CHECKS
from sparkmesos_core.verify.check import Group
from sparkmesos_core.verify.troubleshooting_page import BEGIN, END, generated, main, updated
from tests.verified import check

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "troubleshooting.md"


def test_the_page_in_the_repository_is_up_to_date():
    page = PAGE.read_text(encoding="utf-8")
    assert updated(page, ALL_CHECKS) == page, (
        "run: python -m sparkmesos_core.verify.troubleshooting_page docs/guide/troubleshooting.md"
    )


def test_every_check_has_a_row():
    rows = re.findall(r"\| `([a-z0-9-]+)` \|$", generated(ALL_CHECKS), re.MULTILINE)
    assert sorted(rows) == sorted(each.id for each in ALL_CHECKS)


def test_groups_come_in_their_order_and_empty_ones_not_at_all():
    text = generated([check("logs-master", group=Group.LOGS), check("java-found", group=Group.CLIENT)])
    assert re.findall("^### (.*)$", text, re.MULTILINE) == ["Client", "Logs"]


def test_a_row_is_a_row_whatever_the_texts_hold():
    odd = check("one")
    object.__setattr__(odd, "finds", "a|b\nc")
    assert "\n| a\\|b c | Remedy of one. | `one` |\n" in generated([odd])


def test_what_is_written_by_hand_stays():
    page = f"# Title\n\nbefore\n\n{BEGIN}\nold\n{END}\n\nafter\n"
    made = updated(page, [check("one")])
    assert made.startswith(f"# Title\n\nbefore\n\n{BEGIN}\n")
    assert made.endswith(f"{END}\n\nafter\n")
    assert "old" not in made
    assert updated(made, [check("one")]) == made


@pytest.mark.parametrize("page", ["nothing", BEGIN, f"{BEGIN}\n{BEGIN}\n{END}"])
def test_a_page_without_the_marks_is_refused(page):
    with pytest.raises(ValueError, match="has to have the lines"):
        updated(page, [])


def test_the_program_rewrites_the_page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    main(path)
    assert all(f"`{each.id}`" in path.read_text(encoding="utf-8") for each in ALL_CHECKS)
