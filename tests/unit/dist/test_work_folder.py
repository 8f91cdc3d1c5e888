from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sparkmesos_core.dist.work_folder import work_folder

_PROGRAM = """
import sys, time
from pathlib import Path
from sparkmesos_core.dist.work_folder import work_folder
with work_folder(Path(sys.argv[1])) as folder:
    (folder / "archive.tgz").write_bytes(b"large")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_it_goes_with_everything_in_it(tmp_path: Path) -> None:
    def fill_and_fail() -> None:
        with work_folder(tmp_path) as folder:
            assert folder.parent == tmp_path
            assert folder.stat().st_mode & 0o077 == 0
            (folder / "archive.tgz").touch()
            raise LookupError

    with pytest.raises(LookupError):
        fill_and_fail()
    assert list(tmp_path.iterdir()) == []


def test_one_of_a_killed_run_is_removed_but_none_of_a_living_one(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        other = Path(process.stdout.readline().strip())
        said: list[str] = []
        with work_folder(tmp_path, said.append):
            assert (other / "archive.tgz").exists()
        assert said == []
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        assert (other / "archive.tgz").exists()
        with work_folder(tmp_path, said.append) as mine:
            assert list(tmp_path.iterdir()) == [mine]
        assert said == [f"Removed {other}, which a run that was killed had left"]
    finally:
        process.kill()
        process.communicate()


def test_what_only_has_such_a_name_stays(tmp_path: Path) -> None:
    theirs = tmp_path / "sparkmesos-dist-archives"
    theirs.mkdir()
    (theirs / "spark.tgz").touch()
    abandoned = tmp_path / "elsewhere"
    abandoned.mkdir()
    (abandoned / ".in-use").touch()
    (tmp_path / "sparkmesos-dist-link").symlink_to(abandoned)
    (tmp_path / "sparkmesos-dist-file").touch()
    with work_folder(tmp_path, pytest.fail):
        pass
    assert (theirs / "spark.tgz").exists()
    assert (abandoned / ".in-use").exists()
    assert (tmp_path / "sparkmesos-dist-file").exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), work_folder(tmp_path / "gone"):
        pass
