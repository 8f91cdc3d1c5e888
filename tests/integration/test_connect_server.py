"""`sparkmesos shell --lang connect`: a real server of Spark Connect on an embedded cluster, and a real client of it."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.integration.commands import Commands, commands_in
from tests.integration.connect_client import run_client
from tests.integration.short_lived_jvm import SHORT_LIVED_OPTIONS
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import SparkUnderTest, spark_of

pytestmark = pytest.mark.slow

TOKEN = "hunter2-token"
TOKEN_VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
PORT = "spark.connect.grpc.binding.port"
SMALL = (
    "--conf", "spark.executor.memory=512m", "--conf", "spark.driver.memory=512m",
    "--conf", "spark.executor.cores=1", "--conf", "spark.cores.max=2", "--conf", "spark.ui.enabled=false",
    "--conf", "spark.connect.grpc.binding.address=127.0.0.1",
    "--conf", "spark.scheduler.minRegisteredResourcesRatio=1.0",
    *SHORT_LIVED_OPTIONS,
)  # fmt: skip
# A function of Python tells which sandboxes the executors are in. The last session has no token.
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
del os.environ[sys.argv[2]]
try:
    SparkSession.builder.remote(sys.argv[1]).create().range(1).count()
except Exception as error:
    told["without"] = str(error)
print(json.dumps(told))
"""


@pytest.fixture
def spark() -> SparkUnderTest:
    return spark_of(SPARK_4)


@pytest.fixture
def commands(tmp_path: Path, cache_dir: Path, spark: SparkUnderTest) -> Iterator[Commands]:
    with commands_in(tmp_path, cache_dir, spark) as made:
        yield made


@contextlib.contextmanager
def reading(server: subprocess.Popen[str], said: queue.Queue[str]) -> Iterator[None]:
    """Hands on what a server says on stderr, which would be held up if nobody read it; ends the server."""

    def read() -> None:
        assert server.stderr is not None
        for line in server.stderr:
            said.put(line)
        said.put("")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        server.kill()
        reader.join()


def announced(said: queue.Queue[str]) -> tuple[str, str]:
    """The URL and the port that a server says it listens at."""
    lines = []
    while line := said.get(timeout=240):
        if match := re.match(r"Connect with: (sc://localhost:(\d+)) \(it asks for its token", line):
            return match[1], match[2]
        lines.append(line)
    raise AssertionError("".join(lines[-40:]))


def state(url: str) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(url.replace("mesos://", "http://") + "/state", timeout=10).json()
    return answer


def test_a_client_runs_queries_on_mesos(commands: Commands, spark: SparkUnderTest) -> None:
    started = commands.run("start-local-cluster", "--port", "0", "--cpus", "2", "--mem", "4096")
    url = started.stdout.strip()
    before = {process.pid for process in commands.processes()}
    server = commands.start(
        "shell",
        "--lang",
        "connect",
        "--master",
        url,
        *SMALL,
        "--conf",
        f"{PORT}=0",
        **{TOKEN_VARIABLE: TOKEN},
    )
    said: queue.Queue[str] = queue.Queue()
    with reading(server, said):
        address, port = announced(said)

        again = commands.run(
            "shell", "--lang", "connect", "--master", url, *SMALL, "--conf", f"{PORT}={port}"
        )
        assert (again.returncode, again.stdout) == (1, "")
        assert f"Port {port} is in use at 127.0.0.1, where the server would listen" in again.stderr

        ran = run_client(spark.home, CLIENT, address, TOKEN_VARIABLE, environment={TOKEN_VARIABLE: TOKEN})
        assert ran.returncode == 0, ran.stderr[-4000:]
        answer = json.loads(ran.stdout)
        assert "UNAUTHENTICATED" in answer["without"]
        assert (answer["version"], answer["sum"]) == (SPARK_4, 499500)
        assert answer["sandboxes"]
        assert all(Path(sandbox).is_relative_to(commands.folder) for sandbox in answer["sandboxes"])

        (framework,) = state(url)["frameworks"]
        assert framework["name"] == "Spark Connect server"
        assert [task["state"] for task in framework["tasks"]] == ["TASK_RUNNING"] * 2
        lines = [" ".join(process.cmdline()) for process in commands.processes()]
        assert any("SparkConnectServer" in line for line in lines)
        assert [line for line in lines if TOKEN in line] == []

        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 128 + signal.SIGINT
    _, left = psutil.wait_procs([one for one in commands.processes() if one.pid not in before], timeout=30)
    assert [" ".join(process.cmdline()) for process in left] == []
    assert state(url)["frameworks"] == []
    (framework,) = state(url)["completed_frameworks"]
    assert {task["state"] for task in framework["completed_tasks"]} <= {"TASK_FINISHED", "TASK_KILLED"}
