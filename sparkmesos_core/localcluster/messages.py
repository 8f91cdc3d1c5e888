"""What the embedded master and its agents say to each other, as Mesos' internal messages do.

They hold nothing but JSON values and travel over a `link.Link`, in order. The names follow Mesos' own
(messages.proto): RegisterSlaveMessage and so on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class AgentDescription:
    """Where an agent listens, and what it has (texts as in Mesos' flags)."""

    hostname: str
    ip: str
    port: int
    resources: str
    attributes: str


@dataclass(frozen=True)
class RunningExecutor:
    """A custom executor that lives on an agent: its v1 ExecutorInfo, framework and role.

    Command executors are not told: the master knows them by their tasks.
    """

    framework_id: str
    executor: JsonObject
    role: str


@dataclass(frozen=True)
class RunningTask:
    """A task that an agent knows and whose end is not acknowledged yet.

    `statuses` are those that were sent to the master, oldest first; `state` is the latest one by now,
    `sent_state` that of the update which was sent last (Mesos' status_update_state), None before the first.
    """

    framework_id: str
    task: JsonObject
    role: str
    state: str
    sent_state: str | None
    statuses: tuple[JsonObject, ...] = ()


# --- agent to master


@dataclass(frozen=True)
class RegisterAgent:
    """An agent that has no id yet offers itself. Repeated until it is answered."""

    agent: AgentDescription


@dataclass(frozen=True)
class ReregisterAgent:
    """An agent comes back: to another master, to one that was restarted, or itself restarted or cut off for a
    while.

    Repeated until it is answered. `frameworks` are the v1 FrameworkInfos, with ids, of all that it runs.
    """

    agent_id: str
    agent: AgentDescription
    frameworks: tuple[JsonObject, ...] = ()
    executors: tuple[RunningExecutor, ...] = ()
    tasks: tuple[RunningTask, ...] = ()


@dataclass(frozen=True)
class UnregisterAgent:
    """An agent is being shut down for good: its tasks are ended, it will not come back under this id."""

    agent_id: str


@dataclass(frozen=True)
class StatusUpdate:
    """A v1 TaskStatus, repeated until it is acknowledged, and the task's state by now.

    The two differ while earlier updates are not acknowledged: the framework hears of every state in turn,
    but the master needs to know at once when a task has ended. If `waiting`, the status is not for the
    framework yet: it is sent again when its turn has come.
    """

    agent_id: str
    framework_id: str
    status: JsonObject
    latest_state: str
    waiting: bool = False


@dataclass(frozen=True)
class ExecutorToFramework:
    """An executor's message to its scheduler; `data` in base64. Best effort, as in Mesos."""

    agent_id: str
    framework_id: str
    executor_id: str
    data: str


@dataclass(frozen=True)
class ExitedExecutor:
    """A custom executor has ended: `status` as of wait(2), so 256 for an exit status of 1."""

    agent_id: str
    framework_id: str
    executor_id: str
    status: int


@dataclass(frozen=True)
class Pong:
    """The answer to a Ping."""

    agent_id: str


ToMaster = (
    RegisterAgent
    | ReregisterAgent
    | UnregisterAgent
    | StatusUpdate
    | ExecutorToFramework
    | ExitedExecutor
    | Pong
)


# --- master to agent


@dataclass(frozen=True)
class AgentRegistered:
    """The answer to RegisterAgent.

    The agent's id; how long it may wait for a ping before it asks again (seconds).
    """

    agent_id: str
    master_id: str
    total_ping_timeout: float


@dataclass(frozen=True)
class AgentReregistered:
    """The answer to ReregisterAgent.

    `reconciliations` are (framework id, task id) of tasks which the master believes to be there and the
    agent did not name: for those that it does not know, it reports TASK_DROPPED (TASK_LOST to frameworks
    that are not PARTITION_AWARE).
    """

    agent_id: str
    master_id: str
    total_ping_timeout: float
    reconciliations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Ping:
    """Are you there? `connected` is false if the master believes it is not: then the agent re-registers."""

    connected: bool


@dataclass(frozen=True)
class ShutdownAgent:
    """End all tasks and yourself, and never come back under this id."""

    message: str


@dataclass(frozen=True)
class RunTask:
    """Run this task.

    `task` is the v1 TaskInfo; `role` is the one its resources are allocated to. `launch_executor` is
    whether its custom executor (in the TaskInfo) is to be started if it does not run.
    """

    framework: JsonObject
    task: JsonObject
    role: str
    launch_executor: bool = True


@dataclass(frozen=True)
class KillTask:
    """End this task; `grace_seconds` overrides the task's own kill policy."""

    framework_id: str
    task_id: str
    grace_seconds: float | None


@dataclass(frozen=True)
class Drain:
    """End all tasks, and take none until nothing runs any more (Mesos' DrainSlaveMessage).

    They get `max_grace_seconds` at most, None for what each wants. `mark_gone` is whether the agent is to be
    marked gone then.
    """

    max_grace_seconds: float | None = None
    mark_gone: bool = False


@dataclass(frozen=True)
class AcknowledgeUpdate:
    """The framework has seen this status update (`uuid` in base64)."""

    framework_id: str
    task_id: str
    uuid: str


@dataclass(frozen=True)
class FrameworkToExecutor:
    """A scheduler's message to an executor; `data` in base64. Best effort, as in Mesos."""

    framework_id: str
    executor_id: str
    data: str


@dataclass(frozen=True)
class ShutdownExecutor:
    """End this executor with all its tasks."""

    framework_id: str
    executor_id: str


@dataclass(frozen=True)
class UpdateFramework:
    """The framework's scheduler has come back, perhaps as another one.

    It may have missed what it has not acknowledged, so that is to be repeated at once.
    """

    framework: JsonObject


@dataclass(frozen=True)
class ShutdownFramework:
    """The framework is gone, end everything that runs for it."""

    framework_id: str


ToAgent = (
    AgentRegistered
    | AgentReregistered
    | Ping
    | ShutdownAgent
    | RunTask
    | KillTask
    | Drain
    | AcknowledgeUpdate
    | FrameworkToExecutor
    | ShutdownExecutor
    | UpdateFramework
    | ShutdownFramework
)
