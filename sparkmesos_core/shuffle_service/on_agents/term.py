"""The framework of the services for as long as one process leads; what becomes of them is logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.durable_framework.service import FrameworkService
from sparkmesos_core.durable_framework.store.store import Store
from sparkmesos_core.shuffle_service.on_agents.book import ServiceBook
from sparkmesos_core.shuffle_service.on_agents.last_words import LastWords
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Phase

logger = logging.getLogger(__name__)

ReadLastWords = Callable[[AgentService, str], Awaitable[LastWords]]
"""What the task of this id of a service that has ended wrote last."""
CheckHome = Callable[[ServiceBook], Awaitable[None]]
"""Raises SparkMesosError if a book is of another cluster than the one that its framework is to go to."""

_MOST_READINGS = 32
"""How many last words are waited for at a time: more failures at once are one and the same."""


class ServicesTerm(FrameworkService[ServiceBook]):
    """Lives in one event loop."""

    def __init__(
        self,
        kind: RecordKind[Any],
        *,
        open_store: Callable[[], Store[Any]],
        new_book: Callable[[], ServiceBook],
        master: str,
        on_leader: Callable[[str], None],
        read_last_words: ReadLastWords,
        check_home: CheckHome,
    ) -> None:
        """As `FrameworkService`; `read_last_words` raises nothing, and `check_home` is called once."""
        super().__init__(kind, open_store=open_store, new_book=new_book, master=master, on_leader=on_leader)
        self._read_last_words = read_last_words
        self._check_home = check_home
        self._readings: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Open the store and read it. Raises what that does, and if it is of another cluster."""
        await super().open()
        await self._check_home(self.book)

    def now(self) -> float:
        """The time that its book goes by."""
        return self._clock()

    async def close(self) -> None:
        """Write what is decided, tell Mesos, and leave. Services run on, and Mesos keeps the framework."""
        for reading in self._readings:
            reading.cancel()
        await super().close()

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Something that Mesos says."""
        agent_id = ""
        if event["type"] == "UPDATE":
            agent_id = event["update"]["status"].get("agent_id", {}).get("value", "")
        before = self.book.service(agent_id)
        super().on_event(event)
        after = self.book.service(agent_id)
        if after is not None and before is not after:
            self._tell(before, after)

    def _tell(self, before: AgentService | None, after: AgentService) -> None:
        """Log what has become of a service."""
        if before is not None and before.phase is after.phase and before.task_id == after.task_id:
            return
        if after.phase is Phase.RUNNING:
            logger.info("%s: the service runs (%s)", after.host, after.task_id)
        elif after.phase is Phase.UNREACHABLE:
            logger.warning("%s: the agent is out of reach; nothing is launched there", after.host)
        elif after.phase is Phase.WAITING and (ending := after.last_ending) is not None:
            if self.book.ends:
                logger.info("%s: the service %s has ended (%s)", after.host, ending.task_id, ending.state)
                return
            logger.warning(
                "%s: the service %s has ended (%s%s)%s; the next one in %g s",
                after.host,
                ending.task_id,
                ending.state,
                f": {ending.message}" if ending.message else "",
                f", {after.failures} times in a row" if after.failures > 1 else "",
                after.wait,
            )
            if len(self._readings) < _MOST_READINGS:
                reading = asyncio.get_running_loop().create_task(self._tell_last_words(after, ending.task_id))
                self._readings.add(reading)
                reading.add_done_callback(self._readings.discard)

    async def _tell_last_words(self, service: AgentService, task_id: str) -> None:
        said = await self._read_last_words(service, task_id)
        if said.cause:
            logger.warning("%s: %s", service.host, said.cause)
        elif said.lines:
            logger.warning("%s: what it wrote last: %s", service.host, said.lines[-1])
