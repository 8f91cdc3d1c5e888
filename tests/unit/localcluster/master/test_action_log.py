from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.localcluster.master.action_log import agent_line, log_line
from sparkmesos_core.localcluster.master.master_actions import Action, CloseStream, SendEvent, TellAgent
from sparkmesos_core.localcluster.messages import (
    AgentRegistered,
    ExitedExecutor,
    KillTask,
    Ping,
    Pong,
    ReregisterAgent,
    RunTask,
    ShutdownAgent,
    ShutdownExecutor,
    ShutdownFramework,
    ToMaster,
    UnregisterAgent,
)
from tests.unit.localcluster.master.master_play import description


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
        (TellAgent("S0", ShutdownExecutor("F", "e")), "Ending executor e on agent S0"),
        (TellAgent("S0", ShutdownAgent("gone")), "Agent S0 is to end: gone"),
        (TellAgent("S0", AgentRegistered("S0", "M", 75)), "Agent S0 has registered"),
        (TellAgent("S0", Ping(True)), None),
        (event("OFFERS", {"offers": []}), None),
        (SendEvent("stream", {"type": "HEARTBEAT"}), None),
        (CloseStream("stream"), None),
    ],
)
def test_lines(action: Action, line: str | None) -> None:
    assert log_line(action) == line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (ReregisterAgent("S0", description()), "Agent S0 at agent1:5051 is back, with 0 tasks"),
        (UnregisterAgent("S0"), "Agent S0 has left"),
        (ExitedExecutor("S0", "F", "e", 256), "Executor e on agent S0 has ended with status 256"),
        (Pong("S0"), None),
    ],
)
def test_lines_for_what_agents_say(message: ToMaster, line: str | None) -> None:
    assert agent_line(message) == line
