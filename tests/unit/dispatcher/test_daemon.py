"""The files of a dispatcher in the background; `test_dispatcher.py` starts and stops real ones."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sparkmesos_core.dispatcher import daemon
from sparkmesos_core.dispatcher.daemon import files_of
from sparkmesos_core.errors import DaemonError, UsageError

CLASS = "org.apache.spark.deploy.mesos.MesosClusterDispatcher"


def test_names_are_those_of_spark(tmp_path: Path) -> None:
    variables = {
        "SPARK_LOG_DIR": "/logs",
        "SPARK_PID_DIR": "/pids",
        "SPARK_IDENT_STRING": "ops",
        "USER": "me",
    }
    files = files_of(2, variables, tmp_path)
    assert files.log == Path(f"/logs/spark-ops-{CLASS}-2-{socket.gethostname()}.out")
    assert files.pid_file == Path(f"/pids/spark-ops-{CLASS}-2.pid")
    files = files_of(1, {"USER": "me"}, tmp_path)
    assert files.log == tmp_path / f"spark-me-{CLASS}-1-{socket.gethostname()}.out"
    assert files.pid_file == tmp_path / f"spark-me-{CLASS}-1.pid"
    assert (files.kept_logs, files.niceness) == (5, 0)


def test_numbers_in_variables(tmp_path: Path) -> None:
    files = files_of(1, {"SPARK_LOG_MAX_FILES": "2", "SPARK_NICENESS": "10"}, tmp_path)
    assert (files.kept_logs, files.niceness) == (2, 10)
    with pytest.raises(UsageError, match="SPARK_NICENESS=nice is not a whole number"):
        files_of(1, {"SPARK_NICENESS": "nice"}, tmp_path)


def test_older_logs_move_on(tmp_path: Path) -> None:
    files = files_of(1, {"SPARK_LOG_MAX_FILES": "2"}, tmp_path)
    for text in ("first", "second", "third", "fourth"):
        daemon.rotate(files)
        files.log.write_text(text)
    daemon.rotate(files)
    kept = {path.name.rpartition(".out")[2]: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {".1": "fourth", ".2": "third"}


@pytest.mark.parametrize("content", [None, "", "no number", "4194304999", "1"])
def test_nothing_to_stop(tmp_path: Path, content: str | None) -> None:
    """A number in the file is nothing without the lock: 1 is another program, and stays alive."""
    files = files_of(1, {}, tmp_path)
    if content is not None:
        files.pid_file.write_text(content)
    assert daemon.stop(files) is None
    assert not files.pid_file.exists()


def test_sparks_own_dispatcher_is_not_ours_to_stop(tmp_path: Path) -> None:
    files = files_of(1, {}, tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()", CLASS], stdin=subprocess.PIPE) as java:
        try:
            files.pid_file.write_text(f"{java.pid}\n")
            with pytest.raises(DaemonError, match=f"Spark's own dispatcher runs as process {java.pid}"):
                daemon.stop(files)
            with pytest.raises(DaemonError, match="Spark's own dispatcher"), daemon.locked(files):
                pass
            assert files.pid_file.read_text() == f"{java.pid}\n"
            assert java.poll() is None
        finally:
            java.communicate(b"\n")


@pytest.mark.parametrize("ends", [True, False])
def test_one_that_does_not_end_is_killed(ends: bool, tmp_path: Path) -> None:
    """`ends` says whether it heeds SIGTERM."""
    files = files_of(1, {}, tmp_path)
    program = (
        "import fcntl, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, signal.{'SIG_DFL' if ends else 'SIG_IGN'})\n"
        "file = open(sys.argv[1], 'r+')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "input()\n"
    )
    files.pid_file.touch()
    pipe = subprocess.PIPE
    arguments = [sys.executable, "-c", program, str(files.pid_file)]
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"locked\n"
            files.pid_file.write_text(f"{process.pid}\n")
            stopped = daemon.stop(files, patience=30 if ends else 0.05)
            assert stopped == daemon.Stopped(process.pid, killed=not ends)
            assert process.wait(20) == -(signal.SIGTERM if ends else signal.SIGKILL)
        finally:
            process.kill()
    assert not files.pid_file.exists()


def test_the_file_of_one_that_was_started_meanwhile_stays(tmp_path: Path) -> None:
    """Nobody could stop it otherwise, and another one could be started beside it."""
    files = files_of(1, {}, tmp_path)
    program = (
        "import fcntl, os, signal, sys\n"
        "file = open(sys.argv[1], 'r+')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "next_one = os.fork()\n"  # which has the lock, too
        "if not next_one: sys.stdin.read(); os._exit(0)\n"
        "def hand_over(*_):\n"
        "    file.truncate(0); file.write(f'{next_one}\\n'); file.flush(); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, hand_over)\n"
        "print(next_one, flush=True)\n"
        "while True: signal.pause()\n"
    )
    files.pid_file.touch()
    pipe = subprocess.PIPE
    arguments = [sys.executable, "-c", program, str(files.pid_file)]
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        try:
            next_one = process.stdout.readline()
            files.pid_file.write_text(f"{process.pid}\n")
            assert daemon.stop(files) == daemon.Stopped(process.pid, killed=False)
            assert files.pid_file.read_bytes() == next_one
        finally:
            process.kill()


def test_one_at_a_time(tmp_path: Path) -> None:
    files = files_of(7, {}, tmp_path)
    with daemon.locked(files):
        files.pid_file.write_text(f"{os.getpid()}\n")
        runs = f"Dispatcher 7 runs already as process {os.getpid()}"
        with pytest.raises(DaemonError, match=runs), daemon.locked(files):
            pass
    with daemon.locked(files):
        assert files.pid_file.read_text() == ""


def test_a_pid_file_that_cannot_be(tmp_path: Path) -> None:
    files = files_of(1, {"SPARK_PID_DIR": str(tmp_path / "file" / "pids")}, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"), daemon.locked(files):
        pass
