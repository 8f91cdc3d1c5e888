"""Docker containers through the docker CLI, as Mesos' Docker containerizer and executor run them.

What `docker run` is told is decided here without I/O (DockerRun), the rest is a thin layer around the CLI.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparkmesos_core.localcluster.agent import task_process
from sparkmesos_core.localcluster.agent.executor_environment import SYSTEM_PATH, command_environment
from sparkmesos_core.localcluster.agent.launch_failure import LaunchFailed
from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.agent.task_process import TaskProcess
from sparkmesos_core.mesos.resources import Ranges, Resources

JsonObject = dict[str, Any]

SANDBOX_IN_CONTAINER = "/mnt/mesos/sandbox"
"""Where a container finds its sandbox: Mesos' --sandbox_directory."""
_LEAST_CPU_SHARES = 2
_CPU_SHARES_PER_CPU = 1024
_LEAST_MEMORY = 32 << 20
_CLI_PATIENCE_SECONDS = 30.0
_OWN_VARIABLES = (
    "HOME",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
)


@dataclass(frozen=True)
class DockerRun:
    """One `docker run`: options and arguments, without the environment's values, which are in a file."""

    name: str
    sandbox: Path
    options: tuple[str, ...]
    image: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        container: JsonObject,
        command: JsonObject,
        name: str,
        sandbox: Path,
        resources: Resources,
        environment: Mapping[str, str],
    ) -> DockerRun:
        """What Mesos runs for a v1 ContainerInfo, CommandInfo and the resources of the task and its executor.

        Raises LaunchFailed, in the words of Mesos' Docker executor, for what contradicts itself.
        """
        docker = container.get("docker")
        if not isinstance(docker, dict) or not docker.get("image"):
            raise LaunchFailed("Failed to create docker run options: No docker info found in container info")
        options = ["--privileged"] if docker.get("privileged") else []
        cpus, memory = resources.scalar("cpus"), resources.scalar("mem")
        if cpus:
            options += ["--cpu-shares", str(max(int(_CPU_SHARES_PER_CPU * cpus), _LEAST_CPU_SHARES))]
        if memory:
            options += ["--memory", str(max(int(memory * (1 << 20)), _LEAST_MEMORY))]
        volumes, driver = _volumes(container, docker, sandbox)
        for volume in volumes:
            options += ["-v", volume]
        if driver is not None:
            options.append(f"--volume-driver={driver}")
        network, parameters = _network(container, docker), []
        for parameter in docker.get("parameters") or []:
            if parameter["key"] in ("net", "network"):
                network = str(parameter["value"])
            else:
                parameters.append(f"--{parameter['key']}={parameter['value']}")
        options += ["--net", network]
        if container.get("hostname"):
            if network == "host":
                raise _contradiction("Unable to set hostname with host network mode")
            options += ["--hostname", str(container["hostname"])]
        for mapping in _port_mappings(docker, network, resources):
            options += ["-p", mapping]
        arguments = [str(argument) for argument in command.get("arguments") or []]
        if command.get("shell", True):
            if "value" not in command:
                raise _contradiction("Shell specified but no command value provided")
            options += ["--entrypoint", "/bin/sh"]
            arguments = ["-c", str(command["value"])]
        elif "value" in command:
            arguments = [str(command["value"]), *arguments]
        options += ["--name", name, *parameters]
        inside = {
            **environment,
            "MESOS_SANDBOX": SANDBOX_IN_CONTAINER,
            "MESOS_CONTAINER_NAME": name,
        }
        return cls(name, sandbox, tuple(options), str(docker["image"]), tuple(arguments), inside)

    def argv(self, docker: str, environment_file: Path) -> list[str]:
        """The command line. Variables are in a file, or only named if a file cannot hold their value."""
        names: list[str] = []
        for name in sorted(self.environment):
            if not _fits_a_file(self.environment[name]):
                names += ["--env", name]
        file = ["--env-file", str(environment_file)]
        return [docker, "run", *file, *names, *self.options, self.image, *self.arguments]

    def environment_file(self) -> str:
        """The text of the file: a variable per line."""
        fitting = {name: value for name, value in self.environment.items() if _fits_a_file(value)}
        return "".join(f"{name}={value}\n" for name, value in sorted(fitting.items()))

    def inherited(self) -> dict[str, str]:
        """The variables that the CLI passes on from its own environment, since they have several lines."""
        return {name: value for name, value in self.environment.items() if not _fits_a_file(value)}


