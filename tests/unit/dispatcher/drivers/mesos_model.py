"""A master and its agents, as far as a framework of drivers can tell: what they do and in which words.

By `master.cpp` and `slave.cpp` of Mesos 1.12 and the recordings, for a checkpointing framework without the
capability PARTITION_AWARE. Nothing happens by itself: a test says what does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.durable_framework.actions import (
    Acknowledge,
    Action,
    Decline,
    KillTask,
    LaunchTasks,
    Reconcile,
    Revive,
    Suppress,
)
from tests.unit.dispatcher.drivers.play import START, scalar

CPUS, MEM = 2000, 4_096_000  # thousandths, of each agent
ENDED = ("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST", "TASK_ERROR")

Json = dict[str, Any]


@dataclass
class Task:
    """A task that a master was told to launch."""

    id: str
    agent: str
    framework: str
    cpus: int
    mem: int
    arrived: bool = True
    """Whether its agent ever got it."""
    state: str = "TASK_STAGING"
    unacknowledged: list[Json] = field(default_factory=list)
    declared_lost: bool = False
    """Whether a master has ever said so."""

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass
class Agent:
    """A machine. `away`: the master cannot reach it, and has said so; `unregistered`: not yet, at this one."""

    id: str
    condition: str = "up"  # up, away, unregistered, dead
    ever_away: bool = False
    tasks: dict[str, Task] = field(default_factory=dict)
    """What it has itself."""


class Mesos:
    """One leading master after the other, over the same agents."""

    def __init__(self, agents: int) -> None:
        self.now = START
        self.agents = {f"S{number}": Agent(f"S{number}") for number in range(agents)}
        self.tasks: dict[str, Task] = {}
        """What the leading master knows."""
        self.every_task: dict[str, Task] = {}
        self.started: list[Task] = []
        self.offers: dict[str, str] = {}
        self.offered = 0
        self.frameworks = 0
        self.removed: set[str] = set()
        self.framework: str | None = None
        """Of the present subscription."""
        self.inbox: list[Json] = []
        self.suppressed = False
        self.filters: dict[str, tuple[int, int, float]] = {}
        self.unanswered: dict[str, str] = {}
        self.uuids = 0

    # The framework's calls.

    def subscribe(self, framework: str | None) -> str | None:
        """The id, and events from now on; None if it was removed."""
        if framework in self.removed:
            return None
        if framework is None:
            self.frameworks += 1
            framework = f"F{self.frameworks}"
        self.framework = framework
        self.inbox = []
        self.suppressed = False
        self.unanswered = {}
        self.offers = {}
        self.resend()
        return framework

    def call(self, action: Action) -> None:
        """What the framework tells the master; it is subscribed."""
        match action:
            case LaunchTasks(offer_id, tasks, refuse_seconds):
                self._accept(offer_id, [dict(task) for task in tasks], refuse_seconds)
            case Decline(offer_ids, refuse_seconds):
                for offer_id in offer_ids:
                    agent = self.offers.pop(offer_id, None)
                    if agent is not None:
                        self._filter(agent, refuse_seconds)
            case KillTask(task_id, agent_id):
                self._kill(task_id, agent_id)
            case Reconcile(tasks_with_agents):
                if tasks_with_agents:
                    self.unanswered.update(tasks_with_agents)
                    self.answer()
                else:
                    for task in self.tasks.values():
                        self._reconciled(task.id, task.agent, task.state, "Latest task state")
            case Acknowledge(task_id, agent_id, uuid):
                self._acknowledge(task_id, agent_id, uuid)
            case Revive():
                self.suppressed, self.filters = False, {}
            case Suppress():
                self.suppressed = True
            case _:
                raise AssertionError(f"{action} is no call")

    def _accept(self, offer_id: str, tasks: list[Json], refuse: float) -> None:
        agent_id = self.offers.pop(offer_id, None)
        if agent_id is None:
            for task in tasks:
                why = "Task launched with invalid offers: no longer valid"
                self._say(
                    task["task_id"]["value"],
                    task["agent_id"]["value"],
                    "TASK_LOST",
                    "REASON_INVALID_OFFERS",
                    why,
                )
            return
        assert self.framework is not None
        for task in tasks:
            taken = {"cpus": 0, "mem": 0}
            for resource in task["resources"]:
                taken[resource["name"]] += round(resource["scalar"]["value"] * 1000)
            free_cpus, free_mem = self._free(agent_id)
            assert taken["cpus"] <= free_cpus, "more cpus than were offered"
            assert taken["mem"] <= free_mem, "more memory than was offered"
            task_id = task["task_id"]["value"]
            assert task["agent_id"]["value"] == agent_id
            assert task_id not in self.every_task, "a task id is used twice"
            launched = Task(task_id, agent_id, self.framework, taken["cpus"], taken["mem"])
            self.tasks[task_id] = self.every_task[task_id] = launched
            self._start(launched)
        self._filter(agent_id, refuse)

    lose_next_launch = False

    def _start(self, task: Task) -> None:
        if self.lose_next_launch:
            task.arrived, self.lose_next_launch = False, False
            return
        for other in self.started:
            if other.id.partition("-retry-")[0] == task.id.partition("-retry-")[0]:
                assert other.ended or other.declared_lost, f"{task.id} runs beside {other.id}"
        self.started.append(task)
        self.agents[task.agent].tasks[task.id] = task

    def _kill(self, task_id: str, agent_id: str) -> None:
        task = self.tasks.get(task_id)
        if task is None:
            self.unanswered[task_id] = agent_id
            self.answer()
            self.unanswered.pop(task_id, None)
        elif self.agents[task.agent].condition == "up" and task.arrived and not task.ended:
            self.progress(task, "TASK_KILLED")

    def _acknowledge(self, task_id: str, agent_id: str, uuid: str) -> None:
        task = self.every_task[task_id]
        assert agent_id == task.agent
        if task.unacknowledged and task.unacknowledged[0]["uuid"] == uuid:
            del task.unacknowledged[0]
            if task.unacknowledged:
                self._forward(task)
            elif task.ended:
                self.tasks.pop(task_id, None)
                self.agents[task.agent].tasks.pop(task_id, None)

    def answer(self) -> None:
        """Answer what can be answered of explicit reconciliation; the framework repeats the rest."""
        for task_id, agent_id in list(self.unanswered.items()):
            agent, task = self.agents[agent_id], self.tasks.get(task_id)
            if task is not None:
                self._reconciled(task_id, agent_id, task.state, "Latest task state")
            elif agent.condition == "unregistered":
                continue
            elif agent.condition == "up":
                self._reconciled(task_id, agent_id, "TASK_LOST", "Task is unknown to the agent")
            else:
                self._lost(task_id)
                self._reconciled(task_id, agent_id, "TASK_LOST", "Task is unreachable")
            del self.unanswered[task_id]

    # What happens.

    def make_offers(self) -> None:
        """Offer whatever may be offered."""
        if self.framework is None or self.suppressed:
            return
        offers = []
        for agent in self.agents.values():
            cpus, mem = self._free(agent.id)
            refused = self.filters.get(agent.id)
            hidden = refused and self.now < refused[2] and cpus <= refused[0] and mem <= refused[1]
            if agent.condition != "up" or agent.id in self.offers.values() or hidden or not (cpus and mem):
                continue
            self.offered += 1
            offer_id = f"O{self.offered}"
            self.offers[offer_id] = agent.id
            offers.append(
                {
                    "id": {"value": offer_id},
                    "agent_id": {"value": agent.id},
                    "hostname": agent.id,
                    "resources": [scalar("cpus", cpus / 1000), scalar("mem", mem / 1000)],
                }
            )
        if offers:
            self.inbox.append({"type": "OFFERS", "offers": {"offers": offers}})

    def rescind(self) -> None:
        """No offer is worth anything any more; the framework may not know yet."""
        self.offers = {}

    def progress(self, task: Task, state: str) -> None:
        """A task that is at its agent gets into another state."""
        task.state = state
        self.uuids += 1
        status = self._status(task.id, task.agent, state, "", "", "SOURCE_EXECUTOR")
        task.unacknowledged.append({**status, "uuid": f"u{self.uuids}"})
        if len(task.unacknowledged) == 1:
            self._forward(task)

    def lose_agent(self, agent: Agent, *, for_ever: bool = False) -> None:
        """An agent cannot be reached any more."""
        was_known = agent.condition in ("up", "unregistered")
        if for_ever:
            for task in agent.tasks.values():
                task.state = "TASK_LOST" if not task.ended else task.state
            agent.tasks = {}
        agent.condition, agent.ever_away = "dead" if for_ever else "away", True
        self.offers = {offer: of for offer, of in self.offers.items() if of != agent.id}
        for task in list(self.tasks.values()):
            if task.agent == agent.id and was_known:
                del self.tasks[task.id]
                self._lost(task.id)
                if not task.ended or not task.arrived or for_ever:
                    self._say(
                        task.id, agent.id, "TASK_LOST", "REASON_AGENT_REMOVED", "health check timed out"
                    )

    def return_agent(self, agent: Agent) -> None:
        """It registers (again), with what it has."""
        assert agent.condition in ("away", "unregistered")
        was_away, agent.condition = agent.condition == "away", "up"
        for task in list(agent.tasks.values()):
            if task.framework in self.removed:
                self._end_silently(task)
                continue
            self.tasks[task.id] = task
            if was_away and not task.ended:
                self._say(
                    task.id,
                    agent.id,
                    task.state,
                    "REASON_AGENT_REREGISTERED",
                    "Unreachable agent re-reregistered",
                )
        self.resend()

    def reconnect_agent(self, agent: Agent) -> None:
        """Its connection breaks for a moment: then both sides compare what they have."""
        for task in list(self.tasks.values()):
            if task.agent == agent.id and not task.arrived and not task.ended:
                task.state = "TASK_LOST"
                self.uuids += 1
                status = self._status(
                    task.id,
                    agent.id,
                    "TASK_LOST",
                    "REASON_RECONCILIATION",
                    "Reconciliation: task unknown to the agent",
                    "SOURCE_AGENT",
                )
                task.unacknowledged.append({**status, "uuid": f"u{self.uuids}"})
                self._forward(task)

    def resend(self) -> None:
        """Agents repeat what was not acknowledged."""
        for task in list(self.tasks.values()):
            self._forward(task)

    def fail_over(self) -> None:
        """Another master leads, which has yet to hear of everything."""
        self.drop_connection()
        self.tasks, self.offers, self.filters = {}, {}, {}
        for agent in self.agents.values():
            if agent.condition == "up":
                agent.condition = "unregistered"

    def drop_connection(self) -> None:
        """The framework's subscription ends; it has not heard what it has not heard."""
        self.framework, self.inbox, self.offers = None, [], {}

    def remove_framework(self, framework: str) -> None:
        """An operator tears it down."""
        self.removed.add(framework)
        for task in self.every_task.values():
            # Those of agents that are not there run on until their agents are.
            task.declared_lost = task.declared_lost or task.framework == framework
        for task in list(self.tasks.values()):
            self._end_silently(task)
        self.tasks = {}
        self.drop_connection()

    # Details.

    def _end_silently(self, task: Task) -> None:
        if not task.ended:
            task.state = "TASK_KILLED"
        task.unacknowledged = []
        self.agents[task.agent].tasks.pop(task.id, None)

    def _lost(self, task_id: str) -> None:
        if task_id in self.every_task:
            self.every_task[task_id].declared_lost = True

    def _free(self, agent_id: str) -> tuple[int, int]:
        used = [task for task in self.tasks.values() if task.agent == agent_id and not task.ended]
        return CPUS - sum(task.cpus for task in used), MEM - sum(task.mem for task in used)

    def _filter(self, agent_id: str, seconds: float) -> None:
        self.filters[agent_id] = (*self._free(agent_id), self.now + seconds)

    def _forward(self, task: Task) -> None:
        if self.framework is not None and task.unacknowledged and task.id in self.tasks:
            self.inbox.append({"type": "UPDATE", "update": {"status": task.unacknowledged[0]}})

    def _reconciled(self, task_id: str, agent_id: str, state: str, message: str) -> None:
        self._say(task_id, agent_id, state, "REASON_RECONCILIATION", f"Reconciliation: {message}")

    def _say(self, task_id: str, agent_id: str, state: str, reason: str, message: str) -> None:
        if self.framework is not None:
            status = self._status(task_id, agent_id, state, reason, message, "SOURCE_MASTER")
            self.inbox.append({"type": "UPDATE", "update": {"status": status}})

    def _status(
        self, task_id: str, agent_id: str, state: str, reason: str, message: str, source: str
    ) -> Json:
        return {
            "task_id": {"value": task_id},
            "agent_id": {"value": agent_id},
            "state": state,
            "reason": reason,
            "message": message,
            "source": source,
            "timestamp": self.now,
        }
