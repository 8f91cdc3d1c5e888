"""What `serve-dist` gives out: the files below a folder, or one archive and its record; nothing else."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sparkmesos_core.errors import UsageError

_RECORD_SUFFIX = ".sha256"
_OPENED = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True)
class Listed:
    """A line of a folder's listing."""

    name: str
    is_folder: bool
    size: int
    """Bytes; of folders it means nothing."""
    modified: float
    """Seconds since the epoch."""


class ServedFiles(Protocol):
    """Files by the names in a request's path. Called from several threads."""

    def find(self, names: Sequence[str]) -> int | list[Listed]:
        """The descriptor of a regular file, open for reading, or what a folder holds.

        OSError if there is none, or none that is given out: PermissionError if it cannot be read.
        """


def served_files(path: Path) -> ServedFiles:
    """What there is to serve at a path of this machine. Raises UsageError if nothing is."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            os.scandir(path).close()
            return _Folder(Path(os.path.realpath(path)))
        if stat.S_ISREG(mode):
            path.open("rb").close()
            return _Archive(path.absolute())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be served: {reason}", hint=_HINT) from error
    raise UsageError(f"{path} cannot be served: it is neither a file nor a folder", hint=_HINT)


_HINT = "Name a folder of archives, or an archive that upload-dist or a release has."


@dataclass(frozen=True)
class _Archive:
    """One file, under its own name, whatever it is and wherever it links to: it was asked for."""

    path: Path

    def find(self, names: Sequence[str]) -> int | list[Listed]:
        beside = {self.path.name: self.path}
        record = self.path.with_name(self.path.name + _RECORD_SUFFIX)
        if record.is_file():
            beside[record.name] = record
        match tuple(names):
            case ():
                return [_listed(name, path.stat()) for name, path in beside.items()]
            case (name,) if name in beside:
                found = os.open(os.path.realpath(beside[name]), _OPENED | os.O_NONBLOCK)
                return _regular(found)
        raise FileNotFoundError


@dataclass(frozen=True)
class _Folder:
    """A folder, by its real path. What has a dot in front is hidden, as uploads in progress have."""

    root: Path

    def find(self, names: Sequence[str]) -> int | list[Listed]:
        inner = self._inner(names)
        # From here on no link is followed: who changes one meanwhile leads nobody elsewhere.
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in inner:
                # Asked for its kind before it is opened, since that alone has an effect on a device.
                mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
                if stat.S_ISREG(mode):
                    # It may have been replaced since: opened like this, a FIFO does not wait for its writer.
                    return _regular(os.open(name, _OPENED | os.O_NONBLOCK, dir_fd=folder))
                below = os.open(name, _OPENED | os.O_DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = below
            return self._content(folder, names)
        finally:
            os.close(folder)

    def _inner(self, names: Sequence[str]) -> tuple[str, ...]:
        """The path below the root, without links. FileNotFoundError for what is hidden or outside."""
        if not _shown(names):
            raise FileNotFoundError
        try:
            real = Path(os.path.realpath(self.root.joinpath(*names), strict=True))
            inner = real.relative_to(self.root).parts
        except ValueError:  # outside, or a name that no file has
            raise FileNotFoundError from None
        if not _shown(inner):
            raise FileNotFoundError
        return inner

    def _content(self, folder: int, names: Sequence[str]) -> list[Listed]:
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # hidden, gone, or a link that leads nowhere we serve
                    self._inner([*names, entry.name])
                    status = entry.stat()
                    if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):
                        found.append(_listed(entry.name, status))
        return sorted(found, key=lambda line: (not line.is_folder, line.name))


def _shown(names: Sequence[str]) -> bool:
    return not any(name.startswith(".") or "/" in name or "\0" in name for name in names)


def _listed(name: str, status: os.stat_result) -> Listed:
    return Listed(name, stat.S_ISDIR(status.st_mode), status.st_size, status.st_mtime)


def _regular(descriptor: int) -> int:
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise FileNotFoundError
