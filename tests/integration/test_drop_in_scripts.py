"""Our drop-in scripts and Spark's own spark-daemon.sh, run through the same cases: they come to the same."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sparkmesos_core.bridge.compile import ensure_bridge
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, cluster_in_thread
from sparkmesos_core.process_end import wait_for_end
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.drop_in_scripts import DIFFERENCES
from tests.integration.drop_in_scripts.cases import CASES
from tests.integration.drop_in_scripts.playing import Case, Seen, Stage
from tests.integration.drop_in_scripts.sides import PATIENCE, Daemon, Side, free_port

pytestmark = pytest.mark.slow

_CASES_AT_A_TIME = 3


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    spec = ClusterSpec(work_dir=tmp_path_factory.mktemp("cluster"), agents=(AgentSpec(),))
    with cluster_in_thread(spec) as cluster, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        yield Stage(cluster.url, cluster.http_url, f"mesos://127.0.0.1:{silent.getsockname()[1]}")


Sides = Callable[[Path], AbstractContextManager[tuple[Side, Side]]]
Playing = Mapping[str, "Future[tuple[Seen, Seen]]"]


@pytest.fixture(scope="module")
def sides(cache_dir: Path) -> Sides:
    """Makes both in a folder: Spark's scripts, and ours. Nothing of them runs on in the end."""
    spark = find_spark(None, {})
    java = find_java(spark, {"PATH": ""})
    bridge = ensure_bridge(spark.jars, java.executable, cache_dir / "bridge", lambda _: None)

    @contextlib.contextmanager
    def make(folder: Path) -> Iterator[tuple[Side, Side]]:
        sparks = Side(False, folder / "sparks", spark.path, java.home, cache_dir, bridge)
        ours = Side(True, folder / "ours", spark.path, java.home, cache_dir, bridge)
        try:
            yield sparks, ours
        finally:
            for side in (sparks, ours):
                side.clean_up()

    return make


@pytest.fixture(scope="module")
def playing(
    request: pytest.FixtureRequest, stage: Stage, sides: Sides, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Playing]:
    """What is seen on both sides of each case that is to be run. Several are under way: Spark's scripts mostly sleep."""

    def play(case: Case, folder: Path) -> tuple[Seen, Seen]:
        with sides(folder) as both, ThreadPoolExecutor(2) as pool:
            sparks, ours = pool.map(lambda side: case.play(side, stage), both)
        return sparks, ours

    wanted = {item.name for item in request.session.items}
    pool = ThreadPoolExecutor(_CASES_AT_A_TIME)
    try:
        yield {
            case.name: pool.submit(play, case, tmp_path_factory.mktemp(case.name))
            for case in CASES
            if f"{test_both_come_to_the_same.__name__}[{case.name}]" in wanted
        }
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_come_to_the_same(case: Case, playing: Playing) -> None:
    sparks, ours = playing[case.name].result()
    assert sparks.keys() == ours.keys()
    same = {what: seen for what, seen in sparks.items() if what not in case.differs}
    assert {what: seen for what, seen in ours.items() if what in same} == same
    for what in case.differs:
        assert sparks[what] != ours[what], f"{what} is no difference any more"


def test_every_difference_is_shown_by_a_case() -> None:
    shown = {difference for case in CASES for difference in case.differs.values()}
    assert shown == {difference.id for difference in DIFFERENCES if difference.shown}


def test_each_knows_what_the_other_has_started(sides: Sides, tmp_path: Path) -> None:
    """Spark's shuffle service and ours, with the same files."""
    with sides(tmp_path) as (sparks, ours):
        take_turns(sparks, ours)


def take_turns(sparks: Side, ours: Side) -> None:
    port = free_port()
    own = {
        "SPARK_SHUFFLE_OPTS": f"-Dspark.shuffle.service.port={port}",
        "SPARK_PID_DIR": str(ours.folder / "shared"),
        "SPARK_IDENT_STRING": "ops",
    }
    daemon = Daemon.SHUFFLE_SERVICE
    pid_file = ours.pid_file(daemon, ident="ops", folder=ours.folder / "shared")
    assert sparks.start(daemon, **own).code == 0
    running = sparks.process(pid_file)
    assert running is not None
    runs = f"{daemon.value} running as process {running.pid}.  Stop it first.\n"
    for ran, said in ((ours.start(daemon, **own), runs), (ours.stop(daemon, **own), "")):
        assert (ran.code, ran.out) == (1, said)
        assert f"Spark's own shuffle service runs as process {running.pid}" in ran.err
        assert f"kill {running.pid}" in ran.err
    assert running.is_running()
    assert sparks.stop(daemon, **own).out == f"stopping {daemon.value}\n"
    assert wait_for_end(running.pid, PATIENCE)

    assert ours.start(daemon, **own).code == 0
    running = ours.process(pid_file)
    assert running is not None
    second = sparks.start(daemon, **own)
    assert (second.code, str(running.pid) in second.out) == (1, True)
    assert sparks.stop(daemon, **own).out == f"stopping {daemon.value}\n"
    assert wait_for_end(running.pid, PATIENCE)
    assert ours.stop(daemon, **own).out == f"no {daemon.value} to stop\n"
