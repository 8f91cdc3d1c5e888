"""What real Mesos wrote into logs, and how it serves them, is understood by the checks of logs."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.log_lines import Level, LogRecord, parse_log
from sparkmesos_core.verify.checks.logs import log_verdict
from sparkmesos_core.verify.facts.logs import LogEnd, NotServedError, log_end
from sparkmesos_core.verify.log_troubles import known_trouble
from tests.contract.recorded import load
from tests.http_stub import Answer, http_stub

CLUSTER_MODE = Path(__file__).parent / "recordings" / "spark-3.5.9-cluster-mode"


def texts(value: Any) -> list[str]:
    """All texts in a JSON value."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in texts(part)]


def recorded_complaints(recording: Any) -> list[LogRecord]:
    records = [one for text in texts(recording) for one in parse_log(text, year=2026)]
    return [one for one in records if one.level > Level.INFO]


def answer_to(path: str, recording: str) -> dict[str, Any]:
    """What was recorded for a request."""
    found = [one["response"] for one in load(recording)["exchanges"] if one["request"]["path"] == path]
    response: dict[str, Any] = found[0]
    return response


def test_failed_fetches() -> None:
    complaints = recorded_complaints(load("scheduler-fetcher"))
    failed = [one for one in complaints if "Failed to fetch" in one.text]
    assert len(failed) >= 3
    assert {(one.level, one.source) for one in failed} == {(Level.ERROR, "fetcher.cpp:615")}
    assert all(one.at is not None and one.at.date() == datetime(2026, 11, 22).date() for one in failed)
    (problem,) = log_verdict([LogEnd("the agent", tuple(failed), 3)], "read").problems
    assert problem.message.startswith(
        "An agent cannot fetch a URI of a task: «EXIT with status 1: Failed to fetch '"
    )
    assert f" {len(failed)} times" in problem.message


def test_a_driver_whose_jar_is_missing() -> None:
    (complaint,) = recorded_complaints(json.loads((CLUSTER_MODE / "java.json").read_text()))
    trouble = known_trouble(complaint.text)
    assert trouble is not None
    assert "fetch" in trouble.meaning


def test_the_head_of_a_log_is_no_record() -> None:
    head = answer_to("/files/read?path=/master/log&offset=0&length=200", "master-files-log")["body"]["data"]
    assert head.startswith("Log file created at: 2026/11/22 08:00:15\n")
    assert parse_log(head, year=2026) == ()  # its last line is cut
    whole = head.rpartition("\n")[0] + "\nI20261122 08:00:15.743748 26728 main.cpp:1] Build"
    assert [record.text for record in parse_log(whole, year=2026)] == ["Build"]


def test_the_size_of_the_masters_log() -> None:
    recorded = answer_to("/files/read?path=/master/log&offset=-1", "master-files-log")["body"]
    asked: list[str] = []

    def serve(path: str) -> Answer:
        asked.append(path)
        if "offset" not in path:
            return Answer(200, json.dumps(recorded).encode())  # `offset=-1` answers the same as none
        return Answer(200, json.dumps({"data": "I20261122 08:00:15.7 cut", "offset": 0}).encode())

    with http_stub(serve) as stub, MesosHttp(f"http://{stub.address}") as http:
        end = log_end(http, "/master/log", "the master", 100, time.monotonic() + 30)
    assert (end.records, end.lines) == ((), 1)
    assert asked[1:] == [f"/files/read?path=%2Fmaster%2Flog&offset=0&length={recorded['offset']}"]


@pytest.mark.parametrize(("path", "recording"), [("/files/browse?path=/slave/log", "agent-files-large-log")])
def test_an_agent_without_a_log(path: str, recording: str) -> None:
    recorded = answer_to(path, recording)
    with (
        http_stub(lambda _: Answer(recorded["status"], recorded["body"].encode())) as stub,
        MesosHttp(f"http://{stub.address}") as http,
        pytest.raises(NotServedError),
    ):
        log_end(http, "/slave/log", "the agent", 100, time.monotonic() + 30)
