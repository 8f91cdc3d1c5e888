"""A stage for the embedded master's state machine: agents, frameworks, and what the last step did."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.master_actions import Action, SendEvent, TellAgent
from sparkmesos_core.localcluster.master.master_records import MasterOptions
from sparkmesos_core.localcluster.master.master_state import MasterState
from sparkmesos_core.localcluster.master.registry import Registry
from sparkmesos_core.localcluster.messages import (
    AgentDescription,
    Ping,
    Pong,
    ReregisterAgent,
    RunningExecutor,
    RunningTask,
    StatusUpdate,
)

Json = dict[str, Any]
NOW = 1000.0


def description(
    port: int = 5051, resources: str = "cpus:4;mem:4096", host: str = "agent1"
) -> AgentDescription:
    return AgentDescription(host, "127.0.0.1", port, resources, "")


class Play:
    """The last step's actions are in `actions`, all events so far in `heard`; agents answer pings, unless they are `silent`."""

    def __init__(self, *agents: str, host: str = "agent1", **options: Any) -> None:
        self.now = NOW
        self.registry = Registry()
        self.options = MasterOptions(**options)
        self.state = self._master("M")
        self.heard: list[Json] = []
        self._actions: list[Action] = []
        self.silent: set[str] = set()
        self.descriptions: dict[str, AgentDescription] = {}
        self._uuids = itertools.count()
        self._ports = itertools.count(5051)
        for resources in agents or ("cpus:4;mem:4096",):
            self.register(resources, host=host)

    def _master(self, master_id: str) -> MasterState:
        state = MasterState(self.options, self.now, self.registry, new_uuid=lambda: master_id)
        state.elect(self.now)
        return state

    def fail_over(self, master_id: str = "N") -> None:
        """Another master leads, which knows the registry only."""
        self.state = self._master(master_id)

    def register(self, resources: str, **fields: Any) -> str:
        agent = description(next(self._ports), resources, **fields)
        agent_id, self.actions = self.state.register_agent(agent, self.now)
        self.descriptions[agent_id] = agent
        self._pinged(agent_id)
        return agent_id

    def vanish(self, agent_id: str = "M-S0") -> list[Action]:
        """An agent's process is killed: its link is closed, and nobody answers."""
        self.silent.add(agent_id)
        self.actions = self.state.agent_disconnected(agent_id, self.now)
        return self.actions

    def come_back(
        self,
        agent_id: str = "M-S0",
        *,
        frameworks: Sequence[Json] = (),
        tasks: Sequence[RunningTask] = (),
        executors: Sequence[RunningExecutor] = (),
        agent: AgentDescription | None = None,
    ) -> list[Action]:
        self.silent.discard(agent_id)
        message = ReregisterAgent(
            agent_id, agent or self.descriptions[agent_id], tuple(frameworks), tuple(executors), tuple(tasks)
        )
        self.actions = self.state.from_agent(message, self.now)
        self._pinged(agent_id)
        return self.actions

    def running(self, task_id: str = "t1", **changes: Any) -> RunningTask:
        """What the agent would say of a task that the master knows, or knew, as it is now."""
        known = next(t for t in self.state.all_tasks() if t.task_id == task_id)
        statuses = tuple(s for s in known.statuses if "uuid" in s)
        state = statuses[-1]["state"] if statuses else known.state
        fields = {"state": state, "sent_state": known.sent_state, "statuses": statuses, **changes}
        return RunningTask(known.framework_id, known.info, known.role, **fields)

    def subscribe(self, stream: str = "s", framework_id: str | None = None, **info: Any) -> str:
        info = {"user": "root", "name": "test", "failover_timeout": 60, **info}
        if framework_id is not None:
            info["id"] = {"value": framework_id}
        suppressed = tuple(info.pop("suppressed_roles", ()))
        call = calls.Subscribe(framework_id, info, suppressed)
        self.actions = self.state.subscribe(call, stream, self.now)
        for event in self.events(stream):
            if event["type"] == "SUBSCRIBED":
                return str(event["subscribed"]["framework_id"]["value"])
        return ""

    def call(self, call: calls.Call, stream: str | None = "s") -> list[Action]:
        self.actions = self.state.call(call, stream, self.now)
        return self.actions

    def decline(self, offer: Json, seconds: float = 0, stream: str = "s") -> list[Action]:
        framework_id = offer["framework_id"]["value"]
        return self.call(calls.Decline(framework_id, (offer["id"]["value"],), seconds), stream)

    def later(self, seconds: float) -> list[Action]:
        """Time passes; the master is woken whenever it wants to be."""
        end = self.now + seconds
        actions: list[Action] = []
        while (deadline := self.state.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            done = self.state.tick(self.now)
            actions += done
            for action in done:
                if isinstance(action, TellAgent) and isinstance(action.message, Ping):
                    self._pinged(action.agent_id)
        self.now = end
        self.actions = actions
        return actions

    def _pinged(self, agent_id: str) -> None:
        if agent_id not in self.silent:
            self.state.from_agent(Pong(agent_id), self.now)

    @property
    def actions(self) -> list[Action]:
        """What the last step did."""
        return self._actions

    @actions.setter
    def actions(self, actions: list[Action]) -> None:
        self._actions = actions
        self.heard += [a.event for a in actions if isinstance(a, SendEvent)]

    def events(self, stream: str = "s") -> list[Json]:
        return [a.event for a in self.actions if isinstance(a, SendEvent) and a.stream_id == stream]

    def kinds(self, stream: str = "s") -> list[str]:
        """The types of the last events, heartbeats left out."""
        return [event["type"] for event in self.events(stream) if event["type"] != "HEARTBEAT"]

    def offers(self, stream: str = "s") -> list[Json]:
        return [
            offer
            for event in self.events(stream)
            if event["type"] == "OFFERS"
            for offer in event["offers"]["offers"]
        ]

    def told(self, agent_id: str | None = None) -> list[Any]:
        """What agents were told, pings left out."""
        return [
            action.message
            for action in self.actions
            if isinstance(action, TellAgent)
            and agent_id in (None, action.agent_id)
            and not isinstance(action.message, Ping)
        ]

    def statuses(self, stream: str = "s") -> list[Json]:
        return [e["update"]["status"] for e in self.events(stream) if e["type"] == "UPDATE"]

    def pings(self) -> list[Ping]:
        """The pings among what agents were told."""
        told = [action.message for action in self.actions if isinstance(action, TellAgent)]
        return [message for message in told if isinstance(message, Ping)]

    def launch(
        self, framework_id: str, offer: Json, *tasks: Json, stream: str = "s", refuse: float = 0
    ) -> None:
        infos = [
            {"name": "t", "agent_id": offer["agent_id"], "command": {"value": "true"}, **t} for t in tasks
        ]
        for info in infos:
            if "executor" in info:
                del info["command"]
        operation = {"type": "LAUNCH", "launch": {"task_infos": infos}}
        self.call(calls.Accept(framework_id, (offer["id"]["value"],), (operation,), refuse), stream)

    def report(
        self,
        framework_id: str,
        task_id: str,
        state: str,
        agent: str = "M-S0",
        latest: str | None = None,
        waiting: bool = False,
    ) -> str:
        uuid = f"uuid-{next(self._uuids)}"
        status = {
            "task_id": {"value": task_id},
            "state": state,
            "source": "SOURCE_EXECUTOR",
            "agent_id": {"value": agent},
            "executor_id": {"value": task_id},
            "uuid": uuid,
            "timestamp": self.now,
            "container_status": {"container_id": {"value": "c"}},
        }
        update = StatusUpdate(agent, framework_id, status, latest or state, waiting)
        self.actions = self.state.from_agent(update, self.now)
        return uuid

    def running_task(self, stream: str = "s", **info: Any) -> str:
        """A framework whose task t1 runs on agent M-S0 and whose scheduler holds an offer of it."""
        framework = self.subscribe(stream, **info)
        self.launch(framework, self.offers(stream)[0], task(), stream=stream)
        for state in ("TASK_STARTING", "TASK_RUNNING"):
            uuid = self.report(framework, "t1", state)
            self.call(calls.Acknowledge(framework, "M-S0", "t1", uuid), stream)
        self.later(1)
        return framework


def task(task_id: str = "t1", cpus: float = 1, **fields: Any) -> Json:
    return {"task_id": {"value": task_id}, "resources": [scalar("cpus", cpus)], **fields}


def scalar(name: str, amount: float, **fields: Any) -> Json:
    return {"name": name, "type": "SCALAR", "scalar": {"value": amount}, **fields}


def amount(offer: Json, name: str) -> float:
    return float(sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == name))
