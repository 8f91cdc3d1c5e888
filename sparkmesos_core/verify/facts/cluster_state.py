"""What is kept of a cluster's state: agents, frameworks, and those of their tasks that tell of trouble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts


@dataclass(frozen=True)
class AgentState:
    """An agent that is registered, and what is going on there."""

    facts: AgentFacts
    free: Resources
    """What nobody uses, by the role that it is reserved for; what is offered to somebody counts as used."""
    offered: Resources
    """What is offered to some framework at the moment."""
    deactivated: bool = False
    """Whether an operator has deactivated it (`DEACTIVATE_AGENT`, or draining)."""
    draining: str = ""
    """The state of draining, `DRAINING` or `DRAINED`; empty if it is not drained."""
    registered_at: float = 0.0
    """Seconds since the epoch; of the latest reregistration, if there was one."""


@dataclass(frozen=True)
class AgentsState:
    """All agents, as far as the master knows them."""

    agents: tuple[AgentState, ...]
    recovering: tuple[str, ...] = ()
    """What agents of the master's predecessor are called that have not come back yet."""
    unreachable: int = 0
    """How many agents the master has lost sight of; 0 if it does not tell."""


@dataclass(frozen=True)
class TaskState:
    """A task that has ended without success, is unreachable, or has not begun."""

    id: str
    name: str
    framework_id: str
    executor_id: str
    """Empty for a task that runs its command itself: its sandbox is that of an executor named as the task."""
    agent_id: str
    state: str
    """As Mesos names it: `TASK_FAILED`."""
    reason: str = ""
    """As Mesos names it: `REASON_COMMAND_EXECUTOR_FAILED`; `/state` does not tell it, its agent does."""
    message: str = ""
    source: str = ""
    ended_at: float = 0.0
    """Seconds since the epoch; 0 if it has not ended."""

    @property
    def key(self) -> str:
        """By which it is told from all others: applications number their tasks alike."""
        return f"{self.framework_id}/{self.id}"


@dataclass(frozen=True)
class TaskSeries:
    """Tasks that are attempts at the same: their frameworks' names and their own differ in numbers only.

    Only series are kept in which some task has ended without success.
    """

    framework: str
    """The framework's name, of the latest of them."""
    failures: int = 0
    """How many have failed (`TASK_FAILED`, `TASK_ERROR`)."""
    losses: int = 0
    """How many have been lost with their agent, which is gone for good or has come back without them."""
    last_failure: float = 0.0
    """Seconds since the epoch, as all times here; 0 for never."""
    last_loss: float = 0.0
    last_success: float = 0.0
    """When one ended well the last time, or was killed after it had run."""
    running_since: float = 0.0
    """When the latest of those began that are running; 0 if none is."""
    longest_failed_run: float = 0.0
    """For how many seconds one ran that failed, at most."""
    of_spark: bool = False
    """Whether it is known that these are executors of Spark, or drivers."""
    latest_failed: tuple[TaskState, ...] = ()
    """The last ones that failed, the newest first; a few."""
    latest_lost: tuple[TaskState, ...] = ()
    """The last ones that were lost, likewise."""


@dataclass(frozen=True)
class FrameworkState:
    """A framework, running or completed."""

    id: str
    name: str
    roles: tuple[str, ...]
    principal: str
    user: str
    hostname: str
    webui_url: str
    active: bool
    connected: bool
    registered_at: float
    used: Resources
    offered: Resources
    tasks: Mapping[str, int] = field(default_factory=dict)
    """How many tasks it has in each state, those that have ended included."""
    failed: tuple[TaskState, ...] = ()
    """The latest of those that did not succeed, the newest first; bounded."""
    completed: bool = False
    staging: tuple[TaskState, ...] = ()
    """Tasks in `TASK_STAGING`: sent to their agent, and not heard of since; bounded."""
    offers: frozenset[str] = frozenset()
    """The ids of the offers that it has neither accepted nor declined; bounded."""
    failover_timeout: float = 0.0
    """For how many seconds its tasks outlive its connection."""
    runs_executors: bool = False
    """Whether it has tasks that are Spark's executors, so that it is an application of Spark."""
    runs_drivers: bool = False
    """Whether it has tasks that are Spark's drivers, so that it is a dispatcher."""


@dataclass(frozen=True)
class ClusterState:
    """What one reading of `/state` tells."""

    agents: AgentsState
    frameworks: tuple[FrameworkState, ...]
    """Those that the master knows, the completed ones behind the others."""
    series: tuple[TaskSeries, ...] = ()
    """Of all frameworks, those with the latest trouble first."""
    read_at: float = 0.0
    """When the master answered, by its own clock: seconds since the epoch."""
    splits_reservations: bool = True
    """Whether it is known of what is used on each agent for which role it is reserved there."""
