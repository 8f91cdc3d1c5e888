"""Clusters to be verified, sound ones and such as a test may break."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from tests.integration.verify.altered_master import AlteredServer, altered_master
from tests.integration.verify.verifying import reports_made
from tests.integration.zookeeper import ZooKeeperServer

if TYPE_CHECKING:
    from tests.integration.spark_under_test import SparkUnderTest

NewCluster = Callable[..., RunningCluster]
Alter = Callable[..., AlteredServer]


@pytest.fixture(autouse=True, scope="module")
def own_folders(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[None]:
    """Nothing of the person who runs the tests has a say, and the bridge is compiled once."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("SPARKMESOS_STATE_DIR", str(folder / "state"))
        patch.setenv("SPARKMESOS_CACHE_DIR", str(cache_dir))
        yield


@pytest.fixture(autouse=True)
def broken_as_marked(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that is said to break a check has seen that check tell what is wrong, and what to do about it."""
    with reports_made() as reports:
        yield
    for mark in request.node.iter_markers("breaks"):
        for name in mark.args:
            problems = [one for report in reports if name in report.checks for one in report.problems(name)]
            assert any(one["hint"] for one in problems), f"no report of this test has advice of {name}"
            for problem in problems:
                assert problem["message"], problem
                assert problem["hint"] or problem["severity"] == "note", problem


@pytest.fixture(scope="module")
def task_environment(spark_under_test: SparkUnderTest) -> dict[str, str]:
    """What tasks get of `start-local-cluster`, too: a Java and a Python that work."""
    return default_executor_environment(spark_under_test.java)


def verify_spec(work_dir: Path, environment: dict[str, str], **options: Any) -> ClusterSpec:
    """Two agents, unless told otherwise, on a cluster which does quickly what takes time with Mesos."""
    defaults: dict[str, Any] = {
        "agents": (AgentSpec(), AgentSpec()),
        "allocation_interval": 0.05,
        "agent_ping_timeout": 1,
        "max_agent_ping_timeouts": 5,
        "executor_environment": environment,
        "agent_logs": True,
    }
    return ClusterSpec(work_dir, **{**defaults, **options})


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, task_environment: dict[str, str]
) -> Iterator[RunningCluster]:
    """A sound cluster of two agents, for all tests of a module: they leave it as it is."""
    with cluster_in_thread(verify_spec(tmp_path_factory.mktemp("cluster"), task_environment)) as running:
        yield running


@pytest.fixture
def new_cluster(
    tmp_path_factory: pytest.TempPathFactory, task_environment: dict[str, str]
) -> Iterator[NewCluster]:
    """`new_cluster(**options of ClusterSpec)` starts one that the test may break; it ends with the test."""
    with contextlib.ExitStack() as running:

        def start(**options: Any) -> RunningCluster:
            spec = verify_spec(tmp_path_factory.mktemp("cluster"), task_environment, **options)
            return running.enter_context(cluster_in_thread(spec))

        yield start


@pytest.fixture
def alter() -> Iterator[Alter]:
    """`alter(cluster)` is a server in front of its master whose answers can be changed; it ends with the test."""
    with contextlib.ExitStack() as running:

        def start(cluster: RunningCluster, master: int = 0) -> AlteredServer:
            return running.enter_context(altered_master(cluster, master))

        yield start


@pytest.fixture
def altered(cluster: RunningCluster, alter: Alter) -> AlteredServer:
    """Such a server in front of the sound cluster's master."""
    return alter(cluster)


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    """A real ZooKeeper for all tests of a module."""
    with ZooKeeperServer(tmp_path_factory.mktemp("zookeeper")) as running:
        yield running
