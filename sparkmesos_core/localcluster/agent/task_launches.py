"""How tasks get to an agent's executors, which are launched for the first one.

The rules are those of Mesos' agent (`run` in slave.cpp); texts of messages are its own.
"""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from sparkmesos_core.localcluster.agent import executor_events
from sparkmesos_core.localcluster.agent.executor import (
    Executor,
    ExecutorState,
    FrameworkOnAgent,
    Task,
    command_executor_info,
)
from sparkmesos_core.localcluster.agent.executor_books import ExecutorBooks
from sparkmesos_core.localcluster.agent.executor_endings import NOT_WRITTEN, did_not_register
from sparkmesos_core.localcluster.agent.executor_lives import UNKNOWN_STATUS
from sparkmesos_core.localcluster.agent.launching import Launch
from sparkmesos_core.localcluster.agent.task_endings import refuse
from sparkmesos_core.localcluster.messages import ExitedExecutor, RunTask

JsonObject = dict[str, Any]

MAX_COMPLETED_FRAMEWORKS = 50


def run(books: ExecutorBooks, message: RunTask) -> None:
    """Give a task to its executor, which is launched if need be."""
    framework_id = str(message.framework["id"]["value"])
    framework = books.frameworks.get(framework_id)
    if framework is None:
        framework = books.frameworks[framework_id] = FrameworkOnAgent(message.framework)
        _forget_old_frameworks(books)
    if framework.terminating:
        return
    framework.info = message.framework
    info = message.task
    books.log.info("Got task %s of framework %s", str(info["task_id"]["value"]), framework_id)
    is_command = "executor" not in info
    given = command_executor_info(info, framework_id) if is_command else info["executor"]
    executor_id = str(given["executor_id"]["value"])
    task = Task(framework_id, info, message.role, executor_id)
    known = framework.executors.get(executor_id)
    if books.draining is not None:
        refuse(books, framework, task)
        if message.launch_executor and not is_command:
            books.tell(ExitedExecutor(books.agent_id, framework_id, executor_id, UNKNOWN_STATUS))
        return
    if known is None:
        if not message.launch_executor:
            text = "No executor is expected to launch and there is no executor running"
            books.reports.drop(framework, task, text)
            return
        executor_info = executor_events.executor_info(given, framework_id, message.role)
        executor = _new_executor(books, framework, executor_info, message.role, is_command)
    elif known.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        books.reports.drop(framework, task, f"Executor {known.state.value}")
        return
    else:
        executor = known
    try:
        _write_down(books, framework, executor, task, is_new=known is None)
    except OSError as error:
        text, reason = f"{NOT_WRITTEN}: {error}", "REASON_CONTAINER_LAUNCH_FAILED"
        books.reports.report(framework, None, task, "TASK_FAILED", text, reason)
        if known is None and not is_command:
            books.tell(ExitedExecutor(books.agent_id, framework_id, executor_id, UNKNOWN_STATUS))
        return
    executor.queued[task.task_id] = task
    if known is None:
        framework.executors[executor_id] = executor
        _begin(books, executor, info)
    elif executor.state is ExecutorState.RUNNING:
        deliver(executor)  # or when it has subscribed again


def deliver(executor: Executor) -> None:
    """Give the tasks that have waited to an executor that has subscribed."""
    if executor.channel is None:
        return
    for task in list(executor.queued.values()):
        del executor.queued[task.task_id]
        executor.launched[task.task_id] = task
        executor.ever_sent_task = True
        executor.channel.send(executor_events.launch(task))


def _write_down(
    books: ExecutorBooks, framework: FrameworkOnAgent, executor: Executor, task: Task, *, is_new: bool
) -> None:
    """What is needed to take over a task, if its framework wants that. Raises OSError."""
    if not executor.checkpoint:
        return
    if is_new:
        books.checkpoint.framework(books.agent_id, framework.info)
        books.checkpoint.executor(books.agent_id, executor)
    books.checkpoint.task(books.agent_id, executor, task)


def _forget_old_frameworks(books: ExecutorBooks) -> None:
    idle = [fid for fid, f in books.frameworks.items() if not f.executors and f.completed]
    for framework_id in idle[: max(0, len(idle) - MAX_COMPLETED_FRAMEWORKS)]:
        del books.frameworks[framework_id]


def _new_executor(
    books: ExecutorBooks, framework: FrameworkOnAgent, info: JsonObject, role: str, is_command: bool
) -> Executor:
    container_id = str(uuid.uuid4())
    executor_id = str(info["executor_id"]["value"])
    return Executor(
        framework_id=framework.framework_id,
        info=info,
        role=role,
        container_id=container_id,
        sandbox=books.checkpoint.sandbox(books.agent_id, framework.framework_id, executor_id, container_id),
        is_command=is_command,
        checkpoint=framework.checkpoint,
    )


def _begin(books: ExecutorBooks, executor: Executor, task: JsonObject) -> None:
    launch = Launch(books.options, books.agent_id, executor, task, books.clock, books.processes)
    books.lives.begin(executor, launch)
    # From now on, fetching included, and of command executors, too (slave.cpp, launchExecutor).
    timeout = books.options.executor_registration_timeout
    books.lives.later(timeout, partial(did_not_register, books), executor)
