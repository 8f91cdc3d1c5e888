"""An embedded cluster in this process, from its start to a signal or the end of the process it is for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, running_cluster
from sparkmesos_core.localcluster.daemon import AGENTS_FOLDER, STATE_FILE, ClusterState, DaemonSettings
from sparkmesos_core.localcluster.process_end import call_at_end


def serve(settings: DaemonSettings, on_ready: Callable[[ClusterState], None]) -> None:
    """Runs a cluster until SIGINT, SIGTERM or the end of the watched process; the caller owns the work dir.

    Calls `on_ready` when the master answers and all agents are registered. Raises LocalClusterError if that
    fails.
    """
    asyncio.run(_serve(settings, on_ready))


async def _serve(settings: DaemonSettings, on_ready: Callable[[ClusterState], None]) -> None:
    work_dir = Path(settings.work_dir)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    spec = ClusterSpec(
        work_dir=work_dir / AGENTS_FOLDER,
        agents=tuple(AgentSpec(**agent) for agent in settings.agents),
        port=settings.port,
        executor_environment=settings.executor_environment,
    )
    try:
        async with contextlib.AsyncExitStack() as stack:
            if settings.watched_pid is not None:
                await stack.enter_async_context(call_at_end(settings.watched_pid, stopped.set))
            cluster = await stack.enter_async_context(running_cluster(spec))
            state = ClusterState(
                work_dir=work_dir,
                pid=os.getpid(),
                url=cluster.url,
                http_url=cluster.http_url,
                agents=cluster.agent_urls,
                watched_pid=settings.watched_pid,
            )
            state.write()
            on_ready(state)
            await stopped.wait()
        if settings.remove_work_dir:  # not after a failure: the log is in there
            shutil.rmtree(work_dir, ignore_errors=True)
    finally:
        (work_dir / STATE_FILE).unlink(missing_ok=True)
