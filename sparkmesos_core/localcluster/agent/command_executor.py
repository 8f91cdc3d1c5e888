"""The executor of tasks with a command, as Mesos' mesos-executor: one task, one process.

It lives in the cluster's own process but is no part of an agent: it subscribes like any other executor,
outlives its agent if the framework is a checkpointing one, and ends itself with its agent if not.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sparkmesos_core.localcluster.agent.executor import Channel
from sparkmesos_core.localcluster.agent.executor_call import Subscribe, Update
from sparkmesos_core.localcluster.agent.task_process import Program
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES, capabilities, grace_seconds

JsonObject = dict[str, Any]

DEFAULT_GRACE_SECONDS = 3.0
"""Between SIGTERM and SIGKILL when no kill policy says otherwise, as in Mesos' command executor."""

logger = logging.getLogger(__name__)


class AgentSide(Protocol):
    """What an executor asks of its agent; that of a custom executor does it over HTTP."""

    def subscribe(self, call: Subscribe, channel: Channel) -> None:
        """Take the executor's events from now on."""

    def update(self, call: Update) -> None:
        """Take a status update."""


@dataclass(frozen=True)
class CommandExecutorOptions:
    """What is fixed for a command executor's life; intervals in seconds."""

    framework_id: str
    executor_id: str
    sandbox: Path
    start: Callable[[], Program]
    """Starts the task's program; raises OSError or ValueError if that is not possible."""
    checkpoint: bool
    recovery_timeout: float
    shutdown_grace_period: float
    subject: str = "Command"
    """What the messages of its updates begin with."""


