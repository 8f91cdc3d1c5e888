"""The dispatcher's web UI, as a browser shows it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from playwright.sync_api import Browser, Page, expect

from sparkmesos_core.dispatcher.drivers.driver import Outcome, State
from sparkmesos_core.http_service.tls import load_identity
from tests.agent_files import AgentFiles, agent_files
from tests.http_stub import Answer, http_stub
from tests.in_memory_dispatcher import InMemoryDispatcher
from tests.pages_server import PagesServer, serve_pages
from tests.sample_drivers import EVIL, SECRET, launched, many_drivers, said, sample_dispatcher

QUEUED, RUNNING, EVIL_ID, RETRYING = (f"driver-20260131120000-{number:04d}" for number in (11, 6, 5, 10))
TOKEN = "0123456789abcdef"


@pytest.fixture
def agent() -> Iterator[AgentFiles]:
    with agent_files(stdout=b"Pi is roughly 3.14\n", stderr=b"INFO started\n") as agent:
        yield agent


@pytest.fixture
def server(agent: AgentFiles) -> Iterator[PagesServer]:
    """The sample, in which one running driver's agent really answers."""
    now = time.time()
    dispatcher = sample_dispatcher(now)
    running = launched(dispatcher.by_id[RUNNING], now - 90, agent_url=agent.url)
    dispatcher.by_id[RUNNING] = said(running, "TASK_RUNNING")
    with serve_pages(dispatcher, history_server="https://history.example") as server:
        yield server


@pytest.fixture
def page(server: PagesServer, page: Page) -> Page:
    """One that is closed before its server is: an open one goes on asking it."""
    return page


@pytest.fixture
def plain_page(chromium: Browser) -> Iterator[Page]:
    """A browser without JavaScript."""
    context = chromium.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def let_the_pause_pass(page: Page) -> None:
    """The one between two refreshes, of a page whose clock is installed."""
    page.clock.fast_forward(5000)


def is_cut_off(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


def row(page: Page, driver_id: str) -> Any:
    return page.get_by_role("row").filter(has_text=driver_id)


def test_the_lists(page: Page, server: PagesServer) -> None:
    page.goto(server.url)
    expect(page).to_have_title("Spark drivers · mesos://dispatcher.example:7077")
    expect(row(page, RUNNING)).to_contain_text("running")
    expect(row(page, RUNNING)).to_contain_text("1 min 3")
    expect(row(page, RETRYING)).to_contain_text("Command exited with status 1")
    expect(row(page, QUEUED)).to_contain_text("3 min 2")
    for word in ("succeeded", "failed", "killed", "lost"):
        expect(page.get_by_text(word, exact=True).first).to_be_visible()
    link = row(page, RUNNING).get_by_role("link", name="history")
    expect(link).to_have_attribute("href", f"https://history.example/history/5e0a-0001-{RUNNING}")


def test_names_are_text_and_never_markup(page: Page, server: PagesServer) -> None:
    for path in ("/", f"/driver/{EVIL_ID}", f"/driver/{EVIL_ID}/kill"):
        page.goto(server.url + path)
        expect(page.get_by_text(EVIL).first).to_be_visible()
        assert "owned" not in page.title().replace(EVIL, "")
        assert page.locator("b").count() == 0


def test_a_drivers_description_hides_what_is_secret(page: Page, server: PagesServer) -> None:
    page.goto(server.url)
    page.get_by_role("link", name=RUNNING, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(RUNNING)
    expect(page.locator("#properties")).to_contain_text("spark.mesos.driver.secret.values")
    expect(page.locator("#properties")).to_contain_text("***")
    assert SECRET not in page.content()


def test_lists_refresh_themselves_and_keep_their_place(page: Page, server: PagesServer) -> None:
    server.change(lambda d: d.by_id.update({one.id: one for one in many_drivers(60, time.time())[13:]}))
    page.set_viewport_size({"width": 1280, "height": 400})
    page.clock.install()
    page.goto(server.url)
    page.get_by_label("Search drivers").fill("half a wor")
    page.evaluate("scrollTo(0, 600)")
    server.change(lambda d: void(d.change(RUNNING, kill_requested=True)))
    let_the_pause_pass(page)
    expect(row(page, RUNNING)).to_contain_text("being killed", timeout=20000)
    assert page.evaluate("scrollY") == 600
    expect(page.get_by_label("Search drivers")).to_have_value("half a wor")


def test_focus_survives_a_refresh(page: Page, server: PagesServer) -> None:
    page.clock.install()
    page.goto(server.url)
    page.get_by_role("link", name=QUEUED, exact=True).focus()
    server.change(lambda d: void(d.change(RUNNING, kill_requested=True)))
    let_the_pause_pass(page)
    expect(row(page, RUNNING)).to_contain_text("being killed", timeout=20000)
    assert page.evaluate("document.activeElement.textContent") == QUEUED


def test_refreshing_can_be_stopped(page: Page, server: PagesServer) -> None:
    page.goto(server.url)
    page.get_by_role("link", name="Stop refreshing").click()
    expect(page.get_by_role("link", name="Refresh every 5 seconds")).to_be_visible()
    assert page.locator("[data-refresh]").count() == 0
    page.get_by_label("Search drivers").fill("fraud")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="Refresh every 5 seconds")).to_be_visible()


