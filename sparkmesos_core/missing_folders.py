"""Making folders that are missing, and removing them again if nothing comes of it."""

from __future__ import annotations

import contextlib
from pathlib import Path


def make_missing(folder: Path, undo: contextlib.ExitStack, *, mode: int = 0o777) -> None:
    """Make a folder, with `mode`, and those above it, where there are none.

    When `undo` ends, those that it made are removed, but for those that hold something. Raises OSError.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=mode if one == folder else 0o777, exist_ok=True)
        undo.callback(_remove_empty, one)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
