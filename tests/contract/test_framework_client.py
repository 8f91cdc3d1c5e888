"""`Framework` in conversations that were recorded with a real Mesos 1.12.0.

It makes the recorded calls and hands over the recorded events.
"""

from __future__ import annotations

import base64
import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sparkmesos_core.errors import MesosError, SparkMesosError, UnreachableError
from sparkmesos_core.mesos import pymesos_driver, reconciliation
from sparkmesos_core.mesos.framework import Framework
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.mesos.pymesos_import import load_pymesos
from tests.contract.recorded import RECORDINGS, load
from tests.contract.recorded_master import PATIENCE, RecordedMaster, Stream

Json = dict[str, Any]

REPLAYED = [
    path.stem
    for pattern in ("scheduler-*.json", "executor-*-scheduler-side.json")
    for path in sorted(RECORDINGS.glob(pattern))
    if path.stem not in ("scheduler-bad-requests", "scheduler-authenticated-other-principal")
]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pymesos_driver, "_SECONDS_BETWEEN_ATTEMPTS", 0.02)


class Client:
    """A framework, and what it was told."""

    def __init__(self, master: RecordedMaster, subscribe: Json, **options: Any) -> None:
        self.events: queue.SimpleQueue[Json] = queue.SimpleQueue()
        credentials = subscribe["request"].get("headers", {}).get("Authorization")
        if credentials is not None:
            options["principal"], options["secret"] = (
                base64.b64decode(credentials.removeprefix("Basic ")).decode().split(":")
            )
        self.framework = Framework(
            subscribe["request"]["body"]["subscribe"]["framework_info"],
            Leader(master.address),
            self.events.put,
            on_disconnected=lambda: self.events.put({"type": "(disconnected)"}),
            **{"acknowledge": False, **options},
        )
        self.framework.start()

    def next(self) -> Json:
        return self.events.get(timeout=PATIENCE)

    def close(self) -> None:
        self.framework.stop()
        assert self.framework.join(PATIENCE)

    def make(self, call: Json, updates: list[Json]) -> None:
        """Ask the framework for what results in this call."""
        kind, framework = call["type"], self.framework
        content = call.get(kind.lower(), {})
        match kind:
            case "ACCEPT":
                framework.accept(content["offer_ids"], content["operations"], content.get("filters"))
            case "DECLINE":
                framework.decline(content["offer_ids"], content.get("filters"))
            case "REVIVE":
                framework.revive(content.get("roles", ()))
            case "SUPPRESS":
                framework.suppress(content.get("roles", ()))
            case "KILL":
                policy = content.get("kill_policy")
                framework.kill(
                    content["task_id"]["value"],
                    content.get("agent_id", {}).get("value"),
                    grace=policy["grace_period"]["nanoseconds"] / 1e9 if policy else None,
                )
            case "ACKNOWLEDGE":
                status = next(each for each in updates if each.get("uuid") == content["uuid"])
                framework.acknowledge(status)
            case "RECONCILE":
                framework.reconcile(
                    {
                        task["task_id"]["value"]: task.get("agent_id", {}).get("value")
                        for task in content["tasks"]
                    }
                )
            case "MESSAGE" | "SHUTDOWN":
                framework.call(kind, **{kind.lower(): content})
            case _:
                pytest.fail(f"a call {kind}")


@contextmanager
def subscribed(
    master: RecordedMaster, name: str, texts: dict[str, str] | None = None, **options: Any
) -> Iterator[tuple[Client, Stream, list[Json]]]:
    """A client that has had a recorded SUBSCRIBED, the stream that brought it, and the recorded exchanges."""
    recording = load(name)
    master.expect(recording["exchanges"][0], texts)
    client = Client(master, recording["exchanges"][0], **options)
    try:
        stream = master.stream()
        stream.emit(recording["events"][0])
        assert client.next() == recording["events"][0]
        yield client, stream, recording["exchanges"]
    finally:
        client.framework.stop()


