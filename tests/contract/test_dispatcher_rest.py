"""What the REST server of Spark 3.5.9's dispatcher was recorded to answer, and what ours answers to the same.

What differs stands in MENDED, case by case; that a case differs without standing there, or stands there and
does not differ, fails.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.dispatcher.drivers.driver import Driver, Launch, Outcome, State
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.rest.application import RestApplication
from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.dispatcher.rest.status_text import status_text
from sparkmesos_core.durable_framework.task_status import TaskStatus
from tests.asgi_client import Response, ask
from tests.in_memory_dispatcher import STARTED_AT, InMemoryDispatcher

RECORDINGS = Path(__file__).parent / "recordings" / "spark-3.5.9-rest"
CLUSTER_MODE = RECORDINGS.parent / "spark-3.5.9-cluster-mode"
CREATE = "/v1/submissions/create"
# The dispatcher of the recordings had a SPARK_HOME; the stub that the clients asked took any queue.
RULES = Rules(queues={"default": 0.0, "ROUTINE": 1.0}, spark_home="/opt/spark")

MENDED: dict[tuple[str, str], tuple[int, str]] = {
    # The cause of a failed validation is not in Spark's message. An unknown action, a null, a body that is
    # not UTF-8, and overheads that are no integer were a 500 in HTML.
    ("server-create-headers", "latin-1 body"): (400, "the body is not UTF-8"),
    ("server-create-malformed", "unknown action"): (
        400,
        "Received message of unexpected type NoSuchRequest.",
    ),
    ("server-create-malformed", "SubmitRestProtocolMessage"): (400, "of unexpected type SubmitRestProtocol"),
    ("server-create-malformed", "action with a dot"): (400, "of unexpected type java.lang.String."),
    ("server-create-wrong-types", "sparkProperties values are numbers and booleans"): (200, ""),
    ("server-create-wrong-types", "memoryOverhead with a unit"): (200, ""),
    ("server-create-wrong-types", "memoryOverheadFactor not numeric"): (
        400,
        "spark.driver.memoryOverheadFactor: 'x' is not a number",
    ),
    # Accepted by Spark, which then cannot launch the driver, or any.
    ("server-create-missing-fields", "empty appResource"): (400, "appResource: the URI is empty"),
    ("server-create-wrong-types", "appArgs holds numbers"): (400, "appArgs[2]: it is not a text"),
    ("server-create-wrong-types", "driver cores negative"): (400, "spark.driver.cores: '-1' is less than 0"),
    ("server-create-wrong-types", "driver cores zero"): (400, "spark.driver.cores: it is not more than 0"),
    ("server-create-wrong-types", "driver memory 1024 without unit"): (
        400,
        "spark.driver.memory: '1024' is less than 1 MiB. A number without a unit means bytes",
    ),
    ("server-create-wrong-types", "bad constraints"): (
        400,
        "spark.mesos.driver.constraints: 'bad' is not a constraint: it has no colon",
    ),
    ("server-create-wrong-types", "unbalanced quotes in java options"): (
        400,
        "spark.driver.extraJavaOptions: The options have a quote ' that is never closed",
    ),
    ("server-bad-constraints", "create"): (400, "spark.mesos.driver.constraints: 'bad' is not a constraint"),
    ("server-bad-containerizer", "create"): (
        400,
        "spark.mesos.containerizer: 'rkt' is not one of docker, mesos",
    ),
    ("server-bad-overhead", "create"): (
        400,
        "spark.mesos.driver.memoryOverhead: 'lots' is not a whole number",
    ),
    ("server-bad-volumes-portmap", "create"): (
        400,
        "spark.mesos.executor.docker.portmaps: 'x:y' is not a port mapping",
    ),
    ("server-unknown-queue", "unknown queue while nothing is queued"): (
        400,
        "spark.mesos.dispatcher.queue: this dispatcher has no queue 'NOPE'",
    ),
    ("server-unknown-queue-not-first", "unknown queue while something is queued"): (
        400,
        "spark.mesos.dispatcher.queue: this dispatcher has no queue 'NOPE'",
    ),
    # After an unknown queue, Spark's dispatcher refuses all with a 500.
    ("server-unknown-queue", "a good submission after it"): (200, ""),
    ("server-unknown-queue", "another good submission"): (200, ""),
    ("server-unknown-queue", "a good submission after the offer"): (200, ""),
    # maxDrivers is for drivers that run, not for those that wait (the queue's limit is maxQueuedDrivers).
    ("server-max-drivers", "second"): (200, ""),
    # Paths that mean something here, and one whose version is not what is wrong with it.
    ("server-paths", "GET /v1/submissions"): (200, "ListSubmissionsResponse"),
    ("server-paths", "GET /v1/submissions/"): (200, "ListSubmissionsResponse"),
    ("server-paths", "GET /v1/other"): (400, "Malformed path."),
    ("server-paths", "POST /v1/submissions/killall"): (200, "KillAllSubmissionResponse"),
    ("server-paths", "POST /v1/submissions/clear"): (200, "ClearResponse"),
    ("server-paths", "GET /v1/submissions/readyz"): (200, "ReadyzResponse"),
}
# What reads properties of the submission when an offer comes needs an offer to be shown; the book's tests do.
FOLLOWED_ELSEWHERE = re.compile(
    r"status of the|its status|kill of the first|status after|first is running|the first one after an offer"
)


def exchanges(name: str) -> list[dict[str, Any]]:
    content: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return list(content["exchanges"])


def stateless_exchanges() -> list[Any]:
    """All requests whose answers do not depend on what was launched."""
    return [
        pytest.param(path.stem, exchange, id=f"{path.stem.removeprefix('server-')}: {exchange['what']}")
        for path in sorted(RECORDINGS.glob("server-*.json"))
        if not path.stem.startswith(("server-lifecycle", "server-web-ui"))
        for exchange in exchanges(path.stem)
        if not FOLLOWED_ELSEWHERE.match(exchange["what"])
    ]


def recorded_body(request: dict[str, Any]) -> bytes:
    if "raw_body" in request:
        return str(request["raw_body"]).encode("latin-1")
    return json.dumps(request["body"]).encode() if "body" in request else b""


def answer_to(request: dict[str, Any], application: RestApplication | None = None) -> Response:
    application = application or RestApplication(InMemoryDispatcher(), RULES)
    headers = request.get("headers", {})
    pairs = headers.items() if isinstance(headers, dict) else [(name, value) for name, value in headers]
    return ask(application, request["method"], request["path"], recorded_body(request), pairs)


@pytest.mark.parametrize(("name", "exchange"), stateless_exchanges())
def test_answers_as_spark_does(name: str, exchange: dict[str, Any]):
    recorded = exchange["response"]
    ours = answer_to(exchange["request"])
    if mended := MENDED.get((name, exchange["what"])):
        assert (ours.status, mended[1] in ours.body.decode()) == (mended[0], True), ours.body.decode()
        if ours.status == recorded["status"] == 200:
            assert ours.json()["success"] is True
        return
    assert ours.status == recorded["status"], ours.body.decode()
    said = recorded.get("body")
    if not isinstance(said, dict):
        if recorded["status"] == 405:  # in HTML, or without a body
            method = exchange["request"]["method"]
            assert method == "HEAD" or f"HTTP method {method} is not" in ours.json()["message"]
        return
    assert ours.headers["content-type"] == recorded["headers"]["Content-Type"]
    if str(said.get("message")).startswith("Malformed request: "):
        assert ours.json()["action"] == "ErrorResponse"
        assert ours.json()["message"].startswith("Malformed request: ")
        return
    text = re.sub(r"driver-\d{14}-\d{4}", "driver-20261122080234-0001", recorded["raw_body"])
    assert ours.body.decode() == text, "to the byte"


def test_every_mended_case_is_recorded_and_differs():
    recorded = {
        (param.values[0], param.values[1]["what"]): param.values[1] for param in stateless_exchanges()
    }
    assert recorded.keys() >= MENDED.keys()
    for case, (status, text) in MENDED.items():
        response = recorded[case]["response"]
        said = json.dumps(response.get("body"))
        assert status != response["status"] or text not in said or '"success": false' in said, case


@pytest.mark.parametrize("what", sorted({e["what"] for e in exchanges("server-create-missing-fields")}))
def test_a_failed_validation_names_the_field(what: str):
    (exchange,) = (e for e in exchanges("server-create-missing-fields") if e["what"] == what)
    ours = answer_to(exchange["request"])
    if ours.status == 400:
        missing = what.rpartition(" ")[2]
        missing = (
            {"sparkProperties": "spark.app.name"}.get(missing, missing) if "empty s" in what else missing
        )
        assert missing in ours.json()["message"]
        assert missing in [problem["key"] for problem in ours.json()["problems"]]


@pytest.mark.parametrize(
    ("name", "number", "keys"),
    [
        ("server-create-wrong-types", "driver memory not a size", "spark.driver.memory"),
        ("server-create-wrong-types", "driver memory 1.5g", "spark.driver.memory"),
        ("server-create-wrong-types", "executor memory not a size", "spark.executor.memory"),
        ("server-create-wrong-types", "cores.max not numeric", "spark.cores.max"),
        ("server-create-wrong-types", "appArgs is a string", "appArgs"),
        ("server-create-wrong-types", "appArgs holds an object", "appArgs[0]"),
        ("server-create-wrong-types", "sparkProperties is a list", "sparkProperties"),
        ("server-create-wrong-types", "sparkProperties value is an object", "sparkProperties.spark.x"),
        ("server-create-wrong-types", "environmentVariables is a string", "environmentVariables"),
        ("server-create-wrong-types", "appResource is a list", "appResource"),
    ],
)
def test_a_wrong_value_is_named(name: str, number: str, keys: str):
    """Spark's message says nothing about it."""
    (exchange,) = (e for e in exchanges(name) if e["what"] == number)
    assert [problem["key"] for problem in answer_to(exchange["request"]).json()["problems"]] == [keys]


