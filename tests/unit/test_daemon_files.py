"""The files of a daemon in the background; integration tests start and stop real ones."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from sparkmesos_core import daemon_files, lock_files
from sparkmesos_core.daemon_files import DaemonFiles
from sparkmesos_core.daemon_start import number_in_foreground
from sparkmesos_core.dispatcher.daemon import DISPATCHER
from sparkmesos_core.errors import AlreadyRunningError, DaemonError, UsageError

CLASS = "org.apache.spark.deploy.mesos.MesosClusterDispatcher"


def files_of(instance: int, variables: Mapping[str, str], folder: Path) -> DaemonFiles:
    return daemon_files.files_of(DISPATCHER, instance, variables, folder)


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


def test_without_variables_the_user_has_the_name_of_the_login_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cron sets none of them, or LOGNAME."""
    name = pwd.getpwuid(os.getuid()).pw_name
    assert files_of(1, {}, tmp_path).pid_file.name == f"spark-{name}-{CLASS}-1.pid"
    assert files_of(1, {"LOGNAME": "ops"}, tmp_path).pid_file.name == f"spark-ops-{CLASS}-1.pid"
    monkeypatch.setattr(os, "getuid", lambda: 987654321)
    assert files_of(1, {}, tmp_path).pid_file.name == f"spark-987654321-{CLASS}-1.pid"


def test_numbers_in_variables(tmp_path: Path) -> None:
    files = files_of(1, {"SPARK_LOG_MAX_FILES": "2", "SPARK_NICENESS": "10"}, tmp_path)
    assert (files.kept_logs, files.niceness) == (2, 10)
    with pytest.raises(UsageError, match="SPARK_NICENESS=nice is not a whole number"):
        files_of(1, {"SPARK_NICENESS": "nice"}, tmp_path)
    for none in ("0", "-1"):
        with pytest.raises(UsageError, match=f"SPARK_LOG_MAX_FILES={none} is not a positive number"):
            files_of(1, {"SPARK_LOG_MAX_FILES": none}, tmp_path)


def test_the_host_in_the_name_of_the_log_is_what_bash_has_it(tmp_path: Path) -> None:
    variables = {"SPARK_IDENT_STRING": "ops", "HOSTNAME": "box/1"}
    assert files_of(1, variables, tmp_path).log == tmp_path / f"spark-ops-{CLASS}-1-box_1.out"


@pytest.mark.parametrize("content", [None, "", "no number", "4194304999", "1"])
def test_nothing_to_stop(tmp_path: Path, content: str | None) -> None:
    """A number in the file is nothing without the lock: 1 is another program, and stays alive."""
    files = files_of(1, {}, tmp_path)
    if content is not None:
        files.pid_file.write_text(content)
    assert daemon_files.running(files) is None
    assert daemon_files.stop(files) is None
    assert not files.pid_file.exists()