class Conversation:
    """Walks through a recording, both sides of it."""

    def __init__(self, name: str, master: RecordedMaster) -> None:
        self.recording = load(name)
        self.master = master
        self.client: Client | None = None
        self.stream: Stream | None = None
        self.updates: list[Json] = []
        self.headers: Json = {}
        self.ended = False

    def run(self) -> None:
        steps = [step.split() for step in self.recording["order"]]
        for position, (kind, index) in enumerate(steps):
            if kind == "event":
                following = [
                    self.recording["exchanges"][int(i)]["request"]
                    for k, i in steps[position + 1 :]
                    if k == "exchange"
                ]
                self.hear(self.recording["events"][int(index)], following)
            else:
                self.exchange(self.recording["exchanges"][int(index)])
        if self.client is not None and not self.ended:
            self.client.close()
        self.master.check()
        assert self.client is None or self.client.events.empty()

    def hear(self, event: Json, following: list[Json]) -> None:
        """Send an event and see it arrive; a closed connection ends the client unless its own call closes it."""
        assert self.client is not None
        if "type" in event:
            assert self.stream is not None
            self.stream.emit(event)
            if event["type"] == "UPDATE":
                self.updates.append(event["update"]["status"])
            if event["type"] != "HEARTBEAT":
                assert self.client.next() == event
            if event["type"] == "ERROR":
                self.ended = True
                with pytest.raises(MesosError, match=event["error"]["message"]):
                    self.client.framework.join(PATIENCE)
        elif "_connection" in event or "the scheduler closes its" in event.get("_note", ""):
            own_doing = [True for each in following if _kind(each) == "TEARDOWN"]
            if not own_doing and not self.ended:
                self.client.close()
                self.ended = True

    def exchange(self, exchange: Json) -> None:
        request, status = exchange["request"], exchange["response"]["status"]
        if request["method"] == "GET":
            self.get(exchange)
        elif request["path"] != "/api/v1/scheduler":
            pass  # what an operator did meanwhile: not a call of ours
        elif _kind(request) == "SUBSCRIBE":
            self.master.expect(exchange)
            self.headers = request["headers"]
            self.client, self.ended = Client(self.master, exchange), False
            self.stream = self.master.stream()
            self.headers = {**self.headers, "Mesos-Stream-Id": stream_id_of(exchange)}
        elif self.ended:
            # Mesos refuses these, as recorded; we know as much and do not ask it.
            assert status in (400, 403)
            assert self.client is not None
            with pytest.raises(UnreachableError, match="not subscribed"):
                self.client.make(request["body"], self.updates)
        else:
            self.call(exchange)

    def call(self, exchange: Json) -> None:
        """Make a call. One that was refused for its headers is made with ours and refused all the same."""
        assert self.client is not None
        request, response = exchange["request"], exchange["response"]
        self.master.expect({**exchange, "request": {**request, "headers": self.headers}})
        if _kind(request) == "TEARDOWN":
            self.client.framework.stop(teardown=True)
            assert self.client.framework.join(PATIENCE)
            self.ended = True
        elif response["status"] == 202:
            self.client.make(request["body"], self.updates)
        elif "didn't match the stream ID" in response["body"]:
            with pytest.raises(UnreachableError, match="was not taken by the master"):
                self.client.make(request["body"], self.updates)
        else:
            with pytest.raises(MesosError) as caught:
                self.client.make(request["body"], self.updates)
            said = caught.value
            assert f"refuses {_kind(request)}: {response['status']} {response['body']}" in said.message
            assert ("spark.mesos.principal" in said.hint) == (
                response["status"] == 401 or "principal" in response["body"]
            )

    def get(self, exchange: Json) -> None:
        request, response = exchange["request"], exchange["response"]
        credentials = request.get("headers", {}).get("Authorization", "")
        principal, _, secret = base64.b64decode(credentials.removeprefix("Basic ")).decode().partition(":")
        self.master.expect(exchange)
        url = f"http://{self.master.address}"
        with MesosHttp(url, principal=principal or None, secret=secret or None) as http:
            answer = http.get(request["path"])
            assert answer.status_code == response["status"]
            if response["status"] == 200:
                assert http.decode(answer) == response["body"]
            else:
                with pytest.raises(MesosError, match=str(response["status"])):
                    http.decode(answer)


