"""A folder of this machine that agents see under the same path: a shared mount, or agents on this machine."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from sparkmesos_core.errors import SparkMesosError, UploadError
from sparkmesos_core.file_replacement import sync_folder
from sparkmesos_core.progress import Progress
from sparkmesos_core.upload.destination import Destination, aside_name
from sparkmesos_core.upload.local_file import LocalFile
from sparkmesos_core.upload.record import MAX_BYTES, SUFFIX
from sparkmesos_core.upload.target import Pieces, Stored, TransientFailureError, UploadOptions

_PIECE_BYTES = 1 << 20
_FOLDER_MODE = 0o755
_FILE_MODE = 0o644
_NEW = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
# A server of network files that goes away and comes back.
_TRANSIENT = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EINTR, errno.EHOSTDOWN}
_HINTS = {
    errno.ENOSPC: "Make room there.",
    errno.EDQUOT: "Make room there, or have the quota raised.",
    errno.EACCES: "Have the permissions corrected, or write as another user.",
    errno.EPERM: "Have the permissions corrected, or write as another user.",
    errno.EROFS: "Mount it so that it can be written to.",
    errno.ENOTDIR: "Correct the path: a part of it is a file.",
    errno.EISDIR: "Write a slash behind it, if it is the folder that the file is to go to.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
}


class FolderTarget:
    """A file in a folder. See `Target` for the methods."""

    def __init__(self, destination: Destination, options: UploadOptions) -> None:
        self._destination = destination
        self._path = Path(destination.path)
        self._aside = self._path.with_name(aside_name(destination.name, secrets.token_hex(4)))
        self._made: list[Path] = []

    @property
    def uri(self) -> str:
        """See Target."""
        return self._destination.uri

    @property
    def label(self) -> str:
        """See Target."""
        return str(self._path)

    @property
    def remarks(self) -> list[str]:
        """See Target."""
        for folder in self._path.parents:
            with contextlib.suppress(OSError):
                if not folder.stat().st_mode & stat.S_IXOTH:
                    return [
                        f"only its owner and group can enter {folder}: executors of others cannot read it"
                    ]
        return []

    @property
    def sends_aside(self) -> bool:
        """See Target."""
        return True

    def prepare(self) -> None:
        """See Target."""
        with self._explained(self._path.parent):
            self._refuse_new_top_folder()
            missing = [each for each in (self._path.parent, *self._path.parent.parents) if not each.exists()]
            for folder in reversed(missing):
                with contextlib.suppress(FileExistsError):
                    folder.mkdir()
                    self._made.append(folder)
                    folder.chmod(_FOLDER_MODE)  # agents read as other users, whatever our umask is
        with self._explained(self._path):
            if self._path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            os.close(os.open(self._aside, _NEW, _FILE_MODE))

    def _refuse_new_top_folder(self) -> None:
        # An unset variable in front of a path, or a share that is not mounted, would fill the root's disk.
        if len(self._path.parts) > 2 and not (top := Path(*self._path.parts[:2])).exists():
            raise UploadError(
                f"{top} does not exist, and a folder directly under / is not made for an upload",
                hint="Check the path; make the folder, or mount what belongs there.",
            )

    def stat(self) -> Stored | None:
        """See Target."""
        with self._explained(self._path):
            try:
                found = self._path.stat()
            except FileNotFoundError:
                return None
            if not stat.S_ISREG(found.st_mode):
                raise UploadError(
                    f"there is something at {self.label} that is no regular file", hint="Choose another name."
                )
            return Stored(found.st_size, found.st_mtime)

    def content(self) -> Pieces:
        """See Target."""
        return self._read(self._path)

    def read_record(self) -> tuple[bytes, float | None] | None:
        """See Target."""
        with self._explained(self._record):
            try:
                with self._record.open("rb") as file:
                    return file.read(MAX_BYTES), os.fstat(file.fileno()).st_mtime
            except FileNotFoundError:
                return None

    def send(self, file: LocalFile, progress: Progress) -> None:
        """See Target."""
        done = 0
        try:
            with file.open() as source, self._explained(self._path):
                target = os.open(self._aside, _NEW | os.O_TRUNC, _FILE_MODE)
                with os.fdopen(target, "wb", buffering=0) as writer:
                    os.fchmod(target, _FILE_MODE)
                    while piece := source.read(_PIECE_BYTES):
                        file.still_wanted()
                        _write_whole(target, piece)
                        done += len(piece)
                        progress.advance(len(piece))
                    os.fsync(target)
                    writer.flush()
        except BaseException:
            progress.advance(-done)
            raise

    def sent(self) -> Pieces:
        """See Target."""
        return self._read(self._aside)

    def publish(self) -> None:
        """See Target."""
        with self._explained(self._path):
            self._aside.replace(self._path)
            self._made.clear()
            sync_folder(self._path.parent)

    def write_record(self, content: bytes) -> None:
        """See Target."""
        with self._explained(self._record):
            self._aside.write_bytes(content)
            self._aside.chmod(_FILE_MODE)
            self._aside.replace(self._record)

    def discard(self, *, withdrawn: LocalFile | None = None) -> None:
        """See Target."""
        with contextlib.suppress(OSError):
            self._aside.unlink(missing_ok=True)
        while self._made:
            with contextlib.suppress(OSError):  # somebody else may use it by now
                self._made.pop().rmdir()

    def close(self) -> None:
        """See Target."""

    @property
    def _record(self) -> Path:
        return self._path.with_name(self._path.name + SUFFIX)

    def _read(self, path: Path) -> Pieces:
        with self._explained(path), path.open("rb", buffering=0) as file:
            if hasattr(os, "posix_fadvise"):  # what the disk has, not what is still in memory
                with contextlib.suppress(OSError):
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while piece := file.read(_PIECE_BYTES):
                yield piece

    @contextlib.contextmanager
    def _explained(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            said: SparkMesosError = UploadError(
                f"{path} cannot be used: {error.strerror or error}",
                hint=_HINTS.get(error.errno or 0, "Check the path and what is mounted there."),
            )
            if error.errno in _TRANSIENT:
                raise TransientFailureError(said) from error
            raise said from error


def _write_whole(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
