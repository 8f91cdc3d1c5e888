"""What can be told of a database of records by who does not use it.

Nothing here takes the lock on it, which would keep the process from starting that is to have it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sparkmesos_core.durable_framework.store.sqlite import lock_file

_BUSY_TIMEOUT = 2.0
"""Seconds to wait for one that is just being made or recovered."""


def user_of(path: Path) -> int | None:
    """The id of the process that has this database open, as far as this user may know; or None."""
    import psutil  # which a store does not need

    place = lock_file(path.resolve())
    try:
        pid = int(place.read_text(encoding="ascii"))
        has_it = any(file.path == str(place) for file in psutil.Process(pid).open_files())
    except (OSError, ValueError, psutil.Error):
        return None
    return pid if has_it else None


def framework_in(path: Path) -> str | None:
    """The id of the framework that this database knows of; None without one, or if it cannot be read."""
    try:
        place = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=_BUSY_TIMEOUT)) as connection:
            found = connection.execute("SELECT id FROM framework").fetchone()
    except (OSError, RuntimeError, sqlite3.Error):
        return None
    return str(found[0]) if found else None
