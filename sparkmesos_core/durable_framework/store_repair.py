"""A store that has failed is tried again, until it works: what it holds then is what to go on with."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Generic

from sparkmesos_core.durable_framework.pauses import Pauses
from sparkmesos_core.durable_framework.record import R
from sparkmesos_core.durable_framework.store.store import Stored
from sparkmesos_core.errors import SparkMesosError, StoreTakenOverError

logger = logging.getLogger(__name__)


class StoreRepair(Generic[R]):
    """Tries one store, with longer and longer pauses. Lives in one event loop."""

    def __init__(
        self,
        load: Callable[[], Awaitable[Stored[R]]],
        on_works: Callable[[Stored[R]], None],
        on_taken_over: Callable[[str], None],
    ) -> None:
        """`load` reads the store, and raises while that fails; `on_works` gets what it has read in the end.

        `on_taken_over` is told why if the store belongs to another process: it is not tried again then.
        """
        self._load = load
        self._on_works = on_works
        self._on_taken_over = on_taken_over
        self._pauses = Pauses()
        self._task: asyncio.Task[None] | None = None

    @property
    def under_way(self) -> bool:
        """Whether it is being tried."""
        return self._task is not None and not self._task.done()

    def works(self) -> None:
        """The store works at this moment."""
        self._pauses.went_well(asyncio.get_running_loop().time())

    def begin(self) -> None:
        """The store has failed: try it again, after a pause, unless that is under way."""
        self._pauses.failed(asyncio.get_running_loop().time())
        if not self.under_way:
            self._task = asyncio.create_task(self._try())

    async def close(self) -> None:
        """Try it no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _try(self) -> None:
        while True:
            await asyncio.sleep(self._pauses.take())
            try:
                stored = await self._load()
            except StoreTakenOverError as error:
                self._on_taken_over(error.message)
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, it is not there
                message = error.message if isinstance(error, SparkMesosError) else repr(error)
                logger.warning("the store still fails: %s", message)
                continue
            break
        self._task = None  # it may fail again at once, and is to be tried again then
        self._on_works(stored)
