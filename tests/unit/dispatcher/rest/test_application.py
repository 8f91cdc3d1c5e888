"""The REST server as a whole, over a dispatcher in memory."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from sparkmesos_core.dispatcher.drivers.driver import Outcome, State
from sparkmesos_core.dispatcher.drivers.obstacle import Cause, Obstacle
from sparkmesos_core.dispatcher.rest.application import RestApplication
from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.durable_framework.condition import InDoubtError
from tests.asgi_client import Response, ask, request
from tests.in_memory_dispatcher import InMemoryDispatcher
from tests.unit.dispatcher.rest.test_requests import message

CREATE = "/v1/submissions/create"


@pytest.fixture
def dispatcher() -> InMemoryDispatcher:
    return InMemoryDispatcher()


@pytest.fixture
def application(dispatcher: InMemoryDispatcher) -> RestApplication:
    return RestApplication(dispatcher, Rules(), largest_body=10_000)


def create(application: RestApplication, properties: dict[str, Any] | None = None) -> Response:
    return ask(application, "POST", CREATE, json.dumps(message(properties)).encode())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", CREATE),
        ("GET", "/v1/submissions"),
        ("GET", "/v1/submissions/status/x"),
        ("GET", "/v1/submissions/readyz"),
        ("GET", "/v9"),
        ("DELETE", "/v1/submissions"),
    ],
)
def test_every_answer_says_which_spark_is_beside_it(
    dispatcher: InMemoryDispatcher, method: str, path: str
) -> None:
    body = json.dumps(message()).encode() if path == CREATE else b""
    for application, version in (
        (RestApplication(dispatcher, Rules()), "3.5.9"),
        (RestApplication(dispatcher, Rules(), spark_version="3.4.4"), "3.4.4"),
    ):
        assert ask(application, method, path, body).json()["serverSparkVersion"] == version


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("GET", "/status/{id}"),
        ("GET", "/status/driver-unknown"),
        ("GET", ""),
        ("POST", "/create"),
        ("POST", "/kill/{id}"),
        ("POST", "/killall"),
    ],
)
def test_whoever_asks_is_told_that_mesos_is_away(
    application: RestApplication, dispatcher: InMemoryDispatcher, method: str, action: str
) -> None:
    submission_id = create(application).json()["submissionId"]
    path = f"/v1/submissions{action.format(id=submission_id)}"
    body = json.dumps(message()).encode() if action == "/create" else b""
    assert "mesosProblem" not in ask(application, method, path, body).json()
    dispatcher.condition = replace(
        dispatcher.condition, subscribed=False, reason="http://u:hunter2-hunter2@m:5050 is gone"
    )
    told = ask(application, method, path, body).json()
    assert "is gone" in told["mesosProblem"]
    assert "hunter2" not in told["mesosProblem"]


def test_what_a_driver_waits_for(application: RestApplication, dispatcher: InMemoryDispatcher) -> None:
    submission_id = create(application).json()["submissionId"]
    dispatcher.obstacles[submission_id] = Obstacle(Cause.MAX_DRIVERS, "waits until a driver ends")
    waits_for = {"cause": "maxDrivers", "message": "waits until a driver ends"}
    told = ask(application, "GET", f"/v1/submissions/status/{submission_id}")
    assert told.json()["waitsFor"] == waits_for
    assert '\n  "driverState" : "QUEUED",\n' in told.body.decode(), "a field to a line, as ever"
    (row,) = ask(application, "GET", "/v1/submissions").json()["submissions"]
    assert row["waitsFor"] == waits_for


def test_a_submission_that_is_sent_again_is_the_same(application: RestApplication) -> None:
    token = {"spark.mesos.dispatcher.token": "abc"}
    first, second = create(application, token), create(application, token)
    assert first.json()["submissionId"] == second.json()["submissionId"]
    assert "repeated" not in first.json()
    assert second.json()["repeated"] is True
    assert create(application).json()["submissionId"] != first.json()["submissionId"]


def test_a_full_dispatcher(application: RestApplication, dispatcher: InMemoryDispatcher) -> None:
    dispatcher.refuses = "Already reached maximum submission size"
    answer = create(application)
    assert answer.status == 200
    assert answer.json() == {
        "action": "CreateSubmissionResponse",
        "message": "Already reached maximum submission size",
        "serverSparkVersion": "3.5.9",
        "success": False,
    }


def test_a_store_that_does_not_work(application: RestApplication, dispatcher: InMemoryDispatcher) -> None:
    dispatcher.fails = "The disk is full"
    for answer in (
        create(application),
        ask(application, "POST", "/v1/submissions/kill/x"),
        ask(application, "POST", "/v1/submissions/clear"),
    ):
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["action"] == "ErrorResponse"
        assert answer.json()["message"] == "The disk is full"


def test_a_store_that_failed_in_the_middle(
    application: RestApplication, dispatcher: InMemoryDispatcher
) -> None:
    """503 would say that nothing was done."""
    dispatcher.fails, dispatcher.failure = "Perhaps it was done", InDoubtError
    for answer in (
        create(application),
        ask(application, "POST", "/v1/submissions/kill/x"),
        ask(application, "POST", "/v1/submissions/clear"),
    ):
        assert (answer.status, answer.headers.get("retry-after")) == (502, None)
        assert answer.json()["action"] == "ErrorResponse"
        assert answer.json()["message"] == "Perhaps it was done"


def test_what_may_yet_be_undone_is_not_told(
    application: RestApplication, dispatcher: InMemoryDispatcher
) -> None:
    driver_id = create(application).json()["submissionId"]
    dispatcher.unsettled = "The store does not answer"
    for path in (f"/status/{driver_id}", "/status/none", ""):
        answer = ask(application, "GET", f"/v1/submissions{path}")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["message"] == "The store does not answer"


def test_readyz(application: RestApplication, dispatcher: InMemoryDispatcher) -> None:
    assert ask(application, "GET", "/v1/submissions/readyz").json()["success"] is True
    dispatcher.condition = replace(dispatcher.condition, ready=False, reason="it does not lead")
    answer = ask(application, "GET", "/v1/submissions/readyz")
    assert (answer.status, answer.json()["message"]) == (503, "it does not lead")


def test_killall_and_clear(application: RestApplication) -> None:
    ids = [create(application).json()["submissionId"] for _ in range(2)]
    killed = ask(application, "POST", "/v1/submissions/killall").json()
    assert (killed["success"], killed["message"], killed["submissionIds"]) == (True, "Killed 2 drivers", ids)
    assert ask(application, "POST", "/v1/submissions/killall").json()["submissionIds"] == []
    assert ask(application, "POST", "/v1/submissions/clear").json()["message"] == "Forgot 2 ended drivers"
    status = ask(application, "GET", f"/v1/submissions/status/{ids[0]}").json()
    assert (status["driverState"], status["success"]) == ("NOT_FOUND", False)


def test_a_list_and_its_pages(application: RestApplication, dispatcher: InMemoryDispatcher) -> None:
    ids = [create(application).json()["submissionId"] for _ in range(5)]
    dispatcher.change(ids[0], state=State.FINISHED, outcome=Outcome.FAILED)
    answer = ask(application, "GET", "/v1/submissions?limit=2&state=queued").json()
    assert [entry["submissionId"] for entry in answer["submissions"]] == ids[1:3]
    assert [entry["queuePosition"] for entry in answer["submissions"]] == [1, 2]
    assert (answer["total"], answer["counts"]["FINISHED"], answer["success"]) == (4, 1, True)
    rest = ask(application, "GET", f"/v1/submissions?limit=9&state=queued&after={answer['next']}").json()
    assert [entry["submissionId"] for entry in rest["submissions"]] == ids[3:]
    assert "next" not in rest
    assert ask(application, "GET", "/v1/submissions?state=lost").json()["submissions"] == []
    assert ask(application, "GET", "/v1/submissions?state=dead").status == 400


def test_answers_are_written_as_spark_writes_them(application: RestApplication) -> None:
    """Airflow's hook, and scripts, read them line by line: `"driverState" : "QUEUED",`."""
    driver_id = create(application).json()["submissionId"]
    text = ask(application, "GET", f"/v1/submissions/status/{driver_id}").body.decode()
    first, *lines, last = text.splitlines()
    assert (first, last) == ("{", "}")
    assert all(re.fullmatch(r'  "\w+" : .+,', line) for line in lines[:-1])
    keys = [line.split('"')[1] for line in lines]
    assert keys == sorted(keys)
    assert [line for line in lines if "driverState" in line] == ['  "driverState" : "QUEUED",']