class CommandExecutor:
    """Runs one task; lives on one event loop."""

    def __init__(self, options: CommandExecutorOptions, clock: Callable[[], float]) -> None:
        self.program: Program | None = None
        self._options = options
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._agent: AgentSide | None = None
        self._task: JsonObject | None = None
        self._task_acknowledged = False
        self._unacknowledged: dict[str, JsonObject] = {}
        self._announces_kill = False
        self._killing_announced = False
        self._exited = False
        self._ending: asyncio.Task[None] | None = None
        self._ending_since = 0.0
        self._grace = 0.0
        self._running: asyncio.Task[None] | None = None
        self._give_up: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[int] = self._loop.create_future()

    # --- for the agent's container

    @property
    def pid(self) -> int | None:
        """The first process of the task, None before it is started."""
        return self.program.pid if self.program is not None else None

    async def wait(self) -> int:
        """The status of the executor, as of wait(2), when it has ended."""
        return await asyncio.shield(self._ended)

    async def destroy(self) -> None:
        """End it by force, with all that it runs; nobody is told."""
        self._agent = None
        for work in (self._running, self._ending):
            if work is not None:
                work.cancel()
        if self.program is not None:
            await self.program.kill()
        self._finish(signal.SIGKILL)

    def connect(self, agent: AgentSide) -> None:
        """Subscribe with an agent: the first one, or one that was started in its place."""
        if self._ended.done():
            return
        if self._give_up is not None:
            self._give_up.cancel()
            self._give_up = None
        self._agent = agent
        names = (self._options.framework_id, self._options.executor_id)
        unknown = (self._options.executor_id,) if self._task and not self._task_acknowledged else ()
        agent.subscribe(Subscribe(*names, unknown, tuple(self._unacknowledged.values())), self)

    # --- events, as the agent sends them

    def send(self, event: JsonObject) -> None:
        """Take an event of the agent, when it has finished what it is doing."""
        self._loop.call_soon(self._receive, event)

    def close(self) -> None:
        """The agent is gone."""
        self._agent = None
        if self._ended.done():
            return
        if self._options.checkpoint:
            self._give_up = self._loop.call_later(self._options.recovery_timeout, self._shut_down)
        else:
            self._loop.call_soon(self._shut_down)

    def _receive(self, event: JsonObject) -> None:
        if self._ended.done():
            return
        match event:
            case {"type": "SUBSCRIBED", "subscribed": {"framework_info": info}}:
                self._announces_kill = "TASK_KILLING_STATE" in capabilities(info)
            case {"type": "LAUNCH", "launch": {"task": task}}:
                self._launch(task)
            case {"type": "KILL", "kill": kill}:
                self._kill(grace_seconds(kill.get("kill_policy")))
            case {"type": "ACKNOWLEDGED", "acknowledged": {"uuid": acknowledged}}:
                self._acknowledged(acknowledged)
            case {"type": "SHUTDOWN"}:
                self._shut_down()

    # --- the task

    def _launch(self, task: JsonObject) -> None:
        if self._task is not None:
            return
        self._task = task
        try:
            # Nothing is awaited meanwhile, so that a kill finds either no process at all or this one.
            self.program = self._options.start()
        except Exception as error:  # noqa: BLE001 - whatever it was, the framework has to hear of the end
            self._report("TASK_STARTING")
            self._report("TASK_RUNNING")
            log = self._options.sandbox / "stderr"
            with (
                contextlib.suppress(OSError),  # the disk can be full
                log.open("a", encoding="utf-8", errors="backslashreplace") as writer,
            ):
                writer.write(f"Failed to execute command: {error}\n")
            self._report("TASK_FAILED", f"{self._options.subject} {exit_text(1)}")
            return
        # First of all, so that it is looked after whatever becomes of the reports.
        self._running = self._loop.create_task(self._run(self.program))
        self._report("TASK_STARTING")
        self._report("TASK_RUNNING")

    async def _run(self, program: Program) -> None:
        """Wait for the end of the program, which is reported whatever happens."""
        try:
            status = await program.wait()
            self._exited = True
            if self._ending is None:
                await program.kill()  # what it has left behind
            while self._ending is not None and not self._ending.done():
                await asyncio.wait({self._ending})  # a later kill may have replaced it meanwhile
        except Exception as error:  # whatever it was, the framework has to hear of the end
            logger.exception("Task %s has failed", self._options.executor_id)
            await program.kill()
            self._report("TASK_FAILED", f"Failed to run the task: {error}")
            return
        if self._ending is not None:
            self._report("TASK_KILLED", f"{self._options.subject} {exit_text(status)}")
        else:
            state = "TASK_FINISHED" if status == 0 else "TASK_FAILED"
            self._report(state, f"{self._options.subject} {exit_text(status)}")

    def _kill(self, grace: float | None) -> None:
        if self.program is None or (self._exited and self._ending is None):
            return
        if grace is None:
            grace = grace_seconds((self._task or {}).get("kill_policy"))  # the master has validated it
        if self._announces_kill and not self._killing_announced:
            self._killing_announced = True
            self._report("TASK_KILLING")
        self._end(DEFAULT_GRACE_SECONDS if grace is None else grace)

    def _end(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after the grace period, in seconds from the first time that this was asked.

        A later kill may make that shorter, but not longer: schedulers repeat themselves, which must not keep
        a task alive (`CommandExecutor::kill` of Mesos' executor).
        """
        assert self.program is not None
        now = self._loop.time()
        if self._ending is None:
            self._ending_since, self._grace = now, grace
        elif grace >= self._grace:
            return
        else:
            self._ending.cancel()
            self._grace = grace
        left = max(0.0, self._ending_since + grace - now)
        self._ending = self._loop.create_task(self.program.end(left))

    def _shut_down(self) -> None:
        """End the task and then itself, whether or not anybody acknowledges that."""
        if self.program is not None and not self._exited:
            grace = grace_seconds((self._task or {}).get("kill_policy"))
            grace = DEFAULT_GRACE_SECONDS if grace is None else grace
            self._end(min(grace, self._options.shutdown_grace_period))
        if self._running is not None and not self._running.done():
            self._running.add_done_callback(lambda _: self._finish(0))
        else:
            self._finish(0)

    # --- reporting

    def _report(self, state: str, message: str | None = None) -> None:
        status: JsonObject = {"task_id": {"value": self._options.executor_id}, "state": state}
        if message is not None:
            status["message"] = message
        status["source"] = "SOURCE_EXECUTOR"
        status["executor_id"] = {"value": self._options.executor_id}
        status["timestamp"] = self._clock()
        status["uuid"] = base64.b64encode(uuid.uuid4().bytes).decode()
        self._unacknowledged[status["uuid"]] = status
        if self._agent is not None:
            self._agent.update(Update(self._options.framework_id, self._options.executor_id, status))

    def _acknowledged(self, acknowledged: str) -> None:
        self._task_acknowledged = True
        status = self._unacknowledged.pop(acknowledged, None)
        if status is not None and status["state"] in TERMINAL_STATES:
            self._finish(0)

    def _finish(self, status: int) -> None:
        if self._give_up is not None:
            self._give_up.cancel()
        if not self._ended.done():
            self._ended.set_result(status)


def exit_text(status: int) -> str:
    """How Mesos says that a process has ended; `status` is negative for a signal."""
    if status >= 0:
        return f"exited with status {status}"
    return f"terminated with signal {signal.strsignal(-status) or -status}"