def test_a_dispatcher_that_is_gone_is_said_to_be(chromium: Browser) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.clock.install()
    with serve_pages(sample_dispatcher(time.time())) as server:
        page.goto(server.url)
    let_the_pause_pass(page)
    expect(page.get_by_text("The dispatcher does not answer.")).to_be_visible(timeout=20000)
    expect(row(page, RUNNING)).to_be_visible()
    context.close()


def test_searching_and_turning_pages(page: Page, server: PagesServer) -> None:
    server.change(lambda d: d.by_id.update({one.id: one for one in many_drivers(300, time.time())[13:]}))
    page.goto(server.url)
    page.get_by_role("link", name="All 290").click()
    expect(page.get_by_text("1 to 100 of 290")).to_be_visible()
    page.get_by_role("link", name="After").click()
    expect(page.get_by_text("101 to 200 of 290")).to_be_visible()
    page.get_by_label("Search drivers").fill("Job 77")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="driver-20260131120000-0077", exact=True)).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_text("1 to 100 of 290")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_killing(scripts: bool, page: Page, plain_page: Page, server: PagesServer) -> None:
    shown = page if scripts else plain_page
    shown.goto(server.url)
    shown.get_by_role("link", name=f"Kill {QUEUED}").click()
    assert server.dispatcher.by_id[QUEUED].state is State.QUEUED
    shown.get_by_role("button", name="Kill it").click()
    expect(shown.get_by_text("killed", exact=True)).to_be_visible()
    assert shown.url == f"{server.url}/driver/{QUEUED}"
    assert server.dispatcher.by_id[QUEUED].outcome is Outcome.KILLED


