"""The embedded master as a state machine: calls and messages in, actions out; no I/O, no clock, no threads.

Times are seconds since the epoch and passed in as `now`; the adapter calls `tick` when `next_deadline` has
come. Every method returns the actions that the adapter has to perform, in that order.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from sparkmesos_core.localcluster.master import (
    agent_admission,
    agent_draining,
    agent_loss,
    agent_reports,
    call_effects,
    maintenance,
    subscriptions,
)
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.allocation import allocate
from sparkmesos_core.localcluster.master.master_actions import Action
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import JsonObject, MasterOptions
from sparkmesos_core.localcluster.master.registry import Registry
from sparkmesos_core.localcluster.messages import (
    AgentDescription,
    ExecutorToFramework,
    ExitedExecutor,
    Pong,
    RegisterAgent,
    ReregisterAgent,
    StatusUpdate,
    ToMaster,
    UnregisterAgent,
)
from sparkmesos_core.localcluster.operator_json import MESOS_VERSION

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
                case "inverse offer":
                    actions += maintenance.answer_is_late(self, whose)
                case "drained":
                    actions += agent_draining.task_has_gone(self, whose, now)
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

    def drain_agent(
        self, agent_id: str, grace: float | None, now: float, *, mark_gone: bool = False
    ) -> list[Action]:
        """The same, and its tasks are killed, in `grace` seconds at most; see `agent_draining.drain`."""
        return agent_draining.drain(self, agent_id, grace, now, mark_gone=mark_gone)

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
                return agent_reports.status_update(self, message)
            case ExecutorToFramework():
                return agent_reports.executor_message(self, message)
            case ExitedExecutor():
                return agent_reports.exited_executor(self, message)
            case Pong(agent_id=agent_id):
                agent_loss.pong(self, agent_id)
                return []

    # --- schedulers

    def subscribe(self, call: calls.Subscribe, stream_id: str, now: float) -> list[Action]:
        """A scheduler subscribes on a new stream; refusals are ERROR events, as with Mesos."""
        return subscriptions.subscribe(self, call, stream_id, self.master_info(), now)

    def stream_closed(self, stream_id: str, now: float) -> list[Action]:
        """The scheduler's connection is gone: it has its failover timeout to come back."""
        return subscriptions.stream_closed(self, stream_id, now)

    def call(self, call: calls.Call, stream_id: str | None, now: float) -> list[Action]:
        """Any call but SUBSCRIBE; raises CallRefused as Mesos answers a call that may not be made now."""
        return call_effects.perform(self, call, stream_id, now)

    def teardown(self, framework_id: str, now: float) -> list[Action]:
        """An operator ends a framework; KeyError if there is no such one."""
        framework = self.frameworks[framework_id]
        return subscriptions.remove_framework(self, framework, "an operator has ended it", now)
