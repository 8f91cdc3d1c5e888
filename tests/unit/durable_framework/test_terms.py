"""Terms that follow elections which are played, with services whose stores and Mesos are played as well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sparkmesos_core.dispatcher.drivers.book import Book
from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.drivers.limits import Limits
from sparkmesos_core.dispatcher.service import DispatcherService
from sparkmesos_core.durable_framework import pauses
from sparkmesos_core.durable_framework.candidates import Candidate
from sparkmesos_core.durable_framework.election import Standing
from sparkmesos_core.durable_framework.scheduler import End
from sparkmesos_core.durable_framework.store.ownership import this_process
from sparkmesos_core.durable_framework.store.store import Store
from sparkmesos_core.durable_framework.terms import Terms
from sparkmesos_core.errors import FrameworkError, MesosError, StoreError, StoreTakenOverError
from tests.unit.dispatcher.drivers.play import build, submission
from tests.unit.durable_framework.in_memory import Disk, PlayedMesos

_PATIENCE = 20.0
OTHER = Candidate(this_process(), "http://d2:7077", "http://d2:8081")


class PlayedElection:
    """Says what the test lets it say."""

    def __init__(self) -> None:
        self.terms: Terms[DispatcherService] | None = None
        self.first = Standing(leader=OTHER)
        self.node: str | None = None
        self.stood_anew = 0
        self.closed = False

    async def start(self) -> None:
        self.say(self.first)

    def leads(self, node: str) -> bool:
        return self.node == node

    def lose(self) -> None:
        """Lead no more, before anybody is told."""
        self.node = None

    def stand_anew(self) -> None:
        self.stood_anew += 1

    async def close(self) -> None:
        self.closed = True

    def say(self, standing: Standing) -> None:
        assert self.terms is not None
        self.node = standing.node
        self.terms.tell(standing)


class Stage:
    """Terms, with all that was made for them."""

    def __init__(self) -> None:
        self.election = PlayedElection()
        self.disk = Disk(DRIVERS)
        self.opened: list[str] = []
        self.failing: Exception | None = None
        self.on_open: Callable[[], None] = lambda: None
        self.mesos: list[PlayedMesos] = []
        self.services: list[DispatcherService] = []
        self.terms = Terms(DRIVERS, self._new_service, self._connect)
        self.election.terms = self.terms
        self.stopping = asyncio.Event()

    async def stand(self) -> None:
        await self.terms.stand(self.election, self._open)  # type: ignore[arg-type]

    async def await_service(self, number: int) -> DispatcherService:
        """The service of the n-th term, when it has begun."""
        while self.terms.service is None or len(self.services) < number:
            await asyncio.wait_for(self.terms.changed(), _PATIENCE)
        assert self.terms.service is self.services[number - 1]
        return self.terms.service

    def leading(self) -> DispatcherService | None:
        """The service that may answer now."""
        return self.terms.service

    def _open(self, election: object, node: str) -> Store[Driver]:
        self.opened.append(node)
        self.on_open()
        if self.failing is not None:
            raise self.failing
        return self.disk

    def _new_service(self, open_store: Callable[[], Store[Driver]]) -> DispatcherService:
        service = DispatcherService(
            open_store=open_store, new_book=lambda: Book(Limits(), build), master="mesos://m:5050"
        )
        self.services.append(service)
        return service

    def _connect(self, service: DispatcherService) -> None:
        self.mesos.append(PlayedMesos())
        service.connect(self.mesos[-1])


Test = Callable[[Stage], Coroutine[Any, Any, None]]


def play(test: Test, first: Standing) -> Stage:
    """Runs a test with terms that run."""

    async def run() -> Stage:
        stage = Stage()
        stage.election.first = first
        await stage.stand()
        running = asyncio.create_task(stage.terms.run(stage.stopping))
        try:
            await asyncio.wait_for(test(stage), 2 * _PATIENCE)
        finally:
            stage.stopping.set()
            await asyncio.wait_for(running, _PATIENCE)
            await stage.terms.close()
        assert stage.election.closed
        return stage

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "FIRST_PAUSE", 0.01)


def test_who_is_not_elected_has_no_service() -> None:
    async def test(stage: Stage) -> None:
        assert stage.leading() is None
        assert stage.opened == []

    play(test, Standing(leader=OTHER))


def test_a_term_begins_when_it_is_elected_and_ends_when_it_is_not() -> None:
    async def test(stage: Stage) -> None:
        stage.election.say(Standing(node="n1", leader=OTHER))
        service = await stage.await_service(1)
        stage.services[0].on_subscribed("f-1", "")
        await service.create(submission())
        stage.election.say(Standing(leader=OTHER))
        assert stage.leading() is None  # before anything else has happened
        while stage.mesos[0].left == 0 or not stage.mesos[0].closed:
            await asyncio.sleep(0)
        with pytest.raises(FrameworkError):
            await service.create(submission())
        stage.election.say(Standing(node="n2", leader=OTHER))
        second = await stage.await_service(2)
        assert second is not service
        assert stage.opened == ["n1", "n2"]
        assert stage.mesos[1].subscriptions == ["f-1"]  # under the same framework id
        assert len(second.drivers()) == 1

    play(test, Standing(leader=OTHER))


def test_another_node_of_ours_is_another_term() -> None:
    """Between the two anybody may have led."""

    async def test(stage: Stage) -> None:
        first = await stage.await_service(1)
        stage.election.say(Standing(node="n2", leader=OTHER))
        assert stage.leading() is None
        assert await stage.await_service(2) is not first
        assert stage.opened == ["n1", "n2"]

    play(test, Standing(node="n1", leader=OTHER))


def test_the_same_node_again_is_the_same_term() -> None:
    async def test(stage: Stage) -> None:
        first = await stage.await_service(1)
        stage.election.say(Standing(reason="no answer"))
        assert stage.leading() is None
        stage.election.say(Standing(node="n1", leader=OTHER))
        await asyncio.sleep(0)
        assert stage.leading() is first
        assert stage.mesos[0].left == 0

    play(test, Standing(node="n1", leader=OTHER))


def test_a_lease_that_has_ended_ends_all_answers_before_anybody_tells() -> None:
    async def test(stage: Stage) -> None:
        first = await stage.await_service(1)
        stage.election.node = None
        assert stage.leading() is None
        stage.election.node = "n1"
        assert stage.leading() is first

    play(test, Standing(node="n1", leader=OTHER))


@pytest.mark.parametrize("what", ["store", "framework"])
def test_what_was_taken_over_though_we_lead_is_taken_back(what: str) -> None:
    async def test(stage: Stage) -> None:
        service = await stage.await_service(1)
        stage.services[0].on_subscribed("f-1", "")
        await service.create(submission())
        if what == "framework":
            stage.services[0].on_end(End.TAKEN_OVER, MesosError("Framework failed over"))
        else:
            stage.disk.failing = StoreTakenOverError("another dispatcher has taken over")
            with pytest.raises(FrameworkError):
                await service.create(submission())
            stage.disk.failing = None
        second = await stage.await_service(2)
        assert stage.opened == ["n1", "n1"]
        assert stage.mesos[1].subscriptions == ["f-1"]
        assert len(second.drivers()) == 1

    play(test, Standing(node="n1", leader=OTHER))


def test_who_cannot_open_the_store_lets_others_go_first() -> None:
    async def test(stage: Stage) -> None:
        stage.failing = StoreError("does not answer")
        stage.election.say(Standing(node="n1", leader=OTHER))
        while stage.election.stood_anew == 0:
            await asyncio.sleep(0)
        assert stage.leading() is None
        stage.failing = None
        stage.election.say(Standing(node="n2", leader=OTHER))
        await stage.await_service(2)
        assert set(stage.opened) == {"n1", "n2"}

    play(test, Standing(leader=OTHER))


def test_at_the_start_a_store_that_cannot_be_opened_is_an_error() -> None:
    async def run() -> None:
        stage = Stage()
        stage.election.first = Standing(node="n1", leader=OTHER)
        stage.failing = StoreError("is damaged")
        try:
            with pytest.raises(StoreError, match="is damaged"):
                await stage.stand()
        finally:
            await stage.terms.close()
        assert stage.election.closed

    asyncio.run(run())


def test_at_the_start_an_election_that_is_lost_meanwhile_is_none() -> None:
    async def run() -> None:
        stage = Stage()
        stage.election.first = Standing(node="n1", leader=OTHER)
        stage.failing = StoreTakenOverError("another dispatcher was elected meanwhile")

        def lose(election: object, node: str) -> Store[Driver]:
            stage.election.node = None
            raise StoreError("another dispatcher was elected meanwhile")

        await stage.terms.stand(stage.election, lose)  # type: ignore[arg-type]
        assert stage.leading() is None
        await stage.terms.close()

    asyncio.run(run())


def test_who_has_lost_while_the_store_was_opened_does_not_go_to_mesos() -> None:
    """It would take the framework from whoever was elected."""

    async def test(stage: Stage) -> None:
        stage.on_open = lambda: stage.election.lose()
        stage.election.say(Standing(node="n1", leader=OTHER))
        while not stage.disk.closed:
            await asyncio.sleep(0)
        assert stage.leading() is None
        assert stage.mesos == []
        assert stage.election.stood_anew == 0
        stage.on_open = lambda: None
        stage.election.say(Standing(node="n2", leader=OTHER))
        await stage.await_service(2)

    play(test, Standing(leader=OTHER))


def test_a_store_of_its_own_is_one_term_without_end() -> None:
    async def run() -> None:
        stage = Stage()
        stopping = asyncio.Event()
        await stage.terms.begin_endless(lambda: stage.disk)
        service = stage.leading()
        assert service is stage.services[0]
        running = asyncio.create_task(stage.terms.run(stopping))
        service.on_end(End.TAKEN_OVER, MesosError("Framework failed over"))
        await asyncio.sleep(0)
        assert stage.leading() is service  # which says what is wrong
        assert not service.condition.ready
        stopping.set()
        await asyncio.wait_for(running, _PATIENCE)
        await stage.terms.close()
        assert len(stage.services) == 1
        assert stage.disk.closed

    asyncio.run(run())
