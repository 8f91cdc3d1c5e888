"""Writes what was decided to the store: in order, and all that waits in one go.

The store blocks, so it has a thread of its own. While one write is made, the decisions of many requests come
together, and share the next: so the disk is waited for once, not once for each.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sparkmesos_core.durable_framework.actions import Action, Forget, Save, SaveFramework
from sparkmesos_core.durable_framework.record import R
from sparkmesos_core.durable_framework.store.store import Change, Store, Stored

T = TypeVar("T")


@dataclass(frozen=True)
class _Decision:
    changes: Sequence[Change]
    calls: Sequence[Action]
    written: asyncio.Future[None] | None


class Writer(Generic[R]):
    """A store, its thread, and the decisions on their way to it. Lives in one event loop."""

    def __init__(
        self,
        holder: str,
        on_written: Callable[[Sequence[Action]], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        """`holder` is whose store it is; `on_written` gets the calls of decisions that are on disk, in order.

        `on_failure` gets what a write raised, and has to call `drop`: nothing of that write may be done.
        """
        self._on_written = on_written
        self._on_failure = on_failure
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{holder}-store")
        self._store: Store[R] | None = None
        self._pending: list[_Decision] = []
        self._failed: list[_Decision] = []
        self._writing = False
        self._decided = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    async def open(self, open_store: Callable[[], Store[R]]) -> Stored[R]:
        """Open the store, and read it. Raises what that raises."""
        self._store = await self._in_thread(open_store)
        stored = await self._in_thread(self._store.load)
        self._task = asyncio.create_task(self._write())
        return stored

    async def load(self) -> Stored[R]:
        """What the store holds, after all writes that have begun. Raises what that raises."""
        assert self._store is not None
        return await self._in_thread(self._store.load)

    def put(self, actions: Iterable[Action], written: asyncio.Future[None] | None = None) -> None:
        """Write the changes among these; `written` is told when they and all those before are on disk."""
        changes: list[Change] = []
        calls: list[Action] = []
        for action in actions:
            if isinstance(action, Save | Forget | SaveFramework):
                changes.append(action)
            else:
                calls.append(action)
        if changes or calls or written is not None:
            self._pending.append(_Decision(changes, calls, written))
            self._decided.set()
            self._idle.clear()

    def drop(self, refused: Exception, in_doubt: Exception) -> None:
        """Forget what is not written. Who waits for it gets `refused`.

        Who waits for a write that failed gets `in_doubt`: the store may hold it nevertheless.
        """
        for lost, error in ((self._failed, in_doubt), (self._pending, refused)):
            for decision in lost:
                if decision.written is not None and not decision.written.done():
                    decision.written.set_exception(error)
        self._failed, self._pending = [], []
        if not self._writing:
            self._idle.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be written, nor is being written."""
        return self._idle.is_set()

    async def idle(self) -> None:
        """Return when nothing waits to be written, nor is being written."""
        await self._idle.wait()

    async def close(self) -> None:
        """End, without what is not written, and let go of the store."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._store is not None:
            await self._in_thread(self._store.close)
        self._thread.shutdown()

    async def _write(self) -> None:
        assert self._store is not None
        while True:
            await self._decided.wait()
            self._decided.clear()
            batch, self._pending = self._pending, []
            if changes := [change for decision in batch for change in decision.changes]:
                self._writing = True
                try:
                    await self._in_thread(self._store.apply, changes)
                except Exception as error:  # noqa: BLE001 - whatever it is, nothing of it may be done
                    self._writing = False
                    self._failed = batch
                    self._on_failure(error)
                    continue
                self._writing = False
            self._on_written([call for decision in batch for call in decision.calls])
            for decision in batch:
                if decision.written is not None and not decision.written.done():
                    decision.written.set_result(None)
            if not self._pending:
                self._idle.set()

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
