from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.quoting import printable, quoted


def test_what_is_printable_stays() -> None:
    assert quoted("Größe 'x'") == "'Größe 'x''"
    assert quoted("") == "''"


def test_the_rest_is_escaped() -> None:
    assert quoted("a\nb\0\x1b[31m\ud800\u202e") == r"'a\nb\x00\x1b[31m\ud800\u202e'"


def test_long_texts_are_cut() -> None:
    assert quoted("x" * 80) == f"'{'x' * 80}'"
    assert quoted("x" * 81) == f"'{'x' * 80}…'"
    assert quoted("abc", longest=2) == "'ab…'"


@given(st.text(st.characters(exclude_categories=())))
def test_every_terminal_takes_it(text: str) -> None:
    shown = quoted(text)
    assert shown.isprintable()
    shown.encode()


def test_printable_keeps_what_it_is_told_to() -> None:
    assert printable("a\n\tb\x1b\udc80", keep="\n\t") == "a\n\tb\\x1b\\udc80"
    assert printable("größe") == "größe"
