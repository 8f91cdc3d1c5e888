"""A sample of what `scripts/soak spark_chaos_runs` does, in which each of the most important things is struck once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import spark_of
from tests.soak.spark_chaos import run_chaos
from tests.soak.spark_chaos_plan import WAITS, Blow, Size, plan

pytestmark = pytest.mark.slow

SEED, SIZE = 96459, Size(strikes=6)


def test_the_sample_strikes_everything_that_matters() -> None:
    """Whoever changes the plan has to choose another seed."""
    strikes = plan(SEED, SIZE)
    blows = {strike.blow for strike in strikes}
    assert blows >= {Blow.EXECUTOR_KILLED, Blow.MASTER_KILLED, Blow.MASTER_CUT, Blow.DRIVER_CUT}
    assert any(
        strike.blow in (Blow.AGENT_KILLED, Blow.AGENT_PAUSED) and strike.downtime > 1.2 * WAITS.away
        for strike in strikes
    ), "an agent that the master gives up"
    assert any(strike.blow is Blow.EXECUTOR_KILLED and strike.stage == SIZE.stages for strike in strikes), (
        "the second job does without files of the first one"
    )
    assert any(strike.stage > SIZE.stages for strike in strikes), "the second job is struck"


def test_a_job_is_right_and_leaves_nothing_whatever_befalls_whom(tmp_path: Path, cache_dir: Path) -> None:
    report = run_chaos(SEED, SIZE, spark_of(SPARK_4), cache_dir, tmp_path, print)
    assert not report.problems, "\n".join(report.problems)
    assert report.counts.total() + report.skipped.total() == SIZE.strikes
    assert report.counts.total() >= SIZE.strikes - 1, "now and then somebody is down already"
    assert report.launches >= 3
    assert report.again[1] > 0, "the second job needed nothing that was lost"
