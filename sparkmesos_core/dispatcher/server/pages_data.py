"""What the pages show of drivers: the lists and one driver's page, as values for the templates."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sparkmesos_core.dispatcher.dispatcher import Dispatcher
from sparkmesos_core.dispatcher.drivers.driver import Driver, State
from sparkmesos_core.dispatcher.drivers.submission import DEFAULT_QUEUE
from sparkmesos_core.dispatcher.server.driver_words import (
    current_status,
    duration_text,
    memory_text,
    wording_of,
)
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.html_pages import is_web_link
from sparkmesos_core.http_service.passed_on import is_passed_on
from sparkmesos_core.redaction import REDACTED, is_secret_name, redact_arguments, redact_text

ROWS_OF_OVERVIEW = 25
ROWS_OF_PAGE = 100
_LONGEST_SEARCH = 200


@dataclass(frozen=True)
class Section:
    """One of the lists: its name in addresses, its state, and the order in which its drivers are shown."""

    name: str
    title: str
    state: State
    order: Callable[[Driver], Any]
    empty: str


def _latest_launch_first(driver: Driver) -> tuple[float, int]:
    return (-(driver.launch.at if driver.launch is not None else 0.0), -driver.number)


SECTIONS = (
    Section("launched", "Launched", State.LAUNCHED, _latest_launch_first, "No driver runs."),
    Section(
        "retrying",
        "Waiting to be retried",
        State.RETRYING,
        lambda driver: (driver.next_retry_at or 0.0, driver.number),
        "No driver waits to be retried.",
    ),
    Section(
        "queued",
        "Queued",
        State.QUEUED,
        lambda driver: (-driver.submission.priority, driver.number),
        "No driver is queued.",
    ),
    Section(
        "finished",
        "Finished",
        State.FINISHED,
        lambda driver: (-(driver.finished_at or 0.0), -driver.number),
        "No driver has ended yet, or they are forgotten.",
    ),
)


@dataclass(frozen=True)
class View:
    """What a list is asked to show."""

    section: str = ""
    """One of the sections' names; empty: the start of each."""
    page: int = 1
    search: str = ""
    """A part of ids, names, classes and agents; empty: all."""
    refresh: bool = True

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> View:
        """From the query of an address; what is not understood is left out."""
        section, page = query.get("state", ""), query.get("page", "1")
        return cls(
            section=section if any(section == one.name for one in SECTIONS) else "",
            page=int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 7 and int(page) else 1,
            search=query.get("q", "").strip()[:_LONGEST_SEARCH],
            refresh=query.get("refresh") != "off",
        )

    def address(self, **changes: Any) -> str:
        """The address of this view, or of one that differs in some fields."""
        values = {**self.__dict__, **changes}
        pairs = [
            ("state", values["section"]),
            ("page", str(values["page"]) if values["page"] > 1 else ""),
            ("q", values["search"]),
            ("refresh", "" if values["refresh"] else "off"),
        ]
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs if value)
        return f"/?{query}" if query else "/"


def list_content(dispatcher: Dispatcher, settings: PagesSettings, view: View, now: float) -> dict[str, Any]:
    """What the list shows: of each section so many rows as fit a page, and how many there are."""
    drivers = dispatcher.drivers()
    if view.search:
        drivers = [driver for driver in drivers if _found(driver, view.search.lower())]
    by_state: dict[State, list[Driver]] = {state: [] for state in State}
    for driver in drivers:
        by_state[driver.state].append(driver)
    shown = [one for one in SECTIONS if view.section in ("", one.name)]
    return {
        **frame_content(dispatcher, settings, now),
        "view": view,
        "counts": [
            {
                "name": one.name,
                "title": one.title,
                "count": len(by_state[one.state]),
                "address": view.address(section="" if view.section == one.name else one.name, page=1),
            }
            for one in SECTIONS
        ],
        "sections": [_section(dispatcher, one, by_state[one.state], settings, view, now) for one in shown],
        "everything": len(drivers),
    }


def frame_content(dispatcher: Dispatcher, settings: PagesSettings, now: float) -> dict[str, Any]:
    """What all pages show of the dispatcher."""
    condition = dispatcher.condition
    return {
        "condition": condition,
        "master_link": condition.master if is_web_link(condition.master) else "",
        "problem": _sentence(condition.reason),
        "settings": settings,
        "passed_on": is_passed_on(),
        "now": now,
        "up": duration_text(now - condition.started_at),
    }


