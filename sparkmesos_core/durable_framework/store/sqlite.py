"""Records in a SQLite database: one file, used by one process at a time.

A commit is on disk when it returns (a write-ahead log, synchronised at each commit), so a process may be
killed at any point. The file may hold secrets and is its owner's alone.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic

from sparkmesos_core.durable_framework.actions import Forget, Save, SaveFramework
from sparkmesos_core.durable_framework.record import R, RecordKind
from sparkmesos_core.durable_framework.store.format import decode, encode
from sparkmesos_core.durable_framework.store.store import Change, Store, Stored
from sparkmesos_core.errors import StoreError

logger = logging.getLogger(__name__)

_BUSY_TIMEOUT = 5.0
"""Seconds to wait for somebody who looks into the database with a tool."""

_WAL_LIMIT = 64 << 20
"""Bytes that the write-ahead log keeps on disk after it has grown larger."""

_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE {table} (id TEXT PRIMARY KEY NOT NULL, json TEXT NOT NULL);
CREATE TABLE framework (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL);
CREATE TABLE numbers (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL);
PRAGMA application_id = {application_id};
PRAGMA user_version = {version};
COMMIT;
"""


def open_sqlite(path: Path, kind: RecordKind[R]) -> Store[R]:
    """Open the database of records of this kind, or make it, with its folder (mode 0700; the file has 0600).

    Raises StoreError if that is impossible, another process uses it, it is damaged, or is something else.
    """
    try:
        path = path.resolve()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _lock(path, kind)
    except (OSError, RuntimeError) as error:
        raise _not_accessible(path, error) from error
    try:
        return _SQLiteStore(path, lock, kind)
    except BaseException:
        os.close(lock)
        raise


def lock_file(path: Path) -> Path:
    """The file that the process which uses a database has locked; it holds the number of the last one."""
    return path.with_name(path.name + ".lock")


