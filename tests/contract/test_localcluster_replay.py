"""The comparison with recordings finds what differs: what is replayed here is played by a master that lies."""

from __future__ import annotations

import contextlib
import copy
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract import replay, scheduler_client
from tests.contract.comparison import Bindings
from tests.contract.recorded import load
from tests.contract.recorded_master import RecordedMaster
from tests.contract.replay import Replay


def test_a_number_is_bound_to_the_first_that_stands_for_it() -> None:
    bindings = Bindings({})
    assert bindings.differences({"port": 5051, "ip": 1}, {"port": 40001, "ip": 2}) == []
    assert bindings.differences({"port": 5051}, {"port": 40001}) == []
    assert bindings.differences({"port": 5052}, {"port": 40002}) == []
    assert bindings.differences({"port": 5051}, {"port": 40002}) == [".port: is 40002 instead of 40001"]
    assert bindings.differences({"port": 5051}, {"port": "40001"})


def test_other_numbers_have_to_be_equal() -> None:
    assert Bindings({}).differences({"cpus": 4.0}, {"cpus": 4.0}) == []
    assert Bindings({}).differences({"cpus": 4.0}, {"cpus": 5.0}) == [".cpus: is 5.0 instead of 4.0"]


def test_an_id_keeps_to_what_it_was_bound_to() -> None:
    first, second = "11111111-2222-3333-4444-555555555555", "66666666-2222-3333-4444-555555555555"
    bindings = Bindings({})
    assert bindings.differences(f"offer {first}-O1 of {first}", f"offer {second}-O7 of {second}") == []
    assert bindings.differences(f"{first}-O1", f"{second}-O7") == []
    assert bindings.differences(f"{first}-O1", f"{second}-O8")
    assert bindings.differences(f"{first}-O2", "something else")


def test_an_agent_may_never_have_been_away() -> None:
    recorded = {"id": "S0", "registered_time": 1.0, "reregistered_time": 2.0}
    bindings = Bindings({})
    assert bindings.differences(recorded, {"id": "S0", "registered_time": 3.0}) == []
    bindings.came_back.add("S0")
    assert bindings.differences(recorded, {"id": "S0", "registered_time": 3.0})


def test_what_other_frameworks_left_is_no_part_of_a_conversation() -> None:
    bindings = Bindings({"F1": "live"})
    tasks = [{"id": "t", "framework_id": "F1"}, {"id": "t", "framework_id": {"value": "F2"}}, {"id": "u"}]
    assert bindings.own({"tasks": tasks}) == {"tasks": [tasks[0], tasks[2]]}


NAME = "scheduler-reconcile"


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "PATIENCE", 1.0)
    monkeypatch.setattr(scheduler_client, "PATIENCE", 1.0)


def played(recording: dict[str, Any]) -> None:
    """Replay against somebody who says what is in a recording."""
    with RecordedMaster() as master:

        def play() -> None:
            stream = None
            for kind, index in (step.split() for step in recording["order"]):
                if kind == "exchange":
                    exchange = recording["exchanges"][int(index)]
                    master.expect(exchange)
                    master.asked.get(timeout=2)
                    if stream is None:
                        stream = master.stream()
                    elif exchange["request"]["body"]["type"] == "TEARDOWN":
                        stream.close()
                elif "type" in recording["events"][int(index)] and stream is not None:
                    stream.emit(recording["events"][int(index)])

        def play_until_nobody_asks() -> None:
            with contextlib.suppress(queue.Empty, OSError):
                play()

        player = threading.Thread(target=play_until_nobody_asks)
        player.start()
        try:
            with Replay(NAME, f"http://{master.address}", (), Bindings({})) as conversation:
                conversation.run().check()
        finally:
            player.join()


def lie(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    recording = copy.deepcopy(load(NAME))
    change(recording)
    return recording


def updates(recording: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in recording["events"] if event.get("type") == "UPDATE"]


def another_reason(recording: dict[str, Any]) -> None:
    updates(recording)[-1]["update"]["status"]["reason"] = "REASON_AGENT_REMOVED"


def another_field(recording: dict[str, Any]) -> None:
    updates(recording)[-1]["update"]["status"]["healthy"] = True


def a_field_less(recording: dict[str, Any]) -> None:
    del updates(recording)[-1]["update"]["status"]["message"]


def another_order(recording: dict[str, Any]) -> None:
    one, other = updates(recording)[:2]
    one["update"], other["update"] = other["update"], one["update"]


def an_event_too_many(recording: dict[str, Any]) -> None:
    recording["events"].append(updates(recording)[-1])
    last_call = recording["order"].index(f"exchange {len(recording['exchanges']) - 1}")
    recording["order"].insert(last_call, f"event {len(recording['events']) - 1}")


def an_event_too_few(recording: dict[str, Any]) -> None:
    index = recording["events"].index(updates(recording)[-1])
    recording["order"].remove(f"event {index}")


def another_code(recording: dict[str, Any]) -> None:
    recording["exchanges"][-1]["response"]["status"] = 200


def another_offer(recording: dict[str, Any]) -> None:
    offers = next(event for event in recording["events"] if event.get("type") == "OFFERS")["offers"]["offers"]
    offers[0]["hostname"] = offers[1]["hostname"]


def test_the_truth_passes() -> None:
    played(load(NAME))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (another_reason, r"status\.reason: is 'REASON_AGENT_REMOVED'"),
        (another_field, r"status: has .*'healthy'"),
        (a_field_less, r"status: has .* instead of .*'message'"),
        (another_order, r"status\.state: is 'TASK_RUNNING' instead of 'TASK_STARTING'"),
        (an_event_too_many, r"unexpected: .*'UPDATE'"),
        (an_event_too_few, r"while waiting for .*UPDATE"),
        (another_code, r"TEARDOWN: 200 instead of 202"),
        (another_offer, r"offer\.url\.address\.hostname: is 'agent2"),
    ],
)
def test_lies_do_not(change: Callable[[dict[str, Any]], None], problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        played(lie(change))
