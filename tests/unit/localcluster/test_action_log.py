from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.localcluster.action_log import log_line
from sparkmesos_core.localcluster.master_state import Action, CloseStream, SendEvent, TellAgent
from sparkmesos_core.localcluster.messages import KillTask, RunTask, ShutdownFramework


def event(kind: str, body: dict[str, Any]) -> SendEvent:
    return SendEvent("stream", {"type": kind, kind.lower(): body})


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (event("SUBSCRIBED", {"framework_id": {"value": "F-0"}}), "Framework F-0 has subscribed"),
        (event("ERROR", {"message": "no"}), "A subscription is refused or ended: no"),
        (
            event("UPDATE", {"status": {"task_id": {"value": "t"}, "state": "TASK_RUNNING"}}),
            "Task t is TASK_RUNNING",
        ),
        (
            event(
                "UPDATE",
                {"status": {"task_id": {"value": "t"}, "state": "TASK_LOST", "reason": "R", "message": "m"}},
            ),
            "Task t is TASK_LOST (R: m)",
        ),
        (
            TellAgent(
                "S0",
                RunTask(
                    {"id": {"value": "F"}, "name": "app"}, {"task_id": {"value": "0"}, "name": "app 0"}, "*"
                ),
            ),
            "Launching task 0 (app 0) of framework F (app) on agent S0",
        ),
        (TellAgent("S0", KillTask("F", "0", None)), "Killing task 0 on agent S0"),
        (TellAgent("S0", ShutdownFramework("F")), "Ending what framework F runs on agent S0"),
        (event("OFFERS", {"offers": []}), None),
        (SendEvent("stream", {"type": "HEARTBEAT"}), None),
        (CloseStream("stream"), None),
    ],
)
def test_lines(action: Action, line: str | None) -> None:
    assert log_line(action) == line
