"""The processes of a task.

Started in a session of their own, found again as a whole, and ended as a whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psutil

from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.network.namespaces import Within
from sparkmesos_core.process_end import call_at_end

_LONGEST_POLL_SECONDS = 0.25
_KILL_PATIENCE_SECONDS = 10.0
_LEFTOVER_SECONDS = 1.0
"""So long after the process that is the task to it Mesos' command executor ends, and the container with it.

See `reaped` in its src/launcher/executor.cpp. What a shell waits for has no longer grace than that.
"""


class Program(Protocol):
    """Something that runs on behalf of an executor, be it a process or a docker container."""

    @property
    def pid(self) -> int:
        """The first process."""

    async def wait(self) -> int:
        """Its exit status, when it has ended; negative for a signal."""

    async def end(self, grace_seconds: float) -> None:
        """End it so that it can clean up, by force after the grace period; return when nothing is left."""

    async def kill(self) -> None:
        """End by force all that is left of it."""


class TaskProcess:
    """The first process of a task.

    asyncio's own subprocesses would cost a thread each before Python 3.12.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid
        self.nothing_left = False
        """Whether all that it has started has ended, too, so that its pid may be somebody else's by now."""
        self._process = process
        self._terminated: set[int] = set()
        self._waiting = asyncio.create_task(self._wait())

    async def wait(self) -> int:
        """Its exit status, when it has ended; negative for a signal."""
        return await asyncio.shield(self._waiting)

    @property
    def has_ended(self) -> bool:
        """Whether its exit status was asked for: the kernel may give its pid to another process."""
        return self._process.returncode is not None

    def kill(self) -> None:
        """SIGKILL it, and it alone."""
        self._process.kill()

    def terminate(self, members: Sequence[psutil.Process]) -> None:
        """SIGTERM these of its task's processes, each once."""
        new = [member for member in members if member.pid not in self._terminated]
        self._terminated.update(member.pid for member in new)
        _signal(new, signal.SIGTERM)

    async def _wait(self) -> int:
        ended = asyncio.Event()
        async with call_at_end(self.pid, ended.set):
            await ended.wait()
        return self._process.wait()  # at once, since it is a zombie by now


def start(
    argv: Sequence[str],
    *,
    executable: str | None,
    environment: Mapping[str, str],
    sandbox: Path,
    within: Within = contextlib.nullcontext,
) -> TaskProcess:
    """Start a program in the sandbox, without input, its output appended to the files `stdout` and `stderr`.

    It begins `within` the network namespace of its agent, if that has one. Needs a running event loop. Raises
    OSError (or ValueError for text that no program can be given) if it cannot be started.
    """
    with (sandbox / "stdout").open("ab") as stdout, (sandbox / "stderr").open("ab") as stderr, within():
        return TaskProcess(
            subprocess.Popen(
                argv,
                executable=executable,
                env=dict(environment),
                cwd=sandbox,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        )


class PosixProgram:
    """A process in its sandbox, with all that it starts."""

    def __init__(self, process: TaskProcess, table: ProcessTable) -> None:
        self._process = process
        self._table = table

    @property
    def pid(self) -> int:
        """The first process."""
        return self._process.pid

    async def wait(self) -> int:
        """Its exit status, when it has ended; negative for a signal."""
        return await self._process.wait()

    async def end(self, grace_seconds: float) -> None:
        """SIGTERM, SIGKILL after the grace period; return when nothing is left."""
        await end(self._process, grace_seconds, self._table)

    async def kill(self) -> None:
        """SIGKILL all that is left of it."""
        await kill(self._process, self._table)


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        # psutil looks at the start time first, so a pid that was given to somebody else is left alone.
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


async def end(process: TaskProcess, grace_seconds: float, table: ProcessTable) -> None:
    """End a task: SIGTERM to all its processes, SIGKILL to what is left after the grace period.

    Or a second after its first process has ended. Asked for again, with less grace, it sends no second
    SIGTERM, as Mesos does not. Returns when nothing is left. What began a session of its own after its parent
    had gone is not found, as on an agent with Mesos' posix launcher; it is ended with the framework or the
    agent.
    """
    known = (await table.look()).members(process.pid)
    process.terminate(known)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_seconds
    for pause in _pauses():
        if not known or loop.time() >= deadline:
            break
        await asyncio.sleep(min(pause, max(0.0, deadline - loop.time())))
        known = (await table.look()).still(known, process.pid)
        if process.has_ended:
            deadline = min(deadline, loop.time() + _LEFTOVER_SECONDS)
        # A shell may have started its command just before the signal came: that one has not heard of it.
        process.terminate(known)
    if known:
        await kill(process, table, known)
    await process.wait()


async def kill(process: TaskProcess, table: ProcessTable, known: Sequence[psutil.Process] = ()) -> None:
    """SIGKILL everything that belongs to a task, and wait until it is gone."""
    if process.nothing_left:
        return
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _KILL_PATIENCE_SECONDS
    left = (await table.look()).still(known, process.pid)
    for pause in _pauses():
        if not left or loop.time() >= deadline:
            break
        _signal(left, signal.SIGKILL)
        await asyncio.sleep(pause)
        left = (await table.look()).still(left, process.pid)
    process.nothing_left = not left and process.has_ended


def _pauses() -> Iterator[float]:
    """How long to wait before looking again: soon at first, since most programs end at once."""
    pause = 0.01
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
