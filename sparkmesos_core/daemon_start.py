"""What a daemon finds when it is started: whether it is to stay in the foreground, its folders, a new log."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from sparkmesos_core import lock_files
from sparkmesos_core.daemon_files import DaemonFiles, number
from sparkmesos_core.daemon_number import Holder
from sparkmesos_core.errors import DaemonError, SparkMesosError, UsageError
from sparkmesos_core.missing_folders import make_missing


def stays_in_foreground(variables: Mapping[str, str]) -> bool:
    """Whether SPARK_NO_DAEMONIZE is set, be it to nothing, as `spark-daemon.sh` has it."""
    return "SPARK_NO_DAEMONIZE" in variables


@contextlib.contextmanager
def made_folders(files: DaemonFiles) -> Iterator[None]:
    """The folders of the files are there: those that were missing are made.

    If the block fails, those of them that are empty go again. Raises what `refusal` makes if there cannot be
    such folders.
    """
    with contextlib.ExitStack() as undo:
        for folder in (files.log.parent, files.pid_file.parent, files.number_file.parent):
            try:
                make_missing(folder, undo, mode=0o700)
                folder.mkdir(exist_ok=True)  # raises what is wrong with one that is no folder
            except OSError as error:
                variables = "SPARKMESOS_STATE_DIR, or SPARK_LOG_DIR and SPARK_PID_DIR,"
                raise refusal(f"The folder {folder} cannot be used", error, variables) from error
        yield
        undo.pop_all()


@contextlib.contextmanager
def number_in_foreground(files: DaemonFiles) -> Iterator[None]:
    """This process has the number of a daemon that goes with it.

    Nothing of that is left in the end. Raises DaemonError if another daemon has it, and what `refusal` makes
    if there cannot be such a folder.
    """
    folder = files.number_file.parent
    with contextlib.ExitStack() as undo:
        try:
            make_missing(folder, undo, mode=0o700)
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise refusal(f"The folder {folder} cannot be used", error, "SPARKMESOS_STATE_DIR") from error
        with number(files, Holder(None, None, os.getpid())) as lock:
            try:
                yield
            finally:
                lock_files.remove(lock, files.number_file)


def new_log(files: DaemonFiles) -> IO[bytes]:
    """The log, new, and open for writing at its end. Older ones move on by one, as in `spark_rotate_log`.

    Raises what `refusal` makes if it cannot be written.
    """
    try:
        for number in range(files.kept_logs, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{files.log}.{number - 1}").replace(f"{files.log}.{number}")
        with contextlib.suppress(FileNotFoundError):
            files.log.replace(f"{files.log}.1")
        return files.log.open("ab")
    except OSError as error:
        raise refusal(f"{files.log} cannot be written", error, "SPARK_LOG_DIR") from error


def write_pid(pid_file: Path, pid: int) -> None:
    """Say in a locked pid file who the daemon is. Raises what `refusal` makes if that cannot be."""
    try:
        pid_file.write_text(f"{pid}\n", encoding="ascii")
    except OSError as error:
        raise refusal(f"{pid_file} cannot be written", error, "SPARK_PID_DIR") from error


def refusal(what: str, error: OSError, variables: str) -> SparkMesosError:
    """What to tell of a folder or a file of a daemon that the system refuses; `variables` say where it is.

    A UsageError, but a DaemonError where there is no room: that is nobody's mistake.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DaemonError(
            f"{what}: {error.strerror}", hint=f"Make room there, or set {variables} to another place."
        )
    reason = "it is no folder" if error.errno == errno.EEXIST else error.strerror
    return UsageError(f"{what}: {reason}", hint=f"Set {variables} to a place of yours.")
