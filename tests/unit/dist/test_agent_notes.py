from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from sparkmesos_core.dist.agent_notes import Circumstances, agent_notes, is_cacheable, public_url

ENDS = datetime(2026, 3, 4, 5, 6, tzinfo=timezone.utc)


def notes(uri: str, **given: object) -> str:
    return "\n".join(agent_notes(Circumstances(uri, **given)))  # type: ignore[arg-type]


@pytest.mark.parametrize("uri", ["http://r.example:8080/s.tgz", "https://r.example:8080/s.tgz"])
def test_http_needs_nothing_but_a_way(uri: str) -> None:
    note, cache = agent_notes(Circumstances(uri))
    assert "spark.mesos.fetcherCache.enable" in cache
    assert note == "Agents fetch it by themselves; each has to reach r.example:8080."


def test_credentials_of_the_upload_are_not_those_of_agents() -> None:
    assert "must be allowed to read" in notes("https://r/s.tgz", with_credentials=True)


def test_an_authority_of_ones_own() -> None:
    assert "each agent's system trusts" in notes("https://r/s.tgz", own_authority=True)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1:8000", "[::1]:80", "LOCALHOST"])
def test_loopback_is_another_machine_on_each_agent(host: str) -> None:
    assert "only good on this machine" in notes(f"http://{host}/s.tgz")


@pytest.mark.parametrize(
    "uri", ["https://localhost.example/s.tgz", "https://r/127.0.0.1/s.tgz", "file:///s.tgz"]
)
def test_what_is_not_loopback(uri: str) -> None:
    assert "only good on this machine" not in notes(uri)


def test_a_mount() -> None:
    assert "Agents read /mnt/a b/s.tgz from their own" in notes("file:///mnt/a%20b/s.tgz")


@pytest.mark.parametrize("scheme", ["hdfs", "webhdfs", "swebhdfs", "s3", "s3a", "s3n"])
def test_what_needs_a_hadoop_client(scheme: str) -> None:
    said = notes(f"{scheme}://place/s.tgz")
    assert f"a Hadoop client for {scheme}:// URIs" in said
    assert "--hadoop_home" in said
    assert ("--presign" in said) is scheme.startswith("s3")
    assert ("https:// destination" in said) is ("hdfs" in scheme)


@pytest.mark.parametrize(("scheme", "said"), [("s3", True), ("s3n", True), ("s3a", False)])
def test_schemes_that_hadoop_has_given_up(scheme: str, said: bool) -> None:
    assert ("knows s3a:// alone" in notes(f"{scheme}://b/s.tgz")) is said


def test_an_object_that_everybody_may_read_has_a_url() -> None:
    said = notes("s3a://b/d/s.tgz", readable_by_all=True)
    assert "https://b.s3.amazonaws.com/d/s.tgz" in said
    assert "--presign" not in said


def test_a_presigned_url() -> None:
    given = Circumstances("https://b.s3.amazonaws.com/s.tgz?X-Amz-Signature=1#/s.tgz", presigned_until=ENDS)
    note, cache = agent_notes(given)
    assert "until 2026-03-04 05:06 UTC" in note
    assert "whose /bin/sh is bash need another URI" in cache
    assert "X-Amz" not in note + cache
    assert not is_cacheable(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, False),
        ({"temporary": True}, "temporary credentials"),
        ({"temporary": True, "ends_sooner": True}, "sooner than was asked for"),
    ],
)
def test_credentials_that_end(given: dict[str, Any], said: str) -> None:
    found = agent_notes(Circumstances("https://h/?a=/s.tgz", presigned_until=ENDS, **given))[1:-1]
    assert [note for note in found if said and said in note] == list(found)
    assert len(found) == bool(said)


def test_what_was_replaced_may_still_be_cached() -> None:
    assert "until they are restarted" in notes("https://r/s.tgz", replaces=True)
    assert "until they are restarted" not in notes("https://r/s.tgz")


@pytest.mark.parametrize(
    ("uri", "endpoint", "url"),
    [
        ("s3a://bucket/a/s.tgz", None, "https://bucket.s3.amazonaws.com/a/s.tgz"),
        ("S3://my.bucket/s.tgz", None, "https://s3.amazonaws.com/my.bucket/s.tgz"),
        ("s3a://bucket/s.tgz", "http://minio:9000/", "http://minio:9000/bucket/s.tgz"),
        ("hdfs://n/s.tgz", None, None),
    ],
)
def test_public_urls(uri: str, endpoint: str | None, url: str | None) -> None:
    assert public_url(uri, endpoint) == url
