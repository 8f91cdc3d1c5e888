"""Lists of drivers: what a query asks for, and pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.drivers.driver import Driver, Outcome, State
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.rest.listing import LARGEST_LIMIT, Query, parse_query, select
from sparkmesos_core.dispatcher.rest.problems import RequestError

SUBMISSION = Submission("http://h/a.py", "", (), {}, {}, "app", 1.0, 1024, 1408)


def driver(number: int, state: State = State.QUEUED, outcome: Outcome | None = None) -> Driver:
    return Driver(f"driver-{number:04d}", number, SUBMISSION, 1.0, state=state, outcome=outcome)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (b"", Query()),
        (b"state=queued,RUNNING&limit=5", Query(frozenset({State.QUEUED, State.LAUNCHED}), limit=5)),
        (b"state=queued&state=failed", Query(frozenset({State.QUEUED}), frozenset({Outcome.FAILED}))),
        (b"limit=999999&order=newest&after=7", Query(limit=LARGEST_LIMIT, after=7, newest_first=True)),
    ],
)
def test_queries(text: bytes, query: Query) -> None:
    assert parse_query(text) == query


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b"state=dead", "state"),
        (b"limit=0", "limit"),
        (b"limit=x", "limit"),
        ("limit=٣".encode(), "limit"),
        (b"after=-1", "after"),
        (b"order=up", "order"),
        (b"x=1", "x"),
        (b"&".join([b"limit=1"] * 101), None),
    ],
)
def test_queries_that_ask_for_nothing(text: bytes, key: str | None) -> None:
    with pytest.raises(RequestError) as error:
        parse_query(text)
    assert [problem.key for problem in error.value.problems] == ([key] if key else [])


def test_by_state_and_outcome() -> None:
    drivers = [
        driver(1, State.FINISHED, Outcome.FAILED),
        driver(2, State.FINISHED, Outcome.SUCCEEDED),
        driver(3, State.LAUNCHED),
        driver(4),
    ]
    page = select(drivers, parse_query(b"state=failed,queued"))
    assert [found.number for found in page.drivers] == [1, 4]
    assert (page.total, page.following) == (2, None)
    assert page.counts == {State.FINISHED: 2, State.LAUNCHED: 1, State.QUEUED: 1}
    assert select(drivers, parse_query(b"state=finished")).total == 2


@given(st.sets(st.integers(1, 50)), st.integers(1, 7), st.booleans())
def test_pages_make_up_the_list(numbers: set[int], limit: int, newest_first: bool) -> None:
    drivers = [driver(number) for number in sorted(numbers)]
    seen: list[int] = []
    after = None
    for _ in range(60):
        page = select(drivers, Query(limit=limit, after=after, newest_first=newest_first))
        assert len(page.drivers) <= limit
        seen += [found.number for found in page.drivers]
        after = page.following
        if after is None:
            break
    assert seen == sorted(numbers, reverse=newest_first)


def test_a_page_goes_on_although_the_driver_that_it_begins_behind_was_forgotten() -> None:
    drivers = [driver(number) for number in (1, 2, 4, 5)]
    assert [found.number for found in select(drivers, Query(after=3)).drivers] == [4, 5]
    assert [found.number for found in select(drivers, Query(after=3, newest_first=True)).drivers] == [2, 1]
