"""What the embedded master answers when a scheduler asks for the state of tasks."""

from __future__ import annotations

from sparkmesos_core.localcluster.master.master_actions import Action, master_status
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import Framework, JsonObject, Task
from sparkmesos_core.localcluster.master.scheduler_call import Reconcile


def reconcile(books: Books, framework: Framework, call: Reconcile, now: float) -> list[Action]:
    """Implicit reconciliation tells of all tasks but the unreachable ones, explicit one of those named."""
    books.counters["messages_reconcile_tasks"] += 1
    if not call.tasks:
        found = [_latest(task, now) for task in framework.tasks.values()]
    else:
        answers = [_answer(books, framework, task_id, agent_id, now) for task_id, agent_id in call.tasks]
        found = [status for status in answers if status is not None]
    return [action for status in found for action in books.send_status(framework, status)]


def reconcile_one(
    books: Books, framework: Framework, task_id: str, agent_id: str | None, now: float
) -> list[Action]:
    """The same for a task that was to be killed and is not known."""
    status = _answer(books, framework, task_id, agent_id, now)
    return [] if status is None else [*books.send_status(framework, status)]


def _answer(
    books: Books, framework: Framework, task_id: str, agent_id: str | None, now: float
) -> JsonObject | None:
    """None if nothing can be said before agents of an earlier master are back.

    Then the question has to be repeated.
    """
    if (task := framework.tasks.get(task_id)) is not None:
        return _latest(task, now)
    if agent_id in books.recovered or (agent_id is None and books.recovered):
        return None
    unreachable_since = None
    if agent_id in books.agents:
        state, message = "TASK_GONE", "Reconciliation: Task is unknown to the agent"
    elif agent_id in books.registry.unreachable:
        state, message = "TASK_UNREACHABLE", "Reconciliation: Task is unreachable"
        unreachable_since = books.registry.unreachable[agent_id].since
    elif agent_id in books.registry.gone:
        state, message = "TASK_GONE_BY_OPERATOR", "Reconciliation: Task is gone"
    else:
        state, message = "TASK_UNKNOWN", "Reconciliation: Task is unknown"
    return master_status(
        task_id,
        state if framework.partition_aware else "TASK_LOST",
        now,
        message=message,
        reason="REASON_RECONCILIATION",
        agent_id=agent_id,
        unreachable_since=unreachable_since,
    )


def _latest(task: Task, now: float) -> JsonObject:
    """The state that the framework was told last, if it was: the rest is on its way."""
    return master_status(
        task.task_id,
        task.sent_state or task.state,
        now,
        message="Reconciliation: Latest task state",
        reason="REASON_RECONCILIATION",
        agent_id=task.agent_id,
        executor_id=task.executor_id,
        container_status=task.statuses[-1].get("container_status") if task.statuses else None,
    )
