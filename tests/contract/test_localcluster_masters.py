"""Several masters of the embedded cluster on one ZooKeeper: redirects, znodes and the loss of the leader, as recorded."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kazoo.client import KazooClient

from sparkmesos_core.master import HostPort, ZooKeeperMaster, parse_master
from sparkmesos_core.mesos.framework import Framework
from sparkmesos_core.mesos.leader import Leader, LeaderWatch
from tests.contract.recorded import load
from tests.contract.replay import AGENTS, Replay
from tests.contract.scheduler_client import PATIENCE, Json, request
from tests.contract.stage import Stage, staged
from tests.integration.zookeeper import ZooKeeperServer, zookeeper_server

pytestmark = pytest.mark.slow

PATH = "/mesos"


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    with zookeeper_server(tmp_path_factory.mktemp("zookeeper")) as running:
        yield running


@pytest.fixture
def stage(zookeeper: ZooKeeperServer, tmp_path: Path) -> Iterator[Stage]:
    """Two masters, of which the first leads, and the first agent."""
    with staged(
        tmp_path,
        agents=AGENTS[:1],
        masters=2,
        zookeeper=f"zk://{zookeeper.hosts}{PATH}",
        zk_session_timeout=2.0,
        recovery_seconds=0.5,
        registration_backoff=0.1,
    ) as it:
        assert it.cluster.control.await_leading_master() == 0
        yield it


@pytest.mark.parametrize(("name", "master"), [("non-leading-master", 1), ("leading-master-redirect", 0)])
def test_who_is_asked_and_does_not_lead(name: str, master: int, stage: Stage) -> None:
    conversation = stage.replay(name, master=master)
    for exchange in conversation.recording["exchanges"]:
        wanted = exchange["request"]
        status, headers, text = request(
            conversation.url, wanted["method"], wanted["path"], wanted.get("body"), wanted.get("headers")
        )
        if wanted["path"] in OF_EACH_MASTER:
            # What they say is compared in test_localcluster_operator_endpoints; here that it is said at all.
            assert (status, bool(json.loads(text))) == (200, True)
        else:
            conversation.compare(exchange, status, headers, text)
    conversation.check()


OF_EACH_MASTER = {"/version", "/metrics/snapshot", "/flags"}


def test_the_leader_is_killed(stage: Stage) -> None:
    control = stage.cluster.control
    with stage.replay("scheduler-master-failover-before", sleep_factor=1.0) as before:
        before.run(until="_note")
        control.pause_agent(0)  # so that it comes back late, as in the recording
        before.run(until="_polling").check()
        assert before.subscription is not None
        assert before.subscription.ended.wait(PATIENCE)
        polling = next(e["_polling"] for e in before.recording["events"] if "_polling" in e)
        after = stage.replay("scheduler-master-failover-after", master=1)
        poll(after, polling)
    with after:
        after.run(until="OFFERS")
        control.resume_agent(0)
        after.run().check()


def poll(after: Replay, polling: list[Json]) -> None:
    """Try to subscribe and ask who leads until the other master does: each says what it said, in that order."""
    subscribe = after.recording["exchanges"][0]["request"]
    asks_who = {"method": "GET", "path": "/redirect"}
    tries = Sequence(after, [{"request": subscribe, "response": each} for each in polling])
    says = Sequence(after, [{"request": asks_who, "response": each["redirect"]} for each in polling])
    deadline = time.monotonic() + PATIENCE
    while not tries.at_end:
        assert time.monotonic() < deadline, f"still {tries.position}"
        tries.answered(*attempt(after.url, after.bindings.translate(subscribe["body"])))
        says.answered(*request(after.url, "GET", "/redirect"))
    assert tries.seen == {0, 1, 2}


class Sequence:
    """Answers that may be repeated, but come in this order."""

    def __init__(self, replay: Replay, exchanges: list[Json]) -> None:
        self.replay, self.exchanges = replay, exchanges
        self.position = 0
        self.seen: set[int] = set()

    @property
    def at_end(self) -> bool:
        return self.position == len(self.exchanges) - 1

    def answered(self, status: int, headers: dict[str, str], text: str | None) -> None:
        """It is the answer that is due, or the one after it."""
        problems = []
        for position in range(self.position, min(self.position + 2, len(self.exchanges))):
            self.replay.compare(self.exchanges[position], status, headers, text)
            if not self.replay.problems:
                self.position = position
                self.seen.add(position)
                return
            problems += self.replay.problems
            self.replay.problems.clear()
        pytest.fail("\n".join(problems))


def attempt(url: str, body: Json) -> tuple[int, dict[str, str], str | None]:
    """Try to subscribe; a subscription that comes about is left again."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        connection.request("POST", "/api/v1/scheduler", json.dumps(body), headers)
        answer = connection.getresponse()
        text = None if answer.status == 200 else answer.read().decode()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text
    finally:
        connection.close()


def test_znodes(stage: Stage, zookeeper: ZooKeeperServer) -> None:
    recorded = load("zookeeper-mesos")
    client = KazooClient(zookeeper.hosts)
    client.start()
    try:

        def nodes() -> list[Json]:
            names = sorted(name for name in client.get_children(PATH) if name.startswith("json.info_"))
            return [json.loads(client.get(f"{PATH}/{name}")[0]) for name in names]

        def wanted(moment: str) -> list[Json]:
            return [json.loads(n["data_raw"]) for n in recorded[moment] if n["name"].startswith("json.info_")]

        problems = stage.bindings.differences(wanted("two_masters"), nodes(), "two_masters")
        stage.cluster.control.kill_master(0)
        # For as long as its session lasts the node of the dead one is there.
        problems += stage.bindings.differences(wanted("after_leader_killed"), nodes(), "after")
        assert stage.cluster.control.await_leading_master() == 1
        problems += stage.bindings.differences(wanted("new_leader"), nodes(), "new_leader")
        assert not problems, "\n".join(problems)
    finally:
        client.stop()
        client.close()


@pytest.mark.parametrize("through", ["ZooKeeper", "the other master"])
def test_a_framework_of_ours_goes_on_at_the_next_leader(through: str, stage: Stage) -> None:
    master = parse_master(stage.cluster.url)
    assert isinstance(master, ZooKeeperMaster)
    first, second = (
        Leader(HostPort("127.0.0.1", urlsplit(url).port or 0)) for url in stage.cluster.master_urls
    )
    events: queue.SimpleQueue[Json] = queue.SimpleQueue()
    info = {"user": "root", "name": "ours", "failover_timeout": 60}
    others = [] if through == "ZooKeeper" else [second]
    with (
        Framework(info, first, events.put, others=others) as framework,
        LeaderWatch(master, framework.follow) if through == "ZooKeeper" else contextlib.nullcontext(),
    ):
        subscribed = await_subscribed(events)
        stage.cluster.control.kill_master(0)
        again = await_subscribed(events)
        assert again["framework_id"] == subscribed["framework_id"]
        assert again["master_info"]["port"] == second.address.port
        framework.stop(teardown=True)
        assert framework.join(PATIENCE)


def await_subscribed(events: queue.SimpleQueue[Json]) -> Json:
    while (event := events.get(timeout=2 * PATIENCE))["type"] != "SUBSCRIBED":
        assert event["type"] in ("OFFERS", "RESCIND")
    subscribed: Json = event["subscribed"]
    return subscribed
