"""A running dispatcher: a durable framework of drivers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sparkmesos_core.dispatcher.dispatcher import Created, KillAnswer
from sparkmesos_core.dispatcher.drivers.book import Book
from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.drivers.obstacle import Obstacle
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.durable_framework.service import FrameworkService
from sparkmesos_core.durable_framework.store.store import Store


class DispatcherService(FrameworkService[Book]):
    """Implements `Dispatcher`. Lives in one event loop."""

    def __init__(
        self,
        *,
        open_store: Callable[[], Store[Driver]],
        new_book: Callable[[], Book],
        master: str,
        on_leader: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """As `FrameworkService` has it."""
        super().__init__(
            DRIVERS,
            open_store=open_store,
            new_book=new_book,
            master=master,
            on_leader=on_leader,
            clock=clock,
        )

    async def create(self, submission: Submission, token: str = "") -> Created:
        """Accept a driver, or find the one that was accepted for the same token."""
        return await self.ask(lambda book, now: book.submit(submission, token, now))

    async def kill(self, driver_id: str) -> KillAnswer:
        """Kill a driver, whatever its state."""
        return await self.ask(lambda book, now: book.kill(driver_id, now))

    async def kill_all(self) -> Sequence[KillAnswer]:
        """Kill all drivers that have not ended."""
        return await self.ask(lambda book, now: book.kill_all(now))

    async def clear(self) -> int:
        """Forget the drivers that have ended; how many they were."""
        return await self.ask(lambda book, now: book.clear(now))

    def driver(self, driver_id: str) -> Driver | None:
        """One driver, whatever its state."""
        return self.book.driver(driver_id)

    def drivers(self) -> Sequence[Driver]:
        """All of them, in the order of their acceptance."""
        return self.book.drivers()

    def queue_position(self, driver_id: str) -> int | None:
        """How many queued drivers are to be launched before this one, plus one."""
        return self.book.queue_position(driver_id)

    def obstacle(self, driver_id: str) -> Obstacle | None:
        """What keeps a driver that waits from being launched now."""
        return self.book.obstacle(driver_id, self._clock())
