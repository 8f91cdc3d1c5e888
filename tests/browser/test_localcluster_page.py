"""The embedded master's page, as a browser shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from tests.contract.scheduler_client import Subscription, subscribe

EVIL = "<script>document.title='owned'</script><b>bold</b>"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RunningCluster]:
    agents = (AgentSpec(cpus=2, mem=1024, attributes="os:debian;rackid:3"), AgentSpec(cpus=4, mem=2048))
    spec = ClusterSpec(work_dir=tmp_path, agents=agents, allocation_interval=0.05)
    with cluster_in_thread(spec) as running:
        yield running


@pytest.fixture
def busy(cluster: RunningCluster) -> Iterator[Subscription]:
    """One framework with a task that has ended and one that runs, both with names that are no good HTML."""
    scheduler = subscribe(
        cluster.http_url,
        name=f"Word count {EVIL}",
        failover_timeout=60,
        webui_url="http://127.0.0.1:4040/jobs",
    )
    first, second = scheduler.await_type("OFFERS")["offers"]["offers"]
    command = {"value": "echo the output; echo 'the errors' >&2"}
    scheduler.launch(first, {"task_id": {"value": "done-1"}, "name": EVIL, "command": command})
    scheduler.await_state("TASK_FINISHED")
    scheduler.launch(
        second,
        {
            "task_id": {"value": "runs-1"},
            "name": "Executor 1",
            "command": {"value": "sleep 60"},
            "resources": [
                {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.5}},
                {"name": "mem", "type": "SCALAR", "scalar": {"value": 512}},
            ],
        },
        refuse_seconds=600,
    )
    scheduler.await_state("TASK_RUNNING")
    yield scheduler
    scheduler.close()


def test_an_idle_cluster(page: Page, cluster: RunningCluster) -> None:
    page.goto(cluster.http_url)
    expect(page).to_have_title(f"Embedded Mesos · {cluster.url}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(cluster.url)
    expect(page.locator("#agents")).to_contain_text("os:debian;rackid:3")
    expect(page.get_by_text("No framework is connected.")).to_be_visible()
    expect(page.get_by_text("Nothing runs.")).to_be_visible()


def test_frameworks_and_tasks(page: Page, cluster: RunningCluster, busy: Subscription) -> None:
    page.goto(cluster.http_url + "/master/")
    row = page.get_by_role("row").filter(has_text="runs-1")
    expect(row).to_contain_text("RUNNING")
    expect(row).to_contain_text("Executor 1")
    expect(page.get_by_role("img", name="1.5 of 4 used")).to_be_visible()
    done = page.get_by_role("row").filter(has_text="done-1")
    expect(done).to_contain_text("FINISHED")
    expect(done).to_contain_text("Command exited with status 0")
    link = page.get_by_role("link", name="http://127.0.0.1:4040/jobs")
    expect(link).to_have_attribute("href", "http://127.0.0.1:4040/jobs")


def test_logs_are_a_click_away(page: Page, cluster: RunningCluster, busy: Subscription) -> None:
    """To be read where they are; what shows them can also download them, as the next test does."""
    for name, content in (("stdout", "the output\n"), ("stderr", "the errors\n")):
        page.goto(cluster.http_url)
        done = page.get_by_role("row").filter(has_text="done-1")
        done.get_by_role("link", name=name).click()
        expect(page.locator("pre")).to_have_text(content)


def test_the_sandbox_is_a_click_away(page: Page, cluster: RunningCluster, busy: Subscription) -> None:
    page.goto(cluster.http_url)
    done = page.get_by_role("row").filter(has_text="done-1")
    done.get_by_role("link", name="sandbox").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        cluster.agent_urls[0].removeprefix("http://")
    )
    row = page.get_by_role("row").filter(has_text="stdout")
    expect(row).to_contain_text("11 bytes")
    with page.expect_download() as download:
        row.get_by_role("link", name="download").click()
    assert Path(download.value.path()).read_text() == "the output\n"
    row.get_by_role("link", name="stdout").click()
    expect(page.locator("pre")).to_have_text("the output\n")
    page.locator("#path").get_by_role("link").click()
    expect(page.locator("#files")).to_contain_text("stderr")


def test_the_agent_of_a_task_is_a_click_away(page: Page, cluster: RunningCluster, busy: Subscription) -> None:
    page.goto(cluster.http_url)
    row = page.get_by_role("row").filter(has_text="runs-1")
    row.get_by_role("link", name="S1", exact=True).click()
    agent_id = page.url.partition("#")[2]
    expect(page.locator(f"[id='{agent_id}']")).to_contain_text(agent_id)


def test_names_are_text_and_never_markup(page: Page, cluster: RunningCluster, busy: Subscription) -> None:
    page.goto(cluster.http_url)
    expect(page.get_by_text(EVIL).first).to_be_visible()
    expect(page).to_have_title(f"Embedded Mesos · {cluster.url}")
    assert page.locator("script").count() == 0
    assert page.locator("b").count() == 0


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "http://", "ftp://x/y"]
)
def test_only_web_links_become_links(url: str, page: Page, cluster: RunningCluster) -> None:
    scheduler = subscribe(cluster.http_url, webui_url=url)
    page.goto(cluster.http_url)
    row = page.get_by_role("row").filter(has_text=scheduler.framework_id)
    expect(row).to_contain_text("connected")
    assert row.get_by_role("link").count() == 0
    scheduler.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_follows_the_colours_of_the_system(scheme: str, page: Page, cluster: RunningCluster) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(cluster.http_url)
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    assert (brightness < 200) == (scheme == "dark")


def test_nothing_is_cut_off_on_a_telephone(page: Page, cluster: RunningCluster, busy: Subscription) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(cluster.http_url)
    for text in ("sandbox", "stdout"):
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.get_by_role("link", name=text, exact=True).last.click()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
