"""Fetching from a real S3 server (rclone's)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.agent.fetcher import FetcherCache, FetchError
from tests.fetching import fetch, files, hide_hadoop, last_error, make_sandbox, make_tar
from tests.servers.s3 import S3Server, rclone_s3, set_aws_environment


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("s3") / "dist"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def server(bucket: Path) -> Iterator[S3Server]:
    with rclone_s3(bucket.parent, fresh=True) as running:
        yield running


@pytest.fixture
def endpoint(server: S3Server) -> str:
    return server.url


@pytest.fixture
def sandbox(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    environment = server.environment()
    del environment["AWS_ENDPOINT_URL_S3"]  # what each test gives
    set_aws_environment(monkeypatch, environment)
    hide_hadoop(monkeypatch)
    return make_sandbox(tmp_path)


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_an_archive(
    scheme: str, bucket: Path, server: S3Server, sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    (bucket / "folder").mkdir(exist_ok=True)
    make_tar(bucket / "folder" / "spark 1.tgz", content=os.urandom(300_000))
    uri = f"{scheme}://dist/folder/spark 1.tgz"
    log = fetch(sandbox, uri)
    assert files(sandbox) == {"spark 1.tgz", "top/bin/run"}
    assert (sandbox / "spark 1.tgz").read_bytes() == (bucket / "folder" / "spark 1.tgz").read_bytes()
    assert f"Downloading resource with S3 client from '{uri}' to '{sandbox}/spark 1.tgz'" in log
    assert server.secret not in log


def test_through_the_cache(bucket: Path, endpoint: str, sandbox: Path, tmp_path: Path) -> None:
    (bucket / "app.py").write_text("x")
    cache = FetcherCache(tmp_path / "cache")
    uri = {"value": "s3a://dist/app.py", "cache": True}
    fetch(sandbox, uri, s3_endpoint=endpoint, cache=cache)
    log = fetch(sandbox, uri, s3_endpoint=endpoint, cache=cache)
    assert "DOWNLOAD_AND_CACHE" in log
    assert "RETRIEVE_FROM_CACHE" in log
    assert log.count("Downloading") == 1


@pytest.mark.parametrize(
    ("uri", "environment", "why"),
    [
        ("s3://dist/nope", {}, "S3 refuses (bucket 'dist'): NoSuchKey"),
        ("s3://none/nope", {}, "S3 refuses (bucket 'none'): NoSuchBucket"),
        ("s3://k:hunter2@dist/nope", {}, "S3 takes no credentials in a URI"),
        ("s3://dist/", {}, "Malformed"),
        (
            "s3://dist/app.py",
            {"AWS_SECRET_ACCESS_KEY": "wrong"},
            "S3 refuses (bucket 'dist'): SignatureDoesNotMatch",
        ),
        ("s3://dist/app.py", {"AWS_ACCESS_KEY_ID": ""}, "no AWS credentials"),
        ("s3://dist/app.py", {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, "S3: Couldn't connect to server"),
        ("s3://dist/app.py", {"AWS_ENDPOINT_URL_S3": "nonsense"}, "S3 cannot be asked: Invalid endpoint"),
    ],
)
def test_why_it_failed(
    uri: str,
    environment: dict[str, str],
    why: str,
    endpoint: str,
    sandbox: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    for name, value in environment.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name)
            monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(FetchError) as caught:
        fetch(sandbox, uri)
    assert why in str(caught.value)
    assert "hunter2" not in str(caught.value)
    if why != "Malformed":
        assert why in last_error(sandbox)
    assert files(sandbox) == set()
