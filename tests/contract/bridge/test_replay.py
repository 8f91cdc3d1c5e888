"""Conversations that were recorded with a real Mesos 1.12: the bridge makes the same calls, and says the same of the events."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.bridge.conftest import HERE, RECORDINGS

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import Probe, ScriptedMaster

pytestmark = pytest.mark.slow

Json = dict[str, Any]
# Values of enums that came after Mesos 1.4, whose messages Spark has.
NEWER_VALUES: list[Any] = ["REASON_SLAVE_REMOVED_BY_OPERATOR", "REASON_SLAVE_REREGISTERED"]
REPLAYED = [
    "executor-http-agent-restart-scheduler-side",
    "executor-http-scheduler-side",
    "scheduler-agent-gone",
    "scheduler-agent-killed",
    "scheduler-agent-killed-partition-aware",
    "scheduler-agent-lost-checkpoint",
    "scheduler-agent-lost-partition-aware",
    "scheduler-agent-partitioned",
    "scheduler-agent-partitioned-partition-aware",
    "scheduler-agent-shutdown",
    "scheduler-authenticated",
    "scheduler-authenticated-no-principal",
    "scheduler-containers",
    "scheduler-decline-revive",
    "scheduler-failover-new",
    "scheduler-failover-old",
    "scheduler-failover-timeout",
    "scheduler-fetcher",
    "scheduler-heartbeat",
    "scheduler-invalid-launch",
    "scheduler-kill",
    "scheduler-kill-partition-aware",
    "scheduler-master-failover-after",
    "scheduler-master-failover-before",
    "scheduler-not-subscribed",
    "scheduler-reconcile",
    "scheduler-reconcile-partition-aware",
    "scheduler-removed-framework",
    "scheduler-rescind",
    "scheduler-resubscribed",
    "scheduler-role-both",
    "scheduler-role-invalid",
    "scheduler-role-legacy",
    "scheduler-role-multi",
    "scheduler-role-refined",
    "scheduler-role-two",
    "scheduler-task-failed",
    "scheduler-task-finished",
    "scheduler-torn-down-by-operator",
    "scheduler-unknown-framework-id",
]
# Recordings that are held against the bridge in tests of their own: a subscription that is refused, and what happens around
# one. Some of those above are replayed there once more, with the failure that they are about.
ELSEWHERE = {
    "authentication": "test_refusals.py::test_authentication",
    "non-leading-master": "test_conversation.py::test_the_recorded_redirect",
    "scheduler-authenticated-no-principal": "test_refusals.py::test_no_principal_with_right_credentials_is_fine",
    "scheduler-authenticated-other-principal": "test_refusals.py::test_credentials_of_another_principal",
    "scheduler-bad-requests": "test_refusals.py::test_recorded_refusals",
    "scheduler-master-failover-after": "test_away.py::test_the_successor_of_a_killed_leader",
    "scheduler-master-failover-before": "test_away.py::test_the_successor_of_a_killed_leader",
    "scheduler-removed-framework": "test_refusals.py::test_an_error_instead_of_a_subscription",
    "scheduler-role-invalid": "test_refusals.py::test_an_error_instead_of_a_subscription",
    "scheduler-torn-down-by-operator": "test_away.py::test_a_framework_torn_down_by_the_operator",
    "zookeeper-mesos": "test_zookeeper.py::test_recorded_nodes",
}
# What the other recordings are of, and who looks at them.
OF_OTHERS = {
    "agent": "operator endpoints of agents, which the bridge does not read",
    "agent2": "operator endpoints of agents, which the bridge does not read",
    "executor": "the executors' side of a conversation: see test_executor_driver.py",
    "leading": "what the leader answers to /redirect, which the bridge does not ask for",
    "master": "operator endpoints, of which the bridge reads /version (test_refusals.py) and /slaves (test_start_advice.py)",
}


def command_for(call: Json) -> Json | None:
    """What a scheduler asks of its driver so that this call is made; None for calls that a SchedulerDriver cannot make."""
    body = call.get(call["type"].lower(), {})
    match call["type"]:
        case "DECLINE":
            return {
                "do": "decline",
                "offer": body["offer_ids"][0]["value"],
                **({"filters": body["filters"]} if "filters" in body else {}),
            }
        case "ACCEPT":
            offers = [offer["value"] for offer in body["offer_ids"]]
            filters = {"filters": body["filters"]} if "filters" in body else {}
            if not body["operations"]:
                return {"do": "accept", "offers": offers, **filters}
            tasks = body["operations"][0]["launch"]["task_infos"]
            return {"do": "launch", "offers": offers, "tasks": tasks, **filters}
        case "KILL":
            return {"do": "kill", "task": body["task_id"]["value"]}
        case "RECONCILE":
            return {"do": "reconcile", "tasks": body["tasks"]}
        case "MESSAGE":
            text = base64.b64decode(body["data"]).decode()
            return {
                "do": "message",
                "executor": body["executor_id"]["value"],
                "agent": body["agent_id"]["value"],
                "text": text,
            }
        case "REVIVE" | "SUPPRESS":
            return {"do": call["type"].lower(), **({"roles": body["roles"]} if "roles" in body else {})}
        case _:
            return None


def same(call: Json, recorded: Json) -> bool:
    """Equal but for what only one side says: empty filters, agents of tasks that are known, and a policy v0 lacks."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: plain(inner)
                for key, inner in value.items()
                if inner not in ({}, []) and key != "kill_policy"
            }
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    def without_agents(value: Json) -> Json:
        tasks = [*value.get("reconcile", {}).get("tasks", []), value.get("kill", {})]
        for task in tasks:
            task.pop("agent_id", None)
        return value

    ours, theirs = plain(call), plain(recorded)
    assert isinstance(ours, dict)
    if call["type"] in ("KILL", "RECONCILE"):
        ours, theirs = without_agents(ours), without_agents(theirs)
    return bool(ours == theirs)


