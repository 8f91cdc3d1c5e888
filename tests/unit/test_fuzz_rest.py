"""A sample of the malformed requests that `scripts/soak` sends to the REST server of the dispatcher."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.fuzzing import run_cases
from tests.soak.rest_targets import TARGETS

SEED = 4
SAMPLE = 3000


@pytest.mark.parametrize("target", list(TARGETS))
def test_sample(target: str, tmp_path: Path) -> None:
    report = run_cases({target: TARGETS[target]}, SAMPLE // len(TARGETS), SEED, tmp_path, bound=20)
    assert not report.failures, "\n".join(map(str, report.failures))
    assert report.values[target] > 0
    assert report.errors[target] > 0