def test_what_others_put_in_the_place_of_a_pid_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody can where it is in /tmp."""
    files = files_of(1, {}, tmp_path)
    precious = tmp_path / "precious"
    precious.write_text("1")
    files.pid_file.symlink_to(precious)
    with pytest.raises(UsageError, match="cannot be written"), daemon_files.locked(files):
        pass
    with pytest.raises(DaemonError, match="cannot be opened"):
        daemon_files.stop(files)
    files.pid_file.unlink()
    precious.rename(files.pid_file)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 12345)
        with pytest.raises(UsageError, match="belongs to another user"), daemon_files.locked(files):
            pass
    assert files.pid_file.read_text() == "1"


def test_a_process_is_stopped_only_if_it_belongs_to_who_says_so(tmp_path: Path) -> None:
    files = files_of(1, {}, tmp_path)
    pid = 1  # root's
    with subprocess.Popen(["sleep", "600"]) as other, files.pid_file.open("w") as locked:
        if os.geteuid() == 0:
            os.chown(files.pid_file, 65534, -1)
            pid = other.pid
        locked.write(str(pid))
        locked.flush()
        fcntl.flock(locked, fcntl.LOCK_EX)
        with pytest.raises(DaemonError, match=f"names process {pid}, which is not of the user"):
            daemon_files.stop(files)
        assert other.poll() is None
        other.kill()


def test_sparks_own_dispatcher_is_not_ours_to_stop(tmp_path: Path) -> None:
    files = files_of(1, {}, tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()", CLASS], stdin=subprocess.PIPE) as java:
        try:
            files.pid_file.write_text(f"{java.pid}\n")
            with pytest.raises(DaemonError, match=f"Spark's own dispatcher runs as process {java.pid}"):
                daemon_files.stop(files)
            with pytest.raises(DaemonError, match="Spark's own dispatcher"), daemon_files.locked(files):
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
            stopped = daemon_files.stop(files, patience=30 if ends else 0.05)
            assert stopped == daemon_files.Stopped(process.pid, killed=not ends)
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
            assert daemon_files.running(files) == process.pid
            assert daemon_files.stop(files) == daemon_files.Stopped(process.pid, killed=False)
            assert files.pid_file.read_bytes() == next_one
        finally:
            process.kill()


def test_one_at_a_time(tmp_path: Path) -> None:
    files = files_of(7, {}, tmp_path)
    with daemon_files.locked(files):
        files.pid_file.write_text(f"{os.getpid()}\n")
        runs = f"Dispatcher 7 runs already as process {os.getpid()}"
        with pytest.raises(DaemonError, match=runs), daemon_files.locked(files):
            pass
    with daemon_files.locked(files):
        assert files.pid_file.read_text() == ""


def test_who_looks_whether_one_runs_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--status has the lock for a moment; the number in the file may be any program's by then."""
    monkeypatch.setattr(lock_files, "_LOOK_SECONDS", 30.0)
    files = files_of(1, {}, tmp_path)

    def stop() -> None:
        daemon_files.stop(files)

    def start() -> None:
        with daemon_files.locked(files):
            pass

    for act in (stop, start):
        with subprocess.Popen(["sleep", "600"]) as other:
            files.pid_file.write_text(f"{other.pid}\n")
            looking = os.open(files.pid_file, os.O_RDONLY)
            fcntl.flock(looking, fcntl.LOCK_SH | fcntl.LOCK_NB)
            assert daemon_files.running(files) is None  # nor does one keep another from looking
            timer = threading.Timer(0.05, os.close, (looking,))
            timer.start()
            try:
                act()
                assert other.poll() is None
            finally:
                timer.join()
                other.kill()


