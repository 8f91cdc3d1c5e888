"""A running durable framework: the book of its records, their store, and Mesos, kept in step.

Everything is decided by the book, in the event loop. What it decides is written first, all that waits in one
go; then Mesos is told, and whoever waits for an answer gets it. So whatever anybody has heard of is in the
store, and one that is killed at any point goes on where the store says.

When the store fails nobody knows how much of the last decisions is in it: they are forgotten, with the book,
and both begin anew with what the store holds once it works again. Who waits for one of them is told so, and
not, as those whose decisions were never tried to be written, that nothing was done.

Another process may have taken over the store, or the framework: then it is over with this service, which
makes no call any more. Even a subscription that it thinks it has just got is written first: a former leader
that comes back to Mesos finds out before it has touched anything of its successor's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from sparkmesos_core.durable_framework.actions import Action, SaveFramework
from sparkmesos_core.durable_framework.alarm import Alarm
from sparkmesos_core.durable_framework.book import Book
from sparkmesos_core.durable_framework.condition import Condition, InDoubtError
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.durable_framework.scheduler import End
from sparkmesos_core.durable_framework.store.store import Store, Stored
from sparkmesos_core.durable_framework.store_repair import StoreRepair
from sparkmesos_core.durable_framework.writer import Writer
from sparkmesos_core.errors import FrameworkError, SparkMesosError, StoreError, StoreTakenOverError

logger = logging.getLogger(__name__)

B = TypeVar("B", bound=Book[Any])
T = TypeVar("T")

_REFUSED_PAUSE = 15.0
"""Seconds until a framework that Mesos refused is tried again: somebody may have changed its permissions."""


class Mesos(Protocol):
    """What the service needs of `Scheduler`."""

    @property
    def problem(self) -> str:
        """Why there is no subscription."""

    def subscribe(self, framework_id: str | None) -> None:
        """Begin to subscribe."""

    def unsubscribe(self) -> None:
        """Leave, without an end of the framework."""

    def make(self, actions: Sequence[Action]) -> None:
        """Make these calls."""

    async def close(self) -> None:
        """Make the calls that wait, and leave for good."""


class FrameworkService(Generic[B]):
    """Asks a book of this type, and is the `Listener` of its framework. Lives in one event loop."""

    def __init__(
        self,
        kind: RecordKind[Any],
        *,
        open_store: Callable[[], Store[Any]],
        new_book: Callable[[], B],
        master: str,
        on_leader: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`kind` is that of the records; it says what the log and errors call them, and who keeps them.

        `open_store` is called once, where it may block; `new_book` makes an empty book.

        `master` is what to call the masters as long as the leader is unknown. `on_leader` gets the
        `HOST:PORT` of each leader before tasks are launched through it. `clock` gives seconds since 1970.
        """
        self._kind = kind
        self._open_store = open_store
        self._new_book = new_book
        self._clock = clock
        self._on_leader = on_leader
        self._master = master
        self._started_at = clock()
        self.book = new_book()
        """To be read; what changes it goes through `ask`."""
        self._mesos: Mesos | None = None
        self._writer = Writer[Any](kind.holder, self._call, self._fail_with)
        self._repair = StoreRepair[Any](self._writer.load, self._begin_anew, self._end)
        self._alarm = Alarm(self._tick, clock)
        self._again: asyncio.TimerHandle | None = None
        self._subscribed = False
        self._subscribed_once = asyncio.Event()
        self._unusable = "it is just starting"
        self._refusal = ""
        self._left = False
        self._given_id: str | None = None
        """What Mesos calls the framework, which the store may not know yet."""
        self._torn_down = asyncio.Event()
        self._teardown_refusal = ""
        self._teardown_refused = asyncio.Event()
        self._over = asyncio.Event()

    # Its life

    async def open(self) -> None:
        """Open the store and read it. Raises StoreError, and what else opening it does."""
        self._begin(await self._writer.open(self._open_store))

    def connect(self, mesos: Mesos) -> None:
        """Begin to subscribe; after `open`."""
        self._mesos = mesos
        mesos.subscribe(self.book.framework_id)

    async def subscribed(self) -> None:
        """Return when Mesos knows the framework, or did once."""
        await self._subscribed_once.wait()

    async def over(self) -> None:
        """Return when another process has taken over: nothing will be decided here any more."""
        await self._over.wait()

    async def torn_down(self) -> None:
        """Return when Mesos has ended the framework because its book `ends` it, and that is on disk.

        Nothing is decided here any more then, and nobody registers anew.
        """
        await self._torn_down.wait()

    async def teardown_refused(self) -> None:
        """Return when Mesos refuses a `Teardown` the next time: `teardown_refusal` says why."""
        await self._teardown_refused.wait()

    def leave(self, reason: str) -> None:
        """Decide nothing more and say nothing more to Mesos, at once; `close` has to follow.

        Tasks run on, and Mesos keeps the framework. Who waits for an answer is told the reason.
        """
        self._left = True
        self._be_silent(reason)

    async def close(self) -> None:
        """Write what is decided, tell Mesos, and leave. Tasks run on, and Mesos keeps the framework."""
        if not self._unusable:
            self._unusable = "it is just stopping"
        self._left = True
        self._drop_timers()
        await self._writer.idle()
        await self._repair.close()
        if self._mesos is not None:
            await self._mesos.close()
        await self._writer.close()

    # For who asks

    @property
    def condition(self) -> Condition:
        """How it is."""
        reason = self._unusable
        if not reason and not self._subscribed:
            reason = self._refusal or (
                self._mesos.problem if self._mesos is not None else "not connected yet"
            )
        return Condition(
            ready=not self._unusable,
            subscribed=self._subscribed,
            reason=reason,
            framework_id=self.book.framework_id,
            master=self._master,
            started_at=self._started_at,
        )

    @property
    def teardown_refusal(self) -> str:
        """Why Mesos has refused the last `Teardown` of this subscription, for people; empty: it has not."""
        return self._teardown_refusal

    async def settled(self) -> None:
        """Return when all that was decided before is on disk."""
        if self._unusable:
            raise self._cannot()
        if self._writer.is_idle:
            return
        written = asyncio.get_running_loop().create_future()
        self._writer.put((), written)
        try:
            await written
        except InDoubtError as error:  # whatever has become of the write, it cannot be told of
            raise self._cannot() from error

    async def ask(self, decide: Callable[[B, float], tuple[T, Iterable[Action]]]) -> T:
        """Have the book decide something at this time, and return its answer when it is on disk.

        Raises FrameworkError if that is impossible at the moment and nothing was done, and InDoubtError when
        the store has failed in the middle of it.
        """
        if self._unusable:
            raise self._cannot()
        try:
            answer, actions = decide(self.book, self._clock())
        except Exception as error:
            self._fail_with(error)
            raise self._cannot() from error
        written = asyncio.get_running_loop().create_future()
        self._carry_out(actions, written)
        await written
        return answer

    # For Mesos: what `Listener` promises

    def on_subscribed(self, framework_id: str, master: str) -> None:
        """There is a subscription."""
        logger.info("subscribed at %s as framework %s", master or self._master, framework_id)
        self._subscribed = True
        self._refusal = self._teardown_refusal = ""
        self._given_id = framework_id
        self._subscribed_once.set()
        if master:
            self._master = f"http://{master}"
            self._on_leader(master)
        self._happened(lambda book, now: [SaveFramework(framework_id), *book.subscribed(framework_id, now)])

    def on_disconnected(self) -> None:
        """The subscription is lost."""
        logger.warning("the subscription is lost; %s run on", self._kind.plural)
        self._subscribed = False
        self._happened(lambda book, now: book.disconnected(now))

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Something that Mesos says."""
        kind = event["type"]
        if kind == "OFFERS":
            offers = event["offers"]["offers"]
            self._happened(lambda book, now: book.offers([Offer.from_mesos(one) for one in offers], now))
        elif kind == "UPDATE":
            self._happened(lambda book, now: book.updated(event["update"]["status"], now))

    def on_end(self, end: End, error: SparkMesosError) -> None:
        """Mesos will not have the framework as it is."""
        self._subscribed = False
        if self._mesos is None or self._unusable:
            return
        if end in (End.REMOVED, End.TORN_DOWN):
            if self.book.ends:
                logger.info("the framework %s was torn down", self.book.framework_id)
            else:
                lost = self._kind.plural
                logger.warning("%s; its %s are lost, and there will be another one", error.message, lost)
            self._given_id = None
            written = asyncio.get_running_loop().create_future()
            written.add_done_callback(self._on_removed)
            self._happened(lambda book, now: book.framework_removed(now), written)
        elif end is End.TAKEN_OVER:
            self._end(f"another {self._kind.holder} goes on with this one's framework ({error.message})")
        else:
            self._refusal = error.message
            logger.error("%s (%s)", error.message, error.hint)
            self._happened(lambda book, now: book.disconnected(now))
            self._again = asyncio.get_running_loop().call_later(_REFUSED_PAUSE, self._subscribe_again)

    def on_teardown_refused(self, error: SparkMesosError) -> None:
        """Mesos does not end the framework."""
        self._teardown_refusal = error.message
        self._teardown_refused.set()
        self._teardown_refused = asyncio.Event()

    def _on_removed(self, written: asyncio.Future[None]) -> None:
        """When it is on disk that the framework is no more; else there is another try, as the store says."""
        if not written.cancelled() and written.exception() is not None:
            return
        if self.book.ends:
            self._end_for_good()
        else:
            self._subscribe_again()

    def _end_for_good(self) -> None:
        self._be_silent("its framework was torn down")
        self._torn_down.set()

    def _subscribe_again(self) -> None:
        """Go on as the framework that Mesos knows, even if the store failed when its id was to be written."""
        if self._mesos is not None and not self._unusable and not self._subscribed:
            self._mesos.subscribe(self.book.framework_id or self._given_id)

    # Decisions, and how they are carried out

    def _happened(
        self,
        decide: Callable[[B, float], Iterable[Action]],
        written: asyncio.Future[None] | None = None,
    ) -> None:
        """Have the book decide what to do about an event; `written` is told when that is on disk."""
        if self._unusable:
            return
        try:
            actions = decide(self.book, self._clock())
        except Exception as error:  # noqa: BLE001 - a fault of ours: go on with a book that is sound
            self._fail_with(error)
        else:
            self._carry_out(actions, written)

    def _carry_out(self, actions: Iterable[Action], written: asyncio.Future[None] | None = None) -> None:
        self._writer.put(actions, written)
        self._alarm.set(self.book.next_due)

    def _call(self, calls: Sequence[Action]) -> None:
        if self._mesos is not None:
            self._mesos.make(calls)

    def _fail_with(self, error: Exception) -> None:
        """Forget what is decided and not written, and begin anew with what the store holds, when it works."""
        if self._left:
            if isinstance(error, StoreError):
                self._unusable = error.message
            self._drop()
            return
        if isinstance(error, StoreTakenOverError):
            self._end(error.message)
            return
        if isinstance(error, StoreError):
            self._unusable = error.message
            logger.error("%s (%s)", error.message, error.hint)
        else:
            self._unusable = "it had an error of its own, and begins anew with what its store holds"
            logger.error("an error that should not be", exc_info=error)
        self._be_silent(self._unusable)
        self._repair.begin()

    def _end(self, reason: str) -> None:
        """It is over with this service."""
        logger.warning("no more is decided here: %s", reason)
        self._be_silent(reason)
        self._over.set()

    def _be_silent(self, reason: str) -> None:
        """Take no requests, and say nothing to Mesos: what it says now would have to be forgotten."""
        self._unusable = reason
        self._drop()
        self._subscribed = False
        if self._mesos is not None:
            self._mesos.unsubscribe()
        self._drop_timers()

    def _drop(self) -> None:
        """Forget what is decided and not written."""
        in_doubt = InDoubtError(
            f"The request may have been carried out, or not: {self._unusable}",
            hint="Look what has become of it before you ask again.",
        )
        self._writer.drop(self._cannot(), in_doubt)

    def _drop_timers(self) -> None:
        self._alarm.drop()
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _begin_anew(self, stored: Stored[Any]) -> None:
        """Go on with what the store holds, which works again."""
        if self._left:
            return
        logger.info("the store works again: going on with %d %s", len(stored.records), self._kind.plural)
        self._begin(stored)
        self._subscribe_again()

    def _begin(self, stored: Stored[Any]) -> None:
        self.book = self._new_book()
        self._unusable = ""
        self._repair.works()
        self._happened(lambda book, now: book.recover(stored, now))
        if self.book.ends and self.book.framework_id is None and self._given_id is None:
            self._end_for_good()  # Mesos had ended it before the store failed, or this process began

    def _cannot(self) -> FrameworkError:
        return FrameworkError(
            f"The {self._kind.holder} takes no requests at the moment: {self._unusable}",
            hint="Try again soon. Its log tells more.",
        )

    def _tick(self) -> None:
        """The book has something to do."""
        self._happened(lambda book, now: book.tick(now))
