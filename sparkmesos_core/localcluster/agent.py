"""An embedded agent: runs command tasks in sandboxes and reports on them, as Mesos' command executor does."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import os
import pwd
import signal
import threading
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparkmesos_core.localcluster import fetcher, task_process
from sparkmesos_core.localcluster.executor_environment import SYSTEM_PATH
from sparkmesos_core.localcluster.launch_validation import capabilities
from sparkmesos_core.localcluster.master_state import TERMINAL_STATES
from sparkmesos_core.localcluster.messages import (
    AcknowledgeUpdate,
    KillTask,
    RunTask,
    ShutdownFramework,
    StatusUpdate,
    ToAgent,
    UpdateFramework,
)
from sparkmesos_core.localcluster.orphans import end_orphans
from sparkmesos_core.localcluster.process_table import ProcessTable
from sparkmesos_core.localcluster.scheduler_call import grace_seconds
from sparkmesos_core.localcluster.status_updates import FIRST_RETRY_SECONDS, UpdateQueue

JsonObject = dict[str, Any]

MAX_COMPLETED_RUNS = 150
MAX_COMPLETED_FRAMEWORKS = 50
DEFAULT_GRACE_SECONDS = 3.0
"""Between SIGTERM and SIGKILL when no kill policy says otherwise, as in Mesos' command executor."""

logger = logging.getLogger(__name__)


class LaunchFailed(Exception):
    """A container that cannot be launched: the status message, and its reason."""

    def __init__(self, message: str, reason: str = "REASON_CONTAINER_LAUNCH_FAILED") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


@dataclass(frozen=True)
class AgentOptions:
    """What is fixed for an agent's life. `resources` and `attributes` are texts as in Mesos' flags."""

    agent_id: str
    hostname: str
    ip: str
    port: int
    work_dir: Path
    resources: str
    attributes: str = ""
    executor_environment: Mapping[str, str] = field(default_factory=dict)
    update_retry: float = FIRST_RETRY_SECONDS


@dataclass
class Run:
    """One run of a task: its container, its sandbox and everything that was reported about it."""

    framework_id: str
    task: JsonObject
    role: str
    container_id: str
    sandbox: Path
    updates: UpdateQueue
    state: str = "TASK_STAGING"
    statuses: list[JsonObject] = field(default_factory=list)
    pid: int | None = None
    process: task_process.TaskProcess | None = None
    kill_wanted: bool = False
    exited: bool = False
    fetching: asyncio.Future[None] | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    ending: asyncio.Task[None] | None = None
    worker: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None

    @property
    def task_id(self) -> str:
        """The task's id, which is also the command executor's."""
        return str(self.task["task_id"]["value"])

    @property
    def ended(self) -> bool:
        """Whether a terminal state was reported."""
        return self.state in TERMINAL_STATES


@dataclass
class FrameworkOnAgent:
    """A framework's runs on one agent; those in `completed` have ended and been acknowledged."""

    info: JsonObject
    runs: dict[str, Run] = field(default_factory=dict)
    completed: deque[Run] = field(default_factory=lambda: deque(maxlen=MAX_COMPLETED_RUNS))

    @property
    def framework_id(self) -> str:
        """The framework's id."""
        return str(self.info["id"]["value"])


