"""Whether a shuffle service runs, as its files tell."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sparkmesos_core import daemon_files
from sparkmesos_core.daemon_files import DaemonFiles
from sparkmesos_core.shuffle_service.on_this_machine.background import files_here
from sparkmesos_core.shuffle_service.on_this_machine.run_folder import ServiceNote, make_run_folder
from sparkmesos_core.shuffle_service.on_this_machine.status import ServiceStatus, status_here


@pytest.fixture
def files(tmp_path: Path) -> DaemonFiles:
    return files_here(1, {"USER": "ops"}, tmp_path)


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A port that is bound, and that nobody listens at."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def holding(*locks: int) -> Iterator[int]:
    """A process that has these locks; its pid."""
    program = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, pass_fds=locks) as process:
        yield process.pid
        process.kill()


def test_none(files: DaemonFiles, tmp_path: Path) -> None:
    assert status_here(files, tmp_path) == ServiceStatus(running=False)
    files.log.touch()
    assert status_here(files, tmp_path) == ServiceStatus(running=False, log=str(files.log))


def test_one_that_does_not_answer(files: DaemonFiles, tmp_path: Path, refusing_port: int) -> None:
    folder = make_run_folder(tmp_path)
    with daemon_files.locked(files) as locks, holding(*locks.values(), folder.lock) as pid:
        files.pid_file.write_text(f"{pid}\n")
        starting = status_here(files, tmp_path)
        assert (starting.running, starting.pid, starting.address, starting.log) == (True, pid, None, None)
        folder.write_note(ServiceNote("::1", refusing_port, pid, authenticates=True, log="/logs/its.out"))
        assert status_here(files, tmp_path) == ServiceStatus(
            running=True,
            pid=pid,
            host="::1",
            port=refusing_port,
            address=f"[::1]:{refusing_port}",
            answers=False,
            authenticates=True,
            log="/logs/its.out",
            pid_file=str(files.pid_file),
        )
    folder.remove()


def test_one_in_the_foreground(files: DaemonFiles, tmp_path: Path, refusing_port: int) -> None:
    folder = make_run_folder(tmp_path)
    with holding(folder.lock) as pid:
        folder.write_note(ServiceNote("h", refusing_port, pid, authenticates=False, log=None))
        folder.release()
        status = status_here(files, tmp_path)
    assert (status.running, status.pid, status.log, status.pid_file) == (True, pid, None, None)
    assert status_here(files, tmp_path).running is False
