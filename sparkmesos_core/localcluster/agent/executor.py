"""What an agent knows of its frameworks, executors and tasks.

Pure: who starts processes, reports and writes checkpoints does so elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES, capabilities
from sparkmesos_core.mesos.resources import Resources

JsonObject = dict[str, Any]

MAX_COMPLETED_TASKS = 200
MAX_COMPLETED_EXECUTORS = 150

COMMAND_EXECUTOR_RESOURCES = Resources.parse("cpus:0.1;mem:32")
"""What a command executor takes on top of its task, on the agent's books only."""


class ExecutorState(Enum):
    """As in Mesos' agent: started, subscribed, told to end, ended."""

    REGISTERING = "registering"
    RUNNING = "running"
    TERMINATING = "terminating"
    TERMINATED = "terminated"


class Channel(Protocol):
    """How events get to an executor that has subscribed."""

    def send(self, event: JsonObject) -> None:
        """Send an event of the v1 executor API."""

    def close(self) -> None:
        """End the subscription."""


@dataclass(frozen=True)
class Termination:
    """Why an executor is being ended: what its tasks are reported with."""

    state: str
    reason: str
    message: str


@dataclass
class Task:
    """A task, and all that was reported about it."""

    framework_id: str
    info: JsonObject
    role: str
    executor_id: str
    state: str = "TASK_STAGING"
    statuses: list[JsonObject] = field(default_factory=list)
    sent: int = 0
    """How many of the statuses were sent to the master."""

    @property
    def task_id(self) -> str:
        """The task's id."""
        return str(self.info["task_id"]["value"])

    @property
    def ended(self) -> bool:
        """Whether a terminal state was reported."""
        return self.state in TERMINAL_STATES

    @property
    def resources(self) -> Resources:
        """What the task takes."""
        return Resources.from_json(self.info.get("resources") or [])

    def has_seen(self, uuid: str) -> bool:
        """Whether an update with this uuid was taken before."""
        return any(status["uuid"] == uuid for status in self.statuses)


@dataclass
class Executor:
    """One run of an executor with its container and tasks.

    `queued` wait until it has subscribed, `launched` were given to it, `terminated` have ended but that is
    not acknowledged yet.
    """

    framework_id: str
    info: JsonObject
    role: str
    container_id: str
    sandbox: Path
    is_command: bool
    checkpoint: bool
    state: ExecutorState = ExecutorState.REGISTERING
    queued: dict[str, Task] = field(default_factory=dict)
    launched: dict[str, Task] = field(default_factory=dict)
    terminated: dict[str, Task] = field(default_factory=dict)
    completed: deque[Task] = field(default_factory=lambda: deque(maxlen=MAX_COMPLETED_TASKS))
    channel: Channel | None = None
    termination: Termination | None = None
    ever_sent_task: bool = False

    @property
    def executor_id(self) -> str:
        """The executor's id; that of a command executor is its task's."""
        return str(self.info["executor_id"]["value"])

    def task(self, task_id: str) -> Task | None:
        """A task whose end is not acknowledged yet."""
        for tasks in (self.queued, self.launched, self.terminated):
            if task_id in tasks:
                return tasks[task_id]
        return None

    def tasks(self) -> Iterator[Task]:
        """All tasks whose end is not acknowledged yet."""
        for tasks in (self.queued, self.launched, self.terminated):
            yield from tasks.values()

    def live_tasks(self) -> list[Task]:
        """Those of them that have not ended, launched ones first."""
        return [*self.launched.values(), *self.queued.values()]

    def is_incomplete(self) -> bool:
        """Whether there are tasks whose end is not acknowledged."""
        return bool(self.queued or self.launched or self.terminated)

    def settle(self, task: Task) -> None:
        """Note a task's terminal state: its resources are free."""
        self.queued.pop(task.task_id, None)
        self.launched.pop(task.task_id, None)
        self.terminated[task.task_id] = task

    def complete(self, task_id: str) -> None:
        """Note that a task's end was acknowledged."""
        if (task := self.terminated.pop(task_id, None)) is not None:
            self.completed.append(task)

    def resources(self) -> Resources:
        """What the executor takes, with its tasks that have not ended."""
        total = Resources.from_json(self.info.get("resources") or [])
        for task in self.live_tasks():
            total = total + task.resources
        return total


@dataclass
class FrameworkOnAgent:
    """A framework's executors on one agent; those in `completed` have ended with all their tasks."""

    info: JsonObject
    executors: dict[str, Executor] = field(default_factory=dict)
    completed: deque[Executor] = field(default_factory=lambda: deque(maxlen=MAX_COMPLETED_EXECUTORS))
    terminating: bool = False

    @property
    def framework_id(self) -> str:
        """The framework's id."""
        return str(self.info["id"]["value"])

    @property
    def checkpoint(self) -> bool:
        """Whether its executors outlive their agent."""
        return bool(self.info.get("checkpoint"))

    @property
    def capabilities(self) -> frozenset[str]:
        """Names such as PARTITION_AWARE."""
        return capabilities(self.info)

    @property
    def partition_aware(self) -> bool:
        """Whether it tells TASK_DROPPED, TASK_GONE and their like from TASK_LOST."""
        return "PARTITION_AWARE" in self.capabilities

    def lost_state(self, state: str) -> str:
        """`state`, or TASK_LOST for a framework that knows no more precise ones."""
        return state if self.partition_aware else "TASK_LOST"

    def executor_of(self, task_id: str) -> Executor | None:
        """The executor which a task was given to, or waits for."""
        # Of command executors there can be many: each has the id of its task.
        own = self.executors.get(task_id)
        if own is not None and own.task(task_id) is not None:
            return own
        return next((e for e in self.executors.values() if e.task(task_id) is not None), None)


def command_executor_info(task: JsonObject, framework_id: str) -> JsonObject:
    """The ExecutorInfo that Mesos' agent makes for a task with a command."""
    command = task["command"]
    generated: JsonObject = {"shell": False, "value": "mesos-executor", "arguments": ["mesos-executor"]}
    if "environment" in command:
        generated["environment"] = command["environment"]
    info: JsonObject = {
        "executor_id": task["task_id"],
        "framework_id": {"value": framework_id},
        "command": generated,
        "resources": COMMAND_EXECUTOR_RESOURCES.to_json(),
        "name": _command_executor_name(task),
        "source": task["task_id"]["value"],
    }
    if "labels" in task:
        info["labels"] = task["labels"]
    return info


def _command_executor_name(task: JsonObject) -> str:
    command = task["command"]
    text = str(command.get("value", ""))
    if not command.get("shell", True):
        text = ", ".join([text, *(str(argument) for argument in command.get("arguments") or [])])
    text = text if len(text) <= 15 else text[:12] + "..."
    text = f"sh -c '{text}'" if command.get("shell", True) else f"[{text}]"
    return f"Command Executor (Task: {task['task_id']['value']}) (Command: {text})"
