from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.localcluster.master.action_log import agent_line, log_line
from sparkmesos_core.localcluster.master.master_actions import Action, CloseStream, Note, SendEvent, TellAgent
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
from tests.unit.localcluster.master.master_play import Play, description


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
        (Note("Framework F is removed: why"), "Framework F is removed: why"),
        (TellAgent("S0", ShutdownFramework("F")), None),
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


def test_what_a_framework_calls_its_tasks_cannot_forge_lines() -> None:
    task = {"task_id": {"value": "t"}, "name": "x\n2030-01-01 ERROR \x1b[31mred\u2028é"}
    line = log_line(TellAgent("S0", RunTask({"id": {"value": "F"}, "name": "app"}, task, "*")))
    assert line is not None
    assert r"(x\n2030-01-01 ERROR \x1b[31mred\u2028é)" in line
    left = agent_line(UnregisterAgent("S\r0"))
    assert left == r"Agent S\r0 has left"


def test_what_happens_to_frameworks_and_agents_is_in_the_log_though_nobody_is_told() -> None:
    play = Play(
        "cpus:1;mem:100", "cpus:1;mem:100", "cpus:1;mem:100", agent_ping_timeout=1, max_agent_ping_timeouts=2
    )
    lines: list[str] = []

    def note() -> None:
        lines.extend(action.text for action in play.actions if isinstance(action, Note))

    framework = play.subscribe(failover_timeout=90)
    play.subscribe("t", framework, principal="another")
    note()
    play.actions = play.state.stream_closed("s", play.now)
    note()
    play.silent.add("M-S0")
    play.later(3)
    note()
    play.actions = play.state.from_agent(UnregisterAgent("M-S1"), play.now)
    note()
    play.actions = play.state.mark_agent_gone("M-S2", play.now)
    note()
    play.later(90)
    note()
    assert lines == [
        "The subscription of M-0000 is refused",
        "Framework M-0000 has disconnected and has 90secs to come back",
        "Agent M-S0 is unreachable: health check timed out",
        "Agent M-S1 is removed: the agent unregistered",
        "Agent M-S2 is marked gone by an operator",
        "Framework M-0000 is removed: it did not come back within its failover timeout",
    ]


def test_an_agent_that_a_new_master_waits_for_in_vain_is_in_its_log() -> None:
    play = Play(agent_reregister_timeout=10)
    play.fail_over()
    play.later(11)
    assert play.actions == [Note("Agent M-S0 is unreachable: it has not come back to this master")]
