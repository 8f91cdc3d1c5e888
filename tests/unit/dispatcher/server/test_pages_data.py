"""What the pages show, before it becomes HTML."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from sparkmesos_core.dispatcher.drivers.obstacle import Cause, Obstacle
from sparkmesos_core.dispatcher.server.pages_data import (
    ROWS_OF_OVERVIEW,
    ROWS_OF_PAGE,
    View,
    driver_content,
    history_link,
    list_content,
)
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.redaction import REDACTED
from tests.in_memory_dispatcher import STARTED_AT, InMemoryDispatcher
from tests.sample_drivers import SECRET, SUBMISSION, launched, many_drivers, sample_dispatcher, sample_driver

SETTINGS = PagesSettings(address="mesos://h:7077", max_drivers=200, version="1.0")
NOW = STARTED_AT + 100000.0


def sections(dispatcher: InMemoryDispatcher, **view: Any) -> dict[str, dict[str, Any]]:
    content = list_content(dispatcher, SETTINGS, View(**view), NOW)
    return {section["name"]: section for section in content["sections"]}


def numbers(section: dict[str, Any]) -> list[int]:
    return [int(row["id"][-4:]) for row in section["rows"]]


def test_each_driver_is_in_the_list_of_its_state_in_a_useful_order() -> None:
    shown = sections(sample_dispatcher(NOW))
    assert list(shown) == ["launched", "retrying", "queued", "finished"]
    assert numbers(shown["launched"]) == [8, 9, 7, 6]  # the latest launch first
    assert numbers(shown["retrying"]) == [10]
    assert numbers(shown["queued"]) == [13, 11, 12]  # the one that is launched next first
    assert numbers(shown["finished"]) == [5, 4, 3, 2, 1]  # the latest end first
    assert shown["queued"]["queues"]
    assert not shown["finished"]["queues"]


def test_places_in_the_queue_are_those_that_the_dispatcher_says() -> None:
    dispatcher = sample_dispatcher(NOW)
    dispatcher.by_id |= {driver.id: driver for driver in many_drivers(300, NOW)[13:]}
    for page in (1, 2, 3):
        for row in sections(dispatcher, section="queued", page=page)["queued"]["rows"]:
            assert row["position"] == dispatcher.queue_position(row["id"])
    # Among what is found, places would mean nothing.
    assert not sections(dispatcher, search="Job")["queued"]["places"]


def test_the_overview_has_the_start_of_each_list_and_pages_the_rest() -> None:
    dispatcher = InMemoryDispatcher()
    dispatcher.by_id = {driver.id: driver for driver in many_drivers(250, NOW)}
    overview = sections(dispatcher, page=7)["queued"]
    assert numbers(overview) == list(range(1, ROWS_OF_OVERVIEW + 1))
    assert (overview["count"], overview["all"]) == (250, "/?state=queued")
    seen: list[int] = []
    address = overview["all"]
    for page in (1, 2, 3):
        shown = sections(dispatcher, section="queued", page=page)
        assert list(shown) == ["queued"]
        queued = shown["queued"]
        assert (queued["first"], queued["last"]) == (
            (page - 1) * ROWS_OF_PAGE + 1,
            min(page * ROWS_OF_PAGE, 250),
        )
        seen += numbers(queued)
        address = queued["after"]
    assert seen == list(range(1, 251))
    assert address == ""
    assert queued["before"] == "/?state=queued&page=2"
    assert sections(dispatcher, section="queued", page=99)["queued"]["page"] == 3


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("0006", [6]),
        ("FRAUD", [8, 13]),
        ("agent-2.example", [4, 9]),
        ("urgent", [8, 13]),
        ("etl.nightly", [1, 3, 4, 6, 8, 9, 10, 11, 13]),
        ("nothing like it", []),
    ],
)
def test_searching(search: str, found: list[int]) -> None:
    shown = sections(sample_dispatcher(NOW), search=search)
    assert sorted(number for section in shown.values() for number in numbers(section)) == found


def test_nothing_is_found_by_what_is_secret() -> None:
    shown = sections(sample_dispatcher(NOW), search=SECRET)
    assert [section["count"] for section in shown.values()] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("query", "view"),
    [
        ({}, View()),
        ({"state": "queued", "page": "2", "q": " x "}, View("queued", 2, "x")),
        ({"state": "nowhere", "page": "0"}, View()),
        ({"page": "-1"}, View()),
        ({"page": "²"}, View()),
        ({"page": "1" * 5000}, View()),
        ({"refresh": "off"}, View(refresh=False)),
        ({"refresh": "on"}, View()),
        ({"q": "x" * 1000}, View(search="x" * 200)),
    ],
)
def test_addresses_of_views(query: dict[str, str], view: View) -> None:
    assert View.from_query(query) == view


def test_an_address_leads_to_its_view() -> None:
    view = View("queued", 2, "a&b=c ü/?#", False)
    address = view.address()
    assert address == "/?state=queued&page=2&q=a%26b%3Dc%20%C3%BC%2F%3F%23&refresh=off"
    assert View().address() == "/"
    assert view.address(section="", page=1, search="", refresh=True) == "/"


def test_ten_thousand_drivers_take_no_time() -> None:
    dispatcher = InMemoryDispatcher()
    dispatcher.by_id = {driver.id: driver for driver in many_drivers(10000, NOW)}
    best = min(_seconds(dispatcher, view) for view in (View(), View("queued", 50)) for _ in range(3))
    assert best < 1.0  # 0.02 s where nothing else runs; here so much that only what is squared takes longer


def _seconds(dispatcher: InMemoryDispatcher, view: View) -> float:
    before = time.perf_counter()
    list_content(dispatcher, SETTINGS, view, NOW)
    return time.perf_counter() - before


def test_the_description_of_a_driver_without_its_secrets() -> None:
    dispatcher = sample_dispatcher(NOW)
    driver = dispatcher.by_id["driver-20260131120000-0010"]
    content = driver_content(dispatcher, SETTINGS, driver, NOW)
    assert SECRET not in str({key: value for key, value in content.items() if key != "driver"})
    assert content["arguments"] == ["--date", "2026-01-31", f"--db-password={REDACTED}", "two\nlines"]
    properties = dict(content["properties"])
    assert properties["spark.mesos.driver.secret.values"] == REDACTED
    assert properties["spark.executor.extraJavaOptions"] == f"-Dquiet=true -Dstore.password={REDACTED}"
    assert (
        properties["spark.some.url"] == f"https://user:{REDACTED}@repo.example/x?X-Amz-Signature={REDACTED}"
    )
    assert properties["spark.driver.memory"] == "2g"
    assert list(properties) == sorted(properties)
    assert dict(content["environment"])["AWS_SECRET_ACCESS_KEY"] == REDACTED
    assert content["retry_in"] == "12 s"


@pytest.mark.parametrize("base", ["https://history.example", "https://history.example/"])
def test_links_to_the_history_server_and_to_mesos(base: str) -> None:
    settings = replace(SETTINGS, history_server=base, mesos_ui=base)
    driver = launched(sample_driver(1, NOW), NOW)
    assert history_link(driver, settings) == f"https://history.example/history/5e0a-0001-{driver.id}"
    content = driver_content(InMemoryDispatcher(), settings, driver, NOW)
    assert driver.launch is not None
    # As the pages of Spark's dispatcher make them.
    assert content["mesos_link"] == (
        f"https://history.example/#/agents/{driver.launch.agent_id}/frameworks/5e0a-0001"
        f"/executors/{driver.id}/browse"
    )
    queued = sample_driver(1, NOW)
    assert history_link(queued, settings) == ""
    assert driver_content(InMemoryDispatcher(), settings, queued, NOW)["mesos_link"] == ""


def test_only_web_addresses_become_links() -> None:
    settings = replace(SETTINGS, history_server="javascript:alert(1)", mesos_ui="//evil.example")
    driver = launched(sample_driver(1, NOW, replace(SUBMISSION, name="x")), NOW)
    content = driver_content(InMemoryDispatcher(), settings, driver, NOW)
    assert (content["mesos_link"], content["row"]["history"]) == ("", "")


def test_what_keeps_drivers_from_being_launched() -> None:
    dispatcher = sample_dispatcher(NOW)
    (retrying,) = sections(dispatcher)["retrying"]["rows"]
    first, *others = sections(dispatcher)["queued"]["rows"]
    assert {row["waits_for"] for row in (retrying, first, *others)} == {None}
    hint = f"Ask for less than password={SECRET}"
    dispatcher.obstacles[first["id"]] = Obstacle(Cause.CORES, "needs 9 cores", hint)
    dispatcher.obstacles[retrying["id"]] = Obstacle(Cause.OFFERS, "waits for an offer")
    shown = sections(dispatcher)
    told = {"message": "Needs 9 cores", "hint": f"Ask for less than password={REDACTED}"}
    assert shown["queued"]["rows"][0]["waits_for"] == told
    assert shown["retrying"]["rows"][0]["waits_for"]["message"] == "Waits for an offer"
    driver = dispatcher.driver(first["id"])
    assert driver is not None
    assert driver_content(dispatcher, SETTINGS, driver, NOW)["waits_for"] == told
