"""A sample of what `scripts/soak chaos` does, and the seeds that have found something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.chaos import Size, run_chaos
from tests.soak.chaos_plan import Target

SEED = 6


@pytest.mark.parametrize("seed", [SEED])
def test_every_driver_is_accounted_for_whoever_is_killed(seed: int, tmp_path: Path) -> None:
    report = run_chaos(seed, Size(jobs=30, strikes=12), tmp_path, print)
    assert not report.problems, "\n".join(report.problems)
    assert len(report.accepted) == 30
    assert report.outcomes["succeeded"] > 0
    assert report.strikes.total() == 12
    assert set(report.strikes) == set(Target)
