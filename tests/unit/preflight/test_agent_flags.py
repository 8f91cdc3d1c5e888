from __future__ import annotations

import json
import socket
import time
from dataclasses import replace
from pathlib import Path

from sparkmesos_core.preflight.agent_flags import executors_path, read_agent_flags, shares_files
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from tests.http_stub import Answer, HttpStub, http_stub
from tests.unit.preflight.clusters import agent

FAR = 60.0


def at(stub: HttpStub) -> AgentFacts:
    return replace(agent(), host=stub.address.host, port=stub.address.port)


def flags_of(answer: Answer) -> dict[str, str] | None:
    with http_stub({"/flags": answer}) as stub:
        return read_agent_flags(at(stub), deadline=time.monotonic() + FAR)


def test_the_flags_of_an_agent() -> None:
    answer = Answer(200, json.dumps({"flags": {"work_dir": "/w", "odd": 1}}).encode())
    assert flags_of(answer) == {"work_dir": "/w"}


def test_an_agent_that_does_not_tell() -> None:
    for answer in (Answer(401), Answer(404), Answer(200, b"text"), Answer(200, b"[]"), Answer(200, b"{}")):
        assert flags_of(answer) is None
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = replace(agent(), host="127.0.0.1", port=bound.getsockname()[1])
        assert read_agent_flags(nobody, deadline=time.monotonic() + FAR) is None


def test_where_executors_look_for_programs() -> None:
    name = "executor_environment_variables"
    assert executors_path(agent(), {name: '{"PATH": "/opt/bin:/bin"}'}) == "/opt/bin:/bin"
    for flags in ({}, {name: "{}"}, {name: "[]"}, {name: '{"PATH": ""}'}):
        path = executors_path(agent(), flags)
        assert path is not None
        assert path.startswith("/usr/local/sbin:")
        # Older agents have defaults of their own.
        assert executors_path(replace(agent(), version="0.28.2"), flags) is None
    assert executors_path(agent(), {name: "no JSON"}) is None


def test_whose_files_it_has(tmp_path: Path) -> None:
    assert shares_files({"work_dir": str(tmp_path)})
    assert not shares_files({"work_dir": str(tmp_path / "no")})
    assert not shares_files({})
