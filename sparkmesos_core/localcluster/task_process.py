"""The processes of a task.

Started in a session of their own, found again as a whole, and ended as a whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

_LONGEST_POLL_SECONDS = 0.25
_KILL_PATIENCE_SECONDS = 10.0


async def start(
    argv: Sequence[str], *, executable: str | None, environment: Mapping[str, str], sandbox: Path
) -> asyncio.subprocess.Process:
    """Start a program in the sandbox, without input, its output appended to the files `stdout` and `stderr`.

    Raises OSError (or ValueError for text that no program can be given) if it cannot be started.
    """
    with (sandbox / "stdout").open("ab") as stdout, (sandbox / "stderr").open("ab") as stderr:
        return await asyncio.create_subprocess_exec(
            *argv,
            executable=executable,
            env=dict(environment),
            cwd=sandbox,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )


def members(leader: int) -> list[psutil.Process]:
    """The living processes of the task whose first process is `leader`: its session and their descendants.

    The session also finds what was orphaned or left the process group (pyspark's daemon does); descendants
    also find what began a session of its own. Zombies do not count: nothing of them is left to end.
    """
    session = set()
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == leader:
                session.add(pid)
    if not session:
        return []
    children: dict[int, list[psutil.Process]] = {}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            children.setdefault(process.ppid(), []).append(process)
            if process.pid in session:
                found[process.pid] = process
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), []):
            if child.pid not in found:
                found[child.pid] = child
                waiting.append(child.pid)
    return [process for process in found.values() if _lives(process)]


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        # psutil looks at the start time first, so a pid that was given to somebody else is left alone.
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


async def end(process: asyncio.subprocess.Process, grace_seconds: float) -> None:
    """End a task: SIGTERM to all its processes, SIGKILL to what is left after the grace period.

    Returns when nothing is left. What began a session of its own after its parent had gone is not found, as
    on an agent with Mesos' posix launcher.
    """
    known = await asyncio.to_thread(members, process.pid)
    _signal(known, signal.SIGTERM)
    signalled = {member.pid for member in known}
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_seconds
    for pause in _pauses():
        if not known or loop.time() >= deadline:
            break
        await asyncio.sleep(min(pause, max(0.0, deadline - loop.time())))
        known = await asyncio.to_thread(_still, known, process.pid)
        # A shell may have started its command just before the signal came: that one has not heard of it.
        late = [member for member in known if member.pid not in signalled]
        _signal(late, signal.SIGTERM)
        signalled.update(member.pid for member in late)
    await kill(process.pid, known)
    await process.wait()


async def kill(leader: int, known: Sequence[psutil.Process] = ()) -> None:
    """SIGKILL everything that belongs to a task, and wait until it is gone."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _KILL_PATIENCE_SECONDS
    left = await asyncio.to_thread(_still, known, leader)
    for pause in _pauses():
        if not left or loop.time() >= deadline:
            break
        _signal(left, signal.SIGKILL)
        await asyncio.sleep(pause)
        left = await asyncio.to_thread(_still, left, leader)


def _pauses() -> Iterator[float]:
    """How long to wait before looking again: soon at first, since most programs end at once."""
    pause = 0.01
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)


def _still(known: Sequence[psutil.Process], leader: int) -> list[psutil.Process]:
    """What lives of the processes known before, and what joined them.

    The former may have lost their parents.
    """
    alive = {process.pid: process for process in known if process.is_running() and _lives(process)}
    for process in members(leader):
        alive.setdefault(process.pid, process)
    return list(alive.values())
