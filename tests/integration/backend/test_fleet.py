"""The executors of an application on a real master, and what becomes of it when something of Spark's fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread

if TYPE_CHECKING:
    from tests.integration.backend.harness import Harness

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    spec = ClusterSpec(
        work_dir=tmp_path_factory.mktemp("cluster"), agents=(AgentSpec(mem=4096),), allocation_interval=0.1
    )
    with cluster_in_thread(spec) as running:
        yield running


@pytest.fixture
def idle_spark(tmp_path: Path) -> Path:
    """A Spark whose executors run, and do nothing."""
    program = tmp_path / "spark" / "bin" / "spark-class"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nexec sleep 120\n")
    program.chmod(0o755)
    return program.parents[1]


@pytest.mark.parametrize("is_waiting", [True, False], ids=["while it waits for a master", "before"])
def test_an_application_that_is_stopped_before_it_is_registered(
    harness: Harness, refusing_port: int, is_waiting: bool
) -> None:
    """As `SparkAppHandle.stop()` does: whoever makes the SparkContext reads why there is none."""
    said = harness.ask(
        "fleet_stopped", {"master": f"mesos://127.0.0.1:{refusing_port}", "isWaiting": is_waiting}
    )
    assert said == (
        "org.sparkmesos.backend.FleetError: The application was stopped before Mesos had registered it"
    )


@pytest.mark.parametrize("is_missing", [True, False], ids=["missing", "failing"])
@pytest.mark.parametrize(("broken", "at"), [("excludedHosts", "OFFERS"), ("remove", "silence")])
def test_what_fails_inside_spark_ends_the_application(
    harness: Harness, cluster: RunningCluster, idle_spark: Path, broken: str, at: str, is_missing: bool
) -> None:
    """It would hang otherwise, with offers that nobody answers, or executors that Spark waits for."""
    told = harness.ask(
        "fleet_broken",
        {
            "master": cluster.url,
            "environment": {"SPARK_HOME": str(idle_spark)},
            "broken": broken,
            "isMissing": is_missing,
        },
    )
    why = "java.lang.NoSuchMethodError: gone" if is_missing else "java.lang.IllegalStateException: broken"
    assert told == f"The scheduler backend failed at {at}: {why}"


def test_nothing_is_launched_behind_a_failure_of_its_own(
    harness: Harness, cluster: RunningCluster, idle_spark: Path
) -> None:
    """Until the application is stopped, executors end, and make room; what has failed would only fail again."""
    argument = {
        "master": cluster.url,
        "environment": {"SPARK_HOME": str(idle_spark)},
        "broken": "remove",
        "lingers": 2000,
    }
    harness.ask("fleet_broken", argument)
    state = requests.get(f"{cluster.http_url}/state", timeout=10).json()
    framework = max(state["completed_frameworks"], key=lambda one: one["registered_time"])
    assert [task["state"] for task in framework["completed_tasks"]] == ["TASK_KILLED"]
