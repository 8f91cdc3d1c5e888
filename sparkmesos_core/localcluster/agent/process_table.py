"""Looks at the processes of the machine, each of which serves all who want one at that moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

# Between two looks there is this many times as long as a look takes: many endings at once must not keep a
# core busy with nothing but looking.
_REST = 1.0

_PROC = Path("/proc")
_LINUX = sys.platform == "linux"
_START_FIELD = 19  # of /proc/PID/stat, counted from the state


@dataclass(frozen=True)
class Snapshot:
    """The processes at one moment; zombies do not live, since nothing of them is left to end."""

    alive: dict[int, float] = field(default_factory=dict)
    """Since when each process lives, in the unit of `_started`."""
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
        processes = [self._process(pid) for pid in sorted(found) if pid in self.alive]
        return [process for process in processes if process is not None]

    def still(self, known: Sequence[psutil.Process], leader: int) -> list[psutil.Process]:
        """What lives of the processes known before, and what joined them.

        The former may have lost their parents.
        """
        left = {
            process.pid: process for process in known if process.pid in self.alive and process.is_running()
        }
        for process in self.members(leader):
            left.setdefault(process.pid, process)
        return list(left.values())

    def add(self, pid: int, parent: int, session: int, *, zombie: bool, started: float) -> None:
        """Note a process."""
        self.children.setdefault(parent, []).append(pid)
        self.sessions.setdefault(session, []).append(pid)
        if not zombie:
            self.alive[pid] = started

    def _process(self, pid: int) -> psutil.Process | None:
        """The process with this id, unless it has ended, and perhaps given its id to another one, since."""
        with contextlib.suppress(psutil.Error, OSError, ValueError):
            process = psutil.Process(pid)
            if _started(pid) == self.alive[pid]:
                return process
        return None


def take_snapshot() -> Snapshot:
    """Look at all processes; takes some microseconds for each."""
    return _snapshot_of_linux() if _LINUX else _snapshot_of_others()


def _snapshot_of_linux() -> Snapshot:
    """The same as psutil would find, in a tenth of its time: agents look often, and at thousands."""
    snapshot = Snapshot()
    for name in os.listdir(_PROC):  # noqa: PTH208 - ten times as fast
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = _stat(int(name))
                snapshot.add(
                    int(name),
                    int(fields[1]),
                    int(fields[3]),
                    zombie=fields[0] in (b"Z", b"X"),
                    started=float(fields[_START_FIELD]),
                )
    return snapshot


def _snapshot_of_others() -> Snapshot:
    snapshot = Snapshot()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError), process.oneshot():
            snapshot.add(
                process.pid,
                process.ppid(),
                os.getsid(process.pid),
                zombie=process.status() == psutil.STATUS_ZOMBIE,
                started=process.create_time(),
            )
    return snapshot


def _started(pid: int) -> float:
    """Since when a process lives: ticks since the start of the machine, elsewhere than on Linux a time."""
    return float(_stat(pid)[_START_FIELD]) if _LINUX else psutil.Process(pid).create_time()


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat behind the name, which can hold blanks and brackets (proc(5))."""
    with open(f"{_PROC}/{pid}/stat", "rb") as file:  # noqa: PTH123 - see above
        return file.read().rpartition(b")")[2].split()


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
