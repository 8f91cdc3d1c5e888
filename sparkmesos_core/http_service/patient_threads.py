"""Threads for questions that may never be answered: nobody waits for them when the process is to end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

_T = TypeVar("_T")


class PatientThreads:
    """A few threads, begun as they are needed, that do what they are given one after the other.

    Those of `ThreadPoolExecutor` are waited for at the end of the process, whatever they are at; these are
    not. To be used from one event loop.
    """

    def __init__(self, most: int, name: str) -> None:
        """`most` threads at a time; `name` is theirs."""
        self._most = most
        self._name = name
        self._threads: list[threading.Thread] = []
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._unfinished: set[Future[Any]] = set()
        self._ended: Exception | None = None

    async def run(self, work: Callable[[], _T]) -> _T:
        """What `work` returns, in one of the threads; raises what it raises, and what `close` was given."""
        if self._ended is not None:
            raise self._ended
        future: Future[_T] = Future()
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        self._queue.put((future, work))
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._threads.append(thread)
            thread.start()
        return await asyncio.wrap_future(future)

    def close(self, error: Exception) -> None:
        """Whoever waits, and whoever comes later, gets this error at once."""
        self._ended = error
        for future in list(self._unfinished):
            with suppress(InvalidStateError):
                future.set_exception(error)
        for _ in self._threads:
            self._queue.put(None)
        self._threads.clear()

    def _work(self) -> None:
        while (given := self._queue.get()) is not None:
            future, work = given
            if future.done():  # nobody waits any more
                continue
            # Somebody may give up while it is done.
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                with suppress(InvalidStateError):
                    future.set_exception(error)
            else:
                with suppress(InvalidStateError):
                    future.set_result(result)
            del given, future, work
