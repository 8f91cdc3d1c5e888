"""Who leads among candidates, until when one may believe it, and who can be passed on to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.durable_framework.candidates import (
    Candidate,
    Lease,
    look_at,
    read_candidate,
    why_not_beside,
    why_not_passed_on,
)
from sparkmesos_core.durable_framework.store.ownership import Owner

OURS = "0a" * 16
THEIRS = "ff" * 16


def candidate(url: str = "http://d1:7077", host: str = "d1") -> Candidate:
    return Candidate(Owner(host, 7, "123", "boot pid:[1]"), url, "http://d1:8081")


def test_there_and_back() -> None:
    assert read_candidate(candidate().encode()) == candidate()


def test_what_all_have_to_have_goes_there_and_back_and_is_compared() -> None:
    def has(**agreed: str) -> Candidate:
        return replace(candidate(), agreed=agreed)

    leader = has(user="spark", role="a", principal="")
    assert read_candidate(leader.encode()) == leader
    assert why_not_beside(leader, has(user="spark", role="a", principal=""), "dispatcher") == ""
    assert why_not_beside(leader, has(user="spark", role="", principal="p"), "dispatcher") == (
        "the dispatcher that leads, the one on d1 with pid 7, has the role a, principal (none), and not"
        " (none), p"
    )
    # One that is to end them all, or is older, says nothing of it.
    assert why_not_beside(leader, candidate(), "dispatcher") == ""
    assert why_not_beside(candidate(), leader, "dispatcher") == ""


@given(st.binary())
def test_anything_else_is_no_candidate(content: bytes) -> None:
    assert read_candidate(content) is None


@pytest.mark.parametrize(
    "content", [b"{}", b'{"owner": 1}', b'{"owner": {"host": "h"}, "http_url": "u"}', b'{"agreed": []}']
)
def test_what_lacks_something_is_no_candidate(content: bytes) -> None:
    assert read_candidate(content) is None


def test_the_lowest_number_leads_whatever_the_marks() -> None:
    field = look_at([f"{OURS}-0000000012", f"{THEIRS}-0000000011"], OURS)
    assert field.first == f"{THEIRS}-0000000011"
    assert field.own == (f"{OURS}-0000000012",)


def test_own_nodes_are_known_by_their_mark_lowest_first() -> None:
    names = [f"{OURS}-0000000100", f"{THEIRS}-0000000020", f"{OURS}-0000000099"]
    assert look_at(names, OURS).own == (f"{OURS}-0000000099", f"{OURS}-0000000100")


def test_nodes_of_other_kinds_do_not_lead() -> None:
    field = look_at(["lock-0000000000", "0000000001", f"{OURS}-1", "notes"], OURS)
    assert field.first is None
    assert field.own == ()


def test_a_lease_lasts_for_a_part_of_the_session_from_the_question_on() -> None:
    lease = Lease(10)
    assert lease.left(0.0) == 0
    lease.answered(asked_at=100.0)
    assert lease.left(100.0) == 7.5
    assert lease.left(107.0) == pytest.approx(0.5)
    assert lease.left(108.0) == 0
    lease.answered(asked_at=106.0)
    assert lease.left(108.0) == pytest.approx(5.5)


@pytest.mark.parametrize(
    ("leader", "reason"),
    [
        (candidate("http://d1:7077"), ""),
        (candidate("http://127.0.0.1:7078", host="d2"), ""),
        (candidate("http://127.0.0.1:7078", host="d1"), "from its own machine only"),
        (candidate("https://localhost:7078", host="d1"), "from its own machine only"),
        (candidate("http://[::1]:7078", host="d1"), "from its own machine only"),
        (candidate("http://d2:7077", host="d2"), "until ZooKeeper notices its end"),
    ],
)
def test_who_can_be_passed_on_to(leader: Candidate, reason: str) -> None:
    why = why_not_passed_on(leader, candidate("http://d2:7077", host="d2"), "dispatcher")
    assert reason in why
    assert bool(reason) == bool(why)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        # What becomes of dispatchers on several machines with the defaults.
        ("http://127.0.0.1:7077", "from its own machine only"),
        ("http://spark.example:7077", "each needs its own"),
    ],
)
def test_one_elsewhere_that_gives_our_address_has_not_ended_before_us(url: str, reason: str) -> None:
    assert reason in why_not_passed_on(candidate(url, host="d1"), candidate(url, host="d2"), "dispatcher")


def test_a_lease_is_for_a_part_of_what_zookeeper_grants_if_that_is_less() -> None:
    lease = Lease(10)
    lease.answered(asked_at=100.0)
    lease.granted(4)
    assert lease.left(101.0) == pytest.approx(2.0)
    assert lease.left(103.0) == 0
    lease.granted(40)
    assert lease.left(100.0) == 7.5
