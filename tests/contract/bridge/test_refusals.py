"""Masters that will never take the subscription: the driver ends within seconds and says why."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.bridge.messages import FRAMEWORK, start, task

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import Probe, ScriptedMaster

pytestmark = pytest.mark.slow

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], str]
SECONDS = 15  # the machine may be busy; the bridge itself needs none


def outcome(probe: Probe, name: str, **options: Any) -> str:
    """Runs a driver until it gives up, which must be soon; what it said."""
    begun = time.monotonic()
    probe.do("new", name, **{"framework": FRAMEWORK, **options})
    probe.do("runs", name)
    error = probe.callback(name)
    assert error["callback"] == "error"
    ended = probe.callback(name)
    assert ended["callback"] == "run() ended"
    assert ended["outcome"] == "DRIVER_ABORTED"
    assert time.monotonic() - begun < SECONDS
    return str(error["message"])


def exchange(recorded: Json, index: int) -> tuple[Json, Answer]:
    """A recorded request, and its answer as a scripted master gives it."""
    request, response = recorded["exchanges"][index]["request"], recorded["exchanges"][index]["response"]
    headers = {name: value for name, value in response["headers"].items() if name != "Content-Length"}
    return request, (response["status"], headers, response.get("body") or "")


@pytest.mark.parametrize(
    ("credentials", "said"),
    [
        ({}, "demands authentication (401): set spark.mesos.principal and spark.mesos.secret"),
        (
            {"principal": "spark", "secret": "wrong"},
            "refuses the credentials of principal 'spark' (401): "
            "check spark.mesos.principal and spark.mesos.secret",
        ),
    ],
)
def test_authentication(
    credentials: dict[str, str],
    said: str,
    probe: Probe,
    master: ScriptedMaster,
    recording: Callable[[str], Json],
    name: str,
) -> None:
    """The recording `authentication`: all that is not right is answered 401."""
    recorded = recording("authentication")
    refusals = [
        exchange(recorded, index)
        for index, one in enumerate(recorded["exchanges"])
        if one["request"]["path"] == "/api/v1/scheduler" and one["response"]["status"] == 401
    ]
    assert len(refusals) == 5
    answer = refusals[1 if credentials else 0][1]
    assert answer[1]["WWW-Authenticate"] == 'Basic realm="mesos-master-scheduler"'
    master.on_subscribe = lambda call, headers: answer
    message = outcome(probe, name, master=master.address, **credentials)
    assert message == f"Mesos master {master.address} {said}"
    assert "wrong" not in message


def test_credentials_of_another_principal(
    probe: Probe, master: ScriptedMaster, recording: Callable[[str], Json], name: str
) -> None:
    """Recorded: 400, not 401 or 403."""
    request, answer = exchange(recording("scheduler-authenticated-other-principal"), 0)
    assert answer[0] == 400
    master.on_subscribe = lambda call, headers: answer
    framework = request["body"]["subscribe"]["framework_info"]
    message = outcome(probe, name, master=master.address, framework=framework, principal="spark", secret="s")
    assert "'spark' does not match principal 'other'" in message
    assert "spark.mesos.principal must be the principal whose spark.mesos.secret is given" in message


def test_no_principal_with_right_credentials_is_fine(
    probe: Probe, master: ScriptedMaster, recording: Callable[[str], Json], name: str
) -> None:
    request, answer = exchange(recording("scheduler-authenticated-no-principal"), 0)
    assert answer[0] == 200
    framework = request["body"]["subscribe"]["framework_info"]
    assert "principal" not in framework
    stream = start(probe, master, name, framework=framework, principal="spark", secret="s3cret")
    assert "principal" not in stream.request["subscribe"]["framework_info"]
    probe.do("stop", name, failover=True)


@pytest.mark.parametrize("recorded", ["scheduler-role-invalid", "scheduler-removed-framework"])
def test_an_error_instead_of_a_subscription(
    recorded: str, probe: Probe, master: ScriptedMaster, recording: Callable[[str], Json], name: str
) -> None:
    content = recording(recorded)
    probe.do(
        "new",
        name,
        master=master.address,
        framework=content["exchanges"][0]["request"]["body"]["subscribe"]["framework_info"],
    )
    probe.do("runs", name)
    stream = master.stream()
    stream.emit(content["events"][0])
    stream.close()
    error = probe.callback(name)
    assert error["message"] == content["events"][0]["error"]["message"]
    assert probe.callback(name)["outcome"] == "DRIVER_ABORTED"
    assert master.streams.empty()


def test_what_the_operator_reads(probe: Probe, master: ScriptedMaster, name: str) -> None:
    assert "failover timeout" in probe.do("advice", text="Framework has been removed")
    assert "framework id" in probe.do("advice", text="Framework failed over")
    assert "spark.mesos.role" in probe.do("advice", text="'FrameworkInfo.role' is not a valid role: …")
    assert probe.do("advice", text="anything else") == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((403, {}, "Not authorized to use role"), "Not authorized to use role (403)"),
        ((400, {}, "Failed to validate scheduler::Call"), "Failed to validate scheduler::Call (400)"),
        ((415, {}, "Expecting 'Content-Type' of application/json"), "Expecting 'Content-Type'"),
        ((406, {}, ""), "no reason given (406)"),
    ],
)
def test_other_refusals(answer: Answer, said: str, probe: Probe, master: ScriptedMaster, name: str) -> None:
    master.on_subscribe = lambda call, headers: answer
    message = outcome(probe, name, master=master.address)
    assert said in message
    assert master.address in message


@pytest.mark.parametrize(
    ("status", "pages", "said"),
    [
        (404, {"/version": '{"version": "0.28.3"}'}, "needs Mesos 1.0 or newer; this master is 0.28.3"),
        (405, {"/master/state.json": '{"version": "0.21.0"}'}, "this master is 0.21.0"),
        (404, {"/version": '{"version": "1.4.3"}'}, "(version 1.4.3) answers 404 on /api/v1/scheduler"),
        (404, {"/version": "<html>"}, "is no Mesos master: it answers 404 on /api/v1/scheduler"),
        (501, {}, "is no Mesos master: it answers 501 on /api/v1/scheduler"),
    ],
)
def test_no_scheduler_api(
    status: int, pages: dict[str, str], said: str, probe: Probe, master: ScriptedMaster, name: str
) -> None:
    master.on_subscribe = lambda call, headers: (status, {}, "")
    master.on_get = lambda path: (200, {}, pages[path]) if path in pages else (404, {}, "")
    message = outcome(probe, name, master=master.address)
    assert said in message
    assert master.address in message


@pytest.mark.parametrize("tells", ["when it subscribes", "when asked"])
def test_an_old_master_that_takes_subscriptions(
    tells: str, probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """Mesos 0.24 to 0.28 had the scheduler API as an experiment."""
    body: Json = {"framework_id": {"value": "F-0"}}
    if tells == "when it subscribes":
        body["master_info"] = {"id": "M", "ip": 1, "port": 5050, "version": "0.28.3"}
    master.on_get = lambda path: (200, {}, '{"version": "0.28.3"}')
    probe.do("new", name, master=master.address, framework=FRAMEWORK)
    probe.do("start", name)
    master.stream().emit({"type": "SUBSCRIBED", "subscribed": body})
    call, headers = master.calls.get(timeout=20)
    assert call == {
        "type": "TEARDOWN",
        "framework_id": {"value": "F-0"},
    }  # or it would be kept for two minutes
    assert headers["Mesos-Stream-Id"] == "stream-1"
    error = probe.callback(name)
    assert error["message"] == (
        f"{master.address}: mesos:// over HTTP needs Mesos 1.0 or newer; this master is 0.28.3"
    )
    assert probe.do("join", name) == "DRIVER_ABORTED"


def test_an_old_master_keeps_a_framework_that_was_there_before(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    framework = {**FRAMEWORK, "id": {"value": "F-0"}}
    master.on_get = lambda path: (200, {}, '{"version": "0.28.3"}')
    probe.do("new", name, master=master.address, framework=framework)
    probe.do("start", name)
    master.stream().emit({"type": "SUBSCRIBED", "subscribed": {"framework_id": {"value": "F-0"}}})
    assert "this master is 0.28.3" in probe.callback(name)["message"]
    assert probe.do("stop", name, failover=False) == "DRIVER_ABORTED"
    assert master.calls.empty()


def test_a_web_page_is_no_subscription(probe: Probe, master: ScriptedMaster, name: str) -> None:
    master.content_type = "text/html"
    assert "is no Mesos master" in outcome(probe, name, master=master.address)


def test_a_wrong_url(probe: Probe, name: str) -> None:
    probe.do("new", name, master="host:port", framework=FRAMEWORK)
    assert probe.do("start", name) == "DRIVER_ABORTED"
    assert "'port' is no port" in probe.callback(name)["message"]


def test_recorded_refusals(
    probe: Probe, master: ScriptedMaster, recording: Callable[[str], Json], name: str
) -> None:
    """What Mesos says of calls that it does not understand is handed on, word for word."""
    recorded = recording("scheduler-bad-requests")
    seen = set()
    for index in range(len(recorded["exchanges"])):
        request, answer = exchange(recorded, index)
        if request["method"] != "POST":
            continue
        seen.add(answer[0])
        body = request.get("body")
        if isinstance(body, dict) and body.get("type") == "SUBSCRIBE":
            master.on_subscribe = lambda call, headers, answer=answer: answer  # type: ignore[misc]
            message = outcome(probe, f"{name} {index}", master=master.address)
            assert message == (
                f"Mesos master {master.address} refuses the subscription: {answer[2]} ({answer[0]})"
            )
    assert seen == {400, 415}


def test_a_refused_call_is_told_of_in_the_log(
    probe: Probe, master: ScriptedMaster, recording: Callable[[str], Json], name: str
) -> None:
    recorded = recording("scheduler-bad-requests")
    stream = start(probe, master, name)
    for index in range(len(recorded["exchanges"])):
        request, answer = exchange(recorded, index)
        if request["method"] == "POST" and (request.get("body") or {}) != {}:
            master.on_call = lambda call, answer=answer: answer  # type: ignore[misc]
            probe.do("revive", name)
            assert master.call()["type"] == "REVIVE"
            expected = f"WARN Mesos refused REVIVE: {answer[2]} ({answer[0]})"
            deadline = time.monotonic() + 20
            while expected not in probe.warnings():
                assert time.monotonic() < deadline, expected
                time.sleep(0.02)
    stream.emit({"type": "RESCIND", "rescind": {"offer_id": {"value": "still here"}}})
    assert probe.callback(name)["id"] == {"value": "still here"}
    probe.do("stop", name, failover=True)


def test_a_page_as_an_answer_becomes_one_line(probe: Probe, master: ScriptedMaster, name: str) -> None:
    """It gets into the log, and with a launch into the status of its tasks and so into Spark's pages and event log."""
    page = "<html>\r\n<head>\n\n" + "  <title>No \x1b[31mgood</title>\n" + "<p>why</p>\n" * 5000
    shown = "<html> <head> <title>No [31mgood</title> " + "<p>why</p> " * 100
    start(probe, master, name)
    master.on_call = lambda call: None if call["type"] == "DECLINE" else (400, {}, page)
    probe.do("launch", name, offers=["O-1"], tasks=[task()])
    message = probe.callback(name)["status"]["message"]
    assert message == f"The launch did not reach Mesos: {shown[:299]}… (400)"
    probe.do("revive", name)
    expected = f"WARN Mesos refused REVIVE: {shown[:299]}… (400)"
    deadline = time.monotonic() + 20
    while expected not in probe.warnings():
        assert time.monotonic() < deadline, probe.warnings()[-3:]
        time.sleep(0.02)
    probe.do("stop", name, failover=True)
    master.on_subscribe = lambda call, headers: (400, {}, page)
    refused = outcome(probe, f"{name} refused", master=master.address)
    assert refused == f"Mesos master {master.address} refuses the subscription: {shown[:299]}… (400)"
