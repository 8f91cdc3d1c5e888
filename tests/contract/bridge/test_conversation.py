"""The bridge's conversation with a scripted master: framing, failures, reconnection, states and threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import pytest
import requests

from sparkmesos_core.mesos.leader import PointsTo, judge
from tests.contract.bridge.messages import FRAMEWORK, finish, offers, start, task, update

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import Probe, ScriptedMaster, Stream

pytestmark = pytest.mark.slow

Json = dict[str, Any]


def test_records_may_be_cut_anywhere(probe: Probe, master: ScriptedMaster, name: str) -> None:
    stream = start(probe, master, name)
    first = b'{"type":"RESCIND","rescind":{"offer_id":{"value":"caf\xc3\xa9"}}}'
    second = b'{"type":"RESCIND","rescind":{"offer_id":{"value":"two"}}}'
    data = b"\n\n%d\n%s\n%d\r\n%s" % (len(first), first, len(second), second)
    for index in range(len(data)):
        stream.chunk(data[index : index + 1])
    assert probe.callback(name)["id"] == {"value": "café"}
    assert probe.callback(name)["id"] == {"value": "two"}
    stream.chunk(data + data[: len(data) // 2])
    stream.chunk(data[len(data) // 2 :])
    assert [probe.callback(name)["id"]["value"] for _ in range(4)] == ["café", "two", "café", "two"]
    finish(probe, name)


def test_callbacks_come_in_order_from_one_thread(probe: Probe, master: ScriptedMaster, name: str) -> None:
    stream = start(probe, master, name)
    for index in range(50):
        stream.emit({"type": "RESCIND", "rescind": {"offer_id": {"value": str(index)}}})
    callbacks = [probe.callback(name) for _ in range(50)]
    assert [callback["id"]["value"] for callback in callbacks] == [str(index) for index in range(50)]
    assert len({callback["thread"] for callback in callbacks}) == 1
    finish(probe, name)


def test_unknown_events_and_strange_ones_are_passed_over(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    stream = start(probe, master, name)
    stream.emit({"type": "INVERSE_OFFERS", "inverse_offers": {}})
    stream.emit({"type": "NEVER_HEARD_OF"})
    stream.emit({"type": "UPDATE", "update": {"status": {"state": "TASK_RUNNING"}}})  # of no task
    stream.emit(offers("O-1"))
    assert probe.callback(name)["callback"] == "resourceOffers"
    assert probe.do("suppress", name) == "DRIVER_RUNNING"
    finish(probe, name)


def test_a_closed_stream_is_sought_again_with_the_same_id(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    stream = start(probe, master, name)
    for task_id in ("alive", "done"):
        probe.do("launch", name, offers=["O-1"], tasks=[task(task_id)])
        assert master.call()["type"] == "ACCEPT"
    stream.emit(update("done", "TASK_FINISHED", uuid="AAAA"))
    assert probe.callback(name)["status"]["state"] == "TASK_FINISHED"
    assert master.call()["acknowledge"]["uuid"] == "AAAA"
    master.stream_id = "stream-2"
    stream.close()
    assert probe.callback(name)["callback"] == "disconnected"
    again = master.stream()
    assert again.request["framework_id"] == {"value": "F-0"}
    assert again.request["subscribe"]["framework_info"]["id"] == {"value": "F-0"}
    assert "Mesos-Stream-Id" not in again.headers
    again.subscribed()
    assert probe.callback(name)["callback"] == "reregistered"
    call, headers = master.calls.get(timeout=20)
    assert headers["Mesos-Stream-Id"] == "stream-2"
    assert call["type"] == "RECONCILE"  # of the task that may be alive, not of the one that ended
    assert call["reconcile"]["tasks"] == [{"task_id": {"value": "alive"}, "agent_id": {"value": "S-0"}}]
    finish(probe, name)


def test_a_silent_master_is_left(probe: Probe, master: ScriptedMaster, name: str) -> None:
    probe.do("new", name, master=master.address, framework=FRAMEWORK)
    probe.do("start", name)
    master.stream().subscribed(heartbeat=0.1)
    assert probe.callback(name)["callback"] == "registered"
    assert probe.callback(name)["callback"] == "disconnected"
    master.stream().subscribed()
    assert probe.callback(name)["callback"] == "reregistered"
    finish(probe, name)


def test_heartbeats_keep_the_stream(probe: Probe, master: ScriptedMaster, name: str) -> None:
    probe.do("new", name, master=master.address, framework=FRAMEWORK)
    probe.do("start", name)
    stream = master.stream()
    stream.subscribed(heartbeat=1)
    assert probe.callback(name)["callback"] == "registered"
    silence = 5.0  # seconds that would count as the end; a machine may stall for almost as long
    begun = time.monotonic()
    while time.monotonic() - begun < silence + 0.5:
        time.sleep(0.1)
        stream.emit({"type": "HEARTBEAT"})
    stream.emit(offers("O-1"))
    assert probe.callback(name)["callback"] == "resourceOffers"
    finish(probe, name)


@pytest.mark.parametrize("form", ["//{}/master/api/v1/scheduler", "http://{}/x", "{}", "{}/master"])
def test_a_master_that_does_not_lead_says_who_does(
    form: str, probe: Probe, master: ScriptedMaster, second_master: ScriptedMaster, name: str
) -> None:
    location = form.format(second_master.address)
    master.on_subscribe = lambda call, headers: (307, {"Location": location}, "")
    probe.do("new", name, master=master.address, framework=FRAMEWORK)
    probe.do("start", name)
    second_master.stream().subscribed()
    assert probe.callback(name)["callback"] == "registered"
    probe.do("revive", name)
    assert second_master.call()["type"] == "REVIVE"
    finish(probe, name)


def test_the_recorded_redirect(
    probe: Probe,
    master: ScriptedMaster,
    second_master: ScriptedMaster,
    recording: Callable[[str], Json],
    name: str,
) -> None:
    """A master that does not lead redirects before it looks at what it got: subscriptions and all other calls alike."""
    exchanges = [
        one
        for one in recording("non-leading-master")["exchanges"]
        if one["request"]["method"] == "POST" and one["request"]["path"] == "/api/v1/scheduler"
    ]
    locations = {one["response"]["headers"]["Location"] for one in exchanges}
    assert {one["response"]["status"] for one in exchanges} == {307}
    assert locations == {"//master1.mesos.example:5050/master/api/v1/scheduler"}
    location = locations.pop().replace("master1.mesos.example:5050", second_master.address)
    redirect = (307, {"Location": location}, "")
    stream = start(probe, master, name)
    master.on_subscribe = lambda call, headers: redirect
    master.on_call = lambda call: redirect  # it leads no longer, though the stream still stands
    probe.do("kill", name, task="t-1")
    assert master.call()["type"] == "KILL"
    assert probe.callback(name)["callback"] == "disconnected"
    again = second_master.stream()
    assert again.request["framework_id"] == {"value": "F-0"}
    again.subscribed()
    assert probe.callback(name)["callback"] == "reregistered"
    assert second_master.call()["type"] == "KILL"
    finish(probe, name)
    stream.close()


def test_masters_that_point_at_each_other_are_asked_until_one_leads(
    probe: Probe, master: ScriptedMaster, second_master: ScriptedMaster, name: str
) -> None:
    asked = 0

    def circle(call: Json, headers: dict[str, str]) -> tuple[int, dict[str, str], str] | None:
        nonlocal asked
        asked += 1
        return None if asked > 8 else (307, {"Location": f"//{master.address}"}, "")

    master.on_subscribe = circle
    second_master.on_subscribe = lambda call, headers: (503, {}, "Master has not finished recovery")
    both = f"{second_master.address},{master.address}"
    probe.do("new", name, master=both, framework=FRAMEWORK)
    probe.do("start", name)
    master.stream().subscribed()
    assert probe.callback(name)["callback"] == "registered"
    finish(probe, name)


def test_what_error_throws_before_the_registration_comes_out_of_run(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    master.on_subscribe = lambda call, headers: (400, {}, "no")
    probe.do("new", name, master=master.address, framework=FRAMEWORK, throwIn="error")
    probe.do("runs", name)
    assert probe.callback(name)["callback"] == "error"
    assert "thrown in error" in probe.callback(name)["outcome"]


def test_nothing_is_to_be_compressed(probe: Probe, master: ScriptedMaster, name: str) -> None:
    """Mesos gzips large answers when it is allowed to; the bridge does not allow it, since it could not read them."""
    stream = start(probe, master, name)
    probe.do("revive", name)
    _, headers = master.calls.get(timeout=20)
    assert "accept-encoding" not in {header.lower() for header in (*stream.headers, *headers)}
    finish(probe, name)


def test_credentials_go_with_every_request(probe: Probe, master: ScriptedMaster, name: str) -> None:
    stream = start(probe, master, name, principal="spark", secret="s3cret\n")
    expected = "Basic c3Bhcms6czNjcmV0"  # spark:s3cret
    assert stream.headers["Authorization"] == expected
    probe.do("revive", name)
    _, headers = master.calls.get(timeout=20)
    assert headers["Authorization"] == expected
    finish(probe, name)


def test_a_refused_launch_ends_its_tasks(probe: Probe, master: ScriptedMaster, name: str) -> None:
    start(probe, master, name)
    master.on_call = lambda call: (400, {}, "Failed to validate scheduler::Call")
    probe.do("launch", name, offers=["O-1"], tasks=[task("a"), task("b")])
    for task_id in ("a", "b"):
        status = probe.callback(name)["status"]
        assert status["task_id"] == {"value": task_id}
        assert status["state"] == "TASK_LOST"
        assert status["slave_id"] == {"value": "S-0"}
        assert "Failed to validate scheduler::Call" in status["message"]
        assert "uuid" not in status
    finish(probe, name)


def test_a_call_of_a_framework_that_is_not_subscribed_brings_a_new_subscription(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    start(probe, master, name)
    master.on_call = lambda call: (403, {}, "Framework is not subscribed")
    probe.do("kill", name, task="t-1")
    assert master.call()["type"] == "KILL"
    assert probe.callback(name)["callback"] == "disconnected"
    master.on_call = lambda call: None
    master.stream_id = "stream-2"
    master.stream().subscribed()
    assert probe.callback(name)["callback"] == "reregistered"
    call, headers = master.calls.get(timeout=20)  # the same call once more
    assert (call["type"], headers["Mesos-Stream-Id"]) == ("KILL", "stream-2")
    finish(probe, name)


def test_calls_while_mesos_is_away(probe: Probe, master: ScriptedMaster, name: str) -> None:
    start(probe, master, name).close()
    assert probe.callback(name)["callback"] == "disconnected"
    again = master.stream()  # asked for, but not granted yet
    probe.do("launch", name, offers=["O-1"], tasks=[task()])
    assert probe.callback(name)["status"]["state"] == "TASK_LOST"
    probe.do("decline", name, offer="O-2")
    for _ in range(3):
        probe.do("revive", name)
    probe.do("kill", name, task="t-9")
    # Calls are made in order: when this one is known to be lost, those before it are kept.
    probe.do("launch", name, offers=["O-3"], tasks=[task()])
    assert probe.callback(name)["status"]["state"] == "TASK_LOST"
    again.subscribed()
    assert probe.callback(name)["callback"] == "reregistered"
    assert [master.call()["type"] for _ in range(2)] == ["REVIVE", "KILL"]
    finish(probe, name)
    assert master.calls.empty()


def hang_up(call: Json) -> tuple[int, dict[str, str], str] | None:
    """For ScriptedMaster.on_call: closes the connection without an answer."""
    raise ConnectionAbortedError


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("kill", {"task": "t-1"}),
        ("revive", {}),
        ("suppress", {}),
        ("reconcile", {"tasks": [{"task_id": {"value": "t-1"}}]}),
    ],
)
def test_calls_that_do_no_harm_twice_are_made_again_if_there_is_no_answer(
    command: str, arguments: Json, probe: Probe, master: ScriptedMaster, name: str
) -> None:
    start(probe, master, name)
    master.on_call = hang_up
    master.stream_id = "stream-2"
    probe.do(command, name, **arguments)
    assert probe.callback(name)["callback"] == "disconnected"
    again = master.stream()
    master.on_call = lambda call: None
    again.subscribed()
    assert probe.callback(name)["callback"] == "reregistered"
    call, headers = master.calls.get(timeout=20)
    assert (call["type"], headers["Mesos-Stream-Id"]) == (command.upper(), "stream-2")
    finish(probe, name)


def test_other_calls_without_an_answer_are_not_made_again(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    start(probe, master, name)
    hung_up = threading.Event()

    def once(call: Json) -> None:
        if not hung_up.is_set():
            hung_up.set()
            hang_up(call)

    master.on_call = once
    probe.do("message", name, executor="e", agent="S-0", text="x")
    probe.do("revive", name)
    assert master.call()["type"] == "REVIVE"
    assert hung_up.is_set()
    assert master.streams.empty()
    finish(probe, name)


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        # The driver itself suppresses after a new subscription if that was asked for last.
        (["revive", "suppress", "revive"], ["REVIVE"]),
        (["suppress", "revive", "kill", "suppress"], ["KILL", "SUPPRESS", "SUPPRESS"]),
        (["revive", "kill", "revive"], ["KILL", "REVIVE"]),
    ],
)
def test_of_calls_that_are_kept_the_last_counts(
    asked: list[str], made: list[str], probe: Probe, master: ScriptedMaster, name: str
) -> None:
    start(probe, master, name).close()
    assert probe.callback(name)["callback"] == "disconnected"
    again = master.stream()
    for command in asked:
        probe.do(command, name, task="t-1")
    # Calls are made one after the other, so these have been kept when the launch is told to be in vain.
    probe.do("launch", name, offers=["O-1"], tasks=[task("vain")])
    assert probe.callback(name)["status"]["state"] == "TASK_LOST"
    again.subscribed()
    assert probe.callback(name)["callback"] == "reregistered"
    probe.do("message", name, executor="e", agent="S-0", text="the end")
    calls = [master.call()["type"]]
    while calls[-1] != "MESSAGE":
        calls.append(master.call()["type"])
    assert calls == [*made, "MESSAGE"]
    finish(probe, name)


def test_what_was_kept_comes_before_what_was_asked_for_later(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    stream = start(probe, master, name)
    called, answer = threading.Event(), threading.Event()

    def hold(call: Json) -> None:
        called.set()
        answer.wait(20)
        hang_up(call)

    master.on_call = hold
    probe.do("kill", name, task="t-1")
    assert called.wait(20)
    master.stream_id = "stream-2"
    stream.close()
    assert probe.callback(name)["callback"] == "disconnected"
    master.stream().subscribed()
    assert probe.callback(name)["callback"] == "reregistered"
    probe.do("revive", name)
    master.on_call = lambda call: None
    answer.set()
    assert [master.call()["type"] for _ in range(2)] == ["KILL", "REVIVE"]
    finish(probe, name)


@pytest.mark.parametrize("length", ["abc", "-1", ""])
def test_a_launch_with_an_answer_of_nonsense_is_asked_about(
    length: str, probe: Probe, master: ScriptedMaster, name: str
) -> None:
    start(probe, master, name)
    master.on_call = lambda call: (400, {"Content-Length": length}, "") if call["type"] == "ACCEPT" else None
    probe.do("launch", name, offers=["O-1"], tasks=[task()])
    assert [master.call()["type"] for _ in range(2)] == ["ACCEPT", "DECLINE"]
    call = master.call()
    assert call["type"] == "RECONCILE"
    assert call["reconcile"]["tasks"] == [{"task_id": {"value": "t-1"}, "agent_id": {"value": "S-0"}}]
    finish(probe, name)


def test_an_offer_that_cannot_be_read_is_declined(probe: Probe, master: ScriptedMaster, name: str) -> None:
    stream = start(probe, master, name)
    event = offers("O-1", "O-2", "O-3")
    del event["offers"]["offers"][1]["agent_id"]
    stream.emit(event)
    seen = probe.callback(name)
    assert [offer["id"]["value"] for offer in seen["offers"]] == ["O-1", "O-3"]
    assert master.call()["decline"]["offer_ids"] == [{"value": "O-2"}]
    finish(probe, name)


def test_a_record_of_insane_length_ends_the_stream(probe: Probe, master: ScriptedMaster, name: str) -> None:
    start(probe, master, name).chunk(b"99999999\n")
    assert probe.callback(name)["callback"] == "disconnected"
    master.stream().subscribed()
    assert probe.callback(name)["callback"] == "reregistered"
    finish(probe, name)


def test_an_error_in_the_conversation_is_told(probe: Probe, master: ScriptedMaster, name: str) -> None:
    probe.do("broken", name, master=master.address)
    failed = probe.callback(name)
    assert failed["callback"] == "failed"
    assert "NoClassDefFoundError: thrown by the test" in failed["message"]
    assert master.address in failed["message"]


def test_calls_wait_for_a_master_that_is_not_ready(probe: Probe, master: ScriptedMaster, name: str) -> None:
    start(probe, master, name)
    answers: list[tuple[int, dict[str, str], str]] = [(503, {}, "Master has not finished recovery")] * 2
    master.on_call = lambda call: answers.pop() if answers else None
    probe.do("launch", name, offers=["O-1"], tasks=[task()])
    assert [master.call()["type"] for _ in range(3)] == ["ACCEPT"] * 3
    assert not probe.has_callback(name)
    finish(probe, name)


def test_killing_what_has_ended_is_not_sent(probe: Probe, master: ScriptedMaster, name: str) -> None:
    """Mesos would answer TASK_LOST, and Spark would count that against the agent."""
    stream = start(probe, master, name)
    probe.do("launch", name, offers=["O-1"], tasks=[task()])
    assert master.call()["type"] == "ACCEPT"
    stream.emit(
        {"type": "UPDATE", "update": {"status": {"task_id": {"value": "t-1"}, "state": "TASK_FAILED"}}}
    )
    assert probe.callback(name)["status"]["slave_id"] == {"value": "S-0"}  # filled in: Spark needs it
    probe.do("kill", name, task="t-1")
    probe.do("launch", name, offers=["O-2"], tasks=[task()])
    probe.do("kill", name, task="t-1")
    assert [master.call()["type"] for _ in range(2)] == ["ACCEPT", "KILL"]
    finish(probe, name)


def test_no_thread_is_left_of_several_drivers(
    probe: Probe, master: ScriptedMaster, second_master: ScriptedMaster, name: str
) -> None:
    before = set(probe.do("threads").split())
    for suffix, one in (("a", master), ("b", second_master)):
        start(probe, one, name + suffix)
    assert len(set(probe.do("threads").split()) - before) == 6
    for suffix, one in (("a", master), ("b", second_master)):
        probe.do("revive", name + suffix)
        assert one.call()["type"] == "REVIVE"
        probe.do("stop", name + suffix, failover=suffix == "a")
    deadline = time.monotonic() + 10
    while left := set(probe.do("threads").split()) - before:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@pytest.mark.parametrize("end", ["abort", "a new subscription"])
def test_nobody_waits_for_what_is_over(end: str, probe: Probe, master: ScriptedMaster, name: str) -> None:
    """The thread that asks about tasks again and again, with up to 300 s between."""

    def threads() -> list[str]:
        return [one for one in probe.do("threads").split() if one.startswith("mesos-reconciliation")]

    def renew(stream: Stream) -> Stream:
        stream.close()
        assert probe.callback(name)["callback"] == "disconnected"
        again = master.stream()
        again.subscribed()
        assert probe.callback(name)["callback"] == "reregistered"
        assert master.call()["type"] == "RECONCILE"
        return again

    stream = start(probe, master, name)
    probe.do("launch", name, offers=["O-1"], tasks=[task()])
    assert master.call()["type"] == "ACCEPT"
    stream = renew(stream)
    if end == "abort":
        probe.do("abort", name)
        left: list[str] = []
    else:
        renew(stream)
        left = ["mesos-reconciliation-2"]
    deadline = time.monotonic() + 5
    while threads() != left:
        assert time.monotonic() < deadline, threads()
        time.sleep(0.02)
    finish(probe, name)


def test_no_offers_after_abort_even_with_a_new_subscription(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    stream = start(probe, master, name)
    probe.do("abort", name)
    assert master.call()["type"] == "SUPPRESS"
    stream.close()
    master.stream().subscribed()
    assert master.call()["type"] == "SUPPRESS"
    finish(probe, name)


@pytest.mark.parametrize(
    "conf", [{"spark.cores.max": " 4"}, {"spark.cores.max": "four"}, {"spark.executor.memory": "much"}]
)
def test_no_setting_keeps_the_driver_from_starting(
    conf: dict[str, str], probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """The watch that tells why no executor starts reads Spark's settings; it only advises."""
    probe.do("environment", conf=conf)
    try:
        start(probe, master, name)
    finally:
        probe.do("environment")
    finish(probe, name)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("host:1", "host:1"),
        ("host", "host:5050"),
        ("[::1]:5051", "[::1]:5051"),
        ("[::1]", "[::1]:5050"),
        ("http://host:80/master", "host:80"),
        ("https://host", "https://host:5050"),
        ("//host:5/master/api", "host:5"),
        ("host:port", "'port' is no port"),
        ("host:70000", "70000 is no port"),
        (":5050", "names no host"),
        ("[::1", "bracket"),
        ("user:pw@host", "no port"),
    ],
)
def test_addresses_of_masters(text: str, meaning: str, probe: Probe) -> None:
    answer = probe.do("endpoint", text=text)
    assert answer == meaning or (meaning in answer and "IllegalArgument" in answer)


