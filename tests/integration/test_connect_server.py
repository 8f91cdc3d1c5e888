"""`sparkmesos shell --lang connect`: real servers of Spark Connect on embedded clusters, and a real client of one."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.integration.commands import Commands
from tests.integration.connect_client import run_client
from tests.integration.connect_server import PORT, ConnectServer, connect_server
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import SparkUnderTest, spark_of

pytestmark = pytest.mark.slow

TOKEN = "hunter2-token"
TOKEN_VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
LOOPBACK = ("--conf", "spark.connect.grpc.binding.address=127.0.0.1")
ONE_CORE = ("--conf", "spark.cores.max=1")
# What spark-env.sh may hold for a dispatcher.
OF_DAEMONS = {"SPARK_DAEMON_MEMORY": "777m", "SPARK_DAEMON_JAVA_OPTS": "-Dof.a.daemon=yes"}
# A function of Python tells which sandboxes the executors are in.
CLIENT = """
import json, os, sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf

spark = SparkSession.builder.remote(sys.argv[1]).create()
told = {"version": spark.version}
told["sum"] = spark.range(0, 1000, 1, 4).groupBy().sum("id").collect()[0][0]
sandbox = udf(lambda number: os.environ["MESOS_SANDBOX"], "string", useArrow=False)
told["sandboxes"] = sorted({row[0] for row in spark.range(0, 4, 1, 2).select(sandbox("id")).collect()})
spark.stop()
again = SparkSession.builder.remote(sys.argv[1]).create()
told["again"] = again.range(7).count()
again.stop()
del os.environ[sys.argv[2]]
try:
    SparkSession.builder.remote(sys.argv[1]).create().range(1).count()
except Exception as error:
    told["without"] = str(error)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def spark_under_test() -> SparkUnderTest:
    return spark_of(SPARK_4)


@pytest.fixture(scope="module")
def master(module_commands: Commands) -> str:
    started = module_commands.run("start-local-cluster", "--port", "0", "--cpus", "3", "--mem", "6144")
    assert started.returncode == 0, started.stderr
    return started.stdout.strip()


@pytest.fixture(scope="module")
def server(module_commands: Commands, master: str) -> Iterator[ConnectServer]:
    """One at all addresses, with a token, where variables are set that are for daemons."""
    more = ("--conf", "spark.cores.max=2", "--conf", "spark.scheduler.minRegisteredResourcesRatio=1.0")
    variables = {TOKEN_VARIABLE: TOKEN, **OF_DAEMONS}
    with connect_server(module_commands, master, *more, **variables) as running:
        running.announced()
        yield running


def state(url: str) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(url.replace("mesos://", "http://") + "/state", timeout=10).json()
    return answer


def processes_of(commands: Commands) -> list[psutil.Process]:
    """The servers among the processes of commands, and their executors."""
    words = ("SparkConnectServer", "CoarseGrainedExecutorBackend")
    return [one for one in commands.processes() if any(word in " ".join(one.cmdline()) for word in words)]


