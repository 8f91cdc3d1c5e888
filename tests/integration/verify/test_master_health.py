"""Leading masters that are not well: what they would say is put into the answers of one that is.

Names and meaning of metrics, and of the fields of GET_MASTER, are those of the recordings of Mesos 1.12.0.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import formatdate
from time import time
from typing import Any

import pytest

from tests.integration.verify.altered_master import AlteredServer
from tests.integration.verify.verifying import SOUND, Report, verify
from tests.integration.zookeeper import ZooKeeperServer, session


def check(altered: AlteredServer, *arguments: str) -> Report:
    return verify("--master", altered.url, *SOUND, *arguments)


def metrics(**told: float) -> Callable[[dict[str, Any]], None]:
    """`metrics(master__uptime_secs=1)`: two underscores are a slash."""

    def change(answer: dict[str, Any]) -> None:
        answer.update({name.replace("__", "/"): value for name, value in told.items()})

    return change


@pytest.mark.breaks("master-health")
def test_a_master_that_is_not_healthy(altered: AlteredServer) -> None:
    altered.status("/health", 503, b"stuck")
    report = check(altered)
    assert report.failing() == report.errors() == {"master-health"}, report
    assert report.message("master-health") == (
        f"{altered.http_url}/health answers 503 Service Unavailable: stuck"
    )
    assert "Look at the master's log" in report.hint("master-health")
    altered.heal()
    assert check(altered).failing() == set()


@pytest.mark.breaks("master-clock")
@pytest.mark.parametrize(("seconds", "way"), [(-3600, "behind"), (90, "ahead of")])
def test_a_clock_that_is_wrong(altered: AlteredServer, seconds: int, way: str) -> None:
    altered.headers("/health", {"Date": formatdate(time() + seconds, usegmt=True)})
    report = check(altered)
    assert report.failing() == {"master-clock"}, report
    assert report.errors() == set()
    assert f"{way} this machine's" in report.message("master-clock")
    assert "NTP" in report.hint("master-clock")
    altered.heal()
    assert check(altered).failing() == set()


@pytest.mark.breaks("master-recovery")
def test_a_recovery_that_goes_on(altered: AlteredServer) -> None:
    altered.status("/api/v1/scheduler", 503, b"Master has not finished recovery")
    report = check(altered)
    assert report.failing() == report.errors() == {"master-recovery"}, report
    assert "503 Service Unavailable: Master has not finished recovery" in report.message("master-recovery")
    assert report.follows()["master-api"] == "master-recovery"
    assert "--watch" in report.hint("master-recovery")
    altered.heal()
    assert check(altered).failing() == set()


@pytest.mark.breaks("master-recovery")
@pytest.mark.parametrize(
    ("told", "message", "hint", "severity"),
    [
        (
            {"registrar__log__recovered": 0.0},
            "The replicated log of the leading master is not recovered: it cannot admit agents",
            "Start the missing masters: as many as --quorum says have to run and reach each other.",
            "error",
        ),
        (
            {"registrar__state_store_ms": 12_500.0, "registrar__queued_operations": 1.0},
            "The last time, storing the registry took 12.5 s; after --registry_store_timeout (20 s) the master "
            "ends itself",
            "Look at disk and network of the masters: each entry is synced to the disks of a majority.",
            "warning",
        ),
        (
            {"registrar__queued_operations": 4096.0},
            "4096 changes of the registry wait to be stored",
            "Look at disk and network of the masters; many agents that register at once also do this for a "
            "while.",
            "warning",
        ),
    ],
)
def test_a_registry_in_trouble(
    altered: AlteredServer, told: dict[str, float], message: str, hint: str, severity: str
) -> None:
    altered.edit("/metrics/snapshot", metrics(**told))
    report = check(altered)
    assert report.failing() == {"master-recovery"}, report
    problem = report.problem("master-recovery")
    assert (problem["message"], problem["hint"], problem["severity"]) == (message, hint, severity)
    altered.heal()
    assert check(altered).failing() == set()


@pytest.mark.slow
@pytest.mark.breaks("master-quorum")
def test_too_few_masters(altered: AlteredServer, zookeeper: ZooKeeperServer) -> None:
    quorum = "2"

    def with_quorum(answer: dict[str, Any]) -> None:
        answer["flags"]["quorum"] = quorum

    altered.edit("/flags", with_quorum)
    node = {"address": {"hostname": "127.0.0.1", "ip": "127.0.0.1", "port": altered.port}}
    url = f"mesos://zk://{zookeeper.hosts}/few"
    with session(zookeeper) as client:
        client.create("/few/json.info_0000000000", json.dumps(node).encode(), makepath=True)
        report = verify("--master", url, *SOUND)
    assert report.failing() == report.errors() == {"master-quorum"}, report
    assert report.message("master-quorum") == (
        "There is 1 master with a quorum of 2: the leader cannot store its registry"
    )
    assert report.hint("master-quorum").startswith("Start 1 more, with the same --zk and --quorum")
    assert "--quorum=1" in report.hint("master-quorum")
    quorum = "1"
    assert verify("--master", url, *SOUND).failing() == set()


@pytest.mark.breaks("master-elections")
def test_a_leader_that_has_just_taken_over(altered: AlteredServer) -> None:
    now = time()

    def elected_a_moment_ago(answer: dict[str, Any]) -> None:
        answer["get_master"].update(start_time=now - 86400, elected_time=now - 20)

    altered.edit("/api/v1 GET_MASTER", elected_a_moment_ago)
    altered.edit("/metrics/snapshot", metrics(master__uptime_secs=86400.0))
    report = check(altered)
    assert report.failing() == {"master-elections"}, report
    assert report.errors() == set()
    assert report.message("master-elections") == (
        "The leader has changed 20 s ago: agents and frameworks are still coming back"
    )
    assert "Look again in two minutes" in report.hint("master-elections")
    altered.edit("/metrics/snapshot", metrics(master__uptime_secs=86400.0 + 120))
    assert check(altered).failing() == set()


@pytest.mark.breaks("master-messages")
def test_a_master_that_drops_messages(altered: AlteredServer) -> None:
    dropped = 5000.0

    def more(answer: dict[str, Any]) -> None:
        nonlocal dropped
        dropped += 200
        answer["master/dropped_messages"] = dropped

    altered.edit("/metrics/snapshot", more)
    report = check(altered)
    assert report.failing() == {"master-messages"}, report
    assert "The leading master drops messages: 200 in a second" in report.message("master-messages")
    assert report.hint("master-messages").startswith("Its log says 'Dropping …' with the sender")

    # The sender has been restarted; the count stays.
    altered.edit("/metrics/snapshot", metrics(master__dropped_messages=1e6))
    healed = check(altered)
    assert healed.failing() == set(), healed
    assert "1000000 dropped" in healed.seen("master-messages")


@pytest.mark.breaks("master-messages")
def test_a_master_that_does_not_keep_up(altered: AlteredServer) -> None:
    altered.edit(
        "/metrics/snapshot",
        metrics(master__event_queue_messages=250000.0, master__event_queue_http_requests=2000.0),
    )
    report = check(altered)
    assert report.failing() == {"master-messages"}, report
    assert report.message("master-messages") == (
        "The leading master does not keep up: 2000 http requests, 250000 messages wait in its queue"
    )
    assert report.hint("master-messages") == (
        "Give its machine more cpu, and poll its /state less often: use /metrics/snapshot, /slaves or "
        "/state-summary instead."
    )
    altered.heal()
    assert check(altered).failing() == set()
    assert altered.requests["/metrics/snapshot"] == 3  # of one that keeps up it is asked once
