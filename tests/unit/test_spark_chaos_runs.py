"""The fifty runs of scripts/soak spark_chaos_runs, and their table."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.integration.spark_releases import cannot_run
from tests.soak import spark_chaos_runs
from tests.soak.chaos_program import Outcome
from tests.soak.spark_chaos import SparkReport
from tests.soak.spark_chaos_plan import Blow, Size
from tests.soak.spark_chaos_runs import HEADS, VARIANTS, Row, line, main, order, summary


def test_each_variant_has_its_share_of_fifty_runs_and_none_waits_for_long() -> None:
    names = order(50)
    assert Counter(names) == {name: variant.share for name, variant in VARIANTS.items()}
    for name, variant in VARIANTS.items():
        first = names.index(name)
        assert first <= 50 / variant.share, "the first of them"
    assert set(order(30)) == set(VARIANTS)


def test_variants_are_sizes() -> None:
    known = {field.name for field in fields(Size)}
    assert all(variant.options.keys() <= known for variant in VARIANTS.values())


def test_the_table() -> None:
    report = SparkReport(
        Counter({Blow.MASTER_CUT: 2}), Counter({Blow.AGENT_KILLED: 1}), 7, [], 226, (30, 4), 2, 3, (1, 0)
    )
    rows = [
        Row("static", Outcome(7, report, [], 61.4, None)),
        Row("masters", Outcome(8, None, ["a|b\nc"], 5.0, None)),
    ]
    first, second = (row.cells for row in rows)
    assert len(first) == len(second) == len(HEADS)
    assert (
        line(first)
        == "| 7 | static | MASTER_CUT 2 | AGENT_KILLED 1 | 226 (30+4) | 7 | 2/5 | 1/0 | 61 | none |"
    )
    assert second[-1] == "a\\|b"
    told = list(summary(rows, 3))
    assert told[0].startswith(
        "2 of 3 runs, 1 with problems: 8; 1 minutes, 7 launches, 2 tasks charged, 3 lost and not"
    )
    assert "| the connection to the master cut | 2 | 0 |" in told
    assert told[-1] == "| all | 2 | 1 |"


def no_connection(_: str) -> None:
    raise ConnectionError("no such | host\nlook there")


@pytest.mark.parametrize(
    ("lacks", "told"),
    [
        (no_connection, "the run broke down: ConnectionError: no such \\| host"),
        (cannot_run, "the run broke down: Skipped: "),
    ],
)
def test_a_spark_that_cannot_be_had_ends_its_own_run_only(
    lacks: object, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(spark_chaos_runs, "spark_of", lacks)
    folder = tmp_path / "out"
    try:
        code = main(["--runs", "2", "--seed", "7", "--output", str(folder)])
    except pytest.skip.Exception:
        pytest.fail("it ended all of them")
    assert code == 1
    _, _, *rows = (folder / "table.md").read_text().splitlines()
    assert [row.partition(" | ")[0] for row in rows[:2]] == ["| 7", "| 8"]
    assert all(told in row for row in rows[:2])
    assert "2 of 2 runs, 2 with problems: 7, 8; " in "\n".join(rows)


def test_git_does_not_see_what_runs_leave_in_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--runs", "0"]) == 0
    (left,) = tmp_path.iterdir()
    ignored = (Path(__file__).parents[2] / ".gitignore").read_text().splitlines()
    assert any(fnmatch(f"/{left.name}/", pattern) for pattern in ignored)
