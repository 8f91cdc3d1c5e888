"""Our dispatcher as a process on an embedded Mesos: what it accepts runs once, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import trustme

from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.process_end import has_ended, wait_for_end
from tests.integration.zookeeper import session, zookeeper_server
from tests.servers.dispatcher import COMMAND, DispatcherServer, our_dispatcher
from tests.soak.stand_in_spark import arguments, recorded, write_stand_in

_PATIENCE = 60.0
SUPERVISED = {"spark.driver.supervise": "true"}


class Stage:
    """A cluster, and a SPARK_HOME whose spark-submit says that it was started."""

    def __init__(self, folder: Path, cluster: RunningCluster) -> None:
        self.folder = folder
        self.cluster = cluster
        self.home = write_stand_in(folder / "spark", folder / "record")
        self.app = folder / "app.py"
        self.app.write_text("")

    def body(
        self, key: str, seconds: float = 0.1, failures: int = 0, properties: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """What a client posts."""
        return {
            "action": "CreateSubmissionRequest",
            "clientSparkVersion": "3.5.9",
            "appResource": self.app.as_uri(),
            "mainClass": "",
            "appArgs": arguments(key, seconds, failures),
            "environmentVariables": {},
            "sparkProperties": {
                "spark.app.name": key,
                "spark.driver.memory": "384m",
                "spark.mesos.executor.home": str(self.home),
                **(properties or {}),
            },
        }

    def submit(self, server: DispatcherServer, key: str, *args: Any) -> str:
        """Have `body` of the same arguments accepted; the id."""
        status, answer = server.ask("POST", "/create", self.body(key, *args))
        assert status == 200, answer
        return str(answer["submissionId"])

    def starts(self, key: str) -> int:
        """How often a driver was started."""
        return sum(event.status is None for event in recorded(self.folder / "record").get(key, ()))

    def alone(self) -> bool:
        """Whether no driver ever ran beside itself."""
        return all(event.alone for events in recorded(self.folder / "record").values() for event in events)


def status_of(server: DispatcherServer, submission_id: str) -> dict[str, Any]:
    return server.ask("GET", f"/status/{submission_id}")[1]


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"in vain waited until {what}"
        time.sleep(0.05)


def await_state(server: DispatcherServer, submission_id: str, state: str) -> dict[str, Any]:
    until(
        lambda: status_of(server, submission_id)["driverState"] == state,
        f"{submission_id} is {state}; it is {status_of(server, submission_id)}, {server.log[-2000:]}",
    )
    return status_of(server, submission_id)


def condition(server: DispatcherServer) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(f"{server.webui_url}/health", timeout=10).json()
    return answer


def await_subscription(server: DispatcherServer) -> None:
    until(lambda: condition(server)["subscribed"] is True, f"it is subscribed: {server.log[-2000:]}")


SPEC = ClusterSpec(
    work_dir=Path(),
    agents=(AgentSpec(cpus=4, mem=4096),) * 2,
    allocation_interval=0.1,
    agent_ping_timeout=0.5,
    max_agent_ping_timeouts=3,
)


@contextmanager
def stage_in(folder: Path, **spec: Any) -> Iterator[Stage]:
    with cluster_in_thread(replace(SPEC, work_dir=folder / "cluster", **spec)) as cluster:
        yield Stage(folder, cluster)


@contextmanager
def dispatcher_on(stage: Stage, *options: str) -> Iterator[DispatcherServer]:
    server = our_dispatcher(stage.cluster.url, stage.folder / "dispatcher", options)
    try:
        server.start()
        server.await_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path) as stage:
        yield stage


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[None]:
    """No dispatcher in the background stays behind."""
    yield
    for file in tmp_path.rglob("spark-*.pid"):
        text = file.read_text().strip()
        if text and "sparkmesos_core.dispatcher" in _command_line(int(text)):
            os.kill(int(text), signal.SIGKILL)


def _command_line(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


def test_drivers_run_and_their_outcomes_are_told(stage: Stage) -> None:
    with dispatcher_on(stage) as server:
        good = stage.submit(server, "good")
        bad = stage.submit(server, "bad", 0.1, 99)
        twice = stage.submit(server, "twice", 0.1, 1, SUPERVISED)
        long = stage.submit(server, "long", 600)
        assert await_state(server, good, "FINISHED")["outcome"] == "succeeded"
        assert await_state(server, bad, "FINISHED")["outcome"] == "failed"
        assert await_state(server, twice, "FINISHED")["outcome"] == "succeeded"
        until(lambda: stage.starts("long") == 1, "the long one runs")
        assert server.ask("POST", f"/kill/{long}")[1]["success"] is True
        assert await_state(server, long, "FINISHED")["outcome"] == "killed"
        assert [stage.starts(key) for key in ("good", "bad", "twice", "long")] == [1, 1, 2, 1]


@pytest.mark.proves("spark.mesos.dispatcher.token", mode="cluster")
def test_killed_at_any_point_it_loses_nothing_and_launches_nothing_twice(stage: Stage) -> None:
    """SIGKILL while requests are on their way: what was answered is there, and each request counts once."""
    keys = [f"job{number}" for number in range(40)]
    ids: dict[str, str] = {}
    with dispatcher_on(stage) as server:

        def submit_all() -> None:
            for key in keys:
                body = stage.body(key, 0.2, 0, {"spark.mesos.dispatcher.token": f"{key}-0123456789"})
                while key not in ids:
                    try:
                        status, answer = server.ask("POST", "/create", body)
                    except (OSError, ValueError, AssertionError):
                        time.sleep(0.05)
                        continue
                    if status == 200:
                        ids[key] = answer["submissionId"]

        client = threading.Thread(target=submit_all)
        client.start()
        for _ in range(3):
            _await_more(ids, len(ids) + 8, len(keys))
            server.kill()
            server.start()
        client.join(_PATIENCE)
        server.await_ready()
        assert len(set(ids.values())) == len(keys)
        for submission_id in ids.values():
            assert await_state(server, submission_id, "FINISHED")["outcome"] == "succeeded"
    assert {key: stage.starts(key) for key in keys} == dict.fromkeys(keys, 1)
    assert stage.alone()


def _await_more(ids: Mapping[str, str], wanted: int, most: int) -> None:
    until(lambda: len(ids) >= min(wanted, most), "some are accepted")


def test_drivers_outlive_the_dispatcher(stage: Stage) -> None:
    with dispatcher_on(stage) as server:
        running = stage.submit(server, "running", 4)
        until(lambda: stage.starts("running") == 1, "it runs")
        framework = condition(server)["framework_id"]
        assert server.terminate() == 0
        server.start()
        server.await_ready()
        assert await_state(server, running, "FINISHED")["outcome"] == "succeeded"
        assert condition(server)["framework_id"] == framework
    assert stage.starts("running") == 1


def test_a_killed_master_is_waited_for(stage: Stage) -> None:
    with dispatcher_on(stage) as server:
        first = stage.submit(server, "first", 3)
        until(lambda: stage.starts("first") == 1, "it runs")
        stage.cluster.control.kill_master(0)
        until(lambda: condition(server)["subscribed"] is False, "the loss of the master is noticed")
        second = stage.submit(server, "second")
        assert status_of(server, second)["driverState"] == "QUEUED"
        assert condition(server)["ready"] is True
        stage.cluster.control.start_master(0)
        for submission_id in (first, second):
            assert await_state(server, submission_id, "FINISHED")["outcome"] == "succeeded"
    assert (stage.starts("first"), stage.starts("second")) == (1, 1)


def test_another_master_takes_over(tmp_path: Path) -> None:
    with ExitStack() as stack:
        zookeeper = stack.enter_context(zookeeper_server(tmp_path / "zookeeper"))
        stage = stack.enter_context(
            stage_in(tmp_path, masters=2, zookeeper=f"zk://{zookeeper.hosts}/mesos", zk_session_timeout=2.0)
        )
        assert stage.cluster.url.startswith("mesos://zk://")
        server = stack.enter_context(dispatcher_on(stage))
        running = stage.submit(server, "running", 3)
        until(lambda: stage.starts("running") == 1, "it runs")
        framework = condition(server)["framework_id"]
        stage.cluster.control.kill_master(stage.cluster.control.await_leading_master())
        later = stage.submit(server, "later")
        for submission_id in (running, later):
            assert await_state(server, submission_id, "FINISHED")["outcome"] == "succeeded"
        assert condition(server)["framework_id"] == framework
        assert (stage.starts("running"), stage.starts("later")) == (1, 1)


@pytest.mark.proves(
    "spark.deploy.recoveryMode", "spark.deploy.zookeeper.url", "spark.deploy.zookeeper.dir", mode="cluster"
)
def test_drivers_in_zookeeper(tmp_path: Path) -> None:
    with ExitStack() as stack:
        zookeeper = stack.enter_context(zookeeper_server(tmp_path / "zookeeper"))
        stage = stack.enter_context(stage_in(tmp_path))
        properties = {
            "recoveryMode": "ZOOKEEPER",
            "zookeeper.url": zookeeper.hosts,
            "zookeeper.dir": "/mine/too",
        }
        options = [f"--conf=spark.deploy.{name}={value}" for name, value in properties.items()]
        server = stack.enter_context(dispatcher_on(stage, *options))
        running = stage.submit(server, "running", 3)
        until(lambda: stage.starts("running") == 1, "it runs")
        framework = condition(server)["framework_id"]
        server.kill()
        server.start()
        server.await_ready()
        later = stage.submit(server, "later")
        for submission_id in (running, later):
            assert await_state(server, submission_id, "FINISHED")["outcome"] == "succeeded"
        assert condition(server)["framework_id"] == framework
        assert (stage.starts("running"), stage.starts("later")) == (1, 1)
        assert list(server.folder.rglob("drivers.db")) == []
        client = stack.enter_context(session(zookeeper))
        assert sorted(client.get_children("/mine/too/drivers")) == [running, later]


def test_a_framework_that_an_operator_removed_is_replaced(stage: Stage) -> None:
    with dispatcher_on(stage) as server:
        running = stage.submit(server, "running", 600)
        supervised = stage.submit(server, "supervised", 1.5, 0, SUPERVISED)
        until(lambda: stage.starts("running") + stage.starts("supervised") == 2, "both run")
        await_subscription(server)
        framework = condition(server)["framework_id"]
        answer = requests.post(
            f"{stage.cluster.master_urls[0]}/teardown", {"frameworkId": framework}, timeout=10
        )
        assert answer.status_code == 200, answer.text
        assert await_state(server, running, "FINISHED")["outcome"] == "lost"
        assert await_state(server, supervised, "FINISHED")["outcome"] == "succeeded"
        assert condition(server)["framework_id"] not in (None, framework)
        assert stage.starts("supervised") == 2
        server.kill()
        server.start()
        server.await_ready()
        assert status_of(server, running)["outcome"] == "lost"


def test_no_master_at_start(tmp_path: Path) -> None:
    """It takes submissions all the same, and they run when there is one."""
    with stage_in(tmp_path) as stage:
        stage.cluster.control.kill_master(0)
        with dispatcher_on(stage) as server:
            assert condition(server)["subscribed"] is False
            early = stage.submit(server, "early")
            assert status_of(server, early)["driverState"] == "QUEUED"
            stage.cluster.control.start_master(0)
            assert await_state(server, early, "FINISHED")["outcome"] == "succeeded"


def test_two_dispatchers_do_not_share_drivers_by_mistake(stage: Stage) -> None:
    with dispatcher_on(stage) as server:
        other = our_dispatcher(stage.cluster.url, server.folder)
        other.start()
        assert other.process is not None
        assert other.process.wait(timeout=_PATIENCE) == 1
        assert "is in use by another dispatcher" in other.log
        other.process = None
        assert server.ask("GET", "/readyz")[0] == 200


def test_busy_ports_are_errors(stage: Stage, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for options in (("--port", str(port)), ("--port", "0", "--webui-port", str(port))):
            result = start(stage, tmp_path, *options)
            assert result.returncode == 1
            assert f"Port {port} of 127.0.0.1 is in use" in result.stderr
            assert result.stdout == ""


def test_a_page_of_elsewhere_cannot_submit(stage: Stage) -> None:
    """A browser posts for any page, to any port of this machine, and may be told that a name means 127.0.0.1."""
    with dispatcher_on(stage) as server:
        url = f"http://127.0.0.1:{server.port}/v1/submissions/create"
        body = stage.body("foreign")
        for headers in (
            {"Origin": "http://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": f"evil.example:{server.port}"},
        ):
            assert requests.post(url, json=body, headers=headers, timeout=10).status_code == 403
        assert requests.get(server.webui_url, headers={"Host": "evil.example"}, timeout=10).status_code == 403
        assert server.ask("GET", "")[1]["submissions"] == []
        local = {"Host": f"localhost:{server.port}"}
        assert requests.post(url, json=stage.body("own"), headers=local, timeout=10).status_code == 200


def test_token_and_tls(stage: Stage, tmp_path: Path, stopped: None) -> None:
    authority = trustme.CA()
    identity = authority.issue_cert("127.0.0.1")
    identity.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "token").write_text("0123456789abcdef0123456789abcdef\n")
    options = ("--auth-token-file", str(tmp_path / "token"), "--tls-cert", str(tmp_path / "server.pem"))
    started = start(stage, tmp_path, *options, "--output", "json")
    assert started.returncode == 0, started.stderr
    state = json.loads(started.stdout)["dispatcher"]
    assert state["url"].startswith("mesos://https://127.0.0.1:")
    create = f"{state['http_url']}/v1/submissions/create"
    session = requests.Session()
    session.trust_env = False  # a variable that names other certificates would win
    session.verify = str(tmp_path / "ca.pem")
    refused = session.post(create, json=stage.body("a"), timeout=10)
    assert refused.status_code == 401
    assert refused.json()["action"] == "ErrorResponse"
    assert session.get(state["webui_url"], timeout=10).status_code == 401
    assert session.get(f"{state['webui_url']}/health", timeout=10).status_code == 200
    session.headers["Authorization"] = "Bearer 0123456789abcdef0123456789abcdef"
    assert session.post(create, json=stage.body("a"), timeout=10).json()["success"] is True
    assert session.get(state["webui_url"], timeout=10).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(state["http_url"].replace("https:", "http:"), timeout=10)
    text = Path(state["log"]).read_text() + started.stderr
    assert "0123456789abcdef" not in text
    assert command(tmp_path, "stop-dispatcher").returncode == 0


# In the background


def command(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPARK")}
    environment.update(SPARKMESOS_STATE_DIR=str(folder / "state"), **variables)
    return subprocess.run(
        [COMMAND, *arguments], env=environment, cwd=folder, capture_output=True, text=True, timeout=90
    )


def start(stage: Stage, folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    free = [(name, "0") for name in ("--port", "--webui-port") if name not in options]
    ports = [word for pair in free for word in pair]
    return command(folder, "start-dispatcher", "--master", stage.cluster.url, *ports, *options, **variables)


@pytest.mark.usefixtures("stopped")
def test_in_the_background(stage: Stage, tmp_path: Path) -> None:
    places = {
        "SPARK_LOG_DIR": str(tmp_path / "logs"),
        "SPARK_PID_DIR": str(tmp_path / "pids"),
        "SPARK_IDENT_STRING": "ops",
    }
    started = start(stage, tmp_path, "--instance", "3", "--output", "json", **places)
    assert started.returncode == 0, started.stderr
    state = json.loads(started.stdout)["dispatcher"]
    name = "spark-ops-org.apache.spark.deploy.mesos.MesosClusterDispatcher-3"
    log = tmp_path / "logs" / f"{name}-{socket.gethostname()}.out"
    assert state["log"] == str(log)
    assert (tmp_path / "pids" / f"{name}.pid").read_text() == f"{state['pid']}\n"
    assert state["framework_id"]
    assert requests.get(f"{state['http_url']}/v1/submissions/readyz", timeout=10).status_code == 200
    assert requests.get(state["webui_url"], timeout=10).status_code == 200

    again = start(stage, tmp_path, "--instance", "3", **places)
    assert again.returncode == 1
    assert f"Dispatcher 3 runs already as process {state['pid']}" in again.stderr

    end = command(tmp_path, "stop-dispatcher", "--instance", "3", **places)
    assert end.returncode == 0, end.stderr
    assert has_ended(state["pid"])
    assert not (tmp_path / "pids" / f"{name}.pid").exists()
    nothing = command(tmp_path, "stop-dispatcher", "--instance", "3", **places)
    assert nothing.returncode == 0
    assert "No dispatcher 3 runs" in nothing.stderr

    restarted = start(stage, tmp_path, "--instance", "3", **places)
    assert re.fullmatch(r"mesos://127\.0\.0\.1:\d+\n", restarted.stdout), restarted.stderr
    assert "stopping" in Path(f"{log}.1").read_text()
    assert command(tmp_path, "stop-dispatcher", "--instance", "3", **places).returncode == 0


@pytest.mark.usefixtures("stopped")
def test_a_pid_that_is_now_somebody_elses_is_not_killed(stage: Stage, tmp_path: Path) -> None:
    started = start(stage, tmp_path, "--output", "json")
    state = json.loads(started.stdout)["dispatcher"]
    os.kill(state["pid"], signal.SIGKILL)
    assert wait_for_end(state["pid"], _PATIENCE)
    [file] = (tmp_path / "state").rglob("spark-*.pid")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        file.write_text(f"{other.pid}\n")
        end = command(tmp_path, "stop-dispatcher")
        assert end.returncode == 0
        assert "No dispatcher 1 runs" in end.stderr
        assert other.poll() is None
        other.communicate(b"\n")
    assert start(stage, tmp_path).returncode == 0
    assert command(tmp_path, "stop-dispatcher").returncode == 0


@pytest.mark.usefixtures("stopped")
def test_without_mesos_the_start_says_so(stage: Stage, tmp_path: Path, refusing_port: int) -> None:
    options = ("--port", "0", "--webui-port", "0", "--master", f"mesos://127.0.0.1:{refusing_port}")
    failed = command(tmp_path, "start-dispatcher", *options, "--subscribe-timeout", "1")
    assert failed.returncode == 5
    assert (
        "error: Mesos has not taken the dispatcher up within 1 s: "
        f"the master at 127.0.0.1:{refusing_port} cannot be reached: Connection refused\n"
    ) in failed.stderr
    assert "Its log is" in failed.stderr
    assert "Connection refused" in failed.stderr
    assert failed.stdout == ""
    assert list(tmp_path.rglob("spark-*.pid")) == []
    patient = command(tmp_path, "start-dispatcher", *options, "--subscribe-timeout", "0")
    assert patient.returncode == 0, patient.stderr
    assert "does not know it yet" in patient.stderr
    assert command(tmp_path, "stop-dispatcher").returncode == 0
