"""What a daemon finds when it is started."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Mapping
from pathlib import Path

import pytest

from sparkmesos_core.daemon_files import DaemonFiles, files_of
from sparkmesos_core.daemon_start import (
    made_folders,
    new_log,
    number_in_foreground,
    refusal,
    stays_in_foreground,
    write_pid,
)
from sparkmesos_core.dispatcher.daemon import DISPATCHER
from sparkmesos_core.errors import DaemonError, UsageError


def files_in(folder: Path, variables: Mapping[str, str] | None = None) -> DaemonFiles:
    return files_of(DISPATCHER, 1, variables or {}, folder)


def failed_start(files: DaemonFiles, *, leaving: Path | None = None) -> None:
    with contextlib.suppress(ValueError), made_folders(files):
        assert files.log.parent.is_dir()
        assert files.pid_file.parent.is_dir()
        if leaving is not None:
            leaving.touch()
        raise ValueError


@pytest.mark.parametrize(("variables", "stays"), [({}, False), ({"SPARK_NO_DAEMONIZE": ""}, True)])
def test_the_foreground(variables: Mapping[str, str], stays: bool) -> None:
    assert stays_in_foreground(variables) is stays


def test_folders_of_a_failed_start_go_again(tmp_path: Path) -> None:
    files = files_in(tmp_path / "state" / "one", {"SPARK_PID_DIR": str(tmp_path / "pids")})
    failed_start(files)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "pids").mkdir()
    failed_start(files)
    assert [path.name for path in tmp_path.iterdir()] == ["pids"]  # which was there before
    failed_start(files, leaving=files.log)
    assert files.log.exists()


def test_folders_of_one_that_runs_stay(tmp_path: Path) -> None:
    files = files_in(tmp_path / "state" / "one")
    with made_folders(files):
        pass
    assert files.log.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, reason in (
        (tmp_path / "file", "it is no folder"),
        (tmp_path / "file" / "logs", "Not a directory"),
    ):
        files = files_in(tmp_path / "state", {"SPARK_PID_DIR": str(folder)})
        with (
            pytest.raises(UsageError, match=f"The folder {folder} cannot be used: {reason}") as raised,
            made_folders(files),
        ):
            pass
        assert raised.value.hint == (
            "Set SPARKMESOS_STATE_DIR, or SPARK_LOG_DIR and SPARK_PID_DIR, to a place of yours."
        )
        assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("made", [False, True])
def test_the_folder_of_a_number_in_the_foreground(tmp_path: Path, made: bool) -> None:
    files = files_in(tmp_path / "state" / "one")
    if made:
        files.number_file.parent.mkdir(parents=True)
    with number_in_foreground(files):
        assert files.number_file.stat().st_mode & 0o777 == 0o600
    assert files.number_file.parent.exists() is made
    assert (tmp_path / "state").exists() is made
    for folder in (files.number_file.parent, tmp_path / "state"):
        if made:
            folder.rmdir()
    (tmp_path / "state").touch()
    cannot = "state/one cannot be used: Not a directory"
    with pytest.raises(UsageError, match=cannot) as raised, number_in_foreground(files):
        pass
    assert raised.value.hint == "Set SPARKMESOS_STATE_DIR to a place of yours."


def test_older_logs_move_on(tmp_path: Path) -> None:
    files = files_in(tmp_path, {"SPARK_LOG_MAX_FILES": "2"})
    for text in (b"first", b"second", b"third", b"fourth"):
        with new_log(files) as log:
            log.write(text)
    kept = {path.name.rpartition(".out")[2]: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"": "fourth", ".1": "third", ".2": "second"}


def test_files_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    files = files_in(tmp_path / "file")
    with pytest.raises(UsageError, match=f"{files.log} cannot be written: Not a directory"):
        new_log(files)
    with pytest.raises(UsageError, match=f"{files.pid_file} cannot be written: Not a directory"):
        write_pid(files.pid_file, 1)


def test_a_full_disk_is_nobodys_mistake() -> None:
    full = refusal("It cannot be written", OSError(errno.ENOSPC, "No space left on device"), "SPARK_LOG_DIR")
    assert isinstance(full, DaemonError)
    assert full.message == "It cannot be written: No space left on device"
    assert full.hint == "Make room there, or set SPARK_LOG_DIR to another place."


def test_the_disk_is_full() -> None:
    with pytest.raises(DaemonError, match="/dev/full cannot be written: No space left on device"):
        write_pid(Path("/dev/full"), 1)
