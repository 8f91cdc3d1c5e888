"""Files that a process has locked for as long as it runs, and that are removed only by who has the lock.

They may be in /tmp, where others can put a link, a pipe or a file of theirs in the place of ours.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from pathlib import Path

_LOOK_SECONDS = 0.2
"""For how long the lock may be that of somebody who only looks whether there is one."""
_POLL_SECONDS = 0.01
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def open_file(path: Path, mode: int, permissions: int = 0o644) -> int:
    """A descriptor of such a file, opened with `mode`, as O_RDWR | O_CREAT.

    Raises OSError, too, if it is no regular file.
    """
    descriptor = os.open(path, mode | _FLAGS, permissions)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor


def try_lock(lock: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Whether the lock on a descriptor is free. It is ours then."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_soon(lock: int) -> bool:
    """Whether nobody has the lock for longer than it takes to look. It is ours then."""
    deadline = time.monotonic() + _LOOK_SECONDS
    while not try_lock(lock):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one that is there, and not one that was."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def remove(lock: int, path: Path) -> None:
    """Remove the file that we hold the lock on, and not one that somebody has made in its place."""
    if is_at(lock, path):
        path.unlink(missing_ok=True)
