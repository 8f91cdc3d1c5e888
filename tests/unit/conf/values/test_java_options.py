from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.values.java_options import definitions, join_options, split_options, split_words
from sparkmesos_core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", []),
        ("  \t ", []),
        ("-Xss4m", ["-Xss4m"]),
        (" -Xss4m  -Da=b\n-Dc=d\u2003-e ", ["-Xss4m", "-Da=b", "-Dc=d", "-e"]),
        ('-Da="two words"', ["-Da=two words"]),
        ("-Da='two words'", ["-Da=two words"]),
        ("'-Da=two words'", ["-Da=two words"]),
        (r'-Da="say \"x\""', ['-Da=say "x"']),
        (r"-Da='\x'", [r"-Da=\x"]),
        (r"-Da=b\ c", ["-Da=b c"]),
        (r"\-x", ["-x"]),
        ("\"\" ''", ["", ""]),
        ("a\"b\"'c'", ["abc"]),
        ('"it\'s"', ["it's"]),
        ("a\xa0b", ["a\xa0b"]),
    ],
)
def test_options(text: str, options: list[str]) -> None:
    assert split_options(text) == tuple(options)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('-Da="b', 'quote " that is never closed'),
        ("it's", "quote ' that is never closed"),
        ("-Da=b\\", "end in a backslash"),
        ('"a\\"', 'quote " that is never closed'),
    ],
)
def test_not_options(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        split_options(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("-a  -b\t-c\r\n-d", ["-a", "-b", "-c", "-d"]),
        (r"-Da=C:\x y", [r"-Da=C:\x", "y"]),
        (r'-Da="C:\\x y\""', ['-Da=C:\\x y"']),
        (r"'\'", ["\\"]),
        ('-Da="open end', ["-Da=open end"]),
        ('"\\', [""]),
        ("''", [""]),
        ("a\fb", ["a\fb"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert split_words(text) == tuple(words)


def test_definitions() -> None:
    text = '-Xmx1g -Dspark.a=1 -Dspark.b="x y=z" -Dc -D -D=x -Dspark.a=2'
    assert definitions(text) == [("spark.a", "1"), ("spark.b", "x y=z"), ("c", ""), ("spark.a", "2")]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_quoted_options_come_back(options: list[str]) -> None:
    escaped = [option.replace("\\", "\\\\").replace('"', '\\"') for option in options]
    assert split_options(" ".join(f'"{option}"' for option in escaped)) == tuple(options)
    assert split_words(" ".join(f'"{option}"' for option in escaped)) == tuple(options)


@given(st.lists(st.text(alphabet=st.sampled_from("ab \t\u2003\"'\\$=")) | st.text()))
def test_joined_options_are_split_again(options: list[str]) -> None:
    assert split_options(join_options(options)) == tuple(options)


def test_plain_options_are_joined_as_they_are() -> None:
    assert join_options(["-Xss4m", "-Da=b"]) == "-Xss4m -Da=b"
