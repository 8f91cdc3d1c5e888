"""What answers of HTTP servers mean."""

from __future__ import annotations

import pytest

from sparkmesos_core.errors import UploadError
from sparkmesos_core.upload.http.answers import (
    content_length,
    is_transient,
    offers,
    origin,
    redirected,
    refusal,
    retry_after,
    shown,
    timestamp,
    whole_length,
)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 599])
def test_what_passes(status: int) -> None:
    assert is_transient(status)
    assert "log" in refusal("PUT", "http://h/a", str(status), status).hint


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 423, 501, 505, 507, 511])
def test_what_stays(status: int) -> None:
    assert not is_transient(status)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 0 ", 0),
        ("-5", None),
        ("soon", None),
        ("9" * 40, None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90),
        ("Thu, 01 Jan 1970 00:00:05 GMT", 0),
        ("Thu, 32 Jan 1970 00:00:05 GMT", None),
    ],
)
def test_when_to_come_back(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 10.0) == seconds


@pytest.mark.parametrize("value", [None, "", "x", "0", "Thu, 99 Foo 99999 99:99:99 GMT"])
def test_dates_that_are_none(value: str | None) -> None:
    assert timestamp(value) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Content-Length": "5"}, 5),
        ({"Content-Length": "5", "Content-Encoding": "gzip"}, None),
        ({"Content-Length": "5, 5"}, None),
        ({"Content-Length": "-1"}, None),
        ({}, None),
    ],
)
def test_lengths(headers: dict[str, str], expected: int | None) -> None:
    assert content_length(headers) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("bytes 0-0/123", 123), ("bytes */7", 7), ("bytes 0-0/*", None), ("bits 0-0/1", None), ("", None)],
)
def test_lengths_of_the_whole(value: str, expected: int | None) -> None:
    assert whole_length({"Content-Range": value}) == expected


@pytest.mark.parametrize(
    ("challenge", "scheme", "expected"),
    [
        ('Basic realm="Digest, please"', "basic", True),
        ('Digest realm="x", qop="auth", Basic realm="y"', "basic", True),
        ('Digest realm="x"', "digest", True),
        ("digest", "digest", True),
        ("Negotiate", "basic", False),
        ('Bearer realm="basic"', "basic", False),
        (None, "basic", False),
    ],
)
def test_challenges(challenge: str | None, scheme: str, expected: bool) -> None:
    assert offers(challenge, scheme) is expected


def test_origins() -> None:
    assert origin("http://h/a") == origin("http://H:80/b") == ("http", "h", 80)
    assert origin("https://h/") == ("https", "h", 443)
    assert origin("http://h/") != origin("https://h/")
    assert origin("http://h/") != origin("http://h:8080/")


def test_what_is_shown_of_a_url() -> None:
    assert shown("https://user:hush@h:1/a/b?signature=hush#x") == "https://h:1/a/b"


@pytest.mark.parametrize(
    ("url", "location", "expected"),
    [
        ("http://h/a/b", "c", "http://h/a/c"),
        ("http://h/a", "/c?x=1", "http://h/c?x=1"),
        ("http://h/a", "https://user:hush@other/c#f", "https://other/c"),
        ("https://h/a", "//other/c", "https://other/c"),
    ],
)
def test_where_redirects_lead(url: str, location: str, expected: str) -> None:
    assert redirected(url, location) == expected


@pytest.mark.parametrize(
    ("location", "said"),
    [
        (None, "to nowhere"),
        ("", "to nowhere"),
        ("ftp://h/a", "no http or https address"),
        ("https://[::1/a", "no http or https address"),
        ("https://h:port/a", "no http or https address"),
        ("http://other/a?signature=hush", "http://other/a, which is not encrypted"),
    ],
)
def test_redirects_that_are_not_followed(location: str | None, said: str) -> None:
    with pytest.raises(UploadError) as raised:
        redirected("https://h/a?signature=hush", location)
    assert said in raised.value.message
    assert "hush" not in raised.value.message
