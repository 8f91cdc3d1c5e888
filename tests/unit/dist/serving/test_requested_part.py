from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dist.serving.requested_part import Part, Version, requested_part

# 784111777 is the date that RFC 9110 has in its examples.
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
NOW = Version(size=1000, tag='"now"', modified=784111777)
WHOLE = Part(200, 0, 1000)


def get(**headers: str) -> Part:
    return requested_part("GET", {name.replace("_", "-"): value for name, value in headers.items()}, NOW)


def test_the_whole() -> None:
    assert get() == WHOLE
    assert requested_part("HEAD", {}, NOW) == WHOLE


def test_an_answer_says_which_version_it_is_of() -> None:
    assert NOW.headers == {"ETag": '"now"', "Last-Modified": DATE}


@pytest.mark.parametrize(
    ("text", "start", "length"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-499", 0, 500),
        ("bytes=500-999", 500, 500),
        ("bytes=500-", 500, 500),
        ("bytes=999-", 999, 1),
        ("bytes=500-5000", 500, 500),
        ("bytes=-500", 500, 500),
        ("bytes=-1", 999, 1),
        ("bytes=-5000", 0, 1000),
        ("Bytes= 5-6 ", 5, 2),
    ],
)
def test_a_range(text: str, start: int, length: int) -> None:
    assert get(range=text) == Part(206, start, length)


@pytest.mark.parametrize("text", ["bytes=1000-", "bytes=1000-2000", "bytes=9999999999-", "bytes=-0"])
def test_a_range_that_nothing_is_in(text: str) -> None:
    assert get(range=text) == Part(416)


@pytest.mark.parametrize(
    "text",
    [
        "bytes=-",
        "bytes=",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=1-2,5-6",
        "bytes=1.5-2",
        "bytes=--5",
        "items=0-5",
        "0-5",
        "",
        "bytes=" + "9" * 5000 + "-",
        "bytes=٣-٤",  # digits, but not those of HTTP
    ],
)
def test_what_is_no_single_range_gets_the_whole(text: str) -> None:
    assert get(range=text) == WHOLE


def test_a_range_of_an_empty_file() -> None:
    empty = Version(0, '"e"', 0)
    assert requested_part("GET", {}, empty) == Part(200, 0, 0)
    assert requested_part("GET", {"range": "bytes=0-"}, empty) == Part(416)


def test_only_get_has_ranges() -> None:
    assert requested_part("HEAD", {"range": "bytes=0-5"}, NOW) == WHOLE


@pytest.mark.parametrize(
    ("condition", "still"),
    [
        ('"now"', True),
        ('W/"now"', False),
        ('"then"', False),
        (DATE, True),
        (LATER, False),
        ("nonsense", False),
    ],
)
def test_if_range(condition: str, still: bool) -> None:
    assert get(range="bytes=5-", if_range=condition) == (Part(206, 5, 995) if still else WHOLE)


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ('"now"', 304),
        ('W/"now"', 304),
        ('"a", "now"', 304),
        ("*", 304),
        ('"then"', 200),
        ("now", 200),
        ("", 200),
    ],
)
def test_if_none_match(tags: str, status: int) -> None:
    assert get(if_none_match=tags).status == status


def test_the_tag_counts_not_the_date() -> None:
    assert get(if_none_match='"then"', if_modified_since=LATER).status == 200


@pytest.mark.parametrize(("date", "status"), [(BEFORE, 200), (DATE, 304), (LATER, 304), ("yesterday", 200)])
def test_if_modified_since(date: str, status: int) -> None:
    assert get(if_modified_since=date).status == status


@pytest.mark.parametrize(
    ("date", "status"), [(BEFORE, 412), (DATE, 200), (LATER, 200), ("99 Foo 99999", 200)]
)
def test_if_unmodified_since(date: str, status: int) -> None:
    assert get(if_unmodified_since=date).status == status


@pytest.mark.parametrize(("tags", "status"), [('"now"', 200), ("*", 200), ('W/"now"', 412), ('"then"', 412)])
def test_if_match(tags: str, status: int) -> None:
    assert get(if_match=tags).status == status


@given(st.text(alphabet='bytes=-,0123456789 W/"*now', max_size=30), st.integers(0, 50))
def test_whatever_is_asked_for_is_in_the_file(text: str, size: int) -> None:
    part = requested_part("GET", {"range": "bytes=" + text}, Version(size, '"now"', 0))
    assert part.status in (200, 206, 416)
    assert 0 <= part.start <= part.start + part.length <= size
    assert part.status != 206 or part.length > 0
