"""A pure model of a master, its agents, and the process of the framework, for random histories.

It keeps to what Mesos promises: updates of a task come in order and are repeated until they are acknowledged,
an agent that comes back tells its tasks before it makes offers, a master without a word of an agent yet is
silent about it. All else goes wrong at random: calls are lost, processes end between two actions, stores fail.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.conf.values.constraints import parse_constraints
from sparkmesos_core.durable_framework.actions import (
    Acknowledge,
    Action,
    Decline,
    Forget,
    KillTask,
    LaunchTasks,
    Reconcile,
    Revive,
    Save,
    SaveFramework,
    Teardown,
)
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.store.store import Stored
from sparkmesos_core.mesos.resources import Ranges
from sparkmesos_core.shuffle_service.on_agents.book import ServiceBook
from sparkmesos_core.shuffle_service.on_agents.placement import Need
from sparkmesos_core.shuffle_service.on_agents.record import (
    STOPS_ID,
    AgentService,
    Entry,
    Phase,
    entry_from_json,
)

PORT = 7337
NEED = Need.of(0.5, 1024, PORT, parse_constraints("rack:r1,r2"))


@dataclass
class Task:
    """A task on an agent, as it really is."""

    id: str
    state: str = "TASK_STAGING"
    unacknowledged: list[dict[str, Any]] = field(default_factory=list)

    @property
    def lives(self) -> bool:
        return self.state in ("TASK_STAGING", "TASK_RUNNING")


@dataclass
class Agent:
    """An agent, as it really is, and what the master thinks of it."""

    id: str
    host: str
    fits: bool
    has_port: bool
    others_have_port: bool = False
    connected: bool = True
    standing: str = "registered"
    """Or recovered (of an earlier master), unreachable, gone, forgotten."""
    away_since: float = 0.0
    machine_ends: bool = False
    tasks: dict[str, Task] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    """What the master knows of its tasks."""
    filter_until: float = 0.0
    offer: str | None = None


class World:
    """All of it. `step` lets something happen; whatever is against the rules fails an assertion."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 1_800_000_000.0
        self.counter = 0
        self.agents: dict[str, Agent] = {}
        self.framework: str | None = None
        self.removed: set[str] = set()
        self.stream: list[dict[str, Any]] = []
        self.subscribed = False
        self.disk: dict[str, str] = {}
        self.disk_framework: str | None = None
        self.next_number = 1
        self.healed = False
        self.launches = 0
        self.stops_noted = 0
        for _ in range(self.random.randint(1, 4)):
            self.new_agent()
        self.book = self.new_book()

    # The framework's process

    def new_book(self) -> ServiceBook:
        book = ServiceBook(NEED, self.build, self.ports, stops_seen=self.stops_noted)
        self.subscribed = False
        self.stream.clear()
        entries: list[Entry] = sorted(
            (entry_from_json(json.loads(text)) for text in self.disk.values()), key=lambda one: one.number
        )
        stored = Stored(tuple(entries), self.disk_framework, self.next_number)
        self.carry_out(book.recover(stored, self.now))
        return book

    def build(self, task_id: str, offer: Offer, resources: Any) -> dict[str, Any]:
        return {
            "task_id": {"value": task_id},
            "agent_id": {"value": offer.agent_id},
            "resources": list(resources),
        }

    def ports(self, agent_id: str) -> Ranges | None:
        agent = self.agents.get(agent_id)
        if agent is None or (not self.healed and self.random.random() < 0.2):
            return None
        return Ranges(((7000, 8000),)) if agent.has_port else Ranges(((31000, 32000),))

    def carry_out(self, actions: list[Action]) -> None:
        """Write first, then call; the process, or the store, may fail anywhere."""
        trouble = 0.0 if self.healed else self.random.random()
        changes = [one for one in actions if isinstance(one, Save | Forget | SaveFramework)]
        calls = [one for one in actions if one not in changes]
        assert [*changes, *calls] == actions, "what is to be written comes first"
        if changes and 0 < trouble < 0.02:  # The store failed, and nothing is written.
            self.book = self.new_book()
            return
        for one in changes:
            if isinstance(one, Save):
                self.disk[one.record.id] = json.dumps(one.record.to_json())
                self.next_number = max(self.next_number, one.record.number + 1)
            elif isinstance(one, Forget):
                self.disk.pop(one.record_id, None)
            else:
                self.disk_framework = one.framework_id
        if calls and 0.02 <= trouble < 0.06:  # The process ended before some call.
            for call in calls[: self.random.randrange(len(calls))]:
                self.call(call)
            self.book = self.new_book()
            return
        for call in calls:
            self.call(call)

    def happened(self, method: str, *arguments: Any) -> None:
        self.carry_out(getattr(self.book, method)(*arguments, self.now))

    # The master

    def call(self, call: Action) -> None:
        lost = not self.healed and self.random.random() < 0.05
        if isinstance(call, LaunchTasks):
            self.check_launch(call)
        if not self.subscribed or lost:
            return
        if isinstance(call, LaunchTasks):
            self.launch(call)
        elif isinstance(call, Decline):
            for agent in self.agents.values():
                if agent.offer in call.offer_ids:
                    agent.offer, agent.filter_until = None, self.now + call.refuse_seconds
        elif isinstance(call, Revive):
            for agent in self.agents.values():
                agent.filter_until = 0.0
        elif isinstance(call, Reconcile):
            self.reconcile(call)
        elif isinstance(call, KillTask):
            agent = self.agents[call.agent_id]
            if agent.connected and call.task_id in agent.tasks:
                self.end_task(agent, agent.tasks[call.task_id], "TASK_KILLED")
        elif isinstance(call, Acknowledge):
            task = self.agents[call.agent_id].tasks.get(call.task_id)
            if task is not None and task.unacknowledged and task.unacknowledged[0]["uuid"] == call.uuid:
                task.unacknowledged.pop(0)
        elif isinstance(call, Teardown):
            self.tear_down()

    def check_launch(self, call: LaunchTasks) -> None:
        """What is true of a launch, whether Mesos gets it or not."""
        (task,) = call.tasks
        agent_id = task["agent_id"]["value"]
        record = entry_from_json(json.loads(self.disk[agent_id]))
        assert isinstance(record, AgentService)
        assert record.task_id == task["task_id"]["value"]
        assert record.phase is Phase.LAUNCHED, "a launch is on disk before Mesos hears of it"
        assert not self.book.stop_under_way
        for entry in (entry_from_json(json.loads(text)) for text in self.disk.values()):
            if isinstance(entry, AgentService) and entry.id != agent_id and entry.host == record.host:
                assert entry.phase not in (Phase.LAUNCHED, Phase.RUNNING), "one per host that is reached"
        ending = record.last_ending
        if ending is not None and record.failures and ending.state == "TASK_FAILED":
            assert self.now - ending.at >= min(300.0, 2.0 ** (record.failures - 1)), "a back-off is kept"
        self.launches += 1

    def launch(self, call: LaunchTasks) -> None:
        (task,) = call.tasks
        agent_id, task_id = task["agent_id"]["value"], task["task_id"]["value"]
        agent = self.agents[agent_id]
        if agent.offer != call.offer_id:
            self.tell(task_id, agent_id, "TASK_DROPPED", reason="REASON_INVALID_OFFERS")
            return
        agent.offer = None
        agent.filter_until = self.now + call.refuse_seconds
        names = {one["name"] for one in task["resources"]}
        assert names == ({"cpus", "mem", "ports"} if agent.has_port else {"cpus", "mem"})
        agent.known[task_id] = "TASK_STAGING"
        agent.tasks[task_id] = Task(task_id)

    def reconcile(self, call: Reconcile) -> None:
        if not call.tasks:
            for agent in self.agents.values():
                for task_id, state in agent.known.items():
                    self.tell(task_id, agent.id, state)
            return
        for task_id, agent_id in call.tasks.items():
            agent = self.agents[agent_id]
            if agent.standing == "recovered":
                continue
            states = {
                "registered": agent.known.get(task_id, "TASK_GONE"),
                "unreachable": "TASK_UNREACHABLE",
                "gone": "TASK_GONE_BY_OPERATOR",
                "forgotten": "TASK_UNKNOWN",
            }
            self.tell(task_id, agent_id, states[agent.standing])

    def tell(
        self, task_id: str, agent_id: str, state: str, reason: str = "REASON_RECONCILIATION", uuid: str = ""
    ) -> dict[str, Any]:
        status = {
            "task_id": {"value": task_id},
            "agent_id": {"value": agent_id},
            "state": state,
            "reason": reason,
            "source": "SOURCE_AGENT" if uuid else "SOURCE_MASTER",
            "uuid": uuid,
        }
        if self.subscribed:
            self.stream.append(status)
        return status

    def tear_down(self) -> None:
        assert self.framework is not None
        self.removed.add(self.framework)
        self.framework = None
        for agent in self.agents.values():
            agent.known.clear()
            agent.offer = None
            if agent.connected and agent.standing == "registered":
                agent.tasks.clear()
        self.disconnect()

    def disconnect(self) -> None:
        self.stream.clear()
        for agent in self.agents.values():
            agent.offer = None
        if self.subscribed:
            self.subscribed = False
            self.happened("disconnected")

    def subscribe(self) -> None:
        wanted = self.book.framework_id
        if self.subscribed or self.book.stopped:
            return
        if wanted is not None and wanted in self.removed:
            self.happened("framework_removed")
            return
        if wanted is None:
            self.counter += 1
            wanted = f"framework-{self.counter}"
        self.framework = wanted
        self.subscribed = True
        for agent in self.agents.values():
            agent.offer = None
        self.happened("subscribed", wanted)
        if self.disk_framework != wanted:
            # The store failed, so nobody knows the new framework's id. Nothing was launched in it.
            assert not any(agent.known for agent in self.agents.values())
            self.framework = None
            self.disconnect()

    # Agents

    def new_agent(self, host: str = "") -> None:
        self.counter += 1
        roll = self.random.random
        self.agents[f"x-S{self.counter}"] = Agent(
            id=f"x-S{self.counter}",
            host=host or (f"host{self.counter}" if roll() < 0.8 else "shared"),
            fits=roll() < 0.85,
            has_port=roll() < 0.5,
            others_have_port=roll() < 0.1,
        )

    def end_task(self, agent: Agent, task: Task, state: str) -> None:
        if task.lives:
            self.update(agent, task, state)

    def update(self, agent: Agent, task: Task, state: str) -> None:
        self.counter += 1
        task.state = state
        uuid = f"u{self.counter}"
        reason = "REASON_COMMAND_EXECUTOR_FAILED" if state == "TASK_FAILED" else ""
        status = {
            "task_id": {"value": task.id},
            "agent_id": {"value": agent.id},
            "state": state,
            "reason": reason,
            "source": "SOURCE_EXECUTOR",
            "uuid": uuid,
        }
        task.unacknowledged.append(status)
        self.forward(agent)

    def forward(self, agent: Agent) -> None:
        """Its oldest unacknowledged updates go to the master, and on."""
        if not agent.connected or agent.standing != "registered":
            return
        for task in agent.tasks.values():
            if task.unacknowledged and self.framework is not None:
                first = task.unacknowledged[0]
                if task.id in agent.known:
                    agent.known[task.id] = first["state"]
                if self.subscribed:
                    self.stream.append(first)
        for task_id in [one.id for one in agent.tasks.values() if not one.lives and not one.unacknowledged]:
            del agent.tasks[task_id]
            agent.known.pop(task_id, None)

    def leave(self, agent: Agent) -> None:
        agent.connected, agent.away_since, agent.offer = False, self.now, None

    def come_back(self, agent: Agent) -> None:
        if agent.machine_ends or agent.connected:
            return
        agent.connected = True
        if agent.standing == "gone":
            agent.tasks.clear()
            return
        told = agent.standing in ("recovered", "unreachable")
        agent.standing = "registered"
        if self.framework is None:
            agent.tasks.clear()
        agent.known = {one.id: one.state for one in agent.tasks.values()}
        agent.filter_until = 0.0
        for task in agent.tasks.values():
            if told and task.lives and task.state == "TASK_RUNNING":
                self.tell(task.id, agent.id, task.state, "REASON_AGENT_REREGISTERED")
        self.forward(agent)

    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for agent in self.agents.values():
            missed = not agent.connected and agent.standing in ("registered", "recovered")
            if missed and self.now - agent.away_since > 75:
                known, agent.known = agent.known, {}
                agent.standing = "unreachable"
                for task_id in known:
                    self.tell(task_id, agent.id, "TASK_UNREACHABLE", "REASON_AGENT_REMOVED")
        due = self.book.next_due
        if due is not None and due <= self.now:
            self.happened("tick")

    def make_offers(self) -> None:
        offers = []
        for agent in self.agents.values():
            ready = agent.connected and agent.standing == "registered" and agent.offer is None
            if not ready or not self.subscribed or self.now < agent.filter_until:
                continue
            self.counter += 1
            agent.offer = f"o{self.counter}"
            offers.append(self.offer(agent))
        if offers:
            self.happened("offers", offers)

    def offer(self, agent: Agent) -> Offer:
        used = any(task.lives for task in agent.tasks.values())
        resources = [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 3.5 if used else 4.0}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 7168.0 if used else 8192.0}},
        ]
        taken = used or agent.others_have_port
        pairs = [(7000, 8000)] if agent.has_port and not taken else [(7000, 7336)]
        pairs = pairs if agent.has_port else [(31000, 32000)]
        ranges = [{"begin": begin, "end": end} for begin, end in pairs]
        resources.append({"name": "ports", "type": "RANGES", "ranges": {"range": ranges}})
        rack = {"name": "rack", "type": "TEXT", "text": {"value": "r1" if agent.fits else "r9"}}
        assert agent.offer is not None
        return Offer(agent.offer, agent.id, agent.host, "http://a:5051", tuple(resources), (rack,))

    def deliver(self) -> None:
        """What the master has said reaches the framework; some of it twice."""
        if self.stream and self.subscribed:
            status = self.stream.pop(0)
            self.happened("updated", status)
            if self.subscribed and not self.healed and self.random.random() < 0.05:
                self.happened("updated", status)

    # History

    def step(self) -> None:
        roll = self.random.random()
        agent = self.random.choice(list(self.agents.values()))
        if roll < 0.20:
            self.time_passes(self.random.choice((0.1, 0.5, 1.0, 5.0, 30.0, 90.0)))
        elif roll < 0.38:
            self.make_offers()
        elif roll < 0.58:
            self.deliver()
        elif roll < 0.70:
            for task in list(agent.tasks.values()):
                if task.state == "TASK_STAGING":
                    self.update(agent, task, "TASK_RUNNING")
                elif task.lives and self.random.random() < 0.4:
                    self.update(agent, task, "TASK_FAILED")
        elif roll < 0.74:
            self.forward(agent)
        elif roll < 0.78:
            self.leave(agent)
        elif roll < 0.84:
            self.come_back(agent)
        elif roll < 0.86:
            for one in self.agents.values():
                if one.standing == "unreachable":
                    one.standing = "forgotten"
        elif roll < 0.865:
            if agent.standing == "registered":  # The machine is set up anew.
                self.leave(agent)
                agent.machine_ends = True
                agent.tasks.clear()
                if len(self.agents) < 8:
                    self.new_agent(agent.host)
        elif roll < 0.87:
            if not agent.connected and agent.standing == "unreachable":
                agent.standing = "gone"
                for task_id in list(agent.tasks):
                    self.tell(task_id, agent.id, "TASK_GONE_BY_OPERATOR")
        elif roll < 0.88 and len(self.agents) < 8:
            self.new_agent()
        elif roll < 0.90:
            self.fail_over_master()
        elif roll < 0.915:
            self.disconnect()
        elif roll < 0.93:
            self.book = self.new_book()
        elif roll < 0.94:
            agent.others_have_port = not agent.others_have_port and not agent.tasks
        else:
            self.subscribe()
        self.check()

    def fail_over_master(self) -> None:
        for agent in self.agents.values():
            if agent.standing == "registered":
                agent.standing = "recovered"
                agent.known = {}
                if agent.connected:
                    self.leave(agent)
        self.disconnect()

    def check(self) -> None:
        """What is true at any time."""
        for agent in self.agents.values():
            living = [task.id for task in agent.tasks.values() if task.lives]
            assert len(living) <= 1, f"{living} live on {agent.id}"

    def lose_records(self) -> set[str]:
        """The process begins anew with a store that has lost its services; the tasks that run on agents.

        Mesos tells of those that its master knows before any agent makes an offer. Its registry is not lost as
        well: then nobody would speak of an agent's tasks when it comes back.
        """
        self.healed = True
        for agent in self.agents.values():
            if agent.standing == "forgotten":
                agent.standing = "unreachable"
        self.disk = {key: text for key, text in self.disk.items() if key == STOPS_ID}
        self.disconnect()
        self.book = self.new_book()
        self.subscribe()
        while self.stream:
            self.deliver()
        return {
            task.id
            for agent in self.agents.values()
            for task in agent.tasks.values()
            if task.state == "TASK_RUNNING" and not agent.machine_ends
        }

    def heal(self) -> None:
        """From here on nothing goes wrong any more, and there is time."""
        self.healed = True
        for agent in self.agents.values():
            agent.offer = None  # The master's --offer_timeout: the answer may have been lost.
        for _ in range(60):
            self.subscribe()
            for agent in list(self.agents.values()):
                self.come_back(agent)
                agent.others_have_port = False
                for task in list(agent.tasks.values()):
                    if task.state == "TASK_STAGING":
                        self.update(agent, task, "TASK_RUNNING")
                self.forward(agent)
            while self.stream:
                self.deliver()
            self.make_offers()
            self.check()
            self.time_passes(20.0)
