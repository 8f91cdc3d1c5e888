"""An embedded agent: registers with the leading master, runs its tasks, takes over from its predecessor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sparkmesos_core.errors import LocalClusterError
from sparkmesos_core.localcluster.agent.agent_executors import AgentExecutors
from sparkmesos_core.localcluster.agent.agent_options import AgentOptions as AgentOptions
from sparkmesos_core.localcluster.agent.checkpoint import Checkpoint, Recovered, not_vital
from sparkmesos_core.localcluster.agent.container import LIVING, end_below
from sparkmesos_core.localcluster.agent.executor import Executor, ExecutorState, FrameworkOnAgent
from sparkmesos_core.localcluster.agent.executor_call import Call, Heartbeat, Message, Update
from sparkmesos_core.localcluster.agent.fetcher import FetcherCache
from sparkmesos_core.localcluster.agent.orphans import end_orphans
from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.agent.registration import Registration
from sparkmesos_core.localcluster.agent.task_secrets import remove_forgotten
from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.link import AgentEnd, Link
from sparkmesos_core.localcluster.log_lines import LogFile
from sparkmesos_core.localcluster.messages import (
    AcknowledgeUpdate,
    AgentDescription,
    AgentRegistered,
    AgentReregistered,
    Drain,
    ExecutorToFramework,
    FrameworkToExecutor,
    KillTask,
    Ping,
    Pong,
    RegisterAgent,
    ReregisterAgent,
    RunningExecutor,
    RunningTask,
    RunTask,
    ShutdownAgent,
    ShutdownExecutor,
    ShutdownFramework,
    ToAgent,
    UnregisterAgent,
    UpdateFramework,
)
from sparkmesos_core.mesos.attributes import parse_attributes
from sparkmesos_core.mesos.resources import Resources

JsonObject = dict[str, Any]

_LOOK_FOR_EXECUTORS_SECONDS = 0.01

logger = logging.getLogger(__name__)


class Agent:
    """An agent on one event loop.

    `processes` may serve several agents; who made it closes it after them. An agent that has crashed,
    terminated or been shut down cannot be used again: another one with the same work dir takes its place.
    """

    def __init__(self, options: AgentOptions, clock: Callable[[], float], processes: ProcessTable) -> None:
        fetching = options.fetching
        if fetching.cache is None:
            fetching = replace(fetching, cache=FetcherCache(options.work_dir / "fetch"))
        self.options = options = replace(options, fetcher=fetching)
        self.start_time = clock()
        self.clock = clock
        self.processes = processes
        self.agent_id: str | None = None
        self.recovery_seconds = 0.0
        self.is_down = False
        """Whether it has crashed, terminated or been told to shut down."""
        self.has_recovered = False
        """Whether it knows what its predecessor has left, so that executors can come back."""
        self._crashed = False
        self.ended = asyncio.Event()
        """Set when it is down for good, shut down by its cluster or by the master, with all its tasks."""
        self._checkpoint = Checkpoint(options.work_dir)
        self._log = LogFile(options.log, logger)
        self._registration = Registration(
            options.registration_backoff, self._offer, self._receive, self._master_lost, self._log
        )
        self.executors = AgentExecutors(
            options, clock, processes, self._checkpoint, self._registration.tell, self._log
        )
        self._work: set[asyncio.Task[None]] = set()

    # --- what others look at

    @property
    def frameworks(self) -> dict[str, FrameworkOnAgent]:
        """All frameworks that have run something here, by id."""
        return self.executors.frameworks

    @property
    def root(self) -> Path:
        """The folder below which all of this agent's sandboxes are, when it has an id."""
        return self.options.work_dir / "slaves" / (self.agent_id or "none")

    @property
    def is_registered(self) -> bool:
        """Whether the leading master knows this agent."""
        return self._registration.is_registered

    @property
    def answers(self) -> bool:
        """Whether there is a process that could answer: also while it is shutting down, not afterwards."""
        return not self._crashed and not self.ended.is_set()

    # --- life

    def master_detected(self, connect: Callable[[AgentEnd], Link] | None) -> None:
        """A (new) master leads: connect to it, and (re-)register until it answers; None: nobody leads."""
        self._registration.master_detected(connect)

    async def start(self) -> None:
        """Recover what a former agent of this process has left in the work dir, and then register.

        Returns before executors have subscribed again: for that, the agent's HTTP server has to run. Raises
        LocalClusterError if resources or attributes are not those of the former agent.
        """
        began = self.clock()
        recovered = await asyncio.to_thread(self._checkpoint.recover)
        if recovered is not None:
            self._refuse_other_agent(recovered)
            self._adopt_id(recovered.agent_id)
            self.executors.draining = recovered.draining
            if self.options.recover == "reconnect":
                for info in recovered.frameworks:
                    self.frameworks[info["id"]["value"]] = FrameworkOnAgent(info)
                for left in recovered.executors:
                    for task in left.tasks:
                        self.executors.updates.restore(
                            task.task.framework_id, task.task.task_id, task.unacknowledged, task.task.state
                        )
                    framework = self.frameworks[left.executor.framework_id]
                    self.executors.recovered(framework, left.executor)
        await self.executors.end_unknown()
        await asyncio.to_thread(remove_forgotten, self.options.secrets_dir, LIVING)
        self.has_recovered = True
        self._background(self._finish_recovery(began))

    async def registered(self) -> None:
        """Wait until a master has answered."""
        await self._registration.registered.wait()

    def crash(self) -> None:
        """End as by SIGKILL: nobody is told, and the executors of checkpointing frameworks live on."""
        if not self.answers:
            return
        self.is_down = self._crashed = True
        for work in self._work:
            work.cancel()
        self.executors.crash()
        self._registration.close()

    async def terminate(self) -> None:
        """End as by SIGTERM: like Mesos' agent, at once and without a word, so no different from a crash."""
        self.crash()

    async def shut_down(self) -> None:
        """Unregister, end all executors (SIGTERM, grace period, SIGKILL), and return when nothing is left.

        Not even what a task has detached from itself is. After a crash only the last of this is done.
        """
        if self._crashed and not self.ended.is_set():
            await self._end_what_is_left()
            return
        if self.agent_id is not None:
            self._registration.tell(UnregisterAgent(self.agent_id))
        await self._shut_down()

    async def _shut_down(self) -> None:
        if self.is_down:
            await self.ended.wait()
            return
        self.is_down = True
        self._registration.no_more()
        for framework_id in list(self.frameworks):
            self.executors.shut_down_framework(framework_id)
        await self.executors.ended()
        self.executors.crash()
        self._registration.close()
        self._checkpoint.forget_agent()
        await self._end_what_is_left()

    async def _end_what_is_left(self) -> None:
        await end_below(self.options.work_dir)
        if self.root.exists():
            await asyncio.to_thread(end_orphans, self.root)
        self.ended.set()

    def _background(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    # --- recovery

    def _refuse_other_agent(self, recovered: Recovered) -> None:
        own = self._description()
        for name, parse in (("resources", Resources.parse), ("attributes", parse_attributes)):
            before, now = str(recovered.agent.get(name)), own[name]
            if parse(before) != parse(now):
                raise LocalClusterError(
                    f"Incompatible agent info detected: the {name} of agent {recovered.agent_id} were"
                    f" '{before}' and are '{now}' now",
                    hint=f"Start it with the former {name}, or with an empty work dir.",
                )

    def _description(self) -> dict[str, str]:
        o = self.options
        return {"hostname": o.hostname, "resources": o.resources, "attributes": o.attributes}

    async def _finish_recovery(self, began: float) -> None:
        """Wait for the executors of the former agent, and end those that do not come back."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.options.executor_reregistration_timeout
        while self.executors.waits_for_executors() and loop.time() < deadline:
            await asyncio.sleep(_LOOK_FOR_EXECUTORS_SECONDS)
        self.executors.give_up_unrecovered()
        if self.executors.draining is not None:
            self.executors.drain(self.executors.draining)
        self.recovery_seconds = self.clock() - began
        self._registration.ready()

    # --- the master

    def _offer(self) -> RegisterAgent | ReregisterAgent:
        o = self.options
        description = AgentDescription(o.hostname, o.ip, o.port, o.resources, o.attributes)
        if self.agent_id is None:
            return RegisterAgent(description)
        living = [
            executor
            for framework in self.frameworks.values()
            if not framework.terminating
            for executor in framework.executors.values()
        ]
        running = {executor.framework_id for executor in living}
        return ReregisterAgent(
            self.agent_id,
            description,
            tuple(f.info for f in self.frameworks.values() if f.framework_id in running),
            tuple(
                RunningExecutor(executor.framework_id, executor.info, executor.role)
                for executor in living
                if not executor.is_command and executor.state is not ExecutorState.TERMINATED
            ),
            tuple(task for executor in living for task in _running_tasks(executor)),
        )

    def _master_lost(self) -> None:
        self.executors.updates.pause()

    def _receive(self, message: ToAgent) -> None:
        match message:
            case AgentRegistered():
                if self.agent_id is None:
                    self._adopt_id(message.agent_id)
                    with not_vital("The agent's id"):
                        self._checkpoint.agent(message.agent_id, self._description())
                self._log.info("Agent %s is registered with master %s", self.agent_id, message.master_id)
                self.executors.updates.resume()
            case AgentReregistered():
                self._log.info(
                    "Agent %s is registered again with master %s", self.agent_id, message.master_id
                )
                for framework_id, task_id in message.reconciliations:
                    self.executors.reconcile(framework_id, task_id)
                self.executors.updates.resume()
            case Ping():
                self._registration.tell(Pong(self.agent_id or ""))
            case ShutdownAgent():
                self._log.warning("The master wants agent %s to end: %s", self.agent_id, message.message)
                self._background(self._shut_down())
            case RunTask():
                if not self.is_down and self.is_registered:
                    self.executors.run(message)
            case KillTask():
                self.executors.kill(message)
            case Drain():
                self.executors.drain(message)
            case AcknowledgeUpdate():
                self.executors.acknowledged(message.framework_id, message.task_id, message.uuid)
            case FrameworkToExecutor():
                self.executors.message(message.framework_id, message.executor_id, message.data)
            case ShutdownExecutor():
                self.executors.shut_down_executor(message.framework_id, message.executor_id)
            case UpdateFramework():
                self.executors.update_framework(message.framework)
            case ShutdownFramework():
                self.executors.shut_down_framework(message.framework_id)

    def _adopt_id(self, agent_id: str) -> None:
        self.agent_id = agent_id
        self.executors.agent_id = agent_id

    # --- executors

    def executor_of_call(self, call: Call) -> Executor:
        """Who makes a call of the executor API; CallRefused if nobody may."""
        if not self.answers:
            raise CallRefused(503, "Agent is shutting down")
        framework = self.frameworks.get(call.framework_id)
        if framework is None:
            raise CallRefused(400, "Framework cannot be found")
        executor = framework.executors.get(call.executor_id)
        if executor is None:
            raise CallRefused(400, "Executor cannot be found")
        return executor

    def executor_call(self, call: Call) -> None:
        """Do what an executor asks for, all but SUBSCRIBE; CallRefused if it may not."""
        if isinstance(call, Heartbeat):
            return
        executor = self.executor_of_call(call)
        if executor.state is ExecutorState.REGISTERING:
            raise CallRefused(403, "Executor is not subscribed")
        if isinstance(call, Update):
            self.executors.update(call)
        elif isinstance(call, Message):
            message = ExecutorToFramework(self.agent_id or "", call.framework_id, call.executor_id, call.data)
            self._registration.tell(message)


def _running_tasks(executor: Executor) -> list[RunningTask]:
    return [
        RunningTask(
            task.framework_id,
            task.info,
            task.role,
            task.state,
            task.statuses[task.sent - 1]["state"] if task.sent else None,
            tuple(task.statuses[: task.sent]),
        )
        for task in executor.tasks()
    ]
