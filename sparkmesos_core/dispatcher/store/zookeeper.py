"""Drivers in ZooKeeper: one node for each, and one transaction for all that is written at once.

What is too large for a transaction goes into a journal first, whose commit is one; who finds a committed
journal finishes the work. A request without an answer is made again for as long as `patience` lasts: writing
the same twice changes nothing, and nobody else can have written in between (`ownership.py`).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from kazoo.exceptions import (
    AuthFailedError,
    BadVersionError,
    InvalidACLError,
    KazooException,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.security import OPEN_ACL_UNSAFE, make_digest_acl

from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.store import znodes
from sparkmesos_core.dispatcher.store.format import VERSION, decode
from sparkmesos_core.dispatcher.store.ownership import Fence, begin_epoch, read_owner, take_ownership
from sparkmesos_core.dispatcher.store.store import Change, Store, Stored
from sparkmesos_core.dispatcher.store.znodes import Layout
from sparkmesos_core.dispatcher.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.errors import StoreError, StoreTakenOverError
from sparkmesos_core.zookeeper_session import Session, is_passing

logger = logging.getLogger(__name__)

SESSION_TIMEOUT = 10.0
"""Seconds; Mesos' masters have the same."""

PATIENCE = 20.0
"""Seconds: longer than a session, so that the node of a dispatcher that has died is outlived."""

_PAUSE = 0.05
_TRIES = 5
_WINDOW = 500
_FROM_SPARK = {"launchedDrivers", "driverQueue", "retryList"}

_T = TypeVar("_T")


def open_zookeeper(
    address: ZooKeeperAddress,
    *,
    session_timeout: float = SESSION_TIMEOUT,
    patience: float = PATIENCE,
    fence: Fence | None = None,
) -> Store:
    """Connect, make the nodes that are missing, and become their owner. Times are seconds.

    `patience` is how long an answer of ZooKeeper, and the end of an owner that has died, are waited for, here
    and in each call of the store. With a `fence` somebody else (an election) has made us the owner.

    Raises UnreachableError if ZooKeeper does not answer at all, StoreError if it refuses, if another
    dispatcher is at work, or if the nodes are those of a newer version, or of Spark's own dispatcher.
    """
    session = Session(address.servers, address.credential, session_timeout)
    session.start(patience)
    store = _ZooKeeperStore(address, session, patience, fence)
    try:
        store.prepare()
    except BaseException:
        store.close()
        raise
    return store


