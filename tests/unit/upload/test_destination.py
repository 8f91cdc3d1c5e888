from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.errors import UsageError
from sparkmesos_core.upload.destination import aside_name, parse_destination


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("https://repo/dist/", "https://repo/dist/spark-3.5.9.tgz"),
        ("https://repo", "https://repo/spark-3.5.9.tgz"),
        ("HTTP://repo:8080/a.tgz", "http://repo:8080/a.tgz"),
        ("https://repo/my%20dist/a.tgz", "https://repo/my%20dist/a.tgz"),
        ("s3a://bucket/", "s3a://bucket/spark-3.5.9.tgz"),
        ("s3://bucket/a/b.tgz", "s3://bucket/a/b.tgz"),
        ("s3n://bucket", "s3n://bucket/spark-3.5.9.tgz"),
        ("hdfs:///dist/", "hdfs:///dist/spark-3.5.9.tgz"),
        ("hdfs://nn:8020/dist/x.tgz", "hdfs://nn:8020/dist/x.tgz"),
        ("webhdfs://nn:9870/dist/", "webhdfs://nn:9870/dist/spark-3.5.9.tgz"),
        ("file:///mnt/dist/", "file:///mnt/dist/spark-3.5.9.tgz"),
        ("file:/mnt/dist/a.tgz", "file:///mnt/dist/a.tgz"),
        ("file://localhost/mnt/a%20b.tgz", "file:///mnt/a%20b.tgz"),
        ("/mnt/dist/", "file:///mnt/dist/spark-3.5.9.tgz"),
        ("/mnt/a:b.tgz", "file:///mnt/a:b.tgz"),
        ("/mnt/../a.tgz", "file:///a.tgz"),
        ("https://u:p@repo/a.tgz", "https://repo/a.tgz"),
    ],
)
def test_where_the_file_goes(text: str, uri: str) -> None:
    destination = parse_destination(text, "spark-3.5.9.tgz")
    assert destination.uri == destination.label == uri
    assert destination.name == uri.rpartition("/")[2].replace("%20", " " if "file" in uri else "%20")


def test_an_existing_folder_is_one_without_a_slash(tmp_path: Path) -> None:
    assert parse_destination(str(tmp_path), "a.tgz").path == str(tmp_path / "a.tgz")


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_destination("dist/", "a.tgz").path == str(tmp_path / "dist/a.tgz")
    assert parse_destination("a.tgz", "x.tgz").path == str(tmp_path / "a.tgz")


def test_credentials_are_taken_out() -> None:
    destination = parse_destination("https://me:hunt%3Aer2%40@repo/dist/", "a.tgz")
    assert (destination.user, destination.password) == ("me", "hunt:er2@")
    assert "hunt" not in repr(destination) + destination.uri + destination.label
    assert parse_destination("https://me@repo/dist/", "a.tgz").password is None


def test_a_file_beside() -> None:
    destination = parse_destination("https://me:pw@repo/dist/a.tgz", "")
    assert destination.folder == "/dist/"
    assert destination.sibling("a.tgz.sha256").uri == "https://repo/dist/a.tgz.sha256"
    assert aside_name("a.tgz", "f00") == ".a.tgz.f00.part"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the destination is empty"),
        ("ftp://host/a.tgz", "scheme ftp:// is not known"),
        ("s3:/bucket/a.tgz", "begins with s3: but not with s3://"),
        ("https:///a.tgz", "does not name a host"),
        ("s3://", "does not name a bucket"),
        ("https://host/a.tgz?x=1", "has a query"),
        ("https://host/a.tgz#x", "has a fragment"),
        ("https://host?x=1", "https://host/… has a query"),
        ("https://host/a b.tgz", "holds ' ', which no URI can"),
        ("https://host/a'b.tgz", "which no URI can"),
        ("https://host/a/../b.tgz", "has . or .. in its path"),
        ("https://host/a/.", "has . or .. in its path"),
        ("s3://AKIA:hunter2@bucket/a.tgz", "has credentials in it"),
        ("hdfs://me@nn/a.tgz", "has credentials in it"),
        ("file://server/share/a.tgz", "names another host"),
        ("file:a.tgz", "its path is not absolute"),
        ("file:///a%00b", "null character"),
        ("repo.example:8080/dist/", "looks like that of a server"),
        ("repo.example/dist/", "looks like that of a server"),
        ("localhost:8080/", "looks like that of a server"),
        ("10.0.0.1/dist/", "looks like that of a server"),
        ("me:hunter2@repo:80/dist/", "looks like that of a server"),
        ("https://ci:hunter2/x@repo/dist/", "has an @ behind its first slash"),
        ("https://ci:hun/ter2@repo/dist/", "has an @ behind its first slash"),
    ],
)
def test_what_cannot_be_one(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_destination(text, "spark.tgz")
    assert says in caught.value.message
    assert caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "text", ["./repo.example/dist/", "/repo.example/a.tgz", "dist/a.tgz", "a.tgz", "v1.2/a.tgz"]
)
def test_a_path_is_not_taken_for_a_host(text: str) -> None:
    assert parse_destination(text, "x.tgz").scheme == "file"


@given(st.text(), st.text(alphabet="abc.-", min_size=1).filter(lambda name: name not in (".", "..")))
def test_any_text_is_a_destination_or_a_usage_error(text: str, name: str) -> None:
    try:
        destination = parse_destination(text, name)
    except UsageError:
        return
    assert destination.name
    assert destination.uri.startswith(f"{destination.scheme}://")
