"""A shuffle service that goes with this process: for Marathon, systemd and containers."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from sparkmesos_core.daemon_files import STOP_SECONDS, DaemonFiles
from sparkmesos_core.daemon_start import number_in_foreground
from sparkmesos_core.errors import DaemonError
from sparkmesos_core.shuffle_service.on_this_machine.cleaner_watch import CleanerWatch
from sparkmesos_core.shuffle_service.on_this_machine.java_process import (
    await_answer,
    end_java,
    ended_as_asked,
    how_it_ended,
    start_java,
)
from sparkmesos_core.shuffle_service.on_this_machine.listeners import require_free
from sparkmesos_core.shuffle_service.on_this_machine.run_folder import (
    RunFolder,
    ServiceNote,
    make_run_folder,
    remove_abandoned,
)
from sparkmesos_core.shuffle_service.on_this_machine.settings import ServiceSettings

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1
"""prctl(2)."""


def serve(
    settings: ServiceSettings,
    files: DaemonFiles,
    folder: Path,
    on_ready: Callable[[ServiceNote], None],
    warn: Callable[[str], None],
) -> None:
    """Run a shuffle service until SIGTERM, SIGINT or SIGHUP, or its end. To be called in the main thread.

    Its log is stderr; of `files` only the number is its own. What it needs for itself is in `folder` for as
    long as it runs. `on_ready` is called when it answers; one whose cleaner died is replaced before, see
    `CleanerWatch`, which has `warn` told. Raises DaemonError if one of this number runs, the port is taken or
    it ends of itself, and UsageError.
    """
    with number_in_foreground(files):
        _serve(settings, folder, on_ready, warn, files.niceness)


def _serve(
    settings: ServiceSettings,
    folder: Path,
    on_ready: Callable[[ServiceNote], None],
    warn: Callable[[str], None],
    niceness: int,
) -> None:
    remove_abandoned(folder)
    require_free(settings.port)
    private: RunFolder | None = None
    process: subprocess.Popen[bytes] | None = None
    asked = False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        if process is not None:
            process.terminate()
            signal.setitimer(signal.ITIMER_REAL, STOP_SECONDS)

    def kill(_number: int, _frame: FrameType | None) -> None:
        if process is not None:
            process.kill()

    before = {signal.SIGALRM: signal.signal(signal.SIGALRM, kill)}
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            before[number] = signal.signal(number, end)
    try:
        private = make_run_folder(folder)
        private.write_configuration(settings.properties_text(), settings.conf_dir)
        sys.stderr.flush()
        watch = CleanerWatch(warn, settings)
        while True:
            process = start_java(
                settings,
                private,
                output=2,
                own_session=False,
                niceness=niceness,
                prepare=_ends_with(os.getpid()),
            )
            if asked:  # before there was something to end
                process.terminate()
            port = await_answer(process, settings, log=None, patience=None)
            if port is None or not watch.starts_again(process.pid) or asked:
                break
            end_java(process)
        if port is not None:
            note = ServiceNote(settings.host, port, process.pid, settings.authenticates, None)
            private.write_note(note)
            on_ready(note)
        status = process.wait()
        if not asked and not ended_as_asked(status):
            raise DaemonError(
                f"The shuffle service has ended ({how_it_ended(status)})",
                hint="What it said about that stands above.",
            )
    finally:
        if process is not None and process.returncode is None:
            end_java(process)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
        if private is not None:
            private.remove()


def _ends_with(parent: int) -> Callable[[], None] | None:
    """What makes a child end when this process is killed, which could not end it then; None but on Linux."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was killed just now
            os.kill(os.getpid(), signal.SIGTERM)

    return ask
