"""Whether a shuffle service runs on this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparkmesos_core import daemon_files
from sparkmesos_core.daemon_files import DaemonFiles
from sparkmesos_core.shuffle_service.on_this_machine.java_process import answers
from sparkmesos_core.shuffle_service.on_this_machine.run_folder import ServiceNote, running_here


@dataclass(frozen=True)
class ServiceStatus:
    """What is known of a service by its number."""

    running: bool
    pid: int | None = None
    host: str | None = None
    port: int | None = None
    address: str | None = None
    """HOST:PORT. None, as the two, if it has not said yet where it listens, or in a place not known here."""
    answers: bool = False
    """Whether it answers at that port, with the authentication it was started with."""
    authenticates: bool | None = None
    log: str | None = None
    """None in the foreground, where its log is what it prints."""
    pid_file: str | None = None
    """None in the foreground."""

    def to_json(self) -> dict[str, Any]:
        """All of it, for `--output json`."""
        return asdict(self)


def status_here(files: DaemonFiles, folder: Path) -> ServiceStatus:
    """What is known of the service whose files these are, or else of one of its number in the foreground.

    Raises DaemonError if the pid file cannot be opened.
    """
    pid = daemon_files.running(files)
    notes = {note.pid: note for note in running_here(folder)}
    log = str(files.log) if files.log.exists() else None
    if pid is None:
        return next((_status(note, None) for note in notes.values()), ServiceStatus(running=False, log=log))
    if pid in notes:
        return _status(notes[pid], files.pid_file)
    # It is just starting, or its folder is another one.
    return ServiceStatus(running=True, pid=pid, log=log, pid_file=str(files.pid_file))


def _status(note: ServiceNote, pid_file: Path | None) -> ServiceStatus:
    return ServiceStatus(
        running=True,
        pid=note.pid,
        host=note.host,
        port=note.port,
        address=note.address,
        answers=answers(note.port, note.authenticates),
        authenticates=note.authenticates,
        log=note.log,
        pid_file=None if pid_file is None else str(pid_file),
    )
