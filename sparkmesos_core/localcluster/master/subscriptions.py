"""The life of a framework id at the embedded master: subscribed, taken over, disconnected, removed."""

from __future__ import annotations

from sparkmesos_core.localcluster.durations import duration_text
from sparkmesos_core.localcluster.master.allocation import allocate
from sparkmesos_core.localcluster.master.launch_validation import framework_problem, update_problem
from sparkmesos_core.localcluster.master.master_actions import (
    Action,
    CloseStream,
    Note,
    SendEvent,
    TellAgent,
    error_event,
    master_status,
)
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import Framework, JsonObject
from sparkmesos_core.localcluster.master.scheduler_call import Subscribe
from sparkmesos_core.localcluster.messages import ShutdownFramework, UpdateFramework


def subscribe(
    books: Books, call: Subscribe, stream_id: str, master_info: JsonObject, now: float
) -> list[Action]:
    """A scheduler subscribes on a new stream; refusals are ERROR events, as with Mesos.

    An id that is not known is taken as it is: an earlier master may have given it.
    """
    books.counters[f"messages_{'re' if call.framework_id else ''}register_framework"] += 1
    framework = books.frameworks.get(call.framework_id) if call.framework_id is not None else None
    if (problem := _problem(books, call, framework)) is not None:
        whose = call.framework_id or f"a new framework, '{call.info['name']}'"
        refused = Note(f"The subscription of {whose} is refused")
        return [refused, error_event(stream_id, problem), CloseStream(stream_id)]
    actions: list[Action] = []
    if framework is None:
        framework_id = call.framework_id or f"{books.master_id}-{books.number('framework'):04d}"
        info = {**call.info, "id": {"value": framework_id}}
        framework = books.add_framework(framework_id, info, now)
    else:
        actions += _taken_over(books, framework, call, now)
    framework.stream_id = stream_id
    books.deadlines.cancel("failover", framework.framework_id)
    framework.suppressed = set(call.suppressed_roles)
    books.streams[stream_id] = framework.framework_id
    subscribed = {
        "framework_id": {"value": framework.framework_id},
        "heartbeat_interval_seconds": books.options.heartbeat_interval,
        "master_info": master_info,
    }
    actions.append(SendEvent(stream_id, {"type": "SUBSCRIBED", "subscribed": subscribed}))
    actions += heartbeat(books, framework, now)
    return actions + allocate(books, now)


def stream_closed(books: Books, stream_id: str, now: float) -> list[Action]:
    """The scheduler's connection is gone: it has its failover timeout to come back."""
    framework_id = books.streams.pop(stream_id, None)
    framework = books.frameworks.get(framework_id) if framework_id is not None else None
    if framework is None or framework.stream_id != stream_id:
        return []
    framework.stream_id = None
    books.deadlines.cancel("heartbeat", framework.framework_id)
    framework.filters.clear()
    _discard_offers(books, framework)
    timeout = float(framework.info.get("failover_timeout", 0))
    if timeout > 0:
        books.deadlines.set("failover", framework.framework_id, now + timeout)
        text = f"Framework {framework_id} has disconnected and has {duration_text(timeout)} to come back"
        return [Note(text)]
    return remove_framework(books, framework, "it has disconnected and has no failover timeout", now)


def heartbeat(books: Books, framework: Framework, now: float) -> list[Action]:
    """The first follows SUBSCRIBED at once, each other one the one before it."""
    if framework.stream_id is None:
        return []
    books.deadlines.set("heartbeat", framework.framework_id, now + books.options.heartbeat_interval)
    return [SendEvent(framework.stream_id, {"type": "HEARTBEAT"})]


def remove_framework(books: Books, framework: Framework, cause: str, now: float) -> list[Action]:
    """A framework has ended: its tasks count as killed, and it cannot come back under its id.

    `cause` is for the log.
    """
    framework_id = framework.framework_id
    _discard_offers(books, framework)
    for task in [*framework.tasks.values(), *framework.unreachable_tasks.values()]:
        if not task.ended or task.task_id in framework.unreachable_tasks:
            status = master_status(
                task.task_id,
                "TASK_KILLED",
                now,
                message=f"Framework {framework_id} removed",
                reason="REASON_FRAMEWORK_REMOVED",
                agent_id=task.agent_id,
                executor_id=task.executor_id,
            )
            books.update_task(task, status)
        books.remove_task(task)
    framework.unreachable_tasks.clear()
    for executor in list(framework.executors.values()):
        books.remove_executor(executor)
    message = ShutdownFramework(framework_id)
    actions: list[Action] = [Note(f"Framework {framework_id} is removed: {cause}")]
    actions += [TellAgent(agent_id, message) for agent_id in books.agents]
    if framework.stream_id is not None:
        actions.append(CloseStream(framework.stream_id))
        books.streams.pop(framework.stream_id, None)
    framework.stream_id = None
    framework.unregistered_time = now
    books.deadlines.cancel("heartbeat", framework_id)
    books.deadlines.cancel("failover", framework_id)
    books.shares.forget_framework(framework_id)
    del books.frameworks[framework_id]
    books.removed_ids.add(framework_id)
    books.completed_frameworks.append(framework)
    return actions


def _problem(books: Books, call: Subscribe, framework: Framework | None) -> str | None:
    problem = framework_problem(call.framework_id, call.info, call.suppressed_roles, books.options.roles)
    if problem is None and call.framework_id in books.removed_ids:
        problem = "Framework has been removed"
    if problem is None and framework is not None:
        problem = update_problem(framework.info, call.info)
    return problem


def _taken_over(books: Books, framework: Framework, call: Subscribe, now: float) -> list[Action]:
    """A known framework subscribes: its scheduler is back, or another one has taken its place."""
    actions: list[Action] = []
    if framework.stream_id is not None:
        # Filters stay when the id passes from one live subscription to the next.
        actions += [
            error_event(framework.stream_id, "Framework failed over"),
            CloseStream(framework.stream_id),
        ]
        books.streams.pop(framework.stream_id, None)
    _discard_offers(books, framework)
    info = {**call.info, "id": {"value": framework.framework_id}}
    for name in ("user", "checkpoint"):  # neither can change while a framework lives
        info.pop(name, None)
        if name in framework.info:
            info[name] = framework.info[name]
    framework.info = info
    revived = framework.suppressed - set(call.suppressed_roles)
    framework.filters = {
        key: filters
        for key, filters in framework.filters.items()
        if key[1] in framework.roles and key[1] not in revived
    }
    if framework.recovered:
        framework.recovered = False
        framework.registered_time = now
    else:
        framework.reregistered_time = now
    message = UpdateFramework(framework.info)
    return [*actions, *(TellAgent(agent_id, message) for agent_id in books.agents)]


def _discard_offers(books: Books, framework: Framework) -> None:
    for offer in list(framework.offers.values()):
        books.discard_offer(offer)
    for agent in books.agents.values():
        agent.inverse_offers.pop(framework.framework_id, None)
    framework.inverse_filters.clear()
