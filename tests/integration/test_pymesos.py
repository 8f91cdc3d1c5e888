"""pymesos, over the http-parser of this repository, on the embedded cluster: by itself and as we wrap it."""

from __future__ import annotations

import _thread
import contextlib
import errno
import json
import logging
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sparkmesos_core.errors import (
    MesosError,
    MissingExtraError,
    UnreachableError,
    UsageError,
)
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.master import HostPort, MesosMaster, parse_master
from sparkmesos_core.mesos.framework import Framework
from sparkmesos_core.mesos.leader import Leader, resolve_leader
from sparkmesos_core.mesos.pymesos_import import load_pymesos

EVENT_TIMEOUT = 30
INFO = {"user": "root", "name": "test", "failover_timeout": 600}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with cluster_in_thread(
        ClusterSpec(work_dir=folder, agents=(AgentSpec(),), allocation_interval=0.1)
    ) as running:
        yield running


@pytest.fixture
def leader(cluster: RunningCluster) -> Leader:
    master = parse_master(cluster.url)
    assert isinstance(master, MesosMaster)
    return resolve_leader(master)


class Recorder:
    """Keeps what a framework is told, and hands it out event by event."""

    def __init__(self, react: Callable[[dict[str, Any]], None] = lambda event: None) -> None:
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.react = react

    def __call__(self, event: dict[str, Any]) -> None:
        self.events.put(event)
        self.react(event)

    def disconnected(self) -> None:
        self.events.put({"type": "(disconnected)"})

    def next(self, kind: str) -> dict[str, Any]:
        """The next event of a kind; offers in between are passed over."""
        while True:
            event = self.events.get(timeout=EVENT_TIMEOUT)
            if event["type"] == kind:
                return event
            assert event["type"] == "OFFERS", event

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.next("UPDATE")["update"]["status"]
        return status


def task(offer: dict[str, Any], task_id: str, command: str) -> dict[str, Any]:
    return {
        "name": task_id,
        "task_id": {"value": task_id},
        "agent_id": offer["agent_id"],
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
        ],
        "command": {"shell": True, "value": command},
    }


def launch(framework: Framework, recorder: Recorder, task_id: str, command: str) -> str:
    """Launch on the next offer; returns the agent's id."""
    offer = recorder.next("OFFERS")["offers"]["offers"][0]
    operation = {"type": "LAUNCH", "launch": {"task_infos": [task(offer, task_id, command)]}}
    framework.accept([offer["id"]], [operation])
    agent_id: str = offer["agent_id"]["value"]
    return agent_id


def frameworks(cluster: RunningCluster) -> dict[str, list[str]]:
    state = requests.get(f"{cluster.http_url}/frameworks", timeout=10).json()
    return {
        "active": [each["id"] for each in state["frameworks"] if each["active"]],
        "known": [each["id"] for each in state["frameworks"]],
        "completed": [each["id"] for each in state["completed_frameworks"]],
    }


def tear_down(cluster: RunningCluster, framework_id: str | None) -> None:
    """As an operator does, for frameworks that a test leaves behind."""
    requests.post(f"{cluster.http_url}/teardown", data=f"frameworkId={framework_id}", timeout=10)


# pymesos by itself

PLAIN = """
import json, sys, threading
import pymesos

class Scheduler(pymesos.Scheduler):
    def __init__(self):
        self.launched = False
        self.done = threading.Event()
        self.states = []

    def registered(self, driver, framework_id, master_info):
        print("registered", framework_id["value"], master_info["version"], flush=True)

    def resourceOffers(self, driver, offers):
        offer = offers[0]
        if self.launched:
            driver.declineOffer([each["id"] for each in offers])
            return
        self.launched = True
        def task(name, command):
            scalars = {"cpus": 0.1, "mem": 32}
            return {
                "name": name, "task_id": {"value": name}, "agent_id": offer["agent_id"],
                "command": {"shell": True, "value": command},
                "resources": [
                    {"name": key, "type": "SCALAR", "scalar": {"value": value}} for key, value in scalars.items()
                ],
            }
        driver.launchTasks(offer["id"], [task("short", "true"), task("long", "exec sleep 600")])
        driver.declineOffer([each["id"] for each in offers[1:]])

    def statusUpdate(self, driver, status):
        name, state = status["task_id"]["value"], status["state"]
        print("update", name, state, status.get("reason", "-"), flush=True)
        self.states.append((name, state))
        if status.get("reason") == "REASON_RECONCILIATION":
            driver.killTask({"value": "long"})
        elif {("short", "TASK_FINISHED"), ("long", "TASK_RUNNING")} <= set(self.states):
            if state not in ("TASK_KILLING", "TASK_KILLED"):
                driver.reconcileTasks([{"task_id": {"value": "long"}}])
        if (name, state) == ("long", "TASK_KILLED"):
            self.done.set()

scheduler = Scheduler()
driver = pymesos.MesosSchedulerDriver(scheduler, {"user": "root", "name": "plain"}, sys.argv[1])
driver.start()
assert scheduler.done.wait(30)
driver.stop()
driver.join()
"""