@pytest.mark.parametrize(
    ("location", "scheme", "meaning"),
    [
        ("//host:5050/master", "http", "host:5050"),
        ("//host/master", "http", "host:80"),
        ("//host/master", "https", "https://host:443"),
        ("http://[::1]/", "http", "[::1]:80"),
        ("https://host/master", "http", "https://host:443"),
    ],
)
def test_addresses_in_redirects(
    location: str, scheme: Literal["http", "https"], meaning: str, probe: Probe
) -> None:
    """The bridge and the core take the port of the scheme when there is none (RFC 9110, 4.2)."""
    assert probe.do("location", text=location, https=scheme == "https") == meaning
    response = requests.Response()
    response.status_code = 307
    response.headers["Location"] = location
    target = judge(response, scheme)
    assert isinstance(target, PointsTo)
    prefix = "https://" if target.scheme == "https" else ""
    assert f"{prefix}{target.address}" == meaning


def test_newer_fields_and_values_are_passed_over(probe: Probe) -> None:
    status = {
        "task_id": {"value": "t"},
        "state": "TASK_FROM_THE_FUTURE",
        "reason": "REASON_FROM_THE_FUTURE",
        "agent_id": {"value": "S"},
        "uuid": "AP+A",
        "timestamp": 1.5,
        "future_field": {"a": [1, 2]},
        "message": None,
        "container_status": {"executor_pid": 4294967295},
    }
    assert probe.do("echo", status=status) == {
        "task_id": {"value": "t"},
        "state": "TASK_STAGING",  # required, so the value stands in that nobody takes for an end
        "slave_id": {"value": "S"},
        "uuid": "AP+A",
        "timestamp": 1.5,
        "container_status": {"executor_pid": 4294967295},
    }
