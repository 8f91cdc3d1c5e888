"""Waiting for the end of a process that need not be our child.

A process has ended when it runs no more, even if its parent has not asked for its exit status yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import time
from collections.abc import AsyncIterator, Callable

import psutil

# Only where the kernel has no event for it.
_POLL_SECONDS = 0.05


def has_ended(pid: int) -> bool:
    """Whether no process with this id runs."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for_end(pid: int, timeout: float) -> bool:
    """Waits for the process to end, `timeout` seconds at most; returns whether it has."""
    descriptor = _pidfd(pid)
    if descriptor is not None:
        try:
            events = select.poll()
            events.register(descriptor, select.POLLIN)
            return bool(events.poll(timeout * 1000))
        finally:
            os.close(descriptor)
    deadline = time.monotonic() + timeout
    while not has_ended(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _pidfd(pid: int) -> int | None:
    """A descriptor that can be read when the process has ended; None where there is no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        # Not Linux, or one before 5.3, or it is forbidden; or ended already, which polling finds at once.
        return None


@contextlib.asynccontextmanager
async def call_at_end(pid: int, callback: Callable[[], None]) -> AsyncIterator[None]:
    """Calls `callback` in the event loop if the process ends within the context, or has ended already."""
    descriptor = _pidfd(pid)
    if descriptor is not None:
        loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(descriptor)
            callback()

        loop.add_reader(descriptor, ended)
        try:
            yield
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return
    task = asyncio.create_task(_poll(pid, callback))
    try:
        yield
    finally:
        task.cancel()


async def _poll(pid: int, callback: Callable[[], None]) -> None:
    while not has_ended(pid):
        await asyncio.sleep(_POLL_SECONDS)
    callback()