def test_plain_pymesos_runs_a_framework(cluster: RunningCluster, tmp_path: Path) -> None:
    script = tmp_path / "plain.py"
    script.write_text(PLAIN)
    done = subprocess.run(
        [sys.executable, str(script), cluster.http_url.removeprefix("http://")],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    (_, framework_id, version), *updates = lines
    assert version.count(".") == 2
    short = [state for _, name, state, _ in updates if name == "short"]
    long = [
        state for _, name, state, reason in updates if name == "long" and reason != "REASON_RECONCILIATION"
    ]
    assert short == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    assert [state for state in long if state != "TASK_KILLING"] == [
        "TASK_STARTING",
        "TASK_RUNNING",
        "TASK_KILLED",
    ]
    assert ["update", "long", "TASK_RUNNING", "REASON_RECONCILIATION"] in lines
    assert framework_id in frameworks(cluster)["completed"]


# pymesos as we wrap it


def test_tasks_run_are_killed_and_reconciled(cluster: RunningCluster, leader: Leader) -> None:
    recorder = Recorder()
    framework = Framework(INFO, leader, recorder, on_disconnected=recorder.disconnected)
    framework.start()
    subscribed = recorder.next("SUBSCRIBED")["subscribed"]
    assert framework.framework_id == subscribed["framework_id"]["value"]
    connected = framework.connected
    assert connected

    launch(framework, recorder, "short", "echo hello")
    short = [recorder.status() for _ in range(3)]
    assert [status["state"] for status in short] == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    assert all("uuid" in status for status in short)

    framework.suppress()
    framework.revive()
    agent_id = launch(framework, recorder, "long", "exec sleep 600")
    assert [recorder.status()["state"] for _ in range(2)] == ["TASK_STARTING", "TASK_RUNNING"]
    framework.reconcile({"long": agent_id, "never": None})
    answers = {status["task_id"]["value"]: status for status in (recorder.status(), recorder.status())}
    assert answers["long"]["state"] == "TASK_RUNNING"
    assert answers["long"]["reason"] == "REASON_RECONCILIATION"
    assert answers["never"]["state"] == "TASK_LOST"
    framework.reconcile({})
    assert recorder.status()["state"] == "TASK_RUNNING"

    framework.kill("long", agent_id)
    killed = recorder.status()
    if killed["state"] == "TASK_KILLING":
        killed = recorder.status()
    assert (killed["task_id"]["value"], killed["state"]) == ("long", "TASK_KILLED")

    framework.stop(teardown=True)
    assert framework.join(EVENT_TIMEOUT)
    assert not framework.connected
    assert subscribed["framework_id"]["value"] in frameworks(cluster)["completed"]
    with pytest.raises(UnreachableError, match="KILL was not sent: the framework is not subscribed"):
        framework.kill("long")


def test_updates_can_be_acknowledged_by_hand(tmp_path: Path) -> None:
    spec = ClusterSpec(work_dir=tmp_path, allocation_interval=0.1, update_retry=0.2)
    with cluster_in_thread(spec) as cluster:
        recorder = Recorder()
        address = parse_master(cluster.url)
        assert isinstance(address, MesosMaster)
        framework = Framework(INFO, Leader(address.hosts[0]), recorder, acknowledge=False)
        with framework:
            recorder.next("SUBSCRIBED")
            launch(framework, recorder, "t", "true")
            first, again = recorder.status(), recorder.status()
            assert first["uuid"] == again["uuid"]  # not acknowledged, so repeated
            framework.acknowledge(again)
            while (status := recorder.status())["uuid"] == first["uuid"]:
                pass
            assert status["state"] == "TASK_RUNNING"
            framework.acknowledge(
                {"task_id": {"value": "t"}, "state": "TASK_RUNNING"}
            )  # no uuid: nothing to do
            framework.stop(teardown=True)
            assert framework.join(EVENT_TIMEOUT)


def test_it_goes_on_under_its_id_after_stopping(cluster: RunningCluster, leader: Leader) -> None:
    recorder = Recorder()
    with Framework(INFO, leader, recorder) as framework:
        recorder.next("SUBSCRIBED")
        launch(framework, recorder, "survivor", "exec sleep 600")
        assert [recorder.status()["state"] for _ in range(2)] == ["TASK_STARTING", "TASK_RUNNING"]
        framework_id = framework.framework_id
    known = frameworks(cluster)
    assert framework_id in known["known"]
    assert framework_id not in known["completed"]

    again = Recorder()
    resumed = Framework({**INFO, "id": {"value": framework_id}}, leader, again)
    with resumed:
        assert again.next("SUBSCRIBED")["subscribed"]["framework_id"]["value"] == framework_id
        resumed.reconcile({})
        assert again.status()["task_id"]["value"] == "survivor"
        resumed.stop(teardown=True)
        assert resumed.join(EVENT_TIMEOUT)
    assert framework_id in frameworks(cluster)["completed"]


def test_two_frameworks_at_once_do_not_mix(cluster: RunningCluster, leader: Leader) -> None:
    recorders = [Recorder(), Recorder()]
    both = [Framework({**INFO, "name": f"f{i}"}, leader, recorder) for i, recorder in enumerate(recorders)]
    for each in both:
        each.start()
    ids = [recorder.next("SUBSCRIBED")["subscribed"]["framework_id"]["value"] for recorder in recorders]
    assert len(set(ids)) == 2
    for each in both:
        each.reconcile({"x": None})
    for recorder in recorders:
        assert recorder.status()["state"] == "TASK_LOST"
    for each in both:
        each.stop(teardown=True)
        assert each.join(EVENT_TIMEOUT)
    assert set(ids) <= set(frameworks(cluster)["completed"])


def test_an_exception_in_the_callback_is_raised_to_who_waits(
    cluster: RunningCluster, leader: Leader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(event: dict[str, Any]) -> None:
        if event["type"] == "OFFERS":
            raise ValueError("a fault in the callback")

    interrupted = threading.Event()
    monkeypatch.setattr(_thread, "interrupt_main", interrupted.set)
    recorder = Recorder(fail)
    framework = Framework(INFO, leader, recorder)
    framework.start()
    with pytest.raises(ValueError, match="a fault in the callback"):
        framework.join(EVENT_TIMEOUT)
    assert not interrupted.is_set()
    assert framework.framework_id in frameworks(cluster)["known"]  # and not torn down by the fault
    tear_down(cluster, framework.framework_id)


def test_a_refused_call_is_an_error_of_that_call(cluster: RunningCluster, leader: Leader) -> None:
    recorder = Recorder()
    with Framework(INFO, leader, recorder) as framework:
        recorder.next("SUBSCRIBED")
        with pytest.raises(MesosError, match="refuses NONSENSE: 400"):
            framework.call("NONSENSE")
        framework.reconcile({"x": None})
        assert recorder.status()["state"] == "TASK_LOST"
        framework.stop(teardown=True)
        assert framework.join(EVENT_TIMEOUT)


def test_an_error_event_ends_it(cluster: RunningCluster, leader: Leader) -> None:
    old, new = Recorder(), Recorder()
    with Framework(INFO, leader, old) as replaced:
        old.next("SUBSCRIBED")
        with Framework({**INFO, "id": {"value": replaced.framework_id}}, leader, new) as successor:
            new.next("SUBSCRIBED")
            assert "failed over" in old.next("ERROR")["error"]["message"].lower()
            with pytest.raises(MesosError, match="Mesos ended the framework: Framework failed over"):
                replaced.join(EVENT_TIMEOUT)
            assert successor.connected
            successor.stop(teardown=True)
            assert successor.join(EVENT_TIMEOUT)


def test_a_refused_subscription_is_raised_with_mesos_words(leader: Leader) -> None:
    framework = Framework({"user": "root"}, leader, Recorder())
    framework.start()
    with pytest.raises(MesosError, match=r"refuses the framework: 400 \w"):
        framework.join(EVENT_TIMEOUT)


# What happens to Mesos meanwhile


def test_the_master_is_restarted_and_tasks_go_on(tmp_path: Path) -> None:
    spec = ClusterSpec(work_dir=tmp_path, allocation_interval=0.1)
    with cluster_in_thread(spec) as cluster:
        master = parse_master(cluster.url)
        assert isinstance(master, MesosMaster)
        recorder = Recorder()
        with Framework(
            INFO, resolve_leader(master), recorder, on_disconnected=recorder.disconnected
        ) as framework:
            first = recorder.next("SUBSCRIBED")["subscribed"]["framework_id"]
            agent_id = launch(framework, recorder, "survivor", "exec sleep 600")
            assert [recorder.status()["state"] for _ in range(2)] == ["TASK_STARTING", "TASK_RUNNING"]
            cluster.control.kill_master(0)
            recorder.next("(disconnected)")
            with pytest.raises(UnreachableError):
                framework.revive()
            cluster.control.start_master(0)
            assert recorder.next("SUBSCRIBED")["subscribed"]["framework_id"] == first
            framework.reconcile({"survivor": agent_id})
            while "uuid" in (status := recorder.status()):
                pass  # what was not acknowledged before comes again
            assert (status["state"], status["reason"]) == ("TASK_RUNNING", "REASON_RECONCILIATION")
            framework.kill("survivor", agent_id, grace=1)
            while (status := recorder.status())["state"] != "TASK_KILLED":
                assert status["state"] in ("TASK_KILLING", "TASK_RUNNING")
            framework.stop(teardown=True)
            assert framework.join(EVENT_TIMEOUT)


def test_a_cut_connection_is_made_anew(tmp_path: Path) -> None:
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path, allocation_interval=0.1)) as cluster:
        master = parse_master(cluster.url)
        assert isinstance(master, MesosMaster)
        recorder = Recorder()
        with Framework(
            INFO, resolve_leader(master), recorder, on_disconnected=recorder.disconnected
        ) as framework:
            first = recorder.next("SUBSCRIBED")["subscribed"]["framework_id"]
            assert cluster.control.cut_connections(0) == 1
            recorder.next("(disconnected)")
            assert recorder.next("SUBSCRIBED")["subscribed"]["framework_id"] == first
            framework.stop(teardown=True)
            assert framework.join(EVENT_TIMEOUT)


