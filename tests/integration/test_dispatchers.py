"""Several dispatchers as processes on one ZooKeeper: whatever becomes of the leader, another one goes on."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from sparkmesos_core.durable_framework.candidates import Candidate
from sparkmesos_core.durable_framework.store.ownership import Owner
from sparkmesos_core.master import HostPort
from tests.integration.test_dispatcher import (
    Stage,
    await_state,
    await_subscription,
    command,
    condition,
    stage_in,
    until,
)
from tests.integration.zookeeper import ZooKeeperServer, session, zookeeper_server
from tests.servers.cutting_proxy import CuttingProxy, cutting_proxy
from tests.servers.dispatcher import DispatcherServer, our_dispatcher

_PATIENCE = 60.0
_ANSWER_SECONDS = 3.0
SESSION = ("--conf", "spark.mesos.dispatcher.zookeeper.sessionTimeout=4s")


class Company:
    """Three dispatchers, of which the first leads. It alone talks to ZooKeeper through the proxy."""

    def __init__(
        self,
        stage: Stage,
        zookeeper: ZooKeeperServer,
        proxy: CuttingProxy,
        servers: Sequence[DispatcherServer],
        options: Sequence[str],
    ) -> None:
        self.stage = stage
        self.zookeeper = zookeeper
        self.proxy = proxy
        self.servers = servers
        self.options = options
        self.first, self.others = servers[0], servers[1:]

    @property
    def leaders(self) -> list[DispatcherServer]:
        """Who says that it leads."""
        return [server for server in self.servers if server.process is not None and server.leads()]

    def await_leader(self, among: Sequence[DispatcherServer]) -> DispatcherServer:
        """The one of these that leads, as soon as Mesos knows it; never do two lead at a time."""
        found: list[DispatcherServer] = []

        def one_leads() -> bool:
            leading = [server for server in among if server.leads()]
            # They are asked one after the other, and one that is slow may lose its session in between to the
            # next. Who was asked first does not lead any more then; of two that lead at a time both say so.
            found[:] = leading if len(leading) < 2 else [server for server in leading if server.leads()]
            assert len(found) < 2, f"two lead: {[server.log[-2000:] for server in found]}"
            return bool(found) and condition(found[0])["subscribed"] is True

        until(one_leads, "another one leads, and Mesos knows it")
        return found[0]


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    with zookeeper_server(tmp_path_factory.mktemp("zookeeper")) as server:
        yield server


@pytest.fixture
def company(tmp_path: Path, zookeeper: ZooKeeperServer) -> Iterator[Company]:
    with ExitStack() as stack:
        proxy = stack.enter_context(cutting_proxy(zookeeper.address))
        stage = stack.enter_context(stage_in(tmp_path))
        options = (*SESSION, "--conf", f"spark.deploy.zookeeper.dir=/{tmp_path.name}")
        servers: list[DispatcherServer] = []
        for number, place in enumerate((proxy.address, zookeeper.address, zookeeper.address)):
            folder = tmp_path / f"dispatcher-{number}"
            server = our_dispatcher(stage.cluster.url, folder, ("--zk", str(place), *options))
            stack.callback(server.stop)
            server.start()
            if not servers:
                server.await_ready()  # so that it leads
            servers.append(server)
        for server in servers:
            server.await_ready()
        await_subscription(servers[0])
        yield Company(stage, zookeeper, proxy, servers, options)


class Crowd:
    """Submits one driver after the other, each through another of the dispatchers, until it is accepted."""

    def __init__(self, company: Company) -> None:
        self.ids: dict[str, str] = {}
        self._company = company
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._submit, daemon=True)
        self._thread.start()

    def await_more(self, number: int) -> None:
        """Return when so many more are accepted."""
        wanted = len(self.ids) + number
        until(lambda: len(self.ids) >= wanted, f"{wanted} drivers are accepted")

    def finish(self) -> dict[str, str]:
        """The ids of all drivers by their keys."""
        self._enough.set()
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive()
        assert len(set(self.ids.values())) == len(self.ids), "each has an id of its own"
        return self.ids

    def _submit(self) -> None:
        ports = itertools.cycle([server.port for server in self._company.servers])
        for number in itertools.count():
            if self._enough.wait(0.1):
                return
            key = f"job{number}"
            body = self._company.stage.body(
                key, 0.2, 0, {"spark.mesos.dispatcher.token": f"{key}-0123456789"}
            )
            while key not in self.ids:
                try:
                    status, answer = ask(next(ports), "POST", "/create", body)
                except (OSError, ValueError, http.client.HTTPException):
                    continue
                if status == 200:
                    self.ids[key] = answer["submissionId"]
                else:
                    assert status in (502, 503), answer
                    time.sleep(0.05)


def ask(port: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """As `DispatcherServer.ask`, but it does not wait long for one that is suspended."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        connection.request(method, f"/v1/submissions{path}", None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def outcome(server: DispatcherServer, submission_id: str) -> str:
    """How a driver ended, when it has; from any dispatcher, which may know no leader for a moment."""
    until(
        lambda: ask(server.port, "GET", f"/status/{submission_id}")[1].get("driverState") == "FINISHED",
        f"{submission_id} has ended: {server.log[-2000:]}",
    )
    return str(server.ask("GET", f"/status/{submission_id}")[1]["outcome"])


