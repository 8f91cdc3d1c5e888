"""A small Mesos: the truth about an application's tasks, and all that makes it hard to know.

Masters fail over, and the next one knows no tasks of agents that are not back yet; they take calls and forget them, their
answers get lost, and status updates are repeated until they are acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]


@dataclass
class Agent:
    """An agent: `here` as its master sees it, `recovered` by a new one that waits for it, or `away` and given up."""

    number: int
    is_at: Literal["here", "recovered", "away"] = "here"
    given_up_by: int = 0
    is_leaving: bool = False

    @property
    def id(self) -> str:
        return f"S{self.number}"

    @property
    def host(self) -> str:
        return f"agent{self.number}.mesos.example"


@dataclass
class Task:
    """A task whose process is there."""

    id: str
    agent: Agent
    cores: int
    is_running: bool = False
    hangs: bool = False
    """It never comes to the driver, and would not end by itself."""


@dataclass
class Mesos:
    """Masters, agents, and the calls to them: as lists, like the roster's effects."""

    agents: list[Agent]
    tells_killing: bool = False
    master: int = 1
    is_connected: bool = False
    is_suppressed: bool = False
    offers: dict[str, Agent] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    streams: dict[str, list[Json]] = field(default_factory=dict)
    """Updates that agents repeat until they are acknowledged, by tasks."""
    news: list[Json] = field(default_factory=list)
    """What the master is about to say by itself; gone with the connection."""
    kills: list[str] = field(default_factory=list)
    """Of tasks that the master knows, which it has not passed on yet; gone with the master."""
    kept: list[list[Any]] = field(default_factory=list)
    """Calls for the next subscription."""
    agent_failures: list[Agent] = field(default_factory=list)
    """Agents that the master is about to call lost; gone with the connection."""
    asking: set[str] = field(default_factory=set)
    """Tasks that are asked about until something is heard of them."""
    launched: dict[str, Agent] = field(default_factory=dict)
    """Where tasks were launched, be they there or not: RECONCILE names it."""
    made: int = 0

    def call(self, effect: list[Any]) -> None:
        if not self.is_connected:
            opposite = {"revive": ["suppress"], "suppress": ["revive"]}.get(effect[0])
            self.kept = [one for one in self.kept if one not in (opposite, effect)] + [effect]
        elif effect[0] in ("revive", "suppress"):
            self.is_suppressed = effect[0] == "suppress"
        elif effect[0] == "kill":
            task = self.tasks.get(effect[1])
            if task is None or task.agent.is_at != "here":
                self._answers(effect[1])  # all that a master does about a task that it does not know
            elif task.agent.id == effect[2]:
                self.kills.append(effect[1])
        elif effect[0] == "reconcile":
            for one in effect[1]:
                self._answers(one)
        else:
            for task in list(self.tasks.values()):
                if task.agent.is_at == "here":
                    self._answers(task.id)

    def _answers(self, task: str) -> None:
        stream = self.streams.get(task)
        agent = self.tasks[task].agent if task in self.tasks else self.launched.get(task)
        if agent is None and stream:
            agent = self.agent_of(stream[-1])
        if agent is not None and agent.is_at == "recovered":
            return
        if stream and agent is not None and agent.is_at == "here":
            status = {name: value for name, value in stream[-1].items() if name != "uuid"}
        elif task in self.tasks and self.tasks[task].agent.is_at == "here":
            status = status_of(
                task, self.tasks[task].agent, "RUNNING" if self.tasks[task].is_running else "STAGING"
            )
        else:
            status = status_of(task, agent, "LOST", reason="REASON_RECONCILIATION")
        self.news.append(status)

    def disconnects(self, *, fails_over: bool) -> None:
        """The connection breaks; if its master is gone, so is all that it knew."""
        self.is_connected = False
        self.offers.clear()
        self.news.clear()
        self.agent_failures.clear()
        if fails_over:
            self.master += 1
            self.kills.clear()
            for agent in self.agents:
                agent.is_at = "recovered" if agent.is_at == "here" else agent.is_at

    def leaves(self, agent: Agent) -> None:
        """The master gives an agent up; its tasks go on."""
        if agent.is_at == "here" and self.is_connected:
            for task in self.tasks.values():
                if task.agent is agent:
                    self.news.append(status_of(task.id, agent, "LOST", reason="REASON_AGENT_REMOVED"))
        if agent.is_at in ("here", "recovered") and self.is_connected:
            self.agent_failures.append(agent)
        agent.is_at, agent.given_up_by = "away", self.master
        self.offers = {one: where for one, where in self.offers.items() if where is not agent}
        self.kills = [one for one in self.kills if self.tasks[one].agent is not agent]

    def restarts(self, agent: Agent) -> None:
        """The process of an agent is away for a moment, and its executors, which nothing was written down of, end with it."""
        for task in [one for one in self.tasks.values() if one.agent is agent]:
            self.tasks.pop(task.id)
            self.streams.pop(task.id, None)
            self.kills = [one for one in self.kills if one != task.id]
            if self.is_connected:
                self.news.append(status_of(task.id, agent, "LOST", reason="REASON_AGENT_DISCONNECTED"))

    def returns(self, agent: Agent) -> None:
        """An agent is back. The master that gave its tasks up ends them; another one does not know that they were."""
        was_away = agent.is_at == "away"
        agent.is_at = "here"
        for task in [one for one in self.tasks.values() if one.agent is agent]:
            if was_away and agent.given_up_by == self.master:
                self.ends(task.id, "KILLED")

    def runs(self, task: Task) -> None:
        task.is_running = True
        self.updates(task, "RUNNING")

    def ends(self, task: str, state: str, **more: str) -> None:
        """A process is no more."""
        if gone := self.tasks.pop(task, None):
            self.kills = [one for one in self.kills if one != task]
            self.updates(gone, state, **more)

    def updates(self, task: Task, state: str, **more: str) -> None:
        self.made += 1
        status = {**status_of(task.id, task.agent, state, **more), "uuid": f"U{self.made}"}
        self.streams.setdefault(task.id, []).append(status)

    def passes(self) -> None:
        """The master passes on its oldest KILL; Mesos may say that it has begun to end the task."""
        if self.kills:
            if self.tells_killing:
                self.updates(self.tasks[self.kills[0]], "KILLING")
            self.ends(self.kills[0], "KILLED")

    def deliverable(self) -> list[Json]:
        """Updates that may arrive now: the master's in their order, those of agents by tasks."""
        by_agents = [stream[0] for stream in self.streams.values() if stream]
        here = [one for one in by_agents if self.agent_of(one).is_at == "here"]
        return [*self.news[:1], *here] if self.is_connected else []

    def agent_of(self, status: Json) -> Agent:
        return next(one for one in self.agents if one.id == status["agent_id"]["value"])


def status_of(task: str, agent: Agent | None, state: str, **more: str) -> Json:
    status: Json = {"task_id": {"value": task}, "state": f"TASK_{state}", **more}
    return status if agent is None else {**status, "agent_id": {"value": agent.id}}
