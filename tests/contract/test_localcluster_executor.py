"""The executor API of an embedded agent in the cases that no recording holds; the rules are those of Mesos' agent."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.agent.agent_http import agent_app
from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.localcluster.http_server import HttpServer
from sparkmesos_core.localcluster.messages import (
    ExecutorToFramework,
    ExitedExecutor,
    FrameworkToExecutor,
    ReregisterAgent,
    RunTask,
    ShutdownExecutor,
    StatusUpdate,
)
from tests.contract.scheduler_client import Subscription, request
from tests.integration.agent_stage import PATIENCE, Play, eventually
from tests.integration.agent_stage import play as play_agent

Json = dict[str, Any]
PATH = "/slave(1)/api/v1/executor"
IDS = {"executor_id": {"value": "e"}, "framework_id": {"value": "F"}}
CPU = [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}}]
ASLEEP = "exec sleep 100"


class ExecutorPlay(Play):
    """An agent with its HTTP server; the test itself speaks for the executor, whose process only sleeps."""

    def __init__(self, work_dir: Path, **options: Any) -> None:
        self.server = HttpServer("127.0.0.1")
        self.subscriptions: list[Subscription] = []
        defaults = {"port": self.server.port, "executor_shutdown_grace_period": 0.2}
        super().__init__(work_dir, **{**defaults, **options})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def start(self) -> None:
        await self.server.start(agent_app(self.agent, Authentication()))
        await super().start()

    async def close(self) -> None:
        for subscription in self.subscriptions:
            await asyncio.to_thread(subscription.close)
        await self.server.stop()

    def launch(
        self, task_id: str = "t1", command: str = ASLEEP, launch_executor: bool = True, **executor: Any
    ) -> None:
        task = {
            "name": "t",
            "task_id": {"value": task_id},
            "agent_id": {"value": "M-S0"},
            "resources": CPU,
            "executor": {**IDS, "command": {"value": command}, "resources": CPU, **executor},
        }
        self.master.tell(RunTask(self.framework(), task, "*", launch_executor))

    async def call(self, kind: str, **content: Any) -> tuple[int, str]:
        body = {**IDS, "type": kind, **content}
        headers = {"Content-Type": "application/json"}
        status, _, text = await asyncio.to_thread(request, self.url, "POST", PATH, body, headers)
        return status, text

    async def subscribe(self, tasks: list[Json] | None = None, updates: list[Json] | None = None) -> Events:
        content = {"unacknowledged_tasks": tasks or [], "unacknowledged_updates": updates or []}
        call = {**IDS, "type": "SUBSCRIBE", "subscribe": content}
        subscription = await asyncio.to_thread(Subscription, self.url, call, PATH)
        self.subscriptions.append(subscription)
        return Events(subscription)

    async def report(self, task_id: str, state: str, **fields: Any) -> tuple[int, str]:
        return await self.call("UPDATE", update={"status": status(task_id, state, **fields)})


class Events:
    """A subscription, for a test on an event loop."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def next(self, kind: str) -> Any:
        """What the next event holds, which is of this type."""
        event = await asyncio.to_thread(self._subscription.events.get, True, PATIENCE)
        assert event is not None, f"the stream has ended before {kind}"
        assert event["type"] == kind
        return event.get(kind.lower())

    async def end(self) -> None:
        assert await asyncio.to_thread(self._subscription.events.get, True, PATIENCE) is None

    async def close(self) -> None:
        await asyncio.to_thread(self._subscription.close)


def status(task_id: str, state: str, **fields: Any) -> Json:
    return {
        "task_id": {"value": task_id},
        "state": state,
        "source": "SOURCE_EXECUTOR",
        "uuid": base64.b64encode(uuid.uuid4().bytes).decode(),
        "timestamp": 1.0,
        **fields,
    }


def play(tmp_path: Path, scene: Callable[[Any], Awaitable[None]], **options: Any) -> None:
    play_agent(tmp_path, scene, stage=ExecutorPlay, **options)