def test_pages_of_other_sites_kill_nothing(chromium: Browser, server: PagesServer) -> None:
    """With a token that somehow got out, in a form that sends itself."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/driver/{QUEUED}/kill")
    token = page.locator("input[name=token]").get_attribute("value")
    action = f"{server.url}/driver/{QUEUED}/kill"
    form = (
        f'<form method="post" action="{action}"><input name="token" value="{token}"><button>x</button></form>'
    )
    with http_stub({"/": Answer(200, form.encode(), {"Content-Type": "text/html"})}) as evil:
        page.goto(f"http://127.0.0.1:{evil.address.port}/")
        page.get_by_role("button").click()
        expect(page.get_by_text("Requests of other sites' pages are refused.")).to_be_visible()
        page.goto(f"http://localhost:{evil.address.port}/")
        page.get_by_role("button").click()
        expect(page.get_by_text("Requests of other sites' pages are refused.")).to_be_visible()
    context.close()
    assert server.dispatcher.by_id[QUEUED].state is State.QUEUED


def test_logs_are_shown_while_they_are_written(page: Page, server: PagesServer, agent: AgentFiles) -> None:
    page.goto(server.url)
    row(page, RUNNING).get_by_role("link", name="stdout").click()
    log = page.locator("#log")
    expect(log).to_have_text("Pi is roughly 3.14\n")
    agent.files["stdout"] += f"and € {EVIL}\n".encode()
    expect(log).to_contain_text(f"and € {EVIL}")
    assert page.locator("b").count() == 0
    agent.files["stdout"] += b"last words\n"
    server.change(
        lambda d: void(
            d.change(RUNNING, state=State.FINISHED, outcome=Outcome.SUCCEEDED, finished_at=time.time())
        )
    )
    expect(log).to_contain_text("last words")
    expect(page.get_by_text("The driver has ended; nothing is added.")).to_be_visible()


def test_the_end_of_a_long_log_stays_in_view_unless_somebody_reads_above(
    page: Page, server: PagesServer, agent: AgentFiles
) -> None:
    agent.files["stderr"] = b"".join(b"line %d\n" % number for number in range(500))
    page.goto(f"{server.url}/driver/{RUNNING}/files/stderr")
    at_end = "innerHeight + scrollY >= document.documentElement.scrollHeight - 1"
    page.wait_for_function(at_end)
    agent.files["stderr"] += b"more\n" * 50
    expect(page.locator("#log")).to_contain_text("more")
    page.wait_for_function(at_end)
    page.evaluate("scrollTo(0, 100)")
    agent.files["stderr"] += b"even more\n"
    expect(page.locator("#log")).to_contain_text("even more")
    assert page.evaluate("scrollY") == 100


def test_another_launch_has_another_log(page: Page, server: PagesServer, agent: AgentFiles) -> None:
    page.goto(f"{server.url}/driver/{RUNNING}/files/stdout")
    expect(page.locator("#following")).to_have_text("following")

    def launch_again(dispatcher: InMemoryDispatcher) -> None:
        launch = dispatcher.by_id[RUNNING].launch
        assert launch is not None
        agent.files["stdout"] = b"the second launch\n"
        # Its framework's id ends in the id of the task, as always.
        again = replace(
            launch,
            task_id=RUNNING.replace("0006", "0019"),
            framework_id="5e0a-0001-" + RUNNING.replace("0006", "0019"),
        )
        dispatcher.change(RUNNING, launch=again)

    server.change(launch_again)
    expect(page.locator("#log")).to_have_text("the second launch\n")


def test_a_log_that_is_not_there_yet_is_waited_for(
    chromium: Browser, server: PagesServer, agent: AgentFiles
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.clock.install()
    agent.down = True
    page.goto(f"{server.url}/driver/{RUNNING}/files/stdout")
    expect(page.get_by_text("An agent that is being recovered")).to_be_visible()
    agent.down = False
    let_the_pause_pass(page)
    expect(page.locator("#log")).to_have_text("Pi is roughly 3.14\n", timeout=20000)
    agent.files["stdout"] += b"more\n"
    expect(page.locator("#log")).to_contain_text("more")
    context.close()


def test_files_of_a_sandbox(page: Page, server: PagesServer, agent: AgentFiles) -> None:
    agent.files["work/a b.txt"] = b"content\n"
    page.goto(f"{server.url}/driver/{RUNNING}")
    page.get_by_role("link", name="files").click()
    page.get_by_role("link", name="work/").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="download").click()
    assert download.value.suggested_filename == "a b.txt"
    assert Path(download.value.path()).read_bytes() == b"content\n"
    page.get_by_role("link", name="a b.txt").click()
    expect(page.locator("#log")).to_have_text("content\n")


def test_everything_works_without_scripts(plain_page: Page, server: PagesServer, agent: AgentFiles) -> None:
    plain_page.goto(server.url)
    expect(plain_page.locator("noscript meta[http-equiv=refresh]")).to_have_attribute("content", "5")
    row(plain_page, RUNNING).get_by_role("link", name="stderr").click()
    expect(plain_page.locator("#log")).to_have_text("INFO started\n")
    agent.files["stderr"] += b"INFO more\n"
    expect(plain_page.locator("#log")).to_contain_text("INFO more", timeout=20000)
    plain_page.get_by_role("link", name="Stop refreshing").click()
    assert plain_page.locator("noscript meta").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_follows_the_colours_of_the_system(scheme: str, page: Page, server: PagesServer) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for path in ("/", f"/driver/{RUNNING}", f"/driver/{RUNNING}/kill", f"/driver/{RUNNING}/files/stdout"):
        page.goto(server.url + path)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
        assert (brightness < 200) == (scheme == "dark")


def test_nothing_is_cut_off_on_a_telephone(page: Page, server: PagesServer, agent: AgentFiles) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    agent.files["stdout"] += b"x" * 3000
    for path in (
        "/",
        "/?state=finished",
        f"/driver/{RUNNING}",
        f"/driver/{EVIL_ID}",
        f"/driver/{RUNNING}/kill",
        f"/driver/{RUNNING}/files/",
        f"/driver/{RUNNING}/files/stdout",
        f"/?q={'x' * 200}",
    ):
        page.goto(server.url + path)
        assert not is_cut_off(page), path
    page.goto(server.url)
    box = page.get_by_role("link", name=f"Kill {QUEUED}").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 360


def test_a_browser_asks_for_the_token_and_keeps_it(chromium: Browser) -> None:
    with serve_pages(sample_dispatcher(time.time()), token=TOKEN) as server:
        context = chromium.new_context(http_credentials={"username": "me", "password": TOKEN})
        page = context.new_page()
        page.clock.install()
        page.goto(server.url)
        server.change(lambda d: void(d.change(RUNNING, kill_requested=True)))
        let_the_pause_pass(page)
        expect(row(page, RUNNING)).to_contain_text("being killed", timeout=20000)
        page.get_by_role("link", name=f"Kill {QUEUED}").click()
        page.get_by_role("button", name="Kill it").click()
        expect(page.get_by_text("killed", exact=True)).to_be_visible()
        context.close()
        stranger = chromium.new_context(http_credentials={"username": "me", "password": "guessed"})
        answer = stranger.new_page().goto(server.url)
        assert answer is not None
        assert answer.status == 401
        stranger.close()


def test_over_tls(chromium: Browser, tmp_path: Path) -> None:
    certificate = tmp_path / "both.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    identity = load_identity(certificate)
    with serve_pages(sample_dispatcher(time.time()), identity=identity) as server:
        context = chromium.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.goto(server.url)
        assert page.url.startswith("https://")
        page.get_by_role("link", name=f"Kill {QUEUED}").click()
        page.get_by_role("button", name="Kill it").click()
        expect(page.get_by_text("killed", exact=True)).to_be_visible()
        context.close()


def void(_: object) -> None:
    """What a change returns is of no interest."""
