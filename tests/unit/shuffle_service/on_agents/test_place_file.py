"""Where a process answers, noted for those who look for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sparkmesos_core.errors import DaemonError
from sparkmesos_core.shuffle_service.on_agents.place_file import Place, noted_place, read_place


def test_it_is_there_as_long_as_the_process_runs(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "shuffle-service-1"
    assert read_place(folder) is None
    with noted_place(folder, "http://127.0.0.1:7338"):
        assert read_place(folder) == Place("http://127.0.0.1:7338", os.getpid(), on_this_machine=True)
        assert [path.name for path in folder.iterdir()] == ["services.url"]
    assert read_place(folder) is None
    assert list(folder.iterdir()) == []


def test_that_of_another_process_is_left_alone(tmp_path: Path) -> None:
    with noted_place(tmp_path, "http://127.0.0.1:1"):
        place = tmp_path / "services.url"
        place.write_text(place.read_text().replace("127.0.0.1:1", "127.0.0.1:2"))
    assert read_place(tmp_path) == Place("http://127.0.0.1:2", os.getpid(), on_this_machine=True)


def test_that_of_a_process_that_was_killed_is_not_trusted(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from sparkmesos_core.shuffle_service.on_agents.place_file import noted_place\n"
        f"with noted_place(Path({str(tmp_path)!r}), 'http://127.0.0.1:1'):\n"
        "    print('noted', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"noted\n"
        assert read_place(tmp_path) == Place("http://127.0.0.1:1", process.pid, on_this_machine=True)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert read_place(tmp_path) is None  # nobody has asked for its exit status
        process.wait()
    assert (tmp_path / "services.url").exists()
    assert read_place(tmp_path) is None


def test_that_of_before_a_reboot_is_not_trusted(tmp_path: Path) -> None:
    """By now another user's may answer there, whose services `--stop` would end."""
    path = tmp_path / "services.url"
    with noted_place(tmp_path, "http://127.0.0.1:1"):
        noted = json.loads(path.read_text())
    noted["owner"]["machine"] = "another-boot " + noted["owner"]["machine"].partition(" ")[2]
    path.write_text(json.dumps(noted))
    assert read_place(tmp_path) is None
    # Of another machine, whose disk this is, too, nothing is known.
    noted["owner"]["host"] = "elsewhere"
    path.write_text(json.dumps(noted))
    assert read_place(tmp_path) == Place("http://127.0.0.1:1", os.getpid(), on_this_machine=False)


def test_one_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "services.url").mkdir()  # as root reads what others may not
    with pytest.raises(DaemonError, match="cannot be read"):
        read_place(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"url": 1}', "\xff"])
def test_what_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "services.url").write_text(content, encoding="latin-1")
    assert read_place(tmp_path) is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DaemonError, match="cannot be written"), noted_place(tmp_path / "file", "http://h:1"):
        pass