def _section(
    dispatcher: Dispatcher,
    section: Section,
    drivers: Sequence[Driver],
    settings: PagesSettings,
    view: View,
    now: float,
) -> dict[str, Any]:
    per_page = ROWS_OF_PAGE if view.section else ROWS_OF_OVERVIEW
    pages = max(1, -(-len(drivers) // per_page))
    page = min(view.page, pages) if view.section else 1
    first = (page - 1) * per_page
    rows = heapq.nsmallest(first + per_page, drivers, key=section.order)[first:]
    return {
        "name": section.name,
        "title": section.title,
        "empty": section.empty,
        "count": len(drivers),
        "first": first + 1,
        "last": first + len(rows),
        "rows": [
            {
                **row(driver, settings, now),
                "position": first + index,
                "waits_for": _waits_for(dispatcher, driver),
            }
            for index, driver in enumerate(rows, 1)
        ],
        "queues": any(driver.submission.queue != DEFAULT_QUEUE for driver in rows),
        # What is found by searching has its place among all, not among these.
        "places": section.state is State.QUEUED and not view.search,
        "all": "" if view.section or len(drivers) <= per_page else view.address(section=section.name, page=1),
        "before": view.address(page=page - 1) if page > 1 else "",
        "after": view.address(page=page + 1) if page < pages and view.section else "",
        "page": page,
        "pages": pages,
    }


def row(driver: Driver, settings: PagesSettings, now: float) -> dict[str, Any]:
    """One driver in a list."""
    submission, launch = driver.submission, driver.launch
    return {
        "id": driver.id,
        "address": driver_address(driver.id),
        "name": redact_text(submission.name),
        "what": redact_text(submission.main_class or submission.app_resource.rpartition("/")[2]),
        "queue": submission.queue,
        "wording": wording_of(driver),
        "submitted_at": driver.submitted_at,
        "waited": duration_text(now - driver.submitted_at),
        "launched_at": None if launch is None else launch.at,
        "ran": "" if launch is None else duration_text((driver.finished_at or now) - launch.at),
        "finished_at": driver.finished_at,
        "ended": "" if driver.finished_at is None else duration_text(now - driver.finished_at),
        "cores": submission.cores,
        "memory": memory_text(submission.memory),
        "agent": "" if launch is None else launch.agent_host,
        "agent_id": "" if launch is None else launch.agent_id,
        "retries": driver.retries,
        "retry_at": driver.next_retry_at,
        "retry_in": _until(driver.next_retry_at, now),
        "history": history_link(driver, settings),
        "can_be_killed": driver.state is not State.FINISHED and not driver.kill_requested,
    }


def driver_content(
    dispatcher: Dispatcher, settings: PagesSettings, driver: Driver, now: float
) -> dict[str, Any]:
    """Everything about one driver, without what is secret."""
    submission, launch = driver.submission, driver.launch
    status = driver.status
    return {
        **frame_content(dispatcher, settings, now),
        "row": row(driver, settings, now),
        "driver": driver,
        "launch": launch,
        "sandbox": f"{driver_address(driver.id)}/files" if launch is not None and launch.agent_url else "",
        "mesos_link": _mesos_link(driver, settings),
        "status": status,
        "status_of_earlier": status is not None and current_status(driver) is None,
        "status_message": "" if status is None else redact_text(status.message),
        "detail": redact_text(driver.detail),
        "position": dispatcher.queue_position(driver.id),
        "waits_for": _waits_for(dispatcher, driver),
        "retry_in": _until(driver.next_retry_at, now),
        "app_resource": redact_text(submission.app_resource),
        "arguments": redact_arguments(submission.app_args),
        "properties": redacted_pairs(submission.properties),
        "environment": redacted_pairs(submission.environment),
        "heap": memory_text(submission.heap),
    }


def _waits_for(dispatcher: Dispatcher, driver: Driver) -> dict[str, str] | None:
    """What keeps a driver from being launched, and what can be done about it; None if nothing does."""
    obstacle = dispatcher.obstacle(driver.id)
    if obstacle is None:
        return None
    return {"message": _sentence(obstacle.message), "hint": redact_text(obstacle.hint)}


def _sentence(text: str) -> str:
    """What the dispatcher would put behind a colon, to stand alone; without what is secret."""
    shown = redact_text(text)
    return shown[:1].upper() + shown[1:]


def redacted_pairs(values: Mapping[str, str]) -> list[tuple[str, str]]:
    """Properties or variables by name, without what is secret in their values."""
    return [
        (name, REDACTED if is_secret_name(name) else redact_text(value))
        for name, value in sorted(values.items())
    ]


def driver_address(driver_id: str) -> str:
    """The address of a driver's page."""
    return f"/driver/{quote(driver_id, safe='')}"


def history_link(driver: Driver, settings: PagesSettings) -> str:
    """A driver's application in the history server; empty without one, and before the first launch."""
    if driver.launch is None or not is_web_link(settings.history_server):
        return ""
    return f"{settings.history_server.rstrip('/')}/history/{quote(driver.launch.framework_id, safe='')}"


def _mesos_link(driver: Driver, settings: PagesSettings) -> str:
    """The sandbox in Mesos' web UI, at the address that Spark's dispatcher makes of the same property."""
    launch = driver.launch
    if launch is None or not is_web_link(settings.mesos_ui):
        return ""
    framework_id = launch.framework_id.removesuffix(f"-{launch.task_id}")
    agent, framework, task = (
        quote(part, safe="") for part in (launch.agent_id, framework_id, launch.task_id)
    )
    base = settings.mesos_ui.rstrip("/")
    return f"{base}/#/agents/{agent}/frameworks/{framework}/executors/{task}/browse"


def _found(driver: Driver, search: str) -> bool:
    submission, launch = driver.submission, driver.launch
    fields: Iterable[str] = (driver.id, submission.name, submission.main_class, submission.queue)
    if any(search in field.lower() for field in fields):
        return True
    return launch is not None and search in launch.agent_host.lower()


def _until(moment: float | None, now: float) -> str:
    return "" if moment is None else duration_text(moment - now)
