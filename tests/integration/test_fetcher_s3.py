"""Fetching from a real S3 server (rclone's)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.agent.fetcher import FetcherCache, FetchError
from tests.fetching import fetch, files, hide_hadoop, last_error, make_sandbox, make_tar

KEY, SECRET = "fetcher-key", "fetcher-secret"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("s3") / "dist"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def endpoint(bucket: Path) -> Iterator[str]:
    program = Path(sys.executable).parent / "rclone"
    with subprocess.Popen(
        [
            *(program, "serve", "s3", bucket.parent, "--addr", "127.0.0.1:0"),
            *("--auth-key", f"{KEY},{SECRET}", "--dir-cache-time", "0s"),
        ],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RCLONE_CONFIG": os.devnull},
    ) as server:
        assert server.stderr is not None
        try:
            for line in server.stderr:
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    break
            else:
                pytest.fail("rclone did not start")
            yield found[0]
        finally:
            server.kill()


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    hide_hadoop(monkeypatch)
    return make_sandbox(tmp_path)


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_an_archive(
    scheme: str, bucket: Path, endpoint: str, sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    (bucket / "folder").mkdir(exist_ok=True)
    make_tar(bucket / "folder" / "spark 1.tgz", content=os.urandom(300_000))
    uri = f"{scheme}://dist/folder/spark 1.tgz"
    log = fetch(sandbox, uri)
    assert files(sandbox) == {"spark 1.tgz", "top/bin/run"}
    assert (sandbox / "spark 1.tgz").read_bytes() == (bucket / "folder" / "spark 1.tgz").read_bytes()
    assert f"Downloading resource with S3 client from '{uri}' to '{sandbox}/spark 1.tgz'" in log
    assert SECRET not in log


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
