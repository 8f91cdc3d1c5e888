"""What `submit` finds out, before the driver starts, about the ways between agents, Spark's archive and the driver.

The command is the real one, and a stand-in for Spark's own spark-submit says that it was started. Agents elsewhere are
those of a master that answers as a recorded one did.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.preflight.this_machine import this_machine
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.contract.recorded import load
from tests.http_stub import Answer, HttpStub, http_stub
from tests.unit.preflight.archives import RELEASE, tar

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow  # the bridge may have to be compiled

STARTED = "the driver is started\n"
NOT_STARTED = "The driver was not started; with --no-preflight it would be."
NAME = "spark-3.5.9-bin-hadoop3.tgz"
NOWHERE = "198.51.100.7"
"""Of a network that only examples have (RFC 5737)."""
IMPOSSIBLE = "x" * 64 + ".example"
"""No name server needs to be asked for it: a label of a name has 63 characters at most."""
REACHED_OTHERWISE = {"spark.driver.host": NOWHERE, "spark.driver.bindAddress": "0.0.0.0"}
"""A driver that agents reach through another machine, of which this one knows nothing."""
OURS = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture(scope="module")
def spark_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("spark")
    (home / "jars").symlink_to(find_spark(None, {}).jars)
    (home / "bin").mkdir()
    program = home / "bin" / "spark-submit"
    program.write_text(f"#!/bin/sh\necho '{STARTED.strip()}'\n")
    program.chmod(0o755)
    return home


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    java = find_java(find_spark(None, {}), {"PATH": ""})
    spec = ClusterSpec(
        tmp_path_factory.mktemp("cluster"),
        (AgentSpec(), AgentSpec()),
        executor_environment=default_executor_environment(java),
    )
    with cluster_in_thread(spec) as running:
        yield running


@pytest.fixture(scope="module")
def dist() -> Iterator[HttpStub]:
    """A server of archives, and of what is none."""
    answers = {
        f"/{NAME}": Answer(200, tar(*RELEASE)),
        "/other.tgz": Answer(200, tar(*RELEASE)),
        "/page.tgz": Answer(200, b"<html>Log in</html>"),
        "/noop.py": Answer(200, b"print()"),
        "/spark-y.tgz": Answer(200, tar("spark-y/", "spark-y/sbin/")),
        "/private.tgz": Answer(401),
        "/ill.tgz": Answer(503),
    }
    with http_stub(answers) as stub:
        yield stub


@pytest.fixture
def submit(module_commands: Commands, spark_home: Path, tmp_path: Path) -> Any:
    """Submits to a master, by default a Python application; `conf` are properties."""
    (tmp_path / "app.py").touch()
    (tmp_path / "app.jar").touch()

    def run(
        master: str, conf: Mapping[str, str], *options: str, application: str = "app.py", **variables: Any
    ) -> CompletedProcess[str]:
        properties = [argument for name, value in conf.items() for argument in ("--conf", f"{name}={value}")]
        patient = ("--preflight-timeout", "60")  # a busy machine may take its time
        given = ("--spark-home", str(spark_home), "--master", master, *patient, *options, *properties)
        # Whatever Python the machine has, the driver's is the one that the embedded agents give executors.
        variables = {"PYSPARK_DRIVER_PYTHON": sys.executable, **variables}
        return module_commands.run("submit", *given, str(tmp_path / application), **variables)

    return run


@contextmanager
def agents_elsewhere(hostname: str = "192.0.2.11", address: str = NOWHERE) -> Iterator[str]:
    """The URL of a master on loopback whose one agent is at an address of another machine."""
    slaves = load("master-GET_slaves")["exchanges"][0]["response"]["body"]
    agent = {**slaves["slaves"][0], "hostname": hostname, "pid": f"slave(1)@{address}:5051"}
    flags = load("master-GET_flags")["exchanges"][0]["response"]["body"]
    contents: dict[str, Any] = {
        "/slaves": {**slaves, "slaves": [agent]},
        "/flags": flags,
        "/roles": {"roles": []},
        "/version": {"version": "1.12.0"},
    }
    headers = {"Content-Type": "application/json"}
    with http_stub(
        {path: Answer(200, json.dumps(content).encode(), headers) for path, content in contents.items()}
    ) as stub:
        yield f"mesos://{stub.address}"


def assert_starts(run: CompletedProcess[str], *said: str) -> None:
    """The driver was started, with these warnings, or none."""
    assert (run.returncode, run.stdout) == (0, STARTED), run.stderr
    assert "error: " not in run.stderr
    assert run.stderr.count("warning: ") == len(said), run.stderr
    for each in said:
        assert each in run.stderr


def assert_stops(run: CompletedProcess[str], *said: str) -> None:
    """It was not, for one reason."""
    assert (run.returncode, run.stdout) == (1, ""), run.stderr
    for each in said:
        assert each in run.stderr
    assert run.stderr.count("error: ") == 1, run.stderr
    assert run.stderr.splitlines()[-1] == NOT_STARTED


def frameworks(cluster: RunningCluster) -> list[Any]:
    state = requests.get(f"{cluster.http_url}/state", timeout=10).json()
    return [*state["frameworks"], *state["completed_frameworks"]]


# The archive of executors


def test_an_archive_that_agents_can_use(submit: Any, cluster: RunningCluster, dist: HttpStub) -> None:
    assert_starts(submit(cluster.url, {"spark.executor.uri": f"http://{dist.address}/{NAME}"}))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no.tgz", "answers 404 Not Found"),
        ("private.tgz", "answers 401 Unauthorized"),
        ("page.tgz", "is a web page"),
        ("noop.py", "is no archive that agents can unpack"),
        ("spark-y.tgz", "holds the folder 'spark-y' for `cd spark-y*`, which executors run, but no Spark"),
        ("other.tgz", "holds Spark in the folder 'spark-3.5.9-bin-hadoop3', and executors run `cd other*`"),
    ],
)
def test_an_archive_that_agents_cannot_use(
    submit: Any, cluster: RunningCluster, dist: HttpStub, name: str, said: str
) -> None:
    uri = f"http://{dist.address}/{name}"
    run = submit(cluster.url, {"spark.executor.uri": uri})
    assert_stops(run, f"error: --conf spark.executor.uri: The executors' archive {uri} {said}\n", "hint: ")
    assert frameworks(cluster) == []


def test_an_archive_of_the_environment(submit: Any, cluster: RunningCluster, dist: HttpStub) -> None:
    uri = f"http://{dist.address}/no.tgz"
    run = submit(cluster.url, {}, SPARK_EXECUTOR_URI=uri)
    assert_stops(run, f"error: SPARK_EXECUTOR_URI: The executors' archive {uri} answers 404 Not Found\n")
    assert_starts(submit(cluster.url, {}, "--no-preflight", SPARK_EXECUTOR_URI=uri))


def test_an_archive_that_may_come(submit: Any, cluster: RunningCluster, dist: HttpStub) -> None:
    uri = f"http://{dist.address}/ill.tgz"
    assert_starts(submit(cluster.url, {"spark.executor.uri": uri}), f"{uri} answers 503")


def test_a_server_that_is_not_there(submit: Any, cluster: RunningCluster, refusing_port: int) -> None:
    uri = f"http://127.0.0.1:{refusing_port}/{NAME}"
    run = submit(cluster.url, {"spark.executor.uri": uri})
    assert_stops(run, f"{uri} cannot be reached: the connection is refused\n")


def test_a_server_that_only_this_machine_reaches(submit: Any, dist: HttpStub) -> None:
    uri = f"http://{dist.address}/{NAME}"
    with agents_elsewhere() as master:
        run = submit(master, {**REACHED_OTHERWISE, "spark.executor.uri": uri})
    assert_starts(run, f"{uri} is of this machine's loopback, and other machines ('192.0.2.11') look for it")


def test_a_file_of_the_agents(submit: Any, cluster: RunningCluster, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(tar(*RELEASE))
    assert_starts(submit(cluster.url, {"spark.executor.uri": f"file://{tmp_path}/{NAME}"}))
    missing = f"file://{tmp_path}/no.tgz"
    assert_stops(submit(cluster.url, {"spark.executor.uri": missing}), f"{missing} does not exist\n")
    # Agents elsewhere have files of their own.
    with agents_elsewhere() as master:
        assert_starts(submit(master, {**REACHED_OTHERWISE, "spark.executor.uri": missing}))


# The driver's host


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        (
            {"spark.driver.host": NOWHERE},
            f"error: --conf: spark.driver.host is '{NOWHERE}', no address of this machine",
        ),
        (
            {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": NOWHERE},
            f"error: --conf: spark.driver.bindAddress is '{NOWHERE}', no address of this machine",
        ),
        (
            {"spark.driver.host": IMPOSSIBLE},
            f"error: --conf: spark.driver.host is '{IMPOSSIBLE}', a name that cannot be resolved here",
        ),
    ],
)
def test_a_driver_that_could_not_listen(
    submit: Any, cluster: RunningCluster, conf: dict[str, str], said: str
) -> None:
    assert_stops(submit(cluster.url, conf), said, ": the driver cannot listen there\n")
    assert frameworks(cluster) == []


def test_a_driver_on_loopback_is_fine_here_and_nowhere_else(submit: Any, cluster: RunningCluster) -> None:
    assert_starts(submit(cluster.url, {"spark.driver.host": "localhost"}))
    with agents_elsewhere() as master:
        # For a master on loopback the driver is there, too, unless it is told otherwise.
        for conf in ({}, {"spark.driver.host": "localhost"}):
            run = submit(master, conf)
            assert_stops(
                run,
                "which is loopback: executors of the agent '192.0.2.11', the only one, do not find the driver\n",
            )
        if outer := this_machine().outer:
            assert_starts(submit(master, {"spark.driver.host": outer[0]}))


# The names of agents


def test_an_agent_whose_name_is_unknown(submit: Any) -> None:
    with agents_elsewhere(IMPOSSIBLE) as master:
        run = submit(master, REACHED_OTHERWISE)
        assert_starts(run, f"The host name of an agent cannot be resolved here: '{IMPOSSIBLE}'; executors")
        assert "hint: Put them into DNS" in run.stderr


def test_an_agent_that_is_called_localhost(submit: Any) -> None:
    with agents_elsewhere("localhost") as master:
        run = submit(master, REACHED_OTHERWISE)
    assert_starts(run, f"'localhost' is the host name of an agent at {NOWHERE}, but here loopback")


# Python


def test_another_python_on_executors(submit: Any, cluster: RunningCluster, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\necho 3.6\n")
    old.chmod(0o755)
    for chosen in ("python3.6", str(old)):
        run = submit(cluster.url, {}, PYSPARK_PYTHON=chosen)
        said = f"warning: The driver runs Python {OURS} ({sys.executable}), executors 3.6"
        assert_starts(
            run,
            f"{said} (PYSPARK_PYTHON, '{chosen}'): PySpark refuses every task in Python (of RDDs and UDFs)\n",
        )
    # To an application that is none of Python's it does not matter.
    main = ("--class", "Main")
    assert_starts(submit(cluster.url, {}, *main, application="app.jar", PYSPARK_PYTHON=chosen))
    # The agents' own is that of this toolkit, unless executors look for another.
    assert_starts(submit(cluster.url, {}))
    run = submit(cluster.url, {"spark.executorEnv.PATH": f"{tmp_path}:/bin"})
    assert_starts(run, f"{said} (python3)")
