"""Replacing files so that all of them are new, or all are as they were."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.missing_folders import make_missing


@dataclass(frozen=True)
class Replacement:
    """What one file is to hold instead of what it held when it was read."""

    path: Path
    before: bytes | None
    """None if there was no such file."""
    after: bytes
    mode: int
    """The permissions of a new file, less those that the umask takes away; other files keep theirs."""


def replace_files(replacements: Sequence[Replacement]) -> None:
    """Writes all files, or none: each is written beside the old one and takes its place when all are ready.

    Symbolic links stay; folders that are missing are made. Raises SparkMesosError if a file cannot be
    written, or was changed since it was read. Then, and if interrupted, everything is as it was.
    """
    with contextlib.ExitStack() as leftovers, contextlib.ExitStack() as undo:
        staged: list[tuple[Replacement, Path, Path]] = []
        for replacement in replacements:
            with _explained(replacement.path):
                target = replacement.path.resolve()
                make_missing(target.parent, leftovers)  # empty ones are not left behind
                _refuse_changed(replacement, target)
                new = _stage(replacement, replacement.after, target, leftovers)
                staged.append((replacement, target, new))
        for replacement, target, new in staged:
            with _explained(replacement.path):
                if replacement.before is None:
                    undo.callback(target.unlink, missing_ok=True)
                else:
                    old = _stage(replacement, replacement.before, target, leftovers)
                    undo.callback(old.replace, target)
                new.replace(target)
        undo.pop_all()
        for folder in {target.parent for _, target, _ in staged}:
            sync_folder(folder)


def _stage(replacement: Replacement, content: bytes, target: Path, leftovers: contextlib.ExitStack) -> Path:
    """Writes a content beside its target, with the target's owner and permissions."""
    path = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    # Never more readable than the target, not even while it is written.
    present = target.stat() if replacement.before is not None else None
    mode = 0o600 if present is not None else replacement.mode
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    leftovers.callback(path.unlink, missing_ok=True)
    with os.fdopen(descriptor, "wb") as file:
        if present is not None:
            own = os.fstat(descriptor)
            if (own.st_uid, own.st_gid) != (present.st_uid, present.st_gid):
                with contextlib.suppress(PermissionError):  # only root can give files away
                    os.fchown(descriptor, present.st_uid, present.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(present.st_mode))
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return path


def _refuse_changed(replacement: Replacement, target: Path) -> None:
    try:
        content: bytes | None = target.read_bytes()
    except FileNotFoundError:
        content = None
    if content != replacement.before:
        raise SparkMesosError(
            f"{replacement.path} was changed by somebody else in the meantime",
            hint="Nothing was written. Run the command again.",
        )


def sync_folder(folder: Path) -> None:
    """Let the names in a folder be as safe from a power cut as their files are."""
    with contextlib.suppress(OSError):  # not every file system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links, before Python 3.13
        reason = getattr(error, "strerror", None) or str(error)
        raise SparkMesosError(
            f"{path} cannot be written: {reason}",
            hint="Nothing was changed. Correct the permissions, or give another folder.",
        ) from error
