"""Where the files of a driver and of its executors are: on which agent, in which executor's sandbox.

Our dispatcher tells where a driver runs. Of Spark's own only the agent's id can be known, by which the Mesos
master finds it. Executors belong to the framework that the driver itself registers: its id ends in that of
the driver's task, behind the id of the dispatcher's framework; for a second SparkContext `-0001` follows, and
so on (`MesosClusterScheduler.getDriverFrameworkID`, `MesosCoarseGrainedSchedulerBackend.start`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkmesos_core.errors import DispatcherError, MesosError
from sparkmesos_core.mesos.sandbox_files import SandboxFiles

if TYPE_CHECKING:
    from sparkmesos_core.dispatcher.messages import DriverStatus
    from sparkmesos_core.mesos.http import MesosHttp

_MASTER_HINT = (
    "Give the dispatcher with --dispatcher, and the Mesos master with --master: mesos://HOST:5050 or"
    " mesos://zk://HOST:2181/mesos."
)


@dataclass(frozen=True)
class Sandbox:
    """The sandbox of one executor."""

    agent_url: str
    framework_id: str | None
    """None if it is not known, and need not be: the executor's id is one of a kind."""
    executor_id: str


@dataclass(frozen=True)
class ExecutorTask:
    """A task of a driver's application, by which its executor is found."""

    framework_id: str
    executor_id: str
    agent_id: str
    state: str


class DriverSandboxes:
    """Finds sandboxes, and opens them. Keeps a connection to each agent; not for several threads at once.

    `agent` makes the client of an agent's URL; `master` that of the leading Mesos master, or None if that is
    not known. Methods raise UnreachableError, MesosError, and DispatcherError where nobody can know.
    """

    def __init__(
        self, agent: Callable[[str], MesosHttp], master: Callable[[], MesosHttp | None] = lambda: None
    ) -> None:
        self._agent = agent
        self._master = master
        self._agents: dict[str, MesosHttp] = {}
        self._urls: dict[str, str] = {}
        """Of agents that a master was asked for, by their ids."""

    def of_driver(self, status: DriverStatus) -> Sandbox | None:
        """The sandbox of the driver's latest task; None while it has none."""
        if (told := told_sandbox(status)) is not None:
            return told
        if not status.agent_id:
            return None
        if status.agent_id not in self._urls:
            answer, scheme = self._ask_master("/slaves", "where the driver's agent is")
            self._urls[status.agent_id] = agent_url(answer, status.agent_id, scheme)
        return Sandbox(self._urls[status.agent_id], None, status.task_id)

    def of_executor(self, status: DriverStatus, executor_id: str) -> Sandbox:
        """The sandbox of an executor of the driver's latest task; of several of that id the last."""
        state, scheme = self._ask_master("/state", "where executors are")
        tasks = list(executor_tasks(state, status.task_id))
        chosen = [task for task in tasks if task.executor_id == executor_id]
        if not chosen:
            known = ", ".join(sorted({task.executor_id for task in tasks}, key=_natural))
            raise MesosError(
                f"Mesos knows no executor {executor_id} of {status.submission_id}",
                hint=f"It has {known}."
                if known
                else "It has had no executor yet, or Mesos has forgotten them since.",
            )
        url = agent_url(state, chosen[-1].agent_id, scheme)
        return Sandbox(url, chosen[-1].framework_id, executor_id)

    def open(self, sandbox: Sandbox) -> tuple[SandboxFiles, str]:
        """The files of its agent, and the path of the sandbox there."""
        url = sandbox.agent_url
        if url not in self._agents:
            self._agents[url] = self._agent(url)
        files = SandboxFiles(self._agents[url])
        return files, files.directory(sandbox.framework_id, sandbox.executor_id)

    def close(self) -> None:
        """Close all connections."""
        while self._agents:
            self._agents.popitem()[1].close()

    def _ask_master(self, path: str, what: str) -> tuple[Mapping[str, Any], str]:
        """The master's answer, and whether it speaks http or https."""
        leader = self._master()
        if leader is None:
            raise DispatcherError(f"The dispatcher does not tell {what}: Mesos has to", hint=_MASTER_HINT)
        with leader as master:
            answer = master.get_json(path)
            scheme = master.base_url.partition(":")[0]
        return answer if isinstance(answer, dict) else {}, scheme


def told_sandbox(status: DriverStatus) -> Sandbox | None:
    """The sandbox that our dispatcher tells; None if there is none, or the dispatcher is Spark's."""
    url, task_id, framework_id = (status.text(name) for name in ("agentUrl", "taskId", "driverFrameworkId"))
    if not url or not task_id:
        return None
    own = framework_id.removesuffix(f"-{task_id}")
    return Sandbox(url, own if own != framework_id else None, task_id)


def agent_url(master_answer: Mapping[str, Any], agent_id: str, scheme: str = "http") -> str:
    """Where an agent answers, by what a master says of its agents, and taken to speak as that does.

    Raises MesosError for one that is gone.
    """
    for agent in _elements(master_answer, "slaves"):
        if agent.get("id") == agent_id:
            address = str(agent.get("pid", "")).rpartition("@")[2]
            if address:
                return f"{scheme}://{address}"
    raise MesosError(
        f"The agent {agent_id} is not registered with the Mesos master",
        hint="The files are on that agent, if it still runs.",
    )


def executor_tasks(master_state: Mapping[str, Any], driver_task_id: str) -> Iterator[ExecutorTask]:
    """The tasks of the frameworks that a driver's task has registered, by a master's state."""
    pattern = re.compile(rf"\S*-{re.escape(driver_task_id)}(-\d{{4}})?")
    for frameworks in ("completed_frameworks", "frameworks"):
        for framework in _elements(master_state, frameworks):
            framework_id = str(framework.get("id", ""))
            if not pattern.fullmatch(framework_id):
                continue
            for tasks in ("completed_tasks", "unreachable_tasks", "tasks"):
                for task in _elements(framework, tasks):
                    # A task without an executor of its own has one of the task's id.
                    executor_id = str(task.get("executor_id") or task.get("id"))
                    yield ExecutorTask(
                        framework_id, executor_id, str(task.get("slave_id")), str(task.get("state"))
                    )


def _elements(parent: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    elements = parent.get(name)
    return (one for one in elements if isinstance(one, dict)) if isinstance(elements, list) else iter(())


def _natural(text: str) -> tuple[int, str]:
    return len(text), text
