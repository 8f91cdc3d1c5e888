from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.localcluster.agent.fetcher.errors import FetchError, InvalidUriError
from sparkmesos_core.localcluster.agent.fetcher.uris import (
    authority_and_path,
    base_name,
    check_uris,
    local_path,
)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("http://host/dir/app.py?sig=1&x=2", "app.py?sig=1&x=2"),
        ("http://host/a.tgz?path=/b/c", "c"),
        ("http://host/dir/", ""),
        ("/a/b.jar", "b.jar"),
        ("/a/b/", "b"),
        ("a.tgz", "a.tgz"),
        ("file:/etc/hosts", "hosts"),
        ("hdfs://nn:8020/a/b", "b"),
        ("s3://bucket/key", "key"),
    ],
)
def test_names_in_the_sandbox(uri: str, name: str) -> None:
    assert base_name(uri) == name


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ({"value": "http://127.0.0.1"}, "Malformed URI (missing path): http://127.0.0.1"),
        ({"value": "http://u:p@127.0.0.1/"}, "Malformed URI (missing path): http://u:***@127.0.0.1/"),
        ({"value": "/a'b"}, "Illegal characters in URI"),
        ({"value": "/a\\b"}, "Illegal characters in URI"),
        ({"value": "/a\0b"}, "Illegal characters in URI"),
        ({"value": ""}, "a URI has no value"),
        ({"value": 7}, "a URI has no value"),
        ({}, "a URI has no value"),
        ({"value": "/a", "output_file": ""}, "URI output file path is empty"),
        ({"value": "/a", "output_file": "."}, "URI output file path is empty"),
        ({"value": "/a", "output_file": "/x"}, "URI output file must be within the sandbox directory"),
        ({"value": "/a", "output_file": "d/../../x"}, "URI output file must be within the sandbox directory"),
    ],
)
def test_what_mesos_refuses_to_fetch(uri: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidUriError) as caught:
        check_uris([{"value": "/fine"}, uri])
    assert str(caught.value) == why
    assert caught.value.launch_failure("C") == f"Could not fetch: {why}"


def test_as_shown() -> None:
    asked: list[dict[str, Any]] = [
        {"value": "https://u:p@h/a?token=t", "cache": True, "output_file": "a", "unknown": 1},
        {"value": "/b", "extract": False, "executable": False},
    ]
    assert [uri.as_json() for uri in check_uris(asked)] == [
        {"value": "https://u:***@h/a?token=***", "cache": True, "extract": True, "output_file": "a"},
        {"value": "/b", "extract": False, "executable": False},
    ]


def test_equal_ones_are_fetched_once() -> None:
    asked: list[dict[str, Any]] = [
        {"value": "/a"},
        {"value": "/b"},
        {"value": "/a", "extract": True},
        {"value": "/a", "cache": True},
    ]
    assert [(uri.value, uri.cache) for uri in check_uris(asked)] == [("/a", None), ("/b", None), ("/a", True)]


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/etc/hosts", "/etc/hosts"),
        ("file:///etc/hosts", "/etc/hosts"),
        ("file://localhost/etc/hosts", "/etc/hosts"),
        ("http://h/etc/hosts", None),
        ("hdfs:///etc/hosts", None),
    ],
)
def test_what_is_local(location: str, path: str | None) -> None:
    assert local_path(location) == path


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("a.tgz", "A relative path was passed"),
        ("file:/etc/hosts", "A relative path was passed"),
        ("file://other/etc/hosts", "File URI only supports absolute paths"),
    ],
)
def test_paths_that_mesos_does_not_take(location: str, why: str) -> None:
    with pytest.raises(FetchError, match=why):
        local_path(location)


def test_nothing_in_a_path_is_decoded() -> None:
    assert authority_and_path("s3://bucket/a%20b/c?d#e") == ("bucket", "/a%20b/c?d#e")
    assert authority_and_path("hdfs:///a") == ("", "/a")
