"""The embedded cluster as a whole: one master and its agents on one event loop, each with an HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from sparkmesos_core.errors import LocalClusterError
from sparkmesos_core.localcluster.agent import Agent, AgentOptions
from sparkmesos_core.localcluster.agent_http import agent_app
from sparkmesos_core.localcluster.http_answers import OnlyForLoopbackNames, authority
from sparkmesos_core.localcluster.master import Master, SteadyClock
from sparkmesos_core.localcluster.master_http import master_app
from sparkmesos_core.localcluster.master_state import MasterOptions
from sparkmesos_core.localcluster.messages import AgentRegistration
from sparkmesos_core.localcluster.process_table import ProcessTable
from sparkmesos_core.localcluster.status_updates import FIRST_RETRY_SECONDS
from sparkmesos_core.mesos.resources import scalar_text

_FIRST_TASK_PORT = 31000
_TASK_PORTS = 30000
_MOST_TASK_PORTS_PER_AGENT = 1000
_KEEP_ALIVE_SECONDS = 300


@dataclass(frozen=True)
class AgentSpec:
    """One agent: cores, MB of memory and disk, GPUs; `ports` and `attributes` as in Mesos' flags.

    Without `ports` each agent of a cluster gets a range of its own between 31000 and 61000, since all are on
    one machine.
    `resources`, in the text form of Mesos' flag, replaces all of these.
    """

    cpus: float = 2
    mem: int = 2048
    disk: int = 10240
    gpus: int = 0
    ports: str = ""
    attributes: str = ""
    resources: str = ""


@dataclass(frozen=True)
class ClusterSpec:
    """A cluster to start.

    Agents' sandboxes are below `work_dir`; port 0 means any free one; intervals in seconds.
    """

    work_dir: Path
    agents: tuple[AgentSpec, ...] = (AgentSpec(),)
    host: str = "127.0.0.1"
    port: int = 0
    executor_environment: Mapping[str, str] = field(default_factory=dict)
    allocation_interval: float = 1.0
    heartbeat_interval: float = 15.0
    update_retry: float = FIRST_RETRY_SECONDS


@dataclass(frozen=True)
class RunningCluster:
    """Where a started cluster is: `url` is what `--master` takes, the others are for HTTP."""

    url: str
    http_url: str
    agent_urls: tuple[str, ...]


@contextlib.asynccontextmanager
async def running_cluster(spec: ClusterSpec) -> AsyncIterator[RunningCluster]:
    """A cluster for the length of the block: on entry the master answers and all agents are registered.

    On exit every task has ended and every connection is closed. Raises LocalClusterError if a port is busy
    or the work dir cannot be used, UsageError for ports or attributes that cannot be understood.
    """
    clock = SteadyClock()
    async with contextlib.AsyncExitStack() as stack:
        listener = stack.enter_context(_listen(spec.host, spec.port))
        port: int = listener.getsockname()[1]
        master = Master(
            MasterOptions(
                hostname=spec.host,
                ip=_ip(spec.host),
                port=port,
                allocation_interval=spec.allocation_interval,
                heartbeat_interval=spec.heartbeat_interval,
            ),
            clock,
        )
        processes = ProcessTable()
        stack.callback(processes.close)
        agents: list[tuple[Agent, socket.socket]] = []
        for number, agent_spec in enumerate(spec.agents):
            agents.append(_agent(spec, number, agent_spec, master, clock, processes, stack))
        applications = [(master_app(master), listener), *((agent_app(a), own) for a, own in agents)]
        await stack.enter_async_context(_served(applications, spec.host))
        # Pushed last, so done first: subscriptions must end for their connections to close.
        stack.push_async_callback(_stop_agents, [agent for agent, _ in agents])
        stack.callback(master.close)
        yield RunningCluster(
            url=f"mesos://{authority(spec.host, port)}",
            http_url=f"http://{authority(spec.host, port)}",
            agent_urls=tuple(f"http://{authority(spec.host, a.options.port)}" for a, _ in agents),
        )


@contextlib.contextmanager
def cluster_in_thread(spec: ClusterSpec) -> Iterator[RunningCluster]:
    """The same for code without an event loop: the cluster runs on a thread of its own; same errors."""
    started: threading.Event = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    result: list[RunningCluster] = []
    failure: list[BaseException] = []

    async def run() -> None:
        async with running_cluster(spec) as cluster:
            result.append(cluster)
            started.set()
            await stop.wait()

    def main() -> None:
        try:
            loop.run_until_complete(run())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            failure.append(error)
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            started.set()

    thread = threading.Thread(target=main, name="embedded-mesos", daemon=True)
    thread.start()
    try:
        started.wait()
        if result:
            yield result[0]
    finally:
        if not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                loop.call_soon_threadsafe(stop.set)
        thread.join()
    if failure:
        raise failure[0]


def _agent(
    spec: ClusterSpec,
    number: int,
    agent_spec: AgentSpec,
    master: Master,
    clock: SteadyClock,
    processes: ProcessTable,
    stack: contextlib.AsyncExitStack,
) -> tuple[Agent, socket.socket]:
    listener = stack.enter_context(_listen(spec.host, 0))
    port: int = listener.getsockname()[1]
    resources = resources_text(agent_spec, number, len(spec.agents))
    work_dir = spec.work_dir.absolute() / f"agent{number + 1}"
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalClusterError(
            f"Cannot create the agent's work dir {work_dir}: {error.strerror}",
            hint="Name a folder that can be written with --work-dir.",
        ) from error
    agent_id = master.register(
        AgentRegistration(spec.host, _ip(spec.host), port, resources, agent_spec.attributes)
    )
    options = AgentOptions(
        agent_id=agent_id,
        hostname=spec.host,
        ip=_ip(spec.host),
        port=port,
        work_dir=work_dir,
        resources=resources,
        attributes=agent_spec.attributes,
        executor_environment=spec.executor_environment,
        update_retry=spec.update_retry,
    )
    agent = Agent(options, master.status_update, clock, processes)
    master.connect(agent_id, agent.receive)
    return agent, listener


def resources_text(spec: AgentSpec, number: int, agents: int) -> str:
    """The resources of the agent with this number, from 0, of so many in a cluster, as in Mesos' flag."""
    if spec.resources:
        return spec.resources
    share = min(_MOST_TASK_PORTS_PER_AGENT, _TASK_PORTS // agents)
    first = _FIRST_TASK_PORT + number * share
    ports = spec.ports or f"[{first}-{first + share - 1}]"
    gpus = f";gpus:{spec.gpus}" if spec.gpus else ""
    cpus = scalar_text(round(spec.cpus * 1000))
    return f"cpus:{cpus};mem:{spec.mem};disk:{spec.disk}{gpus};ports:{ports}"


async def _stop_agents(agents: list[Agent]) -> None:
    await asyncio.gather(*(agent.stop() for agent in agents))


def _ip(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return socket.gethostbyname(host)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        listener.setblocking(False)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise LocalClusterError(
                f"Port {port} of {host} is in use",
                hint="Choose another one with --port; --port 0 takes a free one.",
            ) from error
        raise LocalClusterError(
            f"Cannot listen on port {port} of {host}: {getattr(error, 'strerror', None) or error}",
            hint="Choose another one with --port; --port 0 takes a free one.",
        ) from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: signals are the business of whoever starts the cluster."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextlib.asynccontextmanager
async def _served(applications: list[tuple[ASGIApp, socket.socket]], host: str) -> AsyncIterator[None]:
    """Serve applications, each on its listening socket, for the length of the block."""
    servers = [_Server(_config(app, host)) for app, _ in applications]
    serving = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, (_, listener) in zip(servers, applications, strict=True)
    ]
    try:
        while not all(server.started for server in servers):
            if any(task.done() for task in serving):
                raise LocalClusterError("An HTTP server of the embedded cluster ended while it was starting")
            await asyncio.sleep(0.001)
        yield
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving)


def _config(app: ASGIApp, host: str) -> uvicorn.Config:
    if ipaddress.ip_address(_ip(host)).is_loopback:
        app = OnlyForLoopbackNames(app, [host])
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        access_log=False,
        log_level="critical",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
