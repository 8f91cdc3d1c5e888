"""Looks at the processes of the machine, each of which serves all who want one at that moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import psutil

# Between two looks there is this many times as long as a look takes: many endings at once must not keep a
# core busy with nothing but looking.
_REST = 2.0


@dataclass(frozen=True)
class Snapshot:
    """The living processes at one moment; zombies do not count, since nothing of them is left to end."""

    alive: dict[int, psutil.Process] = field(default_factory=dict)
    sessions: dict[int, list[int]] = field(default_factory=dict)
    """Ids of the processes, dead ones included, of each session."""
    children: dict[int, list[int]] = field(default_factory=dict)

    def members(self, leader: int) -> list[psutil.Process]:
        """The processes of the task whose first process is `leader`: its session and their descendants.

        The session also finds what was orphaned or left the process group (pyspark's daemon does);
        descendants also find what began a session of its own.
        """
        waiting = list(self.sessions.get(leader, ()))
        found = set(waiting)
        while waiting:
            new = [child for child in self.children.get(waiting.pop(), ()) if child not in found]
            found.update(new)
            waiting += new
        return [self.alive[pid] for pid in sorted(found) if pid in self.alive]

    def still(self, known: Sequence[psutil.Process], leader: int) -> list[psutil.Process]:
        """What lives of the processes known before, and what joined them.

        The former may have lost their parents.
        """
        left = {process.pid: process for process in known if self.alive.get(process.pid) == process}
        for process in self.members(leader):
            left.setdefault(process.pid, process)
        return list(left.values())


def take_snapshot() -> Snapshot:
    """Look at all processes; takes some microseconds for each."""
    snapshot = Snapshot()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            with process.oneshot():
                parent, state = process.ppid(), process.status()
            session = os.getsid(process.pid)
            snapshot.children.setdefault(parent, []).append(process.pid)
            snapshot.sessions.setdefault(session, []).append(process.pid)
            if state != psutil.STATUS_ZOMBIE:
                snapshot.alive[process.pid] = process
    return snapshot


class ProcessTable:
    """Gives snapshots to any number of askers on one event loop, with one thread of its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-table")
        self._next: asyncio.Task[Snapshot] | None = None
        self._not_before = 0.0

    async def look(self) -> Snapshot:
        """A snapshot that was begun after this call."""
        if self._next is None:
            self._next = asyncio.create_task(self._look())
        return await asyncio.shield(self._next)

    def close(self) -> None:
        """End the thread; nothing can be asked for afterwards."""
        self._thread.shutdown()

    async def _look(self) -> Snapshot:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._not_before - loop.time()))
        self._next = None  # who asks from now on could miss what has just begun
        began = loop.time()
        try:
            return await loop.run_in_executor(self._thread, take_snapshot)
        finally:
            self._not_before = loop.time() + _REST * (loop.time() - began)
