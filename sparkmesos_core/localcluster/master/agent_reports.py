"""What agents report of what runs on them: states of tasks, messages of executors, and their ends."""

from __future__ import annotations

from sparkmesos_core.localcluster.master.master_actions import (
    Action,
    SendEvent,
    TellAgent,
    failure_event,
)
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.messages import (
    AcknowledgeUpdate,
    ExecutorToFramework,
    ExitedExecutor,
    StatusUpdate,
)


def status_update(books: Books, update: StatusUpdate) -> list[Action]:
    """An agent reports a task's state, perhaps again.

    It is passed on to the framework if that is connected and the update's turn has come.
    """
    books.counters["messages_status_update"] += 1
    if update.agent_id not in books.agents:
        books.counters["invalid_status_updates"] += 1
        return []
    status = update.status
    task_id = status["task_id"]["value"]
    framework = books.frameworks.get(update.framework_id)
    if framework is None:
        # Nobody will ever acknowledge it, so the agent would repeat it for ever.
        books.counters["invalid_status_updates"] += 1
        acknowledgement = AcknowledgeUpdate(update.framework_id, task_id, status["uuid"])
        return [TellAgent(update.agent_id, acknowledgement)]
    books.counters["valid_status_updates"] += 1
    task = books.agents[update.agent_id].tasks.get((update.framework_id, task_id))
    if update.waiting:
        if task is not None:
            books.move_task(task, update.latest_state)
        return []
    if task is not None:
        if framework.connected:
            task.sent_state, task.sent_uuid = status["state"], status["uuid"]
        books.update_task(task, status, update.latest_state)
    return [*books.send_status(framework, status)]


def executor_message(books: Books, message: ExecutorToFramework) -> list[Action]:
    """An executor has a message for its scheduler, which is lost if that is not connected."""
    books.counters["messages_executor_to_framework"] += 1
    framework = books.frameworks.get(message.framework_id)
    if message.agent_id not in books.agents or framework is None or framework.stream_id is None:
        return []
    body = {
        "agent_id": {"value": message.agent_id},
        "executor_id": {"value": message.executor_id},
        "data": message.data,
    }
    return [SendEvent(framework.stream_id, {"type": "MESSAGE", "message": body})]


def exited_executor(books: Books, message: ExitedExecutor) -> list[Action]:
    """A custom executor has ended, which its scheduler is told if it is connected."""
    books.counters["messages_exited_executor"] += 1
    agent = books.agents.get(message.agent_id)
    key = (message.framework_id, message.executor_id)
    if agent is None or key not in agent.executors:
        return []
    books.remove_executor(agent.executors[key])
    stream_id = books.frameworks[message.framework_id].stream_id
    if stream_id is None:
        return []
    return [failure_event(stream_id, message.agent_id, message.executor_id, message.status)]
