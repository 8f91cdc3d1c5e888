"""The executors and tasks of an agent: launched, subscribed, given tasks, killed and reported on.

The rules are those of Mesos' agent (slave.cpp); names of states and texts of messages are its own.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

from sparkmesos_core.localcluster.agent import executor_events
from sparkmesos_core.localcluster.agent.agent_options import AgentOptions
from sparkmesos_core.localcluster.agent.checkpoint import Checkpoint, not_vital
from sparkmesos_core.localcluster.agent.container import Container
from sparkmesos_core.localcluster.agent.executor import (
    Channel,
    Executor,
    ExecutorState,
    FrameworkOnAgent,
    Task,
    Termination,
    command_executor_info,
)
from sparkmesos_core.localcluster.agent.executor_call import Subscribe, Update
from sparkmesos_core.localcluster.agent.executor_environment import shutdown_grace_period
from sparkmesos_core.localcluster.agent.executor_lives import UNKNOWN_STATUS, ExecutorLives
from sparkmesos_core.localcluster.agent.launching import Launch
from sparkmesos_core.localcluster.agent.orphans import end_orphans
from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.agent.status_updates import UpdateStreams
from sparkmesos_core.localcluster.agent.task_reports import TaskReports
from sparkmesos_core.localcluster.log_lines import LogFile
from sparkmesos_core.localcluster.messages import (
    ExitedExecutor,
    KillTask,
    RunTask,
    ToMaster,
)
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES

JsonObject = dict[str, Any]

MAX_COMPLETED_FRAMEWORKS = 50
_NOT_WRITTEN = "Failed to write down what a restarted agent would need"


class AgentExecutors:
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
        self.frameworks: dict[str, FrameworkOnAgent] = {}
        self.counts: Counter[str] = Counter()
        """How often things have happened, for the metrics."""
        self._reports = TaskReports(
            self.frameworks, self.counts, options.update_retry, clock, checkpoint, tell, log
        )
        self._log = log
        self._options = options
        self._clock = clock
        self._processes = processes
        self._checkpoint = checkpoint
        self._tell = tell
        self._lives = ExecutorLives(self)

    # --- what is there

    @property
    def agent_id(self) -> str:
        """The agent's id, empty before it is known."""
        return self._reports.agent_id

    @agent_id.setter
    def agent_id(self, agent_id: str) -> None:
        self._reports.agent_id = agent_id

    @property
    def updates(self) -> UpdateStreams:
        """The updates that are not acknowledged."""
        return self._reports.updates

    def find(self, framework_id: str, executor_id: str) -> Executor | None:
        """An executor that has not ended with all its tasks."""
        framework = self.frameworks.get(framework_id)
        return framework.executors.get(executor_id) if framework is not None else None

    def container(self, executor: Executor) -> Container | None:
        """The executor's container, None before it is launched and when it has ended."""
        return self._lives.container(executor)

    def executor_pid(self, executor: Executor) -> int:
        """The process that counts as the executor: this one for command executors without a process yet."""
        container = self.container(executor)
        return (container.pid if container is not None else None) or os.getpid()

    # --- tasks from the master

    def run(self, message: RunTask) -> None:
        """Give a task to its executor, which is launched if need be."""
        framework_id = str(message.framework["id"]["value"])
        framework = self.frameworks.get(framework_id)
        if framework is None:
            framework = self.frameworks[framework_id] = FrameworkOnAgent(message.framework)
            self._forget_old_frameworks()
        if framework.terminating:
            return
        framework.info = message.framework
        info = message.task
        self._log.info("Got task %s of framework %s", str(info["task_id"]["value"]), framework_id)
        is_command = "executor" not in info
        given = command_executor_info(info, framework_id) if is_command else info["executor"]
        executor_id = str(given["executor_id"]["value"])
        task = Task(framework_id, info, message.role, executor_id)
        known = framework.executors.get(executor_id)
        if known is None:
            if not message.launch_executor:
                text = "No executor is expected to launch and there is no executor running"
                self._reports.drop(framework, task, text)
                return
            executor_info = executor_events.executor_info(given, framework_id, message.role)
            executor = self._new_executor(framework, executor_info, message.role, is_command)
        elif known.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
            self._reports.drop(framework, task, f"Executor {known.state.value}")
            return
        else:
            executor = known
        try:
            self._write_down(framework, executor, task, is_new=known is None)
        except OSError as error:
            text, reason = f"{_NOT_WRITTEN}: {error}", "REASON_CONTAINER_LAUNCH_FAILED"
            self._reports.report(framework, None, task, "TASK_FAILED", text, reason)
            if known is None and not is_command:
                self._tell(ExitedExecutor(self.agent_id, framework_id, executor_id, UNKNOWN_STATUS))
            return
        executor.queued[task.task_id] = task
        if known is None:
            framework.executors[executor_id] = executor
            self._begin(executor, info)
        elif executor.state is ExecutorState.RUNNING:
            self._deliver(executor)  # or when it has subscribed again

    def _write_down(
        self, framework: FrameworkOnAgent, executor: Executor, task: Task, *, is_new: bool
    ) -> None:
        """What is needed to take over a task, if its framework wants that. Raises OSError."""
        if not executor.checkpoint:
            return
        if is_new:
            self._checkpoint.framework(self.agent_id, framework.info)
            self._checkpoint.executor(self.agent_id, executor)
        self._checkpoint.task(self.agent_id, executor, task)

    def kill(self, message: KillTask) -> None:
        """End a task."""
        framework = self.frameworks.get(message.framework_id)
        if framework is None or framework.terminating:
            return
        executor = framework.executor_of(message.task_id)
        if executor is None:
            info = {"task_id": {"value": message.task_id}}
            state = framework.lost_state("TASK_DROPPED")
            task = Task(message.framework_id, info, "", "")
            self._reports.report(
                framework, None, task, state, "Cannot find executor", "REASON_EXECUTOR_TERMINATED"
            )
            return
        if executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
            return
        if message.draining and (known := executor.task(message.task_id)) is not None:
            known.draining = True
        task_ = executor.queued.get(message.task_id)
        if task_ is None:
            if executor.channel is not None:
                executor.channel.send(executor_events.kill(message.task_id, message.grace_seconds))
            return
        text, reason = "Killed before delivery to the executor", "REASON_TASK_KILLED_DURING_LAUNCH"
        self._reports.report(framework, executor, task_, "TASK_KILLED", text, reason)
        if not executor.ever_sent_task and not executor.queued:
            self._not_needed(executor)

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
                self._checkpoint.acknowledgement(self.agent_id, executor, task_id, uuid_)
        task = executor.terminated.get(task_id)
        if task is not None and any(
            status["uuid"] == uuid_ and status["state"] in TERMINAL_STATES for status in task.statuses
        ):
            executor.complete(task_id)
            self._remove_if_done(framework, executor)

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
        self._reports.report(framework, None, task, state, text, "REASON_RECONCILIATION")

    def update_framework(self, info: JsonObject) -> None:
        """The framework's scheduler is a new one, which may have missed what was not acknowledged."""
        framework = self.frameworks.get(info["id"]["value"])
        if framework is None:
            return
        framework.info = info
        if framework.checkpoint:
            with not_vital("A framework"):
                self._checkpoint.framework(self.agent_id, info)
        self.updates.again(framework.framework_id)

    # --- ending

    def shut_down_executor(self, framework_id: str, executor_id: str) -> None:
        """Ask an executor to end; it is killed if it does not within its grace period."""
        executor = self.find(framework_id, executor_id)
        if executor is not None and executor.state in (ExecutorState.REGISTERING, ExecutorState.RUNNING):
            self._shut_down(executor)

    def shut_down_framework(self, framework_id: str) -> None:
        """End everything of a framework, without any more reports."""
        framework = self.frameworks.get(framework_id)
        if framework is None or framework.terminating:
            return
        framework.terminating = True
        self.updates.forget(framework_id)
        for executor in list(framework.executors.values()):
            if executor.state is ExecutorState.TERMINATED:
                self._remove_if_done(framework, executor)
            elif executor.state is not ExecutorState.TERMINATING:
                self._shut_down(executor)
        self._lives.work(self._sweep(framework))

    async def _sweep(self, framework: FrameworkOnAgent) -> None:
        """End what the framework's tasks have detached from themselves, when they have all ended."""
        await self._lives.end_of(list(framework.executors.values()))
        folder = self._options.work_dir / "slaves" / self.agent_id / "frameworks" / framework.framework_id
        await asyncio.to_thread(end_orphans, folder)
        framework.terminating = False
        framework.executors.clear()

    async def ended(self) -> None:
        """Wait until everything that was asked to end has ended."""
        await self._lives.ended()

    def crash(self) -> None:
        """All work ends at once, as that of a process that is killed; what runs is left alone."""
        self._lives.crash()
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
                self._reports.report(framework, executor, task, state, text, "REASON_AGENT_RESTARTED")
        if not executor.ever_sent_task and not executor.queued:
            self._shut_down(executor)  # its tasks were killed before it was there
            return
        channel.send(executor_events.subscribed(executor, framework.info, self._options, self.agent_id))
        self._deliver(executor)

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
            call.status, executor, self.executor_pid(executor), self._options.ip, self.agent_id
        )
        if task is None:
            # Passed on, as with Mesos, but neither booked nor written down: there is no such task here.
            stranger = Task(call.framework_id, {"task_id": {"value": task_id}}, "", call.executor_id)
            self._reports.take(framework, None, stranger, status)
        elif not (task.has_seen(status["uuid"]) or task.ended):
            try:
                self._reports.take(framework, executor, task, status)
            except OSError as error:
                self._end_unwritten(executor, error)
                return
        if executor.channel is not None:
            executor.channel.send(executor_events.acknowledged(task_id, status["uuid"]))

    def _end_unwritten(self, executor: Executor, error: OSError) -> None:
        """End an executor whose update could not be written down: nobody could take it over.

        Mesos' agent ends itself then, and would again whenever it is started.
        """
        if executor.state not in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
            text = f"{_NOT_WRITTEN}: {error}"
            self._end_by_force(executor, Termination("TASK_FAILED", "REASON_EXECUTOR_TERMINATED", text))

    # --- launching

    def _forget_old_frameworks(self) -> None:
        idle = [fid for fid, f in self.frameworks.items() if not f.executors and f.completed]
        for framework_id in idle[: max(0, len(idle) - MAX_COMPLETED_FRAMEWORKS)]:
            del self.frameworks[framework_id]

    def _new_executor(
        self, framework: FrameworkOnAgent, info: JsonObject, role: str, is_command: bool
    ) -> Executor:
        container_id = str(uuid.uuid4())
        executor_id = str(info["executor_id"]["value"])
        return Executor(
            framework_id=framework.framework_id,
            info=info,
            role=role,
            container_id=container_id,
            sandbox=self._checkpoint.sandbox(
                self.agent_id, framework.framework_id, executor_id, container_id
            ),
            is_command=is_command,
            checkpoint=framework.checkpoint,
        )

    def _begin(self, executor: Executor, task: JsonObject) -> None:
        launch = Launch(self._options, self.agent_id, executor, task, self._clock, self._processes)
        self._lives.begin(executor, launch)
        # From now on, fetching included, and of command executors, too (slave.cpp, launchExecutor).
        timeout = self._options.executor_registration_timeout
        self._lives.later(timeout, self._did_not_register, executor)

    def launched(self, executor: Executor, container: Container) -> None:
        """An executor's container runs."""
        if executor.checkpoint:
            self._checkpoint.forked(self.agent_id, executor, container.pid)

    def _did_not_register(self, executor: Executor) -> None:
        """End an executor that takes too long to subscribe; the launch of one is given up."""
        if executor.state is not ExecutorState.REGISTERING:
            return
        timeout = executor_events.duration_text(self._options.executor_registration_timeout)
        text, reason = f"Executor did not register within {timeout}", "REASON_EXECUTOR_REGISTRATION_TIMEOUT"
        self._log.info("%s: %s of framework %s", text, executor.executor_id, executor.framework_id)
        given_up = self._lives.cancel_launch(executor)
        if given_up is not None:
            # The failure of the launch, which only now comes to its end, takes the place of the reason.
            text, reason = f"Failed to launch container: {given_up}", "REASON_CONTAINER_LAUNCH_FAILED"
        self._end_by_force(executor, Termination("TASK_FAILED", reason, text))

    def _deliver(self, executor: Executor) -> None:
        """Give the tasks that have waited to an executor that has subscribed."""
        if executor.channel is None:
            return
        for task in list(executor.queued.values()):
            del executor.queued[task.task_id]
            executor.launched[task.task_id] = task
            executor.ever_sent_task = True
            executor.channel.send(executor_events.launch(task))

    # --- recovery

    def recovered(self, framework: FrameworkOnAgent, executor: Executor) -> None:
        """Take over an executor of a former agent; it is waited for until `give_up_unrecovered`."""
        framework.executors[executor.executor_id] = executor
        self._lives.take_over(executor)

    def waits_for_executors(self) -> bool:
        """Whether executors of a former agent have neither come back nor ended."""
        return any(
            executor.state is ExecutorState.REGISTERING
            for framework in self.frameworks.values()
            for executor in framework.executors.values()
        )

    def give_up_unrecovered(self) -> None:
        """End those executors of a former agent that have not subscribed again."""
        timeout = executor_events.duration_text(self._options.executor_reregistration_timeout)
        text = f"Executor did not reregister within {timeout}"
        for framework in self.frameworks.values():
            for executor in framework.executors.values():
                if executor.state is ExecutorState.REGISTERING:
                    reason = "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"
                    self._end_by_force(executor, Termination(framework.lost_state("TASK_GONE"), reason, text))

    async def end_unknown(self) -> None:
        """End what runs below the agent's work dir and belongs to no executor that it knows."""
        await self._lives.end_unknown(self._options.work_dir)

    # --- the end of executors

    def _not_needed(self, executor: Executor) -> None:
        """All tasks of an executor were killed before it was there."""
        if self._lives.cancel_launch(executor) is None and executor.state is ExecutorState.RUNNING:
            self._shut_down(executor)

    def _shut_down(self, executor: Executor) -> None:
        executor.state = ExecutorState.TERMINATING
        self._lives.cancel_launch(executor)
        if executor.channel is not None:
            executor.channel.send({"type": "SHUTDOWN"})
        grace = shutdown_grace_period(self._options, executor.info)
        self._lives.later(grace, self._lives.destroy, executor)

    def _end_by_force(self, executor: Executor, termination: Termination) -> None:
        executor.state = ExecutorState.TERMINATING
        executor.termination = termination
        self._lives.destroy(executor)

    def terminated(self, executor: Executor, status: int) -> None:
        """An executor has ended, and with it its tasks."""
        framework = self.frameworks[executor.framework_id]
        self.counts["executors_terminated"] += 1
        if executor.termination is not None and status == UNKNOWN_STATUS:
            self.counts["container_launch_errors"] += 1
            self._log.error(
                "Container %s of executor %s of framework %s failed to start: %s",
                executor.container_id,
                executor.executor_id,
                executor.framework_id,
                executor.termination.message,
            )
        executor.state = ExecutorState.TERMINATED
        if executor.channel is not None:
            executor.channel.close()
            executor.channel = None
        if not executor.is_command:
            self._tell(ExitedExecutor(self.agent_id, executor.framework_id, executor.executor_id, status))
        default = Termination("TASK_FAILED", "REASON_EXECUTOR_TERMINATED", "Executor terminated")
        why = executor.termination or default
        for task in executor.live_tasks():
            if framework.terminating:
                task.state = "TASK_KILLED"
                executor.settle(task)
            else:
                self._reports.report(framework, executor, task, why.state, why.message, why.reason)
        self._remove_if_done(framework, executor)

    def _remove_if_done(self, framework: FrameworkOnAgent, executor: Executor) -> None:
        if executor.state is not ExecutorState.TERMINATED:
            return
        if executor.is_incomplete() and not framework.terminating:
            return
        for task_id in list(executor.terminated):
            executor.complete(task_id)
        if executor.checkpoint:
            with not_vital("The end of an executor"):
                self._checkpoint.completed(self.agent_id, executor)
        if framework.executors.get(executor.executor_id) is executor:
            del framework.executors[executor.executor_id]
            framework.completed.append(executor)