def _kind(request: Json) -> str:
    body = request.get("body")
    return str(body.get("type", "")) if isinstance(body, dict) else ""


def stream_id_of(exchange: Json) -> str:
    stream_id: str = exchange["response"]["headers"]["Mesos-Stream-Id"]
    return stream_id


@pytest.mark.parametrize("name", REPLAYED)
def test_conversation(name: str) -> None:
    with RecordedMaster() as master:
        Conversation(name, master).run()


def test_updates_are_acknowledged_by_themselves_unless_they_have_no_uuid() -> None:
    # TASK_LOST and TASK_RUNNING of an agent that went and came back: neither has a uuid, and neither is final.
    name = "scheduler-agent-lost-checkpoint"
    recording = load(name)
    acknowledgements = [x for x in recording["exchanges"] if _kind(x["request"]) == "ACKNOWLEDGE"]
    updates = [event for event in recording["events"] if event.get("type") == "UPDATE"]
    states = [event["update"]["status"]["state"] for event in updates]
    assert states.index("TASK_LOST") < len(states) - 1 - states[::-1].index("TASK_RUNNING")
    with (
        RecordedMaster() as master,
        subscribed(master, name, acknowledge=True) as (client, stream, _),
    ):
        for exchange in acknowledgements:
            master.expect(exchange)
        for event in updates:
            stream.emit(event)
        assert [client.next() for _ in updates] == updates
        assert [master.asked.get(timeout=PATIENCE) for _ in acknowledgements]
        client.close()
        master.check()


@pytest.mark.parametrize(
    "exchange",
    [x for x in load("scheduler-bad-requests")["exchanges"] if x["request"]["method"] == "POST"]
    + load("scheduler-authenticated-other-principal")["exchanges"]
    + [x for x in load("authentication")["exchanges"] if _kind(x["request"]) == "SUBSCRIBE"],
    ids=lambda exchange: exchange["response"]["body"][:60],
)
def test_a_refused_subscription_says_why(exchange: Json) -> None:
    subscribe = load("scheduler-authenticated-no-principal")["exchanges"][0]
    answer = exchange["response"]
    with RecordedMaster() as master:
        master.expect({"request": subscribe["request"], "response": answer})
        client = Client(master, subscribe)
        with pytest.raises(MesosError) as caught:
            client.framework.join(PATIENCE)
        master.check()
    said = caught.value
    assert said.message.endswith(f"refuses the framework: {answer['status']} {answer['body']}")
    about_credentials = answer["status"] == 401 or "principal" in answer["body"]
    assert ("principal" in said.hint) == about_credentials


def test_torn_down_by_an_operator() -> None:
    # Mesos only closes the stream; that the framework is no more is what it says to the next SUBSCRIBE.
    removed = load("scheduler-removed-framework")
    again = removed["exchanges"][0]
    framework_id = again["request"]["body"]["framework_id"]
    subscribe = {"request": {**again["request"], "body": json.loads(json.dumps(again["request"]["body"]))}}
    del subscribe["request"]["body"]["framework_id"]
    del subscribe["request"]["body"]["subscribe"]["framework_info"]["id"]
    with RecordedMaster() as master:
        master.expect({**subscribe, "response": again["response"]})
        client = Client(master, subscribe)
        stream = master.stream()
        stream.emit({"type": "SUBSCRIBED", "subscribed": {"framework_id": framework_id}})
        client.next()
        master.expect(again)
        stream.close()
        assert client.next() == {"type": "(disconnected)"}
        master.stream().emit(removed["events"][0])
        assert client.next()["type"] == "ERROR"
        with pytest.raises(MesosError, match="Mesos ended the framework: Framework has been removed"):
            client.framework.join(PATIENCE)
        master.check()


