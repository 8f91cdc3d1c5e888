"""An embedded agent on a stage: its master is a few lines that keep what it hears and acknowledge updates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from sparkmesos_core.localcluster.agent.agent import Agent, AgentOptions
from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.link import AgentEnd, Link, MasterEnd
from sparkmesos_core.localcluster.messages import (
    AcknowledgeUpdate,
    AgentRegistered,
    AgentReregistered,
    KillTask,
    RegisterAgent,
    ReregisterAgent,
    RunTask,
    StatusUpdate,
    ToAgent,
    ToMaster,
)

Json = dict[str, Any]
PATIENCE = 15.0


class StandInMaster:
    """The other end of an agent's link. It answers offers unless told not to, and acknowledges updates at once."""

    def __init__(self, master_id: str = "M", *, total_ping_timeout: float = 75.0) -> None:
        self.heard: list[ToMaster] = []
        self.updates: asyncio.Queue[StatusUpdate] = asyncio.Queue()
        self.answering = True
        self.acknowledging = True
        self.reconciliations: tuple[tuple[str, str], ...] = ()
        self.links: list[Link] = []
        self.ended = 0
        self._master_id = master_id
        self._ping_timeout = total_ping_timeout
        self._news = asyncio.Event()

    def connect(self, agent: AgentEnd) -> Link:
        link = Link(agent)
        link.accept(MasterEnd(lambda message: self._take(link, message), self._closed))
        self.links.append(link)
        return link

    def tell(self, message: ToAgent) -> None:
        self.links[-1].tell_agent(message)

    def _closed(self) -> None:
        self.ended += 1
        self._news.set()

    def _take(self, link: Link, message: ToMaster) -> None:
        self.heard.append(message)
        self._news.set()
        match message:
            case RegisterAgent() if self.answering:
                link.tell_agent(AgentRegistered(f"{self._master_id}-S0", self._master_id, self._ping_timeout))
            case ReregisterAgent() if self.answering:
                link.tell_agent(
                    AgentReregistered(
                        message.agent_id, self._master_id, self._ping_timeout, self.reconciliations
                    )
                )
            case StatusUpdate():
                self.updates.put_nowait(message)
                if self.acknowledging and not message.waiting:
                    self.acknowledge(message.status, message.framework_id)

    def acknowledge(self, status: Json, framework_id: str = "F") -> None:
        self.tell(AcknowledgeUpdate(framework_id, status["task_id"]["value"], status["uuid"]))

    def all(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.heard if isinstance(message, kind)]

    async def until_heard(self, kind: type[Any], number: int = 1) -> Any:
        """The message of a type with this number, from 1."""
        await self.until(lambda: len(self.all(kind)) >= number)
        return self.all(kind)[number - 1]

    async def until(self, condition: Callable[[], bool]) -> None:
        async def wait() -> None:
            while not condition():
                self._news.clear()
                await self._news.wait()

        await asyncio.wait_for(wait(), PATIENCE)


class Play:
    """An agent and its master."""

    def __init__(self, work_dir: Path, **options: Any) -> None:
        self.work_dir = work_dir
        self.options = {"resources": "cpus:4;mem:4096", "update_retry": 0.1, **options}
        self.processes = ProcessTable()
        self.master = StandInMaster()
        self.checkpoint = False
        self.agent = self.new_agent()

    def new_agent(self, **options: Any) -> Agent:
        given = {"port": 1, "work_dir": self.work_dir, **self.options, **options}
        settings = AgentOptions(hostname="127.0.0.1", ip="127.0.0.1", **given)
        return Agent(settings, time.time, self.processes)

    async def start(self) -> None:
        self.agent.master_detected(self.master.connect)
        await self.agent.start()
        await asyncio.wait_for(self.agent.registered(), PATIENCE)

    async def close(self) -> None:
        """Whatever else is to be done at the end."""

    async def restart(self, **options: Any) -> None:
        """Crash, and start another one in its place."""
        self.agent.crash()
        self.agent = self.new_agent(**options)
        await self.start()

    def framework(self, capabilities: tuple[str, ...] = ()) -> Json:
        return {
            "id": {"value": "F"},
            "name": "f",
            "user": "root",
            "checkpoint": self.checkpoint,
            "capabilities": [{"type": name} for name in capabilities],
        }

    def run(self, command: str | Json | None, capabilities: tuple[str, ...] = (), **fields: Any) -> None:
        task = {
            "name": "t",
            "task_id": {"value": "t1"},
            "agent_id": {"value": "M-S0"},
            "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}}],
            **fields,
        }
        if command is not None:
            task["command"] = command if isinstance(command, dict) else {"value": command}
        self.master.tell(RunTask(self.framework(capabilities), task, "*"))

    def kill(self, grace: float | None = None, task_id: str = "t1") -> None:
        self.master.tell(KillTask("F", task_id, grace))

    async def update(self) -> StatusUpdate:
        return await asyncio.wait_for(self.master.updates.get(), PATIENCE)

    async def next(self) -> Json:
        """The next status that is for the framework."""
        while (update := await self.update()).waiting:
            pass
        return update.status

    async def until(self, state: str) -> Json:
        while (status := await self.next())["state"] != state:
            pass
        return status

    def sandbox(self, executor_id: str = "t1") -> Path:
        return next(self.agent.root.glob(f"frameworks/F/executors/{executor_id}/runs/*-*"))

    async def line(self, name: str = "stdout", executor_id: str = "t1") -> str:
        """The log's text as soon as it has a whole line."""
        deadline = time.monotonic() + PATIENCE
        while not (text := (self.sandbox(executor_id) / name).read_text()).endswith("\n"):
            assert time.monotonic() < deadline, (self.sandbox(executor_id) / "stderr").read_text()
            await asyncio.sleep(0.01)
        return text

    def family(self, executor_id: str = "t1") -> list[psutil.Process]:
        folder = self.agent.root / "frameworks" / "F" / "executors" / executor_id / "runs"
        return [p for p in psutil.process_iter() if is_in(p, folder)]


async def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def play(
    tmp_path: Path, scene: Callable[[Any], Awaitable[None]], *, stage: type[Play] = Play, **options: Any
) -> None:
    """A scene, at the end of which everything is shut down and nothing is left."""
    kind = stage

    async def run() -> None:
        stage = kind(tmp_path, **options)
        try:
            await stage.start()
            await scene(stage)
        finally:
            await stage.agent.shut_down()
            await stage.close()
            stage.processes.close()

    asyncio.run(run())
    left = [p for p in psutil.process_iter() if is_in(p, tmp_path)]
    assert left == []


def is_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return (
            process.environ().get("MESOS_SANDBOX", "").startswith(f"{folder}/")
            and process.status() != "zombie"
        )
    except (psutil.Error, OSError):
        return False
