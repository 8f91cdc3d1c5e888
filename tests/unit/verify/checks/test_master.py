"""What is said about who leads."""

from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.master import HostPort, MesosMaster, ZooKeeperMaster
from sparkmesos_core.mesos.http import HANGS
from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.verify.checks.master import judge_name, judge_others, needs_redirects
from sparkmesos_core.verify.facts.foreign_server import usual_port
from sparkmesos_core.verify.facts.master_answers import OtherMaster

LEADER = Leader(HostPort("10.0.0.1", 5050), hostname="master1", version="1.11.0")
STANDBY = HostPort("10.0.0.2", 5050)


def test_names() -> None:
    name, localhost = HostPort("master1", 5050), HostPort("localhost", 5050)
    assert judge_name(LEADER, name, resolved=True, redirected=True).problems == ()
    (unknown,) = judge_name(LEADER, name, resolved=False, redirected=True).problems
    assert "cannot be resolved here" in unknown.message
    assert unknown.severity is Severity.WARNING
    assert unknown.hint.startswith("Name all masters in --master, or their ZooKeeper")
    (private,) = judge_name(LEADER, name, resolved=False, redirected=False).problems
    assert private.severity is Severity.NOTE
    (loopback,) = judge_name(LEADER, localhost, resolved=True, redirected=True).problems
    assert loopback.message == (
        "The leading master at 10.0.0.1:5050 calls itself localhost, which is another machine for everybody else"
    )
    here = Leader(HostPort("127.0.0.1", 5050))
    assert judge_name(here, localhost, resolved=True, redirected=True).problems == ()


@pytest.mark.parametrize(
    ("hosts", "quorum", "needed"),
    [(1, None, False), (1, 1, False), (1, 2, True), (2, 2, True), (3, 2, False), (3, 3, True)],
)
def test_who_relies_on_redirects(hosts: int, quorum: int | None, needed: bool) -> None:
    named = tuple(HostPort(f"master{number}", 5050) for number in range(hosts))
    assert needs_redirects(MesosMaster(named), quorum) is needed
    assert needs_redirects(ZooKeeperMaster(named, "/mesos"), quorum) is False


def test_other_masters() -> None:
    assert judge_others(LEADER, (), by_zookeeper=False).seen == "no other masters are known"
    following = OtherMaster(STANDBY, leader=LEADER.address, follows=True)
    assert judge_others(LEADER, (following,), by_zookeeper=True).problems == ()
    dead = OtherMaster(STANDBY, "refuses the connection")
    (problem,) = judge_others(LEADER, (dead,), by_zookeeper=True).problems
    assert problem.severity is Severity.WARNING
    assert problem.hint == "Start it again; its node in ZooKeeper goes when its session ends."
    hangs = OtherMaster(STANDBY, f"{HANGS} 5 s")
    (problem,) = judge_others(LEADER, (hangs,), by_zookeeper=False).problems
    assert problem.hint.startswith("It hangs: see its log, and restart it, or take")
    apart = OtherMaster(STANDBY, leader=STANDBY)
    (problem,) = judge_others(LEADER, (apart,), by_zookeeper=False).problems
    assert problem.severity is Severity.ERROR
    assert "takes itself for the leader, not 10.0.0.1:5050" in problem.message


@pytest.mark.parametrize("port", [2181, 5051, 7077, 8080, 8081])
def test_ports_that_are_not_for_masters(port: int) -> None:
    assert str(port) in usual_port(HostPort("h", port))
    assert usual_port(HostPort("h", 5050)) == ""
