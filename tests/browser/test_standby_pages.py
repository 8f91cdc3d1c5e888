"""The web UI at the address of a dispatcher that does not lead, as a browser shows it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from sparkmesos_core.dispatcher.drivers.driver import Outcome
from tests.agent_files import agent_files
from tests.pages_server import PagesServer, serve_pages, serve_standby
from tests.sample_drivers import launched, said, sample_dispatcher

QUEUED, RUNNING = (f"driver-20260131120000-{number:04d}" for number in (11, 6))


@pytest.fixture
def leader() -> Iterator[PagesServer]:
    now = time.time()
    dispatcher = sample_dispatcher(now)
    with agent_files(stdout=b"Pi is roughly 3.14\n", stderr=b"INFO started\n") as agent:
        running = launched(dispatcher.by_id[RUNNING], now - 90, agent_url=agent.url)
        dispatcher.by_id[RUNNING] = said(running, "TASK_RUNNING")
        with serve_pages(dispatcher) as server:
            yield server


@pytest.fixture(params=[True, False], ids=["scripts", "plain"])
def shown(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = chromium.new_context(java_script_enabled=request.param)
    yield context.new_page()
    context.close()


def test_everything_is_there_and_a_driver_can_be_killed(leader: PagesServer, shown: Page) -> None:
    with serve_standby(lambda: leader) as standby:
        shown.goto(standby.url)
        expect(shown.get_by_role("link", name=RUNNING, exact=True)).to_be_visible()
        shown.goto(f"{standby.url}/driver/{RUNNING}/files/stdout")
        expect(shown.get_by_text("Pi is roughly 3.14")).to_be_visible()
        shown.goto(standby.url)
        shown.get_by_role("link", name=f"Kill {QUEUED}").click()
        shown.get_by_role("button", name="Kill it").click()
        expect(shown.get_by_text("killed", exact=True)).to_be_visible()
        assert shown.url == f"{standby.url}/driver/{QUEUED}"
        assert leader.dispatcher.by_id[QUEUED].outcome is Outcome.KILLED
        shown.goto("about:blank")


def test_the_page_waits_for_the_next_leader(leader: PagesServer, shown: Page) -> None:
    leading: list[PagesServer] = []
    with serve_standby(lambda: leading[0] if leading else None) as standby:
        shown.goto(standby.url)
        expect(
            shown.get_by_text("No dispatcher leads at the moment: they are just electing one.")
        ).to_be_visible()
        leading.append(leader)
        expect(shown.get_by_role("link", name=RUNNING, exact=True)).to_be_visible(timeout=30_000)
        shown.goto("about:blank")


def test_an_open_list_says_that_nobody_leads_and_comes_back(leader: PagesServer, chromium: Browser) -> None:
    leading = [leader]
    page = chromium.new_context().new_page()
    page.clock.install()
    with serve_standby(lambda: leading[0] if leading else None) as standby:
        page.goto(standby.url)
        expect(page.get_by_role("link", name=RUNNING, exact=True)).to_be_visible()
        leading.clear()
        page.clock.fast_forward(5000)
        expect(page.get_by_text("No dispatcher leads at the moment")).to_be_visible(timeout=20_000)
        leading.append(leader)
        page.clock.fast_forward(5000)
        expect(page.get_by_role("link", name=RUNNING, exact=True)).to_be_visible(timeout=20_000)
        page.context.close()


def test_it_is_readable_on_a_telephone(chromium: Browser) -> None:
    page = chromium.new_context(viewport={"width": 360, "height": 640}).new_page()
    with serve_standby(lambda: None) as standby:
        page.goto(standby.url)
        expect(page.get_by_text("passes pages on")).to_be_visible()
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        page.context.close()
