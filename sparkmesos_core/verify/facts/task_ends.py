"""What agents tell of single tasks: why they ended, and what they wrote. Read of a few tasks only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sparkmesos_core.errors import SparkMesosError, UnreachableError
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.sandbox_files import LONGEST_PIECE, NoSuchFileError, SandboxFile, SandboxFiles
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.verify.facts.cluster import AGENTS, STATE, TaskState
from sparkmesos_core.verify.facts.master import agent_http
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.verify.named_agents import name_of
from sparkmesos_core.verify.task_troubles import in_turns, most_telling, unsuccessful

MOST_TASKS = 5
"""So many tasks are asked for, of each kind."""

_STREAMS = ("stderr", "stdout")
_SHARE = 0.8
"""The part of its time that reading may take, so that what came in time can be told."""


@dataclass(frozen=True)
class TaskEnd:
    """A task, as its agent tells it."""

    task: TaskState
    """With reason and message, if the agent knows them."""
    host: str
    """The agent's name and port; its id if it is not registered any more."""
    output: Mapping[str, tuple[str, ...]]
    """The last lines of `stderr` and `stdout`, of each that is there: of at most 64 KiB, without secrets."""
    begun_at: float = 0.0
    """When its sandbox was last written to on stdout, or was made: seconds since the epoch; 0: not known."""
    unread: str = ""
    """Why its sandbox could not be read; empty if it was."""


def _failed(known: Known) -> Mapping[str, TaskEnd]:
    state = known[STATE]
    return _ends(known, most_telling(unsuccessful(state), MOST_TASKS))


FAILED_TASKS: Fact[Mapping[str, TaskEnd]] = Fact(
    "how tasks failed", _failed, reported_by="tasks-failing", patience=2
)
"""The latest tasks that failed, by their keys: those of MOST_TASKS series, or fewer."""


def _staging(known: Known) -> Mapping[str, TaskEnd]:
    return _ends(known, in_turns([one.staging for one in known[STATE].frameworks], MOST_TASKS))


STAGING_TASKS: Fact[Mapping[str, TaskEnd]] = Fact(
    "tasks that have not begun", _staging, reported_by="tasks-staging", patience=2
)
"""Some tasks in `TASK_STAGING`, of as many frameworks as possible, by their keys."""


def _ends(known: Known, tasks: Sequence[TaskState]) -> Mapping[str, TaskEnd]:
    agents = {agent.facts.id: agent.facts for agent in known[AGENTS].agents} if tasks else {}
    deadline = time.monotonic() + 2 * _SHARE * known.timeout
    outcome = side_by_side(
        {
            task.key: partial(_end, known, task, agents[task.agent_id])
            for task in tasks
            if task.agent_id in agents
        },
        deadline,
    )
    return {
        task.key: outcome.results.get(task.key) or _unread(task, agents, outcome.failures) for task in tasks
    }


def _unread(task: TaskState, agents: Mapping[str, AgentFacts], failures: Mapping[str, Exception]) -> TaskEnd:
    agent = agents.get(task.agent_id)
    if agent is None:
        return TaskEnd(task, task.agent_id, {}, unread="its agent is not registered any more")
    failure = failures.get(task.key)
    if isinstance(failure, SparkMesosError):
        return TaskEnd(task, name_of(agent), {}, unread=failure.message)
    if failure is not None:
        raise failure
    return TaskEnd(task, name_of(agent), {}, unread=f"the agent {name_of(agent)} did not answer in time")


def _end(known: Known, task: TaskState, agent: AgentFacts) -> TaskEnd:
    told = task
    with agent_http(known, agent.host, agent.port) as http:
        files = SandboxFiles(http)
        try:
            told = told_by_agent(http, task)
            found = {file.name: file for file in _sandbox(files, task)}
            output = {
                name: tuple(_last_lines(files, found[name].path, found[name].size))
                for name in _STREAMS
                if name in found
            }
        except SparkMesosError as error:
            return TaskEnd(told, name_of(agent), {}, unread=error.message)
    begun_at = found["stdout"].modified_at if "stdout" in found else 0.0
    return TaskEnd(told, name_of(agent), output, begun_at)


def told_by_agent(http: MesosHttp, task: TaskState) -> TaskState:
    """The task with reason and message as its agent has them; as it is where the agent does not say.

    `/state` leaves them out, on masters as on agents; the v1 API of agents has them (`GET_TASKS`).
    Raises UnreachableError if the agent does not answer at all: then it need not be asked for more.
    """
    if task.message or task.reason:
        return task
    try:
        answer = http.call({"type": "GET_TASKS"})
    except UnreachableError:
        raise
    except SparkMesosError:  # agents before 1.0 have no such API; its sandbox may say enough
        return task
    for status in _statuses(answer, task):
        if status.get("state") == task.state:
            return replace(
                task,
                reason=str(status.get("reason", "")),
                message=redact_text(str(status.get("message", ""))),
                source=str(status.get("source", "")),
            )
    return task


def _statuses(answer: Any, task: TaskState) -> Iterator[Mapping[str, Any]]:
    """What the agent has heard of a task, the latest first; nothing if that is no answer of GET_TASKS."""
    try:
        for tasks in answer["get_tasks"].values():
            for one in tasks:
                if one["task_id"]["value"] == task.id and one["framework_id"]["value"] == task.framework_id:
                    yield from reversed(one.get("statuses", ()))
    except (KeyError, TypeError, AttributeError):
        return


def _sandbox(files: SandboxFiles, task: TaskState) -> list[SandboxFile]:
    """What its folder holds. Mesos since 1.1 has a path for it; else the agent's state names it."""
    executor = task.executor_id or task.id
    try:
        return files.browse(f"/frameworks/{task.framework_id}/executors/{executor}/runs/latest")
    except NoSuchFileError:
        return files.browse(files.directory(task.framework_id, executor))


def _last_lines(files: SandboxFiles, path: str, size: int) -> list[str]:
    """The last 64 KiB of a file, however long its lines are.

    Mesos' fetcher and Spark write URIs and command lines there as they are, secrets included.
    """
    start = max(0, size - LONGEST_PIECE)
    text = b"".join(files.pieces(path, start, size)).decode("utf-8", "replace")
    return [redact_text(line.rstrip("\r")) for line in text.split("\n") if line.strip()]
