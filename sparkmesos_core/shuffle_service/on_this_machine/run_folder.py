"""The folder that a shuffle service has for itself while it runs: its configuration, and a note on itself.

The service has it locked, with a descriptor that it inherits. So a folder that nobody has locked was left
behind by one that was killed, and whoever comes next removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sparkmesos_core.daemon_start import refusal
from sparkmesos_core.errors import UsageError
from sparkmesos_core.master import HostPort

_PREFIX = "run-"
_NOTE = "service.json"
_CONF = "conf"
_PROPERTIES = "spark-defaults.conf"
_NOT_LINKED = frozenset({_PROPERTIES, "spark-env.sh"})
"""The one is written anew, the other has been sourced already."""


@dataclass(frozen=True)
class ServiceNote:
    """A shuffle service that is ready."""

    host: str
    port: int
    pid: int
    """The JVM's."""
    authenticates: bool
    log: str | None
    """None if it runs in the foreground."""

    @property
    def address(self) -> str:
        """HOST:PORT, with brackets where the host is an IPv6 address."""
        return str(HostPort(self.host, self.port))


class RunFolder:
    """The folder of one service, which is there and locked."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock
        """The descriptor that the service has to inherit."""

    @property
    def conf(self) -> Path:
        """What it gets as SPARK_CONF_DIR."""
        return self.path / _CONF

    def write_configuration(self, properties: str, conf_dir: Path | None) -> None:
        """Make its configuration: spark-defaults.conf, and links to all else that `conf_dir` holds.

        Logging and metrics are configured by files that are found there. Raises UsageError if it cannot be
        read, and what `refusal` makes if ours cannot be written.
        """
        with _explained(self.path):
            self.conf.mkdir(mode=0o700)
            _write_private(self.conf / _PROPERTIES, properties)
        try:
            files = list(conf_dir.iterdir()) if conf_dir is not None and conf_dir.is_dir() else []
        except OSError as error:
            raise UsageError(
                f"The configuration folder {conf_dir} cannot be read: {error.strerror}",
                hint="Set SPARK_CONF_DIR to one that can.",
            ) from error
        with _explained(self.path):
            for file in files:
                if file.name not in _NOT_LINKED:
                    (self.conf / file.name).symlink_to(file)

    def write_note(self, note: ServiceNote) -> None:
        """Say what runs here. Raises what `refusal` makes if that cannot be."""
        draft = self.path / f"{_NOTE}.new"
        with _explained(self.path):
            _write_private(draft, json.dumps(asdict(note)))
            draft.replace(self.path / _NOTE)

    def release(self) -> None:
        """Leave it to the service, which goes on."""
        os.close(self.lock)

    def remove(self) -> None:
        """Remove it, with all that is in it, before anybody else could take it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def make_run_folder(parent: Path) -> RunFolder:
    """Make one in `parent`, which is made if need be. Raises what `refusal` makes."""
    with _explained(parent):
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            lock = _lock(path)
            if lock is not None:
                return RunFolder(path, lock)


def remove_abandoned(parent: Path) -> None:
    """Remove the folders in `parent` whose services are gone."""
    for path in parent.glob(f"{_PREFIX}*"):
        if (lock := _lock(path)) is not None:
            RunFolder(path, lock).remove()


def running_here(parent: Path) -> Iterator[ServiceNote]:
    """The services that run and have their folder in `parent`, started in whichever way."""
    for path in sorted(parent.glob(f"{_PREFIX}*")):
        # Shared: of several that look, none takes another for a service.
        if (lock := _lock(path, fcntl.LOCK_SH)) is not None:
            os.close(lock)
            continue
        with contextlib.suppress(OSError, ValueError, TypeError):  # one that is just starting or ending
            yield ServiceNote(**json.loads((path / _NOTE).read_text(encoding="utf-8")))


def _lock(path: Path, kind: int = fcntl.LOCK_EX) -> int | None:
    """A descriptor that holds the lock on a folder; None if somebody else has it, or it is gone."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except OSError:
        pass  # locked by its service, or removed meanwhile
    os.close(lock)
    return None


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refusal(f"The folder {folder} cannot be used", error, "SPARKMESOS_STATE_DIR") from error


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