class Agent:
    """Obeys the master's messages and answers with status updates; lives on one event loop.

    `processes` may serve several agents; who made it closes it after them.
    """

    def __init__(
        self,
        options: AgentOptions,
        send: Callable[[StatusUpdate], None],
        clock: Callable[[], float],
        processes: ProcessTable,
    ) -> None:
        self.options = options
        self.start_time = clock()
        self.frameworks: dict[str, FrameworkOnAgent] = {}
        self._send = send
        self._clock = clock
        self._processes = processes
        self._workers: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def root(self) -> Path:
        """The folder below which all of this agent's sandboxes are."""
        return self.options.work_dir / "slaves" / self.options.agent_id

    def receive(self, message: ToAgent) -> None:
        """Take a message of the master; returns at once."""
        match message:
            case RunTask():
                self._launch(message)
            case KillTask():
                run = self._active(message.framework_id, message.task_id)
                if run is not None and not run.ended:
                    self._kill(run, message.grace_seconds)
            case AcknowledgeUpdate():
                self._acknowledged(message)
            case UpdateFramework():
                self._update_framework(message.framework)
            case ShutdownFramework():
                if (framework := self.frameworks.get(message.framework_id)) is not None:
                    self._shut_down(framework)

    async def stop(self) -> None:
        """End all tasks (SIGTERM, their grace period, SIGKILL) and return when nothing of them is left.

        Not even what a task has detached from itself is.
        """
        self._stopping = True
        for framework in self.frameworks.values():
            for run in list(framework.runs.values()):
                run.updates.close()
                if not run.ended:
                    self._kill(run, None)
        while self._workers:
            await asyncio.wait(self._workers)
        if self.frameworks:
            await asyncio.to_thread(end_orphans, self.root)

    # --- frameworks

    def _update_framework(self, info: JsonObject) -> None:
        framework = self.frameworks.get(info["id"]["value"])
        if framework is None:
            return
        framework.info = info
        for run in framework.runs.values():
            self._forward(run, run.updates.again(self._clock()))

    def _shut_down(self, framework: FrameworkOnAgent) -> None:
        for run in list(framework.runs.values()):
            run.updates.close()
            if run.ended:
                self._complete(run)
            else:
                self._kill(run, None)
        self._work(self._sweep(framework))

    async def _sweep(self, framework: FrameworkOnAgent) -> None:
        """End what the framework's tasks have detached from themselves, when they have all ended."""
        workers = [run.worker for run in framework.runs.values() if run.worker is not None]
        if workers:
            await asyncio.wait(workers)
        await asyncio.to_thread(end_orphans, self.root / "frameworks" / framework.framework_id)

    def _work(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside everything else; the agent does not stop before it is done."""
        worker = asyncio.create_task(work)
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)
        return worker

    # --- launching

    def _launch(self, message: RunTask) -> None:
        framework_id = message.framework["id"]["value"]
        framework = self.frameworks.get(framework_id)
        if framework is None:
            framework = self.frameworks[framework_id] = FrameworkOnAgent(message.framework)
            self._forget_old_frameworks()
        framework.info = message.framework
        container_id = str(uuid.uuid4())
        task_id = message.task["task_id"]["value"]
        runs = self.root / "frameworks" / framework_id / "executors" / task_id / "runs"
        run = Run(
            framework_id=framework_id,
            task=message.task,
            role=message.role,
            container_id=container_id,
            sandbox=runs / container_id,
            updates=UpdateQueue(self.options.update_retry),
        )
        framework.runs[task_id] = run
        run.worker = self._work(self._run(run, framework.info))

    def _forget_old_frameworks(self) -> None:
        idle = [framework_id for framework_id, f in self.frameworks.items() if not f.runs and f.completed]
        for framework_id in idle[: max(0, len(idle) - MAX_COMPLETED_FRAMEWORKS)]:
            del self.frameworks[framework_id]

    async def _run(self, run: Run, framework: JsonObject) -> None:
        """A task's whole life, which ends with a terminal state whatever happens."""
        try:
            await self._live(run, framework)
        except Exception as error:  # whatever it was, the framework has to hear of the end
            logger.exception("Task %s of framework %s has failed", run.task_id, run.framework_id)
            if run.pid is not None:
                await task_process.kill(run.pid, self._processes)
            if not run.ended:
                self._report(
                    run,
                    "TASK_FAILED",
                    f"Failed to launch container: {error}",
                    source="SOURCE_AGENT",
                    reason="REASON_CONTAINER_LAUNCH_FAILED",
                )

    async def _live(self, run: Run, framework: JsonObject) -> None:
        environment = await self._prepare(run, framework)
        if environment is None:
            return
        status = await self._execute(run, environment)
        while run.ending is not None and not run.ending.done():
            await asyncio.wait({run.ending})  # a later kill may have replaced it meanwhile
        if run.ending is not None:
            # Mesos signals a helper process above the command: the message names SIGTERM however the
            # command ended.
            self._report(run, "TASK_KILLED", f"Command {_exit_text(-signal.SIGTERM)}")
        else:
            state = "TASK_FINISHED" if status == 0 else "TASK_FAILED"
            self._report(run, state, f"Command {_exit_text(status)}")

    async def _prepare(self, run: Run, framework: JsonObject) -> dict[str, str] | None:
        """Make the sandbox and fill it; the task's environment, None if it has ended already."""
        failure = None
        try:
            _make_sandbox(run.sandbox)
            refuse_container(run.task)
            environment = self._environment(run, framework)
            _check_user(run)
            await self._fetch(run)
        except LaunchFailed as failed:
            failure = failed
        except (OSError, KeyError, TypeError, AttributeError) as error:  # all but the first: a malformed task
            failure = LaunchFailed(f"Failed to launch container: {error}")
        except fetcher.FetchCancelled:
            pass
        if run.kill_wanted:
            failure = LaunchFailed(
                "Killed before delivery to the executor", "REASON_TASK_KILLED_DURING_LAUNCH"
            )
        if failure is None:
            return environment
        state = "TASK_KILLED" if run.kill_wanted else "TASK_FAILED"
        self._report(run, state, failure.message, source="SOURCE_AGENT", reason=failure.reason)
        return None

    async def _fetch(self, run: Run) -> None:
        uris = run.task["command"].get("uris") or []
        if not uris:
            return
        try:
            await self._fetched(run, uris)
        except fetcher.FetchError as error:
            raise LaunchFailed(
                f"Failed to launch container: Failed to fetch all URIs for container '{run.container_id}':"
                " exited with status 1"
            ) from error

    async def _fetched(self, run: Run, uris: list[JsonObject]) -> None:
        """Wait for the fetcher, but no longer when the task is killed: a stalled download notices late.

        Each fetch has a thread of its own, so that slow ones keep neither others nor kills waiting, nor the
        cluster from ending.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[None] = loop.create_future()

        def settle(error: BaseException | None) -> None:
            if outcome.done():
                return  # killed meanwhile
            if error is None:
                outcome.set_result(None)
            else:
                outcome.set_exception(error)

        def work() -> None:
            error: BaseException | None = None
            try:
                fetcher.fetch_all(uris, run.sandbox, run.cancelled)
            except BaseException as raised:  # noqa: BLE001 - it is raised again where it is waited for
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended with the cluster
                loop.call_soon_threadsafe(settle, error)

        run.fetching = outcome
        threading.Thread(target=work, name=f"fetch-{run.container_id}", daemon=True).start()
        await outcome

    async def _execute(self, run: Run, environment: Mapping[str, str]) -> int:
        """Run the command to its end; its exit status, negative for a signal."""
        argv, executable = command_line(run.task["command"])
        try:
            # Nothing is awaited meanwhile, so that a kill finds either no process at all or this one.
            process = task_process.start(
                argv, executable=executable, environment=environment, sandbox=run.sandbox
            )
        except (OSError, ValueError) as error:
            self._report(run, "TASK_STARTING", None)
            self._report(run, "TASK_RUNNING", None)
            with (run.sandbox / "stderr").open("a", encoding="utf-8", errors="backslashreplace") as log:
                log.write(f"Failed to execute command: {error}\n")
            return 1
        run.process, run.pid = process, process.pid
        self._report(run, "TASK_STARTING", None)
        self._report(run, "TASK_RUNNING", None)
        status = await process.wait()
        run.exited = True
        if run.ending is None:
            await task_process.kill(process.pid, self._processes)
        return status

    def _environment(self, run: Run, framework: JsonObject) -> dict[str, str]:
        """What a task finds in its environment: nothing of ours.

        There is only what Mesos, the cluster and its command set.
        """
        where = f"{self.options.ip}:{self.options.port}"
        checkpoint = bool(framework.get("checkpoint"))
        environment = {
            "LIBPROCESS_IP": self.options.ip,
            "LIBPROCESS_PORT": "0",
            "MESOS_AGENT_ENDPOINT": where,
            "MESOS_ALLOCATION_ROLE": run.role,
            "MESOS_CHECKPOINT": "1" if checkpoint else "0",
            "MESOS_DIRECTORY": str(run.sandbox),
            "MESOS_EXECUTOR_ID": run.task_id,
            "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
            "MESOS_FRAMEWORK_ID": run.framework_id,
            "MESOS_HTTP_COMMAND_EXECUTOR": "0",
            "MESOS_SANDBOX": str(run.sandbox),
            "MESOS_SLAVE_ID": self.options.agent_id,
            "MESOS_SLAVE_PID": f"slave(1)@{where}",
            "PATH": SYSTEM_PATH,
        }
        if checkpoint:
            environment["MESOS_RECOVERY_TIMEOUT"] = "15mins"
            environment["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = "2secs"
        environment.update(self.options.executor_environment)
        try:
            for variable in (run.task["command"].get("environment") or {}).get("variables", []):
                environment[variable["name"]] = _variable_value(variable)
        except (KeyError, TypeError, AttributeError) as error:
            raise LaunchFailed(
                f"Failed to launch container: malformed environment variable ({error})"
            ) from None
        return environment

    # --- ending

    def _kill(self, run: Run, grace: float | None) -> None:
        run.kill_wanted = True
        run.cancelled.set()
        if run.fetching is not None and not run.fetching.done():
            run.fetching.set_exception(fetcher.FetchCancelled())
        if run.process is None or (run.exited and run.ending is None):
            return
        if run.state != "TASK_KILLING" and "TASK_KILLING_STATE" in capabilities(
            self.frameworks[run.framework_id].info
        ):
            self._report(run, "TASK_KILLING", None)
        if run.ending is not None:
            run.ending.cancel()  # a later kill may change the grace period
        run.ending = asyncio.create_task(
            task_process.end(run.process, self._grace(run, grace), self._processes)
        )

    def _grace(self, run: Run, grace: float | None) -> float:
        if grace is not None:
            return grace
        policy = grace_seconds(run.task.get("kill_policy"))  # the master has validated it
        return DEFAULT_GRACE_SECONDS if policy is None else policy

    # --- reporting

    def _report(
        self,
        run: Run,
        state: str,
        message: str | None,
        *,
        source: str = "SOURCE_EXECUTOR",
        reason: str | None = None,
    ) -> None:
        now = self._clock()
        status: JsonObject = {"task_id": {"value": run.task_id}, "state": state}
        if message is not None:
            status["message"] = message
        status["source"] = source
        if reason is not None:
            status["reason"] = reason
        status["agent_id"] = {"value": self.options.agent_id}
        status["executor_id"] = {"value": run.task_id}
        status["timestamp"] = now
        status["uuid"] = base64.b64encode(uuid.uuid4().bytes).decode()
        if source == "SOURCE_EXECUTOR":
            address = {"protocol": "IPv4", "ip_address": self.options.ip}
            status["container_status"] = {
                "container_id": {"value": run.container_id},
                "network_infos": [{"ip_addresses": [address]}],
                "executor_pid": run.pid or os.getpid(),
            }
        run.state = state
        run.statuses.append(status)
        following = run.updates.add(status, now)
        self._forward(run, following)
        if following is None and not run.updates.settled:
            self._tell(run, status, waiting=True)
        if run.ended and run.updates.settled:
            self._complete(run)  # the framework is gone, so nobody will acknowledge it

    def _forward(self, run: Run, status: JsonObject | None) -> None:
        if run.timer is not None:
            run.timer.cancel()
            run.timer = None
        if run.updates.deadline is not None:
            delay = max(0.0, run.updates.deadline - self._clock())
            run.timer = asyncio.get_running_loop().call_later(delay, self._repeat, run)
        if status is not None:
            self._tell(run, status)

    def _tell(self, run: Run, status: JsonObject, *, waiting: bool = False) -> None:
        if self._stopping:
            return
        update = StatusUpdate(self.options.agent_id, run.framework_id, status, run.state, waiting)
        # Not called from here: what the master does must not come before what is left.
        asyncio.get_running_loop().call_soon(self._send, update)

    def _repeat(self, run: Run) -> None:
        self._forward(run, run.updates.due(self._clock()))

    def _acknowledged(self, message: AcknowledgeUpdate) -> None:
        run = self._active(message.framework_id, message.task_id)
        if run is None:
            return
        following = run.updates.acknowledge(message.uuid, self._clock())
        self._forward(run, following)
        if run.ended and run.updates.settled:
            self._complete(run)

    def _complete(self, run: Run) -> None:
        if run.timer is not None:
            run.timer.cancel()
            run.timer = None
        framework = self.frameworks[run.framework_id]
        if framework.runs.get(run.task_id) is run:
            del framework.runs[run.task_id]
            framework.completed.append(run)

    def _active(self, framework_id: str, task_id: str) -> Run | None:
        framework = self.frameworks.get(framework_id)
        return framework.runs.get(task_id) if framework is not None else None


def refuse_container(task: JsonObject) -> None:
    """Raise LaunchFailed for Docker, images, networks and volumes, none of which there are here."""
    container = task.get("container") or {}
    if not isinstance(container, dict):
        raise LaunchFailed("Failed to launch container: malformed ContainerInfo")
    if container.get("type") == "DOCKER":
        raise LaunchFailed(
            "Abnormal executor termination: unknown container"
            " (the embedded cluster runs no Docker containers)",
            "REASON_EXECUTOR_TERMINATED",
        )
    image = (container.get("mesos") or {}).get("image")
    if image:
        raise LaunchFailed(
            f"Failed to launch container: Unsupported container image type: {image.get('type')}"
        )
    if container.get("volumes"):
        raise LaunchFailed("Failed to launch container: the embedded cluster mounts no volumes")
    if any(network.get("name") for network in container.get("network_infos") or []):
        raise LaunchFailed("Failed to launch container: the embedded cluster has no network but the host's")


def command_line(command: JsonObject) -> tuple[list[str], str | None]:
    """The arguments, program name included, and the program of a v1 CommandInfo."""
    value = str(command.get("value", ""))
    if command.get("shell", True):
        return ["sh", "-c", value], "/bin/sh"
    arguments = [str(argument) for argument in command.get("arguments") or []]
    return (arguments or [value]), value


def _make_sandbox(sandbox: Path) -> None:
    """Create a run's sandbox with empty logs, and point `latest` beside it to it."""
    sandbox.mkdir(parents=True)
    sandbox.chmod(0o750)
    for name in ("stdout", "stderr"):
        (sandbox / name).touch()
    link = sandbox.parent / f".latest-{sandbox.name}"
    link.symlink_to(sandbox.name)
    link.replace(sandbox.parent / "latest")


def _check_user(run: Run) -> None:
    """Everything runs as the cluster's own user, as with Mesos' --no-switch_user.

    But a user who does not exist is an error.
    """
    user = run.task["command"].get("user")
    if user is None:
        return
    try:
        pwd.getpwnam(user)
    except (KeyError, TypeError):
        raise LaunchFailed(
            f"Failed to launch container: Failed to chown '{run.sandbox / 'stdout'}' to user '{user}' :"
            f" No such user '{user}'"
        ) from None


def _variable_value(variable: JsonObject) -> str:
    if variable.get("type", "VALUE") == "VALUE":
        return str(variable.get("value", ""))
    secret = variable["secret"]
    if secret.get("type") != "VALUE":
        raise LaunchFailed(
            "Failed to launch container: Collect failed: Default secret resolver cannot resolve references"
        )
    try:
        return os.fsdecode(base64.b64decode(secret["value"]["data"], validate=True))
    except (binascii.Error, ValueError):
        raise LaunchFailed(
            f"Failed to launch container: the secret of '{variable['name']}' is no base64"
        ) from None


def _exit_text(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    return f"terminated with signal {signal.strsignal(-status) or -status}"
