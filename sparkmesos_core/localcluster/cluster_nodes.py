"""The masters and agents of an embedded cluster, from their start to their end, and what can befall them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sparkmesos_core.errors import LocalClusterError, TimedOutError
from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.agent_node import AgentNode
from sparkmesos_core.localcluster.cluster_spec import ClusterSpec
from sparkmesos_core.localcluster.http_answers import authority
from sparkmesos_core.localcluster.http_server import HttpServer, ip_address
from sparkmesos_core.localcluster.master.registry import Registry
from sparkmesos_core.localcluster.master_node import MasterNode
from sparkmesos_core.localcluster.network.namespaces import AGENT_PORT, AgentNamespace
from sparkmesos_core.localcluster.steady_clock import SteadyClock

if TYPE_CHECKING:
    from sparkmesos_core.localcluster.election import ElectionMember

JsonObject = dict[str, Any]
T = TypeVar("T")

_START_SECONDS = 60.0
_ZOOKEEPER_SECONDS = 15.0
_POLL_SECONDS = 0.02


class ClusterNodes:
    """All nodes of a cluster; lives on one event loop. What is numbered is counted from 0.

    The methods that let a node end or begin raise LocalClusterError if it does not run, or does already.
    """

    def __init__(self, spec: ClusterSpec) -> None:
        """Raises UsageError if the spec cannot be understood, LocalClusterError if a port cannot be had."""
        self.spec = spec
        self._zookeeper = spec.check()
        self._clock = SteadyClock()
        self._processes = ProcessTable()
        self._watcher: ElectionMember | None = None
        self._foreign: str | None = None
        self.masters: list[MasterNode] = []
        self.agents: list[AgentNode] = []
        registry = Registry()
        ip = ip_address(spec.host)
        servers: list[HttpServer] = []
        self._namespaces: list[AgentNamespace] = []
        try:
            for number in range(spec.masters):
                servers.append(HttpServer(spec.host, spec.port if number == 0 else 0))
            for number in range(len(spec.agents)):
                servers.append(self._agent_server(number))
        except BaseException:
            for server in servers:
                server.release()
            self._close()
            raise
        for server in servers[: spec.masters]:
            self.masters.append(
                MasterNode(
                    spec.master_options(ip, server.port, self._election_url),
                    server,
                    self._clock,
                    registry,
                    spec.authentication,
                    self._join if self._zookeeper is not None else None,
                    _ZOOKEEPER_SECONDS,
                    spec.log,
                )
            )
        for number, server in enumerate(servers[spec.masters :]):
            namespace = self._namespaces[number] if self._namespaces else None
            options = spec.agent_options(number, ip_address(server.host), server.port, namespace)
            self.agents.append(AgentNode(options, server, self._clock, self._processes, spec.authentication))

    @property
    def url(self) -> str:
        """What `--master` takes. It holds no password: everybody may read who leads."""
        if self._election_url is not None:
            return self._election_url
        return f"mesos://{authority(self.spec.host, self.masters[0].options.port)}"

    @property
    def _election_url(self) -> str | None:
        if self._zookeeper is None:
            return None
        return f"mesos://zk://{','.join(map(str, self._zookeeper.servers))}{self._zookeeper.path}"

    async def start(self) -> None:
        """Begin with everything; afterwards a master leads and all agents are registered.

        Raises LocalClusterError or UnreachableError; then `stop` is still to be called.
        """
        for agent in self.agents:
            _make_folder(agent)
        for master in self.masters:  # one after the other, so that the first one leads
            await master.start()
        if self._zookeeper is None:
            self._leader_is(self.masters[0])
        else:
            self._watcher = self._new_member(self._told, None)
            await self._watcher.start(_ZOOKEEPER_SECONDS)
        for agent in self.agents:  # in turn, so that they register, and get their ids, in this order
            await agent.start()
        await self.await_registered()

    async def stop(self) -> None:
        """End everything: every task has ended afterwards, every connection is closed."""
        if self._watcher is not None:
            await self._watcher.close()
        await asyncio.gather(*(master.stop() for master in self.masters))
        await asyncio.gather(*(agent.stop() for agent in self.agents))
        self._close()

    async def kill_master(self, master: int) -> None:
        """As by SIGKILL: its connections are cut, its state is forgotten, its port refuses."""
        self.masters[master].kill()

    async def start_master(self, master: int) -> None:
        """A new master at the same address, which knows the registry only."""
        await self.masters[master].start()
        if self._zookeeper is None:
            # An agent of Mesos that has no ZooKeeper looks for its master again when no ping has come for a
            # while (75 s unless told otherwise). There is nothing to be learnt from waiting for that.
            self._leader_is(self.masters[master])

    async def cut_connections(self, master: int) -> int:
        """Cut the TCP connections that schedulers are subscribed over; how many there were."""
        return self.masters[master].server.cut_subscriptions()

    async def kill_agent(self, agent: int) -> None:
        """As by SIGKILL; executors of checkpointing frameworks live on and wait for it to come back."""
        await self.agents[agent].kill()

    async def terminate_agent(self, agent: int) -> None:
        """As by SIGTERM: it ends itself and can come back."""
        await self.agents[agent].terminate()

    async def shut_down_agent(self, agent: int) -> None:
        """As by SIGUSR1: it unregisters and ends with all that it runs."""
        await self.agents[agent].shut_down()

    async def start_agent(self, agent: int) -> None:
        """An agent at the same address and with the same work dir."""
        await self.agents[agent].start()

    async def pause_agent(self, agent: int) -> None:
        """As by SIGSTOP or a network that is cut: connections stay, but nothing gets through."""
        self.agents[agent].pause()

    async def resume_agent(self, agent: int) -> None:
        """As by SIGCONT, or when the network is back."""
        self.agents[agent].resume()

    async def leading_master(self) -> int | None:
        """Which master leads, None if there is none."""
        return next((number for number, master in enumerate(self.masters) if master.leading), None)

    async def await_leading_master(self) -> int:
        """The same, after waiting for one. Raises TimedOutError."""

        async def lead() -> int:
            while (number := await self.leading_master()) is None:
                await asyncio.sleep(_POLL_SECONDS)
            return number

        return await _within(lead(), "no master leads")

    async def await_registered(self) -> None:
        """Wait until all agents that live and are not paused are registered. Raises TimedOutError."""
        awaited = [a for a in self.agents if a.agent is not None and not a.paused]
        registered = asyncio.gather(*(agent.registered() for agent in awaited))
        try:
            await _within(registered, "not all agents are registered with a leading master")
        except TimedOutError:
            if self._foreign is None:
                raise
            raise LocalClusterError(
                f"A master that is not this cluster's leads at {self._election_url}: {self._foreign}",
                hint="Name another path with --zk, or stop that cluster.",
            ) from None

    # --- where they are

    def _agent_server(self, number: int) -> HttpServer:
        """At the cluster's host, or in a network namespace that is made for the agent."""
        if self.spec.network is None:
            return HttpServer(self.spec.host)
        namespace = self.spec.network.agent_namespace(number)
        self._namespaces.append(namespace)
        return HttpServer(namespace.address, AGENT_PORT, namespace.entered)

    def _close(self) -> None:
        self._processes.close()
        for namespace in self._namespaces:
            namespace.close()

    # --- who leads

    def _join(self, told: Callable[[JsonObject | None], None], info: JsonObject) -> ElectionMember:
        return self._new_member(told, info)

    def _new_member(
        self, told: Callable[[JsonObject | None], None], info: JsonObject | None
    ) -> ElectionMember:
        from sparkmesos_core.localcluster.election import ElectionMember

        assert self._zookeeper is not None
        return ElectionMember(self._zookeeper, told, info=info, session_timeout=self.spec.zk_session_timeout)

    def _told(self, leader: JsonObject | None) -> None:
        """ZooKeeper says who leads: one of ours, or one of a former cluster, which is not there."""
        self._foreign = None
        if leader is None:
            self._leader_is(None)
            return
        address = leader.get("address")
        where = (address.get("ip"), address.get("port")) if isinstance(address, dict) else None
        node = next((n for n in self.masters if (n.options.ip, n.options.port) == where), None)
        self._foreign = None if node is not None else f"{leader.get('hostname')}:{leader.get('port')}"
        self._leader_is(node)

    def _leader_is(self, master: MasterNode | None) -> None:
        for agent in self.agents:
            agent.leader_detected(master.connect if master is not None else None)


def _make_folder(agent: AgentNode) -> None:
    folder = agent.options.work_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalClusterError(
            f"Cannot create the agent's work dir {folder}: {error.strerror}",
            hint="Name a folder that can be written with --work-dir.",
        ) from error


async def _within(work: Awaitable[T], problem: str) -> T:
    try:
        return await asyncio.wait_for(work, _START_SECONDS)
    except asyncio.TimeoutError:
        raise TimedOutError(
            f"The embedded cluster is not ready after {_START_SECONDS:g} s: {problem}",
            hint="Its log says more.",
        ) from None