def _lock(path: Path, kind: RecordKind[R]) -> int:
    """Take the lock on a database; the descriptor holds it, the file names us. Raises OSError, StoreError.

    It is a file of its own: SQLite's locks on the database come and go, and closing a second descriptor of
    the same file would drop them.
    """
    lock = os.open(lock_file(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode("ascii", "replace").strip()
            raise StoreError(
                f"{path} is in use by another {kind.holder}"
                + (f" (pid {holder})" if holder.isdigit() else ""),
                hint="Stop that one first, or start this one with another --instance",
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    except BaseException:
        os.close(lock)
        raise
    return lock


class _SQLiteStore(Generic[R]):
    def __init__(self, path: Path, lock: int, kind: RecordKind[R]) -> None:
        self._kind = kind
        self._path = path
        self._lock: int | None = lock
        self._identity: tuple[int, int] | None = None
        self._connection: sqlite3.Connection | None = None
        try:
            self._identity = self._prepare_file()
        except OSError as error:
            raise _not_accessible(path, error) from error
        try:
            with _Failures(self):
                self._connected()
        except StoreError:
            self._disconnect()
            raise

    def load(self) -> Stored[R]:
        with _Failures(self):
            connection = self._connected()
            rows = connection.execute(f"SELECT id, json FROM {self._kind.plural}").fetchall()  # noqa: S608 - a name of ours
            framework = connection.execute("SELECT id FROM framework").fetchone()
            numbers = connection.execute("SELECT next FROM numbers").fetchone()
            records: list[R] = []
            for record_id, text in rows:
                shown = record_id.decode("utf-8", "replace")
                try:
                    records.append(decode(self._kind, shown, text))
                except ValueError as error:
                    what = self._kind.singular
                    logger.error("%s: the %s %s is left out: %s", self._path, what, shown, error)
        records.sort(key=lambda record: record.number)
        after_last = records[-1].number + 1 if records else 1
        return Stored(
            records=tuple(records),
            framework_id=framework[0].decode("utf-8", "replace") if framework else None,
            next_number=max(after_last, numbers[0] if numbers else 1),
        )

    def apply(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        largest = max((change.record.number for change in changes if isinstance(change, Save)), default=0)
        with _Failures(self):
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            for change in changes:
                _execute(connection, self._kind.plural, change)
            if largest:
                connection.execute(
                    "INSERT INTO numbers VALUES (1, ?)"
                    " ON CONFLICT (one) DO UPDATE SET next = max(next, excluded.next)",
                    (largest + 1,),
                )
            connection.execute("COMMIT")

    def close(self) -> None:
        self._disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _prepare_file(self) -> tuple[int, int]:
        """Make the file if there is none, close it to others, and tell which one it is."""
        # SQLite itself would make it readable by everybody; its log takes the mode of the database.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(f"{self._path} is not a file")
            if status.st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return status.st_dev, status.st_ino

    def _connected(self) -> sqlite3.Connection:
        """The connection, made anew after a failure. Raises StoreError and sqlite3.Error."""
        self._check_file()
        if self._connection is None:
            # Threads take turns: SQLite needs no more than that.
            self._connection = sqlite3.connect(
                self._path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            self._set_up(self._connection)
        return self._connection

    def _check_file(self) -> None:
        """SQLite would go on writing to a file that was deleted, and all would be lost in the end."""
        if self._lock is None:
            raise StoreError(f"{self._path} has been closed")
        try:
            status = self._path.stat()
            same = (status.st_dev, status.st_ino) == self._identity
        except FileNotFoundError:
            same = False
        except OSError as error:
            raise _not_accessible(self._path, error) from error
        if not same:
            raise StoreError(
                f"{self._path} was deleted or replaced while in use",
                hint=f"Put it back, or restart the {self._kind.holder},"
                " which then knows what the file there holds",
            )

    def _set_up(self, connection: sqlite3.Connection) -> None:
        # Names and texts are decoded by us, so that damage in one row is no obstacle to reading the others.
        connection.text_factory = bytes
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != self._kind.application_id:
            raise StoreError(
                f"{self._path} is a database of another program",
                hint="Move it aside, or set SPARKMESOS_STATE_DIR to another folder",
            )
        if version > self._kind.version:
            raise StoreError(
                f"{self._path} was written by a newer sparkmesos"
                f" (version {version} of the format, and {self._kind.version} is what this one understands)",
                hint="Use that sparkmesos again, or move the file aside to start without its"
                f" {self._kind.plural}",
            )
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}").fetchall()
        if not tables:
            connection.executescript(
                _SCHEMA.format(
                    table=self._kind.plural,
                    application_id=self._kind.application_id,
                    version=self._kind.version,
                )
            )
        ((damage,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
        if damage != b"ok":
            raise sqlite3.DatabaseError("database disk image is malformed")

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                # Also rolls back a transaction that is under way.
                connection.close()


class _Failures:
    """Turns SQLite's errors into ours, and drops the connection, whose state is unknown after one."""

    def __init__(self, store: _SQLiteStore[Any]) -> None:
        self._store = store

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        self._store._disconnect()
        if isinstance(error, sqlite3.Error):
            raise _explained(self._store._path, error, self._store._kind) from error


def _execute(connection: sqlite3.Connection, table: str, change: Change) -> None:
    if isinstance(change, Save):
        connection.execute(
            f"INSERT INTO {table} VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json",  # noqa: S608
            (change.record.id, encode(change.record)),
        )
    elif isinstance(change, Forget):
        connection.execute(f"DELETE FROM {table} WHERE id = ?", (change.record_id,))  # noqa: S608
    else:
        assert isinstance(change, SaveFramework)
        if change.framework_id is None:
            connection.execute("DELETE FROM framework")
        else:
            connection.execute("INSERT OR REPLACE INTO framework VALUES (1, ?)", (change.framework_id,))


_HINTS = {
    # By the texts of SQLite's error codes: Python tells the codes themselves from 3.11 on only.
    "database or disk is full": "Make room on the disk; the {holder} goes on by itself then",
    "disk I/O error": "Check the disk, its room and its quota",
    "attempt to write a readonly database": "Check that file, folder and file system can be written",
    "unable to open database file": "Check that the folder exists and can be written",
    "database is locked": "Another program has the database open for writing, such as sqlite3: end that",
    "database disk image is malformed": (
        "Save what can be saved with `sqlite3 FILE .recover`, or move the file and the one that ends in -wal"
        " aside to start without its {records}"
    ),
    "file is not a database": "Move it aside, or set SPARKMESOS_STATE_DIR to another folder",
}


def _explained(path: Path, error: sqlite3.Error, kind: RecordKind[Any]) -> StoreError:
    reason = str(error)
    hint = _HINTS.get(reason, "Check the disk and the file")
    return StoreError(f"{path}: {reason}", hint=hint.format(holder=kind.holder, records=kind.plural))


def _not_accessible(path: Path, error: Exception) -> StoreError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return StoreError(
        f"the store {path} cannot be opened: {reason}",
        hint="Check that its folder can be written, or set SPARKMESOS_STATE_DIR to one that can",
    )
