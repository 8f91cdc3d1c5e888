"""An application on a small Mesos (mesos_model.py), with the roster that is to be tested and a small Spark: sees to what must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.integration.backend.mesos_model import Agent, Mesos, Task, status_of
from tests.integration.backend.stories import offer, scalar

Json = dict[str, Any]
Accepted = Literal["made", "refused", "lost", "made and lost", "invalid"]
"""What comes of an ACCEPT: whether Mesos got it, and whether we know so."""

CPUS = 4
HOUR = 3_600_000
_WINDOW = {"start": {"nanoseconds": 10**18}}
_SOON = 10**12 - 60_000
_FAILURES = 2


@dataclass(kw_only=True)
class Model(Mesos):
    """An application on Mesos. Times are in milliseconds."""

    ask: Callable[[Json], Json]
    """Tells the roster of an event."""
    cores_max: int | None
    cores: int
    is_dynamic: bool
    decommissions: bool
    now: int = 0
    told: list[Json] = field(default_factory=list)
    """What Spark, and the connection, will say next."""
    accepted: Accepted = "made"
    # What Spark knows, and what the roster has been told
    wanted: int = 0
    excluded: set[str] = field(default_factory=set)
    spark: set[str] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    leaving: dict[str, str] = field(default_factory=dict)
    """The states in which those will end that are about to."""
    refused: set[str] = field(default_factory=set)
    """Sent away by Spark for their hosts' sake."""
    killed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    """Of which the roster was told that they are no more; some may be there nevertheless."""
    lost_agents: dict[str, int] = field(default_factory=dict)
    """How many executors there had been when an agent was last told to be lost."""
    held: dict[str, Agent] = field(default_factory=dict)
    """Launched, and not told to be gone."""
    failures: list[tuple[str, int]] = field(default_factory=list)
    is_over: bool = False

    # ---- the roster ---------------------------------------------------------------------------------------------------

    def happens(self, event: Json) -> None:
        """Tells the roster, checks what it says, and does it."""
        step = self.ask({"at": self.now, **event})
        offered = [one["id"]["value"] for one in event["offers"]["offers"]] if "offers" in event else []
        answers = [effect[1] for effect in step["effects"] if effect[0] in ("launch", "decline")]
        assert Counter(answers) == Counter(offered), "each offer is answered once"
        for effect in step["effects"]:
            self._follow(event, effect)
        if "update" in event:
            expected = (
                [["acknowledge", *self._acknowledged(event["update"])]] if "uuid" in event["update"] else []
            )
            assert [effect for effect in step["effects"] if effect[0] == "acknowledge"] == expected
        assert set(step["executors"]) == set(self.held)
        assert step["cores"] == len(self.held) * self.cores
        assert self.cores_max is None or step["cores"] <= self.cores_max, "never more than spark.cores.max"
        # Who was told to be lost, and comes back, is ended, but until then it has what its successor has, too.
        truly = sum(task.cores for task in self.tasks.values() if task.id not in self.gone)
        assert self.cores_max is None or truly <= self.cores_max, "never more than spark.cores.max, in truth"
        assert step["failures"] == Counter(agent for agent, _ in self.failures)
        if step["isOurs"]:
            self.spark.add(event["knocks"])
        elif step["isOurs"] is False:
            self.ends(event["knocks"], "FAILED", message="Command exited with status 1")

    def _acknowledged(self, status: Json) -> tuple[str, str, str]:
        return status["task_id"]["value"], status["agent_id"]["value"], status["uuid"]

    def _follow(self, event: Json, effect: list[Any]) -> None:
        kind, *what = effect
        if kind == "launch":
            self._launch(*what)
        elif kind == "decline":
            del self.offers[what[0]]
        elif kind == "acknowledge":
            stream = self.streams.get(what[0], [])
            if stream and stream[0]["uuid"] == what[2]:
                stream.pop(0)
        elif kind == "remove":
            executor, loss = what
            assert executor not in self.removed, "each loss is told once"
            assert not self.is_over
            self.removed.add(executor)
            if executor in self.spark and executor in self.tasks:
                self.tasks[executor].hangs = True  # Spark forgets it, and does not tell it so
            self.spark.discard(executor)
            if "compared" in event and loss["agentFailed"]:
                self.failures.append((self.held[executor].id, self.now))
                self.killed.add(executor)
        elif kind == "decommission":
            assert set(what[0]) <= set(self.held)
            if self.decommissions and (those := [one for one in what[0] if one in self.spark]):
                self.told.append({"leaving": those})
        elif kind in ("kill", "reconcile", "reconcile all", "revive", "suppress"):
            if kind == "kill" and ("inverse" in event or "over" in event):
                assert what[0] not in self.spark, (
                    "who has registered hands on what it has, or is ended by Spark"
                )
                self.killed.add(what[0])
            if kind == "reconcile":
                self.asking = set(what[0])
            self.call(effect)
        else:
            if kind == "agent lost":
                assert not self.is_over
                there = [int(one) for one, agent in self.launched.items() if agent.id == what[0]]
                assert max(there) >= self.lost_agents.get(what[0], 0), "each loss of an agent is told once"
                self.lost_agents[what[0]] = len(self.launched)
            assert kind in ("late", "agent lost", "accept inverse")

    def _launch(self, offered: str, executors: list[str]) -> None:
        agent = self.offers.pop(offered)
        assert not self.is_over, "nothing is launched once it is over"
        assert agent.host not in self.excluded
        assert not agent.is_leaving
        assert self._failed(agent) < _FAILURES, "an agent that fails gets no more"
        for one in executors:
            assert one not in self.removed
            self.held[one] = self.launched[one] = agent
            if self.accepted in ("made", "made and lost"):
                self.tasks[one] = Task(one, agent, self.cores)
            elif self.accepted == "invalid":
                self.news.append(status_of(one, agent, "LOST", reason="REASON_INVALID_OFFERS"))
        if self.accepted not in ("made", "invalid"):
            self.told.append({"notLaunched": executors, "isCertain": self.accepted == "refused"})

    def _failed(self, agent: Agent) -> int:
        return sum(one == agent.id and self.now - at < HOUR for one, at in self.failures)

    # ---- Mesos ---------------------------------------------------------------------------------------------------------

    def subscribes(self, again: bool = True) -> None:
        """A master is found; what was kept is called first."""
        self.is_connected, self.is_suppressed = True, False
        kept, self.kept = self.kept, []
        for call in kept:
            self.call(call)
        self.happens({"subscribed": again})

    def offers_all(self) -> None:
        """Offers what is free, if offers are wanted."""
        made = []
        for agent in self.agents:
            free = CPUS - sum(task.cores for task in self.tasks.values() if task.agent is agent)
            if self.is_connected and not self.is_suppressed and agent.is_at == "here" and free > 0:
                self.made += 1
                one = offer(self.made, scalar("cpus", free), scalar("mem", 65536), agent=agent.number)
                made.append({**one, "unavailability": _WINDOW} if agent.is_leaving else one)
                self.offers[one["id"]["value"]] = agent
        if made:
            if not self.is_over:
                self.failures = [(agent, at) for agent, at in self.failures if self.now - at < HOUR]
            self.happens({"offers": {"offers": made}, "excluded": sorted(self.excluded), "wall": _SOON})

    def asks_back(self, agent: Agent) -> None:
        """An operator schedules maintenance."""
        agent.is_leaving = True
        one = {"id": {"value": "I"}, "agent_id": {"value": agent.id}, "unavailability": _WINDOW}
        self.happens({"inverse": {"inverse_offers": [one]}, "wall": _SOON})

    def delivers(self, status: Json) -> None:
        if status in self.news:
            self.news.remove(status)
        task, state = status["task_id"]["value"], status["state"]
        self.asking.discard(task)
        if state not in ("TASK_STAGING", "TASK_RUNNING", "TASK_KILLING"):
            self.gone.add(task)
        if state not in ("TASK_STAGING", "TASK_RUNNING", "TASK_KILLING"):
            agent = self.held.get(task)
            by_itself = state in ("TASK_FAILED", "TASK_FINISHED") and task not in self.started | self.killed
            if agent is not None and by_itself and task not in self.refused:
                self.failures.append((agent.id, self.now))
            if self.held.pop(task, None) and not self.is_over and task not in self.removed:
                self.happens({"update": status})
                assert task in self.removed, "each loss is told"
                return
        self.happens({"update": status})

    # ---- Spark ---------------------------------------------------------------------------------------------------------

    def wants(self, number: int) -> None:
        self.wanted = number
        self.happens({"wanted": {"0": number}})

    def says(self) -> None:
        """What was about to be said is."""
        event = self.told.pop(0)
        if event.get("isCertain"):
            for one in event["notLaunched"]:
                self.held.pop(one, None)
                self.gone.add(one)
        if "leaving" in event:
            self.leaving |= {one: "FINISHED" for one in event["leaving"] if one not in self.leaving}
        self.happens(event)

    def knocks(self, task: Task) -> None:
        if task.agent.host in self.excluded:
            self.refused.add(task.id)
            self.happens({"refused": task.id})
            self.ends(task.id, "FAILED", message="Command exited with status 1")
        else:
            self.happens({"knocks": task.id})

    def drops(self, executor: str) -> None:
        """An executor takes leave of Spark, and hangs when it is to end."""
        self.spark.remove(executor)
        if executor in self.tasks:
            self.tasks[executor].hangs = True

    def is_cut_off(self, executor: str) -> None:
        """The connection of an executor breaks, and Mesos says nothing of it for a while."""
        if executor in self.tasks:
            self.tasks[executor].hangs = True
        self.happens({"silent": executor})

    def fails(self, agent: Agent) -> None:
        """Mesos tells of a lost agent itself."""
        self.agent_failures.remove(agent)
        self.happens({"agentFailed": agent.id})

    def drains(self, task: Task) -> None:
        """An operator drains the agent: its executor begins to end."""
        self.leaving[task.id] = "KILLED"
        self.updates(task, "KILLING", reason="REASON_AGENT_DRAINING")

    def starts(self, executor: str) -> None:
        self.started.add(executor)
        agent = self.held[executor]
        self.failures = [(one, at) for one, at in self.failures if one != agent.id]
        self.happens({"launched": executor})

    def kills_some(self, executors: list[str]) -> None:
        self.killed.update(executors)
        self.happens({"killed": executors})

    def ends_application(self) -> None:
        self.is_over = True
        self.happens({"over": True})
        for one in self.spark:
            self.ends(one, "FINISHED")

    # ---- calm ----------------------------------------------------------------------------------------------------------

    def calms(self) -> None:
        """Nothing fails any more; what follows in two hours, and what must be so then."""
        self.accepted = "made"
        self.excluded.clear()
        for agent in self.agents:
            agent.is_leaving = False
        for millis in (1_000, 20_000, 61_000, 700_000, 61_000, 2 * HOUR, 1_000, 700_000):
            self.now += millis
            self._goes_on()
        for task in self.tasks.values():
            if self.is_over:  # whoever hangs goes with the framework
                assert task.id in self.held, "a stranger runs"
                assert task.hangs, f"{task} runs, though the application is over"
            else:
                assert task.id in self.spark, f"{task} runs, and Spark does not know it"
                assert task.id not in self.killed | self.removed, f"{task} runs, though it was to end"
        assert set(self.held) == set(self.tasks), "who has ended is known to have"
        room = self.cores_max is None or self.cores_max - len(self.held) * self.cores >= self.cores
        misses = not self.is_over and (not self.is_dynamic or len(self.held) < self.wanted)
        free = [
            CPUS - sum(one.cores for one in self.tasks.values() if one.agent is agent)
            for agent in self.agents
        ]
        assert not (room and misses and max(free) >= self.cores), "what is wanted, and fits, runs"

    def _goes_on(self) -> None:
        if not self.is_connected:
            self.subscribes()
        for agent in self.agents:
            if agent.is_at != "here":
                self.returns(agent)
        self.offers_all()
        if self.now > HOUR:  # it is more than 15 minutes ago
            self.happens({"reconsidered": True})
        self.settles()
        if not self.is_over:
            self.happens({"compared": sorted(self.spark)})
        self.settles()

    def settles(self) -> None:
        """All that has begun goes on to its end."""
        if self.asking:
            self.call(["reconcile", sorted(self.asking)])
        unsettled = True
        while unsettled:
            while self.told:
                self.says()
            for task in [one for one in self.tasks.values() if not one.is_running]:
                self.runs(task)
            while self.kills:
                self.passes()
            for status in self.deliverable():
                self.delivers(status)
            self._executors_go_on()
            unsettled = bool(self.told or self.kills or self.deliverable())

    def _executors_go_on(self) -> None:
        for task in list(self.tasks.values()):
            if task.id in self.leaving:
                self.ends(task.id, self.leaving[task.id])
            elif task.id not in self.spark and not task.hangs:
                self.knocks(task)
            if task.id in self.spark - self.started and task.id in self.tasks and not self.is_over:
                self.starts(task.id)
