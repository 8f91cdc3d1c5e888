from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.upload.rate import Rate, duration_text, rate_text, seconds_left, size_text


class TestRate:
    def test_unknown_at_first(self) -> None:
        rate = Rate()
        assert rate.per_second() is None
        rate.note(0, 0)
        assert rate.per_second() is None
        rate.note(0.1, 10_000)
        assert rate.per_second() is None

    def test_of_all_while_it_is_short(self) -> None:
        rate = Rate(window=10)
        for second in range(5):
            rate.note(second, second * 100)
        assert rate.per_second() == 100

    def test_what_is_long_past_does_not_count(self) -> None:
        rate = Rate(window=10)
        rate.note(0, 0)
        rate.note(1, 1_000_000)
        for second in range(2, 30):
            rate.note(second, 1_000_000 + second * 10)
        assert rate.per_second() == 10

    def test_it_falls_to_nothing_when_nothing_goes_on(self) -> None:
        rate = Rate(window=5)
        for second in range(20):
            rate.note(second, min(second, 5) * 100)
        assert rate.per_second() == 0

    def test_rare_notes_still_tell_it(self) -> None:
        rate = Rate(window=10)
        rate.note(0, 0)
        rate.note(60, 600)
        rate.note(120, 1800)
        assert rate.per_second() == 20

    def test_what_has_to_be_done_again_is_no_negative_rate(self) -> None:
        rate = Rate()
        rate.note(0, 0)
        rate.note(1, 500)
        rate.note(2, 0)
        assert rate.per_second() is None
        rate.note(3, 300)
        assert rate.per_second() == 300

    @given(st.lists(st.tuples(st.floats(0, 5), st.integers(-1000, 1000))))
    def test_never_negative(self, steps: list[tuple[float, int]]) -> None:
        rate, now, done = Rate(window=3), 0.0, 0
        for seconds, count in steps:
            now, done = now + seconds, max(done + count, 0)
            rate.note(now, done)
            assert (rate.per_second() or 0) >= 0


@pytest.mark.parametrize(
    ("remaining", "rate", "seconds"),
    [(0, None, 0), (-5, 1, 0), (10, None, None), (10, 0.0, None), (10, 5.0, 2)],
)
def test_seconds_left(remaining: int, rate: float | None, seconds: float | None) -> None:
    assert seconds_left(remaining, rate) == seconds


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9949, "9.9 kB"),
        (9950, "10 kB"),
        (312_400_000, "312 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1.0 GB"),
        (1.5e18, "1500 PB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert size_text(count) == text


def test_rates() -> None:
    assert rate_text(94_200_000) == "94 MB/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (3599.7, "1 h"),
        (7829, "2 h 10 min"),
        (10 * 86400, "10 days"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