def test_head_is_answered_like_get_without_a_body():
    (recorded,) = (e for e in exchanges("server-methods") if e["what"] == "HEAD /v1/submissions/status/nope")
    ours = answer_to(recorded["request"])
    assert (ours.status, ours.body) == (200, b"")
    assert ours.headers["content-length"] == recorded["response"]["headers"]["Content-Length"]


@pytest.mark.parametrize("name", ["finished", "failed", "killed", "retrying", "queued"])
def test_the_life_of_a_driver(name: str):
    """Each answer holds what Spark's says, with the same words; the driver's states are set as recorded."""
    dispatcher = InMemoryDispatcher()
    application = RestApplication(dispatcher, RULES)
    driver_id = ""
    for exchange in exchanges(f"server-lifecycle-{name}"):
        request, recorded = exchange["request"], exchange["response"].get("body")
        if not isinstance(recorded, dict):
            continue  # wrong methods, which are compared above
        path = re.sub(r"driver-\d{14}-\d{4}", driver_id, request["path"])
        state = recorded.get("driverState")
        if state not in (None, "NOT_FOUND"):
            dispatcher.change(
                driver_id, **changes(dispatcher.by_id[driver_id], state, recorded.get("message"))
            )
        ours = answer_to({**request, "path": path}, application)
        assert ours.status == exchange["response"]["status"]
        driver_id = driver_id or ours.json()["submissionId"]
        expected = json.loads(json.dumps(recorded).replace(recorded["submissionId"], driver_id))
        if name in ("queued", "retrying") and exchange["what"] in FORGOTTEN_BY_SPARK:
            assert (recorded.get("driverState"), recorded["success"]) in ((None, False), ("NOT_FOUND", False))
            assert expected["success"] is False
            if state == "NOT_FOUND":
                assert (ours.json()["driverState"], ours.json()["outcome"]) == ("FINISHED", "killed")
            else:
                assert ours.json()["message"] == "Driver already terminated"
            continue
        assert {key: ours.json().get(key) for key in expected} == expected, exchange["what"]


