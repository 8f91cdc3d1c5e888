"""Which daemon has a number: a user has one of each on a machine, whatever and wherever its files are.

It has a file locked for as long as it runs, in the folder of its number, which tells where its log and its
pid file are. Names and places of those come from variables, which a login shell and cron may have otherwise.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sparkmesos_core import lock_files


@dataclass(frozen=True)
class Holder:
    """The daemon that has a number."""

    log: str | None
    """None in the foreground."""
    pid_file: str | None
    """None in the foreground."""
    foreground_pid: int | None = None
    """None in the background, where the pid file tells."""


@contextlib.contextmanager
def taken(path: Path, holder: Holder) -> Iterator[int | None]:
    """The descriptor that holds the number whose file is `path`; None if another daemon has it.

    The number is taken for as long as a process has it open. What is not taken is free again if the block
    fails. Raises OSError.
    """
    while True:
        lock = lock_files.open_file(path, os.O_RDWR | os.O_CREAT, 0o600)
        with contextlib.closing(os.fdopen(lock, "r+b")):
            if not lock_files.lock_soon(lock):
                yield None
                return
            if not lock_files.is_at(lock, path):
                continue  # it was removed meanwhile, by whoever stopped the one before
            try:
                os.ftruncate(lock, 0)
                os.pwrite(lock, json.dumps(asdict(holder)).encode(), 0)
                yield lock
            except BaseException:
                lock_files.remove(lock, path)
                raise
            return


def holder_of(path: Path) -> Holder | None:
    """Who has the number whose file is `path`; None if nobody has, or another user."""
    try:
        lock = lock_files.open_file(path, os.O_RDONLY)
    except OSError:
        return None
    with contextlib.closing(os.fdopen(lock, "rb")) as file:
        # Shared: of several that look, none takes another for the daemon.
        if lock_files.try_lock(lock, fcntl.LOCK_SH):
            return None
        try:
            return Holder(**json.loads(file.read()))
        except (OSError, ValueError, TypeError):  # one that has just taken it
            return None


def give_back(path: Path) -> None:
    """Remove the file of a number that nobody has."""
    with contextlib.suppress(OSError):
        lock = lock_files.open_file(path, os.O_RDWR)
        with contextlib.closing(os.fdopen(lock, "r+b")):
            if lock_files.try_lock(lock):
                lock_files.remove(lock, path)
