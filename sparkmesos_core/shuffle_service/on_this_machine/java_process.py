"""The JVM of a shuffle service, from its start to the moment when it answers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from sparkmesos_core.background_process import renice
from sparkmesos_core.conf.process_limits import NO_LIMITS
from sparkmesos_core.errors import DaemonError, TimedOutError, UsageError
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.shuffle_service.on_this_machine.listeners import listening_ports, require_free
from sparkmesos_core.shuffle_service.on_this_machine.run_folder import RunFolder
from sparkmesos_core.shuffle_service.on_this_machine.settings import ServiceSettings
from sparkmesos_core.spark.shuffle_service import ServiceKind, ask_shuffle_service

_POLL_SECONDS = 0.05
_ANSWER_SECONDS = 5.0
_LOG_LINES = 10
_LONGEST_LOG = 1024 * 1024
_REASONS = (("Caused by: ", True), ('Exception in thread "main" ', False))
"""How lines begin by which a JVM says why it ends, and whether the last of them says it best."""
_NO_JVM = "Error occurred during initialization of VM"
_COMPLAINTS = ("Unrecognized ", "Invalid ", "Error: ")
"""How lines begin in which it refuses its options."""


def start_java(
    settings: ServiceSettings,
    folder: RunFolder,
    *,
    output: IO[bytes] | int,
    keep_open: Sequence[int] = (),
    own_session: bool,
    niceness: int,
    prepare: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start the service with the configuration in `folder`, whose lock it gets, too.

    `output` is what it writes to, and `keep_open` are descriptors that it has open besides. `prepare` is
    called in its process before all. Its current folder is ours, as with spark-daemon.sh: the configuration
    may name files by it. The process becomes java: spark-class ends in an `exec`.

    Raises UsageError for limits that the system refuses, DaemonError if it cannot be started, and
    SparkMesosError for a niceness that this user may not give.
    """

    def prepare_all() -> None:
        settings.limits.apply()
        if prepare is not None:
            prepare()

    # Forking is dearer, and not good for programs with threads.
    needs_preparation = prepare is not None or settings.limits != NO_LIMITS
    try:
        process = subprocess.Popen(
            settings.command,
            env={**settings.variables, "SPARK_CONF_DIR": str(folder.conf)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=own_session,
            pass_fds=(folder.lock, *keep_open),
            preexec_fn=prepare_all if needs_preparation else None,
        )
    except subprocess.SubprocessError as error:
        raise UsageError(
            "The limits that spark-env.sh sets with `ulimit` cannot be set",
            hint="Correct them there; `ulimit -a` shows what is allowed.",
        ) from error
    except OSError as error:
        raise DaemonError(
            f"{settings.spark_class} cannot be started: {error.strerror}",
            hint="Check the installation of Spark, and that there is a bash.",
        ) from error
    try:
        if niceness:
            renice(process.pid, niceness)
    except BaseException:
        end_java(process)
        raise
    return process


def await_answer(
    process: subprocess.Popen[bytes], settings: ServiceSettings, *, log: Path | None, patience: float | None
) -> int | None:
    """Wait until that process itself answers as a shuffle service; the port. None if it ended at a signal.

    Authentication has to be what the configuration says. `log` is named in messages, with its last lines.
    Raises DaemonError if it ends before, or something else is wrong, and TimedOutError if it takes longer
    than `patience` seconds; without, there is no limit.
    """
    deadline = None if patience is None else time.monotonic() + patience
    while (status := process.poll()) is None:
        for port in listening_ports(process.pid):
            if settings.port in (0, port) and answers(port, settings.authenticates):
                return port
        if deadline is not None and time.monotonic() > deadline:
            raise TimedOutError(f"The shuffle service does not answer after {patience:g} s", hint=_about(log))
        time.sleep(_POLL_SECONDS)
    if ended_as_asked(status):
        return None
    text = _end_of(log)
    if "java.net.BindException: Address already in use" in text:
        require_free(settings.port)  # somebody took it while the JVM started, or it was another port
    reason = reason_in(text)
    raise DaemonError(
        f"The shuffle service ended while it started (exit status {status})"
        + (f": {reason}" if reason else ""),
        hint=_about(log),
    )


def ended_as_asked(status: int) -> bool:
    """Whether an exit status is that of a JVM which was sent SIGHUP, SIGINT or SIGTERM."""
    return status in (129, 130, 143, -1, -2, -15)


def how_it_ended(status: int) -> str:
    """An exit status in words, as `Popen.returncode` has it."""
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"


def end_java(process: subprocess.Popen[bytes]) -> None:
    """Kill it, and wait for its end: it has nothing to lose yet.

    While it is spark-class still, it may have a JVM at work that builds the command line of the other one.
    """
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def reason_in(log: str) -> str:
    """Why a JVM, or Spark's launcher, ended, as its log says; empty if it does not.

    Of an exception it is the cause that all others come from.
    """
    lines = [line.strip() for line in log.splitlines()]
    for beginning, last in _REASONS:
        found = [line.removeprefix(beginning) for line in lines if line.startswith(beginning)]
        if found:
            return redact_text(found[-1 if last else 0])
    if _NO_JVM in lines[:-1]:
        return redact_text(lines[lines.index(_NO_JVM) + 1])
    return next((redact_text(line) for line in lines if line.startswith(_COMPLAINTS)), "")


def answers(port: int, authenticates: bool) -> bool:
    """Whether a shuffle service of Spark answers there, and authenticates just if it is said to."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    try:
        kind = ask_shuffle_service("127.0.0.1", port, deadline, authenticates=authenticates)
    except OSError:
        return False
    return kind is (ServiceKind.AUTHENTICATING if authenticates else ServiceKind.SPARK)


def _end_of(log: Path | None) -> str:
    if log is None:
        return ""
    try:
        with log.open("rb") as file:
            file.seek(max(file.seek(0, 2) - _LONGEST_LOG, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _about(log: Path | None) -> str:
    if log is None:
        return "What it said about that stands above."
    lines = "\n".join(redact_text(line) for line in _end_of(log).splitlines()[-_LOG_LINES:])
    return f"Its log is {log}" + (f". It ends with:\n{lines}" if lines else "")
