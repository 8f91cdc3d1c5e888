"""URLs for agents without credentials; that servers take them is in tests/integration/test_upload_s3.py."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sparkmesos_core.errors import UploadError, UsageError
from sparkmesos_core.localcluster.agent.fetcher.uris import base_name
from sparkmesos_core.upload.destination import parse_destination
from sparkmesos_core.upload.s3 import presigned_url as module
from sparkmesos_core.upload.s3 import target as s3_target
from sparkmesos_core.upload.s3.presigned_url import MAX_SECONDS, presign, presigned_url
from sparkmesos_core.upload.target import S3Options, UploadOptions
from tests.servers.s3 import set_aws_environment
from tests.unit.upload.fake_s3 import refusal

OPTIONS = UploadOptions({}, s3=S3Options(endpoint_url="http://s3.lab:9000"))
NAME = "spark-3.5.9-bin-hadoop3.tgz"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    set_aws_environment(
        monkeypatch,
        {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "hunter2",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        },
    )


def sign(uri: str = f"s3a://bucket/dist/{NAME}", expires: timedelta | float = 60) -> module.PresignedUrl:
    return presign(parse_destination(uri, ""), OPTIONS, expires)


def test_mesos_and_spark_find_the_name_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a/b+c=" * 100)
    url = sign().url
    assert base_name(url) == NAME
    # `uri.split('/').last.split('.').head` of Spark's MesosCoarseGrainedSchedulerBackend
    assert url.rpartition("/")[2].split(".")[0] == "spark-3"
    parts = urlsplit(url)
    assert (parts.netloc, parts.path) == ("s3.lab:9000", f"/bucket/dist/{NAME}")
    query = parse_qs(parts.query, strict_parsing=True)
    assert query["response-content-disposition"] == [f"attachment;filename=/{NAME}"]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-Security-Token"] == ["a/b+c=" * 100]
    assert not set(url) & set("'\"\\ <>")
    assert "hunter2" not in url


def test_when_it_ends() -> None:
    before = datetime.now(timezone.utc)
    signed = sign(expires=timedelta(hours=1))
    after = datetime.now(timezone.utc)
    assert before <= signed.ends - timedelta(hours=1) <= after
    assert (signed.temporary, signed.shortened) == (False, False)


def test_temporary_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    signed = sign()
    assert (signed.temporary, signed.shortened) == (True, False)


@pytest.mark.parametrize(("minutes", "shortened"), [(10, True), (120, False)])
def test_credentials_whose_end_is_known(
    minutes: int, shortened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.credentials import RefreshableCredentials

    until = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    credentials = RefreshableCredentials("key", "secret", "token", until, lambda: {}, "test")
    real = s3_target.client_for

    def client_for(options: UploadOptions) -> Any:
        client = real(options)
        client._request_signer._credentials = credentials
        return client

    monkeypatch.setattr(module, "client_for", client_for)
    # Near their end botocore tries to have new ones, and takes the old ones as long as they hold.
    monkeypatch.setattr(credentials, "refresh_needed", lambda *_, **__: False)
    signed = sign(expires=3600)
    assert (signed.temporary, signed.shortened) == (True, shortened)
    assert (signed.ends == until) == shortened


@pytest.mark.parametrize("expires", [0, 0.5, -1, MAX_SECONDS + 1, timedelta(days=8), float("nan")])
def test_times_that_s3_does_not_take(expires: timedelta | float) -> None:
    with pytest.raises(UsageError, match="cannot hold for"):
        sign(expires=expires)


def test_the_longest_time() -> None:
    assert f"X-Amz-Expires={7 * 24 * 3600}&" in sign(expires=timedelta(days=7)).url


@pytest.mark.parametrize(
    ("name", "end"),
    [("a.tar.gz", "a.tar.gz"), ("a-1_2~3.tgz", "a-1_2~3.tgz"), ("spark.3+mine.tgz", "spark.3%2Bmine.tgz")],
)
def test_other_names(name: str, end: str) -> None:
    assert base_name(sign(f"s3://bucket/{name}").url) == end


@pytest.mark.parametrize("name", ["spark+mine.tgz", "spark%20mine.tgz", "a" * 256 + ".tgz", "sp\u00e4rk.tgz"])
def test_names_that_would_become_others(name: str) -> None:
    with pytest.raises(UsageError, match="no presigned URL can end in"):
        sign(f"s3://bucket/{name}")


def test_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UploadError, match="no AWS credentials"):
        sign()


@pytest.mark.parametrize(
    ("hidden", "bucket", "place"),
    [
        (False, "bucket", "bucket.s3.eu-central-1.amazonaws.com"),
        (True, "dotted.bucket", "s3.eu-central-1.amazonaws.com/dotted.bucket"),
    ],
)
def test_amazon_tells_where_a_bucket_is(
    hidden: bool, bucket: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    headers = {"x-amz-bucket-region": "eu-central-1"}

    def head_bucket(**arguments: Any) -> Any:
        asked.append(arguments)
        if hidden:
            raise refusal("403", 403, **headers)
        return {"ResponseMetadata": {"HTTPHeaders": headers}}

    real = s3_target.client_for

    def client_for(options: UploadOptions) -> Any:
        client = real(options)
        monkeypatch.setattr(client, "head_bucket", head_bucket)
        return client

    monkeypatch.setattr(module, "client_for", client_for)
    destination = parse_destination(f"s3://{bucket}/{NAME}", "")
    url = presign(destination, UploadOptions({}), 60).url
    assert url.startswith(f"https://{place}/{NAME}?")
    assert "%2Feu-central-1%2Fs3%2Faws4_request" in url
    assert asked == [{"Bucket": bucket}]


def test_a_url_of_another_form() -> None:
    """As of version 2, which has no parameters to be sorted."""
    client = SimpleNamespace(
        generate_presigned_url=lambda *_, **__: "http://h/b/k?AWSAccessKeyId=x&Signature=y"
    )
    with pytest.raises(UploadError, match="of another form than expected"):
        presigned_url(client, "b", "k", 60)
