"""What a process does for the services of all agents: leads or stands by, tells their status, ends them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.durable_framework.parts import scheduler_of, standing_by_of
from sparkmesos_core.durable_framework.store.sqlite import open_sqlite
from sparkmesos_core.durable_framework.store.store import Store
from sparkmesos_core.durable_framework.terms import Terms
from sparkmesos_core.errors import FrameworkError, UnreachableError
from sparkmesos_core.shuffle_service.on_agents.agent_ports import AgentPorts
from sparkmesos_core.shuffle_service.on_agents.book import ServiceBook
from sparkmesos_core.shuffle_service.on_agents.home_cluster import check_home, spelled
from sparkmesos_core.shuffle_service.on_agents.kind import SERVICES
from sparkmesos_core.shuffle_service.on_agents.last_words import LastWords, LastWordsReader
from sparkmesos_core.shuffle_service.on_agents.listeners import Listeners
from sparkmesos_core.shuffle_service.on_agents.placement import Need
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Stops
from sparkmesos_core.shuffle_service.on_agents.server import Standing, Stopped
from sparkmesos_core.shuffle_service.on_agents.settings import ServicesSettings
from sparkmesos_core.shuffle_service.on_agents.settled import SettledServices
from sparkmesos_core.shuffle_service.on_agents.status import ServicesStatus
from sparkmesos_core.shuffle_service.on_agents.status_reading import completed, reports
from sparkmesos_core.shuffle_service.on_agents.task_info import Build
from sparkmesos_core.shuffle_service.on_agents.term import ServicesTerm

logger = logging.getLogger(__name__)

_MASTER_SECONDS = 4.0
_ASKING_SECONDS = 5.0
"""For how long a status waits for the master, and then for services and agents."""
_LOOK_SECONDS = 0.5
_LEADER_SECONDS = 20.0
"""For how long, beyond ZooKeeper's session, somebody to lead is waited for by who is to end them all."""
_STOP_SECONDS = 30.0
"""For how long somebody who stops them all is told nothing while Mesos has not confirmed it."""
_FRESH_SECONDS = 1.0
"""For so long a status is not put together anew."""


def _no_task(task_id: str, *_: object) -> dict[str, Any]:
    """Of a process that is there to end them all."""
    raise FrameworkError(f"{task_id} is not launched: all services are to end")


@dataclass
class _Told:
    status: ServicesStatus
    at: float


