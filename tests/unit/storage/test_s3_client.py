"""How a client of S3 is set up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ProfileNotFound

from sparkmesos_core.storage.s3_client import new_s3_client
from tests.servers.s3 import set_aws_environment

OWN = "http://s3.lab:9000"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    config = tmp_path / "config"
    set_aws_environment(
        monkeypatch,
        {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        },
    )
    return config


def signed(client: Any) -> str:
    """A URL as the client builds it."""
    url = str(client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a/b"}))
    client.close()
    return url


@pytest.mark.parametrize(
    ("endpoint", "path_style", "url"),
    [
        (None, None, "https://bucket.s3.amazonaws.com/a/b?"),
        (None, False, "https://bucket.s3.eu-west-1.amazonaws.com/a/b?"),
        (None, True, "https://s3.eu-west-1.amazonaws.com/bucket/a/b?"),
        ("https://s3.eu-west-1.amazonaws.com", None, "https://s3.eu-west-1.amazonaws.com/bucket/a/b?"),
        (OWN, None, f"{OWN}/bucket/a/b?"),
        (OWN, True, f"{OWN}/bucket/a/b?"),
        (OWN, False, "http://bucket.s3.lab:9000/a/b?"),
    ],
)
def test_where_the_bucket_is_written(endpoint: str | None, path_style: bool | None, url: str) -> None:
    found = signed(new_s3_client(endpoint, 5, path_style=path_style))
    assert found.startswith(url)
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in found


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_endpoint_of_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, OWN)
    assert signed(new_s3_client(None, 5)).startswith(f"{OWN}/bucket/")
    assert signed(new_s3_client("http://other", 5)).startswith("http://other/bucket/")


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        (f"endpoint_url = {OWN}", f"{OWN}/bucket/"),
        (f"services = mine\n[services mine]\ns3 =\n  endpoint_url = {OWN}", f"{OWN}/bucket/"),
        (f"endpoint_url = {OWN}\ns3 =\n  addressing_style = virtual", "http://bucket.s3.lab:9000/"),
        ("s3 =\n  addressing_style = path", "https://s3.eu-west-1.amazonaws.com/bucket/"),
        (
            "region = us-west-2\ns3 =\n  addressing_style = virtual",
            "https://bucket.s3.us-west-2.amazonaws.com/",
        ),
    ],
)
def test_a_profile(lines: str, url: str, aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = "aws_access_key_id = key\naws_secret_access_key = secret"
    aws.write_text(f"[profile work]\n{keys}\n{lines}\n")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    region = None if "region" in lines else "eu-west-1"
    assert signed(new_s3_client(None, 5, profile="work", region=region)).startswith(url)
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert signed(new_s3_client(None, 5, region=region)).startswith(url)


def test_mistakes() -> None:
    with pytest.raises(ProfileNotFound):
        new_s3_client(None, 5, profile="nobody")
    with pytest.raises(ValueError, match="Invalid endpoint"):
        new_s3_client("nonsense", 5)


def test_no_proxy_is_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    assert new_s3_client("http://127.0.0.1:9000", 5).meta.config.proxies == {}
    assert new_s3_client("http://localhost:9000", 5).meta.config.proxies == {}
    assert new_s3_client(OWN, 5).meta.config.proxies is None  # botocore looks for itself


def test_bodies_are_not_read_twice_for_the_signature() -> None:
    assert new_s3_client(OWN, 5).meta.config.s3["payload_signing_enabled"] is False
    # Amazon's way is botocore's: not signed over TLS.
    assert "payload_signing_enabled" not in (new_s3_client(None, 5).meta.config.s3 or {})