def kill(company: Company) -> None:
    company.first.kill()


def terminate(company: Company) -> None:
    assert company.first.terminate() == 0


def suspend(company: Company) -> None:
    company.first.pause()


def cut_off(company: Company) -> None:
    """From ZooKeeper; Mesos and clients still reach it."""
    company.proxy.target = HostPort("127.0.0.1", 1)  # where nobody listens
    company.proxy.plan("reset", 0, times=1000)


@pytest.mark.parametrize(("strike", "seconds"), [(kill, 4), (terminate, 4), (suspend, 10), (cut_off, 10)])
@pytest.mark.proves("spark.mesos.dispatcher.zookeeper.sessionTimeout", mode="cluster")
def test_the_leader_goes_and_nothing_is_lost_or_launched_twice(
    company: Company, strike: Callable[[Company], None], seconds: float
) -> None:
    stage, first = company.stage, company.first
    assert company.leaders == [first]
    framework = condition(first)["framework_id"]
    running = stage.submit(company.others[0], "running", seconds)
    until(lambda: stage.starts("running") == 1, "it runs")
    crowd = Crowd(company)
    crowd.await_more(8)
    strike(company)
    successor = company.await_leader(company.others)
    crowd.await_more(3)
    if strike is suspend:
        first.resume()
    elif strike is cut_off:
        until(lambda: not first.leads(), "it notices")
        company.proxy.target = company.zookeeper.address
        company.proxy.heal()
    else:
        first.start()
        first.await_ready()
    crowd.await_more(3)
    ids = crowd.finish()
    # Any of them tells, the former leader, too.
    until(lambda: ask(first.port, "GET", "/readyz")[0] == 200, "it passes requests on")
    assert {key: outcome(first, each) for key, each in ids.items()} == dict.fromkeys(ids, "succeeded")
    assert outcome(first, running) == "succeeded"
    assert company.leaders == [successor]
    assert condition(successor)["framework_id"] == framework
    assert condition(first)["leader"] == f"http://127.0.0.1:{successor.port}"
    assert {key: stage.starts(key) for key in (*ids, "running")} == dict.fromkeys((*ids, "running"), 1)
    assert stage.alone()
    assert not any("Traceback" in server.log for server in company.servers)


def test_a_leader_that_was_suspended_tells_nothing_old(company: Company) -> None:
    first = company.first
    known = company.stage.submit(first, "known", 600)
    first.pause()
    successor = company.await_leader(company.others)
    later = company.stage.submit(successor, "later", 0.1)
    assert successor.ask("POST", f"/kill/{known}")[1]["success"] is True
    assert await_state(successor, known, "FINISHED")["outcome"] == "killed"
    # These wait in its sockets when it goes on, before it can have heard of anything.
    answers: dict[str, tuple[int, Any]] = {}

    def ask_first(submission_id: str) -> None:
        answers[submission_id] = first.ask("GET", f"/status/{submission_id}")

    clients = [threading.Thread(target=ask_first, args=[each]) for each in (known, later)]
    for client in clients:
        client.start()
    until(lambda: _waiting(first.port) >= 2, "both requests are with it")
    first.resume()
    for client in clients:
        client.join(_PATIENCE)
    for status, answer in answers.values():
        assert status == 503 or answer["success"] is True
    if answers[known][0] == 200:
        assert answers[known][1]["outcome"] == "killed"