class _ZooKeeperStore:
    def __init__(
        self, address: ZooKeeperAddress, session: Session, patience: float, fence: Fence | None
    ) -> None:
        self._address = address
        self._session = session
        self._client = session.client
        self._patience = patience
        self._layout = Layout(address.base)
        credential = address.credential
        self._acl: list[Any] = (
            [make_digest_acl(credential.user, credential.password, all=True)]
            if credential
            else list(OPEN_ACL_UNSAFE)
        )
        self._fence = fence
        self._elected = fence is not None
        self._owned_in: int | None = None
        self._known: set[str] | None = None  # the nodes of drivers; None: to be asked for
        self._next_number = 1
        self._taken_over: StoreTakenOverError | None = None
        self._closed = False

    def prepare(self) -> None:
        self._patiently(self._make_nodes)
        self._patiently(self._protect)
        self._patiently(self._own)

    def load(self) -> Stored:
        return self._patiently(self._load)

    def apply(self, changes: Sequence[Change]) -> None:
        if changes:
            self._patiently(lambda: self._apply(changes))

    def close(self) -> None:
        self._closed = True
        self._session.close()

    # --- failures

    def _patiently(self, work: Callable[[], _T]) -> _T:
        """Do something that may be done twice, again if need be. Raises StoreError."""
        deadline = time.monotonic() + self._patience
        surprises = 0
        reason = ""
        while True:
            if self._taken_over is not None:
                raise self._taken_over
            if self._closed:
                raise StoreError(f"the store {self._address} has been closed")
            left = deadline - time.monotonic()
            if (reason and left <= 0) or not self._session.wait_for_connection(max(left, 0)):
                raise StoreError(
                    f"{self._address} does not answer"
                    f" ({reason or 'no connection'}; tried for {self._patience:g} s)",
                    hint="Check the ZooKeeper servers; the dispatcher goes on by itself when they do",
                )
            try:
                return work()
            except (KazooException, KazooTimeoutError) as error:
                self._known = None
                reason = type(error).__name__
                if not is_passing(error):
                    # Somebody has changed nodes by hand, perhaps: what there is now is asked for anew.
                    surprises += 1
                    if surprises > _TRIES or not isinstance(error, (NoNodeError, NodeExistsError)):
                        raise self._refused(error) from error
                time.sleep(_PAUSE)

    def _refused(self, error: Exception) -> StoreError:
        if isinstance(error, (NoAuthError, AuthFailedError, InvalidACLError)):
            given = "these credentials" if self._address.credential else "a client without credentials"
            return StoreError(
                f"ZooKeeper does not let {given} use {self._address}",
                hint="Write USER:PASSWORD@ in front of the servers, those of whoever made the node,"
                " or choose another node in spark.deploy.zookeeper.dir",
            )
        if isinstance(error, BadVersionError):
            self._taken_over = self._lost_to(self._read_epoch())
            return self._taken_over
        if isinstance(error, NoNodeError):
            return StoreError(
                f"{self._address} was deleted, or a part of it, while in use",
                hint="Restart the dispatcher, which makes the nodes anew, and is left without the drivers",
            )
        return StoreError(
            f"{self._address} fails: {type(error).__name__}", hint="Check the logs of the ZooKeeper servers"
        )

    def _lost_to(self, content: bytes) -> StoreTakenOverError:
        owner = read_owner(content)
        return StoreTakenOverError(
            f"another dispatcher{f', {owner},' if owner else ''} has taken over {self._address}",
            hint="Stop one of the two, or give each a node of its own in spark.deploy.zookeeper.dir",
        )

    def _read_epoch(self) -> bytes:
        with suppress(KazooException, KazooTimeoutError):
            content: bytes = self._ask(self._client.get_async(self._layout.epoch))[0]
            return content
        return b""

    # --- the nodes

    def _ask(self, answer: Any) -> Any:
        return self._session.ask(answer)

    def _make_nodes(self) -> None:
        layout = self._layout
        if self._ask(self._client.exists_async(layout.base)) is None:
            # Only what is below the base is ours alone: others may want to have nodes beside it.
            nodes = layout.base.split("/")
            for depth in range(2, len(nodes)):
                self._make("/".join(nodes[:depth]), b"", OPEN_ACL_UNSAFE)
            self._make(layout.base, b"", self._acl)
        children = set(self._ask(self._client.get_children_async(layout.base)))
        if "format" not in children and children & _FROM_SPARK:
            raise StoreError(
                f"{self._address} holds the drivers of Spark's own dispatcher, which only Java can read",
                hint="Choose another node in spark.deploy.zookeeper.dir",
            )
        self._make(layout.format, json.dumps({"version": VERSION}).encode(), self._acl)
        self._check_version(self._ask(self._client.get_async(layout.format))[0])
        for path, content in (
            (layout.epoch, b""),
            (layout.framework, znodes.framework_content(None)),
            (layout.numbers, znodes.numbers_content(1)),
            (layout.journal, b""),
            (layout.drivers, b""),
        ):
            self._make(path, content, self._acl)

    def _make(self, path: str, content: bytes, acl: Any) -> None:
        with suppress(NodeExistsError):
            self._ask(self._client.create_async(path, content, acl=acl))

    def _check_version(self, content: bytes) -> None:
        try:
            version = json.loads(content)["version"]
            newer = version > VERSION
        except (ValueError, KeyError, TypeError):
            raise StoreError(
                f"{self._address} holds what is not the drivers of a dispatcher",
                hint="Choose another node in spark.deploy.zookeeper.dir",
            ) from None
        if newer:
            raise StoreError(
                f"{self._address} was written by a newer sparkmesos"
                f" (version {version} of the format, and {VERSION} is what this one understands)",
                hint="Use that sparkmesos again, or choose another node in spark.deploy.zookeeper.dir",
            )

    def _protect(self) -> None:
        """Close nodes that were made without credentials, now that there are some: they hold secrets."""
        if self._address.credential is None:
            return
        base = self._layout.base
        if not self._is_open(base) and not self._is_open(self._layout.drivers):
            return
        logger.warning("%s was open to everybody, and is closed now to all but its user.", self._address)
        pending = [base]
        for path in pending:
            pending += [f"{path}/{name}" for name in self._ask(self._client.get_children_async(path))]
        # The base comes last: until it is closed, this is done again.
        for path in reversed(pending):
            with suppress(NoNodeError):
                self._ask(self._client.set_acls_async(path, self._acl))

    def _is_open(self, path: str) -> bool:
        entries, _ = self._ask(self._client.get_acls_async(path))
        return any(entry.id.scheme == "world" for entry in entries)

    def _own(self) -> None:
        """Be the owner, or be so again: a session that was lost has taken its ephemeral node with it."""
        if not self._elected:
            number = self._session.number
            if number is not None and number != self._owned_in:
                if self._fence is not None:
                    self._check_epoch()
                take_ownership(self._session, self._layout, self._acl, self._patience)
                self._owned_in = number
        if self._fence is None:
            self._fence = begin_epoch(self._session, self._layout)

    # --- reading

    def _load(self) -> Stored:
        self._own()
        framework, numbers = self._refresh()
        assert self._known is not None
        names = sorted(path.rpartition("/")[2] for path in self._known)
        drivers: list[Driver] = []
        for start in range(0, len(names), _WINDOW):
            asked = [
                (name, self._client.get_async(self._layout.driver(name)))
                for name in names[start : start + _WINDOW]
            ]
            for name, answer in asked:
                content = self._ask(answer)[0]
                try:
                    drivers.append(decode(name, znodes.unpack(content)))
                except ValueError as error:
                    logger.error("%s: the driver %s is left out: %s", self._address, name, error)
        self._check_epoch()
        drivers.sort(key=lambda driver: driver.number)
        after_last = drivers[-1].number + 1 if drivers else 1
        self._next_number = max(after_last, numbers)
        return Stored(tuple(drivers), framework, self._next_number)

    def _refresh(self) -> tuple[str | None, int]:
        """Learn which nodes there are, after finishing what was begun; the framework's id and next number."""
        # Another server than the last one may answer, and know less.
        self._ask(self._client.sync_async(self._layout.base))
        names = self._ask(self._client.get_children_async(self._layout.drivers))
        self._known = {self._layout.driver(name) for name in names}
        self._finish_journal()
        framework = self._ask(self._client.get_async(self._layout.framework))[0]
        numbers = self._ask(self._client.get_async(self._layout.numbers))[0]
        try:
            framework_id, self._next_number = (
                json.loads(framework)["framework_id"],
                json.loads(numbers)["next"],
            )
        except (ValueError, KeyError, TypeError):
            raise self._damaged(f"{self._layout.framework} or {self._layout.numbers}") from None
        return framework_id, self._next_number

    def _check_epoch(self) -> None:
        """Raises BadVersionError if somebody else owns the drivers by now."""
        assert self._fence is not None
        stat = self._ask(self._client.exists_async(self._fence.path))
        if stat is None:
            raise NoNodeError
        if stat.version != self._fence.version:
            raise BadVersionError

    def _damaged(self, what: str) -> StoreError:
        return StoreError(
            f"{self._address} is damaged: {what} cannot be understood",
            hint="Repair it with zkCli.sh, or choose another node in spark.deploy.zookeeper.dir",
        )

    # --- writing

    def _apply(self, changes: Sequence[Change]) -> None:
        self._own()
        if self._known is None:
            self._refresh()
        wanted = znodes.contents(self._layout, changes, self._next_number)
        parts = list(znodes.transactions(wanted))
        if len(parts) == 1:
            self._commit(parts[0])
        else:
            pieces = znodes.journal_pieces(wanted)
            self._write_journal(pieces)
            for part in parts:
                self._commit(part)
            self._drop_journal(len(pieces), committed=True)
        if (numbers := wanted.get(self._layout.numbers)) is not None:
            self._next_number = json.loads(numbers)["next"]

    def _transaction(self) -> Any:
        assert self._fence is not None
        transaction = self._client.transaction()
        transaction.check(self._fence.path, self._fence.version)
        return transaction

    def _commit(self, part: znodes.Contents) -> None:
        """Write these, as one; drivers that are there already are replaced."""
        assert self._known is not None
        transaction = self._transaction()
        for path, content in part.items():
            if content is None:
                if path in self._known:
                    transaction.delete(path)
            elif path in self._known or path in (self._layout.framework, self._layout.numbers):
                transaction.set_data(path, content)
            else:
                transaction.create(path, content, acl=self._acl)
        self._session.commit(transaction)
        for path, content in part.items():
            if content is None:
                self._known.discard(path)
            elif path not in (self._layout.framework, self._layout.numbers):
                self._known.add(path)

    def _write_journal(self, pieces: Sequence[bytes]) -> None:
        for index, piece in enumerate(pieces):
            transaction = self._transaction()
            transaction.create(self._layout.piece(index), piece, acl=self._acl)
            self._session.commit(transaction)
        transaction = self._transaction()
        transaction.create(self._layout.commit, json.dumps({"pieces": len(pieces)}).encode(), acl=self._acl)
        self._session.commit(transaction)

    def _finish_journal(self) -> None:
        """Do what a committed journal says, and forget one that is not committed: nobody was told of it."""
        names = self._ask(self._client.get_children_async(self._layout.journal))
        pieces = sorted(name for name in names if name != "commit")
        if "commit" not in names:
            self._drop_journal(len(pieces), committed=False)
            return
        contents = [self._ask(self._client.get_async(f"{self._layout.journal}/{name}"))[0] for name in pieces]
        try:
            wanted = znodes.read_journal(contents)
        except ValueError:
            raise self._damaged(self._layout.journal) from None
        for part in znodes.transactions(wanted):
            self._commit(part)
        self._drop_journal(len(pieces), committed=True)

    def _drop_journal(self, pieces: int, *, committed: bool) -> None:
        if not pieces and not committed:
            return
        transaction = self._transaction()
        if committed:
            transaction.delete(self._layout.commit)
        for index in range(pieces):
            transaction.delete(self._layout.piece(index))
        self._session.commit(transaction)
