from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.agent.fetcher import FetchCancelled, FetcherCache, FetchError
from tests.fetching import fetch, files, last_error, make_sandbox

# A client that knows one file, hdfs://nn/a.
CLIENT = """#!/bin/sh
echo "$HADOOP_HOME: $*" >> "$(dirname "$0")/asked"
case "$1 $2 $3" in
    version*) echo "Hadoop 3.3.4"; echo warned >&2 ;;
    "fs -copyToLocal hdfs://nn/a") echo body > "$4" ;;
    "fs -du hdfs://nn/a") echo "5  15  $3" ;;
    "fs -copyToLocal hdfs://nn/slow") echo half > "$4"; sleep 1000 ;;
    *) echo "WARN: be warned of $3" >&2; echo half > "$4"; echo "copyToLocal: no such file: $3" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    return make_sandbox(tmp_path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "my hadoop"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "hadoop").write_text(CLIENT)
    (folder / "bin" / "hadoop").chmod(0o755)
    monkeypatch.delenv("HADOOP_HOME", raising=False)
    return folder


def asked(home: Path) -> list[str]:
    return (home / "bin" / "asked").read_text().splitlines()


@pytest.mark.parametrize("how", ["setting", "HADOOP_HOME", "PATH"])
def test_where_the_client_is_found(
    how: str, home: Path, sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESOS_SECRET", "x")
    if how == "HADOOP_HOME":
        monkeypatch.setenv("HADOOP_HOME", str(home))
    elif how == "PATH":
        monkeypatch.setenv("PATH", f"{home / 'bin'}:/usr/bin:/bin")
    elif how == "setting":
        monkeypatch.setenv("HADOOP_HOME", "/elsewhere")
    log = fetch(sandbox, "hdfs://nn/a", hadoop_home=home if how == "setting" else None)
    assert (sandbox / "a").read_text() == "body\n"
    assert f"Downloading resource with Hadoop client from 'hdfs://nn/a' to '{sandbox}/a'" in log
    assert (sandbox / "stdout").read_text() == "Hadoop 3.3.4\nwarned\n"
    known = "" if how == "PATH" else home
    assert asked(home) == [f"{known}: version", f"{known}: fs -copyToLocal hdfs://nn/a {sandbox}/a"]


@pytest.mark.parametrize("uri", ["gs://b/a", "s3a://b/a", "webhdfs://nn/b", "hdfs:///b"])
def test_the_client_is_for_all_other_schemes(uri: str, home: Path, sandbox: Path) -> None:
    with pytest.raises(FetchError):
        fetch(sandbox, uri, hadoop_home=home)
    why = f"HDFS copyToLocal failed: hadoop ended with status 256: copyToLocal: no such file: {uri}"
    assert last_error(sandbox) == why
    assert f"WARN: be warned of {uri}\n" in (sandbox / "stderr").read_text()
    assert files(sandbox) == set()


def test_what_the_client_says_holds_no_secret(home: Path, sandbox: Path) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(sandbox, "s3n://KEY:hunter2@bucket/b", hadoop_home=home)
    assert "s3n://KEY:***@bucket/b" in str(caught.value)
    assert "hunter2" not in (sandbox / "stderr").read_text() + str(caught.value)


def test_http_is_not_for_the_client(home: Path, sandbox: Path) -> None:
    with pytest.raises(FetchError, match="Couldn't connect"):
        fetch(sandbox, "http://127.0.0.1:9/a", hadoop_home=home)


def test_a_configured_client_that_is_not_there(sandbox: Path, tmp_path: Path) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(sandbox, "hdfs://nn/a", hadoop_home=tmp_path / "nope")
    assert str(caught.value).endswith("Hadoop client is not available, exit status: 32512")


def test_through_the_cache(home: Path, sandbox: Path, tmp_path: Path) -> None:
    cache = FetcherCache(tmp_path / "cache")
    uri = {"value": "hdfs://nn/a", "cache": True}
    fetch(sandbox, uri, hadoop_home=home, cache=cache)
    log = fetch(sandbox, uri, hadoop_home=home, cache=cache)
    assert "RETRIEVE_FROM_CACHE" in log
    assert [line.split(": ")[1].split()[:2] for line in asked(home)] == [
        ["version"],
        ["fs", "-du"],
        ["version"],
        ["fs", "-copyToLocal"],
    ]
    assert cache.used == 5


def test_a_client_that_hangs_can_be_given_up(home: Path, sandbox: Path) -> None:
    cancelled = threading.Event()
    timer = threading.Timer(0.3, cancelled.set)
    timer.start()
    with pytest.raises(FetchCancelled):
        fetch(sandbox, "hdfs://nn/slow", hadoop_home=home, cancelled=cancelled)
    timer.join()
    assert files(sandbox) == set()