# What only a master that misbehaves can show


class Master:
    """A master of a few lines, which answers each SUBSCRIBE as it is told to."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.connections: list[socket.socket] = []
        self.leader = Leader(HostPort("127.0.0.1", self.listener.getsockname()[1]))

    def __enter__(self) -> Master:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self.listener, *self.connections):
            each.close()

    def request(self, answer: bytes) -> tuple[socket.socket, str, Any]:
        """Take a connection and answer; returns it with the head and the content of the request."""
        self.listener.settimeout(EVENT_TIMEOUT)
        connection, _ = self.listener.accept()
        self.connections.append(connection)
        connection.settimeout(EVENT_TIMEOUT)
        with connection.makefile("rb") as stream:
            head = b"".join(iter(stream.readline, b"\r\n")).decode()
            length = next(
                int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:")
            )
            content = json.loads(stream.read(length))
        connection.sendall(answer)
        return connection, head, content


def subscribed_answer(heartbeat: float) -> bytes:
    event = {
        "type": "SUBSCRIBED",
        "subscribed": {"framework_id": {"value": "f-1"}, "heartbeat_interval_seconds": heartbeat},
    }
    record = json.dumps(event).encode()
    framed = b"%d\n%b" % (len(record), record)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: s-1\r\n\r\n%x\r\n%b\r\n" % (
        len(framed),
        framed,
    )


@contextlib.contextmanager
def started(leader: Leader, recorder: Recorder, **options: Any) -> Iterator[Framework]:
    with Framework(INFO, leader, recorder, on_disconnected=recorder.disconnected, **options) as framework:
        yield framework


def test_a_silent_connection_is_given_up() -> None:
    recorder = Recorder()
    with Master() as master, started(master.leader, recorder) as framework:
        _, _, content = master.request(subscribed_answer(heartbeat=0.05))
        assert "framework_id" not in content
        recorder.next("SUBSCRIBED")
        _, _, content = master.request(subscribed_answer(heartbeat=15))
        assert content["framework_id"] == content["subscribe"]["framework_info"]["id"] == {"value": "f-1"}
        recorder.next("(disconnected)")
        recorder.next("SUBSCRIBED")
        framework.stop()
        assert framework.join(EVENT_TIMEOUT)


def test_the_framework_is_sent_as_it_is_given_and_credentials_in_utf8() -> None:
    recorder = Recorder()
    with Master() as master, started(master.leader, recorder, principal="ä", secret="b") as framework:
        _, head, content = master.request(subscribed_answer(15))
        assert content["subscribe"]["framework_info"] == INFO
        assert "Authorization: Basic w6Q6Yg==" in head
        recorder.next("SUBSCRIBED")
        caller = threading.Thread(target=framework.revive)
        caller.start()
        _, head, content = master.request(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        caller.join()
        assert content == {"type": "REVIVE", "framework_id": {"value": "f-1"}}
        assert "Mesos-Stream-Id: s-1" in head
        assert "Authorization: Basic w6Q6Yg==" in head


def test_a_refusal_is_told_whole_and_with_what_to_do() -> None:
    framework = Framework(INFO, (master := Master()).leader, Recorder())
    with master, framework:
        connection, _, _ = master.request(
            b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: 17\r\n\r\n401 "
        )
        assert not framework.join(0.2)
        connection.sendall(b"Unauthorized.")
        with pytest.raises(MesosError, match=r"refuses the framework: 401 401 Unauthorized\.$") as caught:
            framework.join(EVENT_TIMEOUT)
        assert "spark.mesos.principal" in caught.value.hint


def test_a_web_server_that_is_no_master_does_not_show_its_page() -> None:
    framework = Framework(INFO, (master := Master()).leader, Recorder())
    page = b"<!doctype html>\n<html><head><title>My shop</title></head>" + b"<p>buy</p>\n" * 200
    with master, framework:
        head = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
        master.request(head % len(page) + page)
        with pytest.raises(MesosError, match=r"refuses the framework: 404 a web page: My shop$") as caught:
            framework.join(EVENT_TIMEOUT)
        assert "5050" in caught.value.hint


def test_a_dispatcher_that_is_taken_for_a_master_is_called_one() -> None:
    framework = Framework(INFO, (master := Master()).leader, Recorder())
    body = b'{\n  "action" : "ErrorResponse",\n  "serverSparkVersion" : "3.5.9"\n}'
    with master, framework:
        master.request(b"HTTP/1.1 468 Unknown\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        with pytest.raises(MesosError, match=r"468 \(it is a REST server of Spark, such as .*\)$") as caught:
            framework.join(EVENT_TIMEOUT)
        assert "5050" in caught.value.hint


def test_a_master_that_is_not_ready_is_asked_again_after_a_pause() -> None:
    recorder = Recorder()
    with Master() as master, started(master.leader, recorder):
        asked: list[float] = []
        for _ in range(2):
            master.request(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno")[0].close()
            asked.append(time.monotonic())
        master.request(subscribed_answer(15))
        assert min(asked[1] - asked[0], time.monotonic() - asked[1]) > 0.8
        recorder.next("SUBSCRIBED")


def test_a_redirect_is_followed() -> None:
    recorder = Recorder()
    with Master() as other, Master() as leading, started(other.leader, recorder):
        location = f"Location: //{leading.leader.address}/master/api/v1/scheduler"
        other.request(f"HTTP/1.1 307 Temporary Redirect\r\n{location}\r\nContent-Length: 0\r\n\r\n".encode())[
            0
        ].close()
        leading.request(subscribed_answer(15))
        recorder.next("SUBSCRIBED")


def test_a_refused_connection_does_not_end_it_and_another_leader_is_followed() -> None:
    recorder = Recorder()
    with socket.socket() as bound, Master() as master:
        bound.bind(("127.0.0.1", 0))
        dead = Leader(HostPort("127.0.0.1", bound.getsockname()[1]))
        with started(dead, recorder) as framework:
            assert not framework.join(0.2)
            framework.follow(master.leader)
            master.request(subscribed_answer(15))
            recorder.next("SUBSCRIBED")
            framework.follow(None)
            recorder.next("(disconnected)")
            framework.follow(master.leader)
            master.request(subscribed_answer(15))
            recorder.next("SUBSCRIBED")


def told(framework: Framework, problem: str) -> None:
    """Returns when this is why the framework is not subscribed."""
    deadline = time.monotonic() + EVENT_TIMEOUT
    while problem not in framework.problem:
        assert time.monotonic() < deadline, framework.problem
        framework.join(0.02)


def test_why_there_is_no_subscription_can_be_asked() -> None:
    recorder = Recorder()
    with socket.socket() as bound, Master() as master:
        bound.bind(("127.0.0.1", 0))
        dead = Leader(HostPort("127.0.0.1", bound.getsockname()[1]))
        with started(dead, recorder) as framework:
            told(framework, f"the master at {dead.address} cannot be reached: Connection refused")
            framework.follow(master.leader)
            master.request(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno")[0].close()
            told(framework, f"the master at {master.leader.address} is not ready")
            master.request(b"")[0].close()
            told(framework, f"the master at {master.leader.address} closed the connection")
            connection, _, _ = master.request(subscribed_answer(15))
            recorder.next("SUBSCRIBED")
            assert framework.problem == ""
            connection.close()
            recorder.next("(disconnected)")
            told(framework, f"the subscription at {master.leader.address} is lost")
            master.request(subscribed_answer(15))
            recorder.next("SUBSCRIBED")
            assert framework.problem == ""


def test_a_name_that_nobody_knows_is_why() -> None:
    with started(Leader(HostPort("nowhere.invalid", 5050)), Recorder()) as framework:
        told(framework, "the master at nowhere.invalid:5050 cannot be reached: ")


def test_what_does_not_speak_http_is_no_master() -> None:
    framework = Framework(INFO, (master := Master()).leader, Recorder())
    with master, framework:
        master.request(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        with pytest.raises(MesosError, match=r"what answers at .* is no Mesos master$") as caught:
            framework.join(EVENT_TIMEOUT)
        assert "5050" in caught.value.hint


def test_a_framework_that_cannot_be_torn_down_says_so() -> None:
    with Master() as master, started(master.leader, recorder := Recorder()) as framework:
        master.request(subscribed_answer(15))
        recorder.next("SUBSCRIBED")
        framework.stop(teardown=True)
        _, _, content = master.request(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        assert content["type"] == "TEARDOWN"
        with pytest.raises(MesosError, match="refuses TEARDOWN: 403 no"):
            framework.join(EVENT_TIMEOUT)


# Loading


def test_loading_leaves_signals_and_logs_alone() -> None:
    """In a fresh interpreter, with and without pymesos having been imported by somebody else before."""
    for before in ("", "import pymesos\n"):
        script = (
            "import logging, signal\n"
            f"own = lambda *_: None\nsignal.signal(signal.SIGINT, own)\n{before}"
            "from sparkmesos_core.mesos.pymesos_import import load_pymesos\n"
            "assert load_pymesos() is load_pymesos()\n"
            "assert signal.getsignal(signal.SIGINT) is own\n"
            "logging.getLogger('pymesos').error('not on the terminal')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_loading_outside_the_main_thread_is_a_clear_error() -> None:
    script = (
        "import threading\n"
        "from sparkmesos_core.errors import SparkMesosError\n"
        "from sparkmesos_core.mesos.pymesos_import import load_pymesos\n"
        "def load():\n"
        "    try:\n        load_pymesos()\n"
        "    except SparkMesosError as error:\n        print(error.message)\n"
        "thread = threading.Thread(target=load); thread.start(); thread.join()\n"
        "load_pymesos()\n"
        "thread = threading.Thread(target=load_pymesos); thread.start(); thread.join()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "pymesos can be loaded in the main thread only\n"


@pytest.mark.parametrize("missing", ["pymesos", "http_parser.http"])
def test_a_missing_dependency_names_the_command_that_installs_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in ("pymesos", "http_parser"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)  # makes importing it fail
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(MissingExtraError) as caught:
        load_pymesos()
    assert "[framework]" in caught.value.message
    if sys.version_info >= (3, 11) or missing == "http_parser.http":
        assert "pip install ./third_party/http-parser '.[framework]'" in caught.value.hint
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize(
    ("leader", "what"),
    [
        (Leader(HostPort("h", 5050), "https"), "over https"),
        (Leader(HostPort("::1", 5050)), "by IPv6"),
    ],
)
def test_masters_that_pymesos_cannot_speak_to(leader: Leader, what: str) -> None:
    with pytest.raises(UsageError, match=f"pymesos does not {what}"):
        Framework(INFO, leader, Recorder())


def test_a_connection_that_is_reset_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Found by chaos, seed 11: pymesos writes a traceback for each."""
    load_pymesos()
    logger = logging.getLogger("pymesos.process")
    try:
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    except OSError:
        logger.exception("Failed to recv from %s", "here")
    try:
        raise ValueError("no connection")
    except ValueError:
        logger.exception("Failed to process event")
    lost, failed = caplog.records
    assert (lost.getMessage(), lost.exc_info) == ("Failed to recv from here: Connection reset by peer", None)
    assert failed.exc_info is not None
