"""Which archives are worth sending before all of them was read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.first_look import seems_ready
from sparkmesos_core.dist.packing import pack
from sparkmesos_core.dist.prepare import PrepareOptions
from sparkmesos_core.dist.source import classify
from tests.small_spark import small_spark, write_archive, write_home

TOP = "spark-3.5.9-bin-hadoop3"
NAME = f"{TOP}.tgz"
DEFAULT = PrepareOptions()
AS_IT_IS = PrepareOptions(bridge=False, default_excludes=False)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    content = b"#!/bin/sh\n"
    entries = [
        Entry("bin", EntryKind.FOLDER, 0o755),
        Entry("bin/spark-class", EntryKind.FILE, 0o755, len(content), source=content),
    ]
    pack(entries, TOP, tmp_path / NAME, time=1_700_000_000)
    return tmp_path / NAME


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_archive(tmp_path / NAME, small_spark())


@pytest.mark.parametrize("name", [NAME, f"{TOP}.tar.gz", "spark-3.tgz"])
@pytest.mark.parametrize("options", [DEFAULT, PrepareOptions(bridge=False), AS_IT_IS])
def test_what_was_packed_here(packed: Path, name: str, options: PrepareOptions) -> None:
    assert seems_ready(classify(packed), name, options)


@pytest.mark.parametrize("name", ["mine.tgz", f"{TOP}.tar.xz", f"{TOP}.zip"])
def test_a_name_that_it_would_have_to_be_changed_for(packed: Path, name: str) -> None:
    assert not seems_ready(classify(packed), name, AS_IT_IS)


def test_something_that_may_have_to_be_left_out(packed: Path) -> None:
    assert not seems_ready(classify(packed), NAME, PrepareOptions(excludes=["*.md"]))


@pytest.mark.parametrize(
    ("options", "ready"), [(DEFAULT, False), (PrepareOptions(bridge=False), False), (AS_IT_IS, True)]
)
def test_a_release_is_changed_unless_that_is_forbidden(
    release: Path, options: PrepareOptions, ready: bool
) -> None:
    assert seems_ready(classify(release), NAME, options) is ready


def test_a_folder_has_to_be_packed(tmp_path: Path) -> None:
    home = write_home(tmp_path / TOP, small_spark())
    assert not seems_ready(classify(home), NAME, AS_IT_IS)


@pytest.mark.parametrize("content", [b"", b"\0" * 1024, b"PK\x03\x04", b"x" * 600, b"\x1f\x8b\x08\0"])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert not seems_ready(classify(tmp_path / NAME), NAME, AS_IT_IS)
