"""The place of a master in the embedded cluster: its port, and the masters that live and die there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkmesos_core.errors import LocalClusterError, SparkMesosError
from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.localcluster.http_answers import authority
from sparkmesos_core.localcluster.http_server import HttpServer
from sparkmesos_core.localcluster.link import AgentEnd, Link
from sparkmesos_core.localcluster.master.master import Master
from sparkmesos_core.localcluster.master.master_http import master_app
from sparkmesos_core.localcluster.master.master_records import MasterOptions
from sparkmesos_core.localcluster.master.registry import Registry

if TYPE_CHECKING:
    from sparkmesos_core.localcluster.election import ElectionMember

JsonObject = dict[str, Any]

Join = Callable[[Callable[[JsonObject | None], None], JsonObject], "ElectionMember"]
"""Makes a master, given by its MasterInfo, a member of the election, and says whom to tell of the leader."""

RESTART_SECONDS = 1.0
"""After which a master that ended itself is started again, as a supervisor would."""

logger = logging.getLogger(__name__)


class MasterNode:
    """One master after the other at the same address.

    Alone, without `join`, it leads from its start.
    """

    def __init__(
        self,
        options: MasterOptions,
        server: HttpServer,
        clock: Callable[[], float],
        registry: Registry,
        authentication: Authentication,
        join: Join | None,
        patience: float,
        log: Path | None = None,
    ) -> None:
        self.options = options
        self.server = server
        self.master: Master | None = None
        self._clock = clock
        self._registry = registry
        self._authentication = authentication
        self._join = join
        self._patience = patience
        self._log = log
        self._member: ElectionMember | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._restarting: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{authority(self.options.hostname, self.options.port)}"

    @property
    def leading(self) -> bool:
        """Whether it lives and leads."""
        return self.master is not None and self.master.leading

    async def start(self) -> None:
        """A new master begins, knowing nothing but the registry; it stands for election if there is one.

        Raises LocalClusterError if one lives already or the port was lost, UnreachableError if ZooKeeper does
        not answer.
        """
        if self.master is not None:
            raise LocalClusterError(f"The master {self.url} is running")
        self._stop_restarting()
        self.master = master = Master(self.options, self._clock, self._registry)
        await self.server.start(master_app(master, self._authentication, self._log))
        if self._join is None:
            master.lead()
            return
        self._member = self._join(self._told, master.state.master_info())
        await self._member.start(self._patience)

    def kill(self) -> None:
        """The master is gone from one moment to the next, as by SIGKILL. LocalClusterError if none lives."""
        self._stop_restarting()
        master, self.master = self.master, None
        if master is None:
            raise LocalClusterError(f"The master {self.url} is not running")
        self.server.kill()
        master.close()
        if self._member is not None:
            self._member.kill()
            self._close_member(self._member)
            self._member = None

    async def stop(self) -> None:
        """End for good, politely, with all its threads; frameworks and agents are told nothing."""
        restarting = self._restarting
        self._stop_restarting()
        if restarting is not None:
            await asyncio.wait([restarting])
        master, self.master = self.master, None
        if master is not None:
            master.close()
        if self._member is not None:
            self._close_member(self._member)
            self._member = None
        if self._closing:
            await asyncio.wait(self._closing)
        await self.server.stop()

    def connect(self, end: AgentEnd) -> Link:
        """An agent's connection to the master; it is closed at once, as when it is refused, if none lives."""
        link = Link(end)
        if self.master is None:
            link.close_by_master()
        else:
            self.master.connect(link)
        return link

    def _told(self, leader: JsonObject | None) -> None:
        """The election has a result."""
        master = self.master
        if master is None:
            return
        if leader is not None and leader.get("id") == master.state.master_id:
            master.lead()
        elif master.leading or master.recovering:
            logger.error("The master %s leads no longer and ends itself", self.url)
            self.kill()
            self._restarting = asyncio.get_running_loop().create_task(self._restart())
        else:
            master.follow(leader)

    def _close_member(self, member: ElectionMember) -> None:
        closing = asyncio.get_running_loop().create_task(member.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _restart(self) -> None:
        while self.master is None:
            await asyncio.sleep(RESTART_SECONDS)
            try:
                await self.start()
            except SparkMesosError as error:
                logger.error("The master %s could not be started again: %s", self.url, error)
                with contextlib.suppress(LocalClusterError):  # it may not even have begun
                    self.kill()

    def _stop_restarting(self) -> None:
        """Unless it is the restart itself that asks."""
        if self._restarting is not None and self._restarting is not asyncio.current_task():
            self._restarting.cancel()
            self._restarting = None
