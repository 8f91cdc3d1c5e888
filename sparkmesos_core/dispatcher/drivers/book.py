"""The dispatcher's book of drivers: what happens goes in, what is to be done comes out.

Pure: it has no clock, makes no calls and writes nothing. Times (`now`) are seconds since 1970. Every method
that something happens in returns the actions that follow from it, in their order: first what is to be on
disk, then what Mesos is to be told (see `actions`). Should the store fail, the book knows more than the disk:
then it is to be thrown away, and another one to `recover` from what was written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sparkmesos_core.dispatcher.dispatcher import Created, KillAnswer
from sparkmesos_core.dispatcher.drivers.course import Course
from sparkmesos_core.dispatcher.drivers.driver import Driver, Launch, Outcome, State
from sparkmesos_core.dispatcher.drivers.ledger import Ledger
from sparkmesos_core.dispatcher.drivers.limits import Limits
from sparkmesos_core.dispatcher.drivers.matching import Need, OpenOffer, OpenOffers, need_of
from sparkmesos_core.dispatcher.drivers.obstacle import (
    NO_MASTER,
    Obstacle,
    too_many_launched,
    waits_for_launch,
)
from sparkmesos_core.dispatcher.drivers.seen_offers import SeenOffers
from sparkmesos_core.dispatcher.drivers.shunned_agents import ShunnedAgents
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.drivers.submission_ids import (
    driver_framework_id,
    driver_id_of,
    submission_id,
    task_id,
)
from sparkmesos_core.dispatcher.drivers.supervision import has_ended, may_return, was_dropped_by_agent
from sparkmesos_core.durable_framework.actions import (
    Acknowledge,
    Action,
    Decline,
    KillTask,
    LaunchTasks,
    Reconcile,
    SaveFramework,
)
from sparkmesos_core.durable_framework.demand import Demand
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.store.store import Stored
from sparkmesos_core.durable_framework.task_status import TaskStatus
from sparkmesos_core.errors import SparkMesosError

logger = logging.getLogger(__name__)

DOUBT = 10.0
"""Seconds after a launch or a kill within which Mesos should have said something: then it is asked."""

Json = Mapping[str, Any]

Build = Callable[[Driver, str, str, Offer, Sequence[Json]], Json]
"""Makes the TaskInfo of a driver: driver, task id, the id for the driver's own framework, offer, resources.

