"""Whatever happens in whatever order: each task is in one place, and what is free, offered and used adds up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sparkmesos_core.localcluster.master import master_json, operator_api
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.master_actions import SendEvent, TellAgent
from sparkmesos_core.localcluster.master.master_records import Agent, Executor, Offer, Task
from sparkmesos_core.localcluster.master.page import page_content
from sparkmesos_core.localcluster.messages import (
    AcknowledgeUpdate,
    ExitedExecutor,
    RunningExecutor,
    RunningTask,
    RunTask,
    ShutdownAgent,
    ShutdownExecutor,
    ShutdownFramework,
)
from sparkmesos_core.localcluster.operator_json import sum_of
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES
from sparkmesos_core.mesos.resources import Resources
from tests.unit.localcluster.master.master_play import Play, scalar, task

RESOURCES = ("cpus:4;mem:400;ports:[1-20]", "cpus:2;mem:200;cpus(r):2")
WHICH = st.integers(0, 20)
STATES = ("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED")


class OneAgent:
    """What really runs on an agent, whatever the master believes."""

    def __init__(self) -> None:
        self.present = True
        self.frameworks: dict[str, Any] = {}
        self.tasks: dict[tuple[str, str], RunningTask] = {}
        self.executors: dict[tuple[str, str], RunningExecutor] = {}


class ClusterMachine(RuleBasedStateMachine):
    """Schedulers, agents and operators who do what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.play = Play(
            *RESOURCES,
            agent_ping_timeout=2,
            max_agent_ping_timeouts=2,
            agent_reregister_timeout=20,
            offer_timeout=15,
        )
        self.agents = {agent_id: OneAgent() for agent_id in self.play.state.agents}
        self.subscriptions = 0
        self.masters = 0
        self.ids: list[str] = []

    # --- what agents hear

    def done(self) -> None:
        """Let agents do what they were told by the last step."""
        for action in self.play.actions:
            if isinstance(action, SendEvent):
                json.dumps(action.event)
            if isinstance(action, TellAgent) and self.agents[action.agent_id].present:
                self._hear(action.agent_id, action.message)

    def _hear(self, agent_id: str, message: object) -> None:
        agent = self.agents[agent_id]
        match message:
            case RunTask(framework=framework, task=info, role=role, launch_executor=launch_executor):
                framework_id = framework["id"]["value"]
                agent.frameworks[framework_id] = framework
                key = framework_id, info["task_id"]["value"]
                agent.tasks[key] = RunningTask(framework_id, info, role, "TASK_STAGING", None)
                if launch_executor and "executor" in info:
                    executor_id = info["executor"]["executor_id"]["value"]
                    running = RunningExecutor(framework_id, info["executor"], role)
                    agent.executors[framework_id, executor_id] = running
            case AcknowledgeUpdate(framework_id=framework_id, task_id=task_id, uuid=uuid):
                known = agent.tasks.get((framework_id, task_id))
                if known and known.state in TERMINAL_STATES and known.statuses[-1]["uuid"] == uuid:
                    del agent.tasks[framework_id, task_id]
            case ShutdownFramework(framework_id=framework_id):
                for things in (agent.tasks, agent.executors):
                    for key in [key for key in things if key[0] == framework_id]:
                        del things[key]
            case ShutdownExecutor(framework_id=framework_id, executor_id=executor_id):
                agent.executors.pop((framework_id, executor_id), None)
            case ShutdownAgent():
                self.agents[agent_id] = OneAgent()
                self.agents[agent_id].present = False
                self.play.state.agent_disconnected(agent_id, self.play.now)

    def _pick(self, things: Any, which: int) -> Any:
        listed = list(things)
        return listed[which % len(listed)]

    @property
    def streams(self) -> dict[str, str]:
        return self.play.state.streams

    # --- schedulers

    @precondition(lambda self: len(self.play.state.frameworks) < 3)
    @rule(
        role=st.sampled_from(["*", "r"]),
        timeout=st.sampled_from([0, 10, 100]),
        checkpoint=st.booleans(),
        aware=st.booleans(),
    )
    def subscribe(self, role: str, timeout: int, checkpoint: bool, aware: bool) -> None:
        capabilities = [{"type": "PARTITION_AWARE"}] if aware else []
        self.subscriptions += 1
        fields: dict[str, Any] = {
            "failover_timeout": timeout,
            "checkpoint": checkpoint,
            "capabilities": capabilities,
        }
        self.ids.append(self.play.subscribe(f"s{self.subscriptions}", role=role, **fields))
        self.done()

    @precondition(lambda self: self.ids)
    @rule(which=WHICH)
    def subscribe_again(self, which: int) -> None:
        self.subscriptions += 1
        self.play.subscribe(f"s{self.subscriptions}", self._pick(self.ids, which), failover_timeout=10)
        self.done()

    @precondition(lambda self: self.streams)
    @rule(which=WHICH)
    def disconnect(self, which: int) -> None:
        stream = self._pick(self.streams, which)
        self.play.actions = self.play.state.stream_closed(stream, self.play.now)
        self.done()

    @precondition(lambda self: self.play.state.offers)
    @rule(
        which=WHICH,
        names=st.lists(st.sampled_from(["t1", "t2", "t3", "t4"]), max_size=3),
        executor=st.sampled_from([None, None, "e1", "e2"]),
    )
    def accept(self, which: int, names: list[str], executor: str | None) -> None:
        offer = self._pick(self.play.state.offers.values(), which)
        framework = self.play.state.frameworks[offer.framework_id]
        fields: dict[str, Any] = {}
        if executor is not None:
            info = {"executor_id": {"value": executor}, "command": {"value": "x"}}
            fields["executor"] = {**info, "resources": [scalar("mem", 10)]}
        told = {"id": {"value": offer.offer_id}, "agent_id": {"value": offer.agent_id}}
        tasks = [task(name, **fields) for name in names]
        assert framework.stream_id is not None
        self.play.launch(offer.framework_id, told, *tasks, stream=framework.stream_id)
        self.done()

    @precondition(lambda self: self.streams)
    @rule(
        which=WHICH, kind=st.sampled_from([calls.Revive, calls.Suppress, calls.Reconcile]), name=st.booleans()
    )
    def call(self, which: int, kind: Any, name: bool) -> None:
        stream, framework_id = self._pick(self.streams.items(), which)
        self.play.call(kind(framework_id, ()), stream)
        if name:
            self.play.call(calls.Kill(framework_id, "t1", None, None), stream)
        self.done()

    @precondition(lambda self: self.play.state.frameworks)
    @rule(which=WHICH)
    def tear_down(self, which: int) -> None:
        framework_id = self._pick(self.play.state.frameworks, which)
        self.play.actions = self.play.state.teardown(framework_id, self.play.now)
        self.done()

    # --- agents

    def _reporting(self) -> Iterator[tuple[str, tuple[str, str]]]:
        for agent_id, agent in self.agents.items():
            if agent.present:
                yield from ((agent_id, key) for key in agent.tasks)

    @precondition(lambda self: any(self._reporting()))
    @rule(which=WHICH, state=st.sampled_from(STATES), acknowledged=st.booleans())
    def report(self, which: int, state: str, acknowledged: bool) -> None:
        agent_id, key = self._pick(self._reporting(), which)
        agent = self.agents[agent_id]
        known = agent.tasks[key]
        state = known.state if known.state in TERMINAL_STATES else state
        uuid = self.play.report(key[0], key[1], state, agent_id)
        status = {"state": state, "uuid": uuid, "timestamp": self.play.now}
        agent.tasks[key] = replace(known, state=state, sent_state=state, statuses=(*known.statuses, status))
        self.done()
        stream = getattr(self.play.state.frameworks.get(key[0]), "stream_id", None)
        if acknowledged and stream is not None:
            self.play.call(calls.Acknowledge(key[0], agent_id, key[1], uuid), stream)
            self.done()

    @rule(which=WHICH)
    def executor_exits(self, which: int) -> None:
        agent_id, agent = self._pick(self.agents.items(), which)
        if agent.present and agent.executors:
            key = self._pick(agent.executors, which)
            del agent.executors[key]
            message = ExitedExecutor(agent_id, key[0], key[1], 0)
            self.play.actions = self.play.state.from_agent(message, self.play.now)
            self.done()

    @rule(which=WHICH)
    def agent_vanishes(self, which: int) -> None:
        agent_id, agent = self._pick(self.agents.items(), which)
        agent.present = False
        self.play.vanish(agent_id)
        self.done()

    @rule(which=WHICH)
    def agent_comes_back(self, which: int) -> None:
        agent_id, agent = self._pick(self.agents.items(), which)
        agent.present = True
        used_by = {key[0] for key in (*agent.tasks, *agent.executors)}
        self.play.come_back(
            agent_id,
            frameworks=[agent.frameworks[framework_id] for framework_id in sorted(used_by)],
            tasks=list(agent.tasks.values()),
            executors=list(agent.executors.values()),
        )
        self.done()

    @precondition(lambda self: self.play.state.agents)
    @rule(which=WHICH, really=st.integers(0, 9).map(lambda number: number == 0))
    def agent_is_marked_gone(self, which: int, really: bool) -> None:
        if really:
            agent_id = self._pick(self.play.state.agents, which)
            self.play.actions = self.play.state.mark_agent_gone(agent_id, self.play.now)
            self.done()

    # --- the rest

    @rule(seconds=st.sampled_from([0.5, 1, 3, 30]))
    def time_passes(self, seconds: float) -> None:
        self.play.later(seconds)
        self.done()

    @rule(really=st.integers(0, 4).map(lambda number: number == 0))
    def master_fails_over(self, really: bool) -> None:
        if really:
            self.masters += 1
            self.play.fail_over(f"N{self.masters}")
            for agent in self.agents.values():
                agent.present = False
            self.play.silent |= self.agents.keys()

    @rule()
    def somebody_looks(self) -> None:
        state = self.play.state
        shown = [
            master_json.master_state(state),
            master_json.slaves(state),
            master_json.roles(state),
            master_json.state_summary(state),
            operator_api.agents(state),
            operator_api.frameworks(state),
            operator_api.tasks(state),
        ]
        json.dumps(shown, allow_nan=False)
        page_content(state)

    # --- what is always so

    @invariant()
    def each_agent_adds_up(self) -> None:
        for agent in self.play.state.agents.values():
            held = sum_of(holder.resources for holder in _holders(agent))
            assert agent.free + held == agent.total
            assert agent.connected or not agent.offers

    @invariant()
    def everything_is_in_one_place(self) -> None:
        state = self.play.state
        of_agents = [task for agent in state.agents.values() for task in agent.tasks.values()]
        of_frameworks = [task for framework in state.frameworks.values() for task in framework.tasks.values()]
        assert sorted(map(id, of_agents)) == sorted(map(id, of_frameworks))
        executors = [e for agent in state.agents.values() for e in agent.executors.values()]
        owned = [e for framework in state.frameworks.values() for e in framework.executors.values()]
        assert sorted(map(id, executors)) == sorted(map(id, owned))
        for framework in state.frameworks.values():
            assert not framework.tasks.keys() & framework.unreachable_tasks.keys()
            assert all(task.agent_id not in state.agents for task in framework.unreachable_tasks.values())
            assert framework.connected or not framework.offers
        offers = [offer for agent in state.agents.values() for offer in agent.offers.values()]
        assert sorted(map(id, offers)) == sorted(map(id, state.offers.values()))

    @invariant()
    def shares_are_what_is_offered_and_used(self) -> None:
        state = self.play.state
        held: dict[tuple[str, str], Resources] = {}
        for agent in state.agents.values():
            for holder in _holders(agent):
                key = holder.framework_id, holder.role
                held[key] = held.get(key, Resources()) + holder.resources.scalars()
        total = sum_of(agent.total.scalars() for agent in state.agents.values())
        for framework_id in state.frameworks:
            for role in ("*", "r"):
                mine = held.get((framework_id, role), Resources())
                parts = [mine.scalar(name) / total.scalar(name) for name in ("cpus", "mem") if total]
                assert state.shares.of_framework(framework_id, role) == max(parts, default=0)
        assert any(held.values()) or state.shares.is_balanced()


def _holders(agent: Agent) -> list[Task | Executor | Offer]:
    """Who has something of an agent's resources."""
    running = [task for task in agent.tasks.values() if task.holds_resources]
    return [*running, *agent.executors.values(), *agent.offers.values()]


TestClusterMachine = ClusterMachine.TestCase
TestClusterMachine.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,  # the same on every machine; raise max_examples to look for more
    phases=[Phase.generate, Phase.shrink],  # to explain a failure, too, would take minutes
    suppress_health_check=list(HealthCheck),
)
