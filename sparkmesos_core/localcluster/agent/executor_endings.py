"""How an agent's executors end: asked, by force, by themselves, or since they never came.

States of tasks, reasons and messages are those of Mesos' agent (slave.cpp).
"""

from __future__ import annotations

import asyncio

from sparkmesos_core.localcluster.agent import executor_events
from sparkmesos_core.localcluster.agent.checkpoint import not_vital
from sparkmesos_core.localcluster.agent.executor import (
    Executor,
    ExecutorState,
    FrameworkOnAgent,
    Termination,
)
from sparkmesos_core.localcluster.agent.executor_books import ExecutorBooks
from sparkmesos_core.localcluster.agent.executor_environment import shutdown_grace_period
from sparkmesos_core.localcluster.agent.executor_lives import UNKNOWN_STATUS
from sparkmesos_core.localcluster.agent.orphans import end_orphans
from sparkmesos_core.localcluster.messages import ExitedExecutor

NOT_WRITTEN = "Failed to write down what a restarted agent would need"


def not_needed(books: ExecutorBooks, executor: Executor) -> None:
    """All tasks of an executor were killed before it was there."""
    if books.lives.cancel_launch(executor) is None and executor.state is ExecutorState.RUNNING:
        shut_down(books, executor)


def shut_down(books: ExecutorBooks, executor: Executor) -> None:
    """Ask an executor to end; it is killed if it does not within its grace period."""
    executor.state = ExecutorState.TERMINATING
    books.lives.cancel_launch(executor)
    if executor.channel is not None:
        executor.channel.send({"type": "SHUTDOWN"})
    grace = shutdown_grace_period(books.options, executor.info)
    books.lives.later(grace, books.lives.destroy, executor)


def end_by_force(books: ExecutorBooks, executor: Executor, termination: Termination) -> None:
    """End an executor at once; `termination` is what its tasks are reported with."""
    executor.state = ExecutorState.TERMINATING
    executor.termination = termination
    books.lives.destroy(executor)


def did_not_register(books: ExecutorBooks, executor: Executor) -> None:
    """End an executor that takes too long to subscribe; the launch of one is given up."""
    if executor.state is not ExecutorState.REGISTERING:
        return
    timeout = executor_events.duration_text(books.options.executor_registration_timeout)
    text, reason = f"Executor did not register within {timeout}", "REASON_EXECUTOR_REGISTRATION_TIMEOUT"
    books.log.info("%s: %s of framework %s", text, executor.executor_id, executor.framework_id)
    given_up = books.lives.cancel_launch(executor)
    if given_up is not None:
        # The failure of the launch, which only now comes to its end, takes the place of the reason.
        text, reason = f"Failed to launch container: {given_up}", "REASON_CONTAINER_LAUNCH_FAILED"
    end_by_force(books, executor, Termination("TASK_FAILED", reason, text))


def end_unwritten(books: ExecutorBooks, executor: Executor, error: OSError) -> None:
    """End an executor whose update could not be written down: nobody could take it over.

    Mesos' agent ends itself then, and would again whenever it is started.
    """
    if executor.state not in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        text = f"{NOT_WRITTEN}: {error}"
        end_by_force(books, executor, Termination("TASK_FAILED", "REASON_EXECUTOR_TERMINATED", text))


def give_up_unrecovered(books: ExecutorBooks) -> None:
    """End those executors of a former agent that have not subscribed again."""
    timeout = executor_events.duration_text(books.options.executor_reregistration_timeout)
    text = f"Executor did not reregister within {timeout}"
    for framework in books.frameworks.values():
        for executor in framework.executors.values():
            if executor.state is ExecutorState.REGISTERING:
                reason = "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"
                end_by_force(books, executor, Termination(framework.lost_state("TASK_GONE"), reason, text))


def shut_down_framework(books: ExecutorBooks, framework_id: str) -> None:
    """End everything of a framework, without any more reports."""
    framework = books.frameworks.get(framework_id)
    if framework is None or framework.terminating:
        return
    framework.terminating = True
    books.updates.forget(framework_id)
    for executor in list(framework.executors.values()):
        if executor.state is ExecutorState.TERMINATED:
            remove_if_done(books, framework, executor)
        elif executor.state is not ExecutorState.TERMINATING:
            shut_down(books, executor)
    books.lives.work(_sweep(books, framework))


async def _sweep(books: ExecutorBooks, framework: FrameworkOnAgent) -> None:
    """End what the framework's tasks have detached from themselves, when they have all ended."""
    await books.lives.end_of(list(framework.executors.values()))
    folder = books.options.work_dir / "slaves" / books.agent_id / "frameworks" / framework.framework_id
    await asyncio.to_thread(end_orphans, folder)
    framework.terminating = False
    framework.executors.clear()
    books.drained_if_idle()


def terminated(books: ExecutorBooks, executor: Executor, status: int) -> None:
    """An executor has ended, and with it its tasks."""
    framework = books.frameworks[executor.framework_id]
    books.counts["executors_terminated"] += 1
    if executor.termination is not None and status == UNKNOWN_STATUS:
        books.counts["container_launch_errors"] += 1
        books.log.error(
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
        books.tell(ExitedExecutor(books.agent_id, executor.framework_id, executor.executor_id, status))
    default = Termination("TASK_FAILED", "REASON_EXECUTOR_TERMINATED", "Executor terminated")
    why = executor.termination or default
    for task in executor.live_tasks():
        if framework.terminating:
            task.state = "TASK_KILLED"
            executor.settle(task)
        else:
            books.reports.report(framework, executor, task, why.state, why.message, why.reason)
    remove_if_done(books, framework, executor)


def remove_if_done(books: ExecutorBooks, framework: FrameworkOnAgent, executor: Executor) -> None:
    """Forget an executor that has ended, when the ends of all its tasks are acknowledged."""
    if executor.state is not ExecutorState.TERMINATED:
        return
    if executor.is_incomplete() and not framework.terminating:
        return
    for task_id in list(executor.terminated):
        executor.complete(task_id)
    if executor.checkpoint:
        with not_vital("The end of an executor"):
            books.checkpoint.completed(books.agent_id, executor)
    if framework.executors.get(executor.executor_id) is executor:
        del framework.executors[executor.executor_id]
        framework.completed.append(executor)
        books.drained_if_idle()
