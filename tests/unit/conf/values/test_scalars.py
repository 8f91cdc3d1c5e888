from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.values.scalars import (
    java_double,
    parse_boolean,
    parse_choice,
    parse_integer,
    parse_number,
)
from sparkmesos_core.errors import UsageError


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("TRUE", True), (" False\n", False)])
def test_boolean(text: str, expected: bool) -> None:
    assert parse_boolean(text) is expected


@pytest.mark.parametrize("text", ["", "yes", "1", "on", "t", "true false", "\ud800"])
def test_not_a_boolean(text: str) -> None:
    with pytest.raises(UsageError, match="is neither true nor false"):
        parse_boolean(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-0", 0),
        ("+8", 8),
        (" 8 ", 8),
        ("007", 7),
        ("2147483647", 2**31 - 1),
        ("-2147483648", -(2**31)),
        ("0" * 100_000 + "8", 8),
        ("٣", 3),
    ],
)
def test_integer(text: str, expected: int) -> None:
    assert parse_integer(text) == expected


@pytest.mark.parametrize("text", ["", " ", "+", "1.0", "1e3", "0x10", "1_000", "1 0", "8m", "+-1", "½"])
def test_not_an_integer(text: str) -> None:
    with pytest.raises(UsageError, match="is not a whole number"):
        parse_integer(text)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("2147483648", 32),
        ("-2147483649", 32),
        ("9223372036854775808", 64),
        ("-9223372036854775809", 64),
        ("1" * 1_000_000, 64),
    ],
)
def test_integer_out_of_range(text: str, bits: int) -> None:
    with pytest.raises(UsageError, match="is out of range") as raised:
        parse_integer(text, bits)
    assert str(2 ** (bits - 1) - 1) in raised.value.hint


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_every_long_is_an_integer(number: int) -> None:
    assert parse_integer(str(number), bits=64) == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1.0),
        (" 0.5 ", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1e3", -1000.0),
        ("1.5f", 1.5),
        ("2D", 2.0),
        ("0x1.8p1", 3.0),
        ("-0XAP0d", -10.0),
        ("0x.8p1", 1.0),
    ],
)
def test_number(text: str, expected: float) -> None:
    assert parse_number(text) == expected


@pytest.mark.parametrize(
    "text", ["", ".", "1,5", "nan", "inf", "infinity", "1_0", "0x10", "e5", "1e", "0.5 cores", "1dd"]
)
def test_not_a_number(text: str) -> None:
    assert java_double(text) is None
    with pytest.raises(UsageError, match="is not a number"):
        parse_number(text)


@pytest.mark.parametrize(
    "text", ["NaN", "-Infinity", "+Infinity", "1e999", "1e" + "9" * 100_000, "0x1p99999", "-0x1p99999"]
)
def test_not_a_finite_number(text: str) -> None:
    with pytest.raises(UsageError, match="is not a finite number"):
        parse_number(text)


def test_what_is_not_finite_is_a_double_to_java() -> None:
    assert math.isnan(java_double("NaN") or 0)
    assert (java_double("-Infinity"), java_double("Infinity")) == (-math.inf, math.inf)
    assert (java_double("-0x1p99999"), java_double("0x1p-99999")) == (-math.inf, 0.0)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_is_a_number(number: float) -> None:
    assert parse_number(repr(number)) == number


def test_choice() -> None:
    assert parse_choice("mesos", ("docker", "mesos")) == "mesos"
    assert parse_choice(" ZooKeeper", ("NONE", "ZOOKEEPER"), any_case=True) == "ZOOKEEPER"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Docker", "Did you mean docker?"),
        ("docker ", "Did you mean docker?"),
        ("dcoker", "Did you mean docker?"),
        ("", ""),
    ],
)
def test_not_a_choice(text: str, meant: str) -> None:
    with pytest.raises(UsageError, match="is not one of docker, mesos") as raised:
        parse_choice(text, ("docker", "mesos"))
    assert raised.value.hint == f"Write docker or mesos. {meant}".strip()


@given(st.text())
def test_anything_is_a_value_or_an_error(text: str) -> None:
    for parse in (parse_boolean, parse_integer, parse_number):
        with suppress(UsageError):
            parse(text)
