from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.values.labels import Label, parse_labels
from sparkmesos_core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (",", []),
        ("key:value", [("key", "value")]),
        (r"key:value\:value", [("key", "value:value")]),
        (r"key:value\,value", [("key", "value,value")]),
        (r"k\:e\,y:v", [("k:e,y", "v")]),
        ("a:b,c:d", [("a", "b"), ("c", "d")]),
        ("a:b,a:c", [("a", "b"), ("a", "c")]),
        ("a:b,", [("a", "b")]),
        (" a : b ", [(" a ", " b ")]),
        (":v", [("", "v")]),
        ("k:v:", [("k", "v")]),
        (r"k:C\\x", [("k", r"C\\x")]),
        (r"k:v\\:w", [("k", r"v\:w")]),
        ("ключ:значение", [("ключ", "значение")]),
    ],
)
def test_labels(text: str, expected: list[tuple[str, str]]) -> None:
    assert parse_labels(text) == tuple(Label(*label) for label in expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("incorrect", "'incorrect' is not a label: it has no colon"),
        (r"a\:b", r"'a\:b' is not a label: it has no colon"),
        ("k:", "'k:' is not a label: it has no value"),
        (":", "':' is not a label: it has no value"),
        ("a:b,incorrect:label:here", "'incorrect:label:here' is not a label: it has more than one colon"),
        ("a:b,,c:d", "'' is not a label: it is empty"),
    ],
)
def test_not_labels(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_labels(text)
    assert raised.value.message == message
    assert raised.value.hint


piece = st.text(st.characters(exclude_characters="\\", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.tuples(piece, piece)))
def test_escaped_labels_come_back(labels: list[tuple[str, str]]) -> None:
    def escape(text: str) -> str:
        return text.replace(",", r"\,").replace(":", r"\:")

    text = ",".join(f"{escape(key)}:{escape(value)}" for key, value in labels)
    assert parse_labels(text) == tuple(Label(*label) for label in labels)
