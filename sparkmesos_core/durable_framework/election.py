"""Which of several processes with the same records in ZooKeeper leads. One alone is elected, too.

All are told of every change among the candidates: each has to learn who leads, to pass requests on. They are
a few, and none of them writes anything then.

A leader that ZooKeeper is silent to stops leading before its session can be over, by its own clock; even one
that was suspended (SIGSTOP) and goes on finds out before it answers. What it writes nevertheless is refused
(`store.ownership`). Who does not lead ceases to know, after as long a silence, who does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kazoo.exceptions import ConnectionLoss, KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError

from sparkmesos_core.durable_framework.candidates import Candidate, Lease, look_at, read_candidate
from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.durable_framework.store.ownership import Fence, begin_epoch
from sparkmesos_core.durable_framework.store.znodes import Layout
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.durable_framework.store.zookeeper_nodes import prepare_nodes
from sparkmesos_core.durable_framework.store.zookeeper_requests import (
    PATIENCE,
    SESSION_TIMEOUT,
    ZooKeeperRequests,
    refusal,
)
from sparkmesos_core.errors import StoreError
from sparkmesos_core.zookeeper_session import Session, is_passing, silence_text

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5
_LOOK_SECONDS = 1.0
"""How often the process of a leader on this machine is looked at."""


def _now() -> float:
    """Seconds of a clock that goes on while the machine sleeps, if there is one: its sessions end then."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


@dataclass(frozen=True)
class Standing:
    """What is known of who leads."""

    node: str | None = None
    """Our node, if we lead: as long as it is the same, nobody else has led."""
    leader: Candidate | None = None
    """Who leads, if it is known; ourselves if we do."""
    reason: str = ""
    """Why nothing is known, for people."""


