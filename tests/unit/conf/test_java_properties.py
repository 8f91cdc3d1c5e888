from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.java_properties import parse_properties, read_properties_file
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import UsageError


def parsed(text: str) -> dict[str, str]:
    return {setting.key: setting.value for setting in parse_properties(text, "some.conf")}


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
        ("a 1\\\r\n   2\nb 3", {"a": "12", "b": "3"}),
        ("a 1\\\n#2\nb 3", {"a": "1#2", "b": "3"}),
        ("a 1\\\n\nb 3", {"a": "1", "b": "3"}),
        ("\\\n#a 1\nb 3", {"b": "3"}),
        ("\\\n\na 1", {"a": "1"}),
        ("a 1\\\\\nb 3", {"a": "1\\", "b": "3"}),
        ("a 1\\", {"a": "1"}),
        ("# a \\\nb 1", {"b": "1"}),
        (r"a\ b\:c\=d e", {"a b:c=d": "e"}),
        (r"a \u0041\t\n\q", {"a": "A\t\nq"}),
        (r"a \uD83D\uDE00", {"a": "😀"}),
        ("a 1\r\nb 2\rc 3", {"a": "1", "b": "2", "c": "3"}),
        ("a 1\na 2", {"a": "2"}),
        ("a -Dx=y -Dz=w", {"a": "-Dx=y -Dz=w"}),
        ("a == b", {"a": "= b"}),
        ("a = \x01b\x02\\n \x01", {"a": "b\x02\n"}),
        ("a = \xa0", {"a": "\xa0"}),
        ("= b", {"": "b"}),
        ("ä ö", {"ä": "ö"}),
        ("", {}),
    ],
)
def test_syntax(text: str, expected: dict[str, str]) -> None:
    assert parsed(text) == expected


def test_settings_keep_their_order_and_know_their_lines() -> None:
    text = "# heading\n\nspark.a 1\\\n  2\nspark.b 3\n\\\n\n  spark.a 4"
    assert parse_properties(text, "some.conf") == [
        Setting("spark.a", "12", Origin(Source.FILE, "some.conf", 3)),
        Setting("spark.b", "3", Origin(Source.FILE, "some.conf", 5)),
        Setting("spark.a", "4", Origin(Source.FILE, "some.conf", 8)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b 1\na \\u12g4", r"some\.conf:2 is malformed: a backslash and u without"),
        ("a \\ud83d", r"some\.conf:1 is malformed: \\ud83d is half a character"),
        ("a \\ude00\\ud83d", r"some\.conf:1 is malformed: \\ude00 is half a character"),
        ("\ufeffa 1", r"some\.conf:1 begins with a byte order mark"),
        ("a 1\nb \udcfc", r"some\.conf:2 is malformed: it is not UTF-8"),
        ("a\udcfc 1", r"some\.conf:1 is malformed: it is not UTF-8"),
    ],
)
def test_what_is_malformed_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_properties(text, "some.conf")
    assert caught.value.hint


def test_a_malformed_secret_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        parse_properties("spark.mesos.secret hunter\\u2 hunter3", "some.conf")
    assert "hunter" not in caught.value.message + caught.value.hint


def test_a_file_is_read_as_utf8(tmp_path: Path) -> None:
    file = tmp_path / "some.conf"
    file.write_bytes("# \xff\nspark.a ä".encode("latin-1")[:3] + "\nspark.a ä".encode())
    assert read_properties_file(file) == [Setting("spark.a", "ä", Origin(Source.FILE, str(file), 2))]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "cannot be read: No such file"),
        ("folder", "is not a regular file"),
        ("pipe", "is not a regular file"),
        ("a\0b", "cannot be read: no file can have this name"),
        ("\ud800", "cannot be read: no file can have this name"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match=message):
        read_properties_file(tmp_path / name)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        settings = parse_properties(text, "some.conf")
    except UsageError as error:
        refusal = error.message
        assert refusal.startswith("some.conf:")
        return
    lines = [setting.origin.line for setting in settings]
    assert lines == sorted(set(filter(None, lines)))


def _escape(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.text("abc=: #\\😀")))
def test_escaped_properties_come_back(properties: dict[str, str]) -> None:
    text = "\n".join(f"{_escape(key)}={_escape(value)}" for key, value in properties.items() if key)
    assert parsed(text) == {key: value.strip(" ") for key, value in properties.items() if key}
