"""A temporary folder for an archive, which a later run removes if this one is killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

_PREFIX = "sparkmesos-dist-"
_LOCK = ".in-use"
"""A file in it that is locked (flock(2)) as long as the process lives; without it, a folder is not ours."""


@contextlib.contextmanager
def work_folder(parent: Path, announce: Callable[[str], None] = lambda line: None) -> Iterator[Path]:
    """A new folder in `parent`, which goes with everything in it.

    Those that killed runs of the same user have left in `parent` go first; `announce` gets a line for each.
    Raises OSError if no folder can be made.
    """
    _remove_abandoned(parent, announce)
    while True:
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            with _locked(folder, os.O_CREAT) as locked:
                # Before it was locked, another run may have taken it for abandoned.
                if locked and (folder / _LOCK).exists():
                    yield folder
                    return


def _remove_abandoned(parent: Path, announce: Callable[[str], None]) -> None:
    try:
        found = sorted(parent.glob(_PREFIX + "*"))
    except OSError:
        return
    for folder in found:
        # Another's, one that goes at this moment, a file system without locks: left alone.
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            with _locked(folder) as locked:
                if locked:
                    shutil.rmtree(folder)
                    announce(f"Removed {folder}, which a run that was killed had left")


@contextlib.contextmanager
def _locked(folder: Path, flags: int = 0) -> Iterator[bool]:
    """Whether its lock could be taken, which is made with O_CREAT; a folder without one is not ours."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:
            # No file system for locks: then nobody else gets one either, and takes it for abandoned.
            yield bool(flags)
            return
        yield True
    finally:
        os.close(lock)
