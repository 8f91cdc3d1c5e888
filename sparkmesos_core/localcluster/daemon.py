"""The embedded cluster as a process of its own: start it, find it, stop it.

A cluster owns its work dir. Whoever holds the lock on the file `lock` in it runs a cluster there; the file
`cluster.json` says which process that is and how to reach it. The agents' work dirs are in `agents`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from ..errors import LocalClusterError
from .process_end import has_ended, wait_for_end

STATE_FILE = "cluster.json"
LOG_FILE = "cluster.log"
AGENTS_FOLDER = "agents"
_OURS = (STATE_FILE, LOG_FILE, AGENTS_FOLDER)
_LOCK_FILE = "lock"
_STOP_TIMEOUT = 20.0
_STATE_VERSION = 1


@dataclass(frozen=True)
class DaemonSettings:
    """What a cluster process is told; everything in it is plain JSON."""

    work_dir: str
    agents: tuple[Mapping[str, Any], ...]
    """The fields of each agent's AgentSpec."""
    executor_environment: Mapping[str, str]
    port: int = 0
    watched_pid: int | None = None
    """The cluster ends when this process does."""
    remove_work_dir: bool = False
    """Whether the work dir goes when the cluster does."""

    def to_json(self) -> str:
        """The settings as text for the cluster's process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DaemonSettings:
        """The settings from the text that `to_json` made."""
        fields = json.loads(text)
        return cls(**{**fields, "agents": tuple(fields["agents"])})


@dataclass(frozen=True)
class ClusterState:
    """A running cluster as its state file describes it."""

    work_dir: Path
    pid: int
    process_started: float
    """When the process started, in seconds since the epoch: tells it from a later one with the same pid."""
    url: str
    """The master's URL for Spark: `mesos://127.0.0.1:5050`."""
    http_url: str
    agents: tuple[str, ...]
    """The agents' HTTP URLs."""

    def process(self) -> psutil.Process | None:
        """The cluster's process, None if it has ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.process_started) < 0.01
            return process if same and not has_ended(self.pid) else None
        except psutil.NoSuchProcess:
            return None

    def write(self) -> None:
        """Writes the state file, whole or not at all."""
        fields = {"version": _STATE_VERSION, **asdict(self), "work_dir": str(self.work_dir)}
        temporary = self.work_dir / f"{STATE_FILE}.new"
        temporary.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
        temporary.replace(self.work_dir / STATE_FILE)

    @classmethod
    def read(cls, work_dir: Path) -> ClusterState | None:
        """The state that a cluster left in this folder, None if there is none.

        Raises LocalClusterError if the file is there but is not one of ours.
        """
        path = work_dir / STATE_FILE
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields.pop("version") != _STATE_VERSION:
                raise ValueError("unknown version")
            return cls(**{**fields, "work_dir": work_dir, "agents": tuple(fields["agents"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LocalClusterError(
                f"{path} is not the state file of a local cluster: {error}", hint="Name another --work-dir."
            ) from error


def start(settings: DaemonSettings) -> ClusterState:
    """Starts a cluster in the background and returns when the master answers and all agents are registered.

    The new process has a session of its own and keeps none of the caller's streams open. Raises
    LocalClusterError if the work dir or the port is in use or cannot be used; nothing is left running then.
    """
    work_dir = Path(settings.work_dir)
    with owned(work_dir) as lock:
        ready_read, ready_write = os.pipe()
        with os.fdopen(ready_read, "rb") as ready, (work_dir / LOG_FILE).open("wb") as log:
            try:
                process = subprocess.Popen(
                    [sys.executable, "-m", __package__, str(ready_write)],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    # The child inherits the lock, which lasts as long as either of us has it open.
                    pass_fds=(ready_write, lock),
                )
            finally:
                os.close(ready_write)
            try:
                assert process.stdin is not None
                with contextlib.suppress(BrokenPipeError), process.stdin:
                    process.stdin.write(settings.to_json().encode())
                answer = ready.read()
            except BaseException:
                # Interrupted while waiting: nothing half-started stays behind.
                process.terminate()
                process.wait()
                raise
        return _started(answer, process, work_dir)


def _started(answer: bytes, process: subprocess.Popen[bytes], work_dir: Path) -> ClusterState:
    """The state of the cluster that has just said `answer` on its ready pipe."""
    if answer:
        error = json.loads(answer).get("error")
        if error is None:
            state = ClusterState.read(work_dir)
            assert state is not None
            # Popen would complain about a child that nobody waits for: this one is meant to outlive us.
            process.returncode = 0
            return state
        process.wait()
        raise LocalClusterError(error["message"], hint=error["hint"])
    status = process.wait()
    raise LocalClusterError(
        f"The local cluster ended while it started (exit status {status})",
        hint=f"Its log is {work_dir / LOG_FILE}. It ends with:\n{_tail(work_dir / LOG_FILE)}",
    )


def stop(work_dir: Path) -> ClusterState | None:
    """Stops the cluster in this folder with all its tasks and waits for that.

    Returns its state, or None if it had ended by itself (then tasks that it left behind are ended). Raises
    LocalClusterError if no cluster was ever started there or it cannot be stopped.
    """
    state = ClusterState.read(work_dir)
    if state is None:
        raise LocalClusterError(
            f"No local cluster runs in {work_dir}",
            hint="Start one (`sparkmesos start-local-cluster`), or name the --work-dir it was started with.",
        )
    process = state.process()
    if process is not None:
        try:
            process.terminate()
            if not wait_for_end(process.pid, _STOP_TIMEOUT):
                process.kill()
                wait_for_end(process.pid, _STOP_TIMEOUT)
        except psutil.AccessDenied as error:
            raise LocalClusterError(
                f"The local cluster in {work_dir} (process {state.pid}) belongs to another user",
                hint="Stop it as that user.",
            ) from error
    end_orphans(work_dir)
    (work_dir / STATE_FILE).unlink(missing_ok=True)
    return None if process is None else state


@contextlib.contextmanager
def owned(work_dir: Path) -> Iterator[int]:
    """Owns the work dir while the context lasts, yielding the descriptor that holds the lock.

    What an earlier cluster left in it (tasks of a cluster that was killed, its sandboxes) is cleared first.
    Raises LocalClusterError if a cluster runs there, or the folder cannot be used.
    """
    used_before = (work_dir / _LOCK_FILE).exists()
    foreign = [] if used_before else [name for name in _OURS if (work_dir / name).exists()]
    if foreign:
        raise LocalClusterError(
            f"{work_dir} has a {foreign[0]} that is not a local cluster's", hint="Name another --work-dir."
        )
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(work_dir / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LocalClusterError(
            f"The work dir {work_dir} cannot be used: {error.strerror}",
            hint="Name another one with --work-dir.",
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            state = ClusterState.read(work_dir)
            running = f": {state.url} (process {state.pid})" if state else ""
            raise LocalClusterError(
                f"A local cluster runs already in {work_dir}{running}",
                hint="Use that one, stop it (`sparkmesos stop-local-cluster`), or name another --work-dir.",
            ) from error
        if used_before:
            _clear(work_dir)
        yield lock
    finally:
        os.close(lock)


def _clear(work_dir: Path) -> None:
    """Removes what an earlier cluster left behind, and nothing else: the folder may be the user's own."""
    if ClusterState.read(work_dir) is not None:
        end_orphans(work_dir)
        (work_dir / STATE_FILE).unlink()
    shutil.rmtree(work_dir / AGENTS_FOLDER, ignore_errors=True)


def end_orphans(work_dir: Path) -> int:
    """Kills tasks that a killed cluster left, known by the sandbox in their environment; returns how many."""
    below = str(work_dir) + os.sep
    orphans = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("MESOS_SANDBOX", "").startswith(below):
                process.kill()
                orphans.append(process)
    for orphan in orphans:
        wait_for_end(orphan.pid, _STOP_TIMEOUT)
    return len(orphans)


def _tail(path: Path, lines: int = 10) -> str:
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
