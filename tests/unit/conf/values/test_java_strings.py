from __future__ import annotations

import re

import pytest

from sparkmesos_core.conf.values.java_strings import split, to_sequence, trim


def test_trim_takes_off_controls_but_no_blanks_of_unicode() -> None:
    assert trim("\0\t \x1fa b\r\n") == "a b"
    assert trim("\xa0a\u3000\x7f") == "\xa0a\u3000\x7f"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        (",", []),
        (",,,", []),
        ("a", ["a"]),
        ("a,", ["a"]),
        (",a", ["", "a"]),
        ("a,,b,,", ["a", "", "b"]),
        (" ,", [" "]),
    ],
)
def test_split(text: str, parts: list[str]) -> None:
    assert split(text, ",") == split(text, re.compile(",")) == parts


def test_to_sequence() -> None:
    assert to_sequence(" a, b,,\t,c d ,") == ["a", "b", "c d"]
    assert to_sequence("") == to_sequence(" , ") == []
