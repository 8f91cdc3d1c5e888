"""The executors and tasks of an agent: launched, subscribed, given tasks and reported on.

How they begin is in `task_launches`, how they end in `executor_endings` and `task_endings`.

The rules are those of Mesos' agent (slave.cpp); names of states and texts of messages are its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from sparkmesos_core.localcluster.agent import executor_endings, executor_events, task_endings, task_launches
from sparkmesos_core.localcluster.agent.agent_options import AgentOptions
from sparkmesos_core.localcluster.agent.checkpoint import Checkpoint, not_vital
from sparkmesos_core.localcluster.agent.container import Container
from sparkmesos_core.localcluster.agent.executor import (
    Channel,
    Executor,
    ExecutorState,
    FrameworkOnAgent,
    Task,
)
from sparkmesos_core.localcluster.agent.executor_books import ExecutorBooks
from sparkmesos_core.localcluster.agent.executor_call import Subscribe, Update
from sparkmesos_core.localcluster.agent.executor_lives import ExecutorLives
from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.log_lines import LogFile
from sparkmesos_core.localcluster.messages import (
    Drain,
    KillTask,
    RunTask,
    ToMaster,
)
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES

JsonObject = dict[str, Any]


class AgentExecutors(ExecutorBooks):
    """Everything that runs on one agent; lives on one event loop."""

    def __init__(
        self,
        options: AgentOptions,
        clock: Callable[[], float],
        processes: ProcessTable,
        checkpoint: Checkpoint,
        tell: Callable[[ToMaster], None],
        log: LogFile,
    ) -> None:
        super().__init__(options, clock, processes, checkpoint, tell, log)
        self.lives = ExecutorLives(self)

    # --- what is there

    def container(self, executor: Executor) -> Container | None:
        """The executor's container, None before it is launched and when it has ended."""
        return self.lives.container(executor)

    def executor_pid(self, executor: Executor) -> int:
        """The process that counts as the executor: this one for command executors without a process yet."""
        container = self.container(executor)
        return (container.pid if container is not None else None) or os.getpid()

    # --- tasks from the master

    def run(self, message: RunTask) -> None:
        """Give a task to its executor, which is launched if need be."""
        task_launches.run(self, message)

    def kill(self, message: KillTask) -> None:
        """End a task."""
        task_endings.kill(self, message)

    def drain(self, message: Drain) -> None:
        """End all tasks, and refuse others until nothing runs any more."""
        task_endings.drain(self, message)

    def acknowledged(self, framework_id: str, task_id: str, uuid_: str) -> None:
        """The framework has seen an update."""
        if not self.updates.acknowledge(framework_id, task_id, uuid_):
            return
        framework = self.frameworks.get(framework_id)
        executor = framework.executor_of(task_id) if framework is not None else None
        if framework is None or executor is None:
            return
        if executor.checkpoint:
            with not_vital("An acknowledgement"):
                self.checkpoint.acknowledgement(self.agent_id, executor, task_id, uuid_)
        task = executor.terminated.get(task_id)
        if task is not None and any(
            status["uuid"] == uuid_ and status["state"] in TERMINAL_STATES for status in task.statuses
        ):
            executor.complete(task_id)
            executor_endings.remove_if_done(self, framework, executor)

    def message(self, framework_id: str, executor_id: str, data: str) -> None:
        """Pass a scheduler's message on; it is lost if the executor cannot take it."""
        executor = self.find(framework_id, executor_id)
        if executor is None or executor.state is not ExecutorState.RUNNING or executor.channel is None:
            self.counts["invalid_framework_messages"] += 1
            return
        self.counts["valid_framework_messages"] += 1
        executor.channel.send({"type": "MESSAGE", "message": {"data": data}})

    def reconcile(self, framework_id: str, task_id: str) -> None:
        """Say that there is no such task, which the master believes to be here, unless there is."""
        framework = self.frameworks.get(framework_id)
        if framework is not None and framework.executor_of(task_id) is not None:
            return
        state = framework.lost_state("TASK_DROPPED") if framework is not None else "TASK_LOST"
        task = Task(framework_id, {"task_id": {"value": task_id}}, "", "")
        text = "Reconciliation: task unknown to the agent"
        self.reports.report(framework, None, task, state, text, "REASON_RECONCILIATION")

    def update_framework(self, info: JsonObject) -> None:
        """The framework's scheduler is a new one, which may have missed what was not acknowledged."""
        framework = self.frameworks.get(info["id"]["value"])
        if framework is None:
            return
        framework.info = info
        if framework.checkpoint:
            with not_vital("A framework"):
                self.checkpoint.framework(self.agent_id, info)
        self.updates.again(framework.framework_id)

    # --- ending

    def shut_down_executor(self, framework_id: str, executor_id: str) -> None:
        """Ask an executor to end; it is killed if it does not within its grace period."""
        executor = self.find(framework_id, executor_id)
        if executor is not None and executor.state in (ExecutorState.REGISTERING, ExecutorState.RUNNING):
            executor_endings.shut_down(self, executor)

    def shut_down_framework(self, framework_id: str) -> None:
        """End everything of a framework, without any more reports."""
        executor_endings.shut_down_framework(self, framework_id)

    async def ended(self) -> None:
        """Wait until everything that was asked to end has ended."""
        await self.lives.ended()

    def crash(self) -> None:
        """All work ends at once, as that of a process that is killed; what runs is left alone."""
        self.lives.crash()
        self.updates.pause()
        for framework in self.frameworks.values():
            for executor in framework.executors.values():
                if executor.channel is not None:
                    executor.channel.close()
                    executor.channel = None

    # --- executors' calls

    def subscribe(self, call: Subscribe, channel: Channel) -> None:
        """An executor subscribes, for the first time or again; KeyError if there is no such executor."""
        framework = self.frameworks[call.framework_id]
        executor = framework.executors[call.executor_id]
        ending = (ExecutorState.TERMINATING, ExecutorState.TERMINATED)
        if framework.terminating or executor.state in ending:
            channel.send({"type": "SHUTDOWN"})
            channel.close()
            return
        if executor.channel is not None and executor.channel is not channel:
            executor.channel.close()
        executor.state = ExecutorState.RUNNING
        executor.channel = channel
        for status in call.unacknowledged_updates:
            self.update(Update(call.framework_id, call.executor_id, status))
        if executor.termination is not None:
            return  # what it said could not be written down
        for task in list(executor.launched.values()):
            if task.state == "TASK_STAGING" and task.task_id not in call.unacknowledged_tasks:
                state, text = framework.lost_state("TASK_DROPPED"), "Task launched during agent restart"
                self.reports.report(framework, executor, task, state, text, "REASON_AGENT_RESTARTED")
        if not executor.ever_sent_task and not executor.queued:
            executor_endings.shut_down(self, executor)  # its tasks were killed before it was there
            return
        channel.send(executor_events.subscribed(executor, framework.info, self.options, self.agent_id))
        task_launches.deliver(executor)

    def unsubscribed(self, executor: Executor, channel: Channel) -> None:
        """The executor's subscription has ended; it may come back."""
        if executor.channel is channel:
            executor.channel = None

    def update(self, call: Update) -> None:
        """An executor reports on a task."""
        framework = self.frameworks.get(call.framework_id)
        executor = framework.executors.get(call.executor_id) if framework is not None else None
        if framework is None or executor is None:
            self.counts["invalid_status_updates"] += 1
            return
        task_id = str(call.status["task_id"]["value"])
        task = executor.task(task_id) or next((t for t in executor.completed if t.task_id == task_id), None)
        status = executor_events.completed_status(
            call.status, executor, self.executor_pid(executor), self.options.ip, self.agent_id
        )
        if task is None:
            # Passed on, as with Mesos, but neither booked nor written down: there is no such task here.
            stranger = Task(call.framework_id, {"task_id": {"value": task_id}}, "", call.executor_id)
            self.reports.take(framework, None, stranger, status)
        elif not (task.has_seen(status["uuid"]) or task.ended):
            try:
                self.reports.take(framework, executor, task, status)
            except OSError as error:
                executor_endings.end_unwritten(self, executor, error)
                return
        if executor.channel is not None:
            executor.channel.send(executor_events.acknowledged(task_id, status["uuid"]))

    # --- their lives

    def launched(self, executor: Executor, container: Container) -> None:
        """An executor's container runs."""
        if executor.checkpoint:
            self.checkpoint.forked(self.agent_id, executor, container.pid)

    def terminated(self, executor: Executor, status: int) -> None:
        """An executor has ended, and with it its tasks."""
        executor_endings.terminated(self, executor, status)

    # --- recovery

    def recovered(self, framework: FrameworkOnAgent, executor: Executor) -> None:
        """Take over an executor of a former agent; it is waited for until `give_up_unrecovered`."""
        framework.executors[executor.executor_id] = executor
        self.lives.take_over(executor)

    def waits_for_executors(self) -> bool:
        """Whether executors of a former agent have neither come back nor ended."""
        return any(
            executor.state is ExecutorState.REGISTERING
            for framework in self.frameworks.values()
            for executor in framework.executors.values()
        )

    def give_up_unrecovered(self) -> None:
        """End those executors of a former agent that have not subscribed again."""
        executor_endings.give_up_unrecovered(self)

    async def end_unknown(self) -> None:
        """End what runs below the agent's work dir and belongs to no executor that it knows."""
        await self.lives.end_unknown(self.options.work_dir)