def _waiting(port: int) -> int:
    """How many connections to a port hold what has not been read."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    fields = [line.split() for line in lines]
    ours = [each for each in fields if int(each[1].partition(":")[2], 16) == port and each[3] == "01"]
    return sum(int(each[4].partition(":")[2], 16) > 0 for each in ours)


def test_zookeeper_goes_and_comes_back(company: Company) -> None:
    """Nobody leads meanwhile, drivers run on, and then one does again."""
    running = company.stage.submit(company.first, "running", 8)
    until(lambda: company.stage.starts("running") == 1, "it runs")
    framework = condition(company.first)["framework_id"]
    company.zookeeper.stop()
    until(lambda: not company.leaders, "nobody leads")
    status, answer = ask(company.others[0].port, "GET", f"/status/{running}")
    assert (status, answer["action"]) == (503, "ErrorResponse")
    company.zookeeper.start()
    leader = company.await_leader(company.servers)
    assert outcome(company.others[1], running) == "succeeded"
    assert condition(leader)["framework_id"] == framework
    assert company.stage.starts("running") == 1


def test_submit_waits_through_a_takeover(company: Company, tmp_path: Path) -> None:
    stage, first = company.stage, company.first
    addresses = ",".join(f"127.0.0.1:{server.port}" for server in company.servers[:2])
    body = stage.body("waited", 5)
    done: list[subprocess.CompletedProcess[str]] = []

    def submit() -> None:
        home = f"spark.mesos.executor.home={stage.home}"
        options = ("--deploy-mode", "cluster", "--master", f"mesos://{addresses}", "--conf", home, "--wait")
        done.append(command(tmp_path, "submit", *options, stage.app.as_uri(), *body["appArgs"]))

    client = threading.Thread(target=submit)
    client.start()
    until(lambda: stage.starts("waited") == 1, "it runs")
    first.kill()
    client.join(_PATIENCE)
    assert done[0].returncode == 0, done[0].stderr
    assert "succeeded" in done[0].stderr
    assert stage.starts("waited") == 1


def test_start_dispatcher_as_a_standby(company: Company, tmp_path: Path) -> None:
    options = ("--master", company.stage.cluster.url, "--zk", company.zookeeper.hosts, *company.options)
    ports = ("--port", "0", "--webui-port", "0")
    started = command(tmp_path, "start-dispatcher", *options, *ports)
    try:
        assert started.returncode == 0, started.stderr
        url = started.stdout.strip()
        assert f"standby: http://127.0.0.1:{company.first.port} leads" in started.stderr
        assert "does not know it" not in started.stderr
        through = url.replace("mesos://", "http://")
        answer = requests.post(
            f"{through}/v1/submissions/create", json=company.stage.body("through"), timeout=10
        )
        assert await_state(company.first, answer.json()["submissionId"], "FINISHED")["outcome"] == "succeeded"
    finally:
        assert command(tmp_path, "stop-dispatcher").returncode == 0
    assert command(tmp_path, "stop-dispatcher").stderr.startswith("No dispatcher 1 runs")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1: it refuses connections"),
        ("http://127.0.0.1:7077", "can be reached from its own machine only"),
    ],
)
def test_a_leader_that_cannot_be_passed_on_to(
    zookeeper: ZooKeeperServer, tmp_path: Path, refusing_port: int, url: str, reason: str
) -> None:
    host = "elsewhere" if url.endswith("7077") else socket.gethostname()
    leader = Candidate(Owner(host, 1, "1", "another boot"), url, url)
    base = f"/{tmp_path.name}"
    with session(zookeeper) as client:
        node = f"{base}/candidates/{'0' * 32}-"
        client.create(node, leader.encode(), ephemeral=True, sequence=True, makepath=True)
        options = ("--master", f"mesos://127.0.0.1:{refusing_port}", "--zk", zookeeper.hosts)
        more = ("--conf", f"spark.deploy.zookeeper.dir={base}", "--subscribe-timeout", "1")
        failed = command(tmp_path, "start-dispatcher", *options, *more, "--port", "0", "--webui-port", "0")
    assert failed.returncode == 5, failed.stderr
    assert "Another dispatcher leads, and requests cannot be passed on to it" in failed.stderr
    assert reason in failed.stderr
    assert failed.stdout == ""
