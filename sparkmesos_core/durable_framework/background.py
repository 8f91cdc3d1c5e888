"""The process of a durable framework in the background: how it is started, and its body."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sparkmesos_core import background_process
from sparkmesos_core.background_process import EndedAtStart, StartReport, read_settings, tail
from sparkmesos_core.daemon_files import DaemonFiles, locked
from sparkmesos_core.daemon_start import made_folders, new_log, write_pid
from sparkmesos_core.errors import DaemonError, SparkMesosError, UnreachableError
from sparkmesos_core.lock_files import remove

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LOG_LINES = 10

OnReady = Callable[[Mapping[str, Any]], None]
Serve = Callable[[str, OnReady, float | None], None]
"""Runs until a signal. Gets what was handed over, what to call when it is ready, seconds to wait for that."""


def start(
    module: str,
    settings: str,
    files: DaemonFiles,
    *,
    subscribe_timeout: float | None,
    environment: Mapping[str, str],
) -> dict[str, Any]:
    """Start `python -m MODULE`, whose body is `run`, in the background; what it says when it is ready.

    `settings` is text for it alone. Raises DaemonError if one of this number runs, or it does not come to be
    ready, and what its body raises, with the end of its log; nothing is left running then.
    """
    with made_folders(files), locked(files) as locks:
        new_log(files).close()
        handed_over = {
            "settings": settings,
            "pid_file": str(files.pid_file),
            "locks": [[lock, str(path)] for path, lock in locks.items()],
            "subscribe_timeout": subscribe_timeout,
        }
        try:
            _pid, state = background_process.start(
                module,
                json.dumps(handed_over),
                log=files.log,
                folder=files.log.parent,
                # They last as long as one of us has them open.
                keep_open=tuple(locks.values()),
                environment=environment,
                niceness=files.niceness,
            )
        except BaseException as error:
            files.pid_file.unlink(missing_ok=True)
            if isinstance(error, EndedAtStart):
                raise _not_started(error, files) from None
            raise
        return state


def run(serve: Serve) -> int:
    """The body of such a process: runs with what it was handed on stdin; the exit code."""
    configure_logging()
    handed_over = json.loads(read_settings())
    report = StartReport(int(sys.argv[1]))
    try:
        # It is locked already: the descriptor was inherited.
        write_pid(Path(handed_over["pid_file"]), os.getpid())
        serve(handed_over["settings"], report.ready, handed_over["subscribe_timeout"])
    except SparkMesosError as error:
        logging.getLogger(__name__).error("%s", error.message)
        if not report.made:
            report.failed(error)
        return int(error.exit_code)
    finally:
        # Last of all: the next one may start from now on.
        for lock, path in handed_over["locks"]:
            remove(lock, Path(path))
    return 0


def configure_logging(level: int = logging.INFO) -> None:
    """Log to stderr, with times; the libraries' chatter is left out."""
    logging.basicConfig(level=level, stream=sys.stderr, format=LOG_FORMAT)
    logging.getLogger("kazoo").setLevel(logging.WARNING)


def _not_started(ended: EndedAtStart, files: DaemonFiles) -> SparkMesosError:
    lines = tail(files.log, _LOG_LINES)
    log = f"Its log is {files.log}" + (f". It ends with:\n{lines}" if lines else "")
    if ended.error is None:
        message = f"The {files.kind.title} ended while it started (exit status {ended.status})"
        return DaemonError(message, hint=log)
    error = ended.error
    raised = (UnreachableError if error.exit_code == UnreachableError.exit_code else DaemonError)(
        error.message, hint="\n".join(part for part in (error.hint, log) if part)
    )
    raised.exit_code = error.exit_code
    return raised
