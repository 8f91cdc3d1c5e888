"""An agent that is drained: whom it kills and how, what it says of that, and when it takes tasks again."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.agent import agent_json
from sparkmesos_core.localcluster.agent.agent import Agent
from sparkmesos_core.localcluster.agent.agent_executors import AgentExecutors
from sparkmesos_core.localcluster.agent.agent_options import AgentOptions
from sparkmesos_core.localcluster.agent.checkpoint import Checkpoint
from sparkmesos_core.localcluster.agent.executor import (
    Executor,
    ExecutorState,
    FrameworkOnAgent,
    Task,
    Termination,
)
from sparkmesos_core.localcluster.agent.executor_call import Update
from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.log_lines import LogFile
from sparkmesos_core.localcluster.messages import (
    Drain,
    ExitedExecutor,
    KillTask,
    RunTask,
    ToMaster,
)

Json = dict[str, Any]


class Heard:
    """An executor's end of its subscription."""

    def __init__(self) -> None:
        self.events: list[Json] = []

    def send(self, event: Json) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.events.append({"type": "closed"})

    def kills(self) -> list[Json]:
        return [event["kill"] for event in self.events if event["type"] == "KILL"]


class Play:
    """An agent with one executor, which has subscribed and runs the task t1. Its master is away."""

    def __init__(self, work_dir: Path, *capabilities: str, **task: Any) -> None:
        self.work_dir = work_dir
        self.reported: list[Json] = []
        self.told: list[ToMaster] = []
        self.now = 1000.0
        self.processes = ProcessTable()
        self.checkpoint = Checkpoint(work_dir)
        self.checkpoint.agent("S0", {"hostname": "h", "resources": "cpus:4", "attributes": ""})
        options = AgentOptions(hostname="h", ip="127.0.0.1", port=1, work_dir=work_dir, resources="cpus:4")
        log = LogFile(None, logging.getLogger(__name__))
        self.agent = AgentExecutors(
            options, lambda: self.now, self.processes, self.checkpoint, self.told.append, log
        )
        self.agent.agent_id = "S0"
        self.queue = self.agent.updates.add
        named = [{"type": name} for name in capabilities]
        self.framework: Json = {"id": {"value": "F"}, "name": "f", "user": "u", "capabilities": named}
        self.on_agent = self.agent.frameworks["F"] = FrameworkOnAgent(self.framework)
        self.channel = Heard()
        self.executor = Executor("F", {"executor_id": {"value": "e"}}, "*", "c", work_dir, False, False)
        self.executor.state, self.executor.channel = ExecutorState.RUNNING, self.channel
        self.executor.ever_sent_task = True
        self.on_agent.executors["e"] = self.executor
        self.executor.launched["t1"] = self.task("t1", **task)

    def task(self, task_id: str, **fields: Any) -> Task:
        return Task("F", {"name": "t", "task_id": {"value": task_id}, **fields}, "*", "e")

    def says(self, state: str, task_id: str = "t1") -> Json:
        """The executor reports; what is passed on of it."""
        status = {"task_id": {"value": task_id}, "state": state, "uuid": f"{state} of {task_id}"}
        self.agent.update(Update("F", "e", {**status, "reason": "REASON_TASK_UNKNOWN"}))
        return self.reported[-1]

    def report(self, framework_id: str, status: Json) -> None:
        """In place of the queue, which would wait for a master."""
        self.reported.append(status)
        self.queue(framework_id, status)

    def end(self) -> None:
        """The executor ends, and all that was said of its tasks is acknowledged."""
        self.agent.terminated(self.executor, 0)
        for status in self.reported:
            self.agent.acknowledged("F", status["task_id"]["value"], status["uuid"])

    def run(self, task_id: str = "t2", executor_id: str = "e2", *, launch_executor: bool = True) -> None:
        self.agent.run(self.message(task_id, executor_id, launch_executor=launch_executor))

    def message(self, task_id: str, executor_id: str, *, launch_executor: bool = True) -> RunTask:
        executor = {"executor_id": {"value": executor_id}, "command": {"value": "true"}}
        task = {"name": "t", "task_id": {"value": task_id}, "executor": executor}
        return RunTask(self.framework, task, "*", launch_executor)


NewPlay = Callable[..., Play]


@pytest.fixture
def new_play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewPlay]:
    made: list[Play] = []

    def make(*capabilities: str, **task: Any) -> Play:
        made.append(play := Play(tmp_path, *capabilities, **task))
        monkeypatch.setattr(play.agent.updates, "add", play.report)
        return play

    yield make
    for play in made:
        play.processes.close()


@pytest.fixture
def play(new_play: NewPlay) -> Play:
    return new_play()


def period(seconds: float) -> Json:
    return {"grace_period": {"nanoseconds": int(seconds * 10**9)}}


@pytest.mark.parametrize(
    ("own", "most", "told"),
    [(None, 3.0, 3.0), (60, 3.0, 3.0), (2, 3.0, None), (3, 3.0, None), (60, None, None)],
)
def test_tasks_have_the_grace_that_they_want_up_to_the_operator_s(
    new_play: NewPlay, own: float | None, most: float | None, told: float | None
) -> None:
    play = new_play(**({} if own is None else {"kill_policy": period(own)}))
    play.agent.drain(Drain(most))
    policy = {} if told is None else {"kill_policy": period(told)}
    assert play.channel.kills() == [{"task_id": {"value": "t1"}, **policy}]


