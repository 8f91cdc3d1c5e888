"""A sample of what `scripts/soak spark_chaos` does, and the seeds that have found something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import spark_of
from tests.soak.spark_chaos import run_chaos
from tests.soak.spark_chaos_plan import Size

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("seed", "size"), [pytest.param(3615, Size(strikes=6), id="static")])
def test_a_job_is_right_and_leaves_nothing_whatever_befalls_whom(
    seed: int, size: Size, tmp_path: Path, cache_dir: Path
) -> None:
    report = run_chaos(seed, size, spark_of(SPARK_4), cache_dir, tmp_path, print)
    assert not report.problems, "\n".join(report.problems)
    assert report.counts.total() + report.skipped == size.strikes
    assert report.counts.total() >= size.strikes - 1, "now and then somebody is down already"
    assert report.launches >= 3
