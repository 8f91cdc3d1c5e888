"""Whose the drivers in ZooKeeper are: one dispatcher's at a time, and the writes of any other are refused.

Two things see to that. An ephemeral node names the dispatcher that works with them, so that a second one does
not even begin; it may outlive its dispatcher by a session's timeout, and be gone early when a connection is
cut. So the node does not decide: each new owner begins an epoch, and every transaction of an owner is on
condition that its epoch is still the current one.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkmesos_core.dispatcher.store.znodes import Layout
from sparkmesos_core.errors import StoreError
from sparkmesos_core.zookeeper_session import Session

Acl = Sequence[Any]


@dataclass(frozen=True)
class Fence:
    """An epoch: a node, and the version that it has as long as nobody has begun another."""

    path: str
    version: int


@dataclass(frozen=True)
class Owner:
    """A dispatcher, as the nodes describe it."""

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
    def has_ended(self) -> bool:
        """Whether that process is surely no more. Only a machine that it ran on can tell."""
        return bool(self.machine) and self.machine == _machine() and _started(self.pid) != self.started


def this_process() -> Owner:
    """The owner that we would be."""
    return Owner(socket.gethostname(), os.getpid(), _started(os.getpid()) or "", _machine())


def read_owner(content: bytes) -> Owner | None:
    """What `Owner.encode` made; None for anything else."""
    try:
        fields = json.loads(content)
        return Owner(str(fields["host"]), int(fields["pid"]), str(fields["started"]), str(fields["machine"]))
    except (ValueError, KeyError, TypeError):
        return None


def take_ownership(session: Session, layout: Layout, acl: Acl, patience: float) -> None:
    """Make the ephemeral node. Waits up to `patience` seconds for that of a dispatcher that has died.

    Raises StoreError if another dispatcher is still there then, and kazoo's errors.
    """
    from kazoo.exceptions import NodeExistsError, NoNodeError

    deadline = time.monotonic() + patience
    client = session.client
    changed = threading.Event()

    def wake(_event: object) -> None:
        changed.set()

    while True:
        try:
            session.ask(client.create_async(layout.owner, this_process().encode(), acl=acl, ephemeral=True))
            return
        except NodeExistsError:
            pass
        changed.clear()
        try:
            content, stat = session.ask(client.get_async(layout.owner, wake))
        except NoNodeError:
            continue
        if stat.ephemeralOwner == session.number:
            return  # only the answer had been lost
        owner = read_owner(content)
        if owner is not None and owner.has_ended:
            with suppress(NoNodeError):
                session.ask(client.delete_async(layout.owner))
            continue
        if not changed.wait(max(deadline - time.monotonic(), 0)):
            raise StoreError(
                f"the drivers under {layout.base} in ZooKeeper are in use by another dispatcher"
                + (f", {owner}" if owner else ""),
                hint="Stop that one first, or give this one a node of its own in spark.deploy.zookeeper.dir",
            )


def begin_epoch(session: Session, layout: Layout) -> Fence:
    """Make all earlier owners' writes fail from now on. The node has to exist. Raises kazoo's errors.

    What the caller reads afterwards in this session holds all that they have written.
    """
    stat = session.ask(session.client.set_async(layout.epoch, this_process().encode()))
    return Fence(layout.epoch, stat.version)


def _machine() -> str:
    # A pid means nothing elsewhere, after the next boot, or in another container.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """The start of a process in clock ticks since boot; None if there is no such process."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, and may hold any character.
    return status.rpartition(")")[2].split()[19]
