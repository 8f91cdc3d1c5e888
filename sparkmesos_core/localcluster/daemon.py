"""The embedded cluster as a process of its own: start it, find it, stop it.

A cluster owns its work dir. Whoever holds the lock on the file `lock` in it runs a cluster there; the file
`cluster.json` says which process that is and how to reach it. The agents' work dirs are in `agents`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sparkmesos_core import background_process
from sparkmesos_core.background_process import EndedAtStart, tail
from sparkmesos_core.errors import ExitCode, LocalClusterError, SparkMesosError, UnreachableError
from sparkmesos_core.localcluster.agent.orphans import end_orphans
from sparkmesos_core.process_end import has_ended, wait_for_end

STATE_FILE = "cluster.json"
LOG_FILE = "cluster.log"
LAST_LOG_FILE = "cluster.log.1"
AGENTS_FOLDER = "agents"
_OURS = (STATE_FILE, LOG_FILE, AGENTS_FOLDER)
_LOCK_FILE = "lock"
_STOP_TIMEOUT = 20.0
_POLL_SECONDS = 0.05
_STATE_VERSION = 1
_STATE_TYPES = {"work_dir": str, "pid": int, "url": str, "http_url": str, "agents": list}


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
    masters: int = 1
    zookeeper: str | None = field(default=None, repr=False)
    """As in Mesos' `--zk`; it may hold a password."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Secrets by principal; if there are any, everybody has to say who they are."""
    agent_ping_timeout: float | None = None
    max_agent_ping_timeouts: int | None = None
    executor_registration_timeout: float | None = None
    """All three as in Mesos' flags, in seconds or a number, None for Mesos' defaults."""
    roles: tuple[str, ...] | None = None
    """The only roles that frameworks may use besides `*`; None for any."""
    network_namespaces: bool = False
    """Whether each agent has a network namespace of its own, and the cluster's process one beside them."""

    def to_json(self) -> str:
        """The settings as text for the cluster's process. It holds secrets: pass it through a pipe."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DaemonSettings:
        """The settings from the text that `to_json` made."""
        fields = json.loads(text)
        roles = fields.get("roles")
        lists = {"agents": tuple(fields["agents"]), "roles": None if roles is None else tuple(roles)}
        return cls(**{**fields, **lists})


@dataclass(frozen=True)
class ClusterState:
    """A running cluster as its state file describes it."""

    work_dir: Path
    pid: int
    url: str
    """The master's URL for Spark: `mesos://127.0.0.1:5050`."""
    http_url: str
    agents: tuple[str, ...]
    """The agents' HTTP URLs."""
    watched_pid: int | None = None
    """The process that the cluster ends with, None if it runs until it is stopped."""
    masters: tuple[str, ...] = ()
    """The masters' HTTP URLs."""
    inside: tuple[str, ...] = ()
    """What to put in front of a command to run it in the cluster's network, if that is not the machine's."""

    def is_ending(self) -> bool:
        """Whether the process that the cluster is for has ended, so that it will be gone in a moment."""
        return self.watched_pid is not None and has_ended(self.watched_pid)

    def to_json(self) -> dict[str, Any]:
        """The state as the state file and `--output json` have it."""
        return {**asdict(self), "work_dir": str(self.work_dir)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ClusterState:
        """The state from what `to_json` made. KeyError or TypeError for what it cannot have made."""
        for name, kind in _STATE_TYPES.items():
            if type(fields[name]) is not kind:
                raise TypeError(f"{name} is not what it should be")
        watched_pid = fields.get("watched_pid")
        if watched_pid is not None and type(watched_pid) is not int:
            raise TypeError("watched_pid is not what it should be")
        lists = {name: fields.get(name, []) for name in ("agents", "masters", "inside")}
        for name, texts in lists.items():
            if type(texts) is not list or not all(isinstance(text, str) for text in texts):
                raise TypeError(f"{name} is not what it should be")
        tuples = {name: tuple(texts) for name, texts in lists.items()}
        return cls(**{**fields, "work_dir": Path(fields["work_dir"]), **tuples})

    def write(self) -> None:
        """Writes the state file, whole or not at all."""
        temporary = self.work_dir / f"{STATE_FILE}.new"
        temporary.write_text(
            json.dumps({"version": _STATE_VERSION, **self.to_json()}, indent=2) + "\n", encoding="utf-8"
        )
        temporary.replace(self.work_dir / STATE_FILE)

    @classmethod
    def read(cls, work_dir: Path) -> ClusterState | None:
        """The state that a cluster left in this folder, None if there is none.

        Raises LocalClusterError if the file is there but cannot be read or is not one of ours.
        """
        path = work_dir / STATE_FILE
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields.pop("version") != _STATE_VERSION:
                raise ValueError("unknown version")
            return cls.from_json(fields)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise LocalClusterError(
                f"{path} cannot be read: {error.strerror}", hint="Name another --work-dir."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LocalClusterError(
                f"{path} is not the state file of a local cluster: {error}",
                hint="Name another --work-dir; or delete the file if a cluster did run there.",
            ) from error


def start(settings: DaemonSettings) -> ClusterState:
    """Starts a cluster in the background and returns when the master answers and all agents are registered.

    The new process has a session of its own and keeps none of the caller's streams open. Raises
    LocalClusterError if the work dir or the port is in use or cannot be used, UnreachableError if ZooKeeper
    does not answer; nothing is left running then.
    """
    work_dir = Path(settings.work_dir)
    with owned(work_dir) as lock:
        with contextlib.suppress(FileNotFoundError):  # whoever looks for why it ended has started it again
            (work_dir / LOG_FILE).replace(work_dir / LAST_LOG_FILE)
        try:
            _pid, answer = background_process.start(
                __package__,
                settings.to_json(),
                log=work_dir / LOG_FILE,
                folder=work_dir,
                # The child inherits the lock, which lasts as long as either of us has it open.
                keep_open=(lock,),
            )
        except EndedAtStart as ended:
            raise _not_started(ended, work_dir) from None
    return ClusterState.from_json(answer)


def _not_started(ended: EndedAtStart, work_dir: Path) -> SparkMesosError:
    if ended.error is None:
        return LocalClusterError(
            f"The local cluster ended while it started (exit status {ended.status})",
            hint=f"Its log is {work_dir / LOG_FILE}. It ends with:\n{tail(work_dir / LOG_FILE, 10)}",
        )
    unreachable = ended.error.exit_code == ExitCode.UNREACHABLE
    kind = UnreachableError if unreachable else LocalClusterError
    return kind(ended.error.message, hint=ended.error.hint)


def stop(work_dir: Path) -> ClusterState | None:
    """Stops the cluster in this folder with all its tasks and waits for that.

    Returns its state, or None if it had ended by itself (then tasks that it left behind are ended). Raises
    LocalClusterError if no cluster was ever started there or it cannot be stopped.
    """
    if ClusterState.read(work_dir) is None:
        raise LocalClusterError(
            f"No local cluster runs in {work_dir}",
            hint="Start one (`sparkmesos start-local-cluster`), or name the --work-dir it was started with.",
        )
    with _open_lock(work_dir) as lock:
        ended = None
        if not _try_lock(lock, work_dir):
            # Only while the lock is held is the process in the file the one that it says.
            ended = ClusterState.read(work_dir)
            if ended is None:
                raise LocalClusterError(
                    f"The local cluster in {work_dir} is just starting or stopping", hint="Try again."
                )
            _end(ended)
            fcntl.flock(lock, fcntl.LOCK_EX)
        end_orphans(work_dir)
        (work_dir / STATE_FILE).unlink(missing_ok=True)
    return ended


def _end(state: ClusterState) -> None:
    try:
        os.kill(state.pid, signal.SIGTERM)
        if not wait_for_end(state.pid, _STOP_TIMEOUT):
            os.kill(state.pid, signal.SIGKILL)
            wait_for_end(state.pid, _STOP_TIMEOUT)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise LocalClusterError(
            f"The local cluster in {state.work_dir} (process {state.pid}) belongs to another user",
            hint="Stop it as that user.",
        ) from error


@contextlib.contextmanager
def owned(work_dir: Path) -> Iterator[int]:
    """Owns the work dir while the context lasts, yielding the descriptor that holds the lock.

    What an earlier cluster left in it (tasks of a cluster that was killed, its sandboxes) is cleared first.
    Raises LocalClusterError if a cluster runs there, or the folder cannot be used.
    """
    try:
        used_before = (work_dir / _LOCK_FILE).exists()
        foreign = [] if used_before else [name for name in _OURS if (work_dir / name).exists()]
        work_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalClusterError(
            f"The work dir {work_dir} cannot be used: {error.strerror}",
            hint="Name another one with --work-dir.",
        ) from error
    if foreign:
        raise LocalClusterError(
            f"{work_dir} holds '{foreign[0]}', which is not a local cluster's",
            hint="Name another --work-dir.",
        )
    with _open_lock(work_dir) as lock:
        deadline = time.monotonic() + _STOP_TIMEOUT
        while not _try_lock(lock, work_dir):
            state = ClusterState.read(work_dir)
            going = state is None or state.is_ending()
            if not going or time.monotonic() > deadline:
                running = f": {state.url} (process {state.pid})" if state else ""
                raise LocalClusterError(
                    f"A local cluster runs already in {work_dir}{running}",
                    hint=f"Use that one, or another --work-dir, or stop it: "
                    f"sparkmesos stop-local-cluster --work-dir {shlex.quote(str(work_dir))}",
                )
            time.sleep(_POLL_SECONDS)  # one that is just ending has its file no more, but the lock still
        if used_before:
            _clear(work_dir)
        yield lock


@contextlib.contextmanager
def _open_lock(work_dir: Path) -> Iterator[int]:
    try:
        lock = os.open(work_dir / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LocalClusterError(
            f"The work dir {work_dir} cannot be used: {error.strerror}",
            hint="Name another one with --work-dir.",
        ) from error
    try:
        yield lock
    finally:
        os.close(lock)


def _try_lock(lock: int, work_dir: Path) -> bool:
    """Whether the lock is ours now; if not, a cluster runs in this folder."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # file systems of the network may have no locks
        raise LocalClusterError(
            f"{work_dir} cannot be locked: {error.strerror}", hint="Name a --work-dir on a local disk."
        ) from error
    return True


def _clear(work_dir: Path) -> None:
    """Removes what an earlier cluster left behind, and nothing else: the folder may be the user's own."""
    if ClusterState.read(work_dir) is not None:
        end_orphans(work_dir)
        (work_dir / STATE_FILE).unlink()
    shutil.rmtree(work_dir / AGENTS_FOLDER, ignore_errors=True)


def is_running(work_dir: Path) -> bool:
    """Whether a cluster runs in this folder. Raises LocalClusterError if that cannot be told."""
    with _open_lock(work_dir) as lock:
        return not _try_lock(lock, work_dir)
