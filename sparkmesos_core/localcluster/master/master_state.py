"""The embedded master as a state machine: calls and messages in, actions out; no I/O, no clock, no threads.

Times are seconds since the epoch and passed in as `now`; the adapter calls `tick` when `next_deadline` has
come. Every method returns the actions that the adapter has to perform, in that order.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Literal

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.master import (
    agent_admission,
    agent_draining,
    agent_loss,
    maintenance,
    subscriptions,
)
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.allocation import allocate, refuse
from sparkmesos_core.localcluster.master.launches import accept
from sparkmesos_core.localcluster.master.master_actions import (
    Action,
    SendEvent,
    TellAgent,
    failure_event,
)
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import (
    Framework,
    JsonObject,
    MasterOptions,
)
from sparkmesos_core.localcluster.master.reconciliation import reconcile, reconcile_one
from sparkmesos_core.localcluster.master.registry import Registry
from sparkmesos_core.localcluster.messages import (
    AcknowledgeUpdate,
    AgentDescription,
    ExecutorToFramework,
    ExitedExecutor,
    FrameworkToExecutor,
    KillTask,
    Pong,
    RegisterAgent,
    ReregisterAgent,
    ShutdownExecutor,
    StatusUpdate,
    ToMaster,
    UnregisterAgent,
)
from sparkmesos_core.localcluster.operator_json import MESOS_VERSION
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES

CAPABILITIES = ("AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2")


class MasterState(Books):
    """See the module; what it knows is in `Books`. It does nothing before it is elected."""

    def __init__(
        self,
        options: MasterOptions,
        now: float,
        registry: Registry,
        new_uuid: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        super().__init__(options, now, registry, new_uuid)
        self._next_allocation = now + options.allocation_interval

    def elect(self, now: float) -> list[Action]:
        """This master leads: what the registry names is awaited for some time."""
        self.elected_time = now
        self.recovered = dict(self.registry.admitted)
        if self.recovered:
            self.deadlines.set("recovery", "", now + self.options.agent_reregister_timeout)
        return []

    def master_info(self) -> JsonObject:
        """The v1 MasterInfo."""
        o = self.options
        packed = sum(int(part) << (8 * i) for i, part in enumerate(o.ip.split("."))) if "." in o.ip else 0
        return {
            "id": self.master_id,
            "ip": packed,
            "port": o.port,
            "pid": f"master@{o.ip}:{o.port}",
            "hostname": o.hostname,
            "version": MESOS_VERSION,
            "address": {"hostname": o.hostname, "ip": o.ip, "port": o.port},
            "capabilities": [{"type": capability} for capability in CAPABILITIES],
        }

    # --- what the adapter asks about time

    def next_deadline(self) -> float | None:
        """When `tick` has something to do, None if nothing is waited for."""
        deadline = self.deadlines.next()
        if any(framework.connected for framework in self.frameworks.values()):
            return self._next_allocation if deadline is None else min(deadline, self._next_allocation)
        return deadline

    def tick(self, now: float) -> list[Action]:
        """Do what is due: heartbeats, pings, what was waited for in vain, and offers."""
        actions: list[Action] = []
        while (due := self.deadlines.pop_due(now)) is not None:
            kind, whose = due
            match kind:
                case "heartbeat":
                    actions += subscriptions.heartbeat(self, self.frameworks[whose], now)
                case "failover":
                    cause = "it did not come back within its failover timeout"
                    actions += subscriptions.remove_framework(self, self.frameworks[whose], cause, now)
                case "offer":
                    actions += self.rescind_offer(self.offers[whose])
                case "ping":
                    actions += agent_loss.ping_again(self, whose, now)
                case "reregister":
                    actions += agent_loss.reregistration_is_late(self, whose, now)
                case "recovery":
                    actions += agent_loss.recovery_is_over(self, now)
                case "drained":
                    actions += agent_draining.is_drained(self, whose)
        if self._next_allocation <= now:
            self._next_allocation = now + self.options.allocation_interval
            actions += allocate(self, now)
            actions += maintenance.ask_back(self, now)
        return actions

    # --- agents

    def register_agent(self, description: AgentDescription, now: float) -> tuple[str, list[Action]]:
        """An agent without an id registers: its id, the same again if it asks again, and the answer.

        Raises UsageError for bad resource texts.
        """
        return agent_admission.register(self, description, now)

    def agent_disconnected(self, agent_id: str, now: float) -> list[Action]:
        """An agent's link is gone."""
        return agent_loss.disconnected(self, agent_id, now)

    def mark_agent_gone(self, agent_id: str, now: float) -> list[Action]:
        """An operator says that an agent never comes back; KeyError if there was no such one."""
        return agent_loss.mark_gone(self, agent_id, now)

    def deactivate_agent(self, agent_id: str) -> list[Action]:
        """An operator wants nothing of an agent offered; CallRefused if there is no such one."""
        return agent_draining.deactivate(self, agent_id)

    def drain_agent(self, agent_id: str, grace: float | None, now: float) -> list[Action]:
        """The same, and its tasks are killed, in `grace` seconds at most; CallRefused as above."""
        return agent_draining.drain(self, agent_id, grace, now)

    def reactivate_agent(self, agent_id: str, now: float) -> list[Action]:
        """An operator wants it offered again; CallRefused if it is active, draining or away."""
        return agent_draining.reactivate(self, agent_id, now)

    def from_agent(self, message: ToMaster, now: float) -> list[Action]:
        """Any message but RegisterAgent, which has a method of its own.

        Those of unknown agents are ignored: they find out and come back.
        """
        match message:
            case RegisterAgent():
                raise TypeError("RegisterAgent has a method of its own")
            case ReregisterAgent():
                return agent_admission.reregister(self, message, now)
            case UnregisterAgent(agent_id=agent_id):
                self.counters["messages_unregister_slave"] += 1
                if (agent := self.agents.get(agent_id)) is None:
                    return []
                return agent_loss.remove_agent(self, agent, "the agent unregistered", now)
            case StatusUpdate():
                return self.status_update(message)
            case ExecutorToFramework():
                return self._executor_message(message)
            case ExitedExecutor():
                return self._exited_executor(message)
            case Pong(agent_id=agent_id):
                agent_loss.pong(self, agent_id)
                return []

    def status_update(self, update: StatusUpdate) -> list[Action]:
        """An agent reports a task's state, perhaps again.

        It is passed on to the framework if that is connected and the update's turn has come.
        """
        self.counters["messages_status_update"] += 1
        if update.agent_id not in self.agents:
            self.counters["invalid_status_updates"] += 1
            return []
        status = update.status
        task_id = status["task_id"]["value"]
        framework = self.frameworks.get(update.framework_id)
        if framework is None:
            # Nobody will ever acknowledge it, so the agent would repeat it for ever.
            self.counters["invalid_status_updates"] += 1
            acknowledgement = AcknowledgeUpdate(update.framework_id, task_id, status["uuid"])
            return [TellAgent(update.agent_id, acknowledgement)]
        self.counters["valid_status_updates"] += 1
        task = self.agents[update.agent_id].tasks.get((update.framework_id, task_id))
        if update.waiting:
            if task is not None:
                self.move_task(task, update.latest_state)
            return []
        if task is not None:
            if framework.connected:
                task.sent_state, task.sent_uuid = status["state"], status["uuid"]
            self.update_task(task, status, update.latest_state)
        return [*self.send_status(framework, status)]

    def _executor_message(self, message: ExecutorToFramework) -> list[Action]:
        self.counters["messages_executor_to_framework"] += 1
        framework = self.frameworks.get(message.framework_id)
        if message.agent_id not in self.agents or framework is None or framework.stream_id is None:
            return []
        body = {
            "agent_id": {"value": message.agent_id},
            "executor_id": {"value": message.executor_id},
            "data": message.data,
        }
        return [SendEvent(framework.stream_id, {"type": "MESSAGE", "message": body})]

    def _exited_executor(self, message: ExitedExecutor) -> list[Action]:
        self.counters["messages_exited_executor"] += 1
        agent = self.agents.get(message.agent_id)
        key = (message.framework_id, message.executor_id)
        if agent is None or key not in agent.executors:
            return []
        self.remove_executor(agent.executors[key])
        stream_id = self.frameworks[message.framework_id].stream_id
        if stream_id is None:
            return []
        return [failure_event(stream_id, message.agent_id, message.executor_id, message.status)]

    # --- schedulers

    def subscribe(self, call: calls.Subscribe, stream_id: str, now: float) -> list[Action]:
        """A scheduler subscribes on a new stream; refusals are ERROR events, as with Mesos."""
        return subscriptions.subscribe(self, call, stream_id, self.master_info(), now)

    def stream_closed(self, stream_id: str, now: float) -> list[Action]:
        """The scheduler's connection is gone: it has its failover timeout to come back."""
        return subscriptions.stream_closed(self, stream_id, now)

    def call(self, call: calls.Call, stream_id: str | None, now: float) -> list[Action]:
        """Any call but SUBSCRIBE; raises CallRefused as Mesos answers a call that may not be made now."""
        if isinstance(call, calls.Subscribe):
            raise TypeError("SUBSCRIBE has a method of its own")
        framework = self._caller(call.framework_id, stream_id)
        match call:
            case calls.Accept():
                return accept(self, framework, call, now)
            case calls.Decline():
                self.counters["messages_decline_offers"] += 1
                for offer_id in call.offer_ids:
                    if (offer := framework.offers.get(offer_id)) is not None:
                        self.close_offer(offer)
                        refuse(self, framework, offer, offer.resources, call.refuse_seconds, now)
                return []
            case calls.AnswerInverse():
                answer: Literal["ACCEPT", "DECLINE"] = "ACCEPT" if call.accepts else "DECLINE"
                ids, seconds = call.offer_ids, call.refuse_seconds
                return maintenance.answered(self, framework, ids, answer, seconds, now)
            case calls.Revive():
                self.counters["messages_revive_offers"] += 1
                roles = call.roles or framework.roles
                framework.suppressed -= set(roles)
                framework.filters = {k: v for k, v in framework.filters.items() if k[1] not in roles}
                return allocate(self, now)
            case calls.Suppress():
                self.counters["messages_suppress_offers"] += 1
                framework.suppressed |= set(call.roles or framework.roles)
                return []
            case calls.Kill():
                return self._kill(framework, call, now)
            case calls.Acknowledge():
                return self._acknowledge(framework, call)
            case calls.Reconcile():
                return reconcile(self, framework, call, now)
            case calls.Message():
                self.counters["messages_framework_to_executor"] += 1
                if not self._is_connected(call.agent_id):
                    return []
                message = FrameworkToExecutor(framework.framework_id, call.executor_id, call.data)
                return [TellAgent(call.agent_id, message)]
            case calls.Shutdown():
                if not self._is_connected(call.agent_id):
                    return []
                order = ShutdownExecutor(framework.framework_id, call.executor_id)
                return [TellAgent(call.agent_id, order)]
            case calls.Teardown():
                self.counters["messages_unregister_framework"] += 1
                return subscriptions.remove_framework(self, framework, "its scheduler has ended it", now)
            case calls.WithoutEffect():
                return []

    def teardown(self, framework_id: str, now: float) -> list[Action]:
        """An operator ends a framework; KeyError if there is no such one."""
        framework = self.frameworks[framework_id]
        return subscriptions.remove_framework(self, framework, "an operator has ended it", now)

    def _caller(self, framework_id: str, stream_id: str | None) -> Framework:
        """The framework that makes a call, if this is its current stream."""
        framework = self.frameworks.get(framework_id)
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

    # --- tasks

    def _kill(self, framework: Framework, call: calls.Kill, now: float) -> list[Action]:
        self.counters["messages_kill_task"] += 1
        task = framework.tasks.get(call.task_id)
        if task is None:
            return reconcile_one(self, framework, call.task_id, call.agent_id, now)
        if call.agent_id is not None and call.agent_id != task.agent_id:
            return []  # Mesos logs it and does nothing
        agent = self.agents[task.agent_id]
        agent.killed.add((framework.framework_id, call.task_id))
        if not agent.connected:
            return []  # it is told when it comes back
        return [TellAgent(task.agent_id, KillTask(framework.framework_id, call.task_id, call.grace_seconds))]

    def _acknowledge(self, framework: Framework, call: calls.Acknowledge) -> list[Action]:
        self.counters["messages_status_update_acknowledgement"] += 1
        if not self._is_connected(call.agent_id):
            return []  # the agent repeats the update when it is back
        task = self.agents[call.agent_id].tasks.get((framework.framework_id, call.task_id))
        if task is not None:
            if task.sent_state is None:
                return []  # an earlier master sent it: it will be repeated
            if task.sent_state in TERMINAL_STATES and task.sent_uuid == call.uuid:
                self.remove_task(task)
        return [TellAgent(call.agent_id, AcknowledgeUpdate(framework.framework_id, call.task_id, call.uuid))]

    def _is_connected(self, agent_id: str) -> bool:
        agent = self.agents.get(agent_id)
        return agent is not None and agent.connected
