"""The file that is to be uploaded."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.progress import SILENT, HeldProgress, Progress

_PIECE_BYTES = 8 << 20
"""So much that a thread seldom waits for others, which may be busy with what Python runs alone."""


def _wanted() -> None:
    pass


@dataclass(frozen=True)
class LocalFile:
    """A regular file whose content does not change while it is uploaded."""

    path: Path
    size: int
    """Bytes."""
    sha256: str
    """64 hex digits."""
    modified_ns: int
    """When it was last written, so that a change under our hands is noticed."""
    still_wanted: Callable[[], None] = field(default=_wanted, repr=False, compare=False)
    """Asked by any thread while the file is sent: raises WithdrawnError (`target.py`) if that is in vain."""

    def open(self) -> BinaryIO:
        """The file, to be read without a buffer. Raises SparkMesosError if it cannot be opened."""
        try:
            return self.path.open("rb", buffering=0)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def check_unchanged(self) -> None:
        """Raises SparkMesosError if the file has been written since its digest was computed."""
        try:
            now = self.path.stat()
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if (now.st_size, now.st_mtime_ns) != (self.size, self.modified_ns):
            raise SparkMesosError(
                f"{self.path} was changed while it was uploaded",
                hint="Run the command again when it is done.",
            )


def read_local_file(path: Path, progress: Progress = SILENT) -> LocalFile:
    """Size and digest of a file. Raises SparkMesosError if it cannot be read or is no regular file."""
    digest, size = hashlib.sha256(), 0
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SparkMesosError(f"{path} is not a regular file", hint="Name the file to upload.")
            before = os.fstat(descriptor)
            progress.begin("Computing SHA-256", before.st_size)
            try:
                buffer = bytearray(_PIECE_BYTES)
                view = memoryview(buffer)
                while count := file.readinto(buffer):
                    digest.update(view[:count])
                    size += count
                    progress.advance(count)
            finally:
                progress.end()
    except OSError as error:
        raise _unreadable(path, error) from error
    return LocalFile(path, size, digest.hexdigest(), before.st_mtime_ns)


class DigestAhead:
    """The digest of a file, computed in a thread while something else is done with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._progress = HeldProgress()
        self._file: LocalFile | None = None
        # A daemon: whoever goes away without the digest does not wait for it.
        self._thread = threading.Thread(target=self._read, name="digest", daemon=True)
        self._thread.start()

    def file(self, progress: Progress = SILENT) -> LocalFile:
        """As `read_local_file`, which it falls back to if the file could not be read or has changed."""
        with self._progress.told_to(progress):
            self._thread.join()
        if self._file is not None:
            with contextlib.suppress(SparkMesosError):
                self._file.check_unchanged()
                return self._file
        return read_local_file(self._path, progress)

    def _read(self) -> None:
        with contextlib.suppress(SparkMesosError):
            self._file = read_local_file(self._path, self._progress)


def _unreadable(path: Path, error: OSError) -> SparkMesosError:
    return SparkMesosError(
        f"{path} cannot be read: {error.strerror or error}", hint="Check its path and permissions."
    )
