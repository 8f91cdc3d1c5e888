"""Custom executors, as the master sees them."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.messages import (
    ExecutorToFramework,
    ExitedExecutor,
    FrameworkToExecutor,
    RunTask,
    ShutdownExecutor,
)
from tests.unit.localcluster.master.master_play import Play, amount, scalar, task

Json = dict[str, Any]


def executor(**changes: Any) -> Json:
    info = {
        "executor_id": {"value": "e"},
        "command": {"value": "./run"},
        "resources": [scalar("cpus", 0.5), scalar("mem", 64)],
        **changes,
    }
    return {name: value for name, value in info.items() if value is not None}


def started(play: Play) -> str:
    framework = play.subscribe()
    play.launch(framework, play.offers()[0], task("t1", executor=executor()))
    return framework


def test_its_resources_are_taken_once() -> None:
    play = Play()
    framework = started(play)
    (first,) = play.told()
    assert isinstance(first, RunTask)
    assert first.launch_executor
    assert first.task["executor"]["framework_id"] == {"value": framework}
    play.later(1)
    (offer,) = play.offers()
    assert (amount(offer, "cpus"), amount(offer, "mem")) == (2.5, 4032)
    assert offer["executor_ids"] == [{"value": "e"}]
    play.launch(framework, offer, task("t2", executor=executor()), task("t3", executor=executor()))
    assert [message.launch_executor for message in play.told()] == [False, False]
    assert play.state.agents["M-S0"].free.scalar("cpus") == 0.5
    for task_id in ("t1", "t2", "t3"):
        play.report(framework, task_id, "TASK_FINISHED")
    assert play.state.agents["M-S0"].free.scalar("cpus") == 3.5, "the executor lives on"


def test_two_tasks_of_one_launch_start_it_once() -> None:
    play = Play("cpus:2.5;mem:100")
    framework = play.subscribe()
    both = [task("t1", executor=executor()), task("t2", executor=executor())]
    play.launch(framework, play.offers()[0], *both)
    assert [message.launch_executor for message in play.told()] == [True, False]
    assert play.state.agents["M-S0"].free.scalar("cpus") == 0


def test_its_end_is_told_and_frees_what_it_took() -> None:
    play = Play()
    framework = started(play)
    ended = ExitedExecutor("M-S0", framework, "e", 256)
    play.actions = play.state.from_agent(ended, play.now)
    failure = {"agent_id": {"value": "M-S0"}, "executor_id": {"value": "e"}, "status": 256}
    assert play.events() == [{"type": "FAILURE", "failure": failure}]
    assert play.state.agents["M-S0"].free.scalar("cpus") == 3
    assert play.state.from_agent(ended, play.now) == [], "again"


def test_messages_both_ways() -> None:
    play = Play()
    framework = started(play)
    play.call(calls.Message(framework, "M-S0", "e", "aGk="))
    assert play.told() == [FrameworkToExecutor(framework, "e", "aGk=")]
    play.call(calls.Message(framework, "M-S9", "e", "aGk="))
    assert play.actions == []
    play.actions = play.state.from_agent(ExecutorToFramework("M-S0", framework, "e", "aGk="), play.now)
    body = {"agent_id": {"value": "M-S0"}, "executor_id": {"value": "e"}, "data": "aGk="}
    assert play.events() == [{"type": "MESSAGE", "message": body}]
    play.actions = play.state.stream_closed("s", play.now)
    play.actions = play.state.from_agent(ExecutorToFramework("M-S0", framework, "e", "aGk="), play.now)
    assert play.actions == [], "best effort"


def test_shutdown() -> None:
    play = Play()
    framework = started(play)
    play.call(calls.Shutdown(framework, "M-S0", "e"))
    assert play.told() == [ShutdownExecutor(framework, "e")]
    play.vanish()
    play.call(calls.Shutdown(framework, "M-S0", "e"))
    assert play.told() == []


def test_it_is_named_in_statuses() -> None:
    play = Play()
    framework = started(play)
    play.call(calls.Reconcile(framework, ()))
    assert play.statuses()[0]["executor_id"] == {"value": "e"}
    play.vanish()
    assert play.statuses()[0]["executor_id"] == {"value": "e"}
    assert play.state.agents["M-S0"].free == play.state.agents["M-S0"].total


def test_it_ends_with_its_framework() -> None:
    play = Play()
    framework = started(play)
    play.call(calls.Teardown(framework))
    assert play.state.agents["M-S0"].free == play.state.agents["M-S0"].total
    assert play.state.shares.is_balanced()
    assert not play.state.agents["M-S0"].executors


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": None}, "'ExecutorInfo.command' must be set"),
        ({"type": "DEFAULT"}, "'ExecutorInfo.type' must be 'CUSTOM'"),
        ({"executor_id": {"value": "a/b"}}, "'a/b' contains invalid characters"),
        ({"framework_id": {"value": "other"}}, "invalid FrameworkID (Actual: other vs Expected: M-0000)"),
        ({"resources": [{"name": "cpus"}]}, "Executor uses invalid resources"),
        ({"resources": [scalar("cpus", 3.5)]}, "Total resources cpus(allocated: *):4.5 required by task"),
        ({"shutdown_grace_period": {"nanoseconds": -1}}, "'shutdown_grace_period' must be non-negative"),
        ({"command": {"shell": True}}, "Executor's CommandInfo has no 'value'"),
    ],
)
def test_invalid_ones(changes: Json, message: str) -> None:
    play = Play()
    framework = play.subscribe()
    play.launch(framework, play.offers()[0], task(executor=executor(**changes)))
    (status,) = play.statuses()
    assert (status["state"], status["reason"]) == ("TASK_ERROR", "REASON_TASK_INVALID")
    assert message in status["message"]
    assert not play.state.agents["M-S0"].executors


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"command": {"value": "./other"}}, True),
        ({"resources": [scalar("cpus", 0.6), scalar("mem", 64)]}, True),
        ({"resources": [scalar("mem", 64, role="*"), scalar("cpus", 0.5)]}, False),
        ({"type": "CUSTOM"}, False),
    ],
)
def test_the_running_one_has_to_be_the_same(changes: Json, refused: bool) -> None:
    play = Play()
    framework = started(play)
    play.later(1)
    play.launch(framework, play.offers()[0], task("t2", executor=executor(**changes)))
    assert bool(play.statuses()) is refused
    if refused:
        assert "not compatible" in play.statuses()[0]["message"]


def test_ports_of_a_task_and_its_executor_differ() -> None:
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31001}]}}
    play = Play("cpus:4;mem:4096;ports:[31000-31009]")
    framework = play.subscribe()
    info = task(executor=executor(resources=[scalar("cpus", 1), ports]))
    play.launch(framework, play.offers()[0], {**info, "resources": [scalar("cpus", 1), ports]})
    assert "the same ranges" in play.statuses()[0]["message"]
