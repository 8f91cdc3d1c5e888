"""The file that is to be uploaded, and its digest."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.progress import SILENT, Progress
from sparkmesos_core.upload import local_file
from sparkmesos_core.upload.local_file import DigestAhead, LocalFile, read_local_file


def test_a_digest_computed_ahead_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "spark.tgz"
    path.write_bytes(b"Spark" * 1000)
    ahead = DigestAhead(path)
    assert ahead.file() == read_local_file(path)
    assert ahead.file().sha256 == hashlib.sha256(b"Spark" * 1000).hexdigest()


def test_a_digest_computed_ahead_of_a_change_is_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "spark.tgz"
    path.write_bytes(b"before")
    ahead = DigestAhead(path)
    ahead.file()
    path.write_bytes(b"after!")
    os.utime(path, ns=(1, 1))
    assert ahead.file().sha256 == hashlib.sha256(b"after!").hexdigest()


def test_what_cannot_be_read_ahead_is_said_when_it_is_wanted(tmp_path: Path) -> None:
    ahead = DigestAhead(tmp_path / "missing.tgz")
    with pytest.raises(SparkMesosError, match=r"missing\.tgz cannot be read"):
        ahead.file()


def test_who_waits_for_it_hears_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    begun, told = threading.Event(), threading.Event()

    class Listener:
        advance = already = SILENT.advance

        def begin(self, step: str, total: int | None) -> None:
            heard.append(step)
            told.set()

        def end(self) -> None:
            heard.append("end")

    def slowly(path: Path, progress: Progress = SILENT) -> LocalFile:
        progress.begin("Computing SHA-256", 1)
        begun.set()
        assert told.wait(60)
        progress.end()
        return read_local_file(path)

    path = tmp_path / "spark.tgz"
    path.write_bytes(b"Spark")
    monkeypatch.setattr(local_file, "read_local_file", slowly)
    ahead = DigestAhead(path)
    assert begun.wait(60)
    assert ahead.file(Listener()).size == 5
    assert heard == ["Computing SHA-256", "end"]
