"""What the files that agents fetch are called."""

from __future__ import annotations

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.launch.fetched_uris import FetchedUri, fetched_uri
from sparkmesos_core.localcluster.agent.fetcher.uris import check_uris


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