class Election:
    """Stands for leader from `start` to `close`. Its methods belong to one event loop, but for `begin_epoch`.

    `tell` is called in that loop with each new standing, in their order.
    """

    def __init__(
        self,
        address: ZooKeeperAddress,
        kind: RecordKind[Any],
        candidate: Candidate,
        tell: Callable[[Standing], None],
        *,
        session_timeout: float = SESSION_TIMEOUT,
        patience: float = PATIENCE,
    ) -> None:
        """`kind` is that of the records there, `patience` is how long ZooKeeper is waited for at the start.

        Both times are seconds.
        """
        self._kind = kind
        self._candidate = candidate
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._session = Session(address.servers, address.credential, session_timeout)
        self._requests = ZooKeeperRequests(address, kind, self._session, patience)
        self._client = self._session.client
        self._address = address
        self._layout = Layout(address.base, kind.plural)
        self._mark = uuid.uuid4().hex
        self._lease = Lease(session_timeout)
        self._standing = Standing(reason="the election has not begun")
        self._changed = threading.Event()
        self._stand_anew = False
        self._ending = False
        self._thread = threading.Thread(target=self._work, name=f"{kind.holder}-election", daemon=True)

    async def start(self) -> None:
        """Stand, and return when it is known who leads.

        Raises UnreachableError if ZooKeeper does not answer at all, StoreError if it refuses, or if what it
        holds is not for this kind of records.
        """
        await asyncio.to_thread(self._begin)
        self._thread.start()

    def leads(self, node: str) -> bool:
        """Whether we lead, at this very moment, and have led ever since we did with this node."""
        return self._standing.node == node and self._lease.left(_now()) > 0

    def begin_epoch(self, node: str) -> Fence:
        """Make what earlier leaders write fail; `node` is that of a standing. To be called in any thread.

        Raises StoreError if that is impossible; then we do not lead with that node any more, perhaps.
        """
        try:
            return begin_epoch(self._session, self._layout, node)
        except NoNodeError:
            self._changed.set()
            raise StoreError(f"another {self._kind.holder} was elected meanwhile") from None
        except (KazooException, KazooTimeoutError) as error:
            if is_passing(error):
                raise StoreError(f"{self._address} does not answer ({silence_text(error)})") from error
            raise refusal(self._address, self._kind, error) or StoreError(
                f"{self._address} was changed meanwhile"
            ) from error

    def stand_anew(self) -> None:
        """Give leadership up, and let all others go first."""
        self._stand_anew = True
        self._changed.set()

    async def close(self) -> None:
        """Give up for good: another one leads at once."""
        self._ending = True
        self._changed.set()
        await asyncio.to_thread(self._close)

    # In other threads

    def _begin(self) -> None:
        self._session.start(self._requests.patience)
        try:
            prepare_nodes(self._requests)
            self._client.add_listener(self._wake)
            self._requests.patiently(self._look_until_known)
        except BaseException:
            self._requests.close()
            raise

    def _look_until_known(self) -> None:
        while self._look():
            pass

    def _close(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()
        self._requests.close()  # our node goes with the session

    def _wake(self, _event: object) -> None:
        self._changed.set()

    def _work(self) -> None:
        look_at = 0.0
        while not self._ending:
            now = time.monotonic()
            if self._changed.is_set() or now >= look_at or self._leader_has_ended():
                self._changed.clear()
                look_at = time.monotonic() + self._look_safely()
            self._changed.wait(min(max(look_at - time.monotonic(), 0), _LOOK_SECONDS))

    def _look_safely(self) -> float:
        """Look, whatever happens; seconds until the next look at the latest."""
        pause = self._lease.seconds / 3
        try:
            if self._look():
                return 0.0
            return pause
        except (KazooException, KazooTimeoutError) as error:
            if not is_passing(error):
                refused = refusal(self._address, self._kind, error)
                reason = refused.message if refused is not None else f"{self._address} was changed meanwhile"
                if self._standing.reason != reason:
                    logger.error("%s", reason)
            else:
                reason = f"{self._address} does not answer ({silence_text(error)})"
                pause = _RETRY_SECONDS
        except Exception:  # without this thread nobody would ever hear of another leader
            logger.exception("the election could not be looked at; trying again")
            reason = f"the election failed: see the {self._kind.holder}'s log"
        # Others may have been elected since, be it us who led or somebody else.
        if self._lease.left(_now()) <= 0:
            self._report(Standing(reason=reason))
        return pause

    def _leader_has_ended(self) -> bool:
        standing = self._standing
        return standing.node is None and standing.leader is not None and standing.leader.owner.has_ended

    def _look(self) -> bool:
        """Look who leads, and tell; whether there is more to be looked at at once."""
        asked_at = _now()
        session = self._session.number
        if session is None:
            raise ConnectionLoss  # just now, and nobody has told us yet
        # The server that we talk to may have lost the others, and not know it yet: then this has no answer.
        self._ask(self._client.sync_async(self._layout.candidates))
        names = self._ask(self._client.get_children_async(self._layout.candidates, self._wake))
        field = look_at(names, self._mark)
        if self._stand_anew:
            self._report(Standing(reason="it has just given up leading"))
            for name in field.own:
                self._remove(name)
            self._stand_anew = False
            return True
        node = None
        for name in field.own:
            stat = self._ask(self._client.exists_async(self._layout.candidate(name)))
            if stat is None:
                continue
            if node is None and stat.ephemeralOwner == session:
                node = name
            else:
                self._remove(name)  # of a session that is over, or made twice because no answer came
        if node is None:
            self._stand()
            return True
        if self._session.number != session:
            return True
        self._lease.granted(self._session.granted)  # of the connection that has answered just now
        self._lease.answered(asked_at)
        assert field.first is not None
        if field.first == node:
            self._report(Standing(node, self._candidate))
            return False
        try:
            content = self._ask(self._client.get_async(self._layout.candidate(field.first)))[0]
        except NoNodeError:
            return True
        leader = read_candidate(content)
        if leader is not None and leader.owner.has_ended:
            logger.info("the leader, %s, has died", leader.owner)
            self._remove(field.first)
            return True
        self._report(Standing(leader=leader, reason="" if leader else "the leader says nothing of itself"))
        return False

    def _stand(self) -> None:
        path = self._layout.candidate(f"{self._mark}-")
        content = self._candidate.encode()
        self._ask(
            self._client.create_async(path, content, acl=self._requests.acl, ephemeral=True, sequence=True)
        )

    def _remove(self, name: str) -> None:
        with suppress(NoNodeError):
            self._ask(self._client.delete_async(self._layout.candidate(name)))

    def _ask(self, answer: Any) -> Any:
        return answer.get(timeout=self._lease.seconds / 3)

    def _report(self, standing: Standing) -> None:
        if standing == self._standing:
            return
        self._standing = standing
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            self._loop.call_soon_threadsafe(self._deliver, standing)

    def _deliver(self, standing: Standing) -> None:
        if not self._ending:
            self._tell(standing)
