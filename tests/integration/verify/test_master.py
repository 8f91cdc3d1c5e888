"""Masters that are not there, are others than was meant, or do not agree about who leads."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from tests.http_stub import Answer, http_stub
from tests.integration.verify.altered_master import AlteredServer
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.verifying import SOUND, Report, verify
from tests.integration.zookeeper import ZooKeeperServer, session


def check(url: str, *arguments: str) -> Report:
    return verify("--master", url, *SOUND, *arguments)


def address_of(url: str) -> str:
    return url.removeprefix("http://")


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


# The URL


@pytest.mark.breaks("master-url")
def test_the_url_of_an_agent(cluster: RunningCluster) -> None:
    agent = address_of(cluster.agent_urls[0])
    report = check(f"mesos://{agent}")
    assert report.failing() == report.errors() == {"master-url"}, report
    assert report.exit_code == 5
    assert report.message("master-url") == f"{agent} is a Mesos agent, not a Mesos master"
    assert report.hint("master-url") == "Give the address of its master (port 5050)."
    assert report.follows()["master-leader"] == "master-url"

    def name_master(answer: dict[str, Any]) -> None:
        answer["flags"]["master"] = address_of(cluster.http_url)

    with AlteredServer(cluster.agent_urls[0]).serving() as told:
        told.edit("/flags", name_master)  # as recorded from real agents
        hint = check(told.url).hint("master-url")
    advised = re.search(r"Give the address of its master: (\S+)\.", hint)
    assert advised is not None, hint
    assert check(advised[1]).failing() == set()


@pytest.mark.slow
@pytest.mark.breaks("master-url")
def test_zookeeper_without_zk(cluster: RunningCluster, zookeeper: ZooKeeperServer) -> None:
    report = check(f"mesos://{zookeeper.hosts}")
    assert report.failing() == {"master-url"}, report
    assert report.message("master-url") == f"{zookeeper.hosts} is a ZooKeeper server, not a Mesos master"
    advised = re.search(r"Write (\S+),", report.hint("master-url"))
    assert advised is not None, report
    host, _, port = address_of(cluster.http_url).partition(":")
    info = {"address": {"ip": host, "port": int(port)}}
    with session(zookeeper) as client:
        client.create("/mesos/json.info_0000000000", json.dumps(info).encode(), makepath=True)
    assert check(advised[1]).failing() == set()


@pytest.mark.breaks("master-url")
@pytest.mark.parametrize(
    ("path", "answer", "what"),
    [
        # As Spark's own dispatcher answers what it does not know.
        (
            "/v1/submissions/status/none",
            Answer(
                200, b'{"action":"SubmissionStatusResponse","serverSparkVersion":"3.5.9","success":false}'
            ),
            "a REST server of Spark, such as a dispatcher",
        ),
        (
            "/",
            Answer(200, b'<html><link rel="stylesheet" href="/static/webui.css" type="text/css"/>'),
            "a web page of Spark",
        ),
    ],
)
def test_ports_of_spark(cluster: RunningCluster, path: str, answer: Answer, what: str) -> None:
    with http_stub({path: answer}) as spark:
        report = check(f"mesos://{spark.address}")
        assert report.failing() == {"master-url"}, report
        assert report.message("master-url") == f"{spark.address} is {what}, not a Mesos master"
        assert "the address of a Mesos master (port 5050)" in report.hint("master-url")
    assert check(cluster.url).failing() == set()


# Who leads


@pytest.mark.breaks("master-leader")
def test_nobody_listens(nobody: str, new_cluster: NewCluster) -> None:
    report = check(f"mesos://{nobody}")
    assert report.failing() == report.errors() == {"master-leader"}, report
    assert report.exit_code == 5
    assert report.message("master-leader") == (
        f"no leading Mesos master: http://{nobody} refuses the connection"
    )
    assert "Check host and port, and that the server is running there" in report.hint("master-leader")
    assert set(report.follows().values()) == {"master-leader"}
    assert report.follows()["master-url"] == "master-leader"

    cluster = new_cluster(agents=(AgentSpec(),))
    cluster.control.kill_master(0)
    assert check(cluster.url).failing() == {"master-leader"}
    cluster.control.start_master(0)
    cluster.control.await_registered()
    assert check(cluster.url).failing() == set()


@pytest.mark.breaks("master-leader")
def test_the_master_hangs(cluster: RunningCluster, altered: AlteredServer) -> None:
    may_answer = threading.Event()
    for path in ("/roles", "/flags", "/redirect"):
        altered.delay(path, may_answer)
    try:
        report = check(altered.url, "--check-timeout", "2")
    finally:
        may_answer.set()
    assert report.failing() == {"master-leader"}, report
    assert report.exit_code == 5
    assert report.message("master-leader").endswith("takes connections, but did not answer within 2 s")
    hint = report.hint("master-leader")
    assert "hangs" in hint
    assert "--check-timeout" in hint
    assert "firewall" not in hint
    altered.heal()
    assert check(altered.url).failing() == set()


@pytest.mark.breaks("master-leader")
def test_somebody_else_listens(cluster: RunningCluster) -> None:
    with http_stub({"/": Answer(200, b"<html>Welcome to nginx!")}) as web:
        report = check(f"mesos://{web.address}")
    assert report.failing() == report.errors() == {"master-leader"}, report
    assert report.exit_code == 5
    assert f"{web.address} does not answer like a Mesos master: 404" in report.message("master-leader")
    hint = report.hint("master-leader")
    assert hint.startswith("Check that host and port are those of a Mesos master (5050 unless configured oth")
    assert check(cluster.url).failing() == set()


@pytest.mark.slow
@pytest.mark.breaks("master-leader", "master-others")
def test_masters_that_die(new_cluster: NewCluster, zookeeper: ZooKeeperServer) -> None:
    """Through ZooKeeper, where their nodes live on until their sessions end."""
    cluster = new_cluster(masters=3, zookeeper=f"zk://{zookeeper.hosts}/dying", zk_session_timeout=3)
    url = f"mesos://zk://{zookeeper.hosts}/dying"
    leader = cluster.control.await_leading_master()
    healthy = check(url)
    assert healthy.failing() == set(), healthy
    assert healthy.seen("master-others") == f"2 of 2 follow {address_of(cluster.master_urls[leader])}"
    assert healthy.seen("zookeeper-path").startswith("3 masters under /dying")

    follower = next(number for number in range(3) if number != leader)
    dead = address_of(cluster.master_urls[follower])
    cluster.control.kill_master(follower)
    report = check(f"mesos://{','.join(map(address_of, cluster.master_urls))}")
    assert report.failing() == {"master-others"}, report
    assert report.errors() == set()
    assert report.message("master-others") == f"The master at {dead} refuses the connection"
    assert report.hint("master-others") == f"Start it again, or take {dead} out of the URL."

    cluster.control.kill_master(leader)
    report = check(url)
    died = cluster.master_urls[leader]
    assert report.failing() == {"master-leader"}, report
    assert report.exit_code == 5
    assert report.message("master-leader") == (
        f"the master that ZooKeeper names as the leader does not answer: {died} refuses the connection"
    )
    for number in (leader, follower):
        cluster.control.start_master(number)
    cluster.control.await_leading_master()
    cluster.control.await_registered()
    assert check(f"mesos://{','.join(map(address_of, cluster.master_urls))}").failing() == set()


@pytest.mark.breaks("master-others")
def test_masters_of_two_clusters(cluster: RunningCluster, new_cluster: NewCluster, nobody: str) -> None:
    foreign = address_of(new_cluster(agents=(AgentSpec(),)).http_url)
    own = address_of(cluster.http_url)
    report = check(f"mesos://{own},{foreign}")
    assert report.failing() == report.errors() == {"master-others"}, report
    assert report.exit_code == 1
    assert report.message("master-others") == (
        f"The master at {foreign} takes itself for the leader, not {own}"
    )
    assert "started with the same --zk" in report.hint("master-others")
    assert "take it out of the URL" in report.hint("master-others")
    report = check(f"mesos://{own},{nobody}")
    assert report.errors() == set()
    assert report.message("master-others") == f"The master at {nobody} refuses the connection"
    assert check(f"mesos://{own}").failing() == set()


@pytest.mark.breaks("master-name")
def test_a_name_that_nobody_knows(altered: AlteredServer) -> None:
    def one_of_three(answer: dict[str, Any]) -> None:
        answer["flags"]["quorum"] = "2"

    altered.edit("/flags", one_of_three)
    altered.headers("/redirect", {"Location": "//master1.invalid:5050"})
    report = check(altered.url)
    assert report.failing() == {"master-name"}, report
    assert report.errors() == set()
    assert report.message("master-name") == (
        "The leading master calls itself master1.invalid, which cannot be resolved here"
    )
    assert "a --hostname that others can resolve" in report.hint("master-name")
    assert report.hint("master-name").startswith("Name all masters in --master, or their ZooKeeper")
    altered.heal()
    assert check(altered.url).failing() == set()


def test_a_name_of_a_private_network(altered: AlteredServer) -> None:
    """Behind forwarded ports, where nobody is redirected, it is well enough."""
    altered.headers("/redirect", {"Location": "//master1.invalid:5050"})
    report = check(altered.url)
    assert report.failing() == set(), report
    assert report.status("master-name") == "note"
