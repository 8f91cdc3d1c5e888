from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.values.durations import parse_duration
from sparkmesos_core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("120", "s", 120),
        ("120", "ms", 120),
        ("10s", "ms", 10_000),
        ("500ms", "s", 0),
        ("1999ms", "s", 1),
        ("-1999ms", "s", -1),
        ("-1", "s", -1),
        ("250us", "ms", 0),
        ("250us", "us", 250),
        ("2m", "s", 120),
        ("2MIN", "s", 120),
        ("1h", "s", 3600),
        ("1d", "s", 86400),
        (" 5S ", "s", 5),
        ("9223372036854775807", "s", 2**63 - 1),
        ("-9223372036854775808", "s", -(2**63)),
        ("9223372036854775807d", "ms", 2**63 - 1),
        ("-9223372036854775808d", "ms", -(2**63)),
        ("0" * 100_000 + "1", "s", 1),
    ],
)
def test_duration(text: str, unit: str, expected: int) -> None:
    assert parse_duration(text, unit) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The time is empty"),
        ("\t", "The time is empty"),
        ("1.5s", "'1.5s' is not a time"),
        ("+5s", "'+5s' is not a time"),
        ("5 s", "'5 s' is not a time"),
        ("5sec", "there is no unit 'sec'"),
        ("5secs", "there is no unit 'secs'"),
        ("5ns", "there is no unit 'ns'"),
        ("1w", "there is no unit 'w'"),
        ("s", "'s' is not a time"),
        ("--5", "'--5' is not a time"),
        ("9223372036854775808", "longer than Spark can count"),
        ("-9223372036854775809", "longer than Spark can count"),
        ("9" * 1_000_000 + "s", "longer than Spark can count"),
    ],
)
def test_not_a_duration(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_duration(text, "s")
    assert reason in raised.value.message
    assert len(raised.value.message) < 300
    assert raised.value.hint


@given(st.integers(min_value=-(2**40), max_value=2**40))
def test_units_agree(count: int) -> None:
    assert parse_duration(f"{count}m", "s") == parse_duration(f"{count * 60}s", "s")
    assert parse_duration(f"{count}s", "ms") == count * 1000


@given(st.text())
def test_anything_is_a_duration_or_an_error(text: str) -> None:
    with suppress(UsageError):
        assert -(2**63) <= parse_duration(text, "ms") < 2**63
