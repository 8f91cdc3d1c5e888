"""The file that is to be uploaded."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.progress import SILENT, Progress

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class LocalFile:
    """A regular file whose content does not change while it is uploaded."""

    path: Path
    size: int
    """Bytes."""
    sha256: str
    """64 hex digits."""


def read_local_file(path: Path, progress: Progress = SILENT) -> LocalFile:
    """Size and digest of a file. Raises SparkMesosError if it cannot be read or is no regular file."""
    digest, size = hashlib.sha256(), 0
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if not path.is_file():
                raise SparkMesosError(f"{path} is not a regular file", hint="Name the file to upload.")
            progress.begin("Computing SHA-256", os.fstat(descriptor).st_size)
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
        raise SparkMesosError(
            f"{path} cannot be read: {error.strerror or error}", hint="Check its path and permissions."
        ) from error
    return LocalFile(path, size, digest.hexdigest())