def v0(value: Any) -> Any:
    """v1 JSON with the names that v0 has: slaves instead of agents."""
    if isinstance(value, dict):
        return {key.replace("agent_id", "slave_id"): v0(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [v0(inner) for inner in value]
    if isinstance(value, str):
        return value.replace("REASON_AGENT", "REASON_SLAVE").replace("SOURCE_AGENT", "SOURCE_SLAVE")
    return value


def covers(seen: Any, expected: Any, path: str = "") -> None:
    """All of `expected` is in `seen`, but for what the messages of Spark's Mesos 1.4 do not know."""
    unknown = ("executor_pid", "unreachable_time", "address", "capabilities", "limitation", "allocation_info")
    if isinstance(expected, dict):
        for key, inner in expected.items():
            if key not in unknown and inner not in NEWER_VALUES:
                assert key in seen, f"{path}/{key} is missing in {seen}"
                covers(seen[key], inner, f"{path}/{key}")
    elif isinstance(expected, list):
        assert len(seen) == len(expected), path
        for index, inner in enumerate(expected):
            covers(seen[index], inner, f"{path}/{index}")
    else:
        assert seen == expected, path


def check_callback(callback: Json, event: Json) -> None:
    body = event[event["type"].lower()]
    match event["type"]:
        case "SUBSCRIBED":
            assert callback["callback"] == "registered"
            assert callback["id"] == body["framework_id"]
            covers(callback["master"], body["master_info"])
        case "OFFERS":
            assert callback["callback"] == "resourceOffers"
            covers(callback["offers"], v0(body["offers"]))
        case "RESCIND":
            assert callback["callback"] == "offerRescinded"
            assert callback["id"] == body["offer_id"]
        case "UPDATE":
            assert callback["callback"] == "statusUpdate"
            covers(callback["status"], v0(body["status"]))
        case "FAILURE":
            lost = "executorLost" if "executor_id" in body else "slaveLost"
            assert callback["callback"] == lost
            assert callback["slave"] == body["agent_id"]
            if lost == "executorLost":
                assert callback["executor"] == body["executor_id"]
                assert callback["status"] == body.get("status", 0)
        case "MESSAGE":
            assert callback["callback"] == "frameworkMessage"
            assert callback["data"] == base64.b64decode(body["data"]).decode()
        case "ERROR":
            assert callback["callback"] == "error"
            assert callback["message"] == body["message"]
        case other:
            pytest.fail(f"an event {other}")


def test_every_recording_has_its_place() -> None:
    """All are replayed here, or by a test that exists, or belong to somebody else."""
    recorded = {path.stem for path in RECORDINGS.glob("*.json")}
    placed = {*REPLAYED, *ELSEWHERE}
    assert placed <= recorded
    assert {name.partition("-")[0] for name in recorded - placed} == set(OF_OTHERS)
    for test in ELSEWHERE.values():
        file, _, function = test.partition("::")
        assert f"\ndef {function}(" in (HERE / file).read_text(), test


@pytest.mark.parametrize("name", REPLAYED)
def test_replay(name: str, probe: Probe, master: ScriptedMaster, recording: Callable[[str], Json]) -> None:
    recorded = recording(name)
    order = [(kind, int(index)) for kind, index in (step.split() for step in recorded["order"])]
    subscribe = recorded["exchanges"][0]
    master.stream_id = subscribe["response"]["headers"]["Mesos-Stream-Id"]
    framework = subscribe["request"]["body"]["subscribe"]["framework_info"]
    driver = f"replay {name}"
    probe.do("new", driver, master=master.address, framework={"hostname": "here", **framework})
    assert probe.do("start", driver) == "DRIVER_RUNNING"
    stream = master.stream()
    expected = {**subscribe["request"]["body"]}
    expected["subscribe"] = {"framework_info": {"hostname": "here", **framework}}
    assert same(stream.request, expected)
    assert "Mesos-Stream-Id" not in stream.headers
    acknowledged: list[Json] = []
    ended = False

    def next_call() -> Json:
        """The next call that is no acknowledgement; those are the driver's own doing."""
        while True:
            call, headers = master.calls.get(timeout=20)
            assert headers["Mesos-Stream-Id"] == master.stream_id
            if call["type"] != "ACKNOWLEDGE":
                return call
            acknowledged.append(call)

    updates: list[Json] = []
    for kind, index in order[1:]:
        if kind == "event":
            event = recorded["events"][index]
            if "type" in event:
                while event["type"] == "ERROR" and len(acknowledged) < len(updates):
                    acknowledged.append(master.call())  # nothing is sent any more after an ERROR
                stream.emit(event)
                if event["type"] != "HEARTBEAT":
                    check_callback(probe.callback(driver), event)
                if event["type"] == "UPDATE" and "uuid" in event["update"]["status"]:
                    updates.append(event["update"]["status"])
                ended = ended or event["type"] == "ERROR"
        else:
            exchange = recorded["exchanges"][index]
            call = exchange["request"].get("body")
            if exchange["request"]["path"] != "/api/v1/scheduler" or exchange["response"]["status"] != 202:
                continue
            command = command_for(call)
            if command is not None:
                assert probe.do(command.pop("do"), driver, **command) == "DRIVER_RUNNING"
                assert same(next_call(), call)
    while len(acknowledged) < len(updates):
        acknowledged.append(master.call())
    if ended:
        assert probe.do("join", driver) == "DRIVER_ABORTED"
        assert probe.do("stop", driver, failover=False) == "DRIVER_ABORTED"
    else:
        assert probe.do("stop", driver, failover=False) == "DRIVER_STOPPED"
        assert master.call() == {"type": "TEARDOWN", "framework_id": stream_framework(recorded)}
    assert [call["acknowledge"] for call in acknowledged] == [
        {"agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"]}
        for status in updates
    ]
    assert not probe.has_callback(driver)


def stream_framework(recorded: Json) -> Json:
    subscribed = next(event for event in recorded["events"] if event.get("type") == "SUBSCRIBED")
    framework_id: Json = subscribed["subscribed"]["framework_id"]
    return framework_id