# Spark's dispatcher forgets a driver that was killed before it ran, or ran again; ours remembers it as killed.
FORGOTTEN_BY_SPARK = {
    "status after that",
    "kill again",
    "status after the kill",
    "kill at the end",
    "status at the end",
}


def changes(driver: Driver, state: str, message: str | None) -> dict[str, Any]:
    """What makes a driver one of which Spark's dispatcher said this."""
    status = None if message is None else parsed_status(RECORDED_ID.sub(driver.id, message))
    launch = Launch(driver.id, "agent-S0", "h", "http://h:5051", f"5e0a-0001-{driver.id}", STARTED_AT + 5)
    outcome = None
    if state == "FINISHED":
        assert status is not None
        outcome = {"TASK_FINISHED": Outcome.SUCCEEDED, "TASK_KILLED": Outcome.KILLED}.get(
            status.state, Outcome.FAILED
        )
    return {
        "state": State(state),
        "status": status,
        "launch": None if state == "QUEUED" else launch,
        "outcome": outcome,
    }


RECORDED_ID = re.compile(r"driver-\d{14}-\d{4}")
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_NAMED = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7, "b": 8}


def unescaped(text: str) -> bytes:
    def byte(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code, 8) if len(code) == 3 else _NAMED.get(code, ord(code)))

    return _ESCAPE.sub(byte, text).encode("latin-1")


