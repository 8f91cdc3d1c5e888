"""A shuffle service in the background of this machine: start it, stop it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from sparkmesos_core import daemon_files
from sparkmesos_core.daemon_files import DaemonFiles, DaemonKind, Stopped
from sparkmesos_core.daemon_start import made_folders, new_log, write_pid
from sparkmesos_core.directories import state_directory
from sparkmesos_core.errors import DaemonError
from sparkmesos_core.held_signals import held_signals
from sparkmesos_core.shuffle_service.on_this_machine.cleaner_watch import CleanerWatch
from sparkmesos_core.shuffle_service.on_this_machine.java_process import await_answer, end_java, start_java
from sparkmesos_core.shuffle_service.on_this_machine.listeners import require_free
from sparkmesos_core.shuffle_service.on_this_machine.run_folder import (
    ServiceNote,
    make_run_folder,
    remove_abandoned,
)
from sparkmesos_core.shuffle_service.on_this_machine.settings import CLASS, ServiceSettings

SHUFFLE_SERVICE = DaemonKind(
    title="shuffle service",
    spark_class=CLASS,
    stop_command="sparkmesos stop-shuffle-service",
    sparks_stop_script="sbin/stop-mesos-shuffle-service.sh",
)
START_SECONDS = 60.0
"""After which one that does not answer is given up. A JVM takes a second or two."""


def instance_directory(environment: Mapping[str, str], instance: int) -> Path:
    """The folder of this machine's service with this number; not created here.

    Raises UsageError for a user without a home folder.
    """
    return state_directory(environment) / f"shuffle-service-{instance}"


def files_here(instance: int, variables: Mapping[str, str], folder: Path) -> DaemonFiles:
    """The files of a service in the background, as `daemon_files.files_of` has them."""
    return daemon_files.files_of(SHUFFLE_SERVICE, instance, variables, folder)


def start(
    settings: ServiceSettings,
    files: DaemonFiles,
    folder: Path,
    warn: Callable[[str], None],
    *,
    patience: float = START_SECONDS,
) -> ServiceNote:
    """Start one, and return when it answers. What it needs for itself is in `folder` for as long as it runs.

    One whose cleaner died is replaced, see `CleanerWatch`, which has `warn` told.
    Raises DaemonError if one of this number runs, the port is taken, or it ends at once, TimedOutError if it
    does not answer after `patience` seconds, and UsageError. Nothing is left behind then but its log.
    """
    with made_folders(files), daemon_files.locked(files) as locks:
        private = None
        process = None
        try:
            remove_abandoned(folder)
            require_free(settings.port)
            private = make_run_folder(folder)
            private.write_configuration(settings.properties_text(), settings.conf_dir)
            watch = CleanerWatch(warn, settings)
            with new_log(files) as output:
                while True:
                    with held_signals():
                        process = start_java(
                            settings,
                            private,
                            output=output,
                            # They last as long as java has them open.
                            keep_open=tuple(locks.values()),
                            own_session=True,
                            niceness=files.niceness,
                        )
                    write_pid(files.pid_file, process.pid)
                    port = await_answer(process, settings, log=files.log, patience=patience)
                    if port is None or not watch.starts_again(process.pid):
                        break
                    end_java(process)
            if port is None:
                raise DaemonError("The shuffle service was stopped while it started")
            note = ServiceNote(settings.host, port, process.pid, settings.authenticates, str(files.log))
            private.write_note(note)
        except BaseException:
            with held_signals():  # who is impatient presses Ctrl-C again
                if process is not None:
                    end_java(process)
                files.pid_file.unlink(missing_ok=True)
                if private is not None:
                    private.remove()
                with contextlib.suppress(OSError):
                    folder.rmdir()  # if it holds nothing else
            raise
        private.release()
        # Popen would complain about a child that nobody waits for: this one is meant to outlive us.
        process.returncode = 0
        return note


def stop(files: DaemonFiles, folder: Path) -> Stopped | None:
    """Stop it and wait for its end, as `daemon_files.stop` does; nothing of its own is left in `folder`."""
    try:
        return daemon_files.stop(files)
    finally:
        with contextlib.suppress(OSError):
            remove_abandoned(folder)
