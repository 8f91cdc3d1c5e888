"""What an agent reports of its tasks: status updates, noted, written down and told until acknowledged."""

from __future__ import annotations

import base64
import contextlib
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from sparkmesos_core.localcluster.agent.checkpoint import Checkpoint, not_vital
from sparkmesos_core.localcluster.agent.executor import Executor, FrameworkOnAgent, Task
from sparkmesos_core.localcluster.agent.status_updates import UpdateStreams
from sparkmesos_core.localcluster.log_lines import LogFile
from sparkmesos_core.localcluster.messages import Drain, StatusUpdate, ToMaster
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES

JsonObject = dict[str, Any]


class TaskReports:
    """Takes the statuses of an agent's tasks, and sees to it that their frameworks hear of them."""

    def __init__(
        self,
        frameworks: Mapping[str, FrameworkOnAgent],
        counts: Counter[str],
        retry: float,
        clock: Callable[[], float],
        checkpoint: Checkpoint,
        tell: Callable[[ToMaster], None],
        log: LogFile,
    ) -> None:
        """`retry` in seconds; `frameworks` are those of the agent, whose `counts` are kept up to date."""
        self.agent_id = ""
        self.draining: Drain | None = None
        """How the agent is drained, if it is."""
        self.updates = UpdateStreams(retry, clock, self._tell_status)
        self._frameworks = frameworks
        self._counts = counts
        self._clock = clock
        self._checkpoint = checkpoint
        self._tell = tell
        self._log = log

    def drop(
        self,
        framework: FrameworkOnAgent,
        task: Task,
        text: str,
        reason: str = "REASON_EXECUTOR_TERMINATED",
    ) -> None:
        """Say that a task could not be given to its executor."""
        self.report(framework, None, task, framework.lost_state("TASK_DROPPED"), text, reason)

    def report(
        self,
        framework: FrameworkOnAgent | None,
        executor: Executor | None,
        task: Task,
        state: str,
        message: str,
        reason: str,
    ) -> None:
        """An update of the agent's own; `executor` is None if it knows nothing of the task."""
        status: JsonObject = {
            "task_id": {"value": task.task_id},
            "state": state,
            "message": message,
            "source": "SOURCE_AGENT",
            "reason": reason,
            "agent_id": {"value": self.agent_id},
        }
        if task.executor_id:
            status["executor_id"] = {"value": task.executor_id}
        status["timestamp"] = self._clock()
        status["uuid"] = base64.b64encode(uuid.uuid4().bytes).decode()
        self.take(framework, executor, task, status)

    def take(
        self, framework: FrameworkOnAgent | None, executor: Executor | None, task: Task, status: JsonObject
    ) -> None:
        """Note a task's new status, and see to it that the framework hears of it.

        Raises OSError, and has done nothing, if it is to be written down first and cannot be. The end of a
        task is told nevertheless: nothing could be done instead.
        """
        status = self._of_drained_agent(framework, status)
        if executor is not None and executor.checkpoint:
            ends = status["state"] in TERMINAL_STATES
            with not_vital("The end of a task") if ends else contextlib.nullcontext():
                self._checkpoint.update(self.agent_id, executor, task.task_id, status)
        self._counts["valid_status_updates"] += 1
        self._log.info(
            "Task %s of framework %s is %s%s",
            task.task_id,
            task.framework_id,
            str(status["state"]),
            f": {status['message']}" if status.get("message") else "",
        )
        task.state = status["state"]
        task.statuses.append(status)
        if task.ended:
            self._counts[str(status["state"]).lower().replace("task_", "tasks_")] += 1
            if executor is not None:
                executor.settle(task)
        if framework is None or not framework.terminating:  # else nobody would acknowledge it
            self.updates.add(task.framework_id, status)

    def _of_drained_agent(self, framework: FrameworkOnAgent | None, status: JsonObject) -> JsonObject:
        """What becomes of a kill while the agent is drained, whoever has killed (`Slave::statusUpdate`).

        An agent that is to be marked gone says so of each task, to frameworks that know what that is: as in
        Mesos even of one that is only about to end.
        """
        if self.draining is None or status["state"] not in ("TASK_KILLING", "TASK_KILLED"):
            return status
        status = {**status, "reason": "REASON_AGENT_DRAINING"}
        if self.draining.mark_gone and framework is not None and framework.partition_aware:
            status["state"] = "TASK_GONE_BY_OPERATOR"
        return status

    def _tell_status(
        self, framework_id: str, status: JsonObject, latest_state: str, *, waiting: bool
    ) -> None:
        if not waiting:
            task_id = str(status["task_id"]["value"])
            framework = self._frameworks.get(framework_id)
            executor = framework.executor_of(task_id) if framework is not None else None
            task = executor.task(task_id) if executor is not None else None
            # An update of a stranger that had this id before may still be on its way.
            if task is not None and status in task.statuses:
                task.sent = max(task.sent, 1 + task.statuses.index(status))
        self._tell(StatusUpdate(self.agent_id, framework_id, status, latest_state, waiting))
