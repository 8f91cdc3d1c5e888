"""The private folder of a shuffle service."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.shuffle_service.on_this_machine.run_folder import (
    RunFolder,
    ServiceNote,
    make_run_folder,
    remove_abandoned,
    running_here,
)

NOTE = ServiceNote("host", 7337, 4711, authenticates=True, log=None)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_in_it(tmp_path: Path) -> None:
    conf_dir = tmp_path / "conf"
    conf_dir.mkdir()
    for name in ("spark-defaults.conf", "spark-env.sh", "log4j2.properties", "metrics.properties"):
        (conf_dir / name).write_text(name)
    (conf_dir / "folder").mkdir()
    before = os.umask(0)
    try:
        folder = make_run_folder(tmp_path / "state" / "shuffle-service-1")
        folder.write_configuration("spark.authenticate.secret hush\n", conf_dir)
        folder.write_note(NOTE)
    finally:
        os.umask(before)
    names = {path.name for path in folder.conf.iterdir()}
    assert names == {"spark-defaults.conf", "log4j2.properties", "metrics.properties", "folder"}
    assert (folder.conf / "spark-defaults.conf").read_text() == "spark.authenticate.secret hush\n"
    assert (folder.conf / "log4j2.properties").read_text() == "log4j2.properties"
    assert [mode(path) for path in (folder.path.parent, folder.path, folder.conf)] == [0o700] * 3
    assert mode(folder.conf / "spark-defaults.conf") == mode(folder.path / "service.json") == 0o600
    folder.remove()
    assert list(folder.path.parent.iterdir()) == []
    assert len(list(conf_dir.iterdir())) == 5  # links were removed, and not what they led to


@pytest.mark.parametrize("conf_dir", [None, Path("/no/such/folder")])
def test_without_a_configuration_folder(tmp_path: Path, conf_dir: Path | None) -> None:
    folder = make_run_folder(tmp_path)
    folder.write_configuration("", conf_dir)
    assert [path.name for path in folder.conf.iterdir()] == ["spark-defaults.conf"]
    folder.remove()


def inherited(folder: RunFolder) -> subprocess.Popen[bytes]:
    """A process that has the lock, until its stdin ends."""
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        pass_fds=(folder.lock,),
    )


def test_it_lasts_as_long_as_its_service(tmp_path: Path) -> None:
    folder, other = make_run_folder(tmp_path), make_run_folder(tmp_path)
    folder.write_note(NOTE)
    with inherited(folder) as process:
        folder.release()
        remove_abandoned(tmp_path)
        assert {folder.path, other.path} == set(tmp_path.iterdir())
        assert list(running_here(tmp_path)) == [NOTE]  # the other one is not ready
        process.kill()
        process.wait()
    assert list(running_here(tmp_path)) == []
    other.release()
    remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_remove(tmp_path: Path) -> None:
    (tmp_path / "run-file").touch()
    (tmp_path / "run-link").symlink_to(tmp_path)
    (tmp_path / "another").mkdir()
    remove_abandoned(tmp_path)
    remove_abandoned(tmp_path / "missing")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be used"):
        make_run_folder(tmp_path / "file" / "state")
