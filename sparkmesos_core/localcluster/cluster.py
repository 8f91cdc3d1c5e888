"""The embedded cluster as a whole: masters and agents on one event loop, each with an HTTP server."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from sparkmesos_core.errors import TimedOutError
from sparkmesos_core.localcluster.cluster_nodes import ClusterNodes
from sparkmesos_core.localcluster.cluster_spec import AgentSpec, ClusterSpec

__all__ = ["AgentSpec", "ClusterSpec", "RunningCluster", "cluster_in_thread", "running_cluster"]

T = TypeVar("T")

_PATIENCE_SECONDS = 120.0


class ClusterControl:
    """Lets masters and agents of a running cluster die and come back, from other threads than its own.

    Masters and agents are counted from 0. Each method returns when it has happened, not when others have
    noticed. All raise LocalClusterError if what is to end does not run, or what is to start does, and
    TimedOutError if it does not happen within two minutes.
    """

    def __init__(self, nodes: ClusterNodes, loop: asyncio.AbstractEventLoop) -> None:
        self._nodes = nodes
        self._loop = loop

    def kill_master(self, master: int) -> None:
        """As by SIGKILL: its connections are cut, its state is forgotten, its port refuses."""
        self._wait(self._nodes.kill_master(master))

    def start_master(self, master: int) -> None:
        """A new master at the same address, which knows the registry only."""
        self._wait(self._nodes.start_master(master))

    def cut_connections(self, master: int) -> int:
        """Cut the TCP connections that schedulers are subscribed over; how many there were."""
        return self._wait(self._nodes.cut_connections(master))

    def kill_agent(self, agent: int) -> None:
        """As by SIGKILL; executors of checkpointing frameworks live on and wait for it to come back."""
        self._wait(self._nodes.kill_agent(agent))

    def terminate_agent(self, agent: int) -> None:
        """As by SIGTERM: it ends itself and can come back."""
        self._wait(self._nodes.terminate_agent(agent))

    def shut_down_agent(self, agent: int) -> None:
        """As by SIGUSR1: it unregisters and ends with all that it runs."""
        self._wait(self._nodes.shut_down_agent(agent))

    def start_agent(self, agent: int) -> None:
        """An agent at the same address and with the same work dir."""
        self._wait(self._nodes.start_agent(agent))

    def pause_agent(self, agent: int) -> None:
        """As by SIGSTOP or a network that is cut: connections stay, but nothing gets through."""
        self._wait(self._nodes.pause_agent(agent))

    def resume_agent(self, agent: int) -> None:
        """As by SIGCONT, or when the network is back."""
        self._wait(self._nodes.resume_agent(agent))

    def leading_master(self) -> int | None:
        """Which master leads."""
        return self._wait(self._nodes.leading_master())

    def await_leading_master(self) -> int:
        """The same, after waiting for one. Raises TimedOutError."""
        return self._wait(self._nodes.await_leading_master())

    def await_registered(self) -> None:
        """Wait until all agents that live are registered with the leading master. Raises TimedOutError."""
        self._wait(self._nodes.await_registered())

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(_PATIENCE_SECONDS)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise TimedOutError(
                f"The embedded cluster has not done what it was told after {_PATIENCE_SECONDS:g} s",
                hint="Its log says more.",
            ) from None


@dataclass(frozen=True)
class RunningCluster:
    """Where a started cluster is: `url` is what `--master` takes, the others are for HTTP.

    `http_url` is the first master's, which leads at first. `nodes` are for its own event loop, `control` is
    for other threads.
    """

    url: str
    http_url: str
    master_urls: tuple[str, ...]
    agent_urls: tuple[str, ...]
    nodes: ClusterNodes
    control: ClusterControl


@contextlib.asynccontextmanager
async def running_cluster(spec: ClusterSpec) -> AsyncIterator[RunningCluster]:
    """A cluster for the length of the block: on entry a master leads and all agents are registered.

    On exit every task has ended and every connection is closed. Raises LocalClusterError if a port is busy or
    the work dir cannot be used, UnreachableError if ZooKeeper does not answer, UsageError for what cannot be
    understood.
    """
    nodes = ClusterNodes(spec)
    try:
        await nodes.start()
        yield RunningCluster(
            url=nodes.url,
            http_url=nodes.masters[0].url,
            master_urls=tuple(master.url for master in nodes.masters),
            agent_urls=tuple(agent.url for agent in nodes.agents),
            nodes=nodes,
            control=ClusterControl(nodes, asyncio.get_running_loop()),
        )
    finally:
        await nodes.stop()


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
