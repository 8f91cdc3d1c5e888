"""The Spark application of `--probe-spark`: what it is told, and what its course says. No I/O."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.mesos.resources import Ranges
from sparkmesos_core.quoting import printable
from sparkmesos_core.spark.arguments import GivenOption
from sparkmesos_core.verify.check import Problem, Verdict
from sparkmesos_core.verify.facts.cluster_state import AgentState
from sparkmesos_core.verify.named_agents import counted, lines, part_of, some_names

APPLICATION = Path(__file__).with_name("spark_application.py")
NAME = "sparkmesos probe of Spark"

EXECUTOR_CORES, EXECUTOR_MEMORY = "spark.executor.cores", "spark.executor.memory"
BLOCK_MANAGER_PORT, DRIVERS_BLOCK_MANAGER_PORT = "spark.blockManager.port", "spark.driver.blockManager.port"

_SMALL = {EXECUTOR_CORES: "1", EXECUTOR_MEMORY: "512m"}
"""What is asked for where nothing is configured. Spark refuses less than 450 MiB (UnifiedMemoryManager)."""
_FAILOVER_SECONDS = "1.0"
"""If the driver is killed, Mesos ends what it has started; without it the bridge asks for two minutes."""
_MARK = "SPARKMESOS-PROBE "
_ADVICE = "sparkmesos: "
_LAST_LINES = 400
_SHOWN_LINES = 20
_CAUSE = re.compile(r"(?:[\w$]+\.)+[\w$]*(?:Exception|Error): \S.*")
_OF_PYTHON = "py4j."
_NOT_TELLING = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (?:INFO|DEBUG) |(?:\s|\\t)+at \S+\(")
_LONGEST_CAUSE = 300
_MOST_FAILURES = 2
"""After so many Spark gives an agent up (`MesosCoarseGrainedSchedulerBackend.MAX_AGENT_FAILURES`)."""

# What is about the application that was named, and not about the cluster; or what is decided here.
_OTHERS_OPTIONS = frozenset(
    {"--class", "--deploy-mode", "--master", "--name", "--num-executors", "--py-files", "--supervise"}
    | {"--total-executor-cores", "--verbose"}
)


def own_settings(
    configuration: Mapping[str, str], master: str, agents: int, port: int | None
) -> dict[str, str]:
    """The properties that make an application one of one executor per agent, for so many agents.

    With as many cores as so many executors have, Spark starts one on each agent that it is offered before it
    starts a second one anywhere. A fixed `port` makes sure of that: on each agent there is only one of it.
    """
    settings = {key: configuration.get(key, small) for key, small in _SMALL.items()}
    settings |= {
        "spark.master": master,
        "spark.submit.deployMode": "client",
        "spark.app.name": NAME,
        "spark.cores.max": str(agents * int(settings[EXECUTOR_CORES])),
        "spark.dynamicAllocation.enabled": "false",
        "spark.mesos.driver.failoverTimeout": _FAILOVER_SECONDS,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",  # its bars end no line: ours would stand behind them
        "spark.eventLog.enabled": "false",
    }
    if port is not None:
        settings[BLOCK_MANAGER_PORT] = str(port)
        settings[DRIVERS_BLOCK_MANAGER_PORT] = configuration.get(DRIVERS_BLOCK_MANAGER_PORT, "0")
    return settings


def common_port(agents: Sequence[AgentState], role: str, configuration: Mapping[str, str]) -> int | None:
    """A port that all these agents could give an executor; None if there is none, or one is set already.

    Several agents on one machine cannot all have the same one.
    """
    addresses = {agent.facts.host for agent in agents}
    if BLOCK_MANAGER_PORT in configuration or not agents or len(addresses) < len(agents):
        return None
    first, *others = [_ports(agent, role) for agent in agents]
    if first is None or None in others:
        return None
    for begin, end in reversed(first.pairs):
        for port in range(end, begin - 1, -1):
            one = Ranges.of([(port, port)])
            if all(ports is not None and ports.contains(one) for ports in others):
                return port
    return None


def _ports(agent: AgentState, role: str) -> Ranges | None:
    ports = agent.free.available_to(role).total("ports")
    return ports if isinstance(ports, Ranges) and ports else None


def command_line(
    given: Iterable[GivenOption], settings: Mapping[str, str], executors: int, seconds: float, pid: int
) -> list[str]:
    """The arguments of spark-submit: those that were given with verify-cluster, and ours behind them."""
    options: list[str] = []
    for one in given:
        if one.name not in _OTHERS_OPTIONS:
            options += [one.name] if one.value is None else [one.name, one.value]
    for key, value in settings.items():
        if key != "spark.master":  # which is an option
            options += ["--conf", f"{key}={value}"]
    return [*options, str(APPLICATION), str(executors), f"{seconds:g}", str(pid)]


@dataclass(frozen=True)
class JobTask:
    """A task of the application at Mesos, which is an executor of Spark, of the same id."""

    id: str
    agent_id: str
    state: str

    @property
    def failed(self) -> bool:
        """Whether it has ended otherwise than by the end of the application."""
        return self.state in ("TASK_FAILED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED", "TASK_GONE")


@dataclass
class Course:
    """What is known while the application runs. `agents` are the names of those to try, by their ids."""

    agents: Mapping[str, str]
    framework: str = ""
    """The id of its framework; empty before it is registered."""
    worked: set[str] = field(default_factory=set)
    """The ids of executors that have run a task."""
    registered: set[str] = field(default_factory=set)
    """The ids of executors that have found the driver."""
    tasks: dict[str, JobTask] = field(default_factory=dict)
    output: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    advice: list[str] = field(default_factory=list)
    """What the bridge has last said about why no executor starts."""

    def on_line(self, line: str) -> None:
        """A line that the driver has written."""
        if line.startswith(_MARK):
            content: dict[str, Any] = json.loads(line.removeprefix(_MARK))
            self.framework = content.get("framework", self.framework)
            if "executor" in content:
                self.registered.add(content["executor"])
                if content["worked"]:
                    self.worked.add(content["executor"])
            return
        self.output.append(line)
        if line.startswith(_ADVICE):
            said = line.removeprefix(_ADVICE)
            if said.startswith("No executor has started"):
                self.advice.clear()
            self.advice.append(said)

    def on_tasks(self, tasks: Iterable[Mapping[str, Any]]) -> None:
        """The tasks that the master knows, as `/tasks` lists them."""
        for task in tasks:
            if task["framework_id"] == self.framework:
                self.tasks[task["id"]] = JobTask(task["id"], task["slave_id"], task["state"])

    @property
    def is_decided(self) -> bool:
        """Whether each agent has run something, or has failed so often that Spark has given it up."""
        return all(self._has_worked(id) or len(self.failures(id)) >= _MOST_FAILURES for id in self.agents)

    @property
    def has_succeeded(self) -> bool:
        """Whether each agent has run something."""
        return all(map(self._has_worked, self.agents))

    def failures(self, agent_id: str) -> list[JobTask]:
        """The executors that have ended on an agent before the application."""
        return [task for task in self.tasks.values() if task.agent_id == agent_id and task.failed]

    def _has_worked(self, agent_id: str) -> bool:
        return any(self.tasks[id].agent_id == agent_id for id in self.worked if id in self.tasks)

    def _has_any(self, agent_id: str) -> bool:
        return any(task.agent_id == agent_id for task in self.tasks.values())

    def unsuccessful(self) -> dict[str, JobTask]:
        """By agent: the last executor that has not run anything, on agents without one that has."""
        return {
            task.agent_id: task
            for task in self.tasks.values()
            if task.agent_id in self.agents and not self._has_worked(task.agent_id)
        }

    def result(self, *, status: int | None, seconds: float, words: Mapping[str, Sequence[str]]) -> SparkJob:
        """What has come of it. `status` is that of the driver, None if it was ended since nothing more was to
        come; `words` is the end of the stderr of agents' executors, by the agents' ids."""
        failed, untried = [], []
        for id, name in self.agents.items():
            if self._has_worked(id):
                continue
            if not self._has_any(id):
                untried.append(name)
                continue
            failed.append(FailedAgent(name, self._fate(id), tuple(words.get(id, ()))))
        return SparkJob(
            executors=sum(map(self._has_worked, self.agents)),
            agents=len(self.agents),
            is_registered=bool(self.framework),
            failed=tuple(failed),
            untried=tuple(untried),
            has_enough=len(self.worked) >= len(self.agents),
            status=status,
            seconds=seconds,
            cause=cause_in(self.output),
            output=tuple(line for line in self.output if not _NOT_TELLING.match(line))[-_SHOWN_LINES:],
            advice=tuple(self.advice),
        )

    def _fate(self, agent_id: str) -> str:
        if failures := self.failures(agent_id):
            return f"{counted(len(failures), 'executor')} ended there: {failures[-1].state}"
        ids = {task.id for task in self.tasks.values() if task.agent_id == agent_id}
        if ids & self.registered:
            return "its executor has run no task"
        return "its executor has not found the driver"


@dataclass(frozen=True)
class FailedAgent:
    """An agent on which executors were started, of which none has run a task."""

    name: str
    fate: str
    words: tuple[str, ...] = ()
    """The end of what the last of them wrote to its stderr."""


@dataclass(frozen=True)
class SparkJob:
    """What has come of the application."""

    agents: int
    """How many were to be tried."""
    executors: int = 0
    """On how many of them an executor has run a task."""
    busy: tuple[str, ...] = ()
    """Agents that have no room for an executor now."""
    is_registered: bool = False
    """Whether Mesos has taken the framework."""
    failed: tuple[FailedAgent, ...] = ()
    untried: tuple[str, ...] = ()
    """Agents on which Spark has started nothing."""
    has_enough: bool = False
    """Whether as many executors have worked as there are agents, wherever."""
    status: int | None = None
    seconds: float = 0.0
    cause: str = ""
    """The exception that the driver has ended with, as far as it can be told."""
    output: tuple[str, ...] = ()
    """The end of what the driver has written, without what tells nothing."""
    advice: tuple[str, ...] = ()


def cause_in(lines: Iterable[str]) -> str:
    """The exception at the root of the last one that is told of; empty if there is none."""
    found = ""
    for line in lines:
        if (match := _CAUSE.search(line)) and not match[0].startswith(_OF_PYTHON):
            found = match[0]
    return found[:_LONGEST_CAUSE]


def judge(job: SparkJob) -> Verdict:
    """What is wrong, by what has come of it."""
    if not job.agents:
        return Verdict("no application was run", (_no_room(job),))
    busy = f"; no room on {some_names(job.busy)}" if job.busy else ""
    seen = (
        f"an executor has run tasks on {part_of(job.executors, job.agents)}, within {job.seconds:.0f} s{busy}"
    )
    if not job.is_registered:
        return Verdict("Spark's driver has not been registered with Mesos", (_no_driver(job),))
    if job.status and job.untried and not job.failed:
        return Verdict(seen, (_no_driver(job),))
    problems = []
    if job.failed:
        problems.append(_failed(job))
    if job.untried:
        problems.append(_untried(job))
    return Verdict(seen, tuple(problems))


def _no_room(job: SparkJob) -> Problem:
    return Problem(
        Severity.ERROR,
        "No agent has room for an executor now, so that no application of Spark was run: "
        f"{some_names(job.busy)}",
        "Wait until others have ended, end what is not needed, or add agents: the checks agents-free-now and "
        "frameworks-hoarding tell who uses or holds what there is.",
    )


def _no_driver(job: SparkJob) -> Problem:
    what = (
        "before it had executors everywhere" if job.is_registered else "before it was registered with Mesos"
    )
    ended = f"ended with exit code {job.status} {what}"
    said = f": {printable(job.cause)}" if job.cause else ""
    return Problem(
        Severity.ERROR,
        f"Spark's driver {'was not registered with Mesos in time' if job.status is None else ended}{said}",
        _advised(job)
        or "What it wrote tells why, the end of which the details have; run an application with "
        "`sparkmesos submit -v` to see it all.",
        details=lines(job.output),
    )


def _failed(job: SparkJob) -> Problem:
    details: list[str] = []
    for agent in job.failed:
        details += [f"{agent.name}: {agent.fate}", *(f"  {word}" for word in agent.words)]
    where = part_of(len(job.failed), job.agents)
    return Problem(
        Severity.ERROR,
        f"Executors of Spark were started on {where} and have run no task: "
        f"{some_names([agent.name for agent in job.failed])}",
        _advised(job)
        or "What the executors wrote to stderr, as the details have it, tells why: agents need Java, Spark "
        "where executors look for it, and a way to the driver.",
        details=lines(details),
    )


def _untried(job: SparkJob) -> Problem:
    where = f"Spark has started no executor on {part_of(len(job.untried), job.agents)}"
    if job.has_enough or job.failed:
        return Problem(
            Severity.NOTE,
            f"{where}, since others were offered to it first: {some_names(job.untried)}",
            "Run it again while nobody else takes part of the cluster.",
        )
    return Problem(
        Severity.ERROR,
        f"{where}: {some_names(job.untried)}",
        _advised(job)
        or "See who holds the offers of these agents, and which quotas and roles keep them back.",
        details=lines(job.advice),
    )


def _advised(job: SparkJob) -> str:
    """What the bridge advises: its last sentence of what to do."""
    for line in reversed(job.advice):
        if line.startswith("What to do: "):
            advice = line.removeprefix("What to do: ")
            return advice[:1].upper() + advice[1:]
    return ""
