"""What benchmarks print of runs that are made up, and what they take from it."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest

from benchmarks import bridge, sort, startup
from benchmarks.shuffle_figures import ShuffleFigures
from benchmarks.spark_clusters import SparkCluster
from benchmarks.spark_contenders import Contender
from benchmarks.spark_runs import PHASES, Run
from sparkmesos_core.errors import SparkMesosError


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


def submit_that_prints(line: str, status: int = 0) -> Contender:
    """In place of `sparkmesos submit`: prints the line and its own arguments."""
    program = f"import sys; print({line!r}, *sys.argv[1:]); sys.exit({status})"
    cluster = SparkCluster("mesos://h", lambda: 0.0, list)
    return Contender("Mesos, 4", (sys.executable, "-c", program), cluster, {}, ("pi.py", "2"))


ARCHIVED = (
    "env JAVA_HOME=/j 'SPARK_SUBMIT_OPTS=-XX:SharedArchiveFile=/a.jsa -Xshare:auto' /s/bin/spark-submit"
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (ARCHIVED, True),
        ("env JAVA_HOME=/j /s/bin/spark-submit", False),
        ("env SPARK_SUBMIT_OPTS=-Dx=y /s/bin/spark-submit --conf a=-XX:SharedArchiveFile", False),
    ],
)
def test_whether_an_archive_would_be_used(line: str, expected: bool) -> None:
    startup.check_archive(submit_that_prints(line), {"spark.x": "y"}, expected=expected)
    with pytest.raises(SparkMesosError, match=f"Mesos, 4 would run {'with' if expected else 'without'} a"):
        startup.check_archive(submit_that_prints(line), {}, expected=not expected)


def test_a_submit_that_refuses() -> None:
    with pytest.raises(SparkMesosError, match="--dry-run` has failed"):
        startup.check_archive(submit_that_prints("", 2), {}, expected=False)


@pytest.mark.parametrize(
    ("measured", "met"),
    [
        ({"bridge": [run(2.0)], "libmesos": [run(2.0)]}, True),
        ({"bridge": [run(2.2)], "libmesos": [run(2.0)]}, False),
        ({"bridge": [run(2.0)]}, True),
    ],
)
def test_the_bridge_beside_libmesos(
    measured: Mapping[str, list[Run]], met: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bridge.report(measured) is met
    assert ("MISSED" in capsys.readouterr().out) is not met


@pytest.mark.parametrize(("met", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_of_the_bridge_tells_a_missed_target(
    met: bool, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bridge", "--master", "mesos://h:5050"])
    monkeypatch.setattr(bridge, "beside_libmesos", lambda *_: met)
    assert bridge.main() == code
