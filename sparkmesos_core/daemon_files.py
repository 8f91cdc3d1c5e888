"""Daemons in the background: the log and the pid file of one, and how it is found and stopped by them.

The files have the names that Spark's `sbin/spark-daemon.sh` gives to those of Spark's own daemons. Whoever
holds the lock on the pid file is the daemon: a number alone may be another process by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import re
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from sparkmesos_core.daemon_number import Holder, give_back, holder_of, taken
from sparkmesos_core.errors import AlreadyRunningError, DaemonError, UsageError
from sparkmesos_core.lock_files import is_at, lock_soon, open_file, remove, try_lock
from sparkmesos_core.process_end import wait_for_end

STOP_SECONDS = 30.0
"""After which one that does not end is killed."""
_POLL_SECONDS = 0.05
_DEFAULT_LOGS = 5


@dataclass(frozen=True)
class DaemonKind:
    """A daemon, in file names and in messages."""

    title: str
    """`dispatcher`; of one that keeps records, `RecordKind.holder`."""
    spark_class: str
    """Spark's class, which files are named for."""
    stop_command: str
    """Ours that stops it: `sparkmesos stop-dispatcher`."""
    sparks_stop_script: str
    """Spark's that stops Spark's own: `sbin/stop-mesos-dispatcher.sh`."""


@dataclass(frozen=True)
class DaemonFiles:
    """Where a daemon in the background leaves its traces, and how it is run."""

    kind: DaemonKind
    instance: int
    log: Path
    pid_file: Path
    number_file: Path
    """What whoever has this number has locked, see `daemon_number`."""
    kept_logs: int = _DEFAULT_LOGS
    """How many older logs stay, with .1 and so on behind their names."""
    niceness: int = 0


@dataclass(frozen=True)
class Stopped:
    """A daemon that ran."""

    pid: int
    killed: bool
    """Whether it had to be, since it did not end of its own."""


def files_of(kind: DaemonKind, instance: int, variables: Mapping[str, str], folder: Path) -> DaemonFiles:
    """The files of a daemon by its number, named with SPARK_IDENT_STRING, else the user's name.

    They are in SPARK_LOG_DIR and SPARK_PID_DIR; `folder`, that of its number, is for all else. Logs are named
    for HOSTNAME, too, which every bash has and containers are given. Raises UsageError for variables that are
    no numbers, and for a SPARK_LOG_MAX_FILES that is not positive.
    """
    name = f"spark-{_ident(variables)}-{kind.spark_class}-{instance}".replace("/", "_")
    host = (variables.get("HOSTNAME") or socket.gethostname()).replace("/", "_")
    kept_logs = _number(variables, "SPARK_LOG_MAX_FILES", _DEFAULT_LOGS)
    if kept_logs < 1:
        raise UsageError(
            f"SPARK_LOG_MAX_FILES={kept_logs} is not a positive number", hint="Correct it, or unset it."
        )
    logs = Path(variables.get("SPARK_LOG_DIR") or folder).absolute()
    pids = Path(variables.get("SPARK_PID_DIR") or folder).absolute()
    return DaemonFiles(
        kind=kind,
        instance=instance,
        log=logs / f"{name}-{host}.out",
        pid_file=pids / f"{name}.pid",
        # Home folders may be those of several machines, each with daemons of its own.
        number_file=folder / f"{kind.spark_class}-{instance}-{socket.gethostname()}.number",
        kept_logs=kept_logs,
        niceness=_number(variables, "SPARK_NICENESS", 0),
    )


def in_use(files: DaemonFiles) -> DaemonFiles:
    """The files of the daemon that has this number in the background, which may be others; else the same."""
    holder = holder_of(files.number_file)
    if holder is None or holder.log is None or holder.pid_file is None:
        return files
    return replace(files, log=Path(holder.log), pid_file=Path(holder.pid_file))


def running(files: DaemonFiles) -> int | None:
    """The process id of the daemon that runs; None if none does, or it is just starting or stopping.

    Other users may ask, too. Raises DaemonError if the pid file cannot be opened.
    """
    lock = _open(files, os.O_RDONLY, hint="Ask as the user who started it.")
    if lock is None:
        return None
    with contextlib.closing(os.fdopen(lock, "rb")):
        # Shared: of several that look, none takes another for the daemon.
        return None if try_lock(lock, fcntl.LOCK_SH) else _pid_in(files.pid_file)


def stop(files: DaemonFiles, *, patience: float = STOP_SECONDS) -> Stopped | None:
    """Stop the daemon and wait for its end. None if none runs.

    After `patience` seconds it is killed. Raises DaemonError if it cannot be stopped.
    """
    try:
        return _stop(files, patience)
    finally:
        give_back(files.number_file)


def _stop(files: DaemonFiles, patience: float) -> Stopped | None:
    lock = _open(files, os.O_RDWR, hint="Stop it as the user who started it.")
    if lock is None:
        return None
    with contextlib.closing(os.fdopen(lock, "r+b")):
        if lock_soon(lock):
            pid = _pid_in(files.pid_file)
            if pid is not None and _is_sparks_own(pid, files.kind):
                foreign = _foreign(pid, files.kind)
                raise DaemonError(foreign.message, hint=foreign.hint)
            remove(lock, files.pid_file)
            return None
        # Only while somebody else holds the lock is the process in the file the one that it says.
        pid = _pid_in(files.pid_file)
        if pid is None:
            raise DaemonError(f"The {files.kind.title} is just starting or stopping", hint="Try again.")
        if not _is_of(os.fstat(lock).st_uid, pid):
            raise DaemonError(
                f"{files.pid_file} names process {pid}, which is not of the user who wrote the file",
                hint=f"That is not the {files.kind.title}: remove the file.",
            )
        killed = _end(pid, patience, files.kind)
        deadline = time.monotonic() + patience
        while not (free := try_lock(lock)) and time.monotonic() < deadline:
            if _pid_in(files.pid_file) != pid:
                break  # another one was started at once, and has the file now
            time.sleep(_POLL_SECONDS)
        if free:
            remove(lock, files.pid_file)
        return Stopped(pid, killed)


