"""The dispatcher as a process in the background: start it, find it, stop it.

Its files have the names that Spark's `sbin/spark-daemon.sh` gives to those of Spark's own dispatcher. Whoever
holds the lock on the pid file is that dispatcher: a number alone may be another process by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from sparkmesos_core import background_process
from sparkmesos_core.background_process import EndedAtStart, tail
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.daemon_configuration import CLASSES
from sparkmesos_core.dispatcher.settings import DispatcherSettings
from sparkmesos_core.errors import DaemonError, SparkMesosError, UnreachableError, UsageError
from sparkmesos_core.process_end import wait_for_end

MODULE = "sparkmesos_core.dispatcher"
_CLASS = CLASSES[Reader.DISPATCHER]
STOP_SECONDS = 30.0
"""After which one that does not end is killed."""
_POLL_SECONDS = 0.05
_LOG_LINES = 10
_DEFAULT_LOGS = 5


@dataclass(frozen=True)
class DaemonFiles:
    """Where a dispatcher in the background leaves its traces, and how it is run."""

    instance: int
    log: Path
    pid_file: Path
    kept_logs: int = _DEFAULT_LOGS
    """How many older logs stay, with .1 and so on behind their names."""
    niceness: int = 0


def files_of(instance: int, variables: Mapping[str, str], folder: Path) -> DaemonFiles:
    """The files of a dispatcher by its number, named with SPARK_IDENT_STRING, else the user's name.

    They are in SPARK_LOG_DIR and SPARK_PID_DIR; `folder` is for what has no folder of its own. Raises
    UsageError for variables that are no numbers.
    """
    ident = variables.get("SPARK_IDENT_STRING") or variables.get("USER") or variables.get("LOGNAME") or ""
    name = f"spark-{ident or os.getuid()}-{_CLASS}-{instance}".replace("/", "_")
    logs = Path(variables.get("SPARK_LOG_DIR") or folder).absolute()
    pids = Path(variables.get("SPARK_PID_DIR") or folder).absolute()
    return DaemonFiles(
        instance=instance,
        log=logs / f"{name}-{socket.gethostname()}.out",
        pid_file=pids / f"{name}.pid",
        kept_logs=max(1, _number(variables, "SPARK_LOG_MAX_FILES", _DEFAULT_LOGS)),
        niceness=_number(variables, "SPARK_NICENESS", 0),
    )


def start(
    settings: DispatcherSettings,
    files: DaemonFiles,
    *,
    subscribe_timeout: float | None,
    environment: Mapping[str, str],
) -> dict[str, object]:
    """Start a dispatcher in the background; what it says of itself when it is ready (`DispatcherState`).

    Ready is as `foreground.serve` has it. Raises DaemonError if one of this number runs, or it does not come
    to be ready, and what `foreground.serve` raises, with the end of its log; nothing is left running then.
    """
    from sparkmesos_core.dispatcher.process import ProcessSettings  # which knows what is handed over

    for folder in (files.log.parent, files.pid_file.parent):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"The folder {folder} cannot be used: {error.strerror}",
                hint="Set SPARK_LOG_DIR and SPARK_PID_DIR to folders of yours.",
            ) from error
    with locked(files) as lock:
        rotate(files)
        handed_over = ProcessSettings(settings, str(files.pid_file), subscribe_timeout)
        try:
            _pid, state = background_process.start(
                MODULE,
                handed_over.to_json(),
                log=files.log,
                folder=files.log.parent,
                # The lock lasts as long as one of us has it open.
                keep_open=(lock,),
                environment=environment,
                niceness=files.niceness,
            )
        except BaseException as error:
            files.pid_file.unlink(missing_ok=True)
            if isinstance(error, EndedAtStart):
                raise _not_started(error, files) from None
            raise
        return state


@dataclass(frozen=True)
class Stopped:
    """A dispatcher that ran."""

    pid: int
    killed: bool
    """Whether it had to be, since it did not end of its own."""


def stop(files: DaemonFiles, *, patience: float = STOP_SECONDS) -> Stopped | None:
    """Stop the dispatcher and wait for its end; its drivers run on. None if none runs.

    After `patience` seconds it is killed. Raises DaemonError if it cannot be stopped.
    """
    try:
        lock = os.open(files.pid_file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DaemonError(
            f"{files.pid_file} cannot be opened: {error.strerror}", hint="Stop it as the user who started it."
        ) from error
    with contextlib.closing(os.fdopen(lock, "r+b")):
        if _try_lock(lock):
            pid = _pid_in(files.pid_file)
            if pid is not None and _is_sparks_own(pid):
                raise _foreign(pid)
            _remove(lock, files.pid_file)
            return None
        # Only while somebody else holds the lock is the process in the file the one that it says.
        pid = _pid_in(files.pid_file)
        if pid is None:
            raise DaemonError("The dispatcher is just starting or stopping", hint="Try again.")
        killed = _end(pid, patience)
        deadline = time.monotonic() + patience
        while not (free := _try_lock(lock)) and time.monotonic() < deadline:
            if _pid_in(files.pid_file) != pid:
                break  # another one was started at once, and has the file now
            time.sleep(_POLL_SECONDS)
        if free:
            _remove(lock, files.pid_file)
        return Stopped(pid, killed)


@contextlib.contextmanager
def locked(files: DaemonFiles) -> Iterator[int]:
    """The descriptor that holds the lock on the pid file, which is there and empty."""
    while True:
        try:
            lock = os.open(files.pid_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UsageError(
                f"{files.pid_file} cannot be written: {error.strerror}",
                hint="Set SPARK_PID_DIR to a folder of yours.",
            ) from error
        with contextlib.closing(os.fdopen(lock, "r+b")):
            pid = _pid_in(files.pid_file)
            if not _try_lock(lock):
                raise DaemonError(
                    f"Dispatcher {files.instance} runs already" + (f" as process {pid}" if pid else ""),
                    hint="Stop it first (sparkmesos stop-dispatcher), or give this one another --instance.",
                )
            if not _is_at(lock, files.pid_file):
                continue  # it was removed meanwhile, by whoever stopped the one before
            if pid is not None and _is_sparks_own(pid):
                raise _foreign(pid)
            os.ftruncate(lock, 0)
            yield lock
            return


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(lock: int, path: Path) -> None:
    """Remove the pid file that we hold the lock on, and not one that somebody has made in its place."""
    if _is_at(lock, path):
        path.unlink(missing_ok=True)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _pid_in(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,9}", text) else None


def _is_sparks_own(pid: int) -> bool:
    """Whether it is the dispatcher of Spark, whose pid file has the same name."""
    try:
        return _CLASS in psutil.Process(pid).cmdline()
    except (psutil.Error, OSError):
        return False


def _foreign(pid: int) -> DaemonError:
    return DaemonError(
        f"Spark's own dispatcher runs as process {pid}, and has the same pid file",
        hint="Stop it with its own sbin/stop-mesos-dispatcher.sh, or choose another --instance.",
    )


def _end(pid: int, patience: float) -> bool:
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
            f"The dispatcher (process {pid}) belongs to another user", hint="Stop it as that user."
        ) from error
    return True


def rotate(files: DaemonFiles) -> None:
    """Older logs move on by one, as in `spark_rotate_log`."""
    for number in range(files.kept_logs, 1, -1):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{files.log}.{number - 1}").replace(f"{files.log}.{number}")
    with contextlib.suppress(FileNotFoundError):
        files.log.replace(f"{files.log}.1")


def _not_started(ended: EndedAtStart, files: DaemonFiles) -> SparkMesosError:
    lines = tail(files.log, _LOG_LINES)
    log = f"Its log is {files.log}" + (f". It ends with:\n{lines}" if lines else "")
    if ended.error is None:
        return DaemonError(f"The dispatcher ended while it started (exit status {ended.status})", hint=log)
    error = ended.error
    raised = (UnreachableError if error.exit_code == UnreachableError.exit_code else DaemonError)(
        error.message, hint="\n".join(part for part in (error.hint, log) if part)
    )
    raised.exit_code = error.exit_code
    return raised


def _number(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name, "").strip()
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{name}={text} is not a whole number", hint="Correct it, or unset it.") from None
