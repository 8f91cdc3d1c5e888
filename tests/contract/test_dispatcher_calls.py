"""The dispatcher's calls, refused as a real Mesos 1.12.0 was recorded to refuse them."""

from __future__ import annotations

import queue
from typing import Any

from sparkmesos_core.durable_framework.actions import LaunchTasks
from sparkmesos_core.durable_framework.calls import Calls
from tests.contract.recorded import load
from tests.contract.recorded_master import PATIENCE, RecordedMaster
from tests.contract.test_framework_client import subscribed

Json = dict[str, Any]


def test_a_launch_that_another_scheduler_was_quicker_than_is_no_fault_of_the_driver() -> None:
    """Whoever goes on with the framework asks for the task, and launches it again.

    A former leader that goes on after it was suspended can subscribe before it knows of its successor. Chaos
    (seed 1072921093) found the successor's launches taken for malformed ones, and their drivers for failed.
    """
    recording = load("scheduler-failover-old")
    refused = recording["exchanges"][-1]
    assert refused["response"]["status"] == 400
    task = {"task_id": {"value": "driver-1"}, "agent_id": {"value": "S0"}}
    offer = {"offer_ids": [{"value": "o1"}], "filters": {"refuse_seconds": 5.0}}
    launch = {"type": "LAUNCH", "launch": {"task_infos": [task]}}

    def refuse(master: RecordedMaster, kind: str, content: Json) -> None:
        body = {**refused["request"]["body"], "type": kind, kind.lower(): content}
        master.expect({**refused, "request": {**refused["request"], "body": body}})

    reported: queue.Queue[Json] = queue.Queue()
    calls = Calls(lambda _framework, event: reported.put(event))
    with RecordedMaster() as master, subscribed(master, "scheduler-failover-old") as (client, _, _):
        refuse(master, "ACCEPT", {**offer, "operations": [launch]})
        refuse(master, "DECLINE", offer)
        refuse(master, "RECONCILE", {"tasks": [task]})
        calls.use(client.framework)
        calls.put([LaunchTasks("o1", [task], 5.0)])
        for _ in range(4):  # SUBSCRIBE is the first
            master.asked.get(timeout=PATIENCE)
        calls.use(None)
        calls.close(PATIENCE)
        assert reported.empty()
        master.check()
