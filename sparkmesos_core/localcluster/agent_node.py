"""The place of an agent in the embedded cluster: its port, its work dir, and the agents that live there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sparkmesos_core.errors import LocalClusterError
from sparkmesos_core.localcluster.agent.agent import Agent
from sparkmesos_core.localcluster.agent.agent_http import agent_app
from sparkmesos_core.localcluster.agent.agent_options import AgentOptions
from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.localcluster.http_answers import authority
from sparkmesos_core.localcluster.http_server import HttpServer
from sparkmesos_core.localcluster.link import AgentEnd, Link

Connect = Callable[[AgentEnd], Link]
"""Connects an agent to the leading master."""


class AgentNode:
    """One agent after the other at the same address and with the same work dir."""

    def __init__(
        self,
        options: AgentOptions,
        server: HttpServer,
        clock: Callable[[], float],
        processes: ProcessTable,
        authentication: Authentication,
    ) -> None:
        self.options = options
        self.server = server
        self.agent: Agent | None = None
        self.paused = False
        self._dead: Agent | None = None
        self._clock = clock
        self._processes = processes
        self._authentication = authentication
        self._connect: Connect | None = None
        self._link: Link | None = None
        self._missed_news = False
        self._watching: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Its base URL, at the address where it listens whatever it calls itself."""
        return f"http://{authority(self.server.host, self.server.port)}"

    def leader_detected(self, connect: Connect | None) -> None:
        """How to connect to who leads now; None if nobody is known to lead."""
        self._connect = connect
        if self.paused:
            self._missed_news = True
        elif self.agent is not None:
            self.agent.master_detected(self._connected if connect is not None else None)

    async def start(self) -> None:
        """An agent begins; what a former one has checkpointed is recovered, then it looks for the master.

        Raises LocalClusterError if one lives already, the port was lost, or resources or attributes are not
        those of the former agent; then none lives.
        """
        if self.agent is not None:
            raise LocalClusterError(f"The agent {self.url} is running")
        self.agent = agent = Agent(self.options, self._clock, self._processes)
        try:
            await self.server.start(agent_app(agent, self._authentication))
            await agent.start()
        except BaseException:
            self.agent, self._dead = None, self._dead or agent
            self.server.kill()
            agent.crash()
            raise
        self._stop_watching()
        self._watching = asyncio.get_running_loop().create_task(self._end_with(agent))
        agent.master_detected(self._connected if self._connect is not None else None)

    async def registered(self) -> None:
        """Wait until the master knows it."""
        await self._living().registered()

    async def kill(self) -> None:
        """The agent is gone from one moment to the next, as by SIGKILL; executors stay for a while."""
        agent = self._living()
        self.agent, self._dead = None, agent
        self.server.kill()
        agent.crash()
        self._end_pause()  # the master learns that the connection has ended

    async def terminate(self) -> None:
        """The agent ends itself as by SIGTERM, so that it can come back; not before a pause is over."""
        agent = self._living()
        self._end_pause()
        self.agent, self._dead = None, agent
        await agent.terminate()
        self.server.kill()

    async def shut_down(self) -> None:
        """The agent unregisters and ends with all that it runs, as by SIGUSR1; not before a pause is over."""
        agent = self._living()
        self._end_pause()
        self.agent = None
        await agent.shut_down()
        self.server.kill()

    def pause(self) -> None:
        """The process stands still, as by SIGSTOP, or nothing gets through to it: the two look the same."""
        self._living()
        self.paused = True
        self.server.pause()
        if self._link is not None:
            self._link.hold()

    def resume(self) -> None:
        """It goes on, as by SIGCONT."""
        self._living()
        self._end_pause()

    async def stop(self) -> None:
        """End for good, with all that it runs, or that a dead one has left running."""
        self._end_pause()
        agent, self.agent = self.agent or self._dead, None
        if agent is not None:
            await agent.shut_down()
        self._stop_watching()
        await self.server.stop()

    async def _end_with(self, agent: Agent) -> None:
        """The master can shut an agent down, too; that one was told never to come back, and does not."""
        await agent.ended.wait()
        if self.agent is agent:
            self.agent = None
            self.server.kill()

    def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def _end_pause(self) -> None:
        if not self.paused:
            return
        self.paused = False
        self.server.resume()
        if self._link is not None:
            self._link.release()
        if self._missed_news:
            self._missed_news = False
            self.leader_detected(self._connect)

    def _connected(self, end: AgentEnd) -> Link:
        assert self._connect is not None
        self._link = self._connect(end)
        if self.paused:
            self._link.hold()
        return self._link

    def _living(self) -> Agent:
        if self.agent is None:
            raise LocalClusterError(f"The agent {self.url} is not running")
        return self.agent
