"""What an agent writes down, so that the one that is started in its place can take over.

The folders are those of a Mesos agent (`meta/slaves/ID/...`), the content is JSON. Only executors of
checkpointing frameworks are written down. It guards against the death of an agent, not of the machine, so
nothing is flushed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from sparkmesos_core.localcluster.agent.executor import Executor, Task
from sparkmesos_core.localcluster.messages import Drain
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES

JsonObject = dict[str, Any]

_AGENT_FILE = "slave.info"
_DRAIN_FILE = "drain.config"

logger = logging.getLogger(__name__)


@dataclass
class RecoveredTask:
    """A task of a former agent, and what of its updates is not acknowledged, oldest first."""

    task: Task
    unacknowledged: list[JsonObject] = field(default_factory=list)


@dataclass
class RecoveredExecutor:
    """An executor of a former agent."""

    executor: Executor
    tasks: list[RecoveredTask]


@dataclass
class Recovered:
    """What a former agent of the same process has left."""

    agent_id: str
    agent: JsonObject
    draining: Drain | None = None
    frameworks: list[JsonObject] = field(default_factory=list)
    executors: list[RecoveredExecutor] = field(default_factory=list)


@contextlib.contextmanager
def not_vital(what: str) -> Iterator[None]:
    """Writes what the agent can do without, at the worst by repeating itself after a restart.

    If the disk is full, say, that is logged, and it goes on. Mesos' agent ends itself whatever it is.
    """
    try:
        yield
    except OSError as error:
        logger.error("%s could not be written down: %s", what, error)


class Checkpoint:
    """The files below `work_dir/meta`; what writes them raises OSError."""

    def __init__(self, work_dir: Path) -> None:
        self._work_dir = work_dir
        self._agents = work_dir / "meta" / "slaves"
        self._latest = self._agents / "latest"

    # --- writing

    def agent(self, agent_id: str, description: JsonObject) -> None:
        """The agent has got its id."""
        folder = self._agents / agent_id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(self._agents.parent / "boot_id", _this_process())
        _write(folder / _AGENT_FILE, {"id": agent_id, **description})
        link = self._agents / ".latest"
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(agent_id)
        link.replace(self._latest)

    def forget_agent(self) -> None:
        """The agent ends for good: the next one gets another id."""
        self._latest.unlink(missing_ok=True)

    def draining(self, agent_id: str, draining: Drain | None) -> None:
        """How the agent is drained; None if it is no longer."""
        path = self._agents / agent_id / _DRAIN_FILE
        if draining is None:
            path.unlink(missing_ok=True)
        else:
            _write(path, asdict(draining))

    def framework(self, agent_id: str, info: JsonObject) -> None:
        """A framework, or what has become of it."""
        folder = self._framework(agent_id, str(info["id"]["value"]))
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "framework.info", info)

    def executor(self, agent_id: str, executor: Executor) -> None:
        """An executor that is about to be launched."""
        run = self._run(agent_id, executor)
        (run / "tasks").mkdir(parents=True, exist_ok=True)
        description = {
            "info": executor.info,
            "role": executor.role,
            "is_command": executor.is_command,
            "latest": executor.container_id,
        }
        _write(run.parent.parent / "executor.info", description)

    def forked(self, agent_id: str, executor: Executor, pid: int | None) -> None:
        """The executor's container runs: `pid` is its first process, if it has one."""
        folder = self._run(agent_id, executor) / "pids"
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "forked.pid", pid)

    def completed(self, agent_id: str, executor: Executor) -> None:
        """The executor and all its tasks have ended, and that is acknowledged."""
        run = self._run(agent_id, executor)
        if run.exists():
            (run / "executor.sentinel").touch()

    def task(self, agent_id: str, executor: Executor, task: Task) -> None:
        """A task that is about to be given to its executor."""
        folder = self._task(agent_id, executor, task.task_id)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "task.info", {"info": task.info, "role": task.role})

    def update(self, agent_id: str, executor: Executor, task_id: str, status: JsonObject) -> None:
        """A status update, before it is acknowledged to the executor."""
        _append(self._task(agent_id, executor, task_id) / "task.updates", {"update": status})

    def acknowledgement(self, agent_id: str, executor: Executor, task_id: str, uuid: str) -> None:
        """The framework has acknowledged an update."""
        _append(self._task(agent_id, executor, task_id) / "task.updates", {"acknowledged": uuid})

    # --- reading

    def recover(self) -> Recovered | None:
        """What the last agent here has left; None if there was none, or its process has ended.

        Whatever was being written when that agent died is left out.
        """
        if _read(self._agents.parent / "boot_id") != _this_process():
            return None
        agent = _read(self._latest / _AGENT_FILE)
        if not isinstance(agent, dict):
            return None
        result = Recovered(str(agent.pop("id")), agent)
        if isinstance(draining := _read(self._latest / _DRAIN_FILE), dict):
            result.draining = Drain(**draining)
        for folder in _folders(self._agents / result.agent_id / "frameworks"):
            info = _read(folder / "framework.info")
            if not isinstance(info, dict):
                continue
            executors = [e for f in _folders(folder / "executors") if (e := self._executor(result, info, f))]
            if executors:
                result.frameworks.append(info)
                result.executors += executors
        return result

    def _executor(self, agent: Recovered, framework: JsonObject, folder: Path) -> RecoveredExecutor | None:
        description = _read(folder / "executor.info")
        if not isinstance(description, dict):
            return None
        container_id = str(description["latest"])
        run = folder / "runs" / container_id
        if (run / "executor.sentinel").exists() or not (run / "pids" / "forked.pid").exists():
            return None  # completed, or never started
        framework_id = str(framework["id"]["value"])
        executor = Executor(
            framework_id=framework_id,
            info=description["info"],
            role=description["role"],
            container_id=container_id,
            sandbox=self.sandbox(agent.agent_id, framework_id, folder.name, container_id),
            is_command=bool(description["is_command"]),
            checkpoint=True,
            ever_sent_task=True,
        )
        tasks = [t for f in _folders(run / "tasks") if (t := _recovered_task(executor, f)) is not None]
        for recovered in tasks:
            task = recovered.task
            if not task.ended:
                executor.launched[task.task_id] = task
            elif recovered.unacknowledged:
                executor.terminated[task.task_id] = task
            else:
                executor.completed.append(task)
        return RecoveredExecutor(executor, tasks)

    # --- folders

    def sandbox(self, agent_id: str, framework_id: str, executor_id: str, container_id: str) -> Path:
        """The sandbox of an executor's container."""
        below = Path("slaves", agent_id, "frameworks", framework_id, "executors", executor_id, "runs")
        return self._work_dir / below / container_id

    def _framework(self, agent_id: str, framework_id: str) -> Path:
        return self._agents / agent_id / "frameworks" / framework_id

    def _run(self, agent_id: str, executor: Executor) -> Path:
        folder = self._framework(agent_id, executor.framework_id) / "executors" / executor.executor_id
        return folder / "runs" / executor.container_id

    def _task(self, agent_id: str, executor: Executor, task_id: str) -> Path:
        return self._run(agent_id, executor) / "tasks" / task_id


