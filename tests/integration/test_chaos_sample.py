"""A sample of what `scripts/soak chaos` does, and the seeds that have found something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.chaos import run_chaos
from tests.soak.chaos_plan import Size, Target


@pytest.mark.parametrize(
    ("seed", "size"),
    [
        pytest.param(3, Size(jobs=24, kills=10), id="sqlite"),
        pytest.param(30, Size(jobs=16, kills=8, pauses=1, dispatchers=3), id="zookeeper"),
    ],
)
def test_every_driver_is_accounted_for_whoever_is_killed(seed: int, size: Size, tmp_path: Path) -> None:
    report = run_chaos(seed, size, tmp_path, print)
    assert not report.problems, "\n".join(report.problems)
    assert len(report.accepted) == size.jobs
    assert report.outcomes["succeeded"] > 0
    assert report.kills.total() == size.kills
    assert set(report.kills) == set(Target)
    assert report.pauses == size.pauses
