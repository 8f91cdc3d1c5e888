"""Uploads into a folder of this machine."""

from __future__ import annotations

import dataclasses
import itertools
import os
import resource
import signal
import threading
from pathlib import Path

import pytest

from sparkmesos_core.errors import UploadError
from sparkmesos_core.progress import SILENT
from sparkmesos_core.upload.backoff import Backoff
from sparkmesos_core.upload.destination import parse_destination
from sparkmesos_core.upload.folder_target import FolderTarget
from sparkmesos_core.upload.local_file import LocalFile, read_local_file
from sparkmesos_core.upload.target import UploadOptions, WithdrawnError
from sparkmesos_core.upload.transfer import Uploader

CONTENT = os.urandom(3_000_000)


@pytest.fixture
def file(tmp_path: Path) -> LocalFile:
    path = tmp_path / "spark.tgz"
    path.write_bytes(CONTENT)
    return read_local_file(path)


def put(text: str, file: LocalFile, *, force: bool = False) -> FolderTarget:
    target = FolderTarget(parse_destination(text, file.path.name), UploadOptions(environment={}))
    Uploader(backoff=Backoff(attempts=1)).put(target, file, force=force)
    return target


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_upload_that_others_can_read(tmp_path: Path, file: LocalFile) -> None:
    before = os.umask(0o077)
    try:
        put(f"file://{tmp_path}/a/b/", file)
    finally:
        os.umask(before)
    folder = tmp_path / "a" / "b"
    assert names(folder) == {"spark.tgz", "spark.tgz.sha256"}
    assert (folder / "spark.tgz").read_bytes() == CONTENT
    assert (folder / "spark.tgz.sha256").read_text() == f"{file.sha256}  spark.tgz\n"
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "a", folder, *sorted(folder.iterdir()))]
    assert modes == [0o755, 0o755, 0o644, 0o644]


def test_a_second_one_does_nothing(tmp_path: Path, file: LocalFile) -> None:
    put(f"{tmp_path}/dist/", file)
    stored = tmp_path / "dist" / "spark.tgz"
    inode = stored.stat().st_ino
    put(f"{tmp_path}/dist/", file)
    assert stored.stat().st_ino == inode
    put(f"{tmp_path}/dist/", file, force=True)
    assert stored.stat().st_ino != inode


def test_it_is_seen_whole_or_not_at_all(tmp_path: Path, file: LocalFile) -> None:
    stored = tmp_path / "dist" / "spark.tgz"
    stored.parent.mkdir()
    stored.write_bytes(b"the old one")
    seen: set[int] = set()
    done, looking = threading.Event(), threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.add(len(stored.read_bytes()))
            looking.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert looking.wait(10)
        for _ in range(5):
            put(f"{tmp_path}/dist/", file, force=True)
    finally:
        done.set()
        watcher.join()
    assert seen <= {len(b"the old one"), len(CONTENT)}


def test_a_full_disk(tmp_path: Path, file: LocalFile) -> None:
    # A limit on the size of files stands in for the disk: it is met in the middle of the file, as ENOSPC is.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, limits[1]))
    try:
        with pytest.raises(UploadError, match=r"dist/spark\.tgz cannot be used: File too large"):
            put(f"{tmp_path}/dist/", file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(tmp_path) == {"spark.tgz"}


@pytest.mark.parametrize(
    ("made", "destination", "says"),
    [
        ("file", "made/", "cannot be used: Not a directory"),
        ("file", "made/deeper/", "cannot be used: Not a directory"),
        ("dangling", "made/spark.tgz", "cannot be used"),
        ("fifo", "made/spark.tgz", "that is no regular file"),
        ("", "n" * 300 + "/", "cannot be used: File name too long"),
        ("", "n" * 250, "cannot be used: File name too long"),
    ],
)
def test_what_cannot_be_written_to(
    made: str, destination: str, says: str, tmp_path: Path, file: LocalFile
) -> None:
    place = tmp_path / "made"
    if made == "file":
        place.write_bytes(b"")
    elif made == "dangling":
        place.symlink_to("nowhere")
    elif made == "fifo":
        place.mkdir()
        os.mkfifo(place / "spark.tgz")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UploadError) as caught:
        put(f"{tmp_path}/{destination}", file)
    assert says in caught.value.message
    assert caught.value.hint
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path, file: LocalFile) -> None:
    folder = tmp_path / "dist"
    folder.mkdir(mode=0o555)
    with pytest.raises(UploadError, match="Permission denied"):
        put(f"{folder}/", file)


def test_a_folder_that_others_cannot_enter_is_remarked(tmp_path: Path, file: LocalFile) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    folder.chmod(0o700)
    target = FolderTarget(parse_destination(f"{folder}/", "spark.tgz"), UploadOptions(environment={}))
    done = Uploader().put(target, file)
    assert f"only its owner and group can enter {folder}" in done.remarks[0]


def test_what_was_sent_is_taken_back_from_the_progress_when_it_fails(tmp_path: Path, file: LocalFile) -> None:
    sent: list[int] = []

    class Failing:
        begin = end = SILENT.begin

        def advance(self, count: int) -> None:
            sent.append(count)
            if len(sent) == 2:
                raise KeyboardInterrupt

    target = FolderTarget(parse_destination(f"{tmp_path}/dist/", "spark.tgz"), UploadOptions(environment={}))
    target.prepare()
    with pytest.raises(KeyboardInterrupt):
        target.send(file, Failing())  # type: ignore[arg-type]
    assert sum(sent) == 0
    target.discard()
    assert not (tmp_path / "dist").exists()


def test_what_turns_out_not_to_be_wanted_leaves_nothing(tmp_path: Path, file: LocalFile) -> None:
    asked = itertools.count()

    def still_wanted() -> None:
        if next(asked) == 1:
            raise WithdrawnError("no")

    with pytest.raises(WithdrawnError):
        put(f"{tmp_path}/a/b/", dataclasses.replace(file, still_wanted=still_wanted))
    assert names(tmp_path) == {"spark.tgz"}


def test_no_folder_is_made_under_the_root(file: LocalFile) -> None:
    with pytest.raises(UploadError, match="/no-such-share does not exist") as caught:
        put("/no-such-share/dist/", file)
    assert "mount" in caught.value.hint
    assert not Path("/no-such-share").exists()
