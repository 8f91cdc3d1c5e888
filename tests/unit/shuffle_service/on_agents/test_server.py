"""The HTTP server of the process that cares for services, and its client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sparkmesos_core.errors import DaemonError, FrameworkError, SparkMesosError, UsageError
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.shuffle_service.on_agents.client import (
    NotNowError,
    NotThereError,
    ServicesClient,
    address_of,
)
from sparkmesos_core.shuffle_service.on_agents.server import Standing, Stopped, services_app
from sparkmesos_core.shuffle_service.on_agents.status import ServicesStatus
from tests.asgi_client import ask
from tests.http_stub import Answer, http_stub
from tests.unit.shuffle_service.on_agents.test_status import report, status

LEADS = Standing(leads=True, subscribed=True)


class Process:
    """Says what it is told to."""

    def __init__(self, standing: Standing = LEADS, stopped: Stopped | None = None) -> None:
        self._standing = standing
        self._stopped = stopped
        self.stops = 0

    def standing(self) -> Standing:
        return self._standing

    async def status(self) -> ServicesStatus:
        return status(report(), report("b", state="backing off", answers=False, failures=3))

    async def stop(self) -> Stopped:
        self.stops += 1
        if self._stopped is None:
            raise FrameworkError("it takes no requests at the moment: the disk is full", hint="Wait.")
        return self._stopped


def test_status() -> None:
    answer = ask(services_app(Process(), None), "GET", "/v1/status")
    assert answer.status == 200
    assert [agent["host"] for agent in answer.json()["agents"]] == ["a", "b"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("stopped", "code"), [(Stopped(True, 3), 200), (Stopped(False, 3, "Mesos is away"), 202), (None, 503)]
)
def test_stop(stopped: Stopped | None, code: int) -> None:
    process = Process(stopped=stopped)
    app = services_app(process, None)
    assert ask(app, "GET", "/v1/stop").status == 405
    answer = ask(app, "POST", "/v1/stop")
    assert (answer.status, process.stops) == (code, 1)
    if stopped is None:
        assert answer.json()["error"].endswith("the disk is full")
    else:
        assert answer.json() == {"complete": stopped.complete, "services": 3, "reason": stopped.reason}


def test_pages_of_other_sites_stop_nothing() -> None:
    process = Process(stopped=Stopped(True, 1))
    headers = [("Origin", "http://elsewhere"), ("Host", "localhost:7338")]
    assert ask(services_app(process, None), "POST", "/v1/stop", headers=headers).status == 403
    assert process.stops == 0


@pytest.mark.parametrize(
    ("standing", "health", "ready"),
    [
        (LEADS, 200, 200),
        (Standing(leads=True, subscribed=False, reason="no master leads"), 200, 503),
        (Standing(leads=True, subscribed=False, reason="the disk is full", usable=False), 503, 503),
        (Standing(leads=False, subscribed=False, leader="http://l:7338"), 200, 200),
        (Standing(leads=False, subscribed=False, reason="ZooKeeper is silent"), 200, 503),
    ],
)
def test_health(standing: Standing, health: int, ready: int) -> None:
    app = services_app(Process(standing), None)
    assert ask(app, "GET", "/health").status == health
    answer = ask(app, "GET", "/ready")
    assert answer.status == ready
    assert answer.json()["reason"] == standing.reason


def test_a_standby_points_to_the_leader() -> None:
    app = services_app(Process(Standing(leads=False, subscribed=False, leader="http://l:7338")), None)
    for method, path in (("GET", "/v1/status"), ("POST", "/v1/stop")):
        answer = ask(app, method, path)
        assert (answer.status, answer.headers["location"]) == (307, f"http://l:7338{path}")
    alone = services_app(Process(Standing(leads=False, subscribed=False, reason="x is silent")), None)
    answer = ask(alone, "POST", "/v1/stop")
    assert (answer.status, answer.json()["error"]) == (503, "This process does not lead: x is silent")


def test_the_token() -> None:
    process = Process(stopped=Stopped(True, 1))
    app = services_app(process, AccessToken("a-token-that-is-long-enough"))
    for method, path in (("GET", "/v1/status"), ("POST", "/v1/stop"), ("GET", "/metrics"), ("GET", "/else")):
        answer = ask(app, method, path)
        assert (answer.status, "token" in answer.json()["error"]) == (401, True)
    assert process.stops == 0
    assert ask(app, "GET", "/health").status == ask(app, "GET", "/ready").status == 200
    shown = [("Authorization", "Bearer a-token-that-is-long-enough")]
    assert ask(app, "GET", "/v1/status", headers=shown).status == 200


def test_metrics() -> None:
    text = ask(services_app(Process(), None), "GET", "/metrics").body.decode()
    for line in (
        "sparkmesos_shuffle_services_leads 1",
        "sparkmesos_shuffle_services_ready 1",
        'sparkmesos_shuffle_services_agents{state="running"} 1',
        'sparkmesos_shuffle_services_agents{state="backing off"} 1',
        'sparkmesos_shuffle_services_agents{state="waiting"} 0',
        "sparkmesos_shuffle_services_answering 1",
        'sparkmesos_shuffle_services_failures{host="b"} 3',
    ):
        assert f"\n{line}\n" in text
    standing = Standing(leads=False, subscribed=False, leader="http://l:7338")
    standby = ask(services_app(Process(standing), None), "GET", "/metrics").body.decode()
    assert "\nsparkmesos_shuffle_services_leads 0\n" in standby
    assert "_agents" not in standby


# The client


def answering(content: Any, code: int = 200) -> dict[str, Answer]:
    answer = Answer(code, json.dumps(content).encode())
    return {"/v1/status": answer, "/v1/stop": answer}


def test_the_client_follows_to_the_leader_with_its_token() -> None:
    with (
        http_stub(answering(status(report()).to_json())) as leader,
        http_stub(answering({"leader": f"http://{leader.address}"}, 307)) as standby,
    ):
        client = ServicesClient(f"http://{standby.address}", token="hush")
        assert client.status() == status(report())
        assert client.url == f"http://{leader.address}"
        (asked,) = leader.requests
    assert asked[2]["Authorization"] == "Bearer hush"


def test_what_comes_of_a_stop() -> None:
    with http_stub(answering({"complete": False, "services": 2, "reason": "x"}, 202)) as stub:
        assert ServicesClient(f"http://{stub.address}").stop() == Stopped(False, 2, "x")
        assert stub.requests[0][0] == "POST"


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (answering({"error": "no"}, 401), "wants a token, and was shown none"),
        (answering({"x": 1}), "does not care for shuffle services"),
        (answering([1]), "does not care for shuffle services"),
        ({"/v1/status": Answer(200, b"<html>")}, "does not care for shuffle services"),
        ({}, "does not care for shuffle services"),
    ],
)
def test_what_is_no_answer(answers: dict[str, Answer], message: str) -> None:
    with http_stub(answers) as stub, pytest.raises(DaemonError) as raised:
        ServicesClient(f"http://{stub.address}").status()
    assert message in raised.value.message
    assert raised.value.hint


def test_what_it_cannot_do_now() -> None:
    with (
        http_stub(answering({"error": "the disk is full", "hint": "Wait."}, 503)) as stub,
        pytest.raises(NotNowError, match="the disk is full") as raised,
    ):
        ServicesClient(f"http://{stub.address}").status()
    # As for all servers that cannot serve at the moment.
    assert (raised.value.exit_code, raised.value.hint) == (5, "Wait.")


def test_two_that_point_to_each_other() -> None:
    address = ""
    with http_stub(lambda _: Answer(307, json.dumps({"leader": address}).encode())) as stub:
        address = f"http://{stub.address}"
        with pytest.raises(NotNowError, match="does not know who leads"):
            ServicesClient(address).status()


def test_nobody_listens() -> None:
    with http_stub({}) as stub:
        url = f"http://{stub.address}"
    with pytest.raises(NotThereError) as raised:
        ServicesClient(url).status()
    assert raised.value.exit_code == 5
    with (
        http_stub(answering({"leader": url}, 307)) as standby,
        pytest.raises(NotNowError, match=f"The process that leads is gone from {url}") as gone,
    ):
        ServicesClient(f"http://{standby.address}").stop()
    assert not isinstance(gone.value, NotThereError)
    with pytest.raises(SparkMesosError, match="cannot be resolved"):
        ServicesClient("http://no-such-host.invalid:7338").status()


@pytest.mark.parametrize(
    "url", ["", "h:7338", "https://h:7338", "http://h", "http://h:x", "http://h:1/v1", "http://:7"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(UsageError):
        address_of(url)
