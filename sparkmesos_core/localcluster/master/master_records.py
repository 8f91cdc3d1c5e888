"""What the embedded master keeps of agents, frameworks, tasks, executors and offers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.localcluster.messages import AgentDescription
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES, capabilities, framework_roles
from sparkmesos_core.mesos.attributes import Attribute
from sparkmesos_core.mesos.resources import Resources

JsonObject = dict[str, Any]

MAX_COMPLETED_FRAMEWORKS = 50
MAX_COMPLETED_TASKS = 1000
MAX_UNREACHABLE_TASKS = 1000


@dataclass(frozen=True)
class MasterOptions:
    """What is fixed for a master's life, named as Mesos' flags; times in seconds.

    `roles` are those that frameworks may use besides `*` (None for any); `recovery_seconds` is how long a
    newly elected master needs until it answers. `cluster_url` is what the page advises for `--master`: with
    several masters none of their addresses will do. Without it, it is the master's own.
    """

    hostname: str = "127.0.0.1"
    ip: str = "127.0.0.1"
    port: int = 5050
    allocation_interval: float = 1.0
    heartbeat_interval: float = 15.0
    agent_ping_timeout: float = 15.0
    max_agent_ping_timeouts: int = 5
    agent_reregister_timeout: float = 600.0
    offer_timeout: float | None = None
    roles: tuple[str, ...] | None = None
    recovery_seconds: float = 0.0
    cluster_url: str | None = None

    @property
    def total_ping_timeout(self) -> float:
        """How long an agent may be silent before it is unreachable."""
        return self.agent_ping_timeout * self.max_agent_ping_timeouts


@dataclass
class Task:
    """A launched task as the master knows it.

    `state` is the latest one that its agent reported; `sent_state` and `sent_uuid` are those of the update
    that was passed on to the framework last, as Mesos' status_update_state. `statuses` has one per state.
    """

    info: JsonObject
    framework_id: str
    agent_id: str
    role: str
    resources: Resources
    state: str = "TASK_STAGING"
    sent_state: str | None = None
    sent_uuid: str | None = None
    statuses: list[JsonObject] = field(default_factory=list)
    holds_resources: bool = True

    @property
    def task_id(self) -> str:
        """Its id, unique among the unfinished tasks of its framework."""
        return str(self.info["task_id"]["value"])

    @property
    def executor_id(self) -> str | None:
        """The id of its custom executor; None for a command task."""
        executor = self.info.get("executor")
        return str(executor["executor_id"]["value"]) if executor is not None else None

    @property
    def ended(self) -> bool:
        """Whether it has reached a terminal state, acknowledged or not."""
        return self.state in TERMINAL_STATES

    def add_status(self, status: JsonObject) -> None:
        """Remember a status; of several with the same state only the last, and none of their data."""
        if self.statuses and self.statuses[-1]["state"] == status["state"]:
            self.statuses.pop()
        self.statuses.append({name: value for name, value in status.items() if name != "data"})


@dataclass(frozen=True)
class Executor:
    """A custom executor that was started on an agent, or is about to be; `info` is its v1 ExecutorInfo."""

    info: JsonObject
    framework_id: str
    agent_id: str
    role: str
    resources: Resources

    @property
    def executor_id(self) -> str:
        """Its id, unique among its framework's executors on the agent."""
        return str(self.info["executor_id"]["value"])


@dataclass(frozen=True)
class Filter:
    """A framework has refused these resources of an agent for some time."""

    refused: Resources
    expires: float


@dataclass(frozen=True)
class Offer:
    """Resources of one agent that a framework may use until it answers."""

    offer_id: str
    framework_id: str
    agent_id: str
    role: str
    resources: Resources


@dataclass
class Framework:
    """A framework that has subscribed, connected or not.

    Or it is `recovered`: an agent runs something for it, and it has not subscribed to this master yet.
    """

    framework_id: str
    info: JsonObject
    registered_time: float
    sequence: int
    stream_id: str | None = None
    recovered: bool = False
    reregistered_time: float | None = None
    unregistered_time: float = 0.0
    suppressed: set[str] = field(default_factory=set)
    filters: dict[tuple[str, str], list[Filter]] = field(default_factory=dict)
    inverse_filters: dict[str, float] = field(default_factory=dict)
    """Until when it is not asked for agents back, by their ids."""
    offers: dict[str, Offer] = field(default_factory=dict)
    executors: dict[tuple[str, str], Executor] = field(default_factory=dict)
    """By agent id and executor id."""
    tasks: dict[str, Task] = field(default_factory=dict)
    unreachable_tasks: dict[str, Task] = field(default_factory=dict)
    completed_tasks: deque[Task] = field(default_factory=lambda: deque(maxlen=MAX_COMPLETED_TASKS))

    @property
    def connected(self) -> bool:
        """Whether it has a subscription."""
        return self.stream_id is not None

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that it is offered resources in."""
        return framework_roles(self.info)

    @property
    def partition_aware(self) -> bool:
        """Whether it tells TASK_UNREACHABLE, TASK_GONE and their like from TASK_LOST."""
        return self.can("PARTITION_AWARE")

    def can(self, capability: str) -> bool:
        """Whether it declared a capability, e.g. PARTITION_AWARE."""
        return capability in capabilities(self.info)

    def all_tasks(self) -> list[Task]:
        """Its tasks that are still remembered, those that may be running first."""
        return [*self.tasks.values(), *self.unreachable_tasks.values(), *self.completed_tasks]


@dataclass
class Agent:
    """A registered agent and what of it is still free, neither offered nor used.

    If it is not `connected`, its link is gone and it may come back; its resources are not offered meanwhile.
    """

    agent_id: str
    description: AgentDescription
    registered_time: float
    attributes: tuple[Attribute, ...]
    total: Resources
    free: Resources
    reregistered_time: float | None = None
    connected: bool = True
    offers: dict[str, Offer] = field(default_factory=dict)
    tasks: dict[tuple[str, str], Task] = field(default_factory=dict)
    """Those that are not acknowledged to have ended, by framework id and task id."""
    executors: dict[tuple[str, str], Executor] = field(default_factory=dict)
    """By framework id and executor id."""
    killed: set[tuple[str, str]] = field(default_factory=set)
    """Tasks that were to be killed, told again to an agent that may have missed it."""
    inverse_offers: dict[str, str] = field(default_factory=dict)
    """The ids of those that are not answered, by frameworks."""
    unheard_questions: set[str] = field(default_factory=set)
    """Frameworks that count as asked, but have not heard of it: see `maintenance.ask_back`."""
    inverse_answers: dict[str, JsonObject] = field(default_factory=dict)
    """v1 InverseOfferStatuses, by frameworks."""
    drain_start: float | None = None
    """Since when it is drained, in seconds since the epoch; None also if an earlier master has begun it."""
    awaits_pong: bool = False
    missed_pongs: int = 0
