"""What benchmarks print of runs that are made up, and what they take from it."""

from __future__ import annotations

import pytest

from benchmarks import sort, startup
from benchmarks.shuffle_figures import ShuffleFigures
from benchmarks.spark_runs import PHASES, Run


def run(seconds: float, waited: float = 0.5) -> Run:
    """Each phase takes as long, so do the jobs, and the stage that reads half of it."""
    shuffle = ShuffleFigures(2_000_000, 0.25, 2_000_000, 1_000_000, waited, (2, 2), seconds / 2)
    return Run(dict.fromkeys(PHASES, seconds), seconds, (), {}, shuffle, "")


def test_a_sort(capsys: pytest.CaptureFixture[str]) -> None:
    measured = {"ours": [run(1.0), run(3.0), run(2.1)], "peer": [run(1.0), run(2.0), run(2.0)]}
    assert round(sort.report(measured), 6) == 1.05
    sort.report_shuffle(measured)
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert lines == [
        "|  | to the first task | sort | its reduce stage | whole command |",
        "| --- | --- | --- | --- | --- |",
        "| ours | 8.40 s | 2.10 s | 1.05 s | 12.60 s |",
        "| peer | 8.00 s | 2.00 s | 1.00 s | 12.00 s |",
        "| ratio | 1.05 | 1.05 | 1.05 | 1.05 |",
        "| shuffled | written | time to write | read | of it from the other executor | time waited for it |",
        "| --- | --- | --- | --- | --- | --- |",
        "| ours | 2 MB | 0.25 s | 2 MB | 1 MB | 0.50 s |",
        "| peer | 2 MB | 0.25 s | 2 MB | 1 MB | 0.50 s |",
    ]


def test_a_start_up(capsys: pytest.CaptureFixture[str]) -> None:
    startup.report({"Mesos, 4": [run(3.0)], "Mesos, 3": [run(2.0)], "standalone, 4": [run(4.0)]})
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert lines[0] == "| phase | Mesos, 4 | Mesos, 3 | standalone, 4 | to Mesos, 3 | to standalone, 4 |"
    assert "| to the first task | 12.00 | 8.00 | 16.00 | 1.50 | 0.75 |" in lines