A SparkMesosError ends the driver as failed, with that message."""


class Book:
    """All drivers of a dispatcher, from their acceptance until they are forgotten.

    Offers are used or declined as soon as they come and never kept, so nothing has to be done when one is
    rescinded: a launch that comes too late is answered with REASON_INVALID_OFFERS, and the driver waits
    again.
    """

    def __init__(self, limits: Limits, build: Build) -> None:
        self._limits = limits
        self._build = build
        self._framework_id: str | None = None
        self._subscribed = False
        self._next_number = 1
        self._drivers = Ledger(limits.retained)
        self._course = Course(self._drivers, limits)
        self._demand = Demand(limits.refuse_seconds)
        self._shunned = ShunnedAgents(limits.longest_wait)
        self._seen = SeenOffers()
        self._looked_at = 0.0
        self._launchable = 0
        self._doubts: dict[str, float] = {}
        self._reconcile_at: float | None = None
        # What the event at hand has led to so far, besides changes of drivers.
        self._framework_changed = False
        self._calls: list[Action] = []

    # What there is to know.

    @property
    def framework_id(self) -> str | None:
        """The id that Mesos knows the dispatcher by; None before the first subscription."""
        return self._framework_id

    @property
    def ends(self) -> bool:
        """Whether there is to be no framework any more: never, dispatchers are for ever."""
        return False

    @property
    def next_due(self) -> float | None:
        """When `tick` has something to do; None: not before something else happens. May be in the past."""
        if not self._subscribed:
            return None
        times = [self._demand.next_due, self._reconcile_at, next(iter(self._doubts.values()), None)]
        if self._has_room:
            times.append(self._drivers.retries.next_after(self._looked_at))
            if self._launchable:
                times.append(self._shunned.next_after(self._looked_at))
        return min((time for time in times if time is not None), default=None)

    @property
    def counts(self) -> Mapping[State, int]:
        """How many drivers are in which state."""
        return self._drivers.counts()

    def driver(self, driver_id: str) -> Driver | None:
        """One driver; None if it never was, or was forgotten."""
        return self._drivers.get(driver_id)

    def drivers(self) -> Sequence[Driver]:
        """All of them, in the order of their acceptance."""
        return self._drivers.all()

    def queue_position(self, driver_id: str) -> int | None:
        """How many queued drivers are before this one, plus one; None if it is not queued."""
        driver = self._drivers.get(driver_id)
        if driver is None or driver.state is not State.QUEUED:
            return None
        return self._drivers.queue.position(driver)

    def obstacle(self, driver_id: str, now: float) -> Obstacle | None:
        """What keeps a driver from being launched that may be; None of all others."""
        driver = self._drivers.get(driver_id)
        if driver is None or not waits_for_launch(driver, now):
            return None
        if not self._subscribed:
            return NO_MASTER
        if not self._has_room:
            return too_many_launched(self._limits.max_drivers)
        return self._seen.obstacle(driver)

    # What the dispatcher's clients want.

    def recover(self, stored: Stored[Driver], now: float) -> list[Action]:
        """Begin with what a store holds. Once, before anything else."""
        self._framework_id = stored.framework_id
        self._looked_at = now
        self._drivers.load(stored.records)
        self._next_number = max((driver.number + 1 for driver in stored.records), default=1)
        self._next_number = max(self._next_number, stored.next_number)
        for driver in stored.records:
            if driver.next_retry_at is not None and driver.next_retry_at > now + driver.wait:
                # The clock was set back meanwhile.
                self._drivers.change(driver, next_retry_at=now + driver.wait)
        return self._decided(now)

    def submit(self, submission: Submission, token: str, now: float) -> tuple[Created, list[Action]]:
        """Accept a driver, unless the token (if any) is that of one which was accepted already."""
        known = self._drivers.of_token(token) if token else None
        if known is not None:
            return Created(known, repeated=True), []
        waiting, most = len(self._drivers.queue), self._limits.max_queued
        if most is not None and waiting >= most:
            why = f"Already reached maximum submission size: {waiting} drivers wait to be launched"
            return Created(None, refusal=f"{why}, and spark.mesos.maxQueuedDrivers is {most}"), []
        number = self._next_number
        self._next_number += 1
        driver = Driver(
            id=submission_id(number, now),
            number=number,
            submission=submission,
            submitted_at=now,
            token=token,
        )
        self._drivers.accept(driver)
        return Created(driver), self._decided(now)

    def kill(self, driver_id: str, now: float) -> tuple[KillAnswer, list[Action]]:
        """Kill a driver in whatever state. That it is to be killed is remembered until it has ended."""
        answer = self._kill(driver_id, now)
        return answer, self._decided(now)

    def kill_all(self, now: float) -> tuple[list[KillAnswer], list[Action]]:
        """Kill every driver that has not ended."""
        alive = [driver.id for driver in self._drivers.all() if driver.state is not State.FINISHED]
        answers = [self._kill(driver_id, now) for driver_id in alive]
        return answers, self._decided(now)

    def clear(self, now: float) -> tuple[int, list[Action]]:
        """Forget all drivers that have ended; how many they were."""
        return self._drivers.clear(), self._decided(now)

    def _kill(self, driver_id: str, now: float) -> KillAnswer:
        driver = self._drivers.get(driver_id)
        if driver is None:
            return KillAnswer(driver_id, False, "Cannot find driver")
        if driver.state is State.FINISHED:
            if driver.outcome is Outcome.LOST and not driver.kill_requested:
                # Should its agent come back with it, it is killed.
                self._drivers.change(driver, kill_requested=True)
            return KillAnswer(driver_id, False, "Driver already terminated")
        if not driver.kill_requested:
            driver = self._drivers.change(driver, kill_requested=True)
        if driver.state is State.LAUNCHED:
            self._kill_task(driver, now)
            return KillAnswer(driver_id, True, "Killing running driver")
        being = "still pending" if driver.state is State.QUEUED else "being retried"
        detail = f"It was killed on request while it was {being}"
        self._course.finish(driver, Outcome.KILLED, now, detail=detail)
        return KillAnswer(driver_id, True, f"Removed driver while it's {being}")

    # What Mesos says.

    def subscribed(self, framework_id: str, now: float) -> list[Action]:
        """Mesos knows the dispatcher, by this id, and what was told it before may be lost."""
        if self._framework_id not in (None, framework_id):
            self._course.lose_launched(now)
        if self._framework_id != framework_id:
            self._framework_id = framework_id
            self._framework_changed = True
        self._subscribed = True
        self._seen.clear()
        self._demand.subscribed()
        self._reconcile_all(now)
        for driver in self._drivers.launched():
            if driver.kill_requested:
                self._kill_task(driver, now)
        return self._decided(now)

    def disconnected(self, now: float) -> list[Action]:
        """No call can be made until there is another subscription. Tasks run on."""
        self._subscribed = False
        self._demand.disconnected()
        self._doubts.clear()
        self._reconcile_at = None
        return self._decided(now)

    def framework_removed(self, now: float) -> list[Action]:
        """Mesos has removed the framework, and with it all its tasks: there will be another one."""
        if self._framework_id is not None:
            self._framework_id = None
            self._framework_changed = True
        self._course.lose_launched(now)
        return self.disconnected(now)

    def offers(self, offers: Sequence[Offer], now: float) -> list[Action]:
        """Launch what fits, each driver in the first offer that it fits into, and decline the others."""
        if not self._subscribed:
            return []  # They were void before they came here.
        tasks: dict[str, list[Json]] = {}
        shunned = {one.agent_id for one in offers if self._shunned.shuns(one.agent_id, now)}
        open_offers = OpenOffers([one for one in offers if one.agent_id not in shunned])
        for driver in self._candidates(now):
            if not self._has_room:
                break
            try:
                need = need_of(driver.submission)
            except Exception as error:  # noqa: BLE001 - as in `_launch`
                self._give_up(driver, error, now)
                continue
            fitting = open_offers.first_fit(need)
            task = self._launch(driver, need, fitting, now) if fitting is not None else None
            if fitting is not None and task is not None:
                tasks.setdefault(fitting.offer.id, []).append(task)
        self._seen.note(open_offers)
        self._seen.note([OpenOffer(one) for one in offers if one.agent_id in shunned], rests=True)
        refuse = self._limits.refuse_seconds
        self._calls.extend(LaunchTasks(offer_id, launched, refuse) for offer_id, launched in tasks.items())
        unused = [offer.id for offer in offers if offer.id not in tasks]
        if unused:
            self._calls.append(Decline(unused, refuse))
        self._demand.offered(now)
        return self._decided(now)

    def updated(self, message: Json, now: float) -> list[Action]:
        """Mesos told the state of a task: the `status` of an UPDATE event."""
        status = TaskStatus.from_mesos(message)
        driver = self._drivers.get(driver_id_of(status.task_id))
        if driver is not None and driver.launch is not None and driver.launch.task_id == status.task_id:
            self._doubts.pop(driver.id, None)
            if driver.state is State.LAUNCHED and was_dropped_by_agent(driver, status):
                self._shunned.dropped(driver.launch.agent_id, driver.launch.at, now)
            if self._course.heard(driver, status, now):
                self._calls.append(KillTask(status.task_id, driver.launch.agent_id))
                self._doubt(driver, now)
        elif not has_ended(status):
            # A launch that was thought lost has come back, and its driver was launched again since, or is
            # forgotten: nobody would ever hear of it.
            if driver is None:
                logger.warning("killing task %s: it is of no driver that is known", status.task_id)
            self._calls.append(KillTask(status.task_id, status.agent_id))
        if status.uuid:
            self._calls.append(Acknowledge(status.task_id, status.agent_id, status.uuid))
        return self._decided(now)

    def tick(self, now: float) -> list[Action]:
        """Do what is due; to be called at `next_due`, and at any other time without harm."""
        # Times that are too far away are those of a clock that was set back.
        doubtful = [driver_id for driver_id, due in self._doubts.items() if not now < due <= now + DOUBT]
        for driver_id in doubtful:
            del self._doubts[driver_id]
        period = self._limits.reconcile_seconds
        if self._reconcile_at is not None and not now < self._reconcile_at <= now + period:
            self._reconcile_all(now)
        else:
            found = (self._drivers.get(driver_id) for driver_id in doubtful)
            self._reconcile(driver for driver in found if driver and driver.state is State.LAUNCHED)
        return self._decided(now)

    # How it is decided.

    @property
    def _has_room(self) -> bool:
        return self._drivers.launched_count < self._limits.max_drivers

    def _candidates(self, now: float) -> list[Driver]:
        """Those that may be launched now: as in Spark those that did run already come first."""
        return [
            self._drivers[driver_id] for driver_id in (*self._drivers.retries.due(now), *self._drivers.queue)
        ]

    def _launch(self, driver: Driver, need: Need, offer: OpenOffer, now: float) -> Json | None:
        """Make the driver's task and take its resources; None if there is no making it."""
        assert self._framework_id is not None, "offers come after a subscription"
        task = task_id(driver.id, driver.launches)
        framework = driver_framework_id(self._framework_id, task)
        share = offer.share(need)
        try:
            built = self._build(driver, task, framework, offer.offer, share.taken)
        except Exception as error:  # noqa: BLE001 - even a fault of ours must not keep the others waiting
            self._give_up(driver, error, now)
            return None
        offer.take(share)
        launch = Launch(
            task_id=task,
            agent_id=offer.offer.agent_id,
            agent_host=offer.offer.host,
            agent_url=offer.offer.agent_url,
            framework_id=framework,
            at=now,
        )
        launches = driver.launches + 1
        self._drivers.change(
            driver, state=State.LAUNCHED, launch=launch, launches=launches, next_retry_at=None
        )
        self._doubt(driver, now)
        return built

    def _give_up(self, driver: Driver, error: Exception, now: float) -> None:
        """End a driver of which no task can be made."""
        if isinstance(error, SparkMesosError):
            detail = error.message
        else:  # whose text might hold a secret
            logger.error("the task of %s could not be made", driver.id, exc_info=error)
            detail = f"The task could not be made: {type(error).__name__}, see the dispatcher's log"
        self._course.finish(driver, Outcome.FAILED, now, detail=detail)

    def _kill_task(self, driver: Driver, now: float) -> None:
        """Have Mesos kill it; while there is no subscription, the next one brings it up again."""
        if self._subscribed and driver.launch is not None:
            self._calls.append(KillTask(driver.launch.task_id, driver.launch.agent_id))
            self._doubt(driver, now)

    def _doubt(self, driver: Driver, now: float) -> None:
        self._doubts.pop(driver.id, None)
        self._doubts[driver.id] = now + DOUBT

    def _reconcile_all(self, now: float) -> None:
        """Ask for all that are launched or may be so again, and for whatever else Mesos knows."""
        returning = [driver for driver in self._drivers.all() if may_return(driver)]
        self._reconcile([*self._drivers.launched(), *returning])
        self._calls.append(Reconcile({}))
        self._reconcile_at = now + self._limits.reconcile_seconds

    def _reconcile(self, drivers: Iterable[Driver]) -> None:
        launches = (driver.launch for driver in drivers)
        tasks = {launch.task_id: launch.agent_id for launch in launches if launch is not None}
        if tasks:
            self._calls.append(Reconcile(tasks))

    def _decided(self, now: float) -> list[Action]:
        """What the event at hand has led to."""
        launchable = len(self._drivers.queue) + self._drivers.retries.due_count(now)
        rested = self._shunned.next_after(self._looked_at)
        if launchable > self._launchable or (rested is not None and rested <= now):
            self._demand.wish()
        self._launchable, self._looked_at = launchable, now
        wanted = self._has_room and launchable > 0
        framework = [SaveFramework(self._framework_id)] if self._framework_changed else []
        calls, self._calls, self._framework_changed = self._calls, [], False
        return [*self._drivers.to_write(), *framework, *calls, *self._demand.calls(wanted, now)]
