"""Drivers in a SQLite database, as long as nothing is killed (`tests/integration/test_dispatcher_stores.py`)."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.actions import Forget, Save, SaveFramework
from sparkmesos_core.durable_framework.store.sqlite import open_sqlite
from sparkmesos_core.durable_framework.store.store import Store, Stored
from sparkmesos_core.errors import StoreError
from tests.unit.durable_framework.store.store_behaviour import StoreBehaviour, make_driver


class TestBehaviour(StoreBehaviour):
    def open(self, place: Path) -> Store[Driver]:
        return open_sqlite(place, DRIVERS)

    def overwrite(self, place: Path, driver_id: str, text: bytes) -> None:
        with closing(sqlite3.connect(place)) as connection, connection:
            connection.execute("UPDATE drivers SET json = CAST(? AS TEXT) WHERE id = ?", (text, driver_id))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "dispatcher-1" / "drivers.db"


def open_files() -> set[str]:
    return {path.name for path in Path("/dev/fd").iterdir()}


def fill(place: Path, count: int = 3) -> None:
    with closing(open_sqlite(place, DRIVERS)) as store:
        store.apply([*(Save(make_driver(number)) for number in range(1, count + 1)), SaveFramework("a")])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_can_read_it(place: Path) -> None:
    old = os.umask(0)
    try:
        with closing(open_sqlite(place, DRIVERS)) as store:
            store.apply([Save(make_driver(1))])
            assert mode(place.parent) == 0o700
            files = sorted(path.name for path in place.parent.iterdir())
            assert files == ["drivers.db", "drivers.db-shm", "drivers.db-wal", "drivers.db.lock"]
            assert {mode(path) for path in place.parent.iterdir()} == {0o600}
    finally:
        os.umask(old)


def test_one_that_others_can_read_is_closed_to_them(place: Path) -> None:
    fill(place)
    place.chmod(0o644)
    open_sqlite(place, DRIVERS).close()
    assert mode(place) == 0o600


def test_commits_wait_for_the_disk(place: Path) -> None:
    with closing(open_sqlite(place, DRIVERS)) as store:
        connection = store._connection  # type: ignore[attr-defined]
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone() == (b"wal",)


def test_two_dispatchers_cannot_share_it(place: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(place.parent)
    with closing(open_sqlite(place, DRIVERS)) as store:
        for same in (place, tmp_path / "link" / place.name):
            with pytest.raises(StoreError) as caught:
                open_sqlite(same, DRIVERS)
            assert f"in use by another dispatcher (pid {os.getpid()})" in caught.value.message
            assert "--instance" in caught.value.hint
        store.apply([Save(make_driver(1))])
    open_sqlite(place, DRIVERS).close()


def test_a_store_may_go_from_thread_to_thread(place: Path) -> None:
    with closing(open_sqlite(place, DRIVERS)) as store:
        threads = [threading.Thread(target=store.apply, args=([Save(make_driver(1))],))]
        for thread in threads:
            thread.start()
            thread.join()
        assert store.load().records == (make_driver(1),)


def test_an_error_in_the_middle_writes_nothing(place: Path) -> None:
    fill(place, 1)
    with closing(open_sqlite(place, DRIVERS)) as store:
        with pytest.raises(AttributeError):
            store.apply([Save(make_driver(2)), Forget(make_driver(1).id), Save(None)])  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            store.apply([Save(make_driver(2)), Save(make_driver(3, detail=b"no JSON"))])
        assert store.load() == Stored((make_driver(1),), "a", 2)
        store.apply([Save(make_driver(2))])
    with closing(open_sqlite(place, DRIVERS)) as store:
        assert store.load() == Stored((make_driver(1), make_driver(2)), "a", 3)


def test_a_full_disk_loses_nothing_and_passes(place: Path) -> None:
    with closing(open_sqlite(place, DRIVERS)) as store:
        store.apply([Save(make_driver(1))])
        connection = store._connection  # type: ignore[attr-defined]
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        many = [Save(make_driver(number)) for number in range(2, 200)]
        with pytest.raises(StoreError) as caught:
            store.apply(many)
        assert caught.value.message == f"{place}: database or disk is full"
        assert "Make room" in caught.value.hint
        assert store.load() == Stored((make_driver(1),), None, 2)
        store.apply(many)  # on a new connection, which knows no limit
        assert len(store.load().records) == 199


def test_a_file_that_cannot_be_written(place: Path) -> None:
    with closing(open_sqlite(place, DRIVERS)) as store:
        store.apply([Save(make_driver(1))])
        store._connection.execute("PRAGMA query_only = ON")  # type: ignore[attr-defined]
        with pytest.raises(StoreError) as caught:
            store.apply([Save(make_driver(2))])
        assert caught.value.message == f"{place}: attempt to write a readonly database"
        assert "can be written" in caught.value.hint
        assert store.load().records == (make_driver(1),)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o500)
    for path in (folder / "drivers.db", folder / "below" / "drivers.db"):
        with pytest.raises(StoreError, match=r"cannot be opened: Permission denied"):
            open_sqlite(path, DRIVERS)


def test_a_place_that_can_have_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "fifo").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, reason in (
        (tmp_path / "file" / "drivers.db", "Not a directory|File exists"),
        (tmp_path / "folder", "Is a directory"),
        (tmp_path / "pipe", "is not a file"),
        (tmp_path / "loop" / "drivers.db", "ymlink loop|symbolic links"),
    ):
        with pytest.raises(StoreError, match=reason) as caught:
            open_sqlite(path, DRIVERS)
        assert "SPARKMESOS_STATE_DIR" in caught.value.hint


def test_a_database_that_is_busy_for_long(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkmesos_core.durable_framework.store.sqlite._BUSY_TIMEOUT", 0.01)
    with closing(open_sqlite(place, DRIVERS)) as store:
        store.apply([Save(make_driver(1))])
        with closing(sqlite3.connect(place, isolation_level=None)) as tool:
            tool.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="database is locked") as caught:
                store.apply([Save(make_driver(2))])
            assert "sqlite3" in caught.value.hint
            assert store.load().records == (make_driver(1),)
        store.apply([Save(make_driver(2))])
        assert len(store.load().records) == 2


@pytest.mark.parametrize("content", [b"no database " * 100, b"\0" * 5000, os.urandom(8192)])
def test_another_file(place: Path, content: bytes) -> None:
    place.parent.mkdir()
    place.write_bytes(content)
    with pytest.raises(StoreError, match="file is not a database") as caught:
        open_sqlite(place, DRIVERS)
    assert "Move it aside" in caught.value.hint
    assert place.read_bytes() == content


def test_an_empty_file_is_a_new_database(place: Path) -> None:
    place.parent.mkdir()
    place.touch()
    fill(place)


def test_the_database_of_another_program(place: Path) -> None:
    place.parent.mkdir()
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("CREATE TABLE drivers (id TEXT)")
    before = place.read_bytes()
    with pytest.raises(StoreError, match="database of another program"):
        open_sqlite(place, DRIVERS)
    assert place.read_bytes() == before


def test_a_newer_version(place: Path) -> None:
    fill(place)
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA user_version = 2")
    before = place.read_bytes()
    with pytest.raises(StoreError, match=r"written by a newer sparkmesos \(version 2") as caught:
        open_sqlite(place, DRIVERS)
    assert "Use that sparkmesos again" in caught.value.hint
    assert place.read_bytes() == before


def test_damage_is_found_at_the_start(place: Path) -> None:
    fill(place, 500)
    with place.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(os.urandom(10 * 4096))
    before = place.read_bytes()
    with pytest.raises(StoreError, match="malformed") as caught:
        open_sqlite(place, DRIVERS)
    assert ".recover" in caught.value.hint
    assert place.read_bytes() == before


def test_damage_while_it_is_used(place: Path) -> None:
    fill(place, 500)
    with closing(open_sqlite(place, DRIVERS)) as store:
        with place.open("r+b") as file:
            file.seek(20 * 4096)
            file.write(bytes(20 * 4096))
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("PRAGMA user_version = 1")  # so that pages in memory count no more
        with pytest.raises(StoreError):
            store.load()
        with pytest.raises(StoreError):
            store.apply([Save(make_driver(501))])


def test_a_file_that_was_deleted_or_replaced_is_not_written_to(place: Path) -> None:
    fill(place)
    with closing(open_sqlite(place, DRIVERS)) as store:
        place.rename(place.with_name("aside"))
        for _ in range(2):
            with pytest.raises(StoreError, match="deleted or replaced while in use"):
                store.apply([Save(make_driver(4))])
            with pytest.raises(StoreError, match="deleted or replaced while in use"):
                store.load()
        place.touch()
        with pytest.raises(StoreError, match="deleted or replaced while in use"):
            store.apply([Save(make_driver(4))])
        place.with_name("aside").rename(place)
        store.apply([Save(make_driver(4))])
        assert len(store.load().records) == 4
        shutil.rmtree(place.parent)
        with pytest.raises(StoreError, match="deleted or replaced while in use"):
            store.apply([Save(make_driver(5))])


def test_a_refusal_holds_no_lock_and_no_file(place: Path) -> None:
    place.parent.mkdir()
    place.write_bytes(b"no database " * 100)
    before = open_files()
    for _ in range(3):
        with pytest.raises(StoreError, match="not a database"):
            open_sqlite(place, DRIVERS)
    assert open_files() == before
    place.unlink()
    fill(place)


def test_nothing_secret_is_logged(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        fill(place)
        with closing(open_sqlite(place, DRIVERS)) as store:
            store.load()
    assert "opensesame" not in caplog.text
