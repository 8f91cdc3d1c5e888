"""The fetcher's log is, line by line, the one that a real Mesos 1.12.0 wrote for the same URIs.

Times, threads, source lines and paths apart, and but for the lines of OTHERS.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sparkmesos_core.localcluster.agent.fetcher import FetcherCache, FetcherOptions, FetchError, fetch_all
from tests.fetching import files, make_sandbox, make_tar

RECORDINGS = Path(__file__).parent / "recordings"
FETCHER = "scheduler-fetcher"
SPARK = ("executor-uri-cached", "java", "py-files-file-scheme")

OTHERS = {
    r"Failed to synchronize with agent": "said by the container's launcher, which lost its agent, not by the fetcher",
}
"""Recorded lines which are not the fetcher's, though they stand among them."""

NOT_RECORDED = {
    r"cp: cannot stat '/opt/": "the recordings of Spark keep only the telling lines of a log, and left this one out",
}

_HEAD = re.compile(r"^([IWE])\d{8} \d\d:\d\d:\d\d\.\d{6} +\d+ \w+\.(?:cpp|py):\d+\] ")
_END = "Successfully fetched all URIs into"


@dataclass(frozen=True)
class Recorded:
    """A sandbox's stderr as far as the fetcher had a part in it, and what it was asked for."""

    name: str
    lines: list[str]
    info: dict[str, Any]

    @property
    def succeeded(self) -> bool:
        return _END in self.lines[-1]


def recorded() -> Iterator[Recorded]:
    conversation = json.loads((RECORDINGS / "mesos-1.12.0" / f"{FETCHER}.json").read_text())
    for exchange in conversation["exchanges"]:
        asked = urlsplit(exchange["request"]["path"])
        if asked.path == "/files/read" and asked.query.split("&")[0].endswith("/stderr"):
            task = parse_qs(asked.query)["path"][0].split("/executors/")[1].split("/")[0]
            yield as_recorded(task, exchange["response"]["body"]["data"])
    for name in SPARK:
        run = json.loads((RECORDINGS / "spark-3.5.9-cluster-mode" / f"{name}.json").read_text())
        for task in run["tasks"]:
            yield as_recorded(f"{name}-{task['framework_name'].replace(' ', '-')}", task["stderr"])


def as_recorded(name: str, stderr: str) -> Recorded:
    lines = stderr.splitlines()
    info = json.loads(lines[0].split("Fetcher Info: ")[1])
    end = next((n for n, line in enumerate(lines, 1) if _END in line), len(lines))
    return Recorded(name, lines[:end], info)


RECORDED = {case.name: case for case in recorded()}


def shape(lines: list[str], sandbox: str, cache: str, others: dict[str, str]) -> list[str]:
    """The lines with what differs from run to run replaced."""
    kept = [line for line in lines if not any(re.match(pattern, line) for pattern in others)]
    return [
        _HEAD.sub(r"\1] ", line).replace(sandbox, "SANDBOX").replace(f'"{cache}"', '"CACHE"') for line in kept
    ]


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """What was in /srv/dist when the recordings were made."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in ("spark-9.9.9-bin-x.tgz", "spark-3.5.9-bin-hadoop3.tgz"):
        make_tar(folder / name)
    program = folder / "spark-9.9.9-bin-x" / "bin" / "spark-class"
    program.parent.mkdir(parents=True)
    program.touch()
    (folder / "e2e.py").touch()
    return folder


def replay(case: Recorded, tmp_path: Path, dist: Path) -> tuple[Path, list[str]]:
    def here(value: str) -> str:
        return value.replace("/srv/dist", str(dist))

    sandbox = make_sandbox(tmp_path)
    cache = FetcherCache(tmp_path / "cache")
    # hadoop was not installed where this was recorded; without a configured one ours would not ask for it.
    options = FetcherOptions(cache=cache, hadoop_home=tmp_path / "no-hadoop")
    uris = [{**item["uri"], "value": here(item["uri"]["value"])} for item in case.info["items"]]
    with nullcontext() if case.succeeded else pytest.raises(FetchError):
        fetch_all(uris, sandbox, threading.Event(), options)
    ours = (sandbox / "stderr").read_text().replace(str(dist), "/srv/dist").splitlines()
    return sandbox, shape(ours, str(sandbox), str(cache.folder), NOT_RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_the_log_is_as_recorded(name: str, tmp_path: Path, dist: Path) -> None:
    case = RECORDED[name]
    _, ours = replay(case, tmp_path, dist)
    theirs = shape(case.lines, case.info["sandbox_directory"], case.info["cache_directory"], OTHERS)
    assert ours == theirs


def test_all_ways_are_in_the_recordings() -> None:
    actions = {item["action"] for case in RECORDED.values() for item in case.info["items"]}
    assert actions == {"BYPASS_CACHE", "DOWNLOAD_AND_CACHE"}
    assert sum(case.succeeded for case in RECORDED.values()) == 4
    assert len(RECORDED) == 9


def test_sandboxes_hold_what_the_recorded_ones_held(tmp_path: Path, dist: Path) -> None:
    sandbox, _ = replay(RECORDED["fetch-ok"], tmp_path / "ok", dist)
    assert files(sandbox) == {"spark-9.9.9-bin-x.tgz", "raw.bin", "top/bin/run"}
    sandbox, _ = replay(RECORDED["fetch-cache"], tmp_path / "cache", dist)
    assert files(sandbox) == {"spark-class", "top/bin/run"}
    assert (sandbox / "spark-class").stat().st_mode & 0o777 == 0o755


def test_the_shell_says_in_stdout_that_there_is_no_hadoop(tmp_path: Path, dist: Path) -> None:
    sandbox, _ = replay(RECORDED["fetch-hdfs"], tmp_path, dist)
    # Recorded from dash: "sh: 1: hadoop: not found". Other shells say it in other words.
    assert "bin/hadoop: " in (sandbox / "stdout").read_text()


def test_the_status_message(tmp_path: Path) -> None:
    conversation = json.loads((RECORDINGS / "mesos-1.12.0" / f"{FETCHER}.json").read_text())
    statuses = [e["update"]["status"] for e in conversation["events"] if e.get("type") == "UPDATE"]
    messages = [status["message"] for status in statuses if status["state"] == "TASK_FAILED"]
    assert len(messages) == 3
    with pytest.raises(FetchError) as caught:
        fetch_all([{"value": "/nope"}], make_sandbox(tmp_path), threading.Event())
    for message in messages:
        container = re.findall(r"container '(.*)'", message)[0]
        assert message == f"Failed to launch container: {caught.value.launch_failure(container)}"
