"""What is said about ZooKeeper servers."""

from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.master import HostPort
from sparkmesos_core.verify.checks.zookeeper import judge_quorum, judge_servers
from sparkmesos_core.verify.facts.zookeeper import why_silent
from sparkmesos_core.zookeeper_status import ServerStatus

A, B, C = (HostPort(f"zk{name}", 2181) for name in "abc")


def serving(server: HostPort, mode: str = "", **others: float | str) -> ServerStatus:
    return ServerStatus(server, serves=True, mode=mode, version="3.6.3", **others)  # type: ignore[arg-type]


def idle(server: HostPort) -> ServerStatus:
    return ServerStatus(server, serves=False)


def dead(server: HostPort) -> ServerStatus:
    return ServerStatus(server, "refuses the connection")


def silent(server: HostPort) -> ServerStatus:
    """One that answers, but may not tell anything."""
    return ServerStatus(server)


@pytest.mark.parametrize(
    "servers",
    [
        (serving(A, "leader"),),
        (dead(A), serving(B)),
        (dead(A), silent(B)),
        (idle(A), idle(B)),  # nobody is missing here: that is for the check of the quorum
        (dead(A), idle(B), serving(C)),
    ],
)
def test_enough_answer(servers: tuple[ServerStatus, ...]) -> None:
    assert why_silent(servers) is None


def test_nobody_answers() -> None:
    error = why_silent((dead(A), dead(B)))
    assert error is not None
    assert error.message == (
        "no ZooKeeper server answers: zka:2181 refuses the connection; zkb:2181 refuses the connection"
    )
    assert "2181" in error.hint


def test_too_few_answer() -> None:
    error = why_silent((dead(A), dead(B), idle(C)))
    assert error is not None
    assert error.message.startswith("ZooKeeper has no majority: zka:2181 refuses")
    assert error.hint.startswith("Start zka:2181, zkb:2181 again")


def test_servers_that_are_well() -> None:
    verdict = judge_servers((serving(A, "leader"), serving(B, "follower"), silent(C)))
    assert verdict.problems == ()
    assert verdict.seen == (
        "ZooKeeper 3.6.3 at zka:2181 (leader); ZooKeeper 3.6.3 at zkb:2181 (follower); ZooKeeper at zkc:2181"
    )


def test_servers_that_are_not() -> None:
    slow = serving(A, "leader", average_latency=750.0)
    busy = serving(B, "follower", outstanding=4000)
    found = judge_servers((slow, busy, idle(C), dead(HostPort("zkd", 2181)))).problems
    assert [problem.message for problem in found] == [
        "The ZooKeeper server zka:2181 is slow: its requests take 750 ms on average",
        "The ZooKeeper server zkb:2181 is slow: 4000 requests wait",
        "The ZooKeeper server zkc:2181 runs, but takes no requests: it has lost its ensemble",
        "The ZooKeeper server zkd:2181 refuses the connection",
    ]
    assert {problem.severity for problem in found} == {Severity.WARNING}
    assert all(problem.hint for problem in found)


@pytest.mark.parametrize(
    ("servers", "seen"),
    [
        ((serving(A, "standalone"),), "zka:2181 stands alone"),
        (
            (serving(A, "follower"), serving(B, "leader"), dead(C)),
            "zkb:2181 leads, 1 of those named follow",
        ),
        ((serving(A, "follower"),), "the leader is none of those named; zka:2181 follow it"),
        ((silent(A),), "the servers do not tell who leads them (4lw.commands.whitelist)"),
    ],
)
def test_one_ensemble(servers: tuple[ServerStatus, ...], seen: str) -> None:
    verdict = judge_quorum(servers)
    assert (verdict.seen, verdict.problems) == (seen, ())


def test_two_names_of_one_server_are_one_ensemble() -> None:
    twice = (serving(A, "standalone", peer="P"), serving(B, "standalone", peer="P"))
    verdict = judge_quorum(twice)
    assert (verdict.seen, verdict.problems) == ("zka:2181 stands alone", ())


@pytest.mark.parametrize(
    ("servers", "apart"),
    [
        ((serving(A, "standalone"), serving(B, "standalone")), "zka:2181, zkb:2181 stand alone"),
        ((serving(A, "leader"), serving(B, "standalone")), "zkb:2181 stands alone"),
        ((serving(A, "leader"), serving(B, "leader")), "zka:2181, zkb:2181 each lead an ensemble"),
    ],
)
def test_several_ensembles(servers: tuple[ServerStatus, ...], apart: str) -> None:
    (problem,) = judge_quorum(servers).problems
    assert problem.severity is Severity.ERROR
    assert problem.message == f"The ZooKeeper servers of the URL are not one ensemble: {apart}"