@contextlib.contextmanager
def locked(files: DaemonFiles) -> Iterator[dict[Path, int]]:
    """The files that a daemon in the background has to have locked, with the descriptors it has to inherit.

    They are the pid file, which is there and empty, and the one of its number. Raises DaemonError if a daemon
    has one of them, and UsageError if they cannot be written.
    """
    with number(files, Holder(str(files.log), str(files.pid_file))) as held, _locked(files) as lock:
        yield {files.pid_file: lock, files.number_file: held}


@contextlib.contextmanager
def number(files: DaemonFiles, holder: Holder) -> Iterator[int]:
    """The descriptor that holds the number of a daemon.

    Raises DaemonError if one runs, also with other files or in the foreground, and UsageError if there cannot
    be such a file.
    """
    with contextlib.ExitStack() as held:
        try:
            lock = held.enter_context(taken(files.number_file, holder))
        except OSError as error:
            raise UsageError(
                f"{files.number_file} cannot be written: {error.strerror}",
                hint="Set SPARKMESOS_STATE_DIR to a folder of yours.",
            ) from error
        if lock is None:
            other = holder_of(files.number_file)
            if other is not None and other.foreground_pid is not None:
                raise _runs_already(other.foreground_pid, files, foreground=True)
            raise _runs_already(_pid_in(in_use(files).pid_file), files)
        yield lock


@contextlib.contextmanager
def _locked(files: DaemonFiles) -> Iterator[int]:
    while True:
        try:
            lock = open_file(files.pid_file, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise UsageError(
                f"{files.pid_file} cannot be written: {error.strerror}",
                hint="Set SPARK_PID_DIR to a folder of yours.",
            ) from error
        with contextlib.closing(os.fdopen(lock, "r+b")):
            free = lock_soon(lock)
            pid = _pid_in(files.pid_file)
            if not free:
                raise _runs_already(pid, files)
            if not is_at(lock, files.pid_file):
                continue  # it was removed meanwhile, by whoever stopped the one before
            if pid is not None and _is_sparks_own(pid, files.kind):
                raise _foreign(pid, files.kind)
            if os.fstat(lock).st_uid != os.geteuid():
                raise UsageError(
                    f"{files.pid_file} belongs to another user",
                    hint="Have it removed, or set SPARK_PID_DIR to a folder of yours.",
                )
            os.ftruncate(lock, 0)
            yield lock
            return


def _open(files: DaemonFiles, mode: int, hint: str) -> int | None:
    """A descriptor of the pid file, None if there is none; `hint` is for those who may not."""
    try:
        return open_file(files.pid_file, mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DaemonError(f"{files.pid_file} cannot be opened: {error.strerror}", hint=hint) from error


def _pid_in(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,9}", text) else None


def _is_sparks_own(pid: int, kind: DaemonKind) -> bool:
    """Whether it is the daemon that Spark's script started, whose pid file has the same name.

    To be asked only of a pid file that nobody has locked: ours may run the same class.
    """
    try:
        return kind.spark_class in psutil.Process(pid).cmdline()
    except (psutil.Error, OSError):
        return False


def _is_of(user: int, pid: int) -> bool:
    """Whether a process is this user's, by number, or gone."""
    try:
        return psutil.Process(pid).uids().real == user
    except (psutil.Error, OSError):
        return True


def _runs_already(pid: int | None, files: DaemonFiles, *, foreground: bool = False) -> DaemonError:
    message = f"{files.kind.title.capitalize()} {files.instance} runs already"
    how = f"kill {pid}: it is in the foreground" if foreground else files.kind.stop_command
    hint = f"Stop it first ({how}), or give this one another --instance."
    if pid is None:
        return DaemonError(message, hint=hint)
    return AlreadyRunningError(
        f"{message} as process {pid}", hint=hint, spark_class=files.kind.spark_class, pid=pid
    )


def _foreign(pid: int, kind: DaemonKind) -> AlreadyRunningError:
    return AlreadyRunningError(
        f"Spark's own {kind.title} runs as process {pid}, and has the same pid file",
        hint=f"Stop it with its own {kind.sparks_stop_script} (or: kill {pid}), or choose another "
        "--instance.",
        spark_class=kind.spark_class,
        pid=pid,
    )


def _end(pid: int, patience: float, kind: DaemonKind) -> bool:
    """Whether it took more than SIGTERM."""
    try:
        os.kill(pid, signal.SIGTERM)
        if wait_for_end(pid, patience):
            return False
        os.kill(pid, signal.SIGKILL)
        wait_for_end(pid, STOP_SECONDS)
    except ProcessLookupError:
        return False
    except PermissionError as error:
        raise DaemonError(
            f"The {kind.title} (process {pid}) belongs to another user", hint="Stop it as that user."
        ) from error
    return True


def _ident(variables: Mapping[str, str]) -> str:
    """What files are named with for their user. Without variables it is what a login shell has as USER."""
    if given := variables.get("SPARK_IDENT_STRING") or variables.get("USER") or variables.get("LOGNAME"):
        return given
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # containers are run with any number
        return str(os.getuid())


def _number(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name, "").strip()
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{name}={text} is not a whole number", hint="Correct it, or unset it.") from None
