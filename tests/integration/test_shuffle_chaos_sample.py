"""A sample of what `scripts/soak shuffle_chaos` does, and the seeds that have found something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.shuffle_chaos import run_chaos
from tests.soak.shuffle_chaos_plan import Size


@pytest.mark.parametrize(
    ("seed", "size"),
    [
        pytest.param(1, Size(strikes=12, agents=3), id="sqlite"),
    ],
)
def test_every_agent_has_its_service_whatever_befalls_whom(seed: int, size: Size, tmp_path: Path) -> None:
    report = run_chaos(seed, size, tmp_path, print)
    assert not report.problems, "\n".join(report.problems)
    assert report.counts.total() + report.skipped.total() == size.strikes
    assert report.counts.total() >= size.strikes - 3, "now and then somebody is down already"
    assert report.launches >= size.agents
