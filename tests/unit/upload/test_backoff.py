from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.upload.backoff import Backoff


def test_it_doubles_up_to_the_limit_and_gives_up() -> None:
    backoff = Backoff(attempts=6, first=1, limit=5)
    longest = [backoff.delay(failures, lambda: 0.999999999) for failures in range(1, 7)]
    assert [round(delay or 0) for delay in longest] == [1, 2, 4, 5, 5, 0]
    assert longest[-1] is None
    assert backoff.delay(3, lambda: 0.0) == 2


def test_what_a_server_asks_for_is_the_least() -> None:
    backoff = Backoff(first=1, limit=30)
    assert backoff.delay(1, lambda: 0.5, asked=12) == 12
    assert backoff.delay(1, lambda: 0.5, asked=3600) == 30
    assert backoff.delay(1, lambda: 0.5, asked=-3) == 0.75


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e9))
def test_it_is_never_longer_than_the_limit(failures: int, random: float, asked: float | None) -> None:
    delay = Backoff(attempts=10**7).delay(failures, lambda: random, asked)
    assert delay is not None
    assert 0 < delay <= 30


@pytest.mark.parametrize("attempts", [1, 0])
def test_one_attempt_is_not_repeated(attempts: int) -> None:
    assert Backoff(attempts=attempts).delay(1, lambda: 0.5) is None
