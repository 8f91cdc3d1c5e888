"""Who may ask what: the embedded cluster with authentication, as recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.datastructures import URL
from starlette.requests import Request

from sparkmesos_core.localcluster.credentials import Authentication
from tests.contract.recorded import load
from tests.contract.replay import AGENTS, Replay
from tests.contract.scheduler_client import request
from tests.contract.stage import Stage, staged

CREDENTIALS = {"spark": "sp4rk", "ops": "0psecret"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    authentication = Authentication(CREDENTIALS, frameworks=True, readonly=True, readwrite=True)
    with staged(tmp_path, agents=AGENTS[:1], authentication=authentication) as it:
        yield it


def test_every_recorded_request(stage: Stage) -> None:
    conversation = Replay("authentication", "", (), stage.bindings)
    url = stage.cluster.http_url
    for exchange in conversation.recording["exchanges"]:
        wanted, body = exchange["request"], exchange["response"].get("body")
        if "mesos-agent-" in exchange["response"]["headers"].get("WWW-Authenticate", ""):
            url = stage.cluster.agent_urls[0]  # the recorder went on to the agent
        status, headers, text = request(
            url, wanted["method"], wanted["path"], wanted.get("body"), wanted.get("headers")
        )
        if wanted["path"] == "/":
            assert (status, headers["content-type"].partition(";")[0]) == (200, "text/html")
        elif wanted["path"] == "/version":
            assert (status, json.loads(text)["version"]) == (200, body["version"])
        else:
            conversation.compare(exchange, status, headers, text)
    assert url != stage.cluster.http_url
    conversation.check()


@pytest.mark.parametrize(
    "name",
    [
        "scheduler-authenticated",
        "scheduler-authenticated-no-principal",
        "scheduler-authenticated-other-principal",
    ],
)
def test_frameworks(name: str, stage: Stage) -> None:
    with stage.replay(name, refuse_factor=1.0) as conversation:
        conversation.run().check()


def test_the_recording_holds_what_is_wrong_too() -> None:
    statuses = {exchange["response"]["status"] for exchange in load("authentication")["exchanges"]}
    assert statuses == {200, 307, 400, 401}


@pytest.mark.parametrize("path", ["/state%3F", "/flags%3Fx", "/metrics/snapshot%3F"])
def test_no_way_around_it(path: str, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older Starlette takes what is quoted in a path for the beginning of a query."""

    def url(asked: Request) -> URL:
        scope = asked.scope
        return URL(f"http://localhost{scope['path']}?{scope['query_string'].decode()}")

    monkeypatch.setattr(Request, "url", property(url))
    for base in (stage.cluster.http_url, *stage.cluster.agent_urls):
        status, _, _ = request(base, "GET", path)
        assert status == 404