def test_it_is_hurried_by_being_told_again(play: Play) -> None:
    play.agent.drain(Drain(600.0))
    play.now += 7
    play.agent.drain(Drain(1.0))
    assert [kill["kill_policy"] for kill in play.channel.kills()] == [period(600), period(1)]
    assert (play.agent.draining, play.agent.drain_start) == (Drain(1.0), 1007.0)


@pytest.mark.parametrize("state", ["TASK_KILLING", "TASK_KILLED"])
def test_whoever_has_killed_the_agent_says_that_it_is_drained(play: Play, state: str) -> None:
    play.agent.kill(KillTask("F", "t1", None))
    play.agent.drain(Drain())
    status = play.says(state)
    assert (status["state"], status["reason"]) == (state, "REASON_AGENT_DRAINING")


@pytest.mark.parametrize("state", ["TASK_RUNNING", "TASK_FINISHED", "TASK_FAILED"])
def test_other_states_are_as_they_are(play: Play, state: str) -> None:
    play.agent.drain(Drain())
    assert play.says(state)["reason"] == "REASON_TASK_UNKNOWN"


def test_a_task_that_waits_for_its_executor_is_killed_without_it(play: Play) -> None:
    play.executor.queued["t9"] = play.task("t9")
    play.agent.drain(Drain())
    (status,) = play.reported
    assert (status["task_id"], status["state"]) == ({"value": "t9"}, "TASK_KILLED")
    assert (status["source"], status["reason"]) == ("SOURCE_AGENT", "REASON_AGENT_DRAINING")
    assert [kill["task_id"] for kill in play.channel.kills()] == [{"value": "t1"}]


@pytest.mark.parametrize(
    ("capabilities", "state"), [((), "TASK_LOST"), (("PARTITION_AWARE",), "TASK_DROPPED")]
)
def test_what_comes_meanwhile_is_refused(
    new_play: NewPlay, capabilities: tuple[str, ...], state: str
) -> None:
    play = new_play(*capabilities)
    play.agent.drain(Drain())
    play.run()
    (status,) = play.reported
    assert (status["state"], status["reason"]) == (state, "REASON_AGENT_DRAINING")
    assert status["message"] == "Task was received while agent was already draining"
    assert play.told[-1] == ExitedExecutor("S0", "F", "e2", -1), "the master expects it to be launched"
    assert list(play.on_agent.executors) == ["e"]
    play.run("t3", "e", launch_executor=False)
    assert play.executor.queued == {}
    assert len([message for message in play.told if isinstance(message, ExitedExecutor)]) == 1


def test_it_is_over_when_nothing_runs_any_more(play: Play) -> None:
    play.agent.drain(Drain())
    play.says("TASK_KILLED")
    assert play.agent.draining is not None, "its end is not acknowledged, and the executor is there"
    play.end()
    assert [play.agent.draining, play.agent.drain_start] == [None, None]
    recovered = Checkpoint(play.work_dir).recover()
    assert recovered is not None
    assert recovered.draining is None


def test_without_anything_that_runs_it_is_over_at_once(play: Play) -> None:
    play.executor.termination = Termination("TASK_FAILED", "REASON_EXECUTOR_TERMINATED", "x")
    play.end()
    play.agent.drain(Drain())
    assert play.agent.draining is None


def test_told_again_when_nothing_runs_it_is_over(play: Play) -> None:
    play.executor.termination = Termination("TASK_FAILED", "REASON_EXECUTOR_TERMINATED", "x")
    play.end()
    play.agent.draining = Drain()
    play.agent.drain(Drain(1.0))
    assert play.agent.draining is None


def test_an_agent_started_again_that_finds_nothing_left_takes_tasks(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The framework does not checkpoint: what it ran has ended with the agent that was drained."""
    play.agent.drain(Drain(2.5))
    ticks = itertools.count(1000.0)
    launched: list[str] = []

    def begin(executor: Executor, _: object) -> None:
        launched.append(executor.executor_id)

    async def scene() -> None:
        agent = Agent(play.agent.options, lambda: next(ticks), play.processes)
        monkeypatch.setattr(agent.executors.lives, "begin", begin)
        await agent.start()
        assert agent_json.draining(agent) != {}, "it goes on with what its predecessor was told"
        while agent.recovery_seconds == 0:
            await asyncio.sleep(0)
        assert agent_json.draining(agent) == {}
        agent.executors.run(play.message("t2", "e2"))
        agent.crash()

    asyncio.run(asyncio.wait_for(scene(), 60))
    assert launched == ["e2"]
    recovered = Checkpoint(play.work_dir).recover()
    assert recovered is not None
    assert recovered.draining is None


def test_what_is_drained_is_written_down(play: Play) -> None:
    play.agent.drain(Drain(2.5, mark_gone=True))
    recovered = Checkpoint(play.work_dir).recover()
    assert recovered is not None
    assert recovered.draining == Drain(2.5, mark_gone=True)


@pytest.mark.parametrize(
    ("capabilities", "state"), [((), "TASK_KILLED"), (("PARTITION_AWARE",), "TASK_GONE_BY_OPERATOR")]
)
def test_of_an_agent_that_is_to_be_gone_kills_tell_those_who_know(
    new_play: NewPlay, capabilities: tuple[str, ...], state: str
) -> None:
    play = new_play(*capabilities)
    play.agent.drain(Drain(mark_gone=True))
    status = play.says("TASK_KILLED")
    assert (status["state"], status["reason"]) == (state, "REASON_AGENT_DRAINING")
