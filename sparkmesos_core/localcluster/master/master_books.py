"""The embedded master's books: everything that it knows, and the entries that keep the indexes in step."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable

from sparkmesos_core.localcluster.master.deadlines import Deadlines
from sparkmesos_core.localcluster.master.master_actions import (
    Action,
    SendEvent,
    rescind_event,
    rescind_inverse_event,
    update_event,
)
from sparkmesos_core.localcluster.master.master_records import (
    MAX_COMPLETED_FRAMEWORKS,
    MAX_UNREACHABLE_TASKS,
    Agent,
    Executor,
    Framework,
    JsonObject,
    MasterOptions,
    Offer,
    Task,
)
from sparkmesos_core.localcluster.master.registry import Registry
from sparkmesos_core.localcluster.master.shares import Shares
from sparkmesos_core.localcluster.messages import AgentDescription
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES
from sparkmesos_core.mesos.resources import Resources


class Books:
    """What a master knows since it was started; ids come from `new_uuid`, so that tests can foresee them.

    `recovered` are the agents that the registry names and that have not come back to this master yet.
    `streams` are the ids of the frameworks that subscriptions belong to, by those of the streams.
    `counters` are those of `/metrics/snapshot`, without the prefix `master/`.
    """

    def __init__(
        self,
        options: MasterOptions,
        now: float,
        registry: Registry,
        new_uuid: Callable[[], str],
    ) -> None:
        self.options = options
        self.registry = registry
        self.start_time = now
        self.elected_time: float | None = None
        self.master_id = new_uuid()
        self.frameworks: dict[str, Framework] = {}
        self.completed_frameworks: deque[Framework] = deque(maxlen=MAX_COMPLETED_FRAMEWORKS)
        self.removed_ids: set[str] = set()
        self.agents: dict[str, Agent] = {}
        self.recovered: dict[str, AgentDescription] = {}
        self.offers: dict[str, Offer] = {}
        self.streams: dict[str, str] = {}
        self.deadlines = Deadlines()
        self.shares = Shares()
        self.counters: Counter[str] = Counter()
        self._numbers: Counter[str] = Counter()

    def number(self, kind: str) -> int:
        """The next number of a kind, from 0."""
        number = self._numbers[kind]
        self._numbers[kind] += 1
        return number

    def all_tasks(self) -> Iterable[Task]:
        """Every task that is still remembered, those of live frameworks first."""
        for framework in (*self.frameworks.values(), *self.completed_frameworks):
            yield from framework.all_tasks()

    def add_framework(
        self, framework_id: str, info: JsonObject, now: float, *, recovered: bool = False
    ) -> Framework:
        """A framework that was not known."""
        registered = 0.0 if recovered else now
        framework = Framework(framework_id, info, registered, self.number("sequence"), recovered=recovered)
        self.frameworks[framework_id] = framework
        return framework

    def is_active(self, agent: Agent) -> bool:
        """Whether anything of an agent may be offered."""
        return agent.connected and agent.agent_id not in self.registry.deactivated

    # --- resources

    def take(self, agent: Agent, framework_id: str, role: str, resources: Resources) -> None:
        """Free resources are offered or used; ValueError if they are not free."""
        agent.free = agent.free - resources
        self.shares.take(framework_id, role, resources)

    def give_back(self, agent_id: str, framework_id: str, role: str, resources: Resources) -> None:
        """Resources are neither offered nor used any longer."""
        if (agent := self.agents.get(agent_id)) is not None:
            agent.free = agent.free + resources
        self.shares.give_back(framework_id, role, resources)

    # --- offers

    def add_offer(self, framework: Framework, agent: Agent, role: str, resources: Resources) -> Offer:
        """Offer free resources."""
        offer_id = f"{self.master_id}-O{self.number('offer')}"
        offer = Offer(offer_id, framework.framework_id, agent.agent_id, role, resources)
        self.offers[offer_id] = framework.offers[offer_id] = agent.offers[offer_id] = offer
        self.take(agent, framework.framework_id, role, resources)
        return offer

    def close_offer(self, offer: Offer) -> None:
        """An offer is answered or over; its resources stay taken, for whoever uses them now."""
        del self.offers[offer.offer_id]
        del self.frameworks[offer.framework_id].offers[offer.offer_id]
        del self.agents[offer.agent_id].offers[offer.offer_id]
        self.deadlines.cancel("offer", offer.offer_id)

    def discard_offer(self, offer: Offer) -> None:
        """An offer is over, its resources are free again."""
        self.close_offer(offer)
        self.give_back(offer.agent_id, offer.framework_id, offer.role, offer.resources)

    def rescind_offer(self, offer: Offer) -> list[Action]:
        """The same, and its framework is told."""
        self.discard_offer(offer)
        stream_id = self.frameworks[offer.framework_id].stream_id
        return [] if stream_id is None else [rescind_event(stream_id, offer.offer_id)]

    # --- inverse offers

    def add_inverse_offer(self, framework: Framework, agent: Agent) -> str:
        """Ask a framework for an agent back; the id of the question, as unique as those of offers."""
        offer_id = f"{self.master_id}-O{self.number('offer')}"
        agent.inverse_offers[framework.framework_id] = offer_id
        return offer_id

    def rescind_inverse_offer(self, agent: Agent, framework_id: str) -> list[Action]:
        """The question is over, and the framework is told if it is there."""
        offer_id = agent.inverse_offers.pop(framework_id)
        framework = self.frameworks.get(framework_id)
        if framework is None or framework.stream_id is None:
            return []
        return [rescind_inverse_event(framework.stream_id, offer_id)]

    # --- tasks

    def add_task(self, task: Task) -> None:
        """A task was launched or found; what it uses is taken already."""
        self.frameworks[task.framework_id].tasks[task.task_id] = task
        self.agents[task.agent_id].tasks[task.framework_id, task.task_id] = task

    def update_task(self, task: Task, status: JsonObject, latest_state: str | None = None) -> None:
        """There is a new status of a task, which may have got even further."""
        self.move_task(task, latest_state or status["state"])
        task.add_status(status)

    def move_task(self, task: Task, state: str) -> None:
        """A task has got to a state; when it has ended or is unreachable, what it used is free."""
        if task.ended:
            return
        task.state = state
        if state in TERMINAL_STATES:
            self.counters[state.lower().replace("task_", "tasks_", 1)] += 1
        elif state != "TASK_UNREACHABLE":
            return
        if task.holds_resources:
            task.holds_resources = False
            self.give_back(task.agent_id, task.framework_id, task.role, task.resources)

    def remove_task(self, task: Task, *, unreachable: bool = False) -> None:
        """A task is not expected to be heard of any more; or not for now, if its agent is unreachable."""
        framework = self.frameworks[task.framework_id]
        framework.tasks.pop(task.task_id, None)
        if (agent := self.agents.get(task.agent_id)) is not None:
            agent.tasks.pop((task.framework_id, task.task_id), None)
            agent.killed.discard((task.framework_id, task.task_id))
            if not agent.tasks and self.registry.deactivated.get(agent.agent_id) is not None:
                self.deadlines.set("drained", agent.agent_id, 0.0)  # at the next tick, which is now
        if not unreachable:
            framework.completed_tasks.append(task)
            return
        framework.unreachable_tasks[task.task_id] = task
        if len(framework.unreachable_tasks) > MAX_UNREACHABLE_TASKS:
            del framework.unreachable_tasks[next(iter(framework.unreachable_tasks))]

    def send_status(self, framework: Framework, status: JsonObject) -> list[SendEvent]:
        """Tell a framework, if it is connected."""
        if framework.stream_id is None:
            return []
        return [update_event(framework.stream_id, status)]

    # --- executors

    def add_executor(self, executor: Executor) -> None:
        """A custom executor was started or found; what it uses is taken already."""
        framework_id, executor_id = executor.framework_id, executor.executor_id
        self.frameworks[framework_id].executors[executor.agent_id, executor_id] = executor
        self.agents[executor.agent_id].executors[framework_id, executor_id] = executor

    def remove_executor(self, executor: Executor) -> None:
        """It has ended; what it used is free."""
        framework_id, executor_id = executor.framework_id, executor.executor_id
        self.frameworks[framework_id].executors.pop((executor.agent_id, executor_id), None)
        if (agent := self.agents.get(executor.agent_id)) is not None:
            agent.executors.pop((framework_id, executor_id), None)
        self.give_back(executor.agent_id, framework_id, executor.role, executor.resources)