def inner_environment(environment: Mapping[str, str], command: JsonObject) -> dict[str, str]:
    """What a container gets of an executor's environment.

    All that Mesos and the command set, but nothing that names programs of the host (PATH, JAVA_HOME).
    """
    own = ("MESOS_", "LIBPROCESS_")
    inside = {name: value for name, value in environment.items() if name.startswith(own)}
    return {**inside, **command_environment(command)}


def without_secrets(command: JsonObject) -> JsonObject:
    """A v1 CommandInfo whose secret variables are empty: Mesos' Docker containerizer hands no secrets on.

    It sets every variable to its `value`, which those of the type SECRET do not have (docker.cpp).
    """
    environment = command.get("environment")
    variables = environment.get("variables") if isinstance(environment, dict) else None
    if not isinstance(variables, list):
        return command
    emptied = [
        {"name": one["name"], "value": ""} if isinstance(one, dict) and one.get("type") == "SECRET" else one
        for one in variables
    ]
    return {**command, "environment": {**command["environment"], "variables": emptied}}


async def prepare(docker: str | None, container: JsonObject, sandbox: Path) -> None:
    """Make sure that there is an engine, and that it has the image.

    Raises LaunchFailed, without an engine in the words of an agent that has no Docker containerizer.
    """
    if docker is None:
        raise no_engine("no docker command is configured on this agent")
    status, text = await _cli(docker, "version", "--format", "{{.Server.Version}}")
    if status != 0:
        raise no_engine(f"'{docker} version' says: {text}")
    info = container.get("docker") or {}
    image = str(info.get("image", ""))
    if not info.get("force_pull_image"):
        status, _ = await _cli(docker, "image", "inspect", "--format", "{{.Id}}", image)
        if status == 0:
            return
    status, text = await _cli(docker, "pull", image, patience=None)
    with (sandbox / "stderr").open("a", encoding="utf-8") as log:
        log.write(f"docker pull {image}: exited with status {status}\n{text}\n" if status else "")
    if status != 0:
        raise LaunchFailed(f"Failed to launch container: Failed to run 'docker pull {image}': {text}")


def no_engine(why: str) -> LaunchFailed:
    """The failure of a container for which there is no docker engine."""
    return LaunchFailed(
        f"Abnormal executor termination: unknown container ({why})", "REASON_EXECUTOR_TERMINATED"
    )


def start(
    docker: str, run: DockerRun, folder: Path, stop_timeout: float, table: ProcessTable
) -> DockerProgram:
    """Start `docker run` in the sandbox. Raises OSError.

    The environment's values, secrets among them, are kept out of the command line and the sandbox: they are
    in a file of `folder` that nobody else can read, until the container has ended.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / f"{run.name}.env"
    environment = {**_cli_environment(), **run.inherited(), "MESOS_SANDBOX": str(run.sandbox)}
    argv = run.argv(docker, file)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as writer:
            writer.write(os.fsencode(run.environment_file()))  # the path of a sandbox need not be text
        process = task_process.start(argv, executable=None, environment=environment, sandbox=run.sandbox)
    except (OSError, ValueError):
        file.unlink(missing_ok=True)
        raise
    return DockerProgram(docker, run.name, process, file, stop_timeout, table)


class DockerProgram:
    """A container that `docker run` waits for."""

    def __init__(
        self,
        docker: str,
        name: str,
        process: TaskProcess,
        environment_file: Path,
        stop_timeout: float,
        table: ProcessTable,
    ) -> None:
        self._docker = docker
        self._name = name
        self._process = process
        self._environment_file = environment_file
        self._stop_timeout = stop_timeout
        self._table = table
        self._removed = False

    @property
    def pid(self) -> int:
        """The CLI's process, which waits for the container."""
        return self._process.pid

    async def wait(self) -> int:
        """The exit status of the container, or of the CLI (125 to 127) if it could not be run."""
        status = await self._process.wait()
        self._environment_file.unlink(missing_ok=True)
        return status

    async def end(self, grace_seconds: float) -> None:
        """`docker stop` with the grace period, which the agent's --docker_stop_timeout does not shorten."""
        grace = max(grace_seconds, self._stop_timeout)
        await _cli(
            self._docker, "stop", "-t", str(round(grace)), self._name, patience=grace + _CLI_PATIENCE_SECONDS
        )
        await self.kill()
        await self.wait()

    async def kill(self) -> None:
        """Remove the container by force, and the CLI with it if it still waits."""
        first, self._removed = not self._removed, True
        if first:
            await self._remove()
        is_waiting = not self._process.has_ended
        await task_process.kill(self._process, self._table)
        if first and is_waiting:
            await self._remove()  # it may have been created since
        self._environment_file.unlink(missing_ok=True)

    async def _remove(self) -> None:
        await _cli(self._docker, "rm", "--force", self._name)