def _refusal(recording: str, words: str) -> Json:
    """The recorded exchange of a call that was refused with these words."""
    exchanges = load(recording)["exchanges"]
    found: Json = next(x for x in exchanges if words in str(x.get("response", {}).get("body")))
    return found


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        ("scheduler-not-subscribed", "Framework is not subscribed"),
        # The answer of a master that has just been started at the same address.
        ("scheduler-bad-requests", "Framework cannot be found"),
    ],
)
def test_a_subscription_that_mesos_no_longer_knows_is_renewed(recording: str, words: str) -> None:
    call = _refusal("scheduler-not-subscribed", "Framework is not subscribed")
    refused = {**call, "response": _refusal(recording, words)["response"]}
    with (
        RecordedMaster() as master,
        subscribed(master, "scheduler-not-subscribed") as (client, _, exchanges),
    ):
        headers = {"Mesos-Stream-Id": stream_id_of(exchanges[0])}
        master.expect({**refused, "request": {**refused["request"], "headers": headers}})
        resubscribe = load("scheduler-resubscribed")["exchanges"][0]
        master.expect(resubscribe)
        with pytest.raises(SparkMesosError) as caught:
            client.framework.revive()
        assert isinstance(caught.value, UnreachableError)
        assert words in caught.value.message
        assert client.next() == {"type": "(disconnected)"}
        second = master.stream()
        second.emit(load("scheduler-resubscribed")["events"][0])
        assert client.next()["type"] == "SUBSCRIBED"
        client.close()
        master.check()


def test_a_call_after_another_scheduler_has_taken_over_was_not_taken() -> None:
    """It is not the call that is wrong, and its stream tells the rest: subscribing anew would be a fight."""
    refused = _refusal("scheduler-failover-old", "didn't match the stream ID")
    with RecordedMaster() as master, subscribed(master, "scheduler-failover-old") as (client, stream, _):
        master.expect(refused)
        with pytest.raises(UnreachableError, match=r"REVIVE was not taken .* didn't match the stream ID"):
            client.framework.revive()
        assert client.framework.connected
        stream.emit({"type": "ERROR", "error": {"message": "Framework failed over"}})
        assert client.next()["type"] == "ERROR"
        with pytest.raises(MesosError, match="Framework failed over"):
            client.framework.join(PATIENCE)
        master.check()


def test_a_call_to_a_master_that_leads_no_more() -> None:
    # It is not known to be refused: it was not taken by the right one.
    redirect = next(
        x
        for x in load("non-leading-master")["exchanges"]
        if _kind(x["request"]) == "REVIVE" and x["response"]["status"] == 307
    )
    subscribe = load("scheduler-heartbeat")["exchanges"][0]
    with (
        RecordedMaster() as master,
        RecordedMaster() as leader,
        subscribed(master, "scheduler-heartbeat") as (client, _, _),
    ):
        identifier = {"value": client.framework.framework_id}
        body = {"type": "REVIVE", "framework_id": identifier}
        request = {
            **redirect["request"],
            "body": body,
            "headers": {"Mesos-Stream-Id": stream_id_of(subscribe)},
        }
        master.expect({**redirect, "request": request})
        info = {**subscribe["request"]["body"]["subscribe"]["framework_info"], "id": identifier}
        again = {"type": "SUBSCRIBE", "framework_id": identifier, "subscribe": {"framework_info": info}}
        resubscribe = {**subscribe, "request": {**subscribe["request"], "body": again}}
        master.expect(
            {**redirect, "request": resubscribe["request"]}, {LEADER_AS_RECORDED: str(leader.address)}
        )
        leader.expect(resubscribe)
        with pytest.raises(UnreachableError, match="the master does not lead"):
            client.framework.revive()
        assert client.next() == {"type": "(disconnected)"}
        leader.stream()
        client.close()
        master.check()
        leader.check()


