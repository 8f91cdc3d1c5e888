"""Who answers on a dispatcher's ports: the service of the term, or a standby."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sparkmesos_core.dispatcher.dispatcher import Dispatcher
from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.dispatcher.server import applications
from sparkmesos_core.dispatcher.server.applications import Standby
from sparkmesos_core.dispatcher.server.sandboxes import Sandboxes
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.durable_framework.standing_by import StandbyState
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.http_service.leader_connections import LeaderConnections
from tests.asgi_client import request
from tests.in_memory_dispatcher import InMemoryDispatcher

TOKEN = "0123456789abcdef0123456789abcdef"
READY = "/v1/submissions/readyz"
PAGES = PagesSettings(address="mesos://d1:7077", max_drivers=200, version="1")
NOBODY = StandbyState(None, None, 0.0, "the election has not begun")


class Stage:
    """The two applications of a dispatcher, which leads if it has a service."""

    def __init__(self, token: AccessToken | None = None) -> None:
        self.service: Dispatcher | None = None
        standby = Standby(lambda: NOBODY, LeaderConnections())
        self.rest = applications.rest(lambda: self.service, standby, Rules(), token, "3.5.9")
        self.pages = applications.pages(lambda: self.service, standby, PAGES, Sandboxes(), token)


def play(test: Callable[[Stage], Coroutine[Any, Any, None]], token: AccessToken | None = None) -> None:
    async def run() -> None:
        await test(Stage(token))

    asyncio.run(run())


def test_each_term_has_its_own_and_between_them_there_is_the_standby() -> None:
    async def test(stage: Stage) -> None:
        async def leads() -> object:
            return (await request(stage.pages, "GET", "/health")).json()["leads"]

        assert (await request(stage.rest, "GET", READY)).status == 503
        assert await leads() is False
        for framework in ("f-1", "f-2"):
            stage.service = service = InMemoryDispatcher()
            service.condition = type(service.condition)(True, True, "", framework, "http://m:5050", 0.0)
            answer = await request(stage.rest, "GET", READY)
            assert (answer.status, answer.json()["frameworkId"]) == (200, framework)
            assert await leads() is True
            stage.service = None
            assert (await request(stage.rest, "GET", READY)).status == 503

    play(test)


def test_what_a_term_knew_is_not_kept_beyond_it() -> None:
    """Ten thousand drivers, say."""

    async def test(stage: Stage) -> None:
        stage.service = InMemoryDispatcher()
        known = weakref.ref(stage.service)
        for leads in (True, False):
            if not leads:
                stage.service = None
            for app, path in ((stage.rest, READY), (stage.pages, "/health")):
                await request(app, "GET", path)
        gc.collect()
        assert known() is None

    play(test)


@pytest.mark.parametrize("leads", [True, False])
def test_both_want_the_token(leads: bool) -> None:
    async def test(stage: Stage) -> None:
        stage.service = InMemoryDispatcher() if leads else None
        for app, path in ((stage.rest, READY), (stage.pages, "/")):
            assert (await request(app, "GET", path)).status == 401
            known = await request(app, "GET", path, headers=[("authorization", f"Bearer {TOKEN}")])
            assert known.status == (200 if leads else 503)

    play(test, AccessToken(TOKEN))


@pytest.mark.parametrize("leads", [True, False])
def test_both_refuse_pages_of_other_sites(leads: bool) -> None:
    async def test(stage: Stage) -> None:
        stage.service = InMemoryDispatcher() if leads else None
        foreign = [("origin", "http://evil.example")]
        for app, path in ((stage.rest, "/v1/submissions/killall"), (stage.pages, "/driver/d/kill")):
            assert (await request(app, "POST", path, headers=foreign)).status == 403

    play(test)