def _volumes(container: JsonObject, docker: JsonObject, sandbox: Path) -> tuple[list[str], str | None]:
    volumes, driver = [], docker.get("volume_driver")
    for volume in container.get("volumes") or []:
        inside = str(volume["container_path"])
        target = inside if inside.startswith("/") else f"{SANDBOX_IN_CONTAINER}/{inside}"
        mode = {"RW": "rw", "RO": "ro"}.get(str(volume.get("mode", "RW")))
        if mode is None:
            raise _contradiction("Unsupported volume mode")
        source = volume.get("source") or {}
        if "host_path" in volume:
            host = str(volume["host_path"])
            if not host.startswith("/") and not inside.startswith("/"):
                raise _contradiction(
                    f"Both host_path '{host}' and container_path '{inside}' of a volume are relative"
                )
            if not host.startswith("/") and driver is None:
                host = f"{sandbox}/{host}"
        elif source.get("type") == "DOCKER_VOLUME":
            host = str(source["docker_volume"]["name"])
            wanted = source["docker_volume"].get("driver")
            if wanted is not None and driver not in (None, wanted):
                raise _contradiction("Only one volume driver per task is supported")
            driver = wanted or driver
        elif source:
            continue  # of a type that is not for docker
        else:
            raise _contradiction("Host path or volume source is required")
        volumes.append(f"{host}:{target}:{mode}")
    return [*volumes, f"{sandbox}:{SANDBOX_IN_CONTAINER}"], driver


def _network(container: JsonObject, docker: JsonObject) -> str:
    mode = docker.get("network", "HOST")
    if mode in ("HOST", "BRIDGE", "NONE"):
        return str(mode).lower()
    if mode != "USER":
        raise _contradiction(f"Unsupported Network mode: {mode}")
    networks = container.get("network_infos") or []
    if not networks:
        raise _contradiction("No network info found in container info")
    if len(networks) > 1:
        raise _contradiction("Only a single network can be defined in Docker run")
    if not networks[0].get("name"):
        raise _contradiction("No network name found in network info")
    return str(networks[0]["name"])


def _port_mappings(docker: JsonObject, network: str, resources: Resources) -> list[str]:
    mappings = docker.get("port_mappings") or []
    if not mappings:
        return []
    if network in ("host", "none"):
        raise _contradiction("Port mappings are only supported for bridge and user-defined networks")
    ports = resources.total("ports")
    if not isinstance(ports, Ranges) or not ports:
        raise _contradiction("Port mappings require port resources")
    result = []
    for mapping in mappings:
        host, inside = int(mapping["host_port"]), int(mapping["container_port"])
        if not ports.contains(Ranges.of([(host, host)])):
            raise _contradiction(f"Port [{host}] not included in resources")
        protocol = f"/{str(mapping['protocol']).lower()}" if mapping.get("protocol") else ""
        result.append(f"{host}:{inside}{protocol}")
    return result


def _contradiction(text: str) -> LaunchFailed:
    return LaunchFailed(f"Failed to create docker run options: {text}")


def _fits_a_file(value: str) -> bool:
    return "\n" not in value and "\r" not in value


def _cli_environment() -> dict[str, str]:
    own = {name: os.environ[name] for name in _OWN_VARIABLES if name in os.environ}
    return {"PATH": SYSTEM_PATH, **own}


async def _cli(
    docker: str, *arguments: str, patience: float | None = _CLI_PATIENCE_SECONDS
) -> tuple[int, str]:
    """Run the CLI to its end, with at most `patience` seconds: its exit status and what it has said.

    It is killed if the caller is cancelled meanwhile.
    """
    with tempfile.TemporaryFile() as said:
        try:
            process = TaskProcess(
                subprocess.Popen(
                    [docker, *arguments],
                    env=_cli_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
        except OSError as error:
            return 127, str(error)
        try:
            status = await asyncio.wait_for(process.wait(), patience)
        except asyncio.TimeoutError:
            return 124, f"no answer within {patience:g} seconds"
        finally:
            process.kill()
        said.seek(0)
        return status, said.read().decode("utf-8", errors="replace").strip()
