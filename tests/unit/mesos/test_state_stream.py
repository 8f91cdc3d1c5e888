"""JSON in pieces: cut anywhere, it says what it says as a whole; what is none is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.errors import MesosError, TimedOutError
from sparkmesos_core.mesos.state_stream import JsonStream

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def stream(text: str | bytes, piece: int = 3) -> JsonStream:
    content = text.encode() if isinstance(text, str) else text
    return JsonStream(
        (content[at : at + piece] for at in range(0, len(content), piece)), "http://master/state"
    )


def walked(reading: JsonStream, depth: int) -> Any:
    """The next value, walked through member by member and element by element for so many levels."""
    if depth and reading.is_object():
        return {name: walked(reading, depth - 1) for name in reading.members()}
    if depth and reading.is_array():
        return [walked(reading, depth - 1) for _ in reading.items()]
    return reading.value()


@given(VALUES, st.integers(1, 50), st.integers(0, 3), st.booleans(), st.booleans())
def test_cut_anywhere_it_says_the_same(
    value: Any, piece: int, depth: int, spread: bool, escaped: bool
) -> None:
    text = json.dumps(value, indent=2 if spread else None, ensure_ascii=escaped)
    reading = stream(f" \n{text}\t " if spread else text, piece)
    assert walked(reading, depth) == value
    reading.end()


@given(VALUES, st.integers(1, 50))
def test_what_ends_too_early_is_refused(value: Any, piece: int) -> None:
    text = json.dumps({"value": [value]})
    for length in range(len(text)):
        reading = stream(text[:length], piece)
        with pytest.raises(MesosError, match=r"answered what cannot be understood"):
            walked(reading, 2)


@pytest.mark.parametrize(
    "text",
    ['{"a" 1}', "{1: 2}", '{"a": 1,}', "[1 2]", "[,]", "[1,]", "[nul]", '["\x01"]', "]", "{", "[" * 200_000],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    reading = stream(text, 50_000)
    with pytest.raises(MesosError) as error:
        walked(reading, 1)
    assert error.value.message.startswith("http://master/state answered what cannot be understood")
    assert error.value.hint


def test_numbers_are_whole_wherever_they_are_cut() -> None:
    text = '{"a": -12.50e+3, "b": [30.0, 7], "c": 1e5}'
    for piece in range(1, len(text)):
        assert walked(stream(text, piece), 2) == {"a": -12500.0, "b": [30.0, 7], "c": 1e5}
    assert stream("12.5", 1).value() == 12.5


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    assert stream(b'["a\xffb", "\xe2\x82\xac"]', 1).value() == ["a\ufffdb", "€"]


def test_what_is_skipped_is_not_kept() -> None:
    reading = stream('{"tasks": [{"id": 1}, [2], 3], "other": {"deep": [1, 2]}, "id": "x"}')
    found = {}
    for name in reading.members():
        if name == "id":
            found[name] = reading.value()
        else:
            reading.skip()
    reading.end()
    assert found == {"id": "x"}


def test_elements_come_before_the_rest_has_arrived() -> None:
    asked = []

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            asked.append(number)
            yield f"{'[' if number == 0 else ','}{number}".encode()
        yield b"]"

    elements = JsonStream(pieces(), "master").elements()
    assert next(elements) == 0
    assert len(asked) <= 3
    assert list(elements) == list(range(1, 100))


def test_an_endless_value_is_given_up() -> None:
    def pieces() -> Iterator[bytes]:
        yield b'["'
        while True:
            yield b"x" * 1024 * 1024

    with pytest.raises(MesosError):
        JsonStream(pieces(), "master").value()


def test_what_follows_the_end_is_refused() -> None:
    reading = stream("{} {}")
    assert reading.value() == {}
    with pytest.raises(MesosError):
        reading.end()


def test_failures_of_the_source_come_through() -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"a": ['
        raise TimedOutError("too late")

    with pytest.raises(TimedOutError):
        walked(JsonStream(pieces(), "master"), 2)