def test_others_may_look_whether_one_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that users share; only to stop it they may not."""
    files = files_of(1, {}, tmp_path)
    openable = os.open

    def open_as_others(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_ACCMODE != os.O_RDONLY:
            raise PermissionError(13, "Permission denied")
        return openable(path, flags, mode)

    with daemon_files.locked(files):
        files.pid_file.write_text(f"{os.getpid()}\n")
        monkeypatch.setattr(os, "open", open_as_others)
        assert daemon_files.running(files) == os.getpid()
        with pytest.raises(DaemonError, match="cannot be opened") as raised:
            daemon_files.stop(files)
        assert raised.value.hint == "Stop it as the user who started it."


def test_a_pid_file_that_cannot_be(tmp_path: Path) -> None:
    files = files_of(1, {"SPARK_PID_DIR": str(tmp_path / "file" / "pids")}, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"), daemon_files.locked(files):
        pass


def test_what_is_no_file_in_the_place_of_the_pid_file(tmp_path: Path) -> None:
    """Others can put it there, in /tmp: nobody waits for them to write into a pipe."""
    files = files_of(1, {"SPARK_PID_DIR": str(tmp_path)}, tmp_path)
    for make, removed in ((os.mkfifo, os.unlink), (os.mkdir, os.rmdir)):
        make(files.pid_file)
        with pytest.raises(UsageError, match="cannot be written"), daemon_files.locked(files):
            pass
        for look in (daemon_files.running, daemon_files.stop):
            with pytest.raises(DaemonError, match="cannot be opened"):
                look(files)
        removed(files.pid_file)


def test_the_daemon_that_runs_already_is_told_apart(tmp_path: Path) -> None:
    """Drop-ins for Spark's scripts say then what Spark's say."""
    files = files_of(1, {}, tmp_path)
    with daemon_files.locked(files):
        with pytest.raises(DaemonError) as starting, daemon_files.locked(files):
            pass
        assert not isinstance(starting.value, AlreadyRunningError)  # nobody knows its number yet
        files.pid_file.write_text("5\n")
        with pytest.raises(AlreadyRunningError) as running, daemon_files.locked(files):
            pass
    assert (running.value.pid, running.value.spark_class) == (5, DISPATCHER.spark_class)


OTHERS: list[dict[str, str]] = [{"USER": "b"}, {"USER": "a", "SPARK_PID_DIR": "elsewhere", "HOSTNAME": "h"}]


@pytest.mark.parametrize("variables", OTHERS)
def test_a_user_has_one_of_each_number_whatever_its_files_are_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = files_of(1, {"USER": "a"}, tmp_path), files_of(1, variables, tmp_path)
    second.pid_file.parent.mkdir(exist_ok=True)
    assert first.pid_file != second.pid_file
    assert daemon_files.in_use(second) == second
    with daemon_files.locked(first) as locks:
        daemon = subprocess.Popen(["sleep", "600"], pass_fds=tuple(locks.values()))
        first.pid_file.write_text(f"{daemon.pid}\n")
    with daemon, contextlib.ExitStack() as end:
        end.callback(daemon.kill)
        runs = "Dispatcher 1 runs already"
        with pytest.raises(AlreadyRunningError, match=runs) as raised, daemon_files.locked(second):
            pass
        assert raised.value.pid == daemon.pid
        assert not second.pid_file.exists()
        found = daemon_files.in_use(second)
        assert (found.log, found.pid_file) == (first.log, first.pid_file)
        assert daemon_files.running(found) == daemon.pid
        with daemon_files.locked(files_of(2, variables, tmp_path)):
            pass
        assert daemon_files.stop(found) == daemon_files.Stopped(daemon.pid, killed=False)
        assert daemon.wait(20) == -signal.SIGTERM
    with daemon_files.locked(second):
        pass
    assert daemon_files.stop(second) is None
    assert not first.number_file.exists()


def test_machines_that_share_homes_have_numbers_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Spark's scripts, too, whose pid files are in /tmp, one can be started on each."""
    for folder in ("here", "there", "home"):
        (tmp_path / folder).mkdir()
    here = files_of(1, {"SPARK_PID_DIR": str(tmp_path / "here")}, tmp_path / "home")
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere.example")
    there = files_of(1, {"SPARK_PID_DIR": str(tmp_path / "there")}, tmp_path / "home")
    with daemon_files.locked(here), daemon_files.locked(there):
        assert daemon_files.in_use(here) == here
        assert daemon_files.in_use(there) == there


def test_in_the_foreground_it_has_its_number_too(tmp_path: Path) -> None:
    files = files_of(1, {"USER": "a"}, tmp_path / "state")
    with number_in_foreground(files):
        files.pid_file.parent.mkdir(exist_ok=True)
        runs = f"runs already as process {os.getpid()}"
        with pytest.raises(AlreadyRunningError, match=runs) as raised, daemon_files.locked(files):
            pass
        assert f"Stop it first (kill {os.getpid()}: it is in the foreground)" in (raised.value.hint or "")
        with pytest.raises(AlreadyRunningError), number_in_foreground(files):
            pass
        assert daemon_files.in_use(files) == files
        assert daemon_files.running(files) is None
    assert not (tmp_path / "state").exists()


def test_what_is_in_the_place_of_the_file_of_a_number(tmp_path: Path) -> None:
    files = files_of(1, {}, tmp_path)
    files.number_file.mkdir()
    with pytest.raises(UsageError, match="number cannot be written"), daemon_files.locked(files):
        pass
    assert daemon_files.in_use(files) == files
    assert daemon_files.stop(files) is None
    assert [path.name for path in tmp_path.iterdir()] == [files.number_file.name]
