"""Requests at ZooKeeper that are made again until they are answered, and what is said of refusals."""

from __future__ import annotations

import time
from collections.abc import Callable
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

from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.errors import StoreError
from sparkmesos_core.zookeeper_session import Session, is_passing, silence_text

SESSION_TIMEOUT = 10.0
"""Seconds; Mesos' masters have the same."""

PATIENCE = 20.0
"""Seconds for which an answer is waited for: a few times as long as servers take to elect their leader."""

_PAUSE = 0.05
_TRIES = 5

_T = TypeVar("_T")


class ZooKeeperRequests:
    """A session, what it is used for, and the patience with it."""

    def __init__(
        self, address: ZooKeeperAddress, kind: RecordKind[Any], session: Session, patience: float
    ) -> None:
        """`kind` is that of the records there; `patience` is in seconds."""
        self.address = address
        self.kind = kind
        self.session = session
        self.client = session.client
        self.patience = patience
        self._closed = False

    @property
    def acl(self) -> list[Any]:
        """For nodes: all rights for the owner of the credential, or for everybody if there is none."""
        if (credential := self.address.credential) is None:
            return list(OPEN_ACL_UNSAFE)
        return [make_digest_acl(credential.user, credential.password, all=True)]

    def ask(self, answer: Any) -> Any:
        """The value of one of the client's asynchronous results. Raises kazoo's errors."""
        return self.session.ask(answer)

    def patiently(self, work: Callable[[], _T], on_failure: Callable[[], None] = lambda: None) -> _T:
        """Do something that may be done twice, again if need be; before that, `on_failure`.

        Raises StoreError if nobody answers, or ZooKeeper refuses; BadVersionError as it is.
        """
        deadline = time.monotonic() + self.patience
        surprises = 0
        reason = ""
        while True:
            if self._closed:
                raise StoreError(f"the store {self.address} has been closed")
            left = deadline - time.monotonic()
            if (reason and left <= 0) or not self.session.wait_for_connection(max(left, 0)):
                raise StoreError(
                    f"{self.address} does not answer"
                    f" ({reason or 'no connection'}; tried for {self.patience:g} s)",
                    hint="Check the ZooKeeper servers;"
                    f" the {self.kind.holder} goes on by itself when they do",
                )
            try:
                return work()
            except (KazooException, KazooTimeoutError) as error:
                on_failure()
                reason = silence_text(error)
                if not is_passing(error):
                    reason = type(error).__name__
                    # Somebody has changed nodes by hand, perhaps: what there is now is asked for anew.
                    surprises += 1
                    if surprises > _TRIES or not isinstance(error, (NoNodeError, NodeExistsError)):
                        raise refusal(self.address, self.kind, error) or error from error
                time.sleep(_PAUSE)

    def close(self) -> None:
        """End the session, and all patience. May be called more than once, and in any thread."""
        self._closed = True
        self.session.close()


def refusal(address: ZooKeeperAddress, kind: RecordKind[Any], error: Exception) -> StoreError | None:
    """What to say of an error that does not pass; None for that of a wrong version."""
    if isinstance(error, BadVersionError):
        return None
    if isinstance(error, (NoAuthError, AuthFailedError, InvalidACLError)):
        given = "these credentials" if address.credential else "a client without credentials"
        return StoreError(
            f"ZooKeeper does not let {given} use {address}",
            hint="Write USER:PASSWORD@ in front of the servers, those of whoever made the node,"
            " or choose another node in spark.deploy.zookeeper.dir",
        )
    if isinstance(error, NoNodeError):
        return StoreError(
            f"{address} was deleted, or a part of it, while in use",
            hint=f"Restart the {kind.holder}, which makes the nodes anew,"
            f" and is left without the {kind.plural}",
        )
    return StoreError(
        f"{address} fails: {type(error).__name__}", hint="Check the logs of the ZooKeeper servers"
    )
