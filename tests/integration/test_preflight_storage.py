"""What the preflight sees of archives in a real S3 and a real HDFS."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.preflight.executor_uri import check_executor_uri
from sparkmesos_core.preflight.uri_reading import open_beginning
from tests.servers.s3 import S3Server, rclone_s3, set_aws_environment
from tests.unit.preflight.archives import RELEASE, tar

if TYPE_CHECKING:
    from tests.servers.hdfs import Hdfs

FAR = 60.0
NAME = "spark-3.5.9-bin-hadoop3.tgz"


def findings(uri: str, environment: Mapping[str, str] | None = None) -> list[Finding]:
    """What is found without knowing where agents are."""
    configuration = {"spark.executor.uri": uri}
    return check_executor_uri(configuration, None, environment or {}, deadline=time.monotonic() + FAR)


def assert_described(uri: str, environment: Mapping[str, str] | None = None) -> None:
    """The storage tells size and date of an archive, of which no more than the beginning is read."""
    deadline = time.monotonic() + FAR
    with open_beginning(uri, environment or {}, size=100, deadline=deadline) as opened:
        assert opened.size is not None
        assert opened.size > 100
        assert opened.changed_at is not None
        assert abs(opened.changed_at - time.time()) < 3600
        assert next(opened).startswith(b"\x1f\x8b")


def assert_error(found: list[Finding], said: str) -> None:
    (finding,) = found
    assert finding.severity is Severity.ERROR
    assert said in finding.message


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    folder = tmp_path_factory.mktemp("s3")
    (folder / "bucket").mkdir()
    for name in (NAME, "other.tgz"):
        (folder / "bucket" / name).write_bytes(tar(*RELEASE))
    (folder / "bucket" / "empty.tgz").touch()
    with rclone_s3(folder) as server:
        yield server


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_s3(monkeypatch: pytest.MonkeyPatch, s3: S3Server, scheme: str) -> None:
    set_aws_environment(monkeypatch, s3.environment())
    assert findings(f"{scheme}://bucket/{NAME}") == []
    assert_described(f"{scheme}://bucket/{NAME}")
    assert_error(findings(f"{scheme}://bucket/no.tgz"), f"{scheme}://bucket/no.tgz does not exist")
    assert_error(findings(f"{scheme}://nobody/no.tgz"), f"{scheme}://nobody/no.tgz does not exist")
    assert_error(findings(f"{scheme}://bucket/other.tgz"), "and executors run `cd other*`")


def test_s3_from_where_it_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, s3: S3Server) -> None:
    # Agents may have credentials, or a way there, where this machine has none.
    set_aws_environment(monkeypatch, {**s3.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert findings("s3a://bucket/no.tgz") == []
    without = s3.environment()
    del without["AWS_ACCESS_KEY_ID"], without["AWS_SECRET_ACCESS_KEY"]
    set_aws_environment(monkeypatch, without)
    assert findings("s3a://bucket/no.tgz") == []
    set_aws_environment(monkeypatch, {**s3.environment(), "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"})
    assert findings("s3a://bucket/no.tgz") == []
    assert_error(findings("s3a://bucket"), "is not an S3 URI")


@pytest.mark.slow
def test_hdfs(hdfs: Hdfs, tmp_path: Path) -> None:
    local = tmp_path / "preflight"
    local.mkdir()
    for name in (NAME, "other.tgz"):
        (local / name).write_bytes(tar(*RELEASE))
    folder = hdfs.uri("/preflight")
    try:
        hdfs.fs("-put", str(local), folder)
        environment = {"HADOOP_CONF_DIR": str(hdfs.conf_dir)}
        assert findings(f"{folder}/{NAME}", environment) == []
        assert_described(f"{folder}/{NAME}", environment)
        assert_error(findings(f"{folder}/no.tgz", environment), f"{folder}/no.tgz does not exist")
        assert_error(findings(folder, environment), f"{folder} is a folder")
        assert_error(findings(f"{folder}/other.tgz", environment), "holds Spark in the folder 'spark-3.5.9-")
        # Without the configuration the port for RPC is all that is known, and there is a namenode.
        assert findings(f"{folder}/no.tgz") == []
    finally:
        hdfs.fs("-rm", "-r", "-skipTrash", folder)
