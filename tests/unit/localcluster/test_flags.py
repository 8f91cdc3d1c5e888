from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.flags import read_duration, read_roles, read_zookeeper


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15secs", 15.0),
        ("1.5mins", 90.0),
        ("500ms", 0.5),
        ("2hrs", 7200.0),
        ("1days", 86400.0),
        ("1 secs", 1.0),
    ],
)
def test_times_as_mesos_writes_them(text: str, seconds: float) -> None:
    assert read_duration("--x", text) == seconds


@pytest.mark.parametrize(
    "text", ["", "15", "secs", "15s", "-1secs", "0secs", "1ns", "1e3secs", "9999999days"]
)
def test_no_times(text: str) -> None:
    with pytest.raises(UsageError, match=f"--x: '{text}' is no time"):
        read_duration("--x", text)


def test_nothing_is_given() -> None:
    assert read_duration("--x", None) is None
    assert read_zookeeper(None, 1) is None


def test_a_url_of_zookeeper_itself_or_in_a_file(tmp_path: Path) -> None:
    url = "zk://me:hush@localhost:2181/mesos"
    assert read_zookeeper(url, 2) == url
    (tmp_path / "zk").write_text(f"{url}\n")
    assert read_zookeeper(f"file://{tmp_path}/zk", 2) == url


def test_what_is_no_url_of_zookeeper(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 masters need a ZooKeeper"):
        read_zookeeper(None, 2)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_zookeeper(f"file://{tmp_path}/nope", 1)
    (tmp_path / "zk").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="no UTF-8"):
        read_zookeeper(f"file://{tmp_path}/zk", 1)
    (tmp_path / "zk").write_text("hush")
    with pytest.raises(UsageError, match="does not begin with zk://") as caught:
        read_zookeeper(f"file://{tmp_path}/zk", 1)
    assert "hush" not in caught.value.message


def test_roles() -> None:
    assert read_roles(None) is None
    assert read_roles("etl") == ("etl",)
    assert read_roles("*,etl") == ("*", "etl")
    assert read_roles("etl, spark/batch,.x") == ("etl", "spark/batch", ".x")


@pytest.mark.parametrize(
    "text", ["", "etl,", "-etl", "a/-b", "a//b", "/a", "a/", "a/..", ".", "a/*", "a b", "a\\b"]
)
def test_no_roles(text: str) -> None:
    with pytest.raises(UsageError, match="is no role"):
        read_roles(text)
