from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.localcluster.agent.executor_call import (
    Heartbeat,
    Message,
    Subscribe,
    Update,
    parse_executor_call,
)
from sparkmesos_core.localcluster.call_body import CallRefused

Json = dict[str, Any]
IDS: Json = {"executor_id": {"value": "e"}, "framework_id": {"value": "f"}}
STATUS: Json = {
    "task_id": {"value": "t"},
    "state": "TASK_RUNNING",
    "source": "SOURCE_EXECUTOR",
    "uuid": "HyAaYkffS2OaTUyFsHIjtA==",
}


def update(**changes: Any) -> Json:
    status = {key: value for key, value in {**STATUS, **changes}.items() if value is not None}
    return {**IDS, "type": "UPDATE", "update": {"status": status}}


def test_what_is_well_formed() -> None:
    assert parse_executor_call(update()) == Update("f", "e", STATUS)
    assert parse_executor_call({**IDS, "type": "MESSAGE", "message": {"data": "aGk="}}) == Message(
        "f", "e", "aGk="
    )
    assert parse_executor_call({**IDS, "type": "HEARTBEAT"}) == Heartbeat("f", "e")
    assert parse_executor_call({**IDS, "type": "SUBSCRIBE", "subscribe": {}}) == Subscribe("f", "e")
    content = {
        "unacknowledged_tasks": [{"name": "t", "task_id": {"value": "t"}}],
        "unacknowledged_updates": [{"status": STATUS}],
    }
    call = parse_executor_call({**IDS, "type": "SUBSCRIBE", "subscribe": content})
    assert call == Subscribe("f", "e", ("t",), (STATUS,))


def test_null_is_not_set() -> None:
    call = {**IDS, "type": "UPDATE", "update": {"status": {**STATUS, "message": None, "timestamp": 1}}}
    assert parse_executor_call(call) == Update("f", "e", {**STATUS, "timestamp": 1})


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            {},
            "Failed to convert JSON into Call protobuf: Missing required fields: executor_id, framework_id",
        ),
        (
            {"executor_id": {}, "framework_id": {"value": "f"}},
            "Failed to convert JSON into Call protobuf: Missing required fields: executor_id.value",
        ),
        ({"executor_id": {"value": 1}, "framework_id": {"value": "f"}}, "Failed to convert JSON"),
        (IDS, "Failed to validate Executor::Call: Expecting 'type' to be present"),
        (
            {**IDS, "type": "UPDATE"},
            "Failed to validate Executor::Call: Expecting 'update' to be present",
        ),
        ({**IDS, "type": "UPDATE", "update": "x"}, "Failed to convert JSON"),
        ({**IDS, "type": "UPDATE", "update": {}}, "Missing required fields: update.status"),
        (update(state="TASK_DANCING"), "Failed to convert JSON"),
        (update(state=None), "Missing required fields"),
        (update(uuid=None), "Failed to validate Executor::Call: Expecting 'uuid' to be present"),
        (update(uuid="aGk="), "Not a valid UUID"),
        (update(uuid="%"), "Failed to base64 decode"),
        (update(uuid=7), "Failed to base64 decode"),
        (update(executor_id={"value": "other"}), "does not match ExecutorID in TaskStatus: other"),
        (update(source="SOURCE_AGENT"), "with invalid source, expecting 'SOURCE_EXECUTOR'"),
        (update(source=None), "with invalid source, expecting 'SOURCE_EXECUTOR'"),
        (update(container_status=5), "Not expecting a JSON number for field 'container_status'"),
        (update(container_status=["x"]), "Not expecting a JSON array for field 'container_status'"),
        (update(timestamp="now"), "Not expecting a JSON string for field 'timestamp'"),
        (update(timestamp=True), "Not expecting a JSON boolean for field 'timestamp'"),
        (update(message={}), "Not expecting a JSON object for field 'message'"),
        (update(data="%"), "Failed to base64 decode bytes field 'data'"),
        ({**IDS, "type": "MESSAGE", "message": None}, "Not expecting a JSON null for field 'message'"),
        (update(state="TASK_STAGING"), "Received TASK_STAGING from executor e of framework f"),
        ({**IDS, "type": "MESSAGE", "message": {"data": "%"}}, "Failed to base64 decode"),
        (
            {**IDS, "type": "SUBSCRIBE", "subscribe": {"unacknowledged_tasks": [7]}},
            "Failed to convert JSON",
        ),
        (
            {**IDS, "type": "SUBSCRIBE", "subscribe": {"unacknowledged_updates": [{"status": {}}]}},
            "Missing required fields",
        ),
    ],
)
def test_what_is_not(message: Json, text: str) -> None:
    with pytest.raises(CallRefused) as refused:
        parse_executor_call(message)
    assert refused.value.status == 400
    assert text in refused.value.text
