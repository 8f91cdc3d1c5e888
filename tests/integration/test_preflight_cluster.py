"""What `submit` finds out about the cluster before the driver starts, with the real command on embedded clusters.

A stand-in for Spark's own spark-submit says that it was started; the rest of that Spark is the installed one.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.spark.home import find_spark
from tests.http_stub import Answer, http_stub
from tests.integration.zookeeper import ZooKeeperServer

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow  # the bridge may have to be compiled

STARTED = "the driver is started\n"
NOT_STARTED = "The driver was not started; with --no-preflight it would be."
FITS = ("spark.executor.memory=1g",)
SECRET = "tale-of-two-cities"


@pytest.fixture(scope="module")
def spark_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("spark")
    (home / "jars").symlink_to(find_spark(None, {}).jars)
    (home / "bin").mkdir()
    for name in ("spark-submit", "spark-shell"):
        program = home / "bin" / name
        program.write_text(f"#!/bin/sh\necho '{STARTED.strip()}'\n")
        program.chmod(0o755)
    (home / "app.py").touch()
    return home


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    with ZooKeeperServer(tmp_path_factory.mktemp("zookeeper")) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """One agent with attributes, one with reservations, one with GPUs; and a master that allows some roles."""
    agents = (
        AgentSpec(cpus=2, mem=2048, attributes="zone:a;rack:3;range:[7000-8000]", ports="[31000-31100]"),
        AgentSpec(
            resources="cpus(etl):4;mem(etl):8192;cpus:1;mem:1024;ports:[31200-31300]", attributes="zone:b"
        ),
        AgentSpec(cpus=8, mem=4096, gpus=1, attributes="zone:g"),
    )
    spec = ClusterSpec(tmp_path_factory.mktemp("cluster"), agents, roles=("etl", "spark"))
    with cluster_in_thread(spec) as running:
        yield running


def submit(commands: Commands, home: Path, master: str, *conf: str, **more: Any) -> Any:
    options = [argument for one in conf for argument in ("--conf", one)]
    extra = more.pop("options", ())
    return commands.run(
        "submit",
        "--spark-home",
        str(home),
        "--master",
        master,
        *extra,
        *options,
        str(home / "app.py"),
        **{
            "PYSPARK_PYTHON": sys.executable,
            **more,
        },  # which Python the machine has is not what this is about
    )


def frameworks(cluster: RunningCluster) -> list[Any]:
    state = requests.get(f"{cluster.http_url}/state", timeout=10).json()
    return [*state["frameworks"], *state["completed_frameworks"]]


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        pytest.param(
            ["spark.executor.memory=5g"],
            [
                "error: One executor needs 1 core and 5632 MiB of memory (512 of it overhead), and none "
                "of 3 agents has that: the nearest, 127.0.0.1:",
                ", has 4096 MiB, ",
                "without what is reserved for 'etl'",
                "hint: Set spark.mesos.role to etl, or add a larger agent.",
            ],
            id="only reserved memory would do",
        ),
        pytest.param(
            ["spark.executor.cores=9"],
            ["One executor needs 9 cores", "has 8 cores", "hint: Lower spark.executor.cores, or add"],
            id="no agent has so many cores",
        ),
        pytest.param(
            ["spark.executor.cores=4"],
            [
                "The master offers agents with GPUs only to applications that ask for some",
                "hint: Set spark.mesos.gpus.max to 1 or more",
            ],
            id="only an agent with GPUs would do",
        ),
        pytest.param(
            ["spark.blockManager.port=9999"],
            ["and port 9999", "hint: Set spark.blockManager.port to a port that agents offer"],
            id="no agent offers the port",
        ),
        pytest.param(
            ["spark.mesos.constraints=zone:c"],
            [
                "error: --conf spark.mesos.constraints: None of 3 agents meets the constraint zone:c "
                "(zone is a or b or g)",
                "hint: Correct spark.mesos.constraints, or add agents with these attributes.",
            ],
            id="no such zone",
        ),
        pytest.param(
            ["spark.mesos.constraints=zone:a;rack:4"],
            ["the constraint rack:4 (rack is 3.0)"],
            id="one of two constraints",
        ),
        pytest.param(
            ["spark.mesos.constraints=range:7500"],
            ["No agent meets range:7500 for Spark"],
            id="a constraint on ranges",
        ),
        pytest.param(
            ["spark.mesos.role=sprak"],
            ["refuses the role sprak: its --roles names etl, spark", "hint: Correct spark.mesos.role"],
            id="a role that the master does not take",
        ),
        pytest.param(
            ["spark.mesos.coarse=false", "spark.mesos.mesosExecutor.cores=8"],
            ["One executor needs 9 cores"],
            id="fine-grained",
        ),
    ],
)
def test_what_no_executor_could_start_with(
    module_commands: Commands, spark_home: Path, cluster: RunningCluster, conf: list[str], said: list[str]
) -> None:
    run = submit(module_commands, spark_home, cluster.url, *FITS, *conf)
    assert (run.returncode, run.stdout) == (1, ""), run.stderr
    for each in said:
        assert each in run.stderr
    assert run.stderr.splitlines()[-1] == NOT_STARTED
    assert run.stderr.count("error: ") == 1
    assert "warning: " not in run.stderr
    assert frameworks(cluster) == []


@pytest.mark.parametrize(
    "conf",
    [
        [],
        ["spark.executor.cores=2", "spark.mesos.constraints=zone:a;rack:2"],
        ["spark.mesos.role=etl", "spark.executor.memory=8g", "spark.executor.cores=5"],
        ["spark.mesos.role=spark", "spark.blockManager.port=31050"],
        ["spark.executor.cores=8", "spark.mesos.gpus.max=1"],
        ["spark.mesos.coarse=false"],
        ["spark.mesos.constraints=range:"],
    ],
)
def test_nothing_is_wrong(
    module_commands: Commands, spark_home: Path, cluster: RunningCluster, conf: list[str]
) -> None:
    run = submit(module_commands, spark_home, cluster.url, *FITS, *conf)
    assert (run.returncode, run.stdout) == (0, STARTED), run.stderr
    assert "error: " not in run.stderr
    assert "warning: " not in run.stderr


def test_a_shell(module_commands: Commands, spark_home: Path, cluster: RunningCluster) -> None:
    command = ("shell", "--spark-home", str(spark_home), "--master", cluster.url, "--conf")
    run = module_commands.run(*command, "spark.executor.cores=9")
    assert (run.returncode, run.stdout) == (1, ""), run.stderr
    assert "One executor needs 9 cores" in run.stderr
    assert run.stderr.splitlines()[-1] == NOT_STARTED
    run = module_commands.run(*command, "spark.executor.cores=9", "--no-preflight")
    assert (run.returncode, run.stdout) == (0, STARTED), run.stderr
    run = module_commands.run(*command, "spark.executor.cores=1")
    assert (run.returncode, run.stdout) == (0, STARTED), run.stderr


def test_whoever_knows_better_starts_it_all_the_same(
    module_commands: Commands, spark_home: Path, cluster: RunningCluster, tmp_path: Path
) -> None:
    wrong = (cluster.url, *FITS, "spark.mesos.role=sprak", "spark.executor.cores=99")
    settings = tmp_path / "settings.toml"
    settings.write_text("[submit]\nno-preflight = true\n")
    for run in (
        submit(module_commands, spark_home, *wrong, options=["--no-preflight"]),
        submit(module_commands, spark_home, *wrong, SPARKMESOS_NO_PREFLIGHT="1"),
        submit(module_commands, spark_home, *wrong, SPARKMESOS_CONFIG=str(settings)),
    ):
        assert (run.returncode, run.stdout) == (0, STARTED), run.stderr
        assert "error: " not in run.stderr


def test_a_dry_run_asks_nobody(module_commands: Commands, spark_home: Path) -> None:
    run = submit(module_commands, spark_home, "mesos://nowhere.invalid", options=["--dry-run"])
    assert run.returncode == 0, run.stderr
    assert "preflight" not in run.stdout + run.stderr


def test_an_embedded_master(module_commands: Commands, spark_home: Path) -> None:
    run = submit(module_commands, spark_home, "embedded", *FITS, "spark.executor.memory=6g")
    assert run.returncode == 1, run.stderr
    assert "has 4096 MiB" in run.stderr
    assert module_commands.wait_for_no_process() == []
    run = submit(module_commands, spark_home, "embedded", *FITS)
    assert (run.returncode, run.stdout) == (0, STARTED), run.stderr
    assert "warning: " not in run.stderr
    assert module_commands.wait_for_no_process() == []


def test_a_master_that_wants_to_know_who_asks(
    module_commands: Commands, spark_home: Path, tmp_path: Path
) -> None:
    authentication = Authentication({"spark": SECRET}, frameworks=True, readonly=True)
    with cluster_in_thread(ClusterSpec(tmp_path, authentication=authentication)) as cluster:
        known = ["spark.mesos.principal=spark", f"spark.mesos.secret={SECRET}"]
        run = submit(module_commands, spark_home, cluster.url, *FITS, *known)
        assert (run.returncode, run.stdout) == (0, STARTED), run.stderr
        run = submit(module_commands, spark_home, cluster.url, *FITS, *known, "spark.executor.cores=9")
        assert run.returncode == 1
        assert "One executor needs 9 cores" in run.stderr
        assert SECRET not in run.stderr
        # It tells nothing to others, so nothing is found: Spark will say what the master makes of it.
        for unknown in ([], [known[0], "spark.mesos.secret=wrong"]):
            wrong = (*FITS, *unknown, "spark.executor.cores=9")
            run = module_commands.run(
                "-v", "submit", "--spark-home", str(spark_home), "--master", cluster.url,
                *(argument for one in wrong for argument in ("--conf", one)), str(spark_home / "app.py"),
            )  # fmt: skip
            assert (run.returncode, run.stdout) == (0, STARTED), run.stderr
            assert "what agents there are is not known" in run.stderr
            assert "401" in run.stderr
            assert SECRET not in run.stderr


def test_a_master_found_through_zookeeper(
    module_commands: Commands, spark_home: Path, tmp_path: Path, zookeeper: ZooKeeperServer
) -> None:
    url = f"zk://{zookeeper.hosts}/preflight"
    with cluster_in_thread(ClusterSpec(tmp_path, masters=2, zookeeper=url)):
        run = submit(module_commands, spark_home, f"mesos://{url}", *FITS)
        assert (run.returncode, run.stdout) == (0, STARTED), run.stderr
        assert "warning: " not in run.stderr
        run = submit(module_commands, spark_home, f"mesos://{url}", *FITS, "spark.executor.cores=9")
        assert (run.returncode, run.stdout) == (1, "")


def test_in_cluster_mode_it_looks_for_shuffle_services(
    module_commands: Commands, tmp_path: Path, zookeeper: ZooKeeperServer, refusing_port: int
) -> None:
    """Of a master that is set, through ZooKeeper and with credentials, before the dispatcher is asked."""
    url = f"zk://{zookeeper.hosts}/cluster-mode"
    authentication = Authentication({"spark": SECRET}, frameworks=True, readonly=True)
    line = [
        "--master",
        f"mesos://127.0.0.1:{refusing_port}",
        "--deploy-mode",
        "cluster",
        "--dynamic-allocation",
    ]

    def run(*conf: str) -> Any:
        properties = [
            part for one in (*conf, f"spark.shuffle.service.port={refusing_port}") for part in ("--conf", one)
        ]
        return module_commands.run(
            "submit", *line, *properties, "http://host.invalid/app.py", SPARKMESOS_MASTER=f"mesos://{url}"
        )

    with cluster_in_thread(ClusterSpec(tmp_path, masters=2, zookeeper=url, authentication=authentication)):
        told = run("spark.mesos.principal=spark", f"spark.mesos.secret={SECRET}")
        unknown = run()
    assert (told.returncode, told.stdout) == (1, ""), told.stderr
    assert (
        f"No shuffle service listens at port {refusing_port} of '127.0.0.1': the application ends"
        in told.stderr
    )
    assert "Nothing was submitted; with --no-preflight it would be." in told.stderr
    assert SECRET not in told.stderr
    # What is not known is no reason not to ask the dispatcher, which is not there.
    assert unknown.returncode == 5, unknown.stderr
    assert "warning: Whether shuffle services run on the agents is not known: " in unknown.stderr
    assert "401" in unknown.stderr


def test_no_agent_yet(module_commands: Commands, spark_home: Path, tmp_path: Path) -> None:
    """They may come: the driver starts, and whoever waits knows why."""
    with cluster_in_thread(ClusterSpec(tmp_path, agents=())) as cluster:
        run = submit(module_commands, spark_home, cluster.url, *FITS)
    assert (run.returncode, run.stdout) == (0, STARTED), run.stderr
    assert "warning: No agent is registered with the master at 127.0.0.1:" in run.stderr


def test_a_master_that_does_not_come_to_the_point(module_commands: Commands, spark_home: Path) -> None:
    """Nobody waits for it for long, and what it does not say is not held against anybody."""
    over = threading.Event()

    def reply(path: str) -> Answer:
        if path == "/slaves":
            over.wait(120)
        contents: dict[str, Any] = {"/roles": {"roles": []}, "/version": {"version": "1.12.0"}}
        return Answer(200, json.dumps(contents.get(path, {})).encode(), {"Content-Type": "application/json"})

    with http_stub(reply) as stub:
        try:
            run = submit(
                *(module_commands, spark_home, f"mesos://{stub.address}", *FITS, "spark.executor.cores=9"),
                options=["--preflight-timeout", "2"],
            )
        finally:
            over.set()
    assert (run.returncode, run.stdout) == (0, STARTED), run.stderr
    assert "error: " not in run.stderr
    assert "warning: The preflight has left out the agents" in run.stderr