def test_a_body_in_pieces(application: RestApplication) -> None:
    body = json.dumps(message(appArgs=["é"]), ensure_ascii=False).encode()
    pieces = [body[place : place + 1] for place in range(len(body))]
    assert ask(application, "POST", CREATE, pieces).json()["success"] is True


def test_a_body_that_is_too_large_is_read_and_refused(application: RestApplication) -> None:
    answer = ask(application, "POST", CREATE, [b"x" * 6000, b"y" * 6000, b"z"])
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert "10000 bytes" in answer.json()["message"]


def test_a_client_that_goes_away_gets_nothing(application: RestApplication) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(answer: Any) -> None:
        sent.append(answer)

    scope = {"type": "http", "method": "POST", "path": CREATE, "headers": [], "query_string": b""}
    asyncio.run(application(scope, receive, send))
    assert sent == []


def test_a_failure_of_ours_is_an_answer_of_the_protocol(
    application: RestApplication, dispatcher: InMemoryDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    del dispatcher.by_id
    answer = ask(application, "GET", "/v1/submissions/status/x")
    assert (answer.status, answer.json()["action"]) == (500, "ErrorResponse")
    assert "AttributeError" in caplog.text


def test_requests_at_the_same_time(application: RestApplication) -> None:
    async def many() -> set[str]:
        body = json.dumps(message()).encode()
        answers = await asyncio.gather(*(request(application, "POST", CREATE, body) for _ in range(50)))
        return {answer.json()["submissionId"] for answer in answers}

    assert len(asyncio.run(many())) == 50
