"""An embedded cluster in this process, from its start to a signal or the end of the process it is for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, running_cluster
from sparkmesos_core.localcluster.cluster_spec import AGENT_LOG
from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.localcluster.daemon import AGENTS_FOLDER, STATE_FILE, ClusterState, DaemonSettings
from sparkmesos_core.localcluster.network.namespaces import ClusterNetwork, enter_own_network
from sparkmesos_core.open_files import allow_many_files
from sparkmesos_core.process_end import call_at_end

T = TypeVar("T")


def serve(
    settings: DaemonSettings, on_ready: Callable[[ClusterState], None], log: Path | None = None
) -> None:
    """Runs a cluster until SIGINT, SIGTERM or the end of the watched process; the caller owns the work dir.

    A signal that is ignored when it starts stays ignored. With network namespaces this process moves into a
    network of its own, for good.

    Calls `on_ready` when a master leads and all agents are registered. `log` is the file that the log
    goes to, if it does. Raises LocalClusterError or UnreachableError if the start fails.
    """
    network = enter_own_network() if settings.network_namespaces else None
    allow_many_files()  # every task and connection takes one; tasks inherit the limit, as from a real agent
    asyncio.run(_serve(settings, on_ready, log, network))


async def _serve(
    settings: DaemonSettings,
    on_ready: Callable[[ClusterState], None],
    log: Path | None,
    network: ClusterNetwork | None,
) -> None:
    work_dir = Path(settings.work_dir)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            continue  # shells have SIGINT ignored for `… &` in a script: Ctrl-C is for what it waits for
        loop.add_signal_handler(number, stopped.set)
    spec = _spec(settings, work_dir, log, network)
    put_logs_aside(spec.work_dir)
    try:
        async with contextlib.AsyncExitStack() as stack:
            if settings.watched_pid is not None:
                await stack.enter_async_context(call_at_end(settings.watched_pid, stopped.set))
            cluster = await _unless(stopped, stack.enter_async_context(running_cluster(spec)))
            if cluster is None:
                return
            state = ClusterState(
                work_dir=work_dir,
                pid=os.getpid(),
                url=cluster.url,
                http_url=cluster.http_url,
                agents=cluster.agent_urls,
                watched_pid=settings.watched_pid,
                masters=cluster.master_urls,
                inside=() if network is None else network.command_inside(),
            )
            state.write()
            on_ready(state)
            await stopped.wait()
        if settings.remove_work_dir:  # not after a failure: the log is in there
            shutil.rmtree(work_dir, ignore_errors=True)
    finally:
        (work_dir / STATE_FILE).unlink(missing_ok=True)


def put_logs_aside(agents: Path) -> None:
    """Agents begin new logs with their cluster; what they wrote before it stays for one more cluster.

    What failed under an earlier one is then not taken for what fails now.
    """
    for last in agents.glob(f"*/{AGENT_LOG}"):
        last.replace(last.with_name(f"{AGENT_LOG}.1"))


async def _unless(stopped: asyncio.Event, start: Coroutine[Any, Any, T]) -> T | None:
    """The cluster, when it has started; None, and nothing left of it, if it is to be stopped before."""
    starting = asyncio.ensure_future(start)
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return None
    return await starting


def _spec(
    settings: DaemonSettings, work_dir: Path, log: Path | None, network: ClusterNetwork | None
) -> ClusterSpec:
    wanted = bool(settings.credentials)
    spec = ClusterSpec(
        work_dir=work_dir / AGENTS_FOLDER,
        agents=tuple(AgentSpec(**agent) for agent in settings.agents),
        port=settings.port,
        masters=settings.masters,
        zookeeper=settings.zookeeper,
        authentication=Authentication(settings.credentials, wanted, wanted, wanted),
        executor_environment=settings.executor_environment,
        # What the engine of docker starts would be in its networks, not in those of agents.
        docker=shutil.which("docker") if network is None else None,
        roles=settings.roles,
        log=log,
        agent_logs=True,
    )
    if network is not None:
        spec = replace(spec, host=network.address, network=network)
    if settings.agent_ping_timeout is not None:
        spec = replace(spec, agent_ping_timeout=settings.agent_ping_timeout)
    if settings.max_agent_ping_timeouts is not None:
        spec = replace(spec, max_agent_ping_timeouts=settings.max_agent_ping_timeouts)
    if settings.executor_registration_timeout is not None:
        spec = replace(spec, executor_registration_timeout=settings.executor_registration_timeout)
    return spec
