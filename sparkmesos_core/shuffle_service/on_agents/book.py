"""The book of the shuffle services on agents: what happens goes in, what is to be done comes out.

One task per agent that meets the constraints, launched as soon as the agent makes an offer with room for it,
and again when it ends. Never a second one while the first may live: a launch is written before Mesos is told,
and taken back only when Mesos says how the task ended. An agent that is out of reach keeps its task; an agent
of which the master knows nothing is asked for before anything is launched there.

Pure: it has no clock, makes no calls and writes nothing. Times (`now`) are seconds since 1970. Every method
that something happens in returns the actions that follow from it, in their order: first what is to be on
disk, then what Mesos is to be told. Should the store fail, the book is to be thrown away, and another one to
`recover` from what was written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sparkmesos_core.durable_framework.actions import (
    Acknowledge,
    Action,
    Decline,
    LaunchTasks,
    SaveFramework,
)
from sparkmesos_core.durable_framework.demand import Demand
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.store.store import Stored
from sparkmesos_core.durable_framework.task_status import TaskStatus
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.shuffle_service.on_agents.alarms import Alarms
from sparkmesos_core.shuffle_service.on_agents.back_off import UNREACHABLE, is_alive, may_return
from sparkmesos_core.shuffle_service.on_agents.course import ServiceCourse
from sparkmesos_core.shuffle_service.on_agents.inquiries import Inquiries
from sparkmesos_core.shuffle_service.on_agents.ledger import ServiceLedger
from sparkmesos_core.shuffle_service.on_agents.limits import ServiceLimits
from sparkmesos_core.shuffle_service.on_agents.offer_judge import COVERED, OfferJudge
from sparkmesos_core.shuffle_service.on_agents.placement import (
    Cause,
    Hindrance,
    Need,
    Placement,
    PortsOfAgent,
)
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Entry, Phase
from sparkmesos_core.shuffle_service.on_agents.uncovered import SeenAgents, Uncovered

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]

Build = Callable[[str, Offer, Sequence[Json]], Json]
"""Makes the TaskInfo of a service: task id, offer, the resources that it takes."""

_DEFAULT_LIMITS = ServiceLimits()
_STOPPING = Hindrance(Cause.STOPPING, "all services are being stopped")


class ServiceBook:
    """All services, from the first launch on an agent until the agent is forgotten."""

    def __init__(
        self,
        need: Need,
        build: Build,
        ports_of: PortsOfAgent,
        *,
        stops_seen: int = 0,
        only_to_stop: bool = False,
        master: str = "",
        limits: ServiceLimits = _DEFAULT_LIMITS,
    ) -> None:
        """`stops_seen`: how many stops the store told of when this process started; see `stopped`.

        Of a process that is `only_to_stop`, a stop that was under way by then is its own. `master` is what is
        kept of the master that the framework is subscribed at.
        """
        self._build = build
        self._stops_seen = stops_seen
        self._only_to_stop = only_to_stop
        self._master = master
        self._limits = limits
        self._framework_id: str | None = None
        self._subscribed = False
        self._ledger = ServiceLedger()
        self._times = Alarms()
        self._inquiries = Inquiries(self._ledger, limits)
        self._course = ServiceCourse(self._ledger, self._times, limits)
        self._demand = Demand(limits.refuse_seconds)
        self._seen = SeenAgents(2 * limits.refuse_seconds + 60.0)
        self._judge = OfferJudge(need, ports_of, self._ledger, self._inquiries, limits)
        # What the event at hand has led to so far, besides changes of records.
        self._framework_changed = False
        self._calls: list[Action] = []

    # What there is to know.

    @property
    def framework_id(self) -> str | None:
        """The id that Mesos knows the framework by; None before the first subscription."""
        return self._framework_id

    @property
    def home(self) -> str:
        """The master that the framework was subscribed at last; empty if that was not kept."""
        return self._ledger.home

    @property
    def next_due(self) -> float | None:
        """When `tick` has something to do; None: not before something else happens. May be in the past."""
        times = [self._times.next_due]
        if self._subscribed:
            times.append(self._inquiries.next_due)
            if not self.ends:
                times.append(self._demand.next_due)
        return min((time for time in times if time is not None), default=None)

    @property
    def ends(self) -> bool:
        """Whether there is to be no framework any more, or none before Mesos has ended this one."""
        return self.stop_under_way or self.stopped

    @property
    def stops(self) -> int:
        """How often the services were to be stopped for good, since the store was made."""
        return 0 if self._ledger.stops is None else self._ledger.stops.count

    @property
    def stop_under_way(self) -> bool:
        """Whether a stop is not confirmed by Mesos yet."""
        return self._ledger.stops is not None and self._ledger.stops.under_way

    @property
    def ends_for_good(self) -> bool:
        """Whether a stop is under way after which this process is to end, and not to begin anew."""
        return self.stop_under_way and self.stops > self._stops_seen

    @property
    def stopped(self) -> bool:
        """Whether there was a stop since this process started, and it is done: the process is to end."""
        return self.stops > self._stops_seen and not self.stop_under_way

    def service(self, agent_id: str) -> AgentService | None:
        """The service of one agent; None if it has none."""
        return self._ledger.get(agent_id)

    def services(self) -> Sequence[AgentService]:
        """All of them, also those that are to be launched again, in the order of their numbers."""
        return self._ledger.all()

    def uncovered(self, now: float) -> Sequence[Uncovered]:
        """The agents known from offers and records that have no service, and why, by host name."""
        return self._seen.uncovered(self._ledger, now)

    # What people want.

    def recover(self, stored: Stored[Entry], now: float) -> list[Action]:
        """Begin with what a store holds. Once, before anything else."""
        self._framework_id = stored.framework_id
        self._ledger.load(stored.records, stored.next_number)
        if self._only_to_stop and self.stop_under_way:
            self._stops_seen = min(self._stops_seen, self.stops - 1)
        self._course.recover(now)
        return self._decided(now)

    def stop(self, now: float) -> list[Action]:
        """End all services and the framework for good. It is done when `stopped` says so."""
        under_way = self._framework_id is not None
        self._ledger.set_stops(self.stops + 1, under_way=under_way)
        if not under_way:
            self._forget_all()
        elif self._subscribed:
            self._inquiries.end_all(now)
        return self._decided(now)

    # What Mesos says.

    def subscribed(self, framework_id: str, now: float) -> list[Action]:
        """Mesos knows the framework, by this id, and what was told it before may be lost."""
        if self._framework_id not in (None, framework_id):
            self._forget_all()
        if self._framework_id != framework_id:
            self._framework_id = framework_id
            self._framework_changed = True
        self._ledger.set_home(self._master)
        self._subscribed = True
        self._seen.clear()
        self._inquiries.begin_anew()
        self._demand.subscribed()
        if self.ends:
            self._inquiries.end_all(now)
        else:
            self._inquiries.reconcile_all(now)
        return self._decided(now)

    def disconnected(self, now: float) -> list[Action]:
        """No call can be made until there is another subscription. Services run on."""
        self._subscribed = False
        self._demand.disconnected()
        self._inquiries.begin_anew()
        return self._decided(now)

    def framework_removed(self, now: float) -> list[Action]:
        """Mesos has removed the framework, and with it all services: there will be another one, or none."""
        if self._framework_id is not None:
            self._framework_id = None
            self._framework_changed = True
        self._forget_all()
        if self.stop_under_way:
            self._ledger.set_stops(self.stops, under_way=False)
        return self.disconnected(now)

    def offers(self, offers: Sequence[Offer], now: float) -> list[Action]:
        """Launch services where they are missing, and decline all other offers."""
        if not self._subscribed:
            return []  # They were void before they came here.
        declined: dict[float, list[str]] = {}
        self._judge.locate(offers)
        for offer in offers:
            found = _STOPPING if self.ends else self._judge.judge(offer, now)
            why = self._launch(offer, found, now) if isinstance(found, Placement) else found
            self._seen.note(offer, None if why is COVERED else why, now)
            if why is not None:
                declined.setdefault(self._judge.refusal(offer, why, now), []).append(offer.id)
        self._calls.extend(Decline(offer_ids, seconds) for seconds, offer_ids in declined.items())
        self._demand.offered(now)
        return self._decided(now)

    def updated(self, message: Json, now: float) -> list[Action]:
        """Mesos told the state of a task: the `status` of an UPDATE event."""
        status = TaskStatus.from_mesos(message)
        service = self._service_of(status)
        if service is not None and service.task_id == status.task_id:
            self._hear(service, status, now)
        elif is_alive(status.state) and not self.ends:
            self._meet(status, service, now)
        elif status.state != UNREACHABLE:
            self._inquiries.gone(status.task_id, status.agent_id)
        self._inquiries.ended(now)
        if status.uuid:
            self._calls.append(Acknowledge(status.task_id, status.agent_id, status.uuid))
        return self._decided(now)

    def tick(self, now: float) -> list[Action]:
        """Do what is due; to be called at `next_due`, and at any other time without harm."""
        for kind, agent_id in self._times.pop_due(now):
            if self._course.due(kind, agent_id, now):
                self._demand.wish()
        if self._subscribed:
            self._inquiries.repeat(now)
        return self._decided(now)

    # How it is decided.

    def _launch(self, offer: Offer, placement: Placement, now: float) -> Hindrance | None:
        """Use an offer; why that cannot be, if it cannot."""
        assert self._framework_id is not None, "offers come after a subscription"
        launch = self._course.to_launch(offer, self._framework_id, now, port_reserved=placement.port_reserved)
        try:
            task = self._build(launch.task_id, offer, placement.resources)
        except Exception as error:
            if not isinstance(error, SparkMesosError):
                logger.error("the task for agent %s could not be made", offer.agent_id, exc_info=error)
                return Hindrance(Cause.TASK, f"no task could be made: {type(error).__name__}, see the log")
            return Hindrance(Cause.TASK, f"no task could be made: {error.message}")
        self._ledger.put(launch)
        self._calls.append(LaunchTasks(offer.id, [task], self._limits.refuse_seconds))
        self._inquiries.launched(launch, now)
        return None

    def _hear(self, service: AgentService, status: TaskStatus, now: float) -> None:
        """Take in a status of the current task of a service."""
        self._inquiries.answered(service)
        before = service.phase in (Phase.LAUNCHED, Phase.RUNNING)
        self._course.heard(service, status, now)
        after = self._ledger.get(service.id)
        if may_return(service) and after is not None and not after.may_live and not may_return(after):
            self._demand.wish()
        lives = after is not None and after.phase in (Phase.LAUNCHED, Phase.RUNNING)
        if before and not lives and self._judge.freed(service.host):
            self._demand.wish()

    def _meet(self, status: TaskStatus, service: AgentService | None, now: float) -> None:
        """A task lives that is none of the current ones: it is adopted where there is no other, else killed.

        It is one that was thought to have ended, with its agent, or one whose record could not be read.
        """
        if service is not None and service.may_live:
            logger.warning(
                "killing task %s: agent %s has %s already", status.task_id, status.agent_id, service.task_id
            )
            self._inquiries.kill(status.task_id, status.agent_id, now)
            return
        logger.warning("task %s on agent %s is taken for its service", status.task_id, status.agent_id)
        host, url = self._seen.place_of(status.agent_id)
        adopted = self._course.adopt(status, host, url, self._framework_id or "", now)
        # It may have been said late, and the task have ended meanwhile.
        self._inquiries.ask(adopted, now)

    def _service_of(self, status: TaskStatus) -> AgentService | None:
        if status.agent_id:
            return self._ledger.get(status.agent_id)
        return next((one for one in self._ledger.all() if one.task_id == status.task_id), None)

    def _forget_all(self) -> None:
        """All tasks are gone with their framework."""
        for service in self._ledger.all():
            self._ledger.forget(service.id)
        self._ledger.set_home("")
        self._times.clear()
        self._inquiries.begin_anew()
        self._judge.forget()
        self._seen.clear()

    def _decided(self, now: float) -> list[Action]:
        """What the event at hand has led to."""
        framework = [SaveFramework(self._framework_id)] if self._framework_changed else []
        calls, self._calls, self._framework_changed = self._calls, [], False
        demand = [] if self.ends else self._demand.calls(True, now)
        # Nothing can be acknowledged after the end of the framework, which may be among the inquiries.
        return [*self._ledger.to_write(), *framework, *calls, *self._inquiries.calls(), *demand]
