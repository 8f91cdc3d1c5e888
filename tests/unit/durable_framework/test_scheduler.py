"""Leaders that cannot be spoken to; `test_dispatcher.py` runs the scheduler on real masters."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import pytest

from sparkmesos_core.durable_framework import scheduler as scheduler_module
from sparkmesos_core.durable_framework.actions import Teardown
from sparkmesos_core.durable_framework.scheduler import End, Scheduler
from sparkmesos_core.errors import MesosError, SparkMesosError, UsageError
from sparkmesos_core.master import HostPort, MesosMaster, ZooKeeperMaster, parse_master
from sparkmesos_core.mesos.leader import Leader

ZOOKEEPER = "mesos://zk://z1:2181/mesos"
SILENT = Leader(HostPort("127.0.0.1", 9))
OVER_HTTPS = Leader(HostPort("m2.example", 5050), "https")


class Watch:
    """In the place of LeaderWatch: who leads is played."""

    problem = None

    def __init__(self, master: ZooKeeperMaster, on_leader: Callable[[Leader | None], None]) -> None:
        pass

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class Ends:
    """A listener that keeps ends."""

    def __init__(self) -> None:
        self.heard: list[tuple[End, SparkMesosError]] = []

    def on_subscribed(self, framework_id: str, master: str) -> None:
        raise AssertionError("nobody leads")

    def on_disconnected(self) -> None:
        pass

    def on_event(self, event: Mapping[str, Any]) -> None:
        raise AssertionError("nobody leads")

    def on_end(self, end: End, error: SparkMesosError) -> None:
        self.heard.append((end, error))

    def on_teardown_refused(self, error: SparkMesosError) -> None:
        raise AssertionError("nobody was asked")


def play(url: str, test: Callable[[Scheduler, Ends], None]) -> None:
    async def run() -> None:
        master = parse_master(url)
        assert isinstance(master, MesosMaster | ZooKeeperMaster)
        ends = Ends()
        scheduler = Scheduler(master, {"user": "ops", "name": "n"}, ends)
        try:
            test(scheduler, ends)
        finally:
            await scheduler.close()

    asyncio.run(run())


@pytest.fixture(autouse=True)
def _played_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "LeaderWatch", Watch)


@pytest.mark.parametrize("before", [None, SILENT])
def test_a_leader_that_cannot_be_spoken_to_is_told_each_time(before: Leader | None) -> None:
    """Whoever listens tries again: that another one leads by then is as likely as that not."""

    def test(scheduler: Scheduler, ends: Ends) -> None:
        scheduler.subscribe("f-1")
        scheduler._on_leader(before)
        scheduler._on_leader(OVER_HTTPS)
        assert [end for end, _ in ends.heard] == [End.REFUSED]
        scheduler.subscribe("f-1")
        assert [end for end, _ in ends.heard] == [End.REFUSED] * 2
        assert "https" in ends.heard[-1][1].message
        scheduler.subscribe("f-1")
        scheduler._on_leader(SILENT)
        assert len(ends.heard) == 3

    play(ZOOKEEPER, test)


def test_a_master_of_a_list_that_cannot_be_spoken_to_is_an_error_at_once() -> None:
    def test(scheduler: Scheduler, ends: Ends) -> None:
        with pytest.raises(UsageError, match="IPv6"):
            scheduler.subscribe(None)
        assert ends.heard == []

    play("mesos://m1:5050,[::1]:5050", test)


REFUSAL = MesosError("the master refuses TEARDOWN: 403 no", status=403)


class PlayedFramework:
    """A subscription that a test holds in its hands."""

    latest: PlayedFramework

    def __init__(self, info: Mapping[str, Any], leader: Leader, on_event: Any, **options: Any) -> None:
        self.on_event = on_event
        self.on_disconnected = options["on_disconnected"]
        self.problem = ""
        self.ended = threading.Event()
        type(self).latest = self

    def start(self) -> None:
        pass

    def stop(self) -> None:
        self.ended.set()

    def join(self, timeout: float | None = None) -> bool:
        return self.ended.wait(timeout)

    def teardown(self) -> None:
        raise REFUSAL


class Silent(Ends):
    """A listener that waits for subscriptions, and for refusals."""

    def __init__(self) -> None:
        super().__init__()
        self.subscribed = asyncio.Event()
        self.refused: asyncio.Future[SparkMesosError] = asyncio.get_running_loop().create_future()

    def on_subscribed(self, framework_id: str, master: str) -> None:
        self.subscribed.set()

    def on_teardown_refused(self, error: SparkMesosError) -> None:
        self.refused.set_result(error)


def test_that_nobody_leads_is_said_when_it_is_known() -> None:
    def test(scheduler: Scheduler, _: Ends) -> None:
        scheduler.subscribe(None)
        assert scheduler.problem == "ZooKeeper has not told yet which master leads"
        scheduler._on_leader(None)
        assert scheduler.problem == "no master leads"

    play("mesos://zk://h:2181/mesos", test)


def test_why_there_is_no_subscription(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        master = parse_master("mesos://m1:5050,m2:5050")
        assert isinstance(master, MesosMaster)
        listener = Silent()
        scheduler = Scheduler(master, {"user": "ops", "name": "n"}, listener)
        scheduler.subscribe(None)
        framework = PlayedFramework.latest
        try:
            assert scheduler.problem == "the master mesos://m1:5050,m2:5050 has not answered yet"
            framework.problem = "the master at m1:5050 cannot be reached: Name or service not known"
            assert scheduler.problem == framework.problem
            framework.problem = ""
            framework.on_event({"type": "SUBSCRIBED", "subscribed": {"framework_id": {"value": "f-1"}}})
            await asyncio.wait_for(listener.subscribed.wait(), 20)
            # It has answered, so that is not what is said from now on.
            assert "has not answered" not in scheduler.problem
            scheduler.subscribe("f-1")
            assert "is lost" in scheduler.problem
        finally:
            await scheduler.close()

    monkeypatch.setattr(scheduler_module, "Framework", PlayedFramework)
    asyncio.run(run())


def test_a_teardown_that_is_refused_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        master = parse_master("mesos://m1:5050")
        assert isinstance(master, MesosMaster)
        listener = Silent()
        scheduler = Scheduler(master, {"user": "ops", "name": "n"}, listener)
        scheduler.subscribe(None)
        try:
            PlayedFramework.latest.on_event(
                {"type": "SUBSCRIBED", "subscribed": {"framework_id": {"value": "f-1"}}}
            )
            await asyncio.wait_for(listener.subscribed.wait(), 20)
            scheduler.make([Teardown()])
            assert await asyncio.wait_for(listener.refused, 20) is REFUSAL
            assert listener.heard == []
        finally:
            await scheduler.close()

    monkeypatch.setattr(scheduler_module, "Framework", PlayedFramework)
    asyncio.run(run())
