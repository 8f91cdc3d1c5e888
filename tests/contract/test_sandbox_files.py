"""The client of agents' files: against what a real agent was recorded to answer, and a real log of bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from sparkmesos_core.errors import MesosError, UnreachableError
from sparkmesos_core.localcluster.served_files import FilesRefused, read_file
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.sandbox_files import LONGEST_PIECE, NoSuchFileError, SandboxFiles
from tests.contract.replay import load
from tests.http_stub import Answer, HttpStub, http_stub

RECORDED = {
    unquote(exchange["request"]["path"]): exchange["response"]
    for exchange in load("agent-files-large-log")["exchanges"]
    if exchange["request"]["path"].startswith("/files/")
}
RUNNING = load("agent-while-running")["exchanges"][0]["response"]["body"]


@contextmanager
def files_of(stub: HttpStub) -> Iterator[SandboxFiles]:
    with MesosHttp(f"http://{stub.address}", timeout=10) as http:
        yield SandboxFiles(http)


@contextmanager
def recorded_agent() -> Iterator[SandboxFiles]:
    def answer(path: str) -> Answer:
        wanted, asked = unquote(path.replace("+", " ")), urlsplit(path)
        for recorded, response in RECORDED.items():
            if parse_qs(urlsplit(recorded).query) == parse_qs(asked.query) and recorded.startswith(
                asked.path
            ):
                body = response.get("body", "")
                if isinstance(body, dict) and "first_bytes" in body:
                    body = body["first_bytes"]  # of a short one, all that was recorded
                text = body if isinstance(body, str) else json.dumps(body)
                return Answer(response["status"], text.encode())
        raise AssertionError(f"{wanted} was not recorded")

    with http_stub(answer) as stub, files_of(stub) as files:
        yield files


def recorded_path(action: str) -> str:
    """The path that a recorded request of the large log is about."""
    found = next(path for path in RECORDED if path.startswith(f"/files/{action}?path=/var"))
    return parse_qs(urlsplit(found).query)["path"][0]


def test_the_size_of_a_recorded_file() -> None:
    with recorded_agent() as files:
        assert files.size(recorded_path("read")) > 2_000_000


def test_a_recorded_piece() -> None:
    with recorded_agent() as files:
        latest = next(path for path in RECORDED if "runs/latest/stdout" in path)
        path = parse_qs(urlsplit(latest).query)["path"][0]
        assert files.read(path, 0, 50) == RECORDED[latest]["body"]["data"].encode()
        assert len(files.read(path, 0, 50)) == 50


def test_a_recorded_folder() -> None:
    path = recorded_path("browse")
    with recorded_agent() as files:
        found = {file.name: file for file in files.browse(path)}
    assert {"stdout", "stderr"} <= set(found)
    assert found["stdout"].size > 2_000_000
    assert not found["stdout"].is_folder
    assert found["stdout"].path == f"{path}/stdout"


def test_a_recorded_refusal() -> None:
    with recorded_agent() as files, pytest.raises(NoSuchFileError, match="has no /slave/log"):
        files.browse("/slave/log")


def test_a_refusal_in_the_agents_words(tmp_path: Path) -> None:
    with log_of(b"", tmp_path) as files, pytest.raises(MesosError, match="Negative offset provided: -2"):
        files.read("/s/stdout", -2)


def test_the_recorded_sandbox_of_a_running_executor() -> None:
    framework = RUNNING["frameworks"][0]
    executor = framework["executors"][0]
    with http_stub({"/state": Answer(200, json.dumps(RUNNING).encode())}) as stub, files_of(stub) as files:
        assert files.directory(framework["id"], executor["id"]) == executor["directory"]
        assert files.directory(None, executor["id"]) == executor["directory"]


def agent_state(**frameworks: Any) -> dict[str, Answer]:
    return {"/state": Answer(200, json.dumps(frameworks).encode())}


def test_the_latest_run_counts_and_a_living_one_most() -> None:
    def executor(directory: str) -> dict[str, str]:
        return {"id": "e", "directory": directory}

    framework = {
        "id": "f",
        "executors": [executor("/living")],
        "completed_executors": [executor("/first"), executor("/second")],
    }
    with http_stub(agent_state(frameworks=[framework])) as stub, files_of(stub) as files:
        assert files.directory("f", "e") == "/living"
    with (
        http_stub(agent_state(completed_frameworks=[{**framework, "executors": []}])) as stub,
        files_of(stub) as files,
    ):
        assert files.directory("f", "e") == "/second"


def test_a_sandbox_that_the_state_lists_no_more() -> None:
    """Agents list the last 150 executors of a framework."""
    latest = "/frameworks/f/executors/e/runs/latest"
    answers = agent_state(frameworks=[{"id": "f"}]) | {
        f"/files/browse?path={latest.replace('/', '%2F')}": Answer(200, b"[]")
    }
    with http_stub(answers) as stub, files_of(stub) as files:
        assert files.directory("f", "e") == latest
        for framework in ("other", None):
            with pytest.raises(NoSuchFileError, match="no sandbox of e") as caught:
                files.directory(framework, "e")
            assert "--gc_delay" in caught.value.hint


@pytest.mark.parametrize("state", [b"{}", b"[]", b'{"frameworks": [7]}', b'{"frameworks": 7}'])
def test_what_is_no_agent(state: bytes) -> None:
    with (
        http_stub({"/state": Answer(200, state)}) as stub,
        files_of(stub) as files,
        pytest.raises(MesosError),
    ):
        files.directory("f", "e")


@pytest.mark.parametrize("body", [b"7", b"{}", b'{"data": 7}', b"no", b"[" * 100_000])
def test_odd_answers(body: bytes) -> None:
    with http_stub(lambda _: Answer(200, body)) as stub, files_of(stub) as files:
        for ask in (lambda: files.size("/x"), lambda: files.read("/x", 0)):
            with pytest.raises(MesosError, match="not what agents say of files"):
                ask()


def test_an_agent_that_is_away() -> None:
    with http_stub({}) as stub:
        pass
    with files_of(stub) as files, pytest.raises(UnreachableError, match="refuses the connection"):
        files.size("/x")


@contextmanager
def log_of(content: bytes, folder: Path) -> Iterator[SandboxFiles]:
    """An agent with one file, served as the embedded one does, which is checked against the recordings."""
    path = folder / "stdout"
    path.write_bytes(content)

    def answer(url: str) -> Answer:
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        try:
            return Answer(200, read_file(path, query.get("offset"), query.get("length")))
        except FilesRefused as refused:
            return Answer(refused.status, refused.text.encode())

    with http_stub(answer) as stub, files_of(stub) as files:
        yield files


def test_bytes_come_out_as_they_are(tmp_path: Path) -> None:
    """Characters are cut at the end of a piece, and what is no UTF-8 stands raw in the agent's JSON."""
    content = ('é\0\x1b[31m"\\\u2028\U0001f600\n' * 20_000).encode() + bytes(range(256)) * 10
    with log_of(content, tmp_path) as files:
        assert files.size("/s/stdout") == len(content)
        assert b"".join(files.pieces("/s/stdout")) == content
        assert b"".join(files.pieces("/s/stdout", 7, 70_001)) == content[7:70_001]
        assert len(files.read("/s/stdout", 1)) == LONGEST_PIECE
        assert files.read("/s/stdout", len(content) + 5) == b""


@pytest.mark.parametrize("end", [b"", b"\n", b"cut"])
@pytest.mark.parametrize("lines", [0, 1, 2, 999, 3000, 4000])
def test_the_last_lines_of_a_long_file(tmp_path: Path, lines: int, end: bytes) -> None:
    content = b"".join(b"%d %s\n" % (n, b"x" * (n % 97)) for n in range(3000)) + end
    with log_of(content, tmp_path) as files:
        start, size = files.start_of_last_lines("/s/stdout", lines)
    assert size == len(content)
    assert content[start:] == b"".join(content.splitlines(keepends=True)[-lines:] if lines else [])
