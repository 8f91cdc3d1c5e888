"""Agents that fall silent, go away or are given up: what becomes of their offers and tasks."""

from __future__ import annotations

from sparkmesos_core.localcluster.durations import duration_text
from sparkmesos_core.localcluster.master.master_actions import (
    Action,
    Note,
    TellAgent,
    failure_event,
    master_status,
)
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import Agent, Framework, JsonObject, Task
from sparkmesos_core.localcluster.messages import Ping, ShutdownAgent


def ping(books: Books, agent: Agent, now: float) -> list[Action]:
    """Ask whether an agent is there; one that fails to answer several times in a row is unreachable."""
    agent.awaits_pong = True
    books.deadlines.set("ping", agent.agent_id, now + books.options.agent_ping_timeout)
    return [TellAgent(agent.agent_id, Ping(agent.connected))]


def ping_again(books: Books, agent_id: str, now: float) -> list[Action]:
    """The time for an answer to a ping has passed."""
    if (agent := books.agents.get(agent_id)) is None:
        return []
    if agent.awaits_pong:
        agent.missed_pongs += 1
        if agent.missed_pongs >= books.options.max_agent_ping_timeouts:
            return mark_unreachable(books, agent, "health check timed out", now)
    return ping(books, agent, now)


def pong(books: Books, agent_id: str) -> None:
    """An agent has answered."""
    if (agent := books.agents.get(agent_id)) is not None:
        agent.awaits_pong, agent.missed_pongs = False, 0


def disconnected(books: Books, agent_id: str, now: float) -> list[Action]:
    """An agent's link is gone.

    What it ran for frameworks that do not checkpoint is lost at once; the rest may come back with it.
    """
    agent = books.agents.get(agent_id)
    if agent is None or not agent.connected:
        return []
    agent.connected = False
    books.deadlines.set("reregister", agent_id, now + books.options.agent_reregister_timeout)
    actions = _rescind_all(books, agent)
    for task in list(agent.tasks.values()):
        framework = books.frameworks[task.framework_id]
        if not framework.info.get("checkpoint", False):
            status = _lost(
                task,
                "TASK_LOST",
                f"Agent {agent.description.hostname} disconnected",
                "REASON_AGENT_DISCONNECTED",
                now,
            )
            books.update_task(task, status)
            books.remove_task(task)
            actions += books.send_status(framework, status)
    for executor in list(agent.executors.values()):
        if not books.frameworks[executor.framework_id].info.get("checkpoint", False):
            books.remove_executor(executor)
    return actions


def reregistration_is_late(books: Books, agent_id: str, now: float) -> list[Action]:
    """A disconnected agent answers, if at all, but has not come back for too long."""
    agent = books.agents.get(agent_id)
    if agent is None or agent.connected:
        return []
    timeout = duration_text(books.options.agent_reregister_timeout)
    message = f"agent did not reregister within {timeout} after disconnecting"
    return mark_unreachable(books, agent, message, now)


def recovery_is_over(books: Books, now: float) -> list[Action]:
    """Agents that an earlier master admitted had time enough to come to this one."""
    late, books.recovered = list(books.recovered), {}
    actions: list[Action] = []
    for agent_id in late:
        books.registry.mark_unreachable(agent_id, now)
        books.counters["recovery_slave_removals"] += 1
        _count_unhealthy(books)
        actions.append(Note(f"Agent {agent_id} is unreachable: it has not come back to this master"))
        actions += _agent_lost(books, agent_id)
    return actions


def mark_unreachable(books: Books, agent: Agent, message: str, now: float) -> list[Action]:
    """An agent is given up for now: TASK_LOST, or TASK_UNREACHABLE for those who know what that is."""
    books.registry.mark_unreachable(agent.agent_id, now)
    _count_unhealthy(books)
    actions: list[Action] = [Note(f"Agent {agent.agent_id} is unreachable: {message}")]
    for task in list(agent.tasks.values()):
        framework = books.frameworks[task.framework_id]
        state = "TASK_UNREACHABLE" if framework.partition_aware else "TASK_LOST"
        status = _lost(task, state, message, "REASON_AGENT_REMOVED", now, unreachable_since=now)
        books.update_task(task, status)
        books.remove_task(task, unreachable=True)
        actions += books.send_status(framework, status)
    return actions + _forget(books, agent)


