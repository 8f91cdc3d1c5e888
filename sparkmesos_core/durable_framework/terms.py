"""The service of a durable framework, for as long as this process leads, from one election to the next.

A term begins with an epoch of the store and goes on with the framework that the store names; it ends, at
once, when the election is lost or another process has taken the store or the framework over. Tasks run
on, this process goes on, and stands again. One with a store of its own has one term without end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sparkmesos_core.durable_framework.pauses import Pauses
from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.durable_framework.service import FrameworkService
from sparkmesos_core.durable_framework.store.store import Store
from sparkmesos_core.errors import SparkMesosError, StoreError

if TYPE_CHECKING:
    from sparkmesos_core.durable_framework.election import Election, Standing

logger = logging.getLogger(__name__)

S = TypeVar("S", bound=FrameworkService[Any])

OpenStore = Callable[[], Store[Any]]


class Terms(Generic[S]):
    """One term after the other. Lives in one event loop."""

    def __init__(
        self,
        kind: RecordKind[Any],
        new_service: Callable[[OpenStore], S],
        connect: Callable[[S], None],
    ) -> None:
        """`new_service` makes the one of a term, `connect` lets one that was opened go to Mesos.

        `kind` is that of the records in the store.
        """
        self.kind = kind
        self._new_service = new_service
        self._connect = connect
        self._service: S | None = None
        self._over: asyncio.Task[None] | None = None
        self._node: str | None = None
        self._election: Election | None = None
        self._open_elected: Callable[[Election, str], Store[Any]] | None = None
        self._standing: Standing | None = None
        self._news = asyncio.Event()
        self._change = asyncio.Event()
        self._pauses = Pauses()
        self._not_before = 0.0
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def service(self) -> S | None:
        """The one that may answer at this moment; None if this process does not lead."""
        if self._election is not None and (self._node is None or not self._election.leads(self._node)):
            return None
        return self._service

    @property
    def standing(self) -> Standing | None:
        """What the election has told last; None if there is none."""
        return self._standing

    def tell(self, standing: Standing) -> None:
        """The election's news."""
        if standing.leader is not None and standing.node is None:
            logger.info("standing by: the %s at %s leads", self.kind.holder, standing.leader.http_url)
        self._standing = standing
        self._news.set()
        self._tell_change()

    async def changed(self) -> None:
        """Return when there is another service, or another standing."""
        await self._change.wait()

    async def begin_endless(self, open_store: OpenStore) -> None:
        """Begin the only term. Raises what opening the store does."""
        await self._begin(open_store)

    async def stand(self, election: Election, open_store: Callable[[Election, str], Store[Any]]) -> None:
        """Take part in an election, whose `tell` is that of here; a first term may begin at once.

        `open_store` is called where it may block, with the node of our standing. Raises what the start of the
        election and opening the store do.
        """
        self._election = election
        self._open_elected = open_store
        await election.start()
        await asyncio.sleep(0)  # what it has told comes in the next turn of the loop
        if self._standing is not None and self._standing.node is not None:
            node = self._standing.node
            try:
                await self._begin(lambda: open_store(election, node), node)
            except SparkMesosError:
                if election.leads(node):
                    raise
                logger.info("another %s was elected meanwhile", self.kind.holder)

    async def run(self, stopping: asyncio.Event) -> None:
        """Begin and end terms until it is to stop."""
        stop = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                news = asyncio.create_task(self._news.wait())
                waiting: set[asyncio.Task[Any]] = {stop, news}
                if self._over is not None:
                    waiting.add(self._over)
                await asyncio.wait(
                    waiting, timeout=self._seconds_to_wait(), return_when=asyncio.FIRST_COMPLETED
                )
                news.cancel()
                self._news.clear()
                if stopping.is_set():
                    return
                if self._election is not None:
                    await self._follow(self._election)
                elif self._over is not None and self._over.done():
                    holder, records = self.kind.holder, self.kind.plural
                    logger.error("this %s takes no more %s: stop it, or the other one", holder, records)
                    self._over = None
        finally:
            stop.cancel()

    async def close(self) -> None:
        """End the term, with all that is decided written and told to Mesos, and let another one lead."""
        if self._over is not None:
            self._over.cancel()
        try:
            if self._service is not None:
                await self._service.close()
        finally:
            # Whatever has failed: nobody else leads before.
            if self._election is not None:
                await self._election.close()
        if self._closing:
            await asyncio.wait(self._closing)

    def _seconds_to_wait(self) -> float | None:
        if self._election is None or self._service is not None:
            return None
        if self._standing is None or self._standing.node is None:
            return None
        return max(0.0, self._not_before - asyncio.get_running_loop().time())

    async def _follow(self, election: Election) -> None:
        node = None if self._standing is None else self._standing.node
        if self._service is not None:
            over = self._over is not None and self._over.done()
            if node != self._node or over:
                self._end(self._why_ended(node))
        due = asyncio.get_running_loop().time() >= self._not_before
        if self._service is None and node is not None and due:
            await self._begin_safely(election, node)

    async def _begin_safely(self, election: Election, node: str) -> None:
        assert self._open_elected is not None
        open_store = self._open_elected
        try:
            await self._begin(lambda: open_store(election, node), node)
        except SparkMesosError as error:
            if not election.leads(node):
                logger.info("not elected any more: %s", error.message)
                self._delay()
                return
            logger.error("elected, but not able to lead: %s (%s)", error.message, error.hint)
        except Exception:
            logger.exception("elected, but not able to lead")
        else:
            return
        self._delay()
        election.stand_anew()

    async def _begin(self, open_store: OpenStore, node: str | None = None) -> None:
        service = self._new_service(open_store)
        try:
            await service.open()
            if node is not None and self._election is not None and not self._election.leads(node):
                # It would take the framework from whoever was elected.
                raise StoreError("the election was lost while the store was opened")
            self._connect(service)
        except BaseException:
            await service.close()
            raise
        self._service, self._node = service, node
        self._over = asyncio.create_task(service.over())
        self._pauses.went_well(asyncio.get_running_loop().time())
        self._tell_change()
        if node is not None:
            logger.info("elected: this %s leads", self.kind.holder)

    def _end(self, reason: str) -> None:
        service, self._service, self._node = self._service, None, None
        assert service is not None
        logger.warning("this %s does not lead any more: %s", self.kind.holder, reason)
        service.leave(reason)
        if self._over is not None:
            self._over.cancel()
            self._over = None
        self._pauses.failed(asyncio.get_running_loop().time())
        self._delay()
        # Its store may be waiting for ZooKeeper, and need not be waited for.
        closing = asyncio.create_task(_close(service))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _why_ended(self, node: str | None) -> str:
        standing = self._standing
        if node is None and standing is not None and standing.leader is None:
            return standing.reason
        return f"another {self.kind.holder} has taken over"

    def _delay(self) -> None:
        self._not_before = asyncio.get_running_loop().time() + self._pauses.take()

    def _tell_change(self) -> None:
        self._change.set()
        self._change = asyncio.Event()


async def _close(service: FrameworkService[Any]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await service.close()
        except Exception:
            logger.exception("the end of a term failed")
