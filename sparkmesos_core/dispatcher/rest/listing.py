"""Which drivers a list shows: what its query asks for, and one page of that."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sparkmesos_core.dispatcher.drivers.driver import Driver, Outcome, State
from sparkmesos_core.dispatcher.rest.problems import Problem, RequestError
from sparkmesos_core.quoting import quoted

DEFAULT_LIMIT = 200
LARGEST_LIMIT = 1000

_STATES = {state.value: state for state in State}
_OUTCOMES = {outcome.value.upper(): outcome for outcome in Outcome}
_MOST_PARAMETERS = 100


@dataclass(frozen=True)
class Query:
    """What a list is to show."""

    states: frozenset[State] = frozenset()
    """Empty, as well as `outcomes`: all."""
    outcomes: frozenset[Outcome] = frozenset()
    limit: int = DEFAULT_LIMIT
    after: int | None = None
    """The number of the driver that the page before ended with."""
    newest_first: bool = False

    def wants(self, driver: Driver) -> bool:
        """Whether a driver is in the list."""
        if not self.states and not self.outcomes:
            return True
        return driver.state in self.states or driver.outcome in self.outcomes


@dataclass(frozen=True)
class Page:
    """A part of a list."""

    drivers: Sequence[Driver]
    total: int
    """How many there are on all pages."""
    counts: Mapping[State, int]
    """Of all drivers, whatever was asked for."""
    following: int | None
    """`after` of the page behind this one; None if this is the last."""


def parse_query(text: bytes) -> Query:
    """The query of a list: `state`, `limit`, `after` and `order`, each documented in docs/reference/rest.md.

    Raises RequestError for a parameter or value that there is not.
    """
    try:
        pairs = parse_qsl(
            text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        raise RequestError("Malformed request: the query has too many parameters") from None
    states: set[State] = set()
    outcomes: set[Outcome] = set()
    limit, after, newest_first = DEFAULT_LIMIT, None, False
    problems = []
    for name, value in pairs:
        if name == "state":
            for word in filter(None, value.upper().split(",")):
                if word in _STATES:
                    states.add(_STATES[word])
                elif word in _OUTCOMES:
                    outcomes.add(_OUTCOMES[word])
                else:
                    known = ", ".join([*_STATES, *_OUTCOMES])
                    problems.append(Problem(name, f"there is no state {quoted(word)}", f"Write {known}."))
        elif name == "limit" and (number := _whole(value)) is not None and number >= 1:
            limit = min(number, LARGEST_LIMIT)
        elif name == "after" and (number := _whole(value)) is not None:
            after = number
        elif name == "order" and value in ("oldest", "newest"):
            newest_first = value == "newest"
        elif name in ("limit", "after"):
            problems.append(Problem(name, f"{quoted(value)} is not a positive whole number"))
        elif name == "order":
            problems.append(Problem(name, f"{quoted(value)} is no order", "Write oldest or newest."))
        else:
            problems.append(
                Problem(
                    quoted(name)[1:-1], "there is no such parameter", "Use state, limit, after and order."
                )
            )
    if problems:
        raise RequestError("Malformed request:", problems)
    return Query(frozenset(states), frozenset(outcomes), limit, after, newest_first)


def select(drivers: Sequence[Driver], query: Query) -> Page:
    """The page that a query asks for, of drivers in the order of their acceptance."""
    wanted = [driver for driver in drivers if query.wants(driver)]
    if query.newest_first:
        end = (
            len(wanted)
            if query.after is None
            else bisect_left(wanted, query.after, key=lambda driver: driver.number)
        )
        page = wanted[max(0, end - query.limit) : end][::-1]
        more = end > query.limit
    else:
        start = (
            0 if query.after is None else bisect_right(wanted, query.after, key=lambda driver: driver.number)
        )
        page = wanted[start : start + query.limit]
        more = start + query.limit < len(wanted)
    return Page(
        page,
        len(wanted),
        Counter(driver.state for driver in drivers),
        page[-1].number if page and more else None,
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
