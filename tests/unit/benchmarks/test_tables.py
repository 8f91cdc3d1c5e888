from __future__ import annotations

import pytest

from benchmarks.tables import judge, median_ratio, milliseconds, percentile, print_table, ratio_of


def test_a_percentile_is_one_of_the_values():
    hundred = [float(value) for value in range(100, 0, -1)]
    assert [percentile(hundred, p) for p in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0
    assert percentile([7.0], 0) == 7.0


def test_ratios_are_taken_pair_by_pair():
    assert median_ratio([1.0, 20.0, 3.0], [1.0, 10.0, 1.0]) == "2.00"  # that of the medians would be 3
    with pytest.raises(ValueError, match="shorter"):
        median_ratio([1.0, 2.0], [1.0])


def test_targets_are_held_against_what_is_not_rounded(capsys):
    ratio = ratio_of([1.0549, 3.0, 1.0], [1.0, 1.0, 1.0])
    assert not judge("a sort", ratio, 1.05)
    assert judge("a sort", 1.05, 1.05)
    assert capsys.readouterr().out.splitlines() == [
        "Target: a sort, at most 1.05: 1.0549, MISSED.",
        "Target: a sort, at most 1.05: 1.0500, met.",
    ]


def test_a_table_is_markdown(capsys):
    print_table(("", "median"), [("a", milliseconds(0.0123)), ("b", milliseconds(0.5))])
    assert capsys.readouterr().out == "\n|  | median |\n| --- | --- |\n| a | 12.3 ms |\n| b | 500 ms |\n\n"
