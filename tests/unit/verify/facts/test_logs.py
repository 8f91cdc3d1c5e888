"""Reading the ends of logs, and choosing whose."""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from sparkmesos_core.errors import MesosError, TimedOutError
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.verify.facts.cluster_state import AgentState, FrameworkState, TaskState
from sparkmesos_core.verify.facts.logs import LogEnd, MayNotReadError, agents_to_read, log_end
from tests.http_stub import Answer, HttpStub, http_stub

NOTHING = Resources({})
LARGEST = 64 * 1024


def served(log: bytes, path: str) -> Answer:
    """As Mesos serves a file: bytes that are no UTF-8 as they are, and 64 KiB at once."""
    query = parse_qs(urlsplit(path).query)
    if "offset" not in query:
        return Answer(200, b'{"data":"","offset":%d}' % len(log))
    start, length = int(query["offset"][0]), min(int(query["length"][0]), LARGEST)
    text = json.dumps(log[start : start + length].decode("utf-8", "surrogateescape"), ensure_ascii=False)
    return Answer(200, b'{"data":%b,"offset":%d}' % (text.encode("utf-8", "surrogateescape"), start))


def read(log: bytes, lines: int, seconds: float = 30) -> tuple[LogEnd, HttpStub]:
    with http_stub(lambda path: served(log, path)) as stub, MesosHttp(f"http://{stub.address}") as http:
        return log_end(http, "/slave/log", "a", lines, time.monotonic() + seconds), stub


def log_of(lines: int, more: str = "") -> bytes:
    return b"".join(f"I20261122 08:00:15.000000 1 a.cpp:1] line {n}{more}\n".encode() for n in range(lines))


@pytest.mark.parametrize("lines", [1, 10, 1000, 5000])
def test_the_last_lines(lines: int) -> None:
    end, _ = read(log_of(3000), lines)
    expected = [f"line {n}" for n in range(max(0, 3000 - lines), 3000)]
    assert [record.text for record in end.records] == expected
    assert end.lines == len(expected)


def test_no_more_is_read_than_is_needed() -> None:
    _, stub = read(log_of(100_000), 100)
    assert len(stub.requests) == 2
    assert stub.requests[1][1].endswith(f"length={LARGEST}")


def test_characters_between_two_pieces_stay_whole() -> None:
    end, _ = read(log_of(5000, " – café"), 5000)
    assert len(end.records) == 5000
    assert all(record.text.endswith(" – café") for record in end.records)


def test_bytes_that_are_no_text() -> None:
    end, _ = read(b"I20261122 08:00:15.000000 1 a.cpp:1] \xff\xfe\n", 10)
    assert [record.text for record in end.records] == ["\ufffd\ufffd"]


def test_a_log_without_lines_is_read_in_part() -> None:
    end, stub = read(b"x" * 6_000_000, 10)
    assert end.records == ()
    assert len(stub.requests) == 1 + 4 * 1024 // 64


def test_an_empty_log() -> None:
    end, _ = read(b"", 10)
    assert (end.records, end.lines) == ((), 0)
    end, _ = read(log_of(10), 0)
    assert (end.records, end.lines) == ((), 0)


def test_time_is_up() -> None:
    with pytest.raises(TimedOutError) as caught:
        read(log_of(10), 10, seconds=-1)
    assert "--log-lines" in caught.value.hint


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_read(status: int) -> None:
    with pytest.raises(MayNotReadError), http_stub(lambda _: Answer(status)) as stub:
        log_end(MesosHttp(f"http://{stub.address}"), "/slave/log", "a", 10, time.monotonic() + 30)


@pytest.mark.parametrize(
    "answer", [Answer(200, b"[]"), Answer(200, b"<html>"), Answer(500, b"no"), Answer(307)]
)
def test_another_answer(answer: Answer) -> None:
    with pytest.raises(MesosError), http_stub(lambda _: answer) as stub:
        log_end(MesosHttp(f"http://{stub.address}"), "/slave/log", "a", 10, time.monotonic() + 30)


def agent(number: int, *, active: bool = True, draining: str = "") -> AgentState:
    facts = AgentFacts(f"S{number}", f"a{number}", "10.0.0.1", 5051, NOTHING, (), "1.12.0", active)
    return AgentState(facts, NOTHING, NOTHING, draining=draining, registered_at=number)


def test_agents_in_trouble_are_read_first() -> None:
    task = TaskState("t", "t", "f", "t", "S2", "TASK_FAILED")
    framework = FrameworkState(
        "f", "f", ("*",), "", "", "", "", True, True, 0.0, NOTHING, NOTHING, failed=(task,)
    )
    agents = [agent(1), agent(2), agent(3), agent(4, active=False), agent(5, draining="DRAINING"), agent(6)]
    chosen = agents_to_read(agents, (framework,), most=4)
    assert [one.facts.id for one in chosen] == ["S5", "S4", "S2", "S6"]
    assert [one.facts.id for one in agents_to_read(agents, most=3)] == ["S5", "S4", "S6"]