def _recovered_task(executor: Executor, folder: Path) -> RecoveredTask | None:
    description = _read(folder / "task.info")
    if not isinstance(description, dict):
        return None
    task = Task(executor.framework_id, description["info"], description["role"], executor.executor_id)
    result = RecoveredTask(task)
    _end_last_line(folder / "task.updates")
    for entry in _entries(folder / "task.updates"):
        if "update" in entry:
            status = entry["update"]
            task.statuses.append(status)
            if task.state not in TERMINAL_STATES:
                task.state = status["state"]
            result.unacknowledged.append(status)
        else:
            result.unacknowledged = [
                status for status in result.unacknowledged if status["uuid"] != entry["acknowledged"]
            ]
    task.sent = len(task.statuses) - len(result.unacknowledged)
    return result


def _this_process() -> JsonObject:
    """What tells this process from all others: with it end those that its agents have started."""
    return {"pid": os.getpid(), "started": psutil.Process().create_time()}


def _write(path: Path, value: Any) -> None:
    """Replace a file as a whole; nobody else can read it, since tasks hold secrets."""
    new = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as writer:
        json.dump(value, writer)
    new.replace(path)


def _append(path: Path, value: Any) -> None:
    """Add a line, or nothing: half a one, as when the disk is full, would spoil the next."""
    left = (json.dumps(value) + "\n").encode()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        before = os.fstat(file).st_size
        try:
            while left:
                left = left[os.write(file, left) :]
        except OSError:
            os.ftruncate(file, before)
            raise
    finally:
        os.close(file)


def _end_last_line(path: Path) -> None:
    """What is appended to half a line would be lost with it."""
    with contextlib.suppress(OSError):
        if not path.read_bytes().endswith(b"\n"):
            with path.open("ab") as writer:
                writer.write(b"\n")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _entries(path: Path) -> Iterator[JsonObject]:
    """The whole lines of a file."""
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            with contextlib.suppress(ValueError):
                yield json.loads(line)


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []
