"""The ZooKeeper of a `zk://` URL: each of its servers, whether they serve, and which masters it knows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.master import Scheme, ZooKeeperMaster
from sparkmesos_core.mesos.leader import (
    SESSION_TIMEOUT,
    Leader,
    await_leader,
    choose_member,
    members_of,
    read_member,
)
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.zookeeper_session import Session
from sparkmesos_core.zookeeper_status import ServerStatus, read_status

if TYPE_CHECKING:
    from kazoo.client import KazooClient

_MOST_MEMBERS = 16
_MOST_NODES = 100
"""Of each level, when masters are looked for elsewhere."""
_MOST_CANDIDATES = 3
_LEVELS = 2


def zookeeper_of(known: Known) -> ZooKeeperMaster | None:
    """The masters as a `zk://` URL names them; None if the URL is another one."""
    master = known.subject.master
    return master if isinstance(master, ZooKeeperMaster) else None


# The servers


def _servers(known: Known) -> tuple[ServerStatus, ...]:
    deadline = known.deadline()
    servers = tuple(dict.fromkeys(_wanted(known).servers))
    jobs = {str(server): partial(read_status, server, deadline) for server in servers}
    asked = side_by_side(jobs, deadline)
    return tuple(
        asked.results.get(str(server), ServerStatus(server, "does not answer in time")) for server in servers
    )


SERVERS: Fact[tuple[ServerStatus, ...]] = Fact(
    "the ZooKeeper servers", _servers, reported_by="zookeeper-servers", patience=2
)
"""Each server of the URL once, in its order; it does not fail."""


def _serving(known: Known) -> tuple[ServerStatus, ...]:
    servers = known[SERVERS]
    if (failure := why_silent(servers)) is not None:
        raise failure
    return servers


SERVING: Fact[tuple[ServerStatus, ...]] = Fact(
    "the ZooKeeper servers", _serving, reported_by="zookeeper-servers"
)
"""The same, if enough of them answer."""


def why_silent(servers: Sequence[ServerStatus]) -> UnreachableError | None:
    """What to say if no server takes requests, and some do not answer at all; None if it is not so."""
    dead = [status for status in servers if status.trouble]
    alive = [status for status in servers if not status.trouble]
    if not dead or any(status.serves is not False for status in alive):
        return None
    reasons = "; ".join(f"{status.server} {status.trouble}" for status in dead)
    if not alive:
        hint = "Check hosts and ports of the zk:// URL (2181 unless configured otherwise)"
        return UnreachableError(f"no ZooKeeper server answers: {reasons}", hint=f"{hint}; start ZooKeeper.")
    named = ", ".join(str(status.server) for status in dead)
    return UnreachableError(
        f"ZooKeeper has no majority: {reasons}; what is left takes no requests",
        hint=f"Start {named} again: more than half of an ensemble must run.",
    )


def _quorum(known: Known) -> tuple[ServerStatus, ...]:
    servers = known[SERVING]
    if all(status.serves is False for status in servers):
        raise UnreachableError(
            f"ZooKeeper answers at {listed(servers)}, but takes no requests: no leader is elected among its"
            " servers",
            hint="Start the servers that the URL does not name, and check that all reach each other on the"
            " ports of their server.N lines (2888 and 3888), with the same lines and different myid files.",
        )
    return servers


QUORUM: Fact[tuple[ServerStatus, ...]] = Fact("ZooKeeper's quorum", _quorum, reported_by="zookeeper-quorum")
"""The same, if they serve."""


def listed(servers: Sequence[ServerStatus]) -> str:
    """Their addresses, for a message."""
    return ", ".join(str(status.server) for status in servers)


# What is in it


def _session(known: Known) -> Session:
    usable = [each.server for each in known[QUORUM] if not each.trouble and each.serves is not False]
    session = Session(usable, _wanted(known).credential, SESSION_TIMEOUT)
    known.on_close(session.close)
    session.start(known.timeout)
    return session


SESSION: Fact[Session] = Fact("a session at ZooKeeper", _session, reported_by="zookeeper-session", patience=2)
"""One that is connected, with the servers that serve. It is closed in the end."""


@dataclass(frozen=True)
class Members:
    """The masters that have registered themselves."""

    leader: Leader
    others: tuple[Leader, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Nodes of others whose data is not understood."""


def _members(known: Known) -> Members:
    from kazoo.exceptions import KazooException, NoNodeError
    from kazoo.handlers.threading import KazooTimeoutError

    session, master = known[SESSION], _wanted(known)
    scheme: Scheme = "https" if known.subject.options.ca_file is not None else "http"
    client = session.client
    try:
        leader = await_leader(client, master, scheme, known.timeout / 2)
    except UnreachableError as error:
        elsewhere = _paths_with_masters(client, known.deadline())
        if not elsewhere or master.path in elsewhere:
            raise
        hint = f"{error.hint}. There are masters under {' and '.join(elsewhere)}: is that the path?"
        raise UnreachableError(error.message, hint=hint) from error
    others, unreadable = [], []
    try:
        names = members_of(client.get_children_async(master.path).get(timeout=known.timeout))
        asked = [(name, client.get_async(f"{master.path}/{name}")) for name in names[1 : 1 + _MOST_MEMBERS]]
        for name, answer in asked:
            try:
                others.append(read_member(name, answer.get(timeout=known.timeout)[0], scheme))
            except UnreachableError:
                unreadable.append(name)
            except NoNodeError:
                pass  # it has just left
    except (KazooException, KazooTimeoutError):
        pass  # who leads is known
    return Members(leader, tuple(others), tuple(unreadable))


MEMBERS: Fact[Members] = Fact("the masters in ZooKeeper", _members, reported_by="zookeeper-path", patience=3)
"""By what is registered under the URL's path; an election under way is waited for."""


def _paths_with_masters(client: KazooClient, deadline: float) -> list[str]:
    """Other paths that masters are registered under, a few, among the uppermost levels."""
    from kazoo.exceptions import KazooException
    from kazoo.handlers.threading import KazooTimeoutError

    found: list[str] = []
    level = [""]
    for _ in range(_LEVELS + 1):
        asked = [(path, client.get_children_async(path or "/")) for path in level]
        level = []
        for path, answer in asked:
            # What may not be read, or is gone, is not where masters are.
            with suppress(KazooException, KazooTimeoutError):
                children = answer.get(timeout=max(deadline - time.monotonic(), 0.0))
                if path and choose_member(children) is not None:
                    found.append(path)
                level += [f"{path}/{child}" for child in sorted(children) if path or child != "zookeeper"]
        level = level[:_MOST_NODES]
    return found[:_MOST_CANDIDATES]


def _wanted(known: Known) -> ZooKeeperMaster:
    master = zookeeper_of(known)
    assert master is not None, "asked of a URL without ZooKeeper"
    return master