class Care:
    """It is the `Caretaker` of the server; made, used and closed in one event loop."""

    def __init__(
        self,
        settings: ServicesSettings,
        url: str,
        *,
        stops_seen: int = 0,
        only_to_stop: bool = False,
        patience: float | None = None,
    ) -> None:
        """`url` is where the process answers, `stops_seen` what `stops_so_far` said when it started, and
        `only_to_stop` is for who is to call `stop_at_once`. `patience` is that of `StandingBy`.
        """
        self._settings = settings
        self._url = url
        self._stops_seen = stops_seen
        self._only_to_stop = only_to_stop
        principal, secret = settings.principal, settings.secret
        self._ports = AgentPorts(principal=principal, secret=secret)
        self._words = LastWordsReader(settings.service_port, principal=principal, secret=secret)
        self._settled = SettledServices(principal=principal, secret=secret)
        self._listeners = Listeners(settings.service_port, authenticates=settings.authenticates)
        self._build: Build = _no_task if only_to_stop else settings.build()
        self.terms = Terms(SERVICES, self._new_term, self._connect)
        self.standing_by = standing_by_of(
            settings,
            self.terms,
            url,
            url,
            # Who is to end them all is told nothing of the role.
            agreed=() if only_to_stop else ("user", "principal", "role"),
            patience=patience,
        )
        self._told: _Told | None = None
        self._telling = asyncio.Lock()
        self._stopped = asyncio.Event()

    async def stopped(self) -> None:
        """Return when all services were stopped, since this process started: it is to end, too."""
        while not self._stopped.is_set():
            term = self.terms.service
            if term is not None and term.book.stopped:
                self._stopped.set()
                break
            waiting = [asyncio.create_task(self._stopped.wait()), asyncio.create_task(self.terms.changed())]
            if term is not None:
                waiting.append(asyncio.create_task(term.torn_down()))
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waiting:
                    task.cancel()
        logger.info("all services are stopped, and the framework is gone")

    async def stop_at_once(self) -> Stopped | None:
        """As `stop`, as soon as this process leads; None if another one does, which has to be asked.

        Raises UnreachableError if neither comes true, though whoever led has had the time to be given up.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LEADER_SECONDS + self._settings.zookeeper_session
        while self.terms.service is None:
            if self.standing_by is not None and await self.standing_by.reach() is not None:
                return None
            if loop.time() > deadline:
                obstacle = "" if self.standing_by is None else f": {self.standing_by.obstacle}"
                raise UnreachableError(
                    f"No {SERVICES.holder} leads that could be asked{obstacle}",
                    hint="Check the ZooKeeper servers, and try again.",
                )
            changed = asyncio.create_task(self.terms.changed())
            await asyncio.wait({changed}, timeout=_LOOK_SECONDS)
            changed.cancel()
        return await self.stop()

    def open_own(self) -> Store[Any]:
        """The store of a process that takes part in no election. Raises StoreError."""
        store = open_sqlite(self._settings.database, SERVICES)
        try:
            # Nobody else can stop what this process has the store of.
            stops = [record for record in store.load().records if isinstance(record, Stops)]
        except BaseException:
            store.close()
            raise
        self._stops_seen = stops[0].count if stops else 0
        return store

    def close(self) -> None:
        """Ask nobody anything more."""
        self._ports.close()
        self._words.close()
        self._settled.close()
        self._listeners.close()

    # What the server asks

    def standing(self) -> Standing:
        """How it is."""
        term = self.terms.service
        if term is not None:
            condition = term.condition
            return Standing(
                leads=True,
                subscribed=condition.ready and condition.subscribed,
                reason=condition.reason,
                usable=condition.ready,
            )
        if self.standing_by is None:
            return Standing(leads=False, subscribed=False, reason="it has just begun", usable=False)
        state = self.standing_by.state()
        return Standing(leads=False, subscribed=False, reason=state.reason, leader=state.rest_url)

    async def status(self) -> ServicesStatus:
        """All services. Raises FrameworkError if this process does not lead any more."""
        async with self._telling:
            now = asyncio.get_running_loop().time()
            if self._told is None or now - self._told.at > _FRESH_SECONDS:
                status = await self._read_status()
                self._told = _Told(status, asyncio.get_running_loop().time())
            return self._told.status

    async def stop(self) -> Stopped:
        """End them all, the framework, and this process. Raises FrameworkError if that cannot be now."""
        term = self._leading()
        services = sum(service.may_live for service in term.book.services())
        # One under way from before this process started would be followed by another framework.
        if not (term.book.ends_for_good or term.book.stopped):
            logger.info("all services are to end, and the framework")
            await term.ask(lambda book, now: (None, book.stop(now)))
        ends = [
            asyncio.create_task(wait)
            for wait in (term.torn_down(), term.teardown_refused(), self._stopped.wait())
        ]
        try:
            if not term.book.stopped:  # as it is at once if Mesos knows nothing of the framework
                await asyncio.wait(ends, timeout=_STOP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
        if term.book.stopped:
            self._stopped.set()
            return Stopped(complete=True, services=services)
        reason = term.condition.reason or term.teardown_refusal or "Mesos has not confirmed it yet"
        return Stopped(complete=False, services=services, reason=reason)

    # The terms

    def _new_term(self, open_store: Callable[[], Store[Any]]) -> ServicesTerm:
        settings = self._settings
        need = Need.of(settings.cpus, settings.memory, settings.service_port, settings.constraints)
        return ServicesTerm(
            SERVICES,
            open_store=open_store,
            new_book=lambda: ServiceBook(
                need,
                self._build,
                self._ports.ports,
                stops_seen=self._stops_seen,
                only_to_stop=self._only_to_stop,
                master=spelled(settings.parsed_master),
            ),
            master=str(settings.parsed_master),
            on_leader=self._ports.follow,
            read_last_words=self._read_last_words,
            check_home=self._check_home,
        )

    async def _check_home(self, book: ServiceBook) -> None:
        """What another master has launched is not to be forgotten at this one, which knows nothing of it."""
        settings, master = self._settings, self._settings.parsed_master
        if book.framework_id is None or book.home in ("", spelled(master)):
            return
        await asyncio.to_thread(
            check_home,
            master,
            book.home,
            book.framework_id,
            [service.id for service in book.services()],
            place=str(settings.zookeeper_address or settings.database),
            principal=settings.principal,
            secret=settings.secret,
        )

    def _connect(self, term: ServicesTerm) -> None:
        if term.book.stopped or (self._only_to_stop and term.book.framework_id is None):
            return  # Mesos knows nothing of it, and is not to
        term.connect(scheduler_of(self._settings, self._url, term))

    def _leading(self) -> ServicesTerm:
        term = self.terms.service
        if term is None:
            raise FrameworkError("This process does not lead any more", hint="Try again soon.")
        return term

    # The status

    async def _read_status(self) -> ServicesStatus:
        term = self._leading()
        registered, problem = await self._ports.agents(_MASTER_SECONDS)
        book, condition = term.book, term.condition
        services = book.services()
        found = reports(
            services,
            book.uncovered(term.now()),
            None if problem else registered,
            self._settings.constraints,
        )
        failed = {
            service.id: service.last_ending.task_id
            for service in services
            if service.failures and service.last_ending is not None
        }
        listening, words, settled = await asyncio.gather(
            self._listeners.look((report.host for report in found if report.host), _ASKING_SECONDS),
            self._words_of(term, failed),
            self._settled.look(((one, self._urls(one)) for one in services), term.now(), _ASKING_SECONDS),
        )
        return ServicesStatus(
            url=self._url,
            pid=os.getpid(),
            framework_id=condition.framework_id,
            master=condition.master,
            subscribed=condition.subscribed,
            problem=condition.reason or term.teardown_refusal or problem,
            port=self._settings.service_port,
            constraints=";".join(map(str, self._settings.constraints)),
            stopping=book.stop_under_way,
            begins_anew=book.stop_under_way and not book.ends_for_good,
            agents=completed(found, listening, words, settled),
        )

    async def _words_of(self, term: ServicesTerm, failed: dict[str, str]) -> dict[str, LastWords]:
        """What services wrote last that have failed; by the ids of agents, given those of tasks."""
        readings: list[asyncio.Task[LastWords]] = []
        for agent_id, task_id in failed.items():
            if (service := term.book.service(agent_id)) is not None:
                readings.append(asyncio.create_task(self._read_last_words(service, task_id)))
        if readings:
            _, late = await asyncio.wait(readings, timeout=_ASKING_SECONDS)
            for reading in late:
                reading.cancel()
        return {agent_id: self._words.known(task_id) for agent_id, task_id in failed.items()}

    async def _read_last_words(self, service: AgentService, task_id: str) -> LastWords:
        return await self._words.read(self._urls(service), service.framework_id, task_id)

    def _urls(self, service: AgentService) -> list[str]:
        """Where the agent of a service may answer: as it is called by itself, and by its master."""
        return [url for url in (service.agent_url, self._ports.url(service.id)) if url]
