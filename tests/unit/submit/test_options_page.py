from __future__ import annotations

from pathlib import Path

from sparkmesos_core.spark.cluster_request import DIFFERENCES
from sparkmesos_core.spark.submit_options import OPTIONS
from sparkmesos_core.submit.options_page import page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "spark-submit-options.md"


def test_the_page_is_what_the_tables_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: python -m sparkmesos_core.submit.options_page > docs/reference/spark-submit-options.md"
    )


def test_it_has_every_option_and_difference() -> None:
    made = page()
    for option in OPTIONS:
        assert (f"`{option.name}" in made) is not option.hidden
    for difference in DIFFERENCES:
        assert f"| {difference.what} |" in made
