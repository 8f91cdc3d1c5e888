"""Whose the records in ZooKeeper are: who is elected begins an epoch, and all writes of earlier ones fail.

That a process leads is never quite certain: its session may have ended, and another one lead, before it
hears of that. So each begins an epoch when it is elected, and every transaction of it is on condition that
its epoch is still the current one.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.durable_framework.store.znodes import Layout
from sparkmesos_core.zookeeper_session import Session


@dataclass(frozen=True)
class Fence:
    """An epoch: a node, and the version that it has as long as nobody has begun another."""

    path: str
    version: int


@dataclass(frozen=True)
class Owner:
    """The process of a durable framework, as nodes describe it."""

    host: str
    pid: int
    started: str
    """When the process began, by its machine's count; empty where that cannot be told."""
    machine: str
    """Which run of which machine the pid belongs to, and which of its containers; empty if unknown."""

    def __str__(self) -> str:
        return f"the one on {self.host} with pid {self.pid}"

    def encode(self) -> bytes:
        """For a node."""
        return json.dumps(vars(self)).encode()

    @property
    def is_on_this_machine(self) -> bool:
        """Whether it surely is, in the same container."""
        return bool(self.machine) and self.machine == _machine()

    @property
    def has_ended(self) -> bool:
        """Whether that process is surely no more. Only a machine that it ran on can tell."""
        if not self.is_on_this_machine:
            return False
        started = _started(self.pid)
        return not _exists(self.pid) if started is None else started != self.started


def this_process() -> Owner:
    """The owner that we would be."""
    return Owner(socket.gethostname(), os.getpid(), _started(os.getpid()) or "", _machine())


def read_owner(content: bytes) -> Owner | None:
    """What `Owner.encode` made; None for anything else."""
    try:
        return owner_of(json.loads(content))
    except (ValueError, KeyError, TypeError):
        return None


def owner_of(fields: dict[str, object]) -> Owner:
    """From the JSON. Raises KeyError, TypeError and ValueError."""
    return Owner(str(fields["host"]), int(str(fields["pid"])), str(fields["started"]), str(fields["machine"]))


def begin_epoch(session: Session, layout: Layout, candidate: str) -> Fence:
    """Make all earlier owners' writes fail from now on, if the candidate's node is still there.

    What is read afterwards holds all that they have written. Raises NoNodeError if the node is gone, and so
    the election lost; and kazoo's other errors.
    """
    transaction = session.client.transaction()
    transaction.check(layout.candidate(candidate), -1)
    transaction.set_data(layout.epoch, this_process().encode())
    _, stat = session.commit(transaction)
    return Fence(layout.epoch, stat.version)


def _machine() -> str:
    # A pid means nothing elsewhere, after the next boot, or in another container.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """The start of a process in clock ticks since boot; None if there is none, or it is not shown to us."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, and may hold any character.
    return status.rpartition(")")[2].split()[19]


def _exists(pid: int) -> bool:
    # With the option hidepid, /proc does not show the processes of other users.
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
