"""Pauses grow while something fails, and begin anew when it has gone well for long."""

from __future__ import annotations

from sparkmesos_core.durable_framework.pauses import FIRST_PAUSE, LONGEST_PAUSE, Pauses


def test_each_is_twice_as_long_up_to_the_longest() -> None:
    pauses = Pauses()
    assert [pauses.take() for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, LONGEST_PAUSE]


def test_what_fails_soon_again_goes_on_with_longer_ones() -> None:
    pauses = Pauses()
    pauses.take()
    pauses.went_well(now=1000.0)
    pauses.failed(now=1060.0)
    assert pauses.take() == 2 * FIRST_PAUSE


def test_what_went_well_for_long_begins_with_the_first_one() -> None:
    pauses = Pauses()
    for _ in range(9):
        pauses.take()
    pauses.went_well(now=1000.0)
    pauses.failed(now=1060.1)
    assert pauses.take() == FIRST_PAUSE
