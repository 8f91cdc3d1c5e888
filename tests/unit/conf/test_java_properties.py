from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.java_properties import parse_properties, read_properties
from sparkmesos_core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spark.a b", {"spark.a": "b"}),
        ("spark.a=b", {"spark.a": "b"}),
        ("spark.a : b c  ", {"spark.a": "b c"}),
        ("  spark.a\t=\tb", {"spark.a": "b"}),
        ("spark.a", {"spark.a": ""}),
        ("# x\n! y\n\n a 1", {"a": "1"}),
        ("a 1\\\n   2\nb 3", {"a": "12", "b": "3"}),
        ("a 1\\\\\nb 3", {"a": "1\\", "b": "3"}),
        ("a 1\\", {"a": "1"}),
        (r"a\ b\:c\=d e", {"a b:c=d": "e"}),
        (r"a \u0041\t\n\q", {"a": "A\t\nq"}),
        ("a 1\r\nb 2\rc 3", {"a": "1", "b": "2", "c": "3"}),
        ("a 1\na 2", {"a": "2"}),
        ("a -Dx=y -Dz=w", {"a": "-Dx=y -Dz=w"}),
        ("a == b", {"a": "= b"}),
        ("ä ö", {"ä": "ö"}),
        ("", {}),
    ],
)
def test_syntax(text: str, expected: dict[str, str]) -> None:
    assert parse_properties(text) == expected


def test_a_bad_unicode_escape_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.conf"
    file.write_text(r"a \u12g4")
    with pytest.raises(UsageError, match=r"x\.conf is malformed: \\u12g4"):
        read_properties(file)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_properties(tmp_path / "nope")
    (tmp_path / "latin").write_bytes(b"a \xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_properties(tmp_path / "latin")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        properties = parse_properties(text)
    except UsageError:
        return
    assert all(isinstance(value, str) for value in properties.values())


def _escape(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


@given(
    st.dictionaries(
        st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])), st.text("abc=: #\\")
    )
)
def test_escaped_properties_come_back(properties: dict[str, str]) -> None:
    text = "\n".join(f"{_escape(key)}={_escape(value)}" for key, value in properties.items() if key)
    assert parse_properties(text) == {key: value.strip(" \t\f") for key, value in properties.items() if key}
