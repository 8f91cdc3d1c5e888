"""What agents fetch for a driver."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.dispatcher.launch.uris import FetchedUri, container_path, driver_uris, fetched_uri
from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.agent.fetcher.uris import check_uris
from tests.driver_shell import submission


@pytest.mark.parametrize(
    ("text", "value", "name", "output_file"),
    [
        ("http://h/a/app.jar", "http://h/a/app.jar", "app.jar", None),
        (" hdfs:///libs/b.egg ", "hdfs:///libs/b.egg", "b.egg", None),
        ("/opt/app.jar", "/opt/app.jar", "app.jar", None),
        # Mesos knows file:// only, and no escapes.
        ("file:/opt/app.jar", "/opt/app.jar", "app.jar", None),
        ("file:///opt/app.jar", "file:///opt/app.jar", "app.jar", None),
        ("file:///opt/my%20app.jar", "/opt/my app.jar", "my app.jar", None),
        ("file://localhost/opt/app.jar", "/opt/app.jar", "app.jar", None),
        ("local:/opt/app.jar", "/opt/app.jar", "app.jar", None),
        ("local:///opt/100%25.jar", "/opt/100%.jar", "100%.jar", None),
        # It takes a query for a part of the name.
        ("https://h/app.py?X-Sig=a/b.c&d=/", "https://h/app.py?X-Sig=a/b.c&d=/", "app.py", "app.py"),
        ("http://h/a.zip#x", "http://h/a.zip#x", "a.zip", "a.zip"),
        ("http://h/my app.py", "http://h/my%20app.py", "my app.py", "my app.py"),
        ("http://h/my%20app.py", "http://h/my%20app.py", "my%20app.py", None),
        # In a file system a question mark is one.
        ("s3a://b/what?.py", "s3a://b/what?.py", "what?.py", None),
    ],
)
def test_names(text: str, value: str, name: str, output_file: str | None) -> None:
    assert fetched_uri(text) == FetchedUri(value, name, output_file)
    [fetched] = check_uris([fetched_uri(text).to_json(cache=False, unpack=True)])
    assert fetched.name() == name


@pytest.mark.parametrize(
    "text", ["http://h", "http://h/", "http://h/?a=/b", "hdfs:///", "/", "file:/", "..", "http://h/a/.."]
)
def test_what_names_no_file(text: str) -> None:
    with pytest.raises(UsageError, match="names no file"):
        fetched_uri(text)


@pytest.mark.parametrize("text", ["http://h/it's.py", "/a\\b.py", "http://h/a\0.py", "file:///it%27s.py"])
def test_what_mesos_refuses(text: str) -> None:
    with pytest.raises(UsageError, match="has a character that Mesos refuses"):
        fetched_uri(text)


def test_a_signature_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        fetched_uri("http://h/it's.py?X-Amz-Signature=abc")
    assert "abc" not in caught.value.message


@pytest.mark.parametrize(
    ("uri", "mode", "path"),
    [
        ("local:///opt/a%20b.jar", "container", "/opt/a b.jar"),
        ("local:/opt/a.jar", "container", "/opt/a.jar"),
        ("local:///opt/a.jar", "host", None),
        ("file:///opt/a.jar", "container", None),
    ],
)
def test_what_is_in_the_container(uri: str, mode: str, path: str | None) -> None:
    assert container_path(uri, {"spark.mesos.appJar.local.resolution.mode": mode}) == path


def test_order_and_what_is_unpacked() -> None:
    wanted = submission(
        app_resource="http://h/app.zip",
        properties={
            "spark.mesos.uris": "http://h/own.tgz, http://h/both.tgz,,",
            "spark.submit.pyFiles": "http://h/p.zip",
            "spark.executor.uri": "http://h/spark.tgz",
        },
    )
    uris = driver_uris(wanted, {"spark.mesos.uris": "http://h/both.tgz"}, "http://h/bridge.jar")
    assert [(uri["value"][9:], uri.get("extract", True)) for uri in uris] == [
        ("app.zip", False),
        ("both.tgz", True),
        ("own.tgz", True),
        ("p.zip", False),
        ("spark.tgz", True),
        ("bridge.jar", True),
    ]


@pytest.mark.parametrize(
    ("own", "dispatcher", "cache"), [("true", "false", True), ("", "TRUE", True), ("", "", False)]
)
def test_the_cache(own: str, dispatcher: str, cache: bool) -> None:
    key = "spark.mesos.fetcherCache.enable"
    uris = driver_uris(submission(properties={key: own}), {key: dispatcher} if dispatcher else {}, None)
    assert [uri["cache"] for uri in uris] == [cache]


def test_nothing_is_fetched_for_what_is_in_the_container() -> None:
    changed: dict[str, Any] = {
        "app_resource": "local:///opt/app.py",
        "properties": {
            "spark.mesos.appJar.local.resolution.mode": "container",
            "spark.submit.pyFiles": "local:///opt/p.py,http://h/q.py",
        },
    }
    assert [uri["value"] for uri in driver_uris(submission(**changed), {}, None)] == ["http://h/q.py"]
