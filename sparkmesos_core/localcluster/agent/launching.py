"""Launches an executor's container: sandbox, environment, files, and then its program."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import pwd
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparkmesos_core.localcluster.agent import docker_container, fetcher, task_process
from sparkmesos_core.localcluster.agent.agent_options import AgentOptions
from sparkmesos_core.localcluster.agent.command_executor import CommandExecutor, CommandExecutorOptions
from sparkmesos_core.localcluster.agent.container import Container
from sparkmesos_core.localcluster.agent.executor import Executor
from sparkmesos_core.localcluster.agent.executor_environment import (
    executor_environment,
    shutdown_grace_period,
)
from sparkmesos_core.localcluster.agent.launch_failure import LaunchFailed
from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.agent.task_process import PosixProgram, Program
from sparkmesos_core.localcluster.agent.task_secrets import (
    ProgramWithSecrets,
    SecretFile,
    SecretFolder,
    secret_files,
)
from sparkmesos_core.mesos.resources import Resources

JsonObject = dict[str, Any]


class LaunchCancelled(Exception):
    """Nobody waits for the container any more."""


class Launch:
    """The launch of one container, which can be cancelled while its files are fetched."""

    def __init__(
        self,
        options: AgentOptions,
        agent_id: str,
        executor: Executor,
        task: JsonObject,
        clock: Callable[[], float],
        processes: ProcessTable,
    ) -> None:
        """`task` is the first one: that of a command executor says what is to run."""
        self._options = options
        self._agent_id = agent_id
        self._executor = executor
        source = task if executor.is_command else executor.info
        self._command: JsonObject = source["command"]
        self._container: JsonObject | None = source.get("container")
        resources = Resources.from_json(executor.info.get("resources") or [])
        self._resources = resources + Resources.from_json(task.get("resources") or [])
        self._clock = clock
        self._processes = processes
        self._cancelled = threading.Event()
        self._fetching: asyncio.Future[None] | None = None
        self._preparing: asyncio.Task[None] | None = None

    def cancel(self) -> str:
        """Give up: `run` raises LaunchCancelled soon. Returns what Mesos says of a launch that was given up.

        It kills its fetcher's process (fetcher.cpp), and discards everything else.
        """
        self._cancelled.set()
        if self._fetching is not None and not self._fetching.done():
            self._fetching.set_exception(fetcher.FetchCancelled())
        if self._preparing is not None:
            self._preparing.cancel()
        if self._fetching is None or self._preparing is not None:
            return "discarded"
        container_id = self._executor.container_id
        return f"Failed to fetch all URIs for container '{container_id}': terminated with signal Killed"

    async def run(self) -> Container:
        """The running container. Raises LaunchFailed or LaunchCancelled."""
        executor = self._executor
        try:
            _make_sandbox(executor.sandbox)
            in_docker = _needs_docker(self._container)
            if in_docker:
                self._command = docker_container.without_secrets(self._command)
            secrets = [] if in_docker else secret_files(self._container)
            environment = executor_environment(self._options, self._agent_id, executor, self._command)
            _check_user(self._command, executor.sandbox)
            await self._fetch()
            if in_docker:
                await self._prepare_docker()
            if self._cancelled.is_set():
                raise LaunchCancelled
            start = self._in_docker(environment) if in_docker else self._on_host(environment, secrets)
            runs = self._command_executor(start, in_docker) if executor.is_command else start()
        except fetcher.FetchCancelled:
            raise LaunchCancelled from None
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
        ) as error:  # malformed, save the first
            raise LaunchFailed(f"Failed to launch container: {error}") from error
        return Container(executor.container_id, executor.sandbox, runs, is_measurable=not in_docker)

    def _command_executor(self, start: Callable[[], Program], in_docker: bool) -> CommandExecutor:
        options = CommandExecutorOptions(
            framework_id=self._executor.framework_id,
            executor_id=self._executor.executor_id,
            sandbox=self._executor.sandbox,
            start=start,
            checkpoint=self._executor.checkpoint,
            recovery_timeout=self._options.recovery_timeout,
            shutdown_grace_period=shutdown_grace_period(self._options, self._executor.info),
            subject="Container" if in_docker else "Command",
        )
        return CommandExecutor(options, self._clock)

    def _on_host(self, environment: dict[str, str], secrets: list[SecretFile]) -> Callable[[], Program]:
        argv, executable = command_line(self._command)
        sandbox = self._executor.sandbox
        folder = SecretFolder(self._options.secrets_dir, self._executor.container_id)

        def start() -> Program:
            process = task_process.start(
                argv,
                executable=executable,
                environment=environment,
                sandbox=sandbox,
                within=self._options.within,
            )
            return PosixProgram(process, self._processes)

        def start_with_secrets() -> Program:
            folder.write(secrets, sandbox)
            try:
                return ProgramWithSecrets(start(), folder)
            except BaseException:
                folder.remove()
                raise

        return start_with_secrets if secrets else start

    def _in_docker(self, environment: dict[str, str]) -> Callable[[], Program]:
        run = docker_container.DockerRun.of(
            container=self._container or {},
            command=self._command,
            name=f"mesos-{self._executor.container_id}",
            sandbox=self._executor.sandbox,
            resources=self._resources,
            environment=docker_container.inner_environment(environment, self._command),
        )
        folder = self._options.work_dir / "docker"
        docker = str(self._options.docker)
        stop_timeout = self._options.docker_stop_timeout
        return lambda: docker_container.start(docker, run, folder, stop_timeout, self._processes)

    async def _prepare_docker(self) -> None:
        """Get the image, for as long as somebody waits for it: a pull can take minutes."""
        work = docker_container.prepare(self._options.docker, self._container or {}, self._executor.sandbox)
        self._preparing = asyncio.get_running_loop().create_task(work)
        try:
            await self._preparing
        except asyncio.CancelledError:
            if self._cancelled.is_set():
                raise LaunchCancelled from None
            raise  # the agent has crashed

    async def _fetch(self) -> None:
        uris = self._command.get("uris") or []
        if not uris:
            return
        try:
            await self._fetched(uris)
        except fetcher.FetchError as error:
            text = error.launch_failure(self._executor.container_id)
            raise LaunchFailed(f"Failed to launch container: {text}") from error

    async def _fetched(self, uris: list[JsonObject]) -> None:
        """Wait for the fetcher, but no longer when it is cancelled: a stalled download notices late.

        Each fetch has a thread of its own, so that slow ones keep neither others nor kills waiting, nor the
        cluster from ending.
        """
        if self._cancelled.is_set():
            raise fetcher.FetchCancelled
        options = dataclasses.replace(self._options.fetching, user=self._command.get("user"))
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[None] = loop.create_future()

        def settle(error: BaseException | None) -> None:
            if outcome.done():
                return  # cancelled meanwhile
            if error is None:
                outcome.set_result(None)
            else:
                outcome.set_exception(error)

        def work() -> None:
            error: BaseException | None = None
            try:
                fetcher.fetch_all(uris, self._executor.sandbox, self._cancelled, options)
            except BaseException as raised:  # noqa: BLE001 - it is raised again where it is waited for
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended with the cluster
                loop.call_soon_threadsafe(settle, error)

        self._fetching = outcome
        threading.Thread(target=work, name=f"fetch-{self._executor.container_id}", daemon=True).start()
        try:
            await outcome
        except asyncio.CancelledError:
            self._cancelled.set()  # the agent has crashed
            raise


def command_line(command: JsonObject) -> tuple[list[str], str | None]:
    """The arguments, program name included, and the program of a v1 CommandInfo."""
    value = str(command.get("value", ""))
    if command.get("shell", True):
        return ["sh", "-c", value], "/bin/sh"
    arguments = [str(argument) for argument in command.get("arguments") or []]
    return (arguments or [value]), value


def _needs_docker(container: Any) -> bool:
    """Whether a v1 ContainerInfo is for docker.

    Raises LaunchFailed for images and networks of a container of type MESOS: there are none here.
    """
    if container is None:
        return False
    if not isinstance(container, dict):
        raise LaunchFailed("Failed to launch container: malformed ContainerInfo")
    if container.get("type") == "DOCKER":
        return True
    image = (container.get("mesos") or {}).get("image")
    if image:
        raise LaunchFailed(
            f"Failed to launch container: Unsupported container image type: {image.get('type')}"
        )
    if any(network.get("name") for network in container.get("network_infos") or []):
        raise LaunchFailed("Failed to launch container: the embedded cluster has no network but the host's")
    return False


def _make_sandbox(sandbox: Path) -> None:
    """Create a container's sandbox with empty logs, and point `latest` beside it to it."""
    sandbox.mkdir(parents=True)
    sandbox.chmod(0o750)
    for name in ("stdout", "stderr"):
        (sandbox / name).touch()
    link = sandbox.parent / f".latest-{sandbox.name}"
    link.symlink_to(sandbox.name)
    link.replace(sandbox.parent / "latest")


def _check_user(command: JsonObject, sandbox: Path) -> None:
    """Everything runs as the cluster's own user, as with Mesos' --no-switch_user.

    But a user who does not exist is an error.
    """
    user = command.get("user")
    if user is None:
        return
    try:
        pwd.getpwnam(user)
    except (KeyError, TypeError):
        raise LaunchFailed(
            f"Failed to launch container: Failed to chown '{sandbox / 'stdout'}' to user '{user}' :"
            f" No such user '{user}'"
        ) from None