class TestOneAtAllAddresses:
    def test_clients_are_sent_where_they_can_go_with_their_token(self, server: ConnectServer) -> None:
        host, _, more = server.announced().groups()
        assert host == "localhost"
        assert "it asks for its token" in more
        assert "asks nobody" not in server.said

    def test_a_client_runs_queries_on_mesos(self, module_commands: Commands, server: ConnectServer) -> None:
        url = f"sc://localhost:{server.announced()[2]}"
        ran = run_client(
            spark_of(SPARK_4).home, CLIENT, url, TOKEN_VARIABLE, environment={TOKEN_VARIABLE: TOKEN}
        )
        assert ran.returncode == 0, ran.stderr[-4000:]
        answer = json.loads(ran.stdout)
        assert "UNAUTHENTICATED" in answer["without"]
        assert (answer["version"], answer["sum"], answer["again"]) == (SPARK_4, 499500, 7)
        assert answer["sandboxes"]
        folder = module_commands.folder
        assert all(Path(sandbox).is_relative_to(folder) for sandbox in answer["sandboxes"])

    def test_its_executors_are_tasks_of_one_framework(self, master: str, server: ConnectServer) -> None:
        (framework,) = [one for one in state(master)["frameworks"] if one["name"] == "Spark Connect server"]
        assert [task["state"] for task in framework["tasks"]] == ["TASK_RUNNING"] * 2

    def test_what_is_for_daemons_is_not_for_it(
        self, module_commands: Commands, server: ConnectServer
    ) -> None:
        line = psutil.Process(server.process.pid).cmdline()
        assert "-Xmx512m" in line
        assert not any("777m" in word or "of.a.daemon" in word for word in line)

    def test_no_command_line_tells_the_token(self, module_commands: Commands, server: ConnectServer) -> None:
        lines = [" ".join(process.cmdline()) for process in processes_of(module_commands)]
        assert len(lines) >= 3
        assert [line for line in lines if TOKEN in line] == []

    def test_a_second_one_at_its_port(
        self, module_commands: Commands, master: str, server: ConnectServer
    ) -> None:
        port = server.announced()[2]
        again = module_commands.run(
            "shell", "--lang", "connect", "--master", master, *LOOPBACK, "--conf", f"{PORT}={port}"
        )
        assert (again.returncode, again.stdout) == (1, "")
        assert f"Port {port} is in use at 127.0.0.1, where the server would listen" in again.stderr
        assert "note: " in again.stderr
        assert "everybody who has an account on this machine" in again.stderr

    def test_ctrl_c_ends_it_and_leaves_nothing(
        self, module_commands: Commands, master: str, server: ConnectServer
    ) -> None:
        there = processes_of(module_commands)
        server.process.send_signal(signal.SIGINT)
        assert server.ended() == 128 + signal.SIGINT
        assert "The application has ended" not in server.said
        _, left = psutil.wait_procs(there, timeout=30)
        assert left == []
        assert state(master)["frameworks"] == []
        *_, framework = state(master)["completed_frameworks"]
        assert {task["state"] for task in framework["completed_tasks"]} <= {"TASK_FINISHED", "TASK_KILLED"}


def test_it_ends_with_its_framework(module_commands: Commands, master: str) -> None:
    """Its port would answer with errors otherwise, and nobody would start it again."""
    with connect_server(module_commands, master, *LOOPBACK, *ONE_CORE) as server:
        host, port, more = server.announced().groups()
        assert (host, more) == ("127.0.0.1", "")
        (framework,) = state(master)["frameworks"]
        requests.post(
            master.replace("mesos://", "http://") + "/teardown",
            data={"frameworkId": framework["id"]},
            timeout=10,
        ).raise_for_status()
        assert server.ended() == 1, server.said[-4000:]
        assert "The application has ended, so the server of Spark Connect ends, too." in server.said
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(("127.0.0.1", int(port)))
    _, left = psutil.wait_procs(processes_of(module_commands), timeout=30)
    assert left == []


def test_sigterm_on_an_embedded_cluster(commands: Commands) -> None:
    with connect_server(commands, "embedded", *ONE_CORE, **{TOKEN_VARIABLE: TOKEN}) as server:
        host, port, _ = server.announced().groups()
        assert host == "localhost"
        socket.create_connection((host, int(port)), timeout=10).close()
        server.process.terminate()
        assert server.ended() == 128 + signal.SIGTERM
    assert commands.wait_for_no_process() == []


@pytest.mark.parametrize("token", ["", " "])
def test_an_empty_token(commands: Commands, token: str) -> None:
    """Spark would take that of everybody."""
    refused = commands.run(
        "shell", "--lang", "connect", "--master", "embedded", SPARK_CONNECT_AUTHENTICATE_TOKEN=token
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"{TOKEN_VARIABLE} is empty" in refused.stderr
