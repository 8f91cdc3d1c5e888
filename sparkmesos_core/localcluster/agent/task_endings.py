"""How an agent ends tasks: one that is killed, or all of them since the agent is drained.

The rules are those of Mesos' agent (`kill` and `drain` in slave.cpp).
"""

from __future__ import annotations

from sparkmesos_core.localcluster.agent import executor_events
from sparkmesos_core.localcluster.agent.checkpoint import not_vital
from sparkmesos_core.localcluster.agent.executor import Executor, ExecutorState, FrameworkOnAgent, Task
from sparkmesos_core.localcluster.agent.executor_books import ExecutorBooks
from sparkmesos_core.localcluster.agent.executor_endings import not_needed
from sparkmesos_core.localcluster.messages import Drain, KillTask
from sparkmesos_core.localcluster.v1_info import grace_seconds


def kill(books: ExecutorBooks, message: KillTask) -> None:
    """End a task."""
    framework = books.frameworks.get(message.framework_id)
    if framework is None or framework.terminating:
        return
    executor = framework.executor_of(message.task_id)
    if executor is None:
        info = {"task_id": {"value": message.task_id}}
        task = Task(message.framework_id, info, "", "")
        books.reports.drop(framework, task, "Cannot find executor")
        return
    _kill(books, framework, executor, message.task_id, message.grace_seconds)


def drain(books: ExecutorBooks, message: Drain) -> None:
    """End all tasks. Those that come meanwhile are refused, until nothing runs any more.

    What is drained is written down: an agent that is started again goes on with it. If nothing runs, it is
    drained already, and there is nothing to be remembered.
    """
    if books.is_idle:
        books.drained_if_idle()  # of one that was started again, and of whose tasks nothing was left
        return
    with not_vital("That the agent is drained"):
        books.checkpoint.draining(books.agent_id, message)
    books.draining, books.drain_start = message, books.clock()
    books.log.info("Agent %s ends its tasks, since it is drained", books.agent_id)
    for framework in list(books.frameworks.values()):
        if framework.terminating:
            continue
        for executor in list(framework.executors.values()):
            for task in executor.live_tasks():
                grace = _grace(task, message.max_grace_seconds)
                _kill(books, framework, executor, task.task_id, grace)


def refuse(books: ExecutorBooks, framework: FrameworkOnAgent, task: Task) -> None:
    """Say of a task that it came to an agent that is drained."""
    text = "Task was received while agent was already draining"
    books.reports.drop(framework, task, text, "REASON_AGENT_DRAINING")
    books.drained_if_idle()


def _grace(task: Task, most: float | None) -> float | None:
    """What overrides a task's own kill policy: what the operator grants, if the task may take longer.

    Or says nothing.
    """
    own = grace_seconds(task.info.get("kill_policy"))
    return most if most is not None and (own is None or most < own) else None


def _kill(
    books: ExecutorBooks, framework: FrameworkOnAgent, executor: Executor, task_id: str, grace: float | None
) -> None:
    if executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        return
    waiting = executor.queued.get(task_id)
    if waiting is None:
        if executor.channel is not None:
            executor.channel.send(executor_events.kill(task_id, grace))
        return
    text, reason = "Killed before delivery to the executor", "REASON_TASK_KILLED_DURING_LAUNCH"
    books.reports.report(framework, executor, waiting, "TASK_KILLED", text, reason)
    if not executor.ever_sent_task and not executor.queued:
        not_needed(books, executor)
