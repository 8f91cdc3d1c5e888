"""`start-shuffle-service --on-mesos`: a service on each agent, whatever becomes of whom."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.daemon_configuration import CLASSES
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, cluster_in_thread
from sparkmesos_core.shuffle_service.spark_4 import CLASS
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.shuffle_service import ServiceKind, ask_shuffle_service
from tests.integration.services_stage import ServicesStage, agent, services_stage
from tests.integration.short_lived_jvm import JVM
from tests.integration.spark_under_test import SparkUnderTest
from tests.integration.zookeeper import ZooKeeperServer, zookeeper_server
from tests.servers.dispatcher import COMMAND, free_ports
from tests.servers.shuffle_framework import ShuffleFramework, running
from tests.soak.stand_in_service import plan

SESSION = ("--conf", "spark.mesos.dispatcher.zookeeper.sessionTimeout=4s")
SECRET = "hush-91c2"
_PATIENCE = 30.0


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


def frameworks(stage: ServicesStage, kind: str = "frameworks") -> list[str]:
    master = stage.cluster.url.removeprefix("mesos://")
    state = requests.get(f"http://{master}/state", timeout=10).json()
    return [framework["id"] for framework in state[kind]]


def test_every_agent_that_meets_the_constraints_gets_one_and_keeps_it(tmp_path: Path) -> None:
    two, three, four, five = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"
    # Mesos offers agents with GPUs only to those who say that they know of such.
    reserved = "cpus(shuffle):1;mem(shuffle):700;cpus:0.05;mem:100;gpus:1;ports:[31000-31010]"
    agents = ({"attributes": "rack:a"}, {"attributes": "rack:b"}, {"attributes": "rack:a"})
    with services_stage(
        tmp_path, (two, three, four, five), agents=(*agents, {"attributes": "rack:a", "resources": reserved})
    ) as stage:
        stage.cluster.control.shut_down_agent(2)
        framework = stage.framework("framework", "--constraints", "rack:a", "--role", "shuffle")
        with running(framework):
            # Of what the last agent has it takes what is reserved for its role.
            status = framework.await_status(lambda one: one.is_complete and len(one.agents) == 2)
            assert [one.host for one in status.agents] == [two, five]
            assert framework.run("--status").stdout.splitlines()[0].split("\t")[:3] == [two, "running", "yes"]
            told = json.loads(framework.run("--status", "--output", "json").stdout)["shuffle_services"]
            assert (told["complete"], told["port"], told["constraints"]) == (True, stage.port, "rack:a")

            stage.cluster.control.start_agent(2)
            status = framework.await_status(lambda one: one.is_complete and len(one.agents) == 3)
            assert agent(status, four).state == "running"
            assert len(framework.run("--status", "--wait", "0").stdout.splitlines()) == 3

            framework.kill()
            none = framework.run("--status", check=False)
            assert (none.returncode, none.stdout) == (1, "")
            assert none.stderr.startswith("error: No shuffle service framework 1 runs on this machine")
            framework.start()
            again = framework.await_status(lambda one: one.is_complete and len(one.agents) == 3)
            assert again.framework_id == status.framework_id
            assert again.pid != status.pid
            metrics = requests.get(f"{framework.url}/metrics", timeout=10).text
            assert 'sparkmesos_shuffle_services_agents{state="running"} 3\n' in metrics
            assert {host: len(stage.launches(host)) for host in (two, three, four, five)} == {
                two: 1,
                three: 0,
                four: 1,
                five: 1,
            }

            stopped = framework.run("--stop")
            assert "Stopped 3 services" in stopped.stderr
            assert framework.await_end() == 0
            until(lambda: not stage.living(), "all services end")
            assert frameworks(stage) == []
            assert "there is nothing to stop" in framework.run("--stop").stderr

            framework.start()
            anew = framework.await_status(lambda one: one.is_complete and len(one.agents) == 3)
            assert anew.framework_id != status.framework_id
            # A process that is gone is not needed for an end.
            framework.kill()
            assert (
                "Stopped 3 services"
                in framework.run("--stop", "--master", stage.cluster.url, *stage.options).stderr
            )
            assert frameworks(stage) == []
            until(lambda: not stage.living(), "all services end")


def test_masters_and_agents_go_and_come_back(tmp_path: Path) -> None:
    two, three = "127.0.0.2", "127.0.0.3"
    with services_stage(tmp_path, (two, three)) as stage, running(stage.framework()) as framework:
        status = framework.await_status(lambda one: one.is_complete and len(one.agents) == 2)

        stage.cluster.control.kill_master(0)
        framework.await_status(lambda one: not one.subscribed)
        ready = requests.get(f"{framework.url}/ready", timeout=10)
        assert (ready.status_code, ready.json()["leads"]) == (503, True)
        assert requests.get(f"{framework.url}/health", timeout=10).status_code == 200
        stage.cluster.control.start_master(0)
        again = framework.await_status(lambda one: one.is_complete and len(one.agents) == 2)
        assert again.framework_id == status.framework_id

        stage.cluster.control.kill_agent(1)
        away = framework.await_status(lambda one: any(each.state == "unreachable" for each in one.agents))
        assert not agent(away, three).registered
        assert agent(away, three).answers  # it runs on
        stage.cluster.control.start_agent(1)
        back = framework.await_status(lambda one: one.is_complete and len(one.agents) == 2)
        assert agent(back, three).task_id == agent(status, three).task_id
        assert len(stage.launches(two)) == len(stage.launches(three)) == 1

        # Killed in the middle of a stop: whoever starts it again gets that done, and new services.
        stage.cluster.control.kill_master(0)
        framework.await_status(lambda one: not one.subscribed)
        with pytest.raises(requests.ReadTimeout):
            requests.post(f"{framework.url}/v1/stop", timeout=1)
        assert framework.status().stopping
        framework.kill()
        stage.cluster.control.start_master(0)
        framework.start()
        anew = framework.await_status(lambda one: one.is_complete and len(one.agents) == 2)
        assert anew.framework_id not in (None, status.framework_id)
        assert len(stage.launches(two)) == len(stage.launches(three)) == 2
        assert framework.terminate() == 0
        assert len(stage.living()) == 2


def test_what_crashes_again_and_again_is_told_with_its_reason(tmp_path: Path) -> None:
    two, three, four = "127.0.0.2", "127.0.0.3", "127.0.0.4"
    # The last one has no such port among its resources: whether it is free there shows when it starts.
    with services_stage(tmp_path, (two, three, four), agents=({}, {}, {"ports": "[31000-31010]"})) as stage:
        plan(stage.record, three, "crash")
        with (
            socket.create_server((four, stage.port)) as foreign,
            running(stage.framework()) as framework,
        ):
            status = framework.await_status(
                lambda one: (
                    all(agent(one, host).failures >= 2 for host in (three, four))
                    if len(one.agents) == 3
                    else False
                )
            )
            framework.await_status(lambda one: bool(agent(one, three).cause and agent(one, four).cause))
            assert agent(status, two).is_fine
            told = framework.run("--status", "--wait", "0", check=False)
            assert told.returncode == 6
            assert re.search(rf"\n  {three}: [a-z ]+; its memory is too small", told.stderr)
            rows = {line.split("\t")[0]: line.split("\t") for line in told.stdout.splitlines()}
            assert rows[three][5].startswith("its memory is too small")
            assert rows[four][5].startswith(f"another program has port {stage.port} there")
            assert "java.net.BindException: Address already in use" in told.stderr
            report = agent(framework.status(), four)
            assert not any("at java.base" in line for line in report.last_lines)
            until(lambda: "its memory is too small" in framework.log, "it is in the log")
            # It waits longer each time.
            starts = [event.at for event in stage.launches(three)]
            assert starts[1] - starts[0] > 0.9
            plan(stage.record, three, "")
            foreign.close()
            framework.await_status(lambda one: one.is_complete and len(one.agents) == 3)


def test_of_several_processes_another_one_goes_on(tmp_path: Path, zookeeper: ZooKeeperServer) -> None:
    two, three = "127.0.0.2", "127.0.0.3"
    zk = ("--zk", f"{zookeeper.address}/{tmp_path.name}", *SESSION)
    with services_stage(tmp_path, (two, three)) as stage:
        first, second = stage.framework("first", *zk), stage.framework("second", *zk)
        with running(first):
            status = first.await_status(lambda one: one.is_complete and len(one.agents) == 2)
            with running(second):
                until(lambda: requests_ok(f"{second.url}/ready"), "the second one stands by")
                # Who asks one that stands by is told by the one that leads.
                assert second.status().url == first.url
                third = stage.framework("third", *zk, "--role", "other")
                with running(third):
                    assert third.await_end() == 2
                assert "has the role (none), and not other" in third.log
                first.kill()
                after = second.await_status(lambda one: one.url == second.url and one.is_complete)
                assert after.framework_id == status.framework_id

                first.start()
                until(lambda: requests_ok(f"{first.url}/ready"), "the first one stands by")
                first.run("--stop")
                assert second.await_end() == 0
                # The other one was stopped, too, and not to begin anew.
                assert first.await_end() == 0
                until(lambda: not stage.living(), "all services end")
                assert frameworks(stage) == []
                assert len(stage.launches(two)) == len(stage.launches(three)) == 1

                first.start()
                first.await_status(lambda one: one.is_complete and len(one.agents) == 2)
                # From where no process is known, through the election.
                elsewhere = stage.framework("elsewhere")
                elsewhere.folder.mkdir()
                alone = ("--stop", "--master", stage.cluster.url, *zk)
                assert "Stopped 2 services" in elsewhere.run(*alone).stderr
                assert first.await_end() == 0
                assert "Stopped 0 services" in elsewhere.run(*alone).stderr
                assert frameworks(stage) == []


@pytest.mark.slow
def test_a_real_service_in_the_background(
    tmp_path: Path, cache_dir: Path, spark_under_test: SparkUnderTest
) -> None:
    service_port, port = free_ports(2)
    properties = tmp_path / "services.conf"
    properties.write_text(
        f"spark.shuffle.service.port {service_port}\nspark.authenticate true\nspark.authenticate.secret {SECRET}\n"
    )
    properties.chmod(0o600)
    token = tmp_path / "token"
    token.write_text("a-token-that-is-long-enough")
    token.chmod(0o600)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPARK")}
    environment |= {
        "SPARKMESOS_STATE_DIR": str(tmp_path / "state"),
        "SPARK_IDENT_STRING": "ops",
        "SPARK_SHUFFLE_OPTS": JVM,
        "SPARKMESOS_CACHE_DIR": str(cache_dir),
        **spark_under_test.environment,
    }

    def command(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [COMMAND, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stderr
        return done

    spec = ClusterSpec(
        work_dir=tmp_path / "cluster",
        agents=(AgentSpec(),),
        executor_environment=default_executor_environment(spark_under_test.java),
        allocation_interval=0.1,
    )
    with cluster_in_thread(spec) as cluster:
        master = cluster.url
        options = ("--on-mesos", "--properties-file", str(properties), "--auth-token-file", str(token))
        try:
            url = command(
                *("start-shuffle-service", *options, "--master", master, "--port", str(port), "--wait", "60")
            ).stdout.strip()
            assert url == f"http://127.0.0.1:{port}"
            folder = tmp_path / "state" / "shuffle-service-1"
            (pid_file,) = folder.glob("spark-ops-*.pid")
            pid = int(pid_file.read_text())
            assert CLASSES[Reader.SHUFFLE_SERVICE] not in pid_file.name  # that of this machine's own
            again = command("start-shuffle-service", *options, "--master", master, check=False)
            assert (again.returncode, again.stdout) == (1, "")
            assert f"runs already as process {pid}" in again.stderr

            def status() -> subprocess.CompletedProcess[str]:
                return command("start-shuffle-service", "--on-mesos", "--status", *options[3:], check=False)

            assert status().returncode == 0  # it was waited for
            deadline = time.monotonic() + 10
            kind = ask_shuffle_service("127.0.0.1", service_port, deadline, authenticates=True)
            assert kind is ServiceKind.AUTHENTICATING
            (service,) = (
                process
                for process in psutil.process_iter(["cmdline"])
                if process.info["cmdline"]
                and f"-Dspark.shuffle.service.port={service_port}" in process.info["cmdline"]
            )
            assert not any(SECRET in word for word in service.cmdline())
            sparks_class = CLASSES[Reader.SHUFFLE_SERVICE]
            assert service.cmdline()[-1] == (CLASS if spark_under_test.is_4 else sparks_class)
            refused = command("start-shuffle-service", "--on-mesos", "--status", check=False)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert "wants a token" in refused.stderr

            assert f"(process {pid})" in command("stop-shuffle-service", "--on-mesos").stderr
            assert service.is_running()
            assert not pid_file.exists()
            stopped = command("start-shuffle-service", *options, "--stop", "--master", master)
            assert "Stopped 1 service;" in stopped.stderr
            service.wait(timeout=30)
            logs = "".join(path.read_text() for path in folder.glob("*.out*"))
            assert SECRET not in logs
            assert "Traceback" not in logs
        finally:
            command("stop-shuffle-service", "--on-mesos")


def test_the_address_is_taken(tmp_path: Path) -> None:
    framework = ShuffleFramework(
        "mesos://127.0.0.1:1", tmp_path / "framework", ("--spark-home", str(find_spark(None, {}).path))
    )
    with socket.create_server(("127.0.0.1", int(framework.url.rpartition(":")[2]))):
        framework.start()
        assert framework.await_end() == 1
    assert re.search(r"error: Port \d+ of 127\.0\.0\.1 is in use", framework.log)


def test_no_master_answers(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    home = ("--conf", "spark.mesos.executor.home=/opt/spark")
    framework = ShuffleFramework("mesos://127.0.0.1:1", tmp_path)
    started = framework.run(
        *("--master", f"mesos://127.0.0.1:{port}", *home, "--port", "0", "--subscribe-timeout", "0.5"),
        check=False,
    )
    assert (started.returncode, started.stdout) == (5, "")
    assert "Mesos has not taken the shuffle service framework up within 0.5 s" in started.stderr
    folder = tmp_path / "state" / "shuffle-service-1"
    left = {path.name for path in folder.iterdir() if not path.name.startswith("services.db")}
    assert len(left) == 1  # the log
    assert framework.run("--status", check=False).returncode == 1

    # In the foreground it waits for a master, tells so, and can be stopped all the same.
    waiting = ShuffleFramework(f"mesos://127.0.0.1:{port}", tmp_path, home)
    with running(waiting):
        status = waiting.await_status(lambda one: not one.subscribed)
        assert f"127.0.0.1:{port}" in status.problem
        assert waiting.run("--status", check=False).returncode == 1
        assert "Stopped 0 services" in waiting.run("--stop").stderr
        assert waiting.await_end() == 0


def test_no_zookeeper_answers(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    framework = ShuffleFramework("mesos://127.0.0.1:1", tmp_path)
    wanted = ("--master", "mesos://127.0.0.1:1", "--conf", "spark.mesos.executor.home=/opt/spark")
    began = time.monotonic()
    options = ("--zk", f"127.0.0.1:{port}", "--port", "0", "--subscribe-timeout", "1")
    started = framework.run(*wanted, *options, check=False)
    assert (started.returncode, started.stdout) == (5, "")
    assert f"no ZooKeeper server answered within 1 s: 127.0.0.1:{port} refuses" in started.stderr
    assert time.monotonic() - began < 15


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    with zookeeper_server(tmp_path_factory.mktemp("zookeeper")) as server:
        yield server


def requests_ok(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=10).status_code == 200
    return False
