"""From the JSON of `/state` and `/slaves` to what is kept of them.

In the shapes of Mesos 1.12.0 as recorded; what masters before 1.0 leave out counts as not being there.
`/state` of a large master is passed over piece by piece (`JsonStream`), its tasks one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sparkmesos_core.errors import MesosError
from sparkmesos_core.mesos.resources import (
    ANY_ROLE,
    Ranges,
    ResourceKey,
    Resources,
    Value,
    parse_value,
)
from sparkmesos_core.mesos.state_stream import JsonStream
from sparkmesos_core.preflight.cluster_facts import REVOCABLE, agents_of, recovering_names, told_apart
from sparkmesos_core.verify.facts.cluster_state import (
    AgentsState,
    AgentState,
    ClusterState,
    FrameworkState,
    TaskState,
)
from sparkmesos_core.verify.facts.task_history import (
    FAILED,
    LOST,
    STAGING,
    UNREACHABLE,
    Newest,
    TaskHistory,
    task_state,
)

_TASK_LISTS = ("tasks", "unreachable_tasks", "completed_tasks", "pending_tasks")
_KEPT_FAILURES = 10
_KEPT_STAGING = 10
_KEPT_OFFERS = 1_000
_EXECUTOR_COMMAND = "org.apache.spark.executor."
"""In the command of an executor of Spark, whichever backend has launched it."""
_DRIVER_NAME = "Driver for "
"""The beginning of the names of drivers (`MesosClusterScheduler.createTaskInfo` of Spark)."""

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)


def read_agents(stream: JsonStream, *, unreachable: int = 0) -> AgentsState:
    """The agents in an answer of `/slaves`, which does not tell how many are unreachable.

    Raises MesosError if it is none.
    """
    agents: list[AgentState] | None = None
    recovering: list[Mapping[str, Any]] = []
    try:
        for name in stream.members():
            if name == "slaves":
                agents = [agent_state(agent) for agent in stream.elements()]
            elif name == "recovered_slaves":
                recovering = list(stream.elements())
            else:
                stream.skip()
        stream.end()
        if agents is None:
            raise ValueError("there are no agents")
        return _agents_state(agents, recovering, unreachable)
    except _MALFORMED as error:
        raise _not_understood(stream, error) from error


def _agents_state(
    agents: Sequence[AgentState], recovering: Sequence[Mapping[str, Any]], unreachable: int
) -> AgentsState:
    """All of them, with names by which each is told from the others."""
    facts = told_apart([agent.facts for agent in agents], recovering)
    named = (
        agent if own is agent.facts else replace(agent, facts=own)
        for agent, own in zip(agents, facts, strict=True)
    )
    return AgentsState(tuple(named), recovering_names(recovering, facts), unreachable)


def agent_state(agent: Mapping[str, Any]) -> AgentState:
    """An agent in an answer of `/slaves` or `/state`. ValueError and others if it is malformed.

    `/state` does not tell for which role that is reserved which is used: it is taken for unreserved as far as
    there is so much of that.
    """
    facts = agents_of({"slaves": [agent]})[0]
    used = _in_full(agent, "used_resources")
    offered = _in_full(agent, "offered_resources")
    drained = agent.get("drain_info") or {}
    return AgentState(
        facts=facts,
        free=left_of(left_of(facts.resources, used), offered),
        offered=offered,
        deactivated=bool(agent.get("deactivated", False)),
        draining=str(drained.get("state", "")),
        registered_at=float(agent.get("reregistered_time", agent.get("registered_time", 0.0))),
    )


def splits_reservations(agent: Mapping[str, Any]) -> bool:
    """Whether an agent shows for which role that is reserved which is used or offered there."""
    if "used_resources_full" in agent or not agent.get("reserved_resources"):
        return True
    return not any(
        summed_up(agent.get(name) or {}).scalars() for name in ("used_resources", "offered_resources")
    )


def summed_up(quantities: Mapping[str, Any]) -> Resources:
    """A summary such as `used_resources`, as if all of it were unreserved; without what may be revoked."""
    values: dict[ResourceKey, Value] = {}
    for name, quantity in quantities.items():
        if not name.endswith(REVOCABLE):
            if isinstance(quantity, (int, float)):
                values[ResourceKey(name, ANY_ROLE)] = round(quantity * 1000)
            elif not isinstance(parsed := parse_value(str(quantity)), str):
                values[ResourceKey(name, ANY_ROLE)] = parsed
    return Resources(values)


def left_of(total: Resources, taken: Resources) -> Resources:
    """What is left, never less than nothing; what a role does not have so much of is taken from others.

    So it comes out right in sum where reservations are hidden from us.
    """
    left = dict(total)
    for key, value in taken:
        roles = [key, ResourceKey(key.name, ANY_ROLE), *(one for one in left if one.name == key.name)]
        for one in dict.fromkeys(roles):
            if one in left:
                left[one], value = _taken_from(left[one], value)
    return Resources(left)


def read_state(stream: JsonStream, *, read_at: float) -> ClusterState:
    """What an answer of `/state` tells, or of `/frameworks`, which is the same without agents.

    Raises MesosError if it is none.
    """
    try:
        return _StateReading(stream, read_at).read()
    except _MALFORMED as error:
        raise _not_understood(stream, error) from error


class _StateReading:
    def __init__(self, stream: JsonStream, read_at: float) -> None:
        self._stream = stream
        self._read_at = read_at
        self._history = TaskHistory()
        self._frameworks: list[FrameworkState] = []
        self._splits = True

    def read(self) -> ClusterState:
        stream = self._stream
        agents: list[AgentState] = []
        recovering: list[Mapping[str, Any]] = []
        unreachable, known = 0, False
        for name in stream.members():
            if name == "slaves":
                for agent in stream.elements():
                    agents.append(agent_state(agent))
                    self._splits = self._splits and splits_reservations(agent)
            elif name == "recovered_slaves":
                recovering.extend(stream.elements())
            elif name == "unreachable_slaves":
                unreachable = int(stream.value())
            elif name in ("frameworks", "completed_frameworks"):
                known = True
                for _ in stream.items():
                    self._frameworks.append(self._framework(completed=name == "completed_frameworks"))
            else:
                stream.skip()
        stream.end()
        if not known:
            raise ValueError("there are no frameworks")
        return ClusterState(
            agents=_agents_state(agents, recovering, unreachable),
            frameworks=tuple(sorted(self._frameworks, key=lambda one: one.completed)),
            series=self._history.series(),
            read_at=self._read_at,
            splits_reservations=self._splits,
        )

    def _framework(self, *, completed: bool) -> FrameworkState:
        """The framework that comes next. Its tasks stand behind its name, which tells executors of Spark."""
        stream = self._stream
        head: dict[str, Any] = {}
        tasks = _Tasks(self._history)
        offers: set[str] = set()
        for name in stream.members():
            if name in _TASK_LISTS:
                for task in stream.elements():
                    tasks.add(str(head.get("name", "")), task)
            elif name == "offers":
                for offer in stream.elements():
                    if len(offers) < _KEPT_OFFERS:
                        offers.add(str(offer["id"]))
            elif name in ("executors", "completed_executors"):
                for executor in stream.elements():
                    command = (executor.get("command") or {}).get("value", "")
                    tasks.runs_executors = tasks.runs_executors or _EXECUTOR_COMMAND in str(command)
            elif stream.is_array() and name not in ("roles", "capabilities"):
                stream.skip()
            else:
                head[name] = stream.value()
        return FrameworkState(
            id=str(head["id"]),
            name=str(head["name"]),
            roles=tuple(head.get("roles") or (str(head.get("role", ANY_ROLE)),)),
            principal=str(head.get("principal", "")),
            user=str(head.get("user", "")),
            hostname=str(head.get("hostname", "")),
            webui_url=str(head.get("webui_url", "")),
            active=bool(head.get("active", False)),
            # Masters before 1.0 do not tell it; there an active one is connected.
            connected=bool(head.get("connected", head.get("active", False))),
            registered_at=float(head.get("registered_time", 0.0)),
            used=summed_up(head.get("used_resources") or {}),
            offered=summed_up(head.get("offered_resources") or {}),
            tasks=dict(tasks.states),
            failed=tasks.failed.all(),
            completed=completed,
            staging=tuple(tasks.staging),
            offers=frozenset(offers),
            failover_timeout=float(head.get("failover_timeout", 0.0)),
            runs_executors=tasks.runs_executors,
            runs_drivers=tasks.runs_drivers,
        )


class _Tasks:
    """The tasks of one framework."""

    def __init__(self, history: TaskHistory) -> None:
        self._history = history
        self.states: Counter[str] = Counter()
        self.failed = Newest(_KEPT_FAILURES)
        self.staging: list[TaskState] = []
        self.runs_executors = False
        self.runs_drivers = False

    def add(self, framework: str, task: Mapping[str, Any]) -> None:
        state, name = task["state"], task["name"]
        self.states[state] += 1
        is_driver = name.startswith(_DRIVER_NAME)
        # Spark's coarse-grained executors (`MesosCoarseGrainedSchedulerBackend.createMesosTasks`; Spark 1 did
        # without the application's name: `createCommand`'s caller in its CoarseMesosSchedulerBackend).
        is_executor = not is_driver and name in (f"{framework} {task['id']}", f"Task {task['id']}")
        self.runs_drivers = self.runs_drivers or is_driver
        self.runs_executors = self.runs_executors or is_executor
        self._history.add(framework, task, of_spark=is_driver or is_executor)
        if state == STAGING:
            if len(self.staging) < _KEPT_STAGING:
                self.staging.append(task_state(task))
        elif state in FAILED or state in LOST or state == UNREACHABLE:
            self.failed.add(task_state(task))


def _not_understood(stream: JsonStream, error: Exception) -> MesosError:
    return MesosError(
        f"{stream.source} answered what cannot be understood: {error!r}",
        hint="Check that the address is that of a Mesos master, and that no proxy changes its answers",
    )


def _in_full(agent: Mapping[str, Any], name: str) -> Resources:
    """Resources by role if they are listed one by one, else their sum."""
    full = agent.get(f"{name}_full")
    if full is None:
        return summed_up(agent.get(name) or {})
    return Resources.from_json([resource for resource in full if "revocable" not in resource])


def _taken_from(value: Value, taken: Value) -> tuple[Value, Value]:
    """What is left, and what is still to be taken."""
    if isinstance(value, int) and isinstance(taken, int):
        return max(value - taken, 0), max(taken - value, 0)
    if isinstance(value, Ranges) and isinstance(taken, Ranges):
        return value - taken, taken - value
    if isinstance(value, frozenset) and isinstance(taken, frozenset):
        return value - taken, taken - value
    return value, taken