LEADER_AS_RECORDED = "master1.mesos.example:5050"


def test_the_leader_dies() -> None:
    """The other master points at the dead one, then says 503 once, then leads; nobody else tells us."""
    before, after = load("scheduler-master-failover-before"), load("scheduler-master-failover-after")
    polling = next(event["_polling"] for event in before["events"] if "_polling" in event)
    assert [answer["status"] for answer in polling] == [307, 503, 200]
    subscribe = after["exchanges"][0]
    with RecordedMaster() as dying, RecordedMaster() as other:
        dying.expect(before["exchanges"][0])
        client = Client(dying, before["exchanges"][0], others=[Leader(other.address)])
        first = dying.stream()
        first.emit(before["events"][0])
        assert client.next() == before["events"][0]
        dead = {LEADER_AS_RECORDED: str(dying.address)}
        other.expect({**subscribe, "response": polling[0]}, dead)
        dying.stop()
        assert client.next() == {"type": "(disconnected)"}
        other.asked.get(timeout=PATIENCE)
        other.expect({**subscribe, "response": polling[0]}, dead)
        other.expect({**subscribe, "response": polling[1]})
        other.expect(subscribe)
        second = other.stream()
        second.emit(after["events"][0])
        assert client.next() == after["events"][0]
        client.close()
        other.check()


def test_masters_that_point_at_each_other_are_not_asked_without_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pymesos_driver, "_SECONDS_BETWEEN_ATTEMPTS", 0.3)
    subscribe = load("scheduler-heartbeat")["exchanges"][0]
    redirect = load("non-leading-master")["exchanges"][17]["response"]
    assert redirect["status"] == 307
    with RecordedMaster() as one, RecordedMaster() as another:
        for master, target in ((one, another), (another, one)):
            for _ in range(50):
                master.expect({**subscribe, "response": redirect}, {LEADER_AS_RECORDED: str(target.address)})
        client = Client(one, subscribe)
        for _ in range(3):
            one.asked.get(timeout=PATIENCE)
        client.close()
        assert one.asked.qsize() + another.asked.qsize() < 10


@pytest.mark.parametrize("location", ["", "//[::1]:5050/master/api/v1/scheduler", "/here"])
def test_a_redirect_to_nowhere_is_not_followed(location: str) -> None:
    subscribe = load("scheduler-heartbeat")["exchanges"][0]
    redirect = {"status": 307, "headers": {"Location": location}, "body": ""}
    with RecordedMaster() as master:
        master.expect({**subscribe, "response": redirect})
        master.expect(subscribe)
        client = Client(master, subscribe)
        master.stream()
        client.close()
        master.check()


def test_reconciliation_is_repeated_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded: a new leader says nothing of a task whose agent has not come back to it yet."""
    monkeypatch.setattr(reconciliation.Reconciliation.__init__, "__defaults__", (0.01, 0.01))
    monkeypatch.setattr(load_pymesos().process, "SELECT_TIMEOUT", 0.01)
    recording = load("scheduler-master-failover-after")
    explicit = [x for x in recording["exchanges"] if x["request"]["body"].get("reconcile", {}).get("tasks")]
    answer = [event for event in recording["events"] if event.get("type") == "UPDATE"][-1]
    with (
        RecordedMaster() as master,
        subscribed(master, "scheduler-master-failover-after") as (client, stream, _),
    ):
        for _ in range(1000):
            master.expect(explicit[0])
        client.make(explicit[0]["request"]["body"], [])
        for _ in range(4):
            master.asked.get(timeout=PATIENCE)
        stream.emit(answer)
        assert client.next() == answer
        client.close()
        assert not master.problems
