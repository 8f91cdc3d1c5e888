"""Records in ZooKeeper: one node for each, and one transaction for all that is written at once.

What is too large for a transaction goes into a journal first, whose commit is one; who finds a committed
journal finishes the work. A request without an answer is made again for as long as `patience` lasts: writing
the same twice changes nothing, and nobody else can have written in between (`ownership.py`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from kazoo.exceptions import BadVersionError, KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError

from sparkmesos_core.durable_framework.record import R, RecordKind
from sparkmesos_core.durable_framework.store import znodes
from sparkmesos_core.durable_framework.store.format import decode
from sparkmesos_core.durable_framework.store.ownership import Fence, read_owner
from sparkmesos_core.durable_framework.store.store import Change, Store, Stored
from sparkmesos_core.durable_framework.store.znodes import Layout
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.durable_framework.store.zookeeper_requests import (
    PATIENCE,
    SESSION_TIMEOUT,
    ZooKeeperRequests,
)
from sparkmesos_core.errors import StoreError, StoreTakenOverError
from sparkmesos_core.zookeeper_session import Session

logger = logging.getLogger(__name__)

_WINDOW = 500

_T = TypeVar("_T")


def open_zookeeper(
    address: ZooKeeperAddress,
    fence: Fence,
    kind: RecordKind[R],
    *,
    session_timeout: float = SESSION_TIMEOUT,
    patience: float = PATIENCE,
) -> Store[R]:
    """Connect, as the owner who began the epoch of `fence` (`ownership.begin_epoch`). Times are seconds.

    `patience` is how long an answer of ZooKeeper is waited for, here and in each call of the store. Raises
    UnreachableError if it does not answer at all.
    """
    session = Session(address.servers, address.credential, session_timeout)
    session.start(patience)
    return _ZooKeeperStore(ZooKeeperRequests(address, kind, session, patience), fence, kind)


class _ZooKeeperStore(Generic[R]):
    def __init__(self, requests: ZooKeeperRequests, fence: Fence, kind: RecordKind[R]) -> None:
        self._kind = kind
        self._requests = requests
        self._address = requests.address
        self._session = requests.session
        self._client = requests.client
        self._layout = Layout(requests.address.base, kind.plural)
        self._acl = requests.acl
        self._fence = fence
        self._known: set[str] | None = None  # the nodes of records; None: to be asked for
        self._next_number = 1
        self._taken_over: StoreTakenOverError | None = None

    def load(self) -> Stored[R]:
        return self._patiently(self._load)

    def apply(self, changes: Sequence[Change]) -> None:
        if changes:
            self._patiently(lambda: self._apply(changes))

    def close(self) -> None:
        self._requests.close()

    # --- failures

    def _patiently(self, work: Callable[[], _T]) -> _T:
        if self._taken_over is not None:
            raise self._taken_over
        try:
            return self._requests.patiently(work, self._forget_known)
        except BadVersionError:
            self._taken_over = self._lost_to(self._read_epoch())
            raise self._taken_over from None

    def _forget_known(self) -> None:
        self._known = None

    def _lost_to(self, content: bytes) -> StoreTakenOverError:
        owner = read_owner(content)
        return StoreTakenOverError(
            f"another {self._kind.holder}{f', {owner},' if owner else ''} has taken over {self._address}"
        )

    def _read_epoch(self) -> bytes:
        with suppress(KazooException, KazooTimeoutError):
            content: bytes = self._ask(self._client.get_async(self._layout.epoch))[0]
            return content
        return b""

    def _ask(self, answer: Any) -> Any:
        return self._session.ask(answer)

    # --- reading

    def _load(self) -> Stored[R]:
        framework, numbers = self._refresh()
        assert self._known is not None
        names = sorted(path.rpartition("/")[2] for path in self._known)
        records: list[R] = []
        for start in range(0, len(names), _WINDOW):
            asked = [
                (name, self._client.get_async(self._layout.record(name)))
                for name in names[start : start + _WINDOW]
            ]
            for name, answer in asked:
                content = self._ask(answer)[0]
                try:
                    records.append(decode(self._kind, name, znodes.unpack(content)))
                except ValueError as error:
                    what = self._kind.singular
                    logger.error("%s: the %s %s is left out: %s", self._address, what, name, error)
        self._check_epoch()
        records.sort(key=lambda record: record.number)
        after_last = records[-1].number + 1 if records else 1
        self._next_number = max(after_last, numbers)
        return Stored(tuple(records), framework, self._next_number)

    def _refresh(self) -> tuple[str | None, int]:
        """Learn which nodes there are, after finishing what was begun; the framework's id and next number."""
        # Another server than the last one may answer, and know less.
        self._ask(self._client.sync_async(self._layout.base))
        names = self._ask(self._client.get_children_async(self._layout.records))
        self._known = {self._layout.record(name) for name in names}
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
        """Raises BadVersionError if somebody else owns the records by now."""
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
        if self._known is None:
            self._refresh()
        wanted = znodes.contents(self._layout, self._kind, changes, self._next_number)
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
        transaction = self._client.transaction()
        transaction.check(self._fence.path, self._fence.version)
        return transaction

    def _commit(self, part: znodes.Contents) -> None:
        """Write these, as one; records that are there already are replaced."""
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
