"""What becomes of the calls of schedulers that have subscribed."""

from __future__ import annotations

from typing import Literal

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.master import maintenance, subscriptions
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.allocation import allocate, refuse
from sparkmesos_core.localcluster.master.launches import accept
from sparkmesos_core.localcluster.master.master_actions import Action, TellAgent
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import Framework
from sparkmesos_core.localcluster.master.reconciliation import reconcile, reconcile_one
from sparkmesos_core.localcluster.messages import (
    AcknowledgeUpdate,
    FrameworkToExecutor,
    KillTask,
    ShutdownExecutor,
)
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES


def perform(books: Books, call: calls.Call, stream_id: str | None, now: float) -> list[Action]:
    """Do what is called for; raises CallRefused as Mesos answers a call that may not be made now.

    TypeError for SUBSCRIBE, which comes on a stream of its own.
    """
    if isinstance(call, calls.Subscribe):
        raise TypeError("SUBSCRIBE has a method of its own")
    framework = _caller(books, call.framework_id, stream_id)
    match call:
        case calls.Accept():
            return accept(books, framework, call, now)
        case calls.Decline():
            books.counters["messages_decline_offers"] += 1
            for offer_id in call.offer_ids:
                if (offer := framework.offers.get(offer_id)) is not None:
                    books.close_offer(offer)
                    refuse(books, framework, offer, offer.resources, call.refuse_seconds, now)
            return []
        case calls.AnswerInverse():
            answer: Literal["ACCEPT", "DECLINE"] = "ACCEPT" if call.accepts else "DECLINE"
            ids, seconds = call.offer_ids, call.refuse_seconds
            return maintenance.answered(books, framework, ids, answer, seconds, now)
        case calls.Revive():
            books.counters["messages_revive_offers"] += 1
            roles = call.roles or framework.roles
            framework.suppressed -= set(roles)
            framework.filters = {k: v for k, v in framework.filters.items() if k[1] not in roles}
            framework.inverse_filters.clear()  # whichever roles
            return [*allocate(books, now), *maintenance.ask_back(books, now)]
        case calls.Suppress():
            books.counters["messages_suppress_offers"] += 1
            framework.suppressed |= set(call.roles or framework.roles)
            return []
        case calls.Kill():
            return _kill(books, framework, call, now)
        case calls.Acknowledge():
            return _acknowledge(books, framework, call)
        case calls.Reconcile():
            return reconcile(books, framework, call, now)
        case calls.Message():
            books.counters["messages_framework_to_executor"] += 1
            if not _is_connected(books, call.agent_id):
                return []
            message = FrameworkToExecutor(framework.framework_id, call.executor_id, call.data)
            return [TellAgent(call.agent_id, message)]
        case calls.Shutdown():
            if not _is_connected(books, call.agent_id):
                return []
            order = ShutdownExecutor(framework.framework_id, call.executor_id)
            return [TellAgent(call.agent_id, order)]
        case calls.Teardown():
            books.counters["messages_unregister_framework"] += 1
            return subscriptions.remove_framework(books, framework, "its scheduler has ended it", now)
        case calls.WithoutEffect():
            return []


def _caller(books: Books, framework_id: str, stream_id: str | None) -> Framework:
    """The framework that makes a call, if this is its current stream."""
    framework = books.frameworks.get(framework_id)
    if framework is None:
        raise CallRefused(400, "Framework cannot be found")
    if framework.stream_id is None:
        raise CallRefused(403, "Framework is not subscribed")
    if stream_id is None:
        raise CallRefused(400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header")
    if stream_id != framework.stream_id:
        raise CallRefused(
            400,
            f"The stream ID '{stream_id}' included in this request didn't match the stream ID currently"
            f" associated with framework ID {framework.framework_id}",
        )
    return framework


def _kill(books: Books, framework: Framework, call: calls.Kill, now: float) -> list[Action]:
    books.counters["messages_kill_task"] += 1
    task = framework.tasks.get(call.task_id)
    if task is None:
        return reconcile_one(books, framework, call.task_id, call.agent_id, now)
    if call.agent_id is not None and call.agent_id != task.agent_id:
        return []  # Mesos logs it and does nothing
    agent = books.agents[task.agent_id]
    agent.killed.add((framework.framework_id, call.task_id))
    if not agent.connected:
        return []  # it is told when it comes back
    return [TellAgent(task.agent_id, KillTask(framework.framework_id, call.task_id, call.grace_seconds))]


def _acknowledge(books: Books, framework: Framework, call: calls.Acknowledge) -> list[Action]:
    books.counters["messages_status_update_acknowledgement"] += 1
    if not _is_connected(books, call.agent_id):
        return []  # the agent repeats the update when it is back
    task = books.agents[call.agent_id].tasks.get((framework.framework_id, call.task_id))
    if task is not None:
        if task.sent_state is None:
            return []  # an earlier master sent it: it will be repeated
        if task.sent_state in TERMINAL_STATES and task.sent_uuid == call.uuid:
            books.remove_task(task)
    return [TellAgent(call.agent_id, AcknowledgeUpdate(framework.framework_id, call.task_id, call.uuid))]


def _is_connected(books: Books, agent_id: str) -> bool:
    agent = books.agents.get(agent_id)
    return agent is not None and agent.connected
