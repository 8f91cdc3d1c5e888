from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.values.sizes import parse_mebibytes, parse_size
from sparkmesos_core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1024", 1024),
        ("50b", 50),
        ("1k", 2**10),
        ("1kb", 2**10),
        ("2M", 2 * 2**20),
        ("2Mb", 2 * 2**20),
        ("1g", 2**30),
        ("1GB", 2**30),
        ("1t", 2**40),
        ("1tb", 2**40),
        ("1p", 2**50),
        ("1PB", 2**50),
        (" 512m\t", 512 * 2**20),
        ("00007m", 7 * 2**20),
        ("0" * 100_000 + "1", 1),
        ("9223372036854775807", 2**63 - 1),
        ("8191p", 8191 * 2**50),
    ],
)
def test_size(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("unit", ["b", "k", "m", "g", "t", "p"])
def test_size_without_a_unit(unit: str) -> None:
    assert parse_size("3", bare=unit) == parse_size(f"3{unit}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The size is empty"),
        (" ", "The size is empty"),
        ("0.5g", "takes no fractions"),
        (".5g", "takes no fractions"),
        ("-1g", "is negative"),
        ("+1g", "'+1g' is not a size"),
        ("1 g", "'1 g' is not a size"),
        ("1x", "there is no unit 'x'"),
        ("1gib", "there is no unit 'gib'"),
        ("g", "'g' is not a size"),
        ("1_000m", "'1_000m' is not a size"),
        ("1g\n2g", r"'1g\n2g' is not a size"),
        ("٣m", "is not a size"),
        ("1\xa0", "is not a size"),
        ("9223372036854775808", "larger than Spark can count"),
        ("8192p", "larger than Spark can count"),
        ("9" * 1_000_000, "larger than Spark can count"),
        ("1" + "m" * 1_000_000, "there is no unit"),
        ("\ud800m", r"'\ud800m' is not a size"),
    ],
)
def test_not_a_size(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_size(text)
    assert reason in raised.value.message
    assert len(raised.value.message) < 300
    assert raised.value.hint


@pytest.mark.parametrize(
    ("text", "bare", "expected"),
    [
        ("512", "m", 512),
        ("1g", "m", 1024),
        ("1023k", "m", 0),
        ("1024k", "m", 1),
        ("1024", "b", 0),
        ("1073741824", "b", 1024),
        ("2147483647", "m", 2**31 - 1),
        ("1p", "m", 2**30),
    ],
)
def test_mebibytes(text: str, bare: str, expected: int) -> None:
    assert parse_mebibytes(text, bare) == expected


@pytest.mark.parametrize("text", ["2147483648", "2p", "9223372036854775807p"])
def test_more_mebibytes_than_spark_can_count(text: str) -> None:
    with pytest.raises(UsageError, match="larger than Spark can count"):
        parse_mebibytes(text)


@given(st.text())
def test_anything_is_a_size_or_an_error(text: str) -> None:
    with suppress(UsageError):
        assert 0 <= parse_size(text) < 2**63
