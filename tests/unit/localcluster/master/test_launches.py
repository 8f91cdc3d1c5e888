"""ACCEPT calls whose offers or tasks are not right, in cases which the recordings do not have."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.master import master_json
from sparkmesos_core.localcluster.master import scheduler_call as calls
from tests.unit.localcluster.master.master_play import Play, amount, scalar, task

Json = dict[str, Any]


def accept(play: Play, framework: str, offer_ids: list[str], stream: str = "s") -> None:
    info = {"name": "t", "agent_id": {"value": "M-S0"}, "command": {"value": "true"}, **task()}
    operation = {"type": "LAUNCH", "launch": {"task_infos": [info]}}
    play.call(calls.Accept(framework, tuple(offer_ids), (operation,), 0), stream)


def why(play: Play, stream: str = "s") -> str:
    (status,) = play.statuses(stream)
    assert (status["state"], status["reason"]) == ("TASK_LOST", "REASON_INVALID_OFFERS")
    message = str(status["message"])
    assert message.startswith("Task launched with invalid offers: ")
    return message.partition(": ")[2]


def test_an_offer_counts_once() -> None:
    play = Play()
    framework = play.subscribe()
    offer_id = play.offers()[0]["id"]["value"]
    accept(play, framework, [offer_id, offer_id])
    assert why(play) == f"Duplicate offer {offer_id} in offer list"
    assert not play.state.offers, "it is used up"
    assert play.state.agents["M-S0"].free == play.state.agents["M-S0"].total


def test_offers_of_others_stay_theirs() -> None:
    play = Play("cpus:1;mem:64", "cpus:1;mem:64")
    play.subscribe("a")
    theirs, mine = (offer["id"]["value"] for offer in play.offers("a"))
    play.call(calls.Decline("M-0000", (mine,), 0), "a")
    other = play.subscribe("b")
    assert play.offers("b")
    accept(play, other, [theirs], "b")
    assert "belongs to framework M-0000" in why(play, "b")
    assert theirs in play.state.offers


def test_no_offer_at_all() -> None:
    play = Play()
    accept(play, play.subscribe(), [])
    assert why(play) == "No offers specified"


def test_accepting_nothing_declines() -> None:
    play = Play()
    framework = play.subscribe()
    play.call(calls.Accept(framework, (play.offers()[0]["id"]["value"],), (), 600))
    assert play.actions == []
    play.later(5)
    assert play.offers() == []
    play.call(calls.Revive(framework, ()))
    assert [amount(offer, "cpus") for offer in play.offers()] == [4]


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ([scalar("gpus", 0.5)], "'gpus' must be a whole number"),
        ([scalar("cpus", 1, allocation_info=5)], "Task uses invalid resources"),
        (
            [scalar("cpus", 1, allocation_info={"role": 5}), scalar("mem", 1, allocation_info={"role": "r"})],
            "they are allocated to several roles: 5, r",
        ),
        ([scalar("cpus", 5)], "Total resources cpus(allocated: *):5 required by task and its executor"),
    ],
)
def test_resources_that_cannot_be_had(resources: list[Json], message: str) -> None:
    play = Play()
    framework = play.subscribe()
    play.launch(framework, play.offers()[0], {"task_id": {"value": "t1"}, "resources": resources})
    assert message in play.statuses()[0]["message"]


def test_several_operations_share_the_offers() -> None:
    play = Play()
    framework = play.subscribe()
    infos = [
        {"name": "t", "agent_id": {"value": "M-S0"}, "command": {"value": "true"}, **task(f"t{n}", 2)}
        for n in range(3)
    ]
    operations = tuple({"type": "LAUNCH", "launch": {"task_infos": [info]}} for info in infos)
    play.call(calls.Accept(framework, (play.offers()[0]["id"]["value"],), operations, 0))
    assert len(play.told()) == 2
    assert [status["task_id"]["value"] for status in play.statuses()] == ["t2"]


@pytest.mark.parametrize("field", ["uris", "arguments"])
def test_what_could_not_be_shown_is_refused(field: str) -> None:
    play = Play()
    framework = play.subscribe()
    executor = {"executor_id": {"value": "e"}, "command": {"value": "x", field: 5}}
    play.launch(framework, play.offers()[0], task(executor=executor))
    assert play.statuses()[0]["message"] == f"Executor's CommandInfo has '{field}' that are not an array"
    master_json.master_state(play.state)


def test_a_framework_id_of_an_executor_is_an_object() -> None:
    play = Play()
    framework = play.subscribe()
    offer = play.offers()[0]
    executor = {"executor_id": {"value": "e"}, "command": {"value": "x"}, "framework_id": framework}
    with pytest.raises(CallRefused, match="Failed to convert JSON into Call protobuf"):
        play.launch(framework, offer, task(executor=executor))
    play.decline(offer)  # it is still there