def parsed_status(message: str) -> TaskStatus:
    """The TaskStatus in a recorded message."""
    fields = dict(re.findall(r"^(\w+): (.+)$", message, re.MULTILINE))
    values = re.findall(r'value: "([^"]*)"', message)
    container = re.search(r'container_id \{\s+value: "([^"]*)"', message)
    return TaskStatus(
        task_id=values[0],
        state=fields["state"],
        agent_id=values[1],
        message=unescaped(fields.get("message", '""')[1:-1]).decode(),
        reason=fields.get("reason", ""),
        source=fields["source"],
        timestamp=float(fields["timestamp"]),
        uuid=base64.b64encode(unescaped(fields.get("uuid", '""')[1:-1])).decode(),
        container_id=container[1] if container else "",
    )


def recorded_messages() -> list[str]:
    messages = []
    for path in [*RECORDINGS.glob("server-*.json"), *CLUSTER_MODE.glob("*.json")]:
        text = json.dumps(json.loads(path.read_text(encoding="utf-8")))
        messages += [json.loads(found) for found in re.findall(r'"(?:[^"\\]|\\.)*"', text)]
    return sorted({message for message in messages if message.startswith("task_id {")})


def test_the_text_of_a_task_status():
    """As protobuf writes it, to the byte but for fields that we do not keep."""
    messages = recorded_messages()
    assert len(messages) > 10
    for message in messages:
        kept = re.sub(r"^executor_id \{\n[^}]*\}\n", "", message, flags=re.MULTILINE)
        kept = re.sub(
            r"^  network_infos \{\n(?:    .*\n)*  \}\n|^  executor_pid: \d+\n", "", kept, flags=re.MULTILINE
        )
        assert status_text(parsed_status(message)) == kept


def test_a_driver_description_holds_what_spark_makes_of_the_request():
    """Section 5 of the behaviour of Spark's dispatcher, with the memory counted once."""
    dispatcher = InMemoryDispatcher()
    application = RestApplication(dispatcher, RULES)
    request = exchanges("client-python-all-files")[0]["request"]
    body = request["body"]
    driver_id = answer_to({**request, "path": CREATE}, application).json()["submissionId"]
    submission = dispatcher.by_id[driver_id].submission
    assert submission == Submission(
        app_resource=body["appResource"],
        main_class=body["mainClass"],
        app_args=tuple(body["appArgs"]),
        properties=body["sparkProperties"],
        environment=body["environmentVariables"],
        name=body["sparkProperties"]["spark.app.name"],
        cores=1.0,
        heap=1024,
        memory=1408,
        client_version="3.5.9",
    )


def test_everything_that_sparks_client_sends_is_understood():
    """The requests of the real spark-submit, but those that Spark itself could not run."""
    seen = 0
    for path in sorted(RECORDINGS.glob("client-*.json")):
        for exchange in exchanges(path.stem) if "exchanges" in path.read_text(encoding="utf-8") else []:
            request = exchange["request"]
            if request["path"] != CREATE or not isinstance(request.get("body"), dict):
                continue
            seen += 1
            # Here `raw_body` is text and not bytes.
            ours = answer_to({key: value for key, value in request.items() if key != "raw_body"})
            assert ours.status == 200, (path.stem, ours.body.decode())
            assert ours.json()["success"] is True
    assert seen > 20