def test_executors_that_never_subscribe_are_ended(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.launch()
        failed = await stage.next()
        assert (failed["state"], failed["reason"]) == ("TASK_FAILED", "REASON_EXECUTOR_REGISTRATION_TIMEOUT")
        assert failed["message"] == "Executor did not register within 300ms"
        assert (failed["source"], failed["executor_id"]) == ("SOURCE_AGENT", {"value": "e"})
        assert "container_status" not in failed
        assert stage.master.all(ExitedExecutor) == [ExitedExecutor("M-S0", "F", "e", 9)]
        assert stage.family("e") == []

    play(tmp_path, scene, executor_registration_timeout=0.3)


@pytest.mark.parametrize(("command", "ended"), [("exit 3", 3 << 8), ("kill -9 $$", 9), ("true", 0)])
def test_an_executor_that_ends_takes_its_tasks_along(command: str, ended: int, tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.launch(command=f"while [ ! -e go ]; do sleep 0.02; done; {command}")
        events = await subscribed(stage)
        await events.next("LAUNCH")
        await stage.report("t1", "TASK_RUNNING")
        await stage.until("TASK_RUNNING")
        stage.launch("t2")
        await events.next("ACKNOWLEDGED")
        await events.next("LAUNCH")
        (stage.sandbox("e") / "go").touch()
        failed = [await stage.next(), await stage.next()]
        assert [s["task_id"]["value"] for s in failed] == ["t1", "t2"]
        for one in failed:
            assert (one["state"], one["reason"]) == ("TASK_FAILED", "REASON_EXECUTOR_TERMINATED")
            assert one["message"] == "Executor terminated"
        kinds = [type(m) for m in stage.master.heard if isinstance(m, ExitedExecutor | StatusUpdate)]
        assert kinds.index(ExitedExecutor) < len(kinds) - 2, "the scheduler hears of the executor first"
        assert stage.master.all(ExitedExecutor) == [ExitedExecutor("M-S0", "F", "e", ended)]
        await events.end()
        await eventually(lambda: not stage.agent.frameworks["F"].executors)

    play(tmp_path, scene)


async def subscribed(stage: ExecutorPlay) -> Events:
    """Subscribe when the executor is there; the first event is taken."""
    await eventually(lambda: stage.agent.executors.find("F", "e") is not None)
    events = await stage.subscribe()
    await events.next("SUBSCRIBED")
    return events


def test_a_task_can_be_killed_before_its_executor_has_subscribed(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.launch()
        await eventually(lambda: bool(stage.family("e")))
        stage.kill()
        killed = await stage.next()
        assert (killed["state"], killed["reason"]) == ("TASK_KILLED", "REASON_TASK_KILLED_DURING_LAUNCH")
        assert killed["message"] == "Killed before delivery to the executor"
        events = await stage.subscribe()
        await events.next("SHUTDOWN")  # there is nothing left for it to do
        await events.end()
        assert stage.family("e") == []

    play(tmp_path, scene)


def test_tasks_wait_until_the_executor_has_subscribed(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.launch("t1")
        stage.launch("t2")
        stage.launch("t3")
        stage.kill(task_id="t2")
        assert (await stage.next())["task_id"]["value"] == "t2"
        events = await subscribed(stage)
        assert (await events.next("LAUNCH"))["task"]["task_id"]["value"] == "t1"
        assert (await events.next("LAUNCH"))["task"]["task_id"]["value"] == "t3"
        books = stage.agent.executors.find("F", "e")
        assert books is not None
        assert books.resources().scalar("cpus") == 1.5
        await stage.report("t1", "TASK_FINISHED")
        await eventually(lambda: books.resources().scalar("cpus") == 1.0)

    play(tmp_path, scene)


def test_who_does_not_shut_down_is_killed(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.launch(command="trap '' TERM; while :; do sleep 0.05; done")
        events = await subscribed(stage)
        await events.next("LAUNCH")
        stage.master.tell(ShutdownExecutor("F", "e"))
        assert await events.next("SHUTDOWN") is None
        failed = await stage.next()
        assert (failed["state"], failed["message"]) == ("TASK_FAILED", "Executor terminated")
        assert stage.master.all(ExitedExecutor)[0].status == 9
        assert stage.family("e") == []

    play(tmp_path, scene)


def test_an_agent_that_shuts_down_still_listens_to_its_executors(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.launch(command="while [ ! -e go ]; do sleep 0.02; done")
        events = await subscribed(stage)
        await events.next("LAUNCH")
        sandbox = stage.sandbox("e")
        ending = asyncio.create_task(stage.agent.shut_down())
        await events.next("SHUTDOWN")
        assert await stage.report("t1", "TASK_KILLED") == (202, "")
        await events.next("ACKNOWLEDGED")
        (sandbox / "go").touch()
        await ending
        assert stage.master.updates.empty(), "nobody would acknowledge it"
        assert (await asyncio.to_thread(request, stage.url, "GET", "/health"))[0] == 503

    play(tmp_path, scene, executor_shutdown_grace_period=600.0)


def test_an_executor_can_wish_for_a_grace_period(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.launch(
            command="echo $MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD; " + ASLEEP,
            shutdown_grace_period={"nanoseconds": 100_000_000},
        )
        events = await subscribed(stage)
        assert await stage.line(executor_id="e") == "100ms\n"
        stage.master.tell(ShutdownExecutor("F", "e"))
        await events.next("LAUNCH")
        await events.next("SHUTDOWN")
        assert (await stage.next())["message"] == "Executor terminated"

    play(tmp_path, scene, executor_shutdown_grace_period=600.0)


def test_kill_policy_and_messages_get_through(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.launch()
        events = await subscribed(stage)
        await events.next("LAUNCH")
        stage.kill(1.5)
        policy = {"grace_period": {"nanoseconds": 1_500_000_000}}
        assert await events.next("KILL") == {"task_id": {"value": "t1"}, "kill_policy": policy}
        stage.master.tell(FrameworkToExecutor("F", "e", "aGk="))
        assert await events.next("MESSAGE") == {"data": "aGk="}
        assert await stage.call("MESSAGE", message={"data": "aG8="}) == (202, "")
        await stage.master.until_heard(ExecutorToFramework)
        assert stage.master.all(ExecutorToFramework) == [ExecutorToFramework("M-S0", "F", "e", "aG8=")]
        assert await stage.call("HEARTBEAT") == (202, "")

    play(tmp_path, scene)


def test_updates_are_completed_and_repetitions_only_acknowledged(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.launch()
        events = await subscribed(stage)
        await events.next("LAUNCH")
        sent = status("t1", "TASK_RUNNING", healthy=True, message="up")
        for _ in range(2):
            assert await stage.call("UPDATE", update={"status": sent}) == (202, "")
            assert (await events.next("ACKNOWLEDGED")) == {"task_id": {"value": "t1"}, "uuid": sent["uuid"]}
        update = await stage.next()
        assert stage.master.updates.empty()
        run = stage.sandbox("e").name
        [process] = stage.family("e")
        address = {"protocol": "IPv4", "ip_address": "127.0.0.1"}
        assert update == {
            **sent,
            "agent_id": {"value": "M-S0"},
            "executor_id": {"value": "e"},
            "container_status": {
                "container_id": {"value": run},
                "network_infos": [{"ip_addresses": [address]}],
                "executor_pid": process.pid,
            },
        }
        await stage.report("t1", "TASK_FINISHED")
        await events.next("ACKNOWLEDGED")
        await stage.report("t1", "TASK_RUNNING")  # too late
        await events.next("ACKNOWLEDGED")
        assert (await stage.next())["state"] == "TASK_FINISHED"
        assert stage.master.updates.empty()

    play(tmp_path, scene)


@pytest.mark.parametrize("task_id", ["t9", "../../../../up"])
def test_updates_of_unknown_tasks_are_passed_on_and_not_booked(task_id: str, tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.checkpoint = True
        stage.launch()
        events = await subscribed(stage)
        await events.next("LAUNCH")
        sent = status(task_id, "TASK_FINISHED")
        assert await stage.call("UPDATE", update={"status": sent}) == (202, "")
        assert (await events.next("ACKNOWLEDGED"))["uuid"] == sent["uuid"]
        passed_on = await stage.next()
        assert (passed_on["task_id"], passed_on["executor_id"]) == ({"value": task_id}, {"value": "e"})
        books = stage.agent.executors.find("F", "e")
        assert books is not None
        assert [task.task_id for task in books.tasks()] == ["t1"]
        assert list(tmp_path.rglob("task.updates")) == []

    play(tmp_path, scene)


def test_the_id_of_an_unknown_task_can_be_used_afterwards(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.master.acknowledging = False
        stage.launch("t1")
        events = await subscribed(stage)
        await events.next("LAUNCH")
        await stage.report("t2", "TASK_RUNNING", message="unknown")
        unknown = await stage.next()
        await events.next("ACKNOWLEDGED")
        stage.launch("t2")
        await events.next("LAUNCH")
        stage.master.acknowledging = True
        while (repeated := await stage.next())["message"] == unknown["message"]:
            await stage.report("t2", "TASK_FINISHED", message="known")
        assert repeated["message"] == "known"

    play(tmp_path, scene)


def test_an_agent_that_does_not_know_yet_what_it_has_says_so(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.checkpoint = True
        stage.launch()
        events = await subscribed(stage)
        await events.next("LAUNCH")
        stage.server.kill()
        stage.agent.crash()
        stage.agent = stage.new_agent(executor_reregistration_timeout=10.0)
        await stage.server.start(agent_app(stage.agent, Authentication()))
        answer = await stage.call("SUBSCRIBE", subscribe={})
        assert answer == (503, "Agent has not finished recovery")
        stage.agent.master_detected(stage.master.connect)
        await stage.agent.start()
        await (await stage.subscribe()).next("SUBSCRIBED")

    play(tmp_path, scene)


def test_a_second_subscription_takes_the_place_of_the_first(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.launch()
        first = await subscribed(stage)
        await first.next("LAUNCH")
        await stage.report("t1", "TASK_RUNNING")
        await first.next("ACKNOWLEDGED")
        second = await stage.subscribe()
        await first.end()
        await second.next("SUBSCRIBED")
        stage.kill()
        await second.next("KILL")
        await second.close()
        await eventually(lambda: stage.agent.executors.find("F", "e").channel is None)  # type: ignore[union-attr]
        stage.launch("t2")
        third = await stage.subscribe()
        await third.next("SUBSCRIBED")
        assert (await third.next("LAUNCH"))["task"]["task_id"]["value"] == "t2"

    play(tmp_path, scene)


def test_a_custom_executor_comes_back_to_a_new_agent_with_what_the_old_one_missed(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.checkpoint = True
        stage.launch("t1")
        stage.launch("t2")
        stage.launch("t3")
        events = await subscribed(stage)
        for _ in range(3):
            task = (await events.next("LAUNCH"))["task"]
        await stage.report("t1", "TASK_RUNNING")
        await stage.until("TASK_RUNNING")
        stage.server.kill()
        stage.agent.crash()
        stage.agent = stage.new_agent()
        starting = asyncio.create_task(stage.start())
        await eventually(lambda: stage.agent.executors.find("F", "e") is not None)
        missed = status("t1", "TASK_FINISHED")
        events = await stage.subscribe([task], [{"status": missed}])
        await events.next("ACKNOWLEDGED")
        await events.next("SUBSCRIBED")
        await starting
        offer: ReregisterAgent = await stage.master.until_heard(ReregisterAgent)
        assert [(e.framework_id, e.executor["executor_id"]["value"]) for e in offer.executors] == [("F", "e")]
        states = {t.task["task_id"]["value"]: t.state for t in offer.tasks}
        assert states == {"t1": "TASK_FINISHED", "t2": "TASK_LOST", "t3": "TASK_STAGING"}
        said = [await stage.next(), await stage.next()]
        assert {(s["state"], s.get("reason")) for s in said} == {
            ("TASK_FINISHED", None),
            ("TASK_LOST", "REASON_AGENT_RESTARTED"),  # nobody knows whether the executor ever heard of it
        }

    play(tmp_path, scene, executor_reregistration_timeout=10.0)


def test_a_custom_executor_that_does_not_come_back_is_ended(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.checkpoint = True
        stage.launch()
        events = await subscribed(stage)
        await events.next("LAUNCH")
        await stage.report("t1", "TASK_RUNNING")
        await stage.until("TASK_RUNNING")
        stage.server.kill()
        await stage.restart()
        lost = await stage.next()
        assert (lost["state"], lost["reason"]) == ("TASK_LOST", "REASON_EXECUTOR_REREGISTRATION_TIMEOUT")
        assert lost["message"] == "Executor did not reregister within 200ms"
        assert stage.family("e") == []
        assert (await stage.master.until_heard(ExitedExecutor)).status == 9

    play(tmp_path, scene, executor_reregistration_timeout=0.2)


def test_the_executor_has_to_be_there(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        stage.launch("t1", launch_executor=False)
        dropped = await stage.next()
        assert (dropped["state"], dropped["reason"]) == ("TASK_LOST", "REASON_EXECUTOR_TERMINATED")
        stage.launch("t2")
        await eventually(lambda: stage.agent.executors.find("F", "e") is not None)
        assert await stage.report("t2", "TASK_RUNNING") == (403, "Executor is not subscribed")
        stage.kill(task_id="unknown")
        lost = await stage.next()
        assert (lost["state"], lost["message"]) == ("TASK_LOST", "Cannot find executor")

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("body", "headers", "code", "text"),
    [
        ({}, {}, 400, "Expecting 'Content-Type' to be present"),
        (
            {},
            {"Content-Type": "text/plain"},
            415,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        ),
        (
            {**IDS, "type": "SUBSCRIBE", "subscribe": {}},
            {"Accept": "text/html"},
            406,
            "Expecting 'Accept' to allow",
        ),
        ({**IDS, "type": "SUBSCRIBE", "subscribe": {}}, None, 400, "Framework cannot be found"),
        ({**IDS, "type": "MESSAGE"}, None, 400, "Expecting 'message' to be present"),
        ({**IDS, "type": "DANCE"}, None, 400, "Expecting 'type' to be present"),
    ],
)
def test_refusals(body: Json, headers: Json | None, code: int, text: str, tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        given = {"Content-Type": "application/json", **(headers or {})} if headers != {} else {}
        answer = await asyncio.to_thread(request, stage.url, "POST", PATH, json.dumps(body), given)
        assert answer[0] == code
        assert text in answer[2]

    play(tmp_path, scene)


def test_how_much_an_executor_uses(tmp_path: Path) -> None:
    async def scene(stage: ExecutorPlay) -> None:
        memory = [{"name": "mem", "type": "SCALAR", "scalar": {"value": 64}}]
        busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; sleep 100"
        stage.launch(command=busy, resources=CPU + memory, name="busy one", source="here")
        await subscribed(stage)
        await stage.line(executor_id="e")
        for path in ("/containers", "/monitor/statistics", "/slave(1)/monitor/statistics.json"):
            _, _, text = await asyncio.to_thread(request, stage.url, "GET", path)
            [entry] = json.loads(text)
            assert (entry["executor_id"], entry["executor_name"], entry["source"]) == (
                "e",
                "busy one",
                "here",
            )
            used = entry["statistics"]
            assert used["cpus_soft_limit"] == 1.0
            assert used["mem_limit_bytes"] == used["mem_soft_limit_bytes"] == 64 << 20
            assert used["cpus_user_time_secs"] > 0
            assert used["mem_rss_bytes"] > 100_000
            assert used["timestamp"] > 1e9

    play(tmp_path, scene)
