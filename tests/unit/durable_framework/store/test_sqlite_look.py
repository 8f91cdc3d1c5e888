"""What is told of a database by who does not use it."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.actions import Save, SaveFramework
from sparkmesos_core.durable_framework.store.sqlite import open_sqlite
from sparkmesos_core.durable_framework.store.sqlite_look import framework_in, user_of
from tests.unit.durable_framework.store.store_behaviour import make_driver


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "dispatcher-1" / "drivers.db"


def test_who_uses_it(place: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(place.parent)
    assert user_of(place) is None
    with closing(open_sqlite(place, DRIVERS)):
        assert user_of(place) == user_of(tmp_path / "link" / place.name) == os.getpid()
    assert user_of(place) is None  # although the number is still there
    place.with_name(f"{place.name}.lock").write_text("no number")
    assert user_of(place) is None


def test_which_framework_it_knows_of(place: Path, tmp_path: Path) -> None:
    assert framework_in(place) is None
    assert not place.parent.exists()
    with closing(open_sqlite(place, DRIVERS)) as store:
        assert framework_in(place) is None
        store.apply([Save(make_driver(1)), SaveFramework("F-0001")])
        assert framework_in(place) == "F-0001"
        # As a process leaves it that is killed: what was written last is in the log.
        left = tmp_path / "left"
        shutil.copytree(place.parent, left)
    assert framework_in(left / place.name) == "F-0001"
    with closing(open_sqlite(left / place.name, DRIVERS)) as store:
        assert [record.id for record in store.load().records] == [make_driver(1).id]
        store.apply([SaveFramework(None)])
    assert framework_in(left / place.name) is None


def test_what_is_no_database(place: Path) -> None:
    place.parent.mkdir()
    place.write_text("no database, but long enough to be looked at as if it were one" * 50)
    assert framework_in(place) is None
    place.unlink()
    place.mkdir()
    assert framework_in(place) is None


def test_who_looks_does_not_keep_another_one_from_starting(place: Path) -> None:
    with closing(open_sqlite(place, DRIVERS)) as store:
        store.apply([SaveFramework("F-0001")])
    lock = os.open(place.with_name(f"{place.name}.lock"), os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as one has it that is just starting
        assert framework_in(place) == "F-0001"
    finally:
        os.close(lock)