def mark_gone(books: Books, agent_id: str, now: float) -> list[Action]:
    """An operator says that an agent never comes back; KeyError if there was no such one."""
    if agent_id in books.registry.gone:
        return []
    agent = books.agents.get(agent_id)
    message = "Agent has been marked gone"
    if agent is None:
        if agent_id not in books.registry.unreachable and agent_id not in books.recovered:
            raise KeyError(agent_id)
        books.registry.mark_gone(agent_id, now)
        books.recovered.pop(agent_id, None)
        return _unreachable_is_gone(books, agent_id, message, now)
    books.registry.mark_gone(agent_id, now)
    actions: list[Action] = [_marked_gone(agent_id), TellAgent(agent_id, ShutdownAgent(message))]
    for task in list(agent.tasks.values()):
        framework = books.frameworks[task.framework_id]
        status = _gone(framework, task, message, now)
        books.update_task(task, status)
        books.remove_task(task, unreachable=not framework.partition_aware)
        actions += books.send_status(framework, status)
    return actions + _forget(books, agent)


def _marked_gone(agent_id: str) -> Note:
    return Note(f"Agent {agent_id} is marked gone by an operator")


def _unreachable_is_gone(books: Books, agent_id: str, message: str, now: float) -> list[Action]:
    actions: list[Action] = [_marked_gone(agent_id)]
    for framework in books.frameworks.values():
        for task in [t for t in framework.unreachable_tasks.values() if t.agent_id == agent_id]:
            status = _gone(framework, task, message, now)
            books.update_task(task, status)
            del framework.unreachable_tasks[task.task_id]
            framework.completed_tasks.append(task)
            actions += books.send_status(framework, status)
    return actions


def remove_agent(books: Books, agent: Agent, cause: str, now: float) -> list[Action]:
    """An agent has left for good, e.g. since it was shut down; all its tasks are lost."""
    books.registry.remove(agent.agent_id)
    books.counters["slave_removals"] += 1
    message = f"Agent {agent.description.hostname} removed: {cause}"
    actions: list[Action] = [Note(f"Agent {agent.agent_id} is removed: {cause}")]
    for task in list(agent.tasks.values()):
        framework = books.frameworks[task.framework_id]
        status = _lost(task, "TASK_LOST", message, "REASON_AGENT_REMOVED", now)
        books.update_task(task, status)
        books.remove_task(task)
        actions += books.send_status(framework, status)
    return actions + _forget(books, agent)


def _forget(books: Books, agent: Agent) -> list[Action]:
    """The rest of an agent that has no tasks any more."""
    for executor in list(agent.executors.values()):
        books.remove_executor(executor)
    actions = _rescind_all(books, agent)
    del books.agents[agent.agent_id]
    books.shares.remove_agent(agent.total)
    books.deadlines.cancel("ping", agent.agent_id)
    books.deadlines.cancel("reregister", agent.agent_id)
    for framework in books.frameworks.values():
        for key in [key for key in framework.filters if key[0] == agent.agent_id]:
            del framework.filters[key]
        framework.inverse_filters.pop(agent.agent_id, None)
    return actions + _agent_lost(books, agent.agent_id)


def _rescind_all(books: Books, agent: Agent) -> list[Action]:
    actions = [action for offer in list(agent.offers.values()) for action in books.rescind_offer(offer)]
    for framework_id in list(agent.inverse_offers):
        actions += books.rescind_inverse_offer(agent, framework_id)
    return actions


def _agent_lost(books: Books, agent_id: str) -> list[Action]:
    """Every connected framework is told, whether it had anything there or not."""
    return [
        failure_event(framework.stream_id, agent_id)
        for framework in books.frameworks.values()
        if framework.stream_id is not None
    ]


def _lost(
    task: Task, state: str, message: str, reason: str, now: float, unreachable_since: float | None = None
) -> JsonObject:
    return master_status(
        task.task_id,
        state,
        now,
        message=message,
        reason=reason,
        agent_id=task.agent_id,
        executor_id=task.executor_id,
        unreachable_since=unreachable_since,
    )


def _gone(framework: Framework, task: Task, message: str, now: float) -> JsonObject:
    if framework.partition_aware:
        return _lost(task, "TASK_GONE_BY_OPERATOR", message, "REASON_AGENT_REMOVED_BY_OPERATOR", now)
    return _lost(task, "TASK_LOST", message, "REASON_AGENT_REMOVED", now)


def _count_unhealthy(books: Books) -> None:
    for name in ("slave_removals", "slave_removals/reason_unhealthy", "slave_unreachable_completed"):
        books.counters[name] += 1
