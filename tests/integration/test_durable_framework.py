"""A durable framework on a real cluster: its end, which Mesos is asked for and which it learns of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import requests

from sparkmesos_core.durable_framework.scheduler import Scheduler
from sparkmesos_core.durable_framework.service import FrameworkService
from sparkmesos_core.durable_framework.store.sqlite import open_sqlite
from sparkmesos_core.errors import MesosError, UnreachableError
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, cluster_in_thread
from sparkmesos_core.master import MesosMaster, parse_master
from sparkmesos_core.mesos.framework import Framework
from sparkmesos_core.shuffle_service.on_agents import care as care_module
from sparkmesos_core.shuffle_service.on_agents.book import ServiceBook
from sparkmesos_core.shuffle_service.on_agents.care import Care
from sparkmesos_core.shuffle_service.on_agents.kind import SERVICES
from sparkmesos_core.shuffle_service.on_agents.limits import ServiceLimits
from sparkmesos_core.shuffle_service.on_agents.placement import Need
from sparkmesos_core.shuffle_service.on_agents.settings import ServicesSettings

_PATIENCE = 30.0


def _answered(call: Callable[[Framework], None]) -> Callable[[Framework], None]:
    return call


def _answer_lost(call: Callable[[Framework], None]) -> Callable[[Framework], None]:
    def lost(framework: Framework) -> None:
        call(framework)
        raise UnreachableError("TEARDOWN was not answered")

    return lost


@pytest.mark.parametrize("how", [_answered, _answer_lost], ids=["answered", "answer lost"])
def test_a_teardown(
    how: Callable[[Callable[[Framework], None]], Callable[[Framework], None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Mesos ends the framework; it is forgotten here, and nobody registers anew."""
    monkeypatch.setattr(Framework, "teardown", how(Framework.teardown))
    place = tmp_path / "services.db"

    async def run(master: MesosMaster) -> str | None:
        service = FrameworkService(
            SERVICES,
            open_store=lambda: open_sqlite(place, SERVICES),
            new_book=lambda: ServiceBook(
                Need.of(1000, 1024, 7337), lambda *_: {}, lambda _: None
            ),  # more cores than there are: nothing is launched
            master=str(master),
        )
        await service.open()
        try:
            service.connect(
                Scheduler(master, {"user": "root", "name": "n", "failover_timeout": 600}, service)
            )
            await asyncio.wait_for(service.subscribed(), _PATIENCE)
            framework_id = service.condition.framework_id
            await service.ask(lambda book, now: (None, book.stop(now)))
            await asyncio.wait_for(service.torn_down(), _PATIENCE)
        finally:
            await service.close()
        return framework_id

    with cluster_in_thread(ClusterSpec(work_dir=tmp_path / "cluster", agents=(AgentSpec(),))) as cluster:
        master = parse_master(cluster.url)
        assert isinstance(master, MesosMaster)
        framework_id = asyncio.run(run(master))
        told = requests.get(f"http://{master.hosts[0]}/frameworks", timeout=_PATIENCE).json()
    assert told["frameworks"] == []
    assert [one["id"] for one in told["completed_frameworks"]] == [framework_id]
    with closing(open_sqlite(place, SERVICES)) as store:
        assert store.load().framework_id is None


def test_a_teardown_that_mesos_refuses_is_told_and_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until somebody lets it: who wants the end hears why it does not come, and goes on wanting it."""
    teardown = Framework.teardown

    def refused(_framework: Framework) -> None:
        raise MesosError("the master refuses TEARDOWN: 403 not authorized", status=403)

    monkeypatch.setattr(Framework, "teardown", refused)
    impatient = partial(ServiceBook, limits=ServiceLimits(doubt_seconds=0.5))
    monkeypatch.setattr(care_module, "ServiceBook", impatient)
    place = tmp_path / "services.db"

    async def run(url: str) -> None:
        settings = ServicesSettings(
            master=url,
            folder=str(tmp_path),
            properties={"spark.mesos.executor.home": "/opt/spark"},
            user="root",
            hostname="localhost",
            cpus=1000.0,  # more than there are: nothing is launched
        )
        care = Care(settings, "http://localhost:1")
        try:
            await care.terms.begin_endless(lambda: open_sqlite(place, SERVICES))
            term = care.terms.service
            assert term is not None
            await asyncio.wait_for(term.subscribed(), _PATIENCE)
            began = time.monotonic()
            stopped = await asyncio.wait_for(care.stop(), _PATIENCE)
            assert time.monotonic() - began < _PATIENCE / 2, "it is told at once"
            assert (stopped.complete, stopped.reason) == (
                False,
                "the master refuses TEARDOWN: 403 not authorized",
            )
            assert "403 not authorized" in (await care.status()).problem
            monkeypatch.setattr(Framework, "teardown", teardown)
            await asyncio.wait_for(term.torn_down(), _PATIENCE)
            assert (await care.stop()).complete
        finally:
            await care.terms.close()
            care.close()

    with cluster_in_thread(ClusterSpec(work_dir=tmp_path / "cluster", agents=(AgentSpec(),))) as cluster:
        asyncio.run(run(cluster.url))
